/* The row, window and transform kernels, and dgemm, for AVX512: the texts of kern/wide on its registers. */
#include "tensor/kern/kernels.h"

#if AS_HAVE_X86
#include "tensor/kern/target.h"
AS_TARGET_PUSH_AVX512
#include "tensor/kern/avx512/lanes_avx512.h"
#define AS_WIDE(op) as_k_##op##_avx512
#define AS_WIDE_FOUR
#define AS_WIDE_BYTES 64
#include "tensor/kern/wide/dgemm_wide.h"
#include "tensor/kern/wide/rows_wide.h"
#include "tensor/kern/wide/train_wide.h"
#include "tensor/kern/wide/wino_wide.h"
AS_TARGET_POP
#endif
