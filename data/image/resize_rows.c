/* The inner loops of resize in C: what every other form of them must equal. */
#include "data/image/resize_int.h"

/* (sum >> 22), clipped: the sum already holds the rounding half. */
static inline uint8_t clip8(int32_t v) {
  return (uint8_t)(v < 0 ? 0 : v >> AS_RESIZE_BITS > 255 ? 255 : v >> AS_RESIZE_BITS);
}

/* Sums are taken modulo 2^32, as Pillow's int arithmetic does in practice. */
void as_resize_row_c(const as_resize_axis *a, const uint8_t *in, uint8_t *out) {
  for (int i = 0; i < a->count; i++, out += 3) {
    const int32_t *k = a->k + (size_t)i * (size_t)a->taps;
    const uint8_t *p = in + (size_t)(a->first[i] - a->lo) * 4;
    uint32_t r = 1u << (AS_RESIZE_BITS - 1), g = r, b = r;
    for (int t = 0; t < a->n[i]; t++, p += 4) {
      r += p[0] * (uint32_t)k[t];
      g += p[1] * (uint32_t)k[t];
      b += p[2] * (uint32_t)k[t];
    }
    out[0] = clip8((int32_t)r);
    out[1] = clip8((int32_t)g);
    out[2] = clip8((int32_t)b);
  }
}

void as_resize_column_c(const uint8_t *rows, size_t stride, const int32_t *k, int n, size_t bytes,
                        uint8_t *out) {
  for (size_t i = 0; i < bytes; i++) {
    uint32_t s = 1u << (AS_RESIZE_BITS - 1);
    for (int t = 0; t < n; t++) s += rows[(size_t)t * stride + i] * (uint32_t)k[t];
    out[i] = clip8((int32_t)s);
  }
}
