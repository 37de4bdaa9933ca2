/* Fits on many rows that lie in a file, beside the matrix products in them: rows of 2,048 float32 features, 1,000 classes.
 * In turn, because the speed of a machine changes from second to second: the logits of PLAIN_ROWS rows in memory, by
 * as_gemm_nt alone; a sum of L-BFGS over all rows of the file (loss and gradient), or STEPS steps of an epoch of SGD
 * (--protocol fixed), their rows gathered from all of the file; the logits again. What counts is the rate of
 * multiply-and-add of the fit, all that it does in its time, over that of the product before and after.
 *   cc -O2 -fopenmp -ffp-contract=off -I. tests/bench/bench_rows.c build/libassay.a -lm -o build/bench_rows
 *   bench_rows FILE.npy ROWS THREADS [ROUNDS [lbfgs|sgd]]      FILE.npy is made where it is not there: 8 KB a row */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "eval/features/npy.h"
#include "eval/learn/probe_int.h"
#include "eval/learn/protocol.h"
#include "eval/learn/sgd.h"
#include "tensor/base/file.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"
#include "tensor/runtime.h"

enum { D = 2048, K = 1000, PLAIN_ROWS = 8192, STEPS = 8, MOST = 999 };

static double wall(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void need(as_status s, const as_err *err) {
  if (s == AS_OK) return;
  fprintf(stderr, "%s\n", err->msg);
  exit(3);
}

static void *room(size_t count, size_t size) {
  as_err err;
  void *p = as_calloc(count, size, &err);
  if (!p) need(AS_E_ENV, &err);
  return p;
}

/* Class means and noise, positive as behind a ReLU. */
static void make_file(const char *path, size_t n) {
  const as_rng g = as_rng_make(7, as_rng_stream("bench.rows"));
  float *mean = room((size_t)K * D, sizeof *mean), row[D];
  as_err err;
  as_out out;
  for (size_t i = 0; i < (size_t)K * D; i++) mean[i] = (float)as_rng_uniform(g, i);
  need(as_out_open(&out, path, &err), &err);
  char head[256];
  as_out_write(&out, head, as_npy_header(AS_F32, (const int64_t[]){(int64_t)n, D}, 2, head));
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < D; j += 4) {
      uint64_t bits = as_rng_bits(g, 10000000000u + i * D + j);
      for (size_t l = 0; l < 4; l++, bits >>= 16)
        row[j + l] = mean[i % K * D + j + l] + (float)(bits & 0xffff) / 65536.0f;
    }
    as_out_write(&out, row, sizeof row);
  }
  need(as_out_commit(&out, &err), &err);
  as_free(mean);
}

typedef struct turns {
  const char *name;
  float *x, *w, *z; /* of the product: [PLAIN_ROWS, D], [K, D], [PLAIN_ROWS, K] */
  void *pack;
  double product, start; /* what the last one took; when the fit went on */
  double ratio[MOST];
  int n, rounds;
} turns;

static void multiply(turns *t) {
  const double start = wall();
  as_gemm_nt(&(as_product){PLAIN_ROWS, K, D, t->x, D, t->w, D, t->z, K}, t->pack);
  t->start = wall();
  t->product = t->start - start;
}

/* The fit has done its part on so many rows. */
static void take_turn(turns *t, size_t rows) {
  const double took = (wall() - t->start) / (double)rows, before = t->product;
  multiply(t);
  const double product = (before + t->product) / PLAIN_ROWS; /* two products: logits and gradient */
  printf("%s: products %.2f us a row, %.1f GFLOP/s; the fit %.2f us: %.3f\n", t->name, 1e6 * product,
         4e-9 * D * K / product, 1e6 * took, product / took);
  if (t->n >= 0 && t->n < t->rounds) t->ratio[t->n] = product / took;
  t->n++; /* from -1: the first touches the memory */
}

static void see_step(void *ctx, const char *what, size_t done, size_t total) {
  turns *t = ctx;
  (void)what, (void)total;
  if (done % STEPS) return;
  if (done == 0)
    multiply(t);
  else
    take_turn(t, STEPS * 1024);
}

