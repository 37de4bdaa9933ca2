#include "nn/lnorm.h"

#include "tensor/base/mem.h"
#include "tensor/norm.h"

as_status as_lnorm_declare(as_lnorm *l, const char *prefix, int c, double eps, as_params *params,
                           as_err *err) {
  *l = (as_lnorm){.c = c, .eps = (float)eps};
  as_status st = as_params_add(
      params, &(as_param_want){prefix, "weight", as_init_between(0.75, 1.25), 1, {c}, false}, &l->param, err);
  if (st == AS_OK)
    st = as_params_add(params, &(as_param_want){prefix, "bias", as_init_between(-0.1, 0.1), 1, {c}, false},
                       NULL, err);
  return st;
}

as_status as_lnorm_load(as_lnorm *l, const as_params *params, const as_view *views, as_err *err) {
  as_lnorm_clear(l);
  as_status st = as_params_read(params, views, l->param, &l->gamma, err);
  if (st == AS_OK) st = as_params_read(params, views, l->param + 1, &l->beta, err);
  return st;
}

void as_lnorm_forward(const as_lnorm *l, size_t rows, const float *in, size_t ld_in, float *out,
                      size_t ld_out) {
  as_layernorm(&(as_layernorm_weights){l->c, l->gamma, l->beta, l->eps}, rows, in, ld_in, out, ld_out);
}

void as_lnorm_clear(as_lnorm *l) {
  as_free(l->gamma);
  as_free(l->beta);
  l->gamma = l->beta = NULL;
}
