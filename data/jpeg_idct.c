/* Inverse DCT: the accurate integer method of libjpeg (jidctint.c, "islow"; Loeffler, Ligtenberg and
 * Moschytz 1989, 13-bit constants, 2 extra bits between the passes). Columns, then rows. */
#include <string.h>

#include "data/jpeg_int.h"

/* The eight outputs of one 1-D pass before rounding; every intermediate fits: |x| < 2^31, so sums
 * stay below 2^50. */
static inline void pass(const int64_t x[8], int64_t out[8]) {
  int64_t z1 = (x[2] + x[6]) * 4433;
  int64_t t2 = z1 - x[6] * 15137, t3 = z1 + x[2] * 6270;
  int64_t t0 = (x[0] + x[4]) * 8192, t1 = (x[0] - x[4]) * 8192;
  int64_t a0 = t0 + t3, a3 = t0 - t3, a1 = t1 + t2, a2 = t1 - t2;
  int64_t b0 = x[7], b1 = x[5], b2 = x[3], b3 = x[1];
  int64_t y1 = b0 + b3, y2 = b1 + b2, y3 = b0 + b2, y4 = b1 + b3, y5 = (y3 + y4) * 9633;
  b0 *= 2446, b1 *= 16819, b2 *= 25172, b3 *= 12299;
  y1 *= -7373, y2 *= -20995, y3 = y3 * -16069 + y5, y4 = y4 * -3196 + y5;
  b0 += y1 + y3, b1 += y2 + y4, b2 += y2 + y3, b3 += y1 + y4;
  out[0] = a0 + b3, out[7] = a0 - b3, out[1] = a1 + b2, out[6] = a1 - b2;
  out[2] = a2 + b1, out[5] = a2 - b1, out[3] = a3 + b0, out[4] = a3 - b0;
}

/* Arithmetic shift without relying on what >> does to negative numbers. */
static inline int64_t shift(int64_t v, int n) {
  return v >= 0 ? v >> n : -((-v + ((int64_t)1 << n) - 1) >> n);
}

/* libjpeg's range limit: clamp(v + 128), but v is taken modulo 1024 first. That matters for damaged
 * coefficients only. */
static inline uint8_t sample(int64_t v) {
  unsigned i = (unsigned)(uint64_t)v & 1023;
  return (uint8_t)(i < 128 ? i + 128 : i < 512 ? 255 : i < 896 ? 0 : i - 896);
}

static void one(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride) {
  int64_t mid[64], x[8], out[8];
  for (int col = 0; col < 8; col++) {
    for (int i = 0; i < 8; i++) x[i] = (int64_t)coef[i * 8 + col] * (int16_t)quant[i * 8 + col];
    pass(x, out);
    for (int i = 0; i < 8; i++) mid[i * 8 + col] = (int32_t)(uint32_t)(uint64_t)shift(out[i] + 1024, 11);
  }
  for (int row = 0; row < 8; row++) {
    pass(mid + row * 8, out);
    for (int i = 0; i < 8; i++) dst[(size_t)row * stride + (size_t)i] = sample(shift(out[i] + (1 << 17), 18));
  }
}

void j_idct_c(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride, int count) {
  for (int i = 0; i < count; i++) one(coef + i * 64, quant, dst + i * 8, stride);
}

/* A block with nothing but DC: both passes only scale, and every sample is the same. */
static void flat(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride) {
  int64_t first = (int32_t)(uint32_t)(uint64_t)((int64_t)coef[0] * (int16_t)quant[0] * 4);
  uint8_t v = sample(shift(first * 8192 + (1 << 17), 18));
  for (int i = 0; i < 8; i++) memset(dst + (size_t)i * stride, v, 8);
}

void j_idct_rows(const as_jpeg *j, j_comp *c, const int16_t *coef, int from, int to) {
  for (int by = from; by < to; by++, coef += (size_t)c->padded_w * 64) {
    if (by < c->by0 || by >= c->by1) continue;
    uint8_t *dst = c->plane + (size_t)by * 8 * c->stride;
    const uint8_t *last = c->last ? c->last + (size_t)(by - from) * (size_t)c->padded_w : NULL;
    for (int bx = c->bx0; bx < c->bx1;) {
      int end = bx;
      if (last && last[bx] == 1) {
        flat(coef + (size_t)bx * 64, c->quant, dst + (size_t)bx * 8, c->stride);
        bx++;
        continue;
      }
      while (end < c->bx1 && !(last && last[end] == 1)) end++;
      j->k->idct(coef + (size_t)bx * 64, c->quant, dst + (size_t)bx * 8, c->stride, end - bx);
      bx = end;
    }
  }
}
