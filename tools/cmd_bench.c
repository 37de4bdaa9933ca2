/* bench: the real computation of a named network with seeded weights, images/s. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <sys/resource.h>

#include "models/model.h"
#include "tensor/base/clock.h"
#include "tensor/base/json.h"
#include "tensor/base/par.h"
#include "tensor/base/text.h"
#include "tools/bench.h"
#include "tools/bench_gemm.h"
#include "tools/cmd.h"
#include "tools/progress.h"
#include "tools/say.h"

static double peak_mb(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)u.ru_maxrss / 1024.0;
}

/* Where the time goes: from one layer's report to the next. The trace copies each output, so the
 * sum is above the untraced time; the shares are what counts. */
typedef struct as_layer_clock {
  as_str *out;
  double last, total;
} as_layer_clock;

static void on_layer(void *ctx, const char *layer, const int64_t shape[4], const float *x) {
  as_layer_clock *c = ctx;
  char text[96];
  double now = as_seconds();
  (void)x;
  as_str_printf(c->out, "%-40s %-24s %8.3f ms\n", layer, as_shape_text(shape, 4, text, sizeof text),
                1e3 * (now - c->last));
  c->total += now - c->last;
  c->last = as_seconds();
}

static void report(as_str *out, const as_args *a, const char *net, int batch, const as_spread *rate,
                   double gflop, double peak) {
  if (!a->set[OPT_JSONL]) {
    as_str_printf(out,
                  "%s  batch %d  %d threads  %.3f images/s [%.3f, %.3f] of %d  %.1f gflop/s  %.0f %% of peak "
                  " %.0f MB\n",
                  net, batch, as_par_threads(), rate->median, rate->low, rate->high, rate->n,
                  rate->median * gflop, 100 * rate->median * gflop / peak, peak_mb());
    return;
  }
  as_jsonw w;
  as_jsonw_init(&w, out, true);
  as_jsonw_object(&w);
  as_jsonw_key(&w, "bench"), as_jsonw_str(&w, "net");
  as_jsonw_key(&w, "impl"), as_jsonw_str(&w, "assay");
  as_jsonw_key(&w, "case"), as_jsonw_str(&w, net);
  as_jsonw_key(&w, "batch"), as_jsonw_i64(&w, batch);
  as_jsonw_key(&w, "threads"), as_jsonw_i64(&w, as_par_threads());
  as_jsonw_key(&w, "unit"), as_jsonw_str(&w, "img/s");
  as_bench_put_spread(&w, rate);
  as_jsonw_key(&w, "gflop"), as_jsonw_f64(&w, gflop);
  as_jsonw_key(&w, "peak"), as_jsonw_f64(&w, peak);
  as_jsonw_key(&w, "rss_mb"), as_jsonw_f64(&w, peak_mb());
  as_jsonw_end(&w);
  as_str_putc(out, '\n');
}

as_status as_cmd_bench(const as_args *a, as_err *err) {
  if (a->set[OPT_GEMM]) return as_bench_gemm(a, err);
  const char *net = as_arg_text(a, OPT_NET, "resnet50");
  const int batch = (int)as_arg_int(a, OPT_BATCH, 8);
  const double seconds = as_arg_real(a, OPT_SECONDS, 3);
  as_bench b;
  as_str out = {0};
  as_status s = as_bench_open(&b, net, batch, err);
  if (s == AS_OK && a->set[OPT_PROFILE_LAYERS]) {
    as_layer_clock clock = {&out, as_seconds(), 0};
    as_model_set_trace(b.model, on_layer, &clock);
    as_model_forward(b.model, b.images, batch, b.rows);
    as_model_set_trace(b.model, NULL, NULL);
    as_str_printf(&out, "%-65s %8.3f ms for %d images, traced\n", "all layers", 1e3 * clock.total, batch);
  }
  /* Fewer samples where one pass already takes longer than all of them should. The peak is measured before each. */
  double rates[AS_BENCH_SAMPLES], peaks[AS_BENCH_SAMPLES];
  const double begin = as_seconds();
  int n = 0;
  while (s == AS_OK && n < AS_BENCH_SAMPLES && (n == 0 || as_seconds() - begin < seconds)) {
    peaks[n] = as_bench_peak();
    rates[n++] = as_bench_rate(&b, seconds / AS_BENCH_SAMPLES);
  }
  if (s == AS_OK) {
    const as_spread rate = as_spread_of(rates, n), peak = as_spread_of(peaks, n);
    as_bench_put_machine(&out, a->set[OPT_JSONL], &peak);
    report(&out, a, net, batch, &rate, as_model_gflop(b.model), peak.median);
  }
  if (s == AS_OK) s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  as_bench_close(&b);
  return s;
}
