#include "nn/init.h"

#include <math.h>

#include "tensor/base/math/rng.h"
#include "tensor/base/par.h"

enum { INIT_CHUNK = 65536 };

as_init_rule as_init_between(double lo, double hi) {
  return (as_init_rule){lo, hi};
}

as_init_rule as_init_kaiming(double fan_in) {
  double b = sqrt(6.0 / fan_in);
  return (as_init_rule){-b, b};
}

as_init_rule as_init_xavier(double fan_in, double fan_out) {
  double b = sqrt(6.0 / (fan_in + fan_out));
  return (as_init_rule){-b, b};
}

typedef struct fill_job {
  as_init_rule rule;
  as_rng rng;
  size_t n;
  float *out;
} fill_job;

static void fill_chunk(void *ctx, size_t chunk, int worker) {
  const fill_job *j = ctx;
  size_t first = chunk * INIT_CHUNK;
  size_t last = j->n - first > INIT_CHUNK ? first + INIT_CHUNK : j->n;
  double lo = j->rule.lo, span = j->rule.hi - j->rule.lo;
  (void)worker;
  for (size_t i = first; i < last; i++) j->out[i] = (float)(lo + span * as_rng_uniform(j->rng, i));
}

void as_init_fill(as_init_rule rule, const char *name, uint64_t seed, size_t n, float *out) {
  fill_job job = {rule, as_rng_make(seed, as_rng_stream(name)), n, out};
  as_par_for((n + INIT_CHUNK - 1) / INIT_CHUNK, fill_chunk, &job);
}
