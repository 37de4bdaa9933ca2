/* The backward pass of multi-head self-attention. Forward is as_attention_run (tensor/attention.h), the one of inference;
 * the weights P are computed again, head by head, so that no pass keeps tokens^2 floats a head.
 *
 *   S = scale Q K^T;   P = softmax of each row of S;   O = P V
 *   dV = P^T dO;   dP = dO V^T;   dS = scale P (dP - sum over the row of dP P);   dQ = dS K;   dK = dS^T Q
 *
 * Each element of a product is one chain over channels, keys or queries of one image, rising (NUMERICS rule T1). */
#ifndef AS_TENSOR_TRAIN_ATTENTION_TRAIN_H
#define AS_TENSOR_TRAIN_ATTENTION_TRAIN_H

#include <stddef.h>

#include "tensor/base/par.h"
#include "tensor/tensor.h"

/* qkv as as_attention_run; dout: [n, tokens, 1, d]; dqkv: [n, tokens, 1, 3 d], written. team: scratch of
 * as_attention_grad_scratch bytes. */
size_t as_attention_grad_scratch(int tokens, int heads, int d, int threads);
void as_attention_backward(const as_tensor *qkv, int heads, const as_tensor *dout, const as_tensor *dqkv,
                           const as_team *team);

#endif
