/* k-NN beside plain matrix products, in turn, in one process: GFLOP/s of both and their ratio, one JSON line per
 * round.
 *   cc -O2 -fopenmp -ffp-contract=off -I. tests/bench/bench_knn.c build/libassay.a -lm -o build/bench_knn
 *   bench_knn FEATURES.npy THREADS [TRAIN ROWS 100000] [QUERIES 10000] [ROUNDS 2]
 * Training rows and queries are rows of FEATURES, each value times 1 + a tenth of a counter-RNG normal. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "eval/features/feature_set.h"
#include "eval/learn/knn.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"
#include "tensor/runtime.h"

/* With one thread the processor's time, which other programs do not stretch; else the clock on the wall. */
static clockid_t timer = CLOCK_MONOTONIC;

static double now(void) {
  struct timespec t;
  clock_gettime(timer, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct fill_job {
  const as_feature_set *f;
  size_t first;
  float *out;
} fill_job;

static void fill_row(void *ctx, size_t i, int worker) {
  (void)worker;
  const fill_job *j = ctx;
  size_t d = j->f->d, at = (j->first + i) % j->f->n;
  as_rng r = as_rng_make(1, j->first + i);
  for (size_t k = 0; k < d; k += 2) { /* a normal per pair is noise enough */
    float by = 1.0f + 0.1f * (float)as_rng_normal(r, k);
    j->out[i * d + k] = j->f->x[at * d + k] * by;
    if (k + 1 < d) j->out[i * d + k + 1] = j->f->x[at * d + k + 1] * by;
  }
}

int main(int argc, char **argv) {
  as_err err;
  as_feature_set f;
  if (argc < 3) return 2;
  as_init_opts init = {NULL, atoi(argv[2]), NULL};
  if (as_init(&init, &err) != AS_OK || as_feature_set_read(&f, argv[1], &err) != AS_OK) {
    fprintf(stderr, "%s\n", err.msg);
    return 3;
  }
  size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 100000,
         q = argc > 4 ? strtoul(argv[4], NULL, 10) : 10000;
  if (atoi(argv[2]) == 1) timer = CLOCK_PROCESS_CPUTIME_ID;
  int rounds = argc > 5 ? atoi(argv[5]) : 2;
  enum { M = 2048 };
  float *train = as_alloc(n * f.d, sizeof *train, NULL), *query = as_alloc(q * f.d, sizeof *query, NULL);
  float *c = as_alloc((size_t)M * M, sizeof *c, NULL);
  void *pack = as_alloc(as_gemm_scratch(M, f.d), 1, NULL);
  int *label = as_alloc(n, sizeof *label, NULL), *top = as_alloc(5 * q, sizeof *top, NULL);
  if (!train || !query || !c || !pack || !label || !top || n < M || q < M) return 4;
  fill_job a = {&f, 0, train}, b = {&f, n, query};
  as_par_for(n, fill_row, &a);
  as_par_for(q, fill_row, &b);
  for (size_t i = 0; i < n; i++) label[i] = f.label[i % f.n];
  double flop = 2.0 * (double)M * (double)M * (double)f.d;
  for (int r = 0; r < rounds; r++) {
    double gemm = 0, gemm_s = 0, knn_s;
    for (int part = 0; part < 2; part++) { /* products before and after */
      double from = now();
      while (now() - from < 3.0) {
        as_gemm_nt(&(as_product){M, M, f.d, query, f.d, train, f.d, c, M}, pack);
        gemm += flop;
      }
      gemm_s += now() - from;
      if (part == 0) {
        from = now();
        const as_labelled rows = {.x = train, .y = label, .n = n, .d = f.d, .classes = f.classes};
        if (as_knn(&rows, &(as_knn_opts){0}, query, q, NULL, NULL, top, &err) != AS_OK) {
          fprintf(stderr, "%s\n", err.msg);
          return 3;
        }
        knn_s = now() - from;
      }
    }
    size_t same = 0;
    for (size_t i = 0; i < q; i++) same += top[5 * i] == f.label[(n + i) % f.n];
    double rate = 2.0 * (double)n * (double)q * (double)f.d / knn_s * 1e-9, plain = gemm / gemm_s * 1e-9;
    printf(
        "{\"bench\": \"knn\", \"impl\": \"assay\", \"threads\": %s, \"train\": %zu, \"queries\": %zu, "
        "\"seconds\": %.2f, "
        "\"gflops\": %.1f, \"gemm_gflops\": %.1f, \"value\": %.4f, \"own_class\": %.4f}\n",
        argv[2], n, q, knn_s, rate, plain, rate / plain, (double)same / (double)q);
    fflush(stdout);
  }
  return 0;
}
