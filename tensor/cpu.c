/* What this CPU can do. The compiler's own detection also asks whether the system saves the registers. */
#include "tensor/bf16_int.h"
#include "tensor/kernels.h"

unsigned as_cpu_detect(void) {
  unsigned f = AS_HAVE_PORTABLE ? AS_CPU_PORTABLE : 0;
#if AS_HAVE_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx")) f |= AS_CPU_FMA;
  if ((f & AS_CPU_FMA) && __builtin_cpu_supports("avx2")) {
    f |= AS_CPU_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
      f |= AS_CPU_AVX512;
    if ((f & AS_CPU_AVX512) && __builtin_cpu_supports("avx512bf16") && as_bf16_agrees(as_k_gemm16_avx512bf16))
      f |= AS_CPU_BF16;
  }
#elif AS_HAVE_NEON
  f |= AS_CPU_FMA | AS_CPU_NEON;
#else
#ifdef FP_FAST_FMAF
  f |= AS_CPU_FMA;
#endif
#endif
  return f;
}
