/* Timing: what bench, bench --gemm and selftest --bench share. */
#ifndef AS_TOOLS_BENCH_H
#define AS_TOOLS_BENCH_H

#include "models/model.h"
#include "tensor/base/json.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"

/* A network with seeded weights and the images it is timed on. */
typedef struct as_bench {
  as_model *model;
  float *images, *rows;
  int batch;
} as_bench;
/* Makes it and runs it once. On failure there is nothing to close. */
as_status as_bench_open(as_bench *b, const char *net, int batch, as_err *err);
double as_bench_rate(as_bench *b, double seconds); /* images per second over about that long */
void as_bench_close(as_bench *b);                  /* zeroed or closed twice is fine */

/* Median, least and most of some samples. */
typedef struct as_spread {
  double median, low, high;
  int n;
} as_spread;
enum { AS_BENCH_SAMPLES = 5 };
as_spread as_spread_of(double *samples, int n); /* n > 0; sorts them */

/* What is timed on: CPU, caches, and the peak. A line, or a JSON object without a value. */
void as_bench_put_machine(as_str *out, bool jsonl, const as_spread *peak);
/* The keys "value" (the median), "low", "high" and "samples". */
void as_bench_put_spread(as_jsonw *w, const as_spread *s);

/* GFLOP/s of float32 multiply-adds on registers alone that the threads of the moment reach now, with the vectors in use; where
 * those have no fused multiply-add, of the GEMM tile in the first cache. Takes some milliseconds (bench_peak.c). */
double as_bench_peak(void);
as_spread as_bench_peaks(void); /* AS_BENCH_SAMPLES of them */

#endif
