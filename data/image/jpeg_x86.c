/* The inner loops of the JPEG decoder with BMI2 and AVX2. Each gives the bits of its C twin on every input;
 * where 16- or 32-bit lanes could not hold what C computes, a block is handed to the C code. */
#include "data/image/jpeg_int.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>

#include "data/image/jpeg_block_int.h"

#define BMI2 __attribute__((target("bmi,bmi2")))
#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((target("avx2"), always_inline))
#define LOAD128(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define STORE128(p, v) _mm_storeu_si128((__m128i *)(void *)(p), v)
#define LOAD256(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE256(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)

/* Coefficient pair for _mm256_madd_epi16: a for the even (first) words, b for the odd ones. */
#define PAIR(a, b) _mm256_set1_epi32((int)((unsigned)(uint16_t)(a) | (unsigned)(uint16_t)(b) << 16))

/* One 1-D pass over the low or high words of x[0..7], both 128-bit halves by themselves; only x[0..used) is not
 * zero (4 or 8). The formulas of jpeg_idct.c with the shared sums multiplied out, so that only 32-bit lanes add:
 *   even: t0, t1 = 8192 (x0 +- x4); t2 = 4433 x2 - 10704 x6; t3 = 10703 x2 + 4433 x6
 *   odd:  four sums over x1, x3, x5, x7
 * then rounding and an arithmetic shift by n. */
AVX2_INLINE void half_pass(const __m256i *x, int high, int used, int n, __m256i out[8]) {
#define J_PAIRS(a, b) (high ? _mm256_unpackhi_epi16(a, b) : _mm256_unpacklo_epi16(a, b))
  const __m256i round = _mm256_set1_epi32(1 << (n - 1)), zero = _mm256_setzero_si256();
  const bool all = used == 8;
  __m256i p04 = J_PAIRS(x[0], all ? x[4] : zero), p26 = J_PAIRS(x[2], all ? x[6] : zero);
  __m256i t0 = _mm256_add_epi32(_mm256_madd_epi16(p04, PAIR(8192, 8192)), round);
  __m256i t1 = all ? _mm256_add_epi32(_mm256_madd_epi16(p04, PAIR(8192, -8192)), round) : t0;
  __m256i t2 = _mm256_madd_epi16(p26, PAIR(4433, -10704));
  __m256i t3 = _mm256_madd_epi16(p26, PAIR(10703, 4433));
  __m256i a0 = _mm256_add_epi32(t0, t3), a3 = _mm256_sub_epi32(t0, t3);
  __m256i a1 = _mm256_add_epi32(t1, t2), a2 = _mm256_sub_epi32(t1, t2), b0, b1, b2, b3;
  if (all) {
    __m256i p71 = J_PAIRS(x[7], x[1]), p53 = J_PAIRS(x[5], x[3]);
    b0 = _mm256_add_epi32(_mm256_madd_epi16(p71, PAIR(-11363, 2260)),
                          _mm256_madd_epi16(p53, PAIR(9633, -6436)));
    b1 = _mm256_add_epi32(_mm256_madd_epi16(p71, PAIR(9633, 6437)),
                          _mm256_madd_epi16(p53, PAIR(2261, -11362)));
    b2 = _mm256_add_epi32(_mm256_madd_epi16(p71, PAIR(-6436, 9633)),
                          _mm256_madd_epi16(p53, PAIR(-11362, -2259)));
    b3 =
        _mm256_add_epi32(_mm256_madd_epi16(p71, PAIR(2260, 11363)), _mm256_madd_epi16(p53, PAIR(6437, 9633)));
  } else {
    __m256i p31 = J_PAIRS(x[3], x[1]);
    b0 = _mm256_madd_epi16(p31, PAIR(-6436, 2260));
    b1 = _mm256_madd_epi16(p31, PAIR(-11362, 6437));
    b2 = _mm256_madd_epi16(p31, PAIR(-2259, 9633));
    b3 = _mm256_madd_epi16(p31, PAIR(9633, 11363));
  }
  out[0] = _mm256_srai_epi32(_mm256_add_epi32(a0, b3), n);
  out[7] = _mm256_srai_epi32(_mm256_sub_epi32(a0, b3), n);
  out[1] = _mm256_srai_epi32(_mm256_add_epi32(a1, b2), n);
  out[6] = _mm256_srai_epi32(_mm256_sub_epi32(a1, b2), n);
  out[2] = _mm256_srai_epi32(_mm256_add_epi32(a2, b1), n);
  out[5] = _mm256_srai_epi32(_mm256_sub_epi32(a2, b1), n);
  out[3] = _mm256_srai_epi32(_mm256_add_epi32(a3, b0), n);
  out[4] = _mm256_srai_epi32(_mm256_sub_epi32(a3, b0), n);
#undef J_PAIRS
}

