/* Inverse DCT: the accurate integer method of libjpeg (jidctint.c, "islow"; Loeffler, Ligtenberg and Moschytz 1989,
 * 13-bit constants, 2 extra bits between the passes). Columns, then rows.
 *
 * Pillow's pixels are those of libjpeg-turbo's SIMD code, which works in 16-bit lanes: a product of coefficient and
 * quantiser, and the four sums that a multiplication follows, are taken modulo 2^16; what the first pass hands to the second
 * is clipped to 16 bits, or, where rows 1 to 7 of the block are zero and the pass is only a shift, taken modulo 2^16
 * once more; samples are clipped. An image never comes near these limits, damaged coefficients do. This code does the same,
 * so that it gives Pillow's pixels for any coefficients, and reports when a value did not fit 16 bits: there the SIMD
 * code for other processors and the C code of libjpeg give other pixels still. */
#include <string.h>

#include "data/image/jpeg_int.h"

_Static_assert((-1 >> 1) == -1, "signed right shifts are arithmetic, as everywhere but in the letter of C");

/* v modulo 2^16; *wide, an OR over such values, is above 65535 when one of them did not fit. */
static inline int16_t narrow(int64_t v, uint64_t *wide) {
  *wide |= (uint64_t)v + 32768;
  return (int16_t)(uint16_t)(uint64_t)v;
}

static inline int16_t saturate(int64_t v, uint64_t *wide) {
  *wide |= (uint64_t)v + 32768;
  return (int16_t)(v < -32768 ? -32768 : v > 32767 ? 32767 : v);
}

/* The eight outputs of one 1-D pass before rounding, written twice: in 32 bits for what images hold, and for
 * whatever damaged data may hold, where FIT narrows the four sums. */
#define DEFINE_PASS(name, T, FIT)                                                              \
  static inline void name(const T *x, int step, T out[8], uint64_t *wide) {                    \
    T z1 = (x[2 * step] + x[6 * step]) * 4433;                                                 \
    T t2 = z1 - x[6 * step] * 15137, t3 = z1 + x[2 * step] * 6270;                             \
    T t0 = FIT(x[0] + x[4 * step]) * 8192, t1 = FIT(x[0] - x[4 * step]) * 8192;                \
    T a0 = t0 + t3, a3 = t0 - t3, a1 = t1 + t2, a2 = t1 - t2;                                  \
    T b0 = x[7 * step], b1 = x[5 * step], b2 = x[3 * step], b3 = x[step];                      \
    T y1 = b0 + b3, y2 = b1 + b2, y3 = FIT(b0 + b2), y4 = FIT(b1 + b3), y5 = (y3 + y4) * 9633; \
    b0 *= 2446, b1 *= 16819, b2 *= 25172, b3 *= 12299;                                         \
    y1 *= -7373, y2 *= -20995, y3 = y3 * -16069 + y5, y4 = y4 * -3196 + y5;                    \
    b0 += y1 + y3, b1 += y2 + y4, b2 += y2 + y3, b3 += y1 + y4;                                \
    out[0] = a0 + b3, out[7] = a0 - b3, out[1] = a1 + b2, out[6] = a1 - b2;                    \
    out[2] = a2 + b1, out[5] = a2 - b1, out[3] = a3 + b0, out[4] = a3 - b0;                    \
    (void)wide;                                                                                \
  }
#define FIT_AS_IS(v) (v)
#define FIT_NARROW(v) narrow(v, wide)
DEFINE_PASS(pass, int32_t, FIT_AS_IS)
DEFINE_PASS(careful_pass, int64_t, FIT_NARROW)

static inline uint8_t sample(int64_t v) {
  return j_clamp8((int)((v + (1 << 17)) >> 18) + 128);
}

/* One block whose values may not fit; false when one did not. */
static bool careful_block(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride) {
  int64_t in[64], mid[64], out[8];
  uint64_t wide = 0;
  for (int i = 0; i < 64; i++) in[i] = narrow((int64_t)coef[i] * quant[i], &wide);
  for (int col = 0; col < 8; col++) {
    careful_pass(in + col, 8, out, &wide);
    for (int i = 0; i < 8; i++) mid[i * 8 + col] = saturate((out[i] + 1024) >> 11, &wide);
  }
  bool low_rows = false; /* without them the first pass is a shift */
  for (int i = 8; i < 64; i++) low_rows = low_rows || coef[i] != 0;
  for (int i = 0; !low_rows && i < 64; i++) mid[i] = narrow(in[i % 8] * 4, &wide);
  for (int row = 0; row < 8; row++) {
    careful_pass(mid + row * 8, 1, out, &wide);
    for (int i = 0; i < 8; i++) dst[(size_t)row * stride + (size_t)i] = sample(out[i]);
  }
  return wide <= 65535;
}

/* With all inputs of a pass below 2^14 sums of two fit 16 bits, and the others stay below 61212 x 2^14 < 2^30 (61212 is
 * the largest sum of the absolute factors of one output). False when that does not hold. */
static bool small_block(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride) {
  int32_t mid[64], out[8];
  uint32_t bad = 0;
  for (int i = 0; i < 64; i++) {
    mid[i] = coef[i] * (int32_t)quant[i];
    bad |= (uint32_t)mid[i] + 16384;
  }
  if (bad > 32767) return false;
  for (int col = 0; col < 8; col++) {
    pass(mid + col, 8, out, NULL);
    for (int i = 0; i < 8; i++) {
      mid[i * 8 + col] = (out[i] + 1024) >> 11;
      bad |= (uint32_t)mid[i * 8 + col] + 16384;
    }
  }
  if (bad > 32767) return false;
  for (int row = 0; row < 8; row++) {
    pass(mid + row * 8, 1, out, NULL);
    for (int i = 0; i < 8; i++) dst[(size_t)row * stride + (size_t)i] = sample(out[i]);
  }
  return true;
}

/* A block with nothing but DC: both passes only scale, and every sample is the same. */
bool as_jpeg_idct_flat(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride) {
  uint64_t wide = 0;
  const int16_t first = narrow(narrow((int64_t)coef[0] * quant[0], &wide) * 4, &wide);
  const uint8_t v = sample(first * 8192);
  for (int i = 0; i < 8; i++) memset(dst + (size_t)i * stride, v, 8);
  return wide <= 65535;
}

bool as_jpeg_idct_c(const int16_t *coef, const uint8_t *last, const uint16_t *quant, uint8_t *dst,
                    size_t stride, int count) {
  bool fits = true;
  for (int i = 0; i < count; i++, coef += 64, dst += 8) {
    if (last && last[i] == 1)
      fits &= as_jpeg_idct_flat(coef, quant, dst, stride);
    else if (!small_block(coef, quant, dst, stride))
      fits &= careful_block(coef, quant, dst, stride);
  }
  return fits;
}

void as_jpeg_idct_row(as_jpeg *j, j_comp *c, const int16_t *coef, const uint8_t *last, int by, int bx,
                      int n) {
  const int from = bx > c->bx0 ? bx : c->bx0, to = bx + n < c->bx1 ? bx + n : c->bx1;
  if (by < c->by0 || by >= c->by1 || from >= to) return;
  const size_t skipped = (size_t)(from - bx);
  const bool fits = j->k->idct(coef + skipped * 64, last ? last + skipped : NULL, c->quant,
                               c->ring + (size_t)(by * 8 % (3 * c->step)) * c->stride + (size_t)from * 8,
                               c->stride, to - from);
  j->idct_overflow = j->idct_overflow || !fits;
}
