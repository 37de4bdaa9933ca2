/* Inverse DCT: the accurate integer method of libjpeg (jidctint.c, "islow"; Loeffler, Ligtenberg and
 * Moschytz 1989, 13-bit constants, 2 extra bits between the passes). Columns, then rows. */
#include <string.h>

#include "data/image/jpeg_int.h"

_Static_assert((-1 >> 1) == -1, "signed right shifts are arithmetic, as everywhere but in the letter of C");

/* The eight outputs of one 1-D pass before rounding, written twice: in 32 bits for what images hold,
 * in 64 bits for whatever damaged data may hold. */
#define DEFINE_PASS(name, T)                                                         \
  static inline void name(const T *x, int step, T out[8]) {                          \
    T z1 = (x[2 * step] + x[6 * step]) * 4433;                                       \
    T t2 = z1 - x[6 * step] * 15137, t3 = z1 + x[2 * step] * 6270;                   \
    T t0 = (x[0] + x[4 * step]) * 8192, t1 = (x[0] - x[4 * step]) * 8192;            \
    T a0 = t0 + t3, a3 = t0 - t3, a1 = t1 + t2, a2 = t1 - t2;                        \
    T b0 = x[7 * step], b1 = x[5 * step], b2 = x[3 * step], b3 = x[step];            \
    T y1 = b0 + b3, y2 = b1 + b2, y3 = b0 + b2, y4 = b1 + b3, y5 = (y3 + y4) * 9633; \
    b0 *= 2446, b1 *= 16819, b2 *= 25172, b3 *= 12299;                               \
    y1 *= -7373, y2 *= -20995, y3 = y3 * -16069 + y5, y4 = y4 * -3196 + y5;          \
    b0 += y1 + y3, b1 += y2 + y4, b2 += y2 + y3, b3 += y1 + y4;                      \
    out[0] = a0 + b3, out[7] = a0 - b3, out[1] = a1 + b2, out[6] = a1 - b2;          \
    out[2] = a2 + b1, out[5] = a2 - b1, out[3] = a3 + b0, out[4] = a3 - b0;          \
  }
DEFINE_PASS(pass32, int32_t)
DEFINE_PASS(pass64, int64_t)

/* libjpeg's range limit: clamp(v + 128), but v is taken modulo 1024 first. That matters for damaged
 * coefficients only. */
static inline uint8_t sample(int64_t v) {
  unsigned i = (unsigned)(uint64_t)v & 1023;
  return (uint8_t)(i < 128 ? i + 128 : i < 512 ? 255 : i < 896 ? 0 : i - 896);
}

/* Any coefficients: inputs below 2^31, so that sums stay below 2^50. Between the passes libjpeg stores
 * an int. */
static void any_block(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride) {
  int64_t mid[64], out[8];
  for (int i = 0; i < 64; i++) mid[i] = (int64_t)coef[i] * (int16_t)quant[i];
  for (int col = 0; col < 8; col++) {
    pass64(mid + col, 8, out);
    for (int i = 0; i < 8; i++) mid[i * 8 + col] = (int32_t)(uint32_t)(uint64_t)((out[i] + 1024) >> 11);
  }
  for (int row = 0; row < 8; row++) {
    pass64(mid + row * 8, 1, out);
    for (int i = 0; i < 8; i++) dst[(size_t)row * stride + (size_t)i] = sample((out[i] + (1 << 17)) >> 18);
  }
}

/* With all inputs of a pass below 2^14 its sums stay below 61212 x 2^14 < 2^30 (61212 is the largest sum
 * of the absolute factors of one output). False when that does not hold. */
static bool small_block(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride) {
  int32_t mid[64], out[8];
  uint32_t bad = 0;
  for (int i = 0; i < 64; i++) {
    mid[i] = coef[i] * (int16_t)quant[i];
    bad |= (uint32_t)(mid[i] + 16384);
  }
  if (bad > 32767) return false;
  for (int col = 0; col < 8; col++) {
    pass32(mid + col, 8, out);
    for (int i = 0; i < 8; i++) {
      mid[i * 8 + col] = (out[i] + 1024) >> 11;
      bad |= (uint32_t)(mid[i * 8 + col] + 16384);
    }
  }
  if (bad > 32767) return false;
  for (int row = 0; row < 8; row++) {
    pass32(mid + row * 8, 1, out);
    for (int i = 0; i < 8; i++) dst[(size_t)row * stride + (size_t)i] = sample((out[i] + (1 << 17)) >> 18);
  }
  return true;
}

/* A block with nothing but DC: both passes only scale, and every sample is the same. */
void as_jpeg_idct_flat(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride) {
  int64_t first = (int32_t)(uint32_t)(uint64_t)((int64_t)coef[0] * (int16_t)quant[0] * 4);
  uint8_t v = sample((first * 8192 + (1 << 17)) >> 18);
  for (int i = 0; i < 8; i++) memset(dst + (size_t)i * stride, v, 8);
}

void as_jpeg_idct_c(const int16_t *coef, const uint8_t *last, const uint16_t *quant, uint8_t *dst,
                    size_t stride, int count) {
  for (int i = 0; i < count; i++, coef += 64, dst += 8) {
    if (last && last[i] == 1)
      as_jpeg_idct_flat(coef, quant, dst, stride);
    else if (!small_block(coef, quant, dst, stride))
      any_block(coef, quant, dst, stride);
  }
}

void as_jpeg_idct_row(const as_jpeg *j, j_comp *c, const int16_t *coef, const uint8_t *last, int by, int bx,
                      int n) {
  const int from = bx > c->bx0 ? bx : c->bx0, to = bx + n < c->bx1 ? bx + n : c->bx1;
  if (by < c->by0 || by >= c->by1 || from >= to) return;
  const size_t skipped = (size_t)(from - bx);
  j->k->idct(coef + skipped * 64, last ? last + skipped : NULL, c->quant,
             c->plane + (size_t)by * 8 * c->stride + (size_t)from * 8, c->stride, to - from);
}
