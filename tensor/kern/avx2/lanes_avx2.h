/* v16 on AVX2: two registers. Include after AS_TARGET_PUSH_AVX2. */
#ifndef AS_TENSOR_KERN_AVX2_LANES_AVX2_H
#define AS_TENSOR_KERN_AVX2_LANES_AVX2_H

#include <immintrin.h>
#include <math.h>
#include <stddef.h>

typedef struct v16 {
  __m256 l, h; /* lanes 0..7, 8..15 */
} v16;

#define V16(lo, hi) \
  v16 r_;           \
  r_.l = lo;        \
  r_.h = hi;        \
  return r_

/* All ones in lanes at.. < n */
AS_ALWAYS_INLINE __m256i first_n(size_t n, int at) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - at), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
AS_ALWAYS_INLINE v16 v16_set1(float x) {
  V16(_mm256_set1_ps(x), _mm256_set1_ps(x));
}
AS_ALWAYS_INLINE v16 v16_load(const float *p) {
  V16(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8));
}
AS_ALWAYS_INLINE void v16_store(float *p, v16 x) {
  _mm256_storeu_ps(p, x.l);
  _mm256_storeu_ps(p + 8, x.h);
}
/* Lanes n.. read as +0 and are not touched in memory. */
AS_ALWAYS_INLINE v16 v16_loadn(const float *p, size_t n) {
  V16(_mm256_maskload_ps(p, first_n(n, 0)), _mm256_maskload_ps(p + 8, first_n(n, 8)));
}
AS_ALWAYS_INLINE void v16_storen(float *p, size_t n, v16 x) {
  _mm256_maskstore_ps(p, first_n(n, 0), x.l);
  _mm256_maskstore_ps(p + 8, first_n(n, 8), x.h);
}
AS_ALWAYS_INLINE v16 v16_get(const float *p, size_t n) {
  return n == 16 ? v16_load(p) : v16_loadn(p, n);
}
AS_ALWAYS_INLINE void v16_put(float *p, size_t n, v16 x) {
  if (n == 16) {
    v16_store(p, x);
  } else {
    v16_storen(p, n, x);
  }
}
AS_ALWAYS_INLINE v16 v16_keepn(v16 x, size_t n, v16 o) {
  V16(_mm256_blendv_ps(o.l, x.l, _mm256_castsi256_ps(first_n(n, 0))),
      _mm256_blendv_ps(o.h, x.h, _mm256_castsi256_ps(first_n(n, 8))));
}
AS_ALWAYS_INLINE v16 v16_add(v16 a, v16 b) {
  V16(_mm256_add_ps(a.l, b.l), _mm256_add_ps(a.h, b.h));
}
AS_ALWAYS_INLINE v16 v16_sub(v16 a, v16 b) {
  V16(_mm256_sub_ps(a.l, b.l), _mm256_sub_ps(a.h, b.h));
}
AS_ALWAYS_INLINE v16 v16_mul(v16 a, v16 b) {
  V16(_mm256_mul_ps(a.l, b.l), _mm256_mul_ps(a.h, b.h));
}
AS_ALWAYS_INLINE v16 v16_div(v16 a, v16 b) {
  V16(_mm256_div_ps(a.l, b.l), _mm256_div_ps(a.h, b.h));
}
AS_ALWAYS_INLINE v16 v16_sqrt(v16 x) {
  V16(_mm256_sqrt_ps(x.l), _mm256_sqrt_ps(x.h));
}
AS_ALWAYS_INLINE v16 v16_fma(v16 a, v16 b, v16 c) {
  V16(_mm256_fmadd_ps(a.l, b.l, c.l), _mm256_fmadd_ps(a.h, b.h, c.h));
}
AS_ALWAYS_INLINE v16 v16_fnms(v16 a, v16 b, v16 c) {
  V16(_mm256_fnmsub_ps(a.l, b.l, c.l), _mm256_fnmsub_ps(a.h, b.h, c.h));
}
/* min(c, x): c where c < x, else x, so a NaN in x stays; max likewise. */
AS_ALWAYS_INLINE v16 v16_min(v16 c, v16 x) {
  V16(_mm256_min_ps(c.l, x.l), _mm256_min_ps(c.h, x.h));
}
AS_ALWAYS_INLINE v16 v16_max(v16 c, v16 x) {
  V16(_mm256_max_ps(c.l, x.l), _mm256_max_ps(c.h, x.h));
}
AS_ALWAYS_INLINE __m256 maxnan8(__m256 m, __m256 x) {
  return _mm256_blendv_ps(_mm256_max_ps(x, m), x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
AS_ALWAYS_INLINE v16 v16_maxnan(v16 m, v16 x) {
  V16(maxnan8(m.l, x.l), maxnan8(m.h, x.h));
}
/* All lanes: the largest of the 16, NaN if one is */
AS_ALWAYS_INLINE v16 v16_foldmax(v16 x) {
  __m256 m = maxnan8(x.l, x.h);
  m = maxnan8(m, _mm256_permute2f128_ps(m, m, 1));
  m = maxnan8(m, _mm256_permute_ps(m, 0x4e));
  m = maxnan8(m, _mm256_permute_ps(m, 0xb1));
  V16(m, m);
}
AS_ALWAYS_INLINE int v16_all_ge(v16 x, v16 least) {
  return _mm256_movemask_ps(_mm256_and_ps(_mm256_cmp_ps(x.l, least.l, _CMP_GE_OQ),
                                          _mm256_cmp_ps(x.h, least.h, _CMP_GE_OQ))) == 0xff;
}
AS_ALWAYS_INLINE __m256 relu8(__m256 x) {
  return _mm256_andnot_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LE_OQ), x);
}
AS_ALWAYS_INLINE v16 v16_relu(v16 x) {
  V16(relu8(x.l), relu8(x.h));
}
AS_ALWAYS_INLINE v16 v16_abs(v16 x) {
  const __m256 s = _mm256_set1_ps(-0.0f);
  V16(_mm256_andnot_ps(s, x.l), _mm256_andnot_ps(s, x.h));
}
AS_ALWAYS_INLINE v16 v16_neg(v16 x) {
  const __m256 s = _mm256_set1_ps(-0.0f);
  V16(_mm256_xor_ps(s, x.l), _mm256_xor_ps(s, x.h));
}
AS_ALWAYS_INLINE v16 v16_copysign(v16 mag, v16 sign) {
  const __m256 s = _mm256_set1_ps(-0.0f);
  V16(_mm256_or_ps(_mm256_and_ps(s, sign.l), _mm256_andnot_ps(s, mag.l)),
      _mm256_or_ps(_mm256_and_ps(s, sign.h), _mm256_andnot_ps(s, mag.h)));
}
/* a <= b ? x : y per lane; y where unordered */
AS_ALWAYS_INLINE v16 v16_select_le(v16 a, v16 b, v16 x, v16 y) {
  V16(_mm256_blendv_ps(y.l, x.l, _mm256_cmp_ps(a.l, b.l, _CMP_LE_OQ)),
      _mm256_blendv_ps(y.h, x.h, _mm256_cmp_ps(a.h, b.h, _CMP_LE_OQ)));
}
AS_ALWAYS_INLINE __m256 scale8(__m256 p, __m256 n) {
  const __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1), one = _mm256_set1_epi32(127);
  const __m256i s1 = _mm256_slli_epi32(_mm256_add_epi32(half, one), 23);
  const __m256i s2 = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(i, half), one), 23);
  return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(s1)), _mm256_castsi256_ps(s2));
}
/* p * 2^n in two steps, n integral in -160..160 */
AS_ALWAYS_INLINE v16 v16_scale(v16 p, v16 n) {
  V16(scale8(p.l, n.l), scale8(p.h, n.h));
}
AS_ALWAYS_INLINE __m256 near8(__m256 p, __m256 n) {
  const __m256i e = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(p, _mm256_castsi256_ps(e));
}
/* The same in one step where p and the result are normal, or p is NaN */
AS_ALWAYS_INLINE v16 v16_scale_near(v16 p, v16 n) {
  V16(near8(p.l, n.l), near8(p.h, n.h));
}
/* to[0..7] += x, in double */
AS_ALWAYS_INLINE void v8_addd(double *to, __m256 x) {
  const __m256d l = _mm256_cvtps_pd(_mm256_castps256_ps128(x)),
                h = _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
  _mm256_storeu_pd(to, _mm256_add_pd(_mm256_loadu_pd(to), l));
  _mm256_storeu_pd(to + 4, _mm256_add_pd(_mm256_loadu_pd(to + 4), h));
}
/* to[0..15] += x, in double */
AS_ALWAYS_INLINE void v16_addd(double *to, v16 x) {
  v8_addd(to, x.l);
  v8_addd(to + 8, x.h);
}
/* Lanes to one: j += j + 8, then 4, 2, 1 */
AS_ALWAYS_INLINE float v16_fold(v16 l) {
  const __m256 a = _mm256_add_ps(l.l, l.h);
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}

#endif
