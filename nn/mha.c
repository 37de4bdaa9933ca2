#include "nn/mha.h"

#include <stdio.h>

#include "tensor/attention.h"

as_status as_mha_declare(as_mha *l, const char *prefix, int dim, int heads, bool qkv_bias, as_params *params,
                         as_err *err) {
  char name[96];
  *l = (as_mha){.dim = dim, .heads = heads};
  (void)snprintf(name, sizeof name, "%s.qkv", prefix);
  as_status st = as_dense_declare(&l->qkv, name, dim, 3 * dim, qkv_bias, params, err);
  if (st != AS_OK) return st;
  (void)snprintf(name, sizeof name, "%s.proj", prefix);
  return as_dense_declare(&l->proj, name, dim, dim, true, params, err);
}

as_status as_mha_load(as_mha *l, const as_params *params, const as_view *views, as_err *err) {
  as_status st = as_dense_load(&l->qkv, params, views, err);
  return st == AS_OK ? as_dense_load(&l->proj, params, views, err) : st;
}

size_t as_mha_scratch(const as_mha *l, int tokens, int threads) {
  const size_t heads = as_attention_scratch(tokens, l->heads, l->dim, threads);
  const size_t dense = as_dense_scratch(&l->qkv, threads); /* proj takes as much */
  return heads > dense ? heads : dense;
}

/* The rows of `in`, `ld` floats apart, to columns first..end-1 of the rows of qkv. */
static void project(const as_mha *l, const float *in, size_t ld_in, size_t rows, size_t first, size_t end,
                    float *qkv, size_t ld_qkv, const as_team *team) {
  as_dense_forward(&l->qkv, &(as_linear_args){.in = in,
                                              .ld_in = ld_in,
                                              .rows = rows,
                                              .act = AS_ACT_NONE,
                                              .out = qkv,
                                              .ld_out = ld_qkv,
                                              .first = first,
                                              .end = end,
                                              .team = team});
}

void as_mha_project_in(const as_mha *l, const as_tensor *in, const as_tensor *qkv, const as_team *team) {
  project(l, in->data, in->ld, (size_t)in->n * (size_t)in->h, 0, 0, qkv->data, qkv->ld, team);
}

void as_mha_attend(const as_mha *l, const as_tensor *qkv, const as_tensor *att, const as_team *team) {
  as_attention_run(qkv, l->heads, qkv->h, att, team);
}

void as_mha_project_in_first(const as_mha *l, const as_tensor *in, const as_tensor *qkv,
                             const as_team *team) {
  const size_t d = (size_t)l->dim, tokens = (size_t)in->h;
  const size_t skip = d / 32 * 32; /* k and v, from a multiple of 32 on */
  project(l, in->data, in->ld * tokens, (size_t)in->n, 0, d, qkv->data, qkv->ld * tokens, team);
  project(l, in->data, in->ld, (size_t)in->n * tokens, skip, 3 * d, qkv->data, qkv->ld, team);
}

void as_mha_attend_first(const as_mha *l, const as_tensor *qkv, const as_tensor *att, const as_team *team) {
  as_attention_run(qkv, l->heads, 1, att, team);
}

void as_mha_project_out(const as_mha *l, const as_tensor *att, const float *gamma, const as_tensor *x,
                        const as_team *team) {
  as_dense_forward(&l->proj, &(as_linear_args){.in = att->data,
                                               .ld_in = att->ld,
                                               .rows = (size_t)att->n * (size_t)att->h,
                                               .residual = x->data,
                                               .ld_res = x->ld,
                                               .gamma = gamma,
                                               .act = AS_ACT_NONE,
                                               .out = x->data,
                                               .ld_out = x->ld,
                                               .team = team});
}

void as_mha_clear(as_mha *l) {
  as_dense_clear(&l->qkv);
  as_dense_clear(&l->proj);
}

double as_mha_flop(const as_mha *l, int tokens) {
  const double t = tokens, d = l->dim;
  return 2.0 * t * d * 3 * d + 2.0 * t * d * d + 2.0 * 2.0 * t * t * d;
}
