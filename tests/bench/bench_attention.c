/* Attention alone, as a ViT calls it: softmax(q k^T / 8) v of every head of 64 channels, over qkv rows that a projection would
 * have left. A JSON line per sample, the best calls of half a second each: GFLOP/s of the two products.
 *   cc -O2 -fopenmp -ffp-contract=off -I. tests/bench/bench_attention.c build/libassay.a -lm -o build/bench_attention
 *   bench_attention THREADS IMAGES HEADS [TOKENS 197 [SAMPLES 5]]       ViT-S: 6 heads, ViT-B: 12 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tensor/attention.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"

enum { HEAD = 64 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  as_err err = {0};
  if (argc < 4) return 2;
  const int threads = atoi(argv[1]), images = atoi(argv[2]), heads = atoi(argv[3]);
  const int tokens = argc > 4 ? atoi(argv[4]) : 197, samples = argc > 5 ? atoi(argv[5]) : 5, d = heads * HEAD;
  const as_init_opts init = {NULL, threads, NULL};
  if (images < 1 || heads < 1 || tokens < 1 || as_init(&init, &err) != AS_OK) return 2;
  const size_t rows = (size_t)images * (size_t)tokens, in = as_tensor_ld(3 * d), out = as_tensor_ld(d);
  float *qkv = as_alloc(rows * in, sizeof *qkv, &err), *att = as_alloc(rows * out, sizeof *att, &err);
  const as_team team = {threads, as_alloc(as_attention_scratch(tokens, heads, d, threads), 1, &err)};
  if (!qkv || !att || !team.scratch) return 4;
  const as_rng r = as_rng_make(1, as_rng_stream("bench.attention"));
  for (size_t i = 0; i < rows * in; i++) qkv[i] = (float)as_rng_normal(r, i);
  const as_tensor x = {qkv, images, tokens, 1, 3 * d, in}, y = {att, images, tokens, 1, d, out};
  const double gflop = 4e-9 * (double)images * tokens * (double)tokens * d;
  as_attention_run(&x, heads, tokens, &y, &team);
  for (int s = 0; s < samples; s++) {
    const double start = now();
    double best = 1e9;
    while (now() - start < 0.5) {
      const double before = now();
      as_attention_run(&x, heads, tokens, &y, &team);
      const double took = now() - before;
      best = took < best ? took : best;
    }
    printf("{\"bench\": \"attention\", \"impl\": \"assay\", \"case\": \"%dx%d\", ", tokens, d);
    printf("\"batch\": %d, \"threads\": %d, \"unit\": \"gflop/s\", \"value\": %.1f}\n", images, threads,
           gflop / best);
  }
  as_free(qkv), as_free(att), as_free(team.scratch);
  return 0;
}
