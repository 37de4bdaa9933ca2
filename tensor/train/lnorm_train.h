/* LayerNorm in training. Forward is as_layernorm (tensor/norm.h), the one of inference; the backward pass computes mean and
 * rstd of each row again, which costs less than keeping them.
 *
 *   xh = (x - mean) rstd;   y = xh gamma + beta
 *   g = dy gamma;   dx = rstd (g - mean g - xh mean(g xh));   dgamma = sum over rows of dy xh;   dbeta = sum of dy
 *
 * The means are over one row (NUMERICS rule 3), the sums over rows by rule T2. */
#ifndef AS_TENSOR_TRAIN_LNORM_TRAIN_H
#define AS_TENSOR_TRAIN_LNORM_TRAIN_H

#include <stddef.h>

#include "tensor/train/map.h"

typedef struct as_lnorm_grad {
  const as_map *x, *dy;   /* matrices [rows, c] */
  const as_map *residual; /* [rows, c] or NULL: another consumer's gradient of x, added to dx */
  const as_map *dx;       /* [rows, c]; may be dy or residual */
  const float *gamma;     /* [c] */
  float eps;
  float *dgamma, *dbeta; /* [c], written */
  float *scratch;        /* as_lnorm_grad_floats of them */
} as_lnorm_grad;

size_t as_lnorm_grad_floats(size_t rows, size_t c);
void as_lnorm_backward(const as_lnorm_grad *a);

#endif
