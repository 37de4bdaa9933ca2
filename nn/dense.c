#include "nn/dense.h"

#include "tensor/base/mem.h"

as_status as_dense_declare(as_dense *l, const char *prefix, int n_in, int n_out, bool bias, as_params *params,
                           as_err *err) {
  *l = (as_dense){.n_in = n_in, .n_out = n_out, .bias = bias};
  as_status st = as_params_add(
      params, &(as_param_want){prefix, "weight", as_init_xavier(n_in, n_out), 2, {n_out, n_in}, false},
      &l->param, err);
  if (st == AS_OK && bias)
    st = as_params_add(
        params, &(as_param_want){prefix, "bias", as_init_between(-0.05, 0.05), 1, {n_out}, false}, NULL, err);
  return st;
}

as_status as_dense_load(as_dense *l, const as_params *params, const as_view *views, as_err *err) {
  as_values w;
  float *b = NULL;
  as_status st = as_params_see(params, views, l->param, &w, err);
  if (st == AS_OK && l->bias) st = as_params_read(params, views, l->param + 1, &b, err);
  if (st == AS_OK) {
    as_linear_destroy(&l->linear);
    st = as_linear_create_layer(&l->linear, l->n_out, l->n_in, w.x, b, err);
    if (st != AS_OK) st = as_params_blame(params, l->param, &w, st, err);
  }
  as_params_leave(params, &w);
  as_free(b);
  return st;
}

size_t as_dense_scratch(const as_dense *l, int threads) {
  return as_linear_scratch(l->linear, threads);
}

void as_dense_forward(const as_dense *l, const as_linear_args *args) {
  as_linear_run(l->linear, args);
}

void as_dense_clear(as_dense *l) {
  as_linear_destroy(&l->linear);
}
