/* Pooling over space: one chain per channel in (row, column) order (NUMERICS rules 3 and 6). */
#ifndef AS_TENSOR_POOL_H
#define AS_TENSOR_POOL_H

#include <stddef.h>

#include "tensor/tensor.h"

typedef struct as_pool_shape {
  int kh, kw, stride;
  int pad_top, pad_left, pad_bottom, pad_right; /* max: padding never wins; avg: not allowed */
} as_pool_shape;

void as_maxpool(const as_pool_shape *s, const as_tensor *in, const as_tensor *out);
void as_avgpool(const as_pool_shape *s, const as_tensor *in, const as_tensor *out);
/* Mean over all pixels: out[n, c], rows ld_out floats apart. */
void as_global_avgpool(const as_tensor *in, float *out, size_t ld_out);
/* Mean over tokens first..tokens-1. */
void as_mean_tokens(const as_tensor *in, int first, float *out, size_t ld_out);

#endif
