/* LayerNorm over the channels of a row (NUMERICS rule 3). */
#ifndef AS_NN_LNORM_H
#define AS_NN_LNORM_H

#include <stddef.h>

#include "nn/params.h"
#include "tensor/base/status.h"

typedef struct as_lnorm {
  int c;
  float eps;
  size_t param;        /* index of `weight`; `bias` follows */
  float *gamma, *beta; /* [c], after load */
} as_lnorm;

as_status as_lnorm_declare(as_lnorm *l, const char *prefix, int c, double eps, as_params *params,
                           as_err *err);
as_status as_lnorm_load(as_lnorm *l, const as_params *params, const as_view *views, as_err *err);
/* in and out may be the same memory when ld_in == ld_out. */
void as_lnorm_forward(const as_lnorm *l, size_t rows, const float *in, size_t ld_in, float *out,
                      size_t ld_out);
void as_lnorm_clear(as_lnorm *l);

#endif
