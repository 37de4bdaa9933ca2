#include "tools/trace.h"

#include <stdio.h>

#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"

struct as_trace {
  as_out out;
};

static void on_layer(void *ctx, const char *layer, const int64_t shape[4], const float *x) {
  as_trace *t = ctx;
  size_t n = (size_t)(shape[0] * shape[1] * shape[2] * shape[3]);
  float lo = n ? x[0] : 0, hi = lo;
  char text[96], hex[65], first[80] = "";
  as_sha256 sum;
  for (size_t i = 1; i < n; i++) {
    if (x[i] < lo) lo = x[i];
    if (x[i] > hi) hi = x[i];
  }
  for (size_t i = 0, at = 0; i < n && i < 4; i++)
    at += (size_t)snprintf(first + at, sizeof first - at, "%s%.9g", i ? "," : "", (double)x[i]);
  as_sha256_init(&sum);
  as_sha256_update_f32(&sum, x, n);
  as_sha256_hex(&sum, hex);
  as_out_printf(&t->out, "%s\t%s\t%.9g\t%.9g\t%s\t%s\n", layer, as_shape_text(shape, 4, text, sizeof text),
                (double)lo, (double)hi, first, hex);
}

as_status as_trace_open(as_trace **out, const char *path, as_model *m, as_err *err) {
  as_trace *t = as_calloc(1, sizeof *t, err);
  *out = NULL;
  if (!t) return AS_E_ENV;
  as_status s = as_out_open(&t->out, path, err);
  if (s != AS_OK) {
    as_free(t);
    return s;
  }
  as_out_printf(&t->out, "layer\tshape\tmin\tmax\tfirst\tsha256\n");
  as_model_set_trace(m, on_layer, t);
  *out = t;
  return AS_OK;
}

as_status as_trace_close(as_trace **trace, as_model *m, int keep, as_err *err) {
  as_trace *t = *trace;
  as_status s = AS_OK;
  if (!t) return AS_OK;
  as_model_set_trace(m, NULL, NULL);
  if (keep)
    s = as_out_commit(&t->out, err);
  else
    as_out_abort(&t->out);
  as_free(t);
  *trace = NULL;
  return s;
}
