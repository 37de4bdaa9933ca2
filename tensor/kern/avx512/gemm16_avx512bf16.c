/* gemm16 with VDPBF16PS: the tile of gemm_avx512.c, twice the products per instruction. */
#define AS_GEMM_NAME as_k_gemm16_avx512bf16
#define AS_GEMM_TARGET AS_TARGET_PUSH_AVX512BF16
#define AS_GEMM_STEP(a, b, acc) \
  (acc = _mm512_dpbf16_ps(acc, (__m512bh)_mm512_castps_si512(a), (__m512bh)_mm512_castps_si512(b)))
#include "tensor/kern/avx512/gemm_avx512.c"
