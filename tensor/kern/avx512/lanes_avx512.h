/* v16 on AVX-512: one register. Include after AS_TARGET_PUSH_AVX512. */
#ifndef AS_TENSOR_KERN_AVX512_LANES_AVX512_H
#define AS_TENSOR_KERN_AVX512_LANES_AVX512_H

#include <immintrin.h>
#include <math.h>
#include <stddef.h>

typedef __m512 v16;

AS_ALWAYS_INLINE __mmask16 first_n(size_t n) {
  return (__mmask16)((1u << n) - 1);
} /* n 0..16 */
AS_ALWAYS_INLINE v16 v16_set1(float x) {
  return _mm512_set1_ps(x);
}
AS_ALWAYS_INLINE v16 v16_load(const float *p) {
  return _mm512_loadu_ps(p);
}
AS_ALWAYS_INLINE void v16_store(float *p, v16 x) {
  _mm512_storeu_ps(p, x);
}
/* Lanes n.. read as +0 and are not touched in memory. */
AS_ALWAYS_INLINE v16 v16_loadn(const float *p, size_t n) {
  return _mm512_maskz_loadu_ps(first_n(n), p);
}
AS_ALWAYS_INLINE void v16_storen(float *p, size_t n, v16 x) {
  _mm512_mask_storeu_ps(p, first_n(n), x);
}
/* As loadn and storen, quick where n is the constant 16. */
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
AS_ALWAYS_INLINE v16 v16_keepn(v16 x, size_t n, v16 other) {
  return _mm512_mask_blend_ps(first_n(n), other, x);
}
AS_ALWAYS_INLINE v16 v16_add(v16 a, v16 b) {
  return _mm512_add_ps(a, b);
}
AS_ALWAYS_INLINE v16 v16_sub(v16 a, v16 b) {
  return _mm512_sub_ps(a, b);
}
AS_ALWAYS_INLINE v16 v16_mul(v16 a, v16 b) {
  return _mm512_mul_ps(a, b);
}
AS_ALWAYS_INLINE v16 v16_div(v16 a, v16 b) {
  return _mm512_div_ps(a, b);
}
AS_ALWAYS_INLINE v16 v16_sqrt(v16 x) {
  return _mm512_sqrt_ps(x);
}
AS_ALWAYS_INLINE v16 v16_fma(v16 a, v16 b, v16 c) {
  return _mm512_fmadd_ps(a, b, c);
}
/* -a * b - c with one rounding */
AS_ALWAYS_INLINE v16 v16_fnms(v16 a, v16 b, v16 c) {
  return _mm512_fnmsub_ps(a, b, c);
}
/* min(c, x): c where c < x, else x, so a NaN in x stays; max likewise. */
AS_ALWAYS_INLINE v16 v16_min(v16 c, v16 x) {
  return _mm512_min_ps(c, x);
}
AS_ALWAYS_INLINE v16 v16_max(v16 c, v16 x) {
  return _mm512_max_ps(c, x);
}
/* x where x > m or x is NaN, else m */
AS_ALWAYS_INLINE v16 v16_maxnan(v16 m, v16 x) {
  return _mm512_mask_mov_ps(_mm512_max_ps(x, m), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}
/* All lanes: the largest of the 16, NaN if one is */
AS_ALWAYS_INLINE v16 v16_foldmax(v16 m) {
  m = v16_maxnan(m, _mm512_shuffle_f32x4(m, m, 0x4e));
  m = v16_maxnan(m, _mm512_shuffle_f32x4(m, m, 0xb1));
  m = v16_maxnan(m, _mm512_permute_ps(m, 0x4e));
  return v16_maxnan(m, _mm512_permute_ps(m, 0xb1));
}
AS_ALWAYS_INLINE int v16_all_ge(v16 x, v16 least) {
  return _mm512_cmp_ps_mask(x, least, _CMP_GE_OQ) == 0xffff;
}
AS_ALWAYS_INLINE v16 v16_relu(v16 x) { /* +0 where x <= 0 */
  return _mm512_mask_mov_ps(x, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LE_OQ), _mm512_setzero_ps());
}
AS_ALWAYS_INLINE v16 v16_abs(v16 x) {
  return _mm512_abs_ps(x);
}
AS_ALWAYS_INLINE v16 v16_neg(v16 x) {
  return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(x), _mm512_set1_epi32((int)0x80000000u)));
}
AS_ALWAYS_INLINE v16 v16_copysign(v16 mag, v16 sign) { /* sign bit of `sign`, rest of mag */
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(
      _mm512_set1_epi32((int)0x80000000u), _mm512_castps_si512(sign), _mm512_castps_si512(mag), 0xca));
}
/* a <= b ? x : y per lane; y where unordered */
AS_ALWAYS_INLINE v16 v16_select_le(v16 a, v16 b, v16 x, v16 y) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LE_OQ), y, x);
}
/* p * 2^n, rounded once: what two exact steps and one rounding give */
AS_ALWAYS_INLINE v16 v16_scale(v16 p, v16 n) {
  return _mm512_scalef_ps(p, n);
}
/* The same where p and the result are normal, or p is NaN */
AS_ALWAYS_INLINE v16 v16_scale_near(v16 p, v16 n) {
  return v16_scale(p, n);
}
/* to[0..15] += x, in double */
AS_ALWAYS_INLINE void v16_addd(double *to, v16 x) {
  const __m512d l = _mm512_cvtps_pd(_mm512_castps512_ps256(x)),
                h = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
  _mm512_storeu_pd(to, _mm512_add_pd(_mm512_loadu_pd(to), l));
  _mm512_storeu_pd(to + 8, _mm512_add_pd(_mm512_loadu_pd(to + 8), h));
}
/* Lanes to one: j += j + 8, then 4, 2, 1 */
AS_ALWAYS_INLINE float v16_fold(v16 l) {
  const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(l), _mm512_extractf32x8_ps(l, 1));
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}

#endif
