#include "nn/convbn.h"

#include <math.h>
#include <string.h>

#include "tensor/base/mem.h"

as_status as_convbn_declare(as_convbn *l, const as_convbn_cfg *cfg, as_params *params, as_err *err) {
  const as_conv_shape *s = &cfg->shape;
  const double fan_in = (double)s->c_in * s->kh * s->kw;
  *l = (as_convbn){.shape = *s, .act = cfg->act, .eps = cfg->eps, .has_bn = cfg->bn != NULL};

  /* Without BatchNorm it is a patch embedding: initialised as the linear map it is (MAE, MoCo v3). */
  as_init_rule rule = l->has_bn ? as_init_kaiming(fan_in) : as_init_xavier(fan_in, s->c_out);
  as_status st = as_params_add(
      params, &(as_param_want){cfg->conv, "weight", rule, 4, {s->c_out, s->c_in, s->kh, s->kw}, false},
      &l->param, err);
  if (st != AS_OK) return st;
  if (!l->has_bn)
    return as_params_add(
        params, &(as_param_want){cfg->conv, "bias", as_init_between(-0.05, 0.05), 1, {s->c_out}, false}, NULL,
        err);

  const struct {
    const char *leaf;
    as_init_rule rule;
  } bn[] = {{"weight", cfg->closes ? as_init_between(0.1, 0.3) : as_init_between(0.5, 1.5)},
            {"bias", as_init_between(-0.2, 0.2)},
            {"running_mean", as_init_between(-0.2, 0.2)},
            {"running_var", as_init_between(0.5, 1.5)}};
  for (size_t i = 0; i < sizeof bn / sizeof *bn && st == AS_OK; i++)
    st = as_params_add(params, &(as_param_want){cfg->bn, bn[i].leaf, bn[i].rule, 1, {s->c_out}, false}, NULL,
                       err);
  if (st == AS_OK)
    st = as_params_add(params,
                       &(as_param_want){.prefix = cfg->bn,
                                        .leaf = "num_batches_tracked",
                                        .rule = as_init_between(0, 0),
                                        .optional = true},
                       NULL, err);
  return st;
}

/* s = gamma / sqrt(var + eps), by which as_conv_create multiplies; b' = beta - mean * s: all double
 * (NUMERICS rule 7). */
static as_status fold(const as_convbn *l, float *const p[4], double *s, double *b, const as_params *params,
                      as_err *err) {
  for (size_t o = 0; o < (size_t)l->shape.c_out; o++) {
    if (!l->has_bn) {
      s[o] = 1.0;
      b[o] = (double)p[0][o];
      continue;
    }
    double var = (double)p[3][o] + l->eps;
    if (!(var > 0))
      return as_fail(err, AS_E_INPUT, "tensor %s: channel %zu: found variance %.9g, wanted > -%g",
                     params->specs[l->param + 4].name, o, (double)p[3][o], l->eps);
    s[o] = (double)p[0][o] / sqrt(var);
    b[o] = (double)p[1][o] - (double)p[2][o] * s[o];
  }
  return AS_OK;
}

as_status as_convbn_load(as_convbn *l, const as_params *params, const as_view *views, as_err *err) {
  float *p[4] = {NULL, NULL, NULL, NULL}; /* bias | gamma, beta, mean, var */
  const size_t parts = l->has_bn ? 4 : 1;
  const size_t c_out = (size_t)l->shape.c_out;
  as_values w;
  as_status st = as_params_see(params, views, l->param, &w, err);
  for (size_t i = 0; i < parts && st == AS_OK; i++)
    st = as_params_read(params, views, l->param + 1 + i, &p[i], err);
  double *s = NULL, *b = NULL;
  if (st == AS_OK) {
    s = as_alloc(c_out, sizeof *s, err);
    b = as_alloc(c_out, sizeof *b, err);
    st = s && b ? fold(l, p, s, b, params, err) : AS_E_ENV;
  }
  if (st == AS_OK) {
    as_conv_destroy(&l->conv);
    st = as_conv_create(&l->conv, &l->shape, w.x, s, b, err);
    if (st != AS_OK) st = as_params_blame(params, l->param, &w, st, err);
  }
  as_params_leave(params, &w);
  as_free(s);
  as_free(b);
  for (size_t i = 0; i < parts; i++) as_free(p[i]);
  return st;
}

void as_convbn_forward(const as_convbn *l, const as_tensor *in, const as_tensor *residual,
                       const as_tensor *out, const as_team *team) {
  as_conv_run(l->conv, &(as_conv_args){in, residual, l->act, out}, team);
}

void as_convbn_clear(as_convbn *l) {
  as_conv_destroy(&l->conv);
}

double as_convbn_flop(const as_convbn *l) {
  const as_conv_shape *s = &l->shape;
  return 2.0 * as_conv_out_h(s) * as_conv_out_w(s) * s->c_out * s->c_in * s->kh * s->kw;
}
