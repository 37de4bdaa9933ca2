/* Multi-head self-attention on fused qkv rows (NUMERICS rule 5). */
#ifndef AS_TENSOR_ATTENTION_H
#define AS_TENSOR_ATTENTION_H

#include <stddef.h>

#include "tensor/base/par.h"
#include "tensor/tensor.h"

/* qkv: [n, tokens, 1, 3 * d], the columns as timm's fused layout: q, k, v, each heads x d_head.
 * out: [n, tokens, 1, d], of which the rows of the first `queries` tokens of each image are computed; the
 * other tokens then need no q. team: scratch of as_attention_scratch(...) bytes. */
size_t as_attention_scratch(int tokens, int heads, int d, int threads);
void as_attention_run(const as_tensor *qkv, int heads, int queries, const as_tensor *out,
                      const as_team *team);

#endif
