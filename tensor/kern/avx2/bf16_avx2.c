/* gemm16 and rounding to bf16 on AVX2 + FMA. */
#include "tensor/kern/kernels.h"

#if AS_HAVE_X86
#include "tensor/kern/ref/bf16_ref.h"
#include "tensor/kern/target.h"
AS_TARGET_PUSH_AVX2
#include "tensor/kern/avx2/lanes_avx2.h"

AS_ALWAYS_INLINE __m256 odd8(__m256 x) {
  return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u)));
}
AS_ALWAYS_INLINE __m256 even8(__m256 x) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 16));
}
AS_ALWAYS_INLINE v16 v16_odd16(v16 x) {
  return (v16){odd8(x.l), odd8(x.h)};
}
AS_ALWAYS_INLINE v16 v16_even16(v16 x) {
  return (v16){even8(x.l), even8(x.h)};
}
#define AS_WIDE(op) as_k_##op##_avx2
#define AS_WIDE_GEMM as_k_gemm_avx2
#include "tensor/kern/wide/gemm16_wide.h"

AS_ALWAYS_INLINE __m256i round8(__m256 x) { /* as_bf16_of, 8 at once, in the low halves */
  const __m256i u = _mm256_castps_si256(x), hi = _mm256_srli_epi32(u, 16);
  const __m256i magnitude = _mm256_and_si256(u, _mm256_set1_epi32(0x7fffffff));
  const __m256i odd = _mm256_and_si256(hi, _mm256_set1_epi32(1));
  __m256i r = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd), 16);
  const __m256i tiny = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x00800000), magnitude);
  const __m256i nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
  r = _mm256_blendv_epi8(r, _mm256_and_si256(hi, _mm256_set1_epi32(0x8000)), tiny);
  return _mm256_blendv_epi8(r, _mm256_or_si256(hi, _mm256_set1_epi32(0x40)), nan);
}

void as_k_tobf16_avx2(size_t rows, size_t n, const float *in, size_t ld, uint16_t *out, size_t ldo) {
  for (size_t r = 0; r < rows; r++, in += ld, out += ldo) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      const __m256i l = round8(_mm256_loadu_ps(in + i)), h = round8(_mm256_loadu_ps(in + i + 8));
      _mm256_storeu_si256((void *)(out + i), _mm256_permute4x64_epi64(_mm256_packus_epi32(l, h), 0xd8));
    }
    for (; i < n; i++) {
      const uint16_t b = as_bf16_of(in[i]);
      memcpy(out + i, &b, 2);
    }
  }
}
AS_TARGET_POP
#endif
