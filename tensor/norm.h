/* Row operations: LayerNorm, softmax, L2 norm, elementwise activations (NUMERICS rules 3 and 4). */
#ifndef AS_TENSOR_NORM_H
#define AS_TENSOR_NORM_H

#include <stddef.h>

#include "tensor/tensor.h"

/* rows of c floats. in and out may be the same memory when ld_in == ld_out. Parallel over rows. */
void as_layernorm(size_t rows, int c, const float *in, size_t ld_in, const float *gamma, const float *beta,
                  float eps, float *out, size_t ld_out);
void as_softmax(size_t rows, int c, const float *in, size_t ld_in, float *out, size_t ld_out);
/* x / max(sqrt(sum x^2), 1e-12) */
void as_l2_normalize(size_t rows, int c, const float *in, size_t ld_in, float *out, size_t ld_out);
void as_activate(as_act act, size_t n, const float *in, float *out);
/* out = a + b, elementwise; out may be a or b. */
void as_add(size_t n, const float *a, const float *b, float *out);

#endif
