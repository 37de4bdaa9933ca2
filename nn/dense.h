/* Linear layer: y = x W^T + b over rows, with the epilogues of as_linear_run. */
#ifndef AS_NN_DENSE_H
#define AS_NN_DENSE_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/params.h"
#include "tensor/base/status.h"
#include "tensor/linear.h"

typedef struct as_dense {
  int n_in, n_out;
  bool bias;
  size_t param;      /* index of `weight`; `bias` follows */
  as_linear *linear; /* after load */
} as_dense;

as_status as_dense_declare(as_dense *l, const char *prefix, int n_in, int n_out, bool bias, as_params *params,
                           as_err *err);
as_status as_dense_load(as_dense *l, const as_params *params, const as_view *views, as_err *err);
size_t as_dense_scratch(const as_dense *l, int threads); /* bytes, after load */
/* args->team: scratch of that size. */
void as_dense_forward(const as_dense *l, const as_linear_args *args);
void as_dense_clear(as_dense *l);

#endif
