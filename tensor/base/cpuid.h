/* The one CPU question that code below tensor/ asks. tensor/runtime.h chooses the kernels of tensor/
 * by itself; decoders and resize are integer arithmetic and need no start-up call. */
#ifndef AS_TENSOR_BASE_CPUID_H
#define AS_TENSOR_BASE_CPUID_H

#include <stdbool.h>

/* AVX2, BMI1 and BMI2, usable under this operating system. Always false off x86-64. */
bool as_cpu_has_avx2(void);

#endif
