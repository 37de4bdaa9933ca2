/* Convolution for training: forward, and its two gradients. Also every linear layer, as a 1x1 convolution over a
 * matrix (map.h).
 *
 *   forward       out[p, o]  = bias[o] + sum over (kernel row, kernel column, input channel)          rule 2
 *   input         din[q, i]  = sum over (output row, output column, output channel) of the outputs that saw q, rising,
 *                              one chain: the kernel is run through backwards, so that memory is run through forwards
 *   weight        dw[o, i, y, x] = sum over all output pixels of the batch                            rule T2
 *
 * All three are products in the tile of inference (gemm in kernels.h). */
#ifndef AS_TENSOR_TRAIN_CONV_TRAIN_H
#define AS_TENSOR_TRAIN_CONV_TRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"
#include "tensor/conv.h"
#include "tensor/train/map.h"

typedef struct as_conv_train as_conv_train;

/* Plans for maps of up to `pixels` output pixels in the batch, with the threads of the moment; everything that a step
 * needs is allocated here. AS_E_USAGE: a kernel of over 64 rows, padding not below the kernel. */
as_status as_conv_train_create(as_conv_train **out, const as_conv_shape *shape, size_t pixels, as_err *err);
void as_conv_train_destroy(as_conv_train **conv);

/* Borders that the maps must have at least. */
int as_conv_train_border_in(const as_conv_shape *s);
int as_conv_train_border_out(const as_conv_shape *s); /* of the output's gradient */

/* Takes the weights of the step, [c_out, c_in, kh, kw], and bias [c_out] or NULL. `reverse`: also what the input
 * gradient needs. Borrowed for the call. */
void as_conv_train_pack(as_conv_train *c, const float *weight, const float *bias, bool reverse);

void as_conv_train_forward(const as_conv_train *c, const as_map *in, const as_map *out);
/* out = residual + finished chain; residual may be out itself. */
void as_conv_train_forward_add(const as_conv_train *c, const as_map *in, const as_map *residual,
                               const as_map *out);
/* residual (or NULL) is added to the finished chain, as another consumer's gradient; it may be din itself. */
void as_conv_train_grad_input(const as_conv_train *c, const as_map *dout, const as_map *residual,
                              const as_map *din);
void as_conv_train_grad_weight(as_conv_train *c, const as_map *in, const as_map *dout, float *dweight);

#endif