static bool saw_rounds(void *ctx) {
  const turns *t = ctx;
  return t->n >= t->rounds;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void end_turns(turns *t, size_t n, const char *threads) {
  const size_t count = (size_t)(t->n < t->rounds ? t->n : t->rounds);
  qsort(t->ratio, count, sizeof *t->ratio, by_size);
  printf("%s, %zu rows, %s threads, %zu rounds: %.3f, half of them from %.3f to %.3f\n", t->name, n, threads,
         count, t->ratio[count / 2], t->ratio[count / 4], t->ratio[count * 3 / 4]);
}

static void run_lbfgs(turns *t, const as_labelled *rows) {
  as_err err;
  double *point = room((size_t)K * (D + 1), sizeof *point), *grad = room((size_t)K * (D + 1), sizeof *grad);
  float *mean = room(D, sizeof *mean);
  const as_probe_problem problem = {
      .x = rows->x, .y = rows->y, .n = rows->n, .d = D, .k = K, .c = 1.0, .mean = mean};
  as_probe_float *sums = NULL;
  need(as_probe_float_create(&sums, &problem, 1, &err), &err);
  for (size_t j = 0; j < D; j++) mean[j] = 1.0f;
  for (size_t i = 0; i < (size_t)K * D; i++) point[i] = (double)t->w[i];
  multiply(t);
  while (t->n < t->rounds) {
    const double loss = as_probe_float_value(sums, point, grad);
    take_turn(t, rows->n);
    if (t->n == t->rounds) printf("loss %.17g\n", loss);
  }
  as_probe_float_destroy(&sums);
  void *all[] = {point, grad, mean};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

static void run_sgd(turns *t, const as_labelled *rows) {
  as_err err;
  const as_watch watch = {.progress = see_step, .stop = saw_rounds, .ctx = t};
  as_keep *keep;
  float *weight = room((size_t)K * D, sizeof *weight), bias[K];
  need(as_keep_create(&keep, NULL, &watch, &err), &err);
  const as_status s = as_sgd_fit(as_protocol_named("fixed"), rows, 0, keep, weight, bias, NULL, &err);
  if (s != AS_E_STOPPED) need(s, &err);
  as_keep_destroy(&keep, true);
  as_free(weight);
}

int main(int argc, char **argv) {
  as_err err;
  if (argc < 4) return 2;
  const size_t n = strtoul(argv[2], NULL, 10);
  const int rounds = argc > 4 ? atoi(argv[4]) : 15;
  const char *only = argc > 5 ? argv[5] : "";
  need(as_init(&(as_init_opts){NULL, atoi(argv[3]), NULL}, &err), &err);
  if (as_path_kind_of(argv[1]) == AS_PATH_NONE) make_file(argv[1], n);
  as_npy f;
  need(as_npy_open(&f, argv[1], &err), &err);
  if (f.view.rank != 2 || f.view.shape[1] != D || (size_t)f.view.shape[0] < n || n < PLAIN_ROWS ||
      rounds > MOST)
    return 2;
  int *y = room(n, sizeof *y);
  const as_labelled rows = {.x = f.view.data, .y = y, .n = n, .d = D, .classes = K};
  turns t = {.x = room((size_t)PLAIN_ROWS * D, sizeof *t.x),
             .w = room((size_t)K * D, sizeof *t.w),
             .z = room((size_t)PLAIN_ROWS * K, sizeof *t.z),
             .pack = room(as_gemm_scratch(K, D), 1),
             .rounds = rounds};
  const as_rng g = as_rng_make(8, 1);
  for (size_t i = 0; i < n; i++) y[i] = (int)(i % K);
  for (size_t i = 0; i < (size_t)K * D; i++) t.w[i] = (float)(0.03 * as_rng_normal(g, i));
  memcpy(t.x, rows.x, (size_t)PLAIN_ROWS * D * sizeof *t.x);
  for (int how = 0; how < 2; how++) {
    t.name = how ? "sgd" : "lbfgs";
    t.n = -1;
    if (*only && strcmp(only, t.name) != 0) continue;
    (how ? run_sgd : run_lbfgs)(&t, &rows);
    end_turns(&t, n, argv[3]);
  }
  as_npy_close(&f);
  void *all[] = {y, t.x, t.w, t.z, t.pack};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  return 0;
}
