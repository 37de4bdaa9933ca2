/* Rounding to bf16 on AVX-512, with the instruction and without it; gemm16 without it. */
#include "tensor/kern/kernels.h"

#if AS_HAVE_X86
#include "tensor/kern/target.h"
AS_TARGET_PUSH_AVX512
#include "tensor/kern/avx512/lanes_avx512.h"

AS_ALWAYS_INLINE v16 v16_odd16(v16 x) {
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32((int)0xffff0000u)));
}
AS_ALWAYS_INLINE v16 v16_even16(v16 x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x), 16));
}
#define AS_WIDE(op) as_k_##op##_avx512
#define AS_WIDE_GEMM as_k_gemm_avx512
#include "tensor/kern/wide/gemm16_wide.h"

AS_ALWAYS_INLINE __m256i round16(__m512 x) { /* as_bf16_of, 16 at once */
  const __m512i u = _mm512_castps_si512(x), one = _mm512_set1_epi32(1), hi = _mm512_srli_epi32(u, 16);
  const __m512i magnitude = _mm512_and_si512(u, _mm512_set1_epi32(0x7fffffff));
  __m512i r = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), _mm512_and_si512(hi, one));
  r = _mm512_srli_epi32(r, 16);
  r = _mm512_mask_and_epi32(r, _mm512_cmplt_epi32_mask(magnitude, _mm512_set1_epi32(0x00800000)), hi,
                            _mm512_set1_epi32(0x8000));
  r = _mm512_mask_or_epi32(r, _mm512_cmpgt_epi32_mask(magnitude, _mm512_set1_epi32(0x7f800000)), hi,
                           _mm512_set1_epi32(0x40));
  return _mm512_cvtepi32_epi16(r);
}

void as_k_tobf16_avx512(size_t rows, size_t n, const float *in, size_t ld, uint16_t *out, size_t ldo) {
  for (size_t r = 0; r < rows; r++, in += ld, out += ldo) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) _mm256_storeu_si256((void *)(out + i), round16(v16_load(in + i)));
    if (i < n) _mm256_mask_storeu_epi16(out + i, first_n(n - i), round16(v16_loadn(in + i, n - i)));
  }
}
AS_TARGET_POP

AS_TARGET_PUSH_AVX512BF16
void as_k_tobf16_avx512bf16(size_t rows, size_t n, const float *in, size_t ld, uint16_t *out, size_t ldo) {
  for (size_t r = 0; r < rows; r++, in += ld, out += ldo) {
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
      _mm512_storeu_si512(
          out + i, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(in + i + 16), _mm512_loadu_ps(in + i)));
    for (; i < n; i += 16) {
      const __mmask16 m = (__mmask16)(n - i < 16 ? (1u << (n - i)) - 1 : 0xffff);
      _mm256_mask_storeu_epi16(out + i, m, (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(m, in + i)));
    }
  }
}
AS_TARGET_POP
#endif