/* The whole pass: 16 columns in 16-bit lanes (two blocks, one per half), saturated to 16 bits. */
AVX2_INLINE void pass(__m256i x[8], int used, int n) {
  __m256i low[8], high[8];
  half_pass(x, 0, used, n, low);
  half_pass(x, 1, used, n, high);
  for (int i = 0; i < 8; i++) x[i] = _mm256_packs_epi32(low[i], high[i]);
}

/* The first pass and the transposition where rows and columns 4 to 7 are zero: x[0..3] become columns. */
AVX2_INLINE void corner_pass(__m256i x[8]) {
  __m256i row[8], a[2], b[2];
  half_pass(x, 0, 4, 11, row);
  for (int i = 0; i < 2; i++) {
    __m256i p = _mm256_packs_epi32(row[4 * i], row[4 * i + 1]);
    __m256i q = _mm256_packs_epi32(row[4 * i + 2], row[4 * i + 3]);
    __m256i even = _mm256_unpacklo_epi16(p, q), odd = _mm256_unpackhi_epi16(p, q);
    a[i] = _mm256_unpacklo_epi16(even, odd); /* columns 0 and 1, four rows each */
    b[i] = _mm256_unpackhi_epi16(even, odd);
  }
  x[0] = _mm256_unpacklo_epi64(a[0], a[1]);
  x[1] = _mm256_unpackhi_epi64(a[0], a[1]);
  x[2] = _mm256_unpacklo_epi64(b[0], b[1]);
  x[3] = _mm256_unpackhi_epi64(b[0], b[1]);
}

/* 8 x 8 words, in each half by itself. */
AVX2_INLINE void transpose(__m256i x[8]) {
  __m256i a[8], b[8];
  for (int i = 0; i < 4; i++) {
    a[2 * i] = _mm256_unpacklo_epi16(x[2 * i], x[2 * i + 1]);
    a[2 * i + 1] = _mm256_unpackhi_epi16(x[2 * i], x[2 * i + 1]);
  }
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < 2; k++) {
      b[4 * i + 2 * k] = _mm256_unpacklo_epi32(a[4 * i + k], a[4 * i + 2 + k]);
      b[4 * i + 2 * k + 1] = _mm256_unpackhi_epi32(a[4 * i + k], a[4 * i + 2 + k]);
    }
  for (int i = 0; i < 4; i++) {
    x[2 * i] = _mm256_unpacklo_epi64(b[i], b[4 + i]);
    x[2 * i + 1] = _mm256_unpackhi_epi64(b[i], b[4 + i]);
  }
}

/* Two blocks, a and b (may be the same), to rows of 16 samples. False: a value may not fit 16 bits, and jpeg_idct.c
 * must say what then. The limits keep |coefficient x quantiser| below 2^14, so that sums of two fit. After pass 1 the
 * sum of absolute values in each row is at most 32766: then no lane was saturated, and the sums of pass 2 fit.
 * Real images pass; damaged coefficients do not. */
