/* Seconds of the linear probe alone, features in memory: one JSON line.
 *   cc -O2 -fopenmp -ffp-contract=off -I. tests/bench/bench_probe.c build/libassay.a -lm -o build/bench_probe
 *   bench_probe TRAIN.npy C THREADS [LOSS]     LOSS: stop when the loss is at most this */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "eval/features/feature_set.h"
#include "eval/learn/probe.h"
#include "tensor/runtime.h"

int main(int argc, char **argv) {
  as_err err;
  as_feature_set f;
  if (argc < 4) return 2;
  as_init_opts init = {NULL, atoi(argv[3]), NULL};
  if (as_init(&init, &err) != AS_OK || as_feature_set_read(&f, argv[1], &err) != AS_OK) {
    fprintf(stderr, "%s\n", err.msg);
    return 3;
  }
  as_probe_opts o = {.c = strtod(argv[2], NULL), .target = argc > 4 ? strtod(argv[4], NULL) : 0};
  as_probe_result r;
  float *w = calloc(f.classes * f.d, sizeof *w), *b = calloc(f.classes, sizeof *b);
  struct timespec from, to;
  if (!w || !b) return 4;
  clock_gettime(CLOCK_MONOTONIC, &from);
  if (as_probe_fit(&(as_labelled){.x = f.x, .y = f.label, .n = f.n, .d = f.d, .classes = f.classes}, &o, w, b,
                   &r, &err) != AS_OK) {
    fprintf(stderr, "%s\n", err.msg);
    return 3;
  }
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf(
      "{\"bench\": \"probe\", \"impl\": \"assay\", \"threads\": %s, \"unit\": \"s\", \"value\": %.4f, "
      "\"loss\": %.12g, "
      "\"iterations\": %d, \"evaluations\": %d, \"exact\": %d, \"bound\": %.3g}\n",
      argv[3], (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec), r.loss,
      r.iterations, r.evaluations, r.exact, r.bound);
  free(w);
  free(b);
  as_feature_set_clear(&f);
  return 0;
}
