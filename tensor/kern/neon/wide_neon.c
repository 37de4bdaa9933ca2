/* The row, window and transform kernels, and dgemm, for NEON: the texts of kern/wide on its registers. */
#include "tensor/kern/kernels.h"

#if AS_HAVE_NEON
#include "tensor/kern/neon/lanes_neon.h"
#define AS_WIDE(op) as_k_##op##_neon
#define AS_WIDE_BYTES 16
#include "tensor/kern/wide/dgemm_wide.h"
#include "tensor/kern/wide/gemmt_wide.h"
#include "tensor/kern/wide/rows_wide.h"
#include "tensor/kern/wide/train_wide.h"
#include "tensor/kern/wide/wino_wide.h"
#endif