AVX2_INLINE bool two_blocks(const int16_t *a, const int16_t *b, const uint16_t *quant, int used,
                            __m256i rows[4]) {
  __m256i x[8], bad = _mm256_setzero_si256();
  for (int i = 0; i < used; i++) {
    __m256i c = _mm256_inserti128_si256(_mm256_castsi128_si256(LOAD128(a + i * 8)), LOAD128(b + i * 8), 1);
    __m256i limit = _mm256_broadcastsi128_si256(LOAD128(quant + 64 + i * 8));
    bad = _mm256_or_si256(bad, _mm256_subs_epu16(_mm256_abs_epi16(c), limit));
    x[i] = _mm256_mullo_epi16(c, _mm256_broadcastsi128_si256(LOAD128(quant + i * 8)));
  }
  if (used == 8) {
    pass(x, 8, 11);
    transpose(x);
  } else {
    corner_pass(x);
  }
  __m256i sum = _mm256_abs_epi16(x[0]);
  for (int i = 1; i < used; i++) sum = _mm256_adds_epu16(sum, _mm256_abs_epi16(x[i]));
  bad = _mm256_or_si256(bad, _mm256_subs_epu16(sum, _mm256_set1_epi16(32766)));
  if (!_mm256_testz_si256(bad, bad)) return false;
  pass(x, used, 18);
  /* x[n] holds column n; to bytes, and back to rows */
  const __m256i centre = _mm256_set1_epi8(-128);
  __m256i p[4], t[4], u[4];
  for (int i = 0; i < 4; i++) p[i] = _mm256_xor_si256(_mm256_packs_epi16(x[2 * i], x[2 * i + 1]), centre);
  t[0] = _mm256_unpacklo_epi8(p[0], p[2]);
  t[1] = _mm256_unpackhi_epi8(p[0], p[2]);
  t[2] = _mm256_unpacklo_epi8(p[1], p[3]);
  t[3] = _mm256_unpackhi_epi8(p[1], p[3]);
  u[0] = _mm256_unpacklo_epi8(t[0], t[2]);
  u[1] = _mm256_unpackhi_epi8(t[0], t[2]);
  u[2] = _mm256_unpacklo_epi8(t[1], t[3]);
  u[3] = _mm256_unpackhi_epi8(t[1], t[3]);
  rows[0] = _mm256_unpacklo_epi8(u[0], u[2]); /* rows 0 and 1 of block a, then of b */
  rows[1] = _mm256_unpackhi_epi8(u[0], u[2]);
  rows[2] = _mm256_unpacklo_epi8(u[1], u[3]);
  rows[3] = _mm256_unpackhi_epi8(u[1], u[3]);
  return true;
}

/* The first ten coefficients in zigzag order are those with row + column < 4. */
enum { J_CORNER = 10 };

AVX2 static bool idct(const int16_t *coef, const uint8_t *last, const uint16_t *quant, uint8_t *dst,
                      size_t stride, int count) {
  __m256i rows[4];
  bool fits = true;
  for (; count > 0; count -= 2, coef += 128, dst += 16, last = last ? last + 2 : NULL) {
    const bool two = count > 1;
    const int16_t *other = two ? coef + 64 : coef;
    const int most = !last ? 64 : two && last[1] > last[0] ? last[1] : last[0];
    if (most == 1) {
      fits &= as_jpeg_idct_flat(coef, quant, dst, stride);
      if (two) fits &= as_jpeg_idct_flat(other, quant, dst + 8, stride);
      continue;
    }
    if (!(most <= J_CORNER ? two_blocks(coef, other, quant, 4, rows)
                           : two_blocks(coef, other, quant, 8, rows))) {
      fits &= as_jpeg_idct_c(coef, NULL, quant, dst, stride, two ? 2 : 1);
      continue;
    }
    for (size_t i = 0; i < 4; i++) {
      if (two) {
        __m256i v = _mm256_permute4x64_epi64(rows[i], 0xd8);
        STORE128(dst + 2 * i * stride, _mm256_castsi256_si128(v));
        STORE128(dst + (2 * i + 1) * stride, _mm256_extracti128_si256(v, 1));
      } else {
        __m128i v = _mm256_castsi256_si128(rows[i]);
        _mm_storel_epi64((__m128i *)(void *)(dst + 2 * i * stride), v);
        _mm_storel_epi64((__m128i *)(void *)(dst + (2 * i + 1) * stride), _mm_srli_si128(v, 8));
      }
    }
  }
  return fits;
}

