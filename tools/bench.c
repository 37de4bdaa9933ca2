#include "tools/bench.h"

#include <stdlib.h>

#include "models/selftest.h"
#include "tensor/base/clock.h"
#include "tensor/base/cpu.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tools/progress.h"

as_status as_bench_open(as_bench *b, const char *net, int batch, as_err *err) {
  *b = (as_bench){.batch = batch};
  as_status s = as_model_create(&b->model, net, 0, err);
  if (s == AS_OK) s = as_model_load_seeded(b->model, 1, err);
  if (s == AS_OK) s = as_model_plan(b->model, batch, err);
  if (s == AS_OK) {
    size_t side = (size_t)as_model_input_size(b->model);
    b->images = as_alloc((size_t)batch * side * side * 3, sizeof *b->images, err);
    b->rows = as_alloc((size_t)batch * (size_t)as_model_embed_dim(b->model), sizeof *b->rows, err);
    if (!b->images || !b->rows)
      s = AS_E_ENV;
    else
      as_selftest_images(batch, (int)side, b->images);
  }
  if (s == AS_OK)
    as_model_forward(b->model, b->images, batch, b->rows); /* page in, warm up */
  else
    as_bench_close(b);
  return s;
}

double as_bench_rate(as_bench *b, double seconds) {
  double start = as_seconds(), now = start;
  size_t done = 0;
  while (done == 0 || now - start < seconds) {
    as_model_forward(b->model, b->images, b->batch, b->rows);
    done += (size_t)b->batch;
    now = as_seconds();
  }
  return (double)done / (now - start);
}

void as_bench_close(as_bench *b) {
  as_free(b->images);
  as_free(b->rows);
  as_model_destroy(&b->model);
  *b = (as_bench){0};
}

static int order(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

as_spread as_spread_of(double *samples, int n) {
  qsort(samples, (size_t)n, sizeof *samples, order);
  const double middle = samples[n / 2], before = samples[(n - 1) / 2];
  const as_spread s = {(middle + before) / 2, samples[0], samples[n - 1], n};
  return s;
}

as_spread as_bench_peaks(void) {
  double rates[AS_BENCH_SAMPLES];
  for (int i = 0; i < AS_BENCH_SAMPLES; i++) rates[i] = as_bench_peak();
  return as_spread_of(rates, AS_BENCH_SAMPLES);
}

void as_bench_put_machine(as_str *out, bool jsonl, const as_spread *peak) {
  char model[64];
  const as_cpu_caches c = as_cpu_cache_sizes();
  as_cpu_model(model);
  if (!jsonl) {
    as_str_printf(out, "%s, %d processors, kernels %s, caches", model, as_par_processors(), as_cpu_name());
    const size_t bytes[3] = {c.l1, c.l2, c.l3};
    for (size_t i = 0; i < 3; i++)
      as_str_printf(out, bytes[i] ? "%s%zu" : "%s?", i ? " / " : " ", bytes[i] / 1024);
    as_str_printf(out, " KiB, peak %.1f gflop/s [%.1f, %.1f] of %d on %d threads\n", peak->median, peak->low,
                  peak->high, peak->n, as_par_threads());
    return;
  }
  as_jsonw w;
  as_jsonw_init(&w, out, true);
  as_jsonw_object(&w);
  as_jsonw_key(&w, "bench"), as_jsonw_str(&w, "machine");
  as_jsonw_key(&w, "cpu"), as_jsonw_str(&w, model);
  as_jsonw_key(&w, "processors"), as_jsonw_i64(&w, as_par_processors());
  as_jsonw_key(&w, "kernels"), as_jsonw_str(&w, as_cpu_name());
  as_jsonw_key(&w, "l1_bytes"), as_jsonw_i64(&w, (int64_t)c.l1);
  as_jsonw_key(&w, "l2_bytes"), as_jsonw_i64(&w, (int64_t)c.l2);
  as_jsonw_key(&w, "l3_bytes"), as_jsonw_i64(&w, (int64_t)c.l3);
  as_jsonw_key(&w, "threads"), as_jsonw_i64(&w, as_par_threads());
  as_jsonw_key(&w, "peak"), as_jsonw_f64(&w, peak->median);
  as_jsonw_key(&w, "peak_low"), as_jsonw_f64(&w, peak->low);
  as_jsonw_key(&w, "peak_high"), as_jsonw_f64(&w, peak->high);
  as_jsonw_key(&w, "peak_samples"), as_jsonw_i64(&w, peak->n);
  as_jsonw_end(&w);
  as_str_putc(out, '\n');
}

void as_bench_put_spread(as_jsonw *w, const as_spread *s) {
  as_jsonw_key(w, "value"), as_jsonw_f64(w, s->median);
  as_jsonw_key(w, "low"), as_jsonw_f64(w, s->low);
  as_jsonw_key(w, "high"), as_jsonw_f64(w, s->high);
  as_jsonw_key(w, "samples"), as_jsonw_i64(w, s->n);
}
