/* Convolution with its BatchNorm folded in (NUMERICS rule 7), or with its own bias. */
#ifndef AS_NN_CONVBN_H
#define AS_NN_CONVBN_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/params.h"
#include "tensor/base/status.h"
#include "tensor/conv.h"
#include "tensor/tensor.h"

typedef struct as_convbn_cfg {
  as_conv_shape shape;
  const char *conv; /* prefix of `weight` (and of `bias` when bn is NULL) */
  const char *bn;   /* prefix of the BatchNorm's five tensors; NULL = none, the convolution has a bias */
  double eps;       /* decimal double; unused without bn */
  bool closes;      /* this BatchNorm ends a residual branch (matters to initial values only) */
  as_act act;
} as_convbn_cfg;

typedef struct as_convbn {
  as_conv_shape shape;
  as_act act;
  double eps;
  bool has_bn;
  size_t param;  /* index of `weight`; the others follow it */
  as_conv *conv; /* after load */
} as_convbn;

/* Names the tensors; the strings of cfg are borrowed for the call. */
as_status as_convbn_declare(as_convbn *l, const as_convbn_cfg *cfg, as_params *params, as_err *err);
/* Folds in double, packs. May be called again with other weights. */
as_status as_convbn_load(as_convbn *l, const as_params *params, const as_view *views, as_err *err);
/* act(bn(conv(in)) + residual); residual may be NULL, or the same memory as out. team: as as_conv_run. */
void as_convbn_forward(const as_convbn *l, const as_tensor *in, const as_tensor *residual,
                       const as_tensor *out, const as_team *team);
void as_convbn_clear(as_convbn *l);
double as_convbn_flop(const as_convbn *l); /* of one image, padded taps counted */

#endif
