/* The two-layer network of a transformer block, as a residual branch.
 *
 *   gelu:    x + gamma * fc2(GELU(fc1(in)))                        PREFIX.fc1, PREFIX.fc2
 *   swiglu:  u, v = halves of w12(in); x + gamma * w3(SiLU(u) * v)  PREFIX.w12, PREFIX.w3
 *            (Shazeer 2020; names and layout of DINOv2, layers/swiglu_ffn.py) */
#ifndef AS_NN_MLP_H
#define AS_NN_MLP_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/dense.h"
#include "nn/params.h"
#include "tensor/base/status.h"
#include "tensor/tensor.h"

typedef struct as_mlp {
  int dim, hidden; /* hidden: width that enters the second layer */
  bool gated;
  as_dense first, second;
} as_mlp;

as_status as_mlp_declare(as_mlp *l, const char *prefix, int dim, int hidden, bool gated, as_params *params,
                         as_err *err);
as_status as_mlp_load(as_mlp *l, const as_params *params, const as_view *views, as_err *err);
/* Bytes of scratch, after load; both calls below want a team with that much. */
size_t as_mlp_scratch(const as_mlp *l, int threads);
int as_mlp_width(const as_mlp *l); /* channels that the hidden buffer needs */
/* in: [n, tokens, 1, dim]; hidden: [n, tokens, 1, as_mlp_width]. */
void as_mlp_expand(const as_mlp *l, const as_tensor *in, const as_tensor *hidden, const as_team *team);
/* x = x + gamma * second(hidden); gamma NULL: x + second(hidden). */
void as_mlp_project(const as_mlp *l, const as_tensor *hidden, const float *gamma, const as_tensor *x,
                    const as_team *team);
void as_mlp_clear(as_mlp *l);
double as_mlp_flop(const as_mlp *l, int tokens);

#endif
