/* The row, window and transform kernels, and dgemm, for AVX2: the texts of kern/wide on its registers. */
#include "tensor/kern/kernels.h"

#if AS_HAVE_X86
#include "tensor/kern/target.h"
AS_TARGET_PUSH_AVX2
#include "tensor/kern/avx2/lanes_avx2.h"
#define AS_WIDE(op) as_k_##op##_avx2
#define AS_WIDE_BYTES 32
#include "tensor/kern/wide/dgemm_wide.h"
#include "tensor/kern/wide/gemmt_wide.h"
#include "tensor/kern/wide/rows_wide.h"
#include "tensor/kern/wide/train_wide.h"
#include "tensor/kern/wide/wino_wide.h"
AS_TARGET_POP
#endif
