#include <string.h>

#include "models/model_int.h"

void as_trace_tensor(const as_tracer *trace, const char *layer, const as_tensor *t) {
  if (!trace->fn) return;
  const int64_t shape[4] = {t->n, t->h, t->w, t->c};
  const size_t pixels = (size_t)t->n * (size_t)t->h * (size_t)t->w, c = (size_t)t->c;
  for (size_t p = 0; p < pixels; p++) memcpy(trace->buf + p * c, t->data + p * t->ld, c * sizeof(float));
  trace->fn(trace->ctx, layer, shape, trace->buf);
}
