/* BatchNorm with the statistics of the batch, forward and backward (NUMERICS rule T3; Ioffe and Szegedy 2015).
 *
 *   m = mean of x, v = mean of (x - m)^2 (biased), over all pixels of the map;  r = 1 / sqrt(v + eps)
 *   xh = (x - m) r;   y = relu(xh gamma + beta + residual)
 *   dgamma = sum g xh;  dbeta = sum g;  dx = gamma r (g - mean g - xh mean(g xh)),   g = dy where y > 0
 *
 * Which images share a map, and so their statistics, is the caller's decision: it is part of the method. */
#ifndef AS_TENSOR_TRAIN_BNORM_TRAIN_H
#define AS_TENSOR_TRAIN_BNORM_TRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"
#include "tensor/train/map.h"

typedef struct as_bnorm_train as_bnorm_train;

/* c channels; maps of up to `pixels` pixels in all. */
as_status as_bnorm_train_create(as_bnorm_train **out, int c, double eps, size_t pixels, as_err *err);
void as_bnorm_train_destroy(as_bnorm_train **bn);

/* gamma, beta: [c]. residual may be NULL; y may be x or residual where the backward pass does not need them. What it needs
 * stays in bn until the next forward: the statistics, and where gamma and beta are. */
void as_bnorm_train_forward(as_bnorm_train *bn, const as_map *x, const float *gamma, const float *beta,
                            const as_map *residual, bool relu, const as_map *y);

/* The running buffers take the statistics of the last forward: run = 0.9 run + 0.1 batch, as PyTorch's default
 * momentum has it; the variance with n / (n - 1). n is the pixels of that forward. */
void as_bnorm_train_running(const as_bnorm_train *bn, float *running_mean, float *running_var);

/* x: of the last forward; y: its output, read where it had a residual and ended in a ReLU (else it may be NULL). Then dy
 * becomes g, which is what the residual gets; else dy stays, and where y is positive is found from x once more, which is
 * quicker than reading y. dx may be dy or x. */
void as_bnorm_train_backward(as_bnorm_train *bn, const as_map *x, const as_map *y, const as_map *dy,
                             const as_map *dx, float *dgamma, float *dbeta);

#endif
