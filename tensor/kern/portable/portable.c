/* The ref texts with the fused step emulated exactly, for CPUs whose C library would have to emulate it
 * through the floating-point environment (x86 before FMA3): about ten operations instead of a hundred. */
#include <math.h>

#include "tensor/kern/kernels.h"

#if AS_HAVE_PORTABLE
#include "tensor/kern/softfma.h"
#define AS_FMAF as_softfma
#define AS_VARIANT(op) as_k_##op##_portable
#include "tensor/kern/ref/gemm_ref.c"
#include "tensor/kern/ref/rows_ref.c"
#include "tensor/kern/ref/train_ref.c"
#include "tensor/kern/ref/wino_ref.c"
#endif