#define WIDEN(p) _mm256_cvtepu8_epi16(LOAD128(p))

AVX2_INLINE __m256i times3(__m256i v) {
  return _mm256_add_epi16(v, _mm256_add_epi16(v, v));
}

/* Interior samples in vectors of 16, both ends by the scalar rule. */
AVX2 static void up_h2(const uint8_t *in, int w, uint8_t *out) {
  const __m256i one = _mm256_set1_epi16(1), two = _mm256_set1_epi16(2);
  int i = 0;
  for (; i < w; i++) {
    if (i > 0 && i + 17 <= w) {
      __m256i s = times3(WIDEN(in + i));
      __m256i even = _mm256_srli_epi16(_mm256_add_epi16(_mm256_add_epi16(s, WIDEN(in + i - 1)), one), 2);
      __m256i odd = _mm256_srli_epi16(_mm256_add_epi16(_mm256_add_epi16(s, WIDEN(in + i + 1)), two), 2);
      STORE256(out + 2 * i, _mm256_or_si256(even, _mm256_slli_epi16(odd, 8)));
      i += 15;
      continue;
    }
    int s = 3 * in[i];
    out[2 * i] = (uint8_t)(i > 0 ? (s + in[i - 1] + 1) >> 2 : in[i]);
    out[2 * i + 1] = (uint8_t)(i < w - 1 ? (s + in[i + 1] + 2) >> 2 : in[i]);
  }
}

AVX2 static void up_h2v2(const uint8_t *near, const uint8_t *far, int w, uint8_t *out) {
  const __m256i seven = _mm256_set1_epi16(7), eight = _mm256_set1_epi16(8);
  for (int i = 0; i < w; i++) {
    if (i > 0 && i + 17 <= w) {
      __m256i c = _mm256_add_epi16(times3(WIDEN(near + i)), WIDEN(far + i));
      __m256i l = _mm256_add_epi16(times3(WIDEN(near + i - 1)), WIDEN(far + i - 1));
      __m256i r = _mm256_add_epi16(times3(WIDEN(near + i + 1)), WIDEN(far + i + 1));
      __m256i c3 = times3(c);
      __m256i even = _mm256_srli_epi16(_mm256_add_epi16(_mm256_add_epi16(c3, l), eight), 4);
      __m256i odd = _mm256_srli_epi16(_mm256_add_epi16(_mm256_add_epi16(c3, r), seven), 4);
      STORE256(out + 2 * i, _mm256_or_si256(even, _mm256_slli_epi16(odd, 8)));
      i += 15;
      continue;
    }
    int c = 3 * near[i] + far[i], l = i > 0 ? 3 * near[i - 1] + far[i - 1] : c;
    int r = i < w - 1 ? 3 * near[i + 1] + far[i + 1] : c;
    out[2 * i] = (uint8_t)((3 * c + l + 8) >> 4);
    out[2 * i + 1] = (uint8_t)((3 * c + r + 7) >> 4);
  }
}

