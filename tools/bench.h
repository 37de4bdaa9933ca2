/* Timing: what bench, bench --gemm and selftest --bench share. */
#ifndef AS_TOOLS_BENCH_H
#define AS_TOOLS_BENCH_H

#include "models/model.h"
#include "tensor/base/status.h"

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

/* GFLOP/s of float32 multiply-adds that the threads of the moment reach with operands in the first cache. */
double as_bench_peak(void);

#endif
