/* Multi-head self-attention with its two projections, as a residual branch. */
#ifndef AS_NN_MHA_H
#define AS_NN_MHA_H

#include <stddef.h>

#include "nn/dense.h"
#include "nn/params.h"
#include "tensor/base/status.h"
#include "tensor/tensor.h"

typedef struct as_mha {
  int dim, heads;
  as_dense qkv, proj;
} as_mha;

/* PREFIX.qkv (bias optional) and PREFIX.proj: timm's fused layout, rows q, k, v. */
as_status as_mha_declare(as_mha *l, const char *prefix, int dim, int heads, bool qkv_bias, as_params *params,
                         as_err *err);
as_status as_mha_load(as_mha *l, const as_params *params, const as_view *views, as_err *err);
/* Bytes of scratch, after load. Each call below wants a team with that much. */
size_t as_mha_scratch(const as_mha *l, int tokens, int threads);

/* in: [n, tokens, 1, dim] to qkv: [n, tokens, 1, 3 dim]. */
void as_mha_project_in(const as_mha *l, const as_tensor *in, const as_tensor *qkv, const as_team *team);
/* softmax(q k^T / sqrt(d_head)) v of every head; att: [n, tokens, 1, dim]. */
void as_mha_attend(const as_mha *l, const as_tensor *qkv, const as_tensor *att, const as_team *team);
/* The same for the first token of each image alone: q of that token, k and v of all; then its row of att. */
void as_mha_project_in_first(const as_mha *l, const as_tensor *in, const as_tensor *qkv, const as_team *team);
void as_mha_attend_first(const as_mha *l, const as_tensor *qkv, const as_tensor *att, const as_team *team);
/* x = x + gamma * proj(att); gamma NULL: x + proj(att). */
void as_mha_project_out(const as_mha *l, const as_tensor *att, const float *gamma, const as_tensor *x,
                        const as_team *team);
void as_mha_clear(as_mha *l);
double as_mha_flop(const as_mha *l, int tokens); /* of one image: projections, QK^T and PV */

#endif