AVX2 static void up_v2(const uint8_t *near, const uint8_t *far, int w, int bias, uint8_t *out) {
  const __m256i b = _mm256_set1_epi16((short)bias);
  int i = 0;
  for (; i + 16 <= w; i += 16) {
    __m256i v = _mm256_add_epi16(_mm256_add_epi16(times3(WIDEN(near + i)), WIDEN(far + i)), b);
    v = _mm256_srli_epi16(v, 2);
    STORE128(out + i, _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
  }
  for (; i < w; i++) out[i] = (uint8_t)((3 * near[i] + far[i] + bias) >> 2);
}

/* Sixteen pixels at a time. (k c + 32768) >> 16 with |c| <= 128 is ((k 2c >> 16) + 1) >> 1; the whole
 * part of each constant is taken out so that k fits 16 bits: 91881 = 65536 + 26345,
 * 116130 = 2 x 65536 - 14942, -46802 = -65536 + 18734. */
AVX2 static void ycc(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int n, int pixel, uint8_t *out) {
  const __m256i centre = _mm256_set1_epi16(128), one = _mm256_set1_epi16(1), half = _mm256_set1_epi32(32768);
  const __m128i pack3 = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  int i = 0;
  /* the three-byte form stores four bytes past its sixteen pixels, which later ones overwrite */
  for (const int reserve = pixel == 3 ? 18 : 16; i + reserve <= n; i += 16, out += 16 * pixel) {
    __m256i l = WIDEN(y + i), u = _mm256_sub_epi16(WIDEN(cb + i), centre),
            v = _mm256_sub_epi16(WIDEN(cr + i), centre);
    __m256i u2 = _mm256_add_epi16(u, u), v2 = _mm256_add_epi16(v, v);
    __m256i r = _mm256_srai_epi16(_mm256_add_epi16(_mm256_mulhi_epi16(v2, _mm256_set1_epi16(26345)), one), 1);
    __m256i b =
        _mm256_srai_epi16(_mm256_add_epi16(_mm256_mulhi_epi16(u2, _mm256_set1_epi16(-14942)), one), 1);
    __m256i g0 = _mm256_madd_epi16(_mm256_unpacklo_epi16(u, v), PAIR(-22554, 18734));
    __m256i g1 = _mm256_madd_epi16(_mm256_unpackhi_epi16(u, v), PAIR(-22554, 18734));
    g0 = _mm256_srai_epi32(_mm256_add_epi32(g0, half), 16);
    g1 = _mm256_srai_epi32(_mm256_add_epi32(g1, half), 16);
    __m256i g = _mm256_sub_epi16(_mm256_packs_epi32(g0, g1), v);
    r = _mm256_add_epi16(l, _mm256_add_epi16(r, v));
    g = _mm256_add_epi16(l, g);
    b = _mm256_add_epi16(l, _mm256_add_epi16(b, u2));
    __m256i rg = _mm256_packus_epi16(r, g), bx = _mm256_packus_epi16(b, _mm256_setzero_si256());
    __m256i rb = _mm256_unpacklo_epi8(rg, bx), gx = _mm256_unpackhi_epi8(rg, bx);
    __m256i lo = _mm256_unpacklo_epi8(rb, gx),
            hi = _mm256_unpackhi_epi8(rb, gx); /* 0-3 | 8-11, 4-7 | 12-15 */
    if (pixel == 4) {
      STORE256(out, _mm256_permute2x128_si256(lo, hi, 0x20));
      STORE256(out + 32, _mm256_permute2x128_si256(lo, hi, 0x31));
    } else {
      STORE128(out, _mm_shuffle_epi8(_mm256_castsi256_si128(lo), pack3));
      STORE128(out + 12, _mm_shuffle_epi8(_mm256_castsi256_si128(hi), pack3));
      STORE128(out + 24, _mm_shuffle_epi8(_mm256_extracti128_si256(lo, 1), pack3));
      STORE128(out + 36, _mm_shuffle_epi8(_mm256_extracti128_si256(hi, 1), pack3));
    }
  }
  for (; i < n; i++, out += pixel) {
    j_ycc_to_rgb(y[i], cb[i], cr[i], out);
    if (pixel == 4) out[3] = 0;
  }
}

BMI2 static int block(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits,
                      int *pred, int16_t *coef) {
  return j_block(j, dc, ac, pair, bits, pred, coef);
}
BMI2 static void skip(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits,
                      int *pred) {
  j_skip_block(j, dc, ac, pair, bits, pred);
}

const j_kernels *as_jpeg_kernels_x86(void) {
  static const j_kernels k = {block, skip, idct, up_h2, up_h2v2, up_v2, ycc};
  return &k;
}

#else
const j_kernels *as_jpeg_kernels_x86(void) {
  return NULL;
}
#endif
