#include "nn/mlp.h"

#include <stdio.h>

#include "tensor/base/par.h"
#include "tensor/norm.h"

enum { GATE_ROWS = 16 };

as_status as_mlp_declare(as_mlp *l, const char *prefix, int dim, int hidden, bool gated, as_params *params,
                         as_err *err) {
  char name[96];
  *l = (as_mlp){.dim = dim, .hidden = hidden, .gated = gated};
  (void)snprintf(name, sizeof name, "%s.%s", prefix, gated ? "w12" : "fc1");
  as_status st = as_dense_declare(&l->first, name, dim, as_mlp_width(l), true, params, err);
  if (st != AS_OK) return st;
  (void)snprintf(name, sizeof name, "%s.%s", prefix, gated ? "w3" : "fc2");
  return as_dense_declare(&l->second, name, hidden, dim, true, params, err);
}

as_status as_mlp_load(as_mlp *l, const as_params *params, const as_view *views, as_err *err) {
  as_status st = as_dense_load(&l->first, params, views, err);
  return st == AS_OK ? as_dense_load(&l->second, params, views, err) : st;
}

size_t as_mlp_scratch(const as_mlp *l, int threads) {
  return as_dense_scratch(&l->first, threads); /* second takes as much */
}

int as_mlp_width(const as_mlp *l) {
  return l->gated ? 2 * l->hidden : l->hidden;
}

static void gate_rows(void *ctx, size_t chunk, int worker) {
  const as_tensor *t = ctx;
  const size_t rows = (size_t)t->n * (size_t)t->h, half = (size_t)t->c / 2;
  const size_t first = chunk * GATE_ROWS, last = rows - first > GATE_ROWS ? first + GATE_ROWS : rows;
  (void)worker;
  for (size_t r = first; r < last; r++) {
    float *u = t->data + r * t->ld;
    const float *v = u + half;
    as_activate(AS_ACT_SILU, half, u, u);
    for (size_t i = 0; i < half; i++) u[i] = u[i] * v[i];
  }
}

void as_mlp_expand(const as_mlp *l, const as_tensor *in, const as_tensor *hidden, const as_team *team) {
  const size_t rows = (size_t)in->n * (size_t)in->h;
  as_dense_forward(&l->first, &(as_linear_args){.in = in->data,
                                                .ld_in = in->ld,
                                                .rows = rows,
                                                .act = l->gated ? AS_ACT_NONE : AS_ACT_GELU,
                                                .out = hidden->data,
                                                .ld_out = hidden->ld,
                                                .team = team});
  if (!l->gated) return;
  as_tensor t = *hidden;
  as_par_for_by(team->threads, (rows + GATE_ROWS - 1) / GATE_ROWS, gate_rows, &t);
}

void as_mlp_project(const as_mlp *l, const as_tensor *hidden, const float *gamma, const as_tensor *x,
                    const as_team *team) {
  as_dense_forward(&l->second, &(as_linear_args){.in = hidden->data,
                                                 .ld_in = hidden->ld,
                                                 .rows = (size_t)hidden->n * (size_t)hidden->h,
                                                 .residual = x->data,
                                                 .ld_res = x->ld,
                                                 .gamma = gamma,
                                                 .act = AS_ACT_NONE,
                                                 .out = x->data,
                                                 .ld_out = x->ld,
                                                 .team = team});
}

void as_mlp_clear(as_mlp *l) {
  as_dense_clear(&l->first);
  as_dense_clear(&l->second);
}

double as_mlp_flop(const as_mlp *l, int tokens) {
  const double t = tokens, d = l->dim;
  return 2.0 * t * d * as_mlp_width(l) + 2.0 * t * d * l->hidden;
}
