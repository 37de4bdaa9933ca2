/* Row operations: LayerNorm, softmax, L2 norm, elementwise activations (NUMERICS rules 3 and 4). */
#ifndef AS_TENSOR_NORM_H
#define AS_TENSOR_NORM_H

#include <stddef.h>

#include "tensor/tensor.h"

/* rows of c floats. in and out may be the same memory when ld_in == ld_out. Parallel over rows. */
typedef struct as_layernorm_weights {
  int c;
  const float *gamma, *beta; /* [c] */
  float eps;
} as_layernorm_weights;
void as_layernorm(const as_layernorm_weights *w, size_t rows, const float *in, size_t ld_in, float *out,
                  size_t ld_out);
void as_softmax(size_t rows, int c, const float *in, size_t ld_in, float *out, size_t ld_out);
/* x / max(sqrt(sum x^2), 1e-12) */
void as_l2_normalize(size_t rows, int c, const float *in, size_t ld_in, float *out, size_t ld_out);
void as_activate(as_act act, size_t n, const float *in, float *out);

#endif
