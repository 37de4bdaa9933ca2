/* Names the functions of the ref texts. kern/portable compiles the same texts a second time with the
 * fused step emulated; everywhere else this is the plain ref variant. */
#ifndef AS_TENSOR_KERN_REF_VARIANT_REF_H
#define AS_TENSOR_KERN_REF_VARIANT_REF_H

#include "tensor/kern/kernels.h"

#ifndef AS_VARIANT
#define AS_VARIANT(op) as_k_##op##_ref
#endif
#ifndef AS_FMAF
#define AS_FMAF fmaf
#endif

#endif
