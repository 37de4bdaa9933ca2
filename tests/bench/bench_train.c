/* One training step of SimCLR (forward, backward, SGD with momentum) on views that are given, pairs of images a second: a
 * JSON line per sample of 1.5 s, the best of them being what a quiet machine does.
 *   cc -O2 -fopenmp -I. tests/bench/bench_train.c build/libassay.a -lm
 *   bench_train s16|resnet18 THREADS BATCH SAMPLES
 * s16: the miniature's network on 32 pixels; resnet18: a 3x3 stem of stride 1, no pooling, 64 pixels. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "models/ssl/ssl.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  as_err err = {0};
  as_ssl *ssl = NULL;
  if (argc != 5) return 2;
  const int small = strcmp(argv[1], "s16") == 0, batch = atoi(argv[3]);
  const as_ssl_opts o = {.method = as_ssl_method_named("simclr"),
                         .arch = small ? "resnet18:blocks=1-1-1,base=16,stem=3x3s2" : "resnet18:stem=3x3",
                         .size = small ? 32 : 64,
                         .batch = batch,
                         .images = (size_t)batch,
                         .epochs = 1u << 20,
                         .name = {"optimizer", "lr"},
                         .value = {0, 0.03},
                         .n_values = 2};
  if (as_init(&(as_init_opts){.threads = atoi(argv[2])}, &err) != AS_OK ||
      as_ssl_create(&ssl, &o, &err) != AS_OK) {
    fprintf(stderr, "%s\n", err.msg);
    return 1;
  }
  uint32_t *image = calloc((size_t)batch, sizeof *image), state = 1;
  for (int i = 0; image && i < batch; i++) image[i] = (uint32_t)i;
  for (size_t v = 0; v < as_ssl_views(ssl); v++) {
    const as_map map = as_ssl_view(ssl, v);
    as_spot at = as_map_spot(&map, 0);
    float *to;
    for (size_t left = as_map_pixels(&map), run; left > 0; left -= run, as_map_walk(&map, &at, run)) {
      run = as_map_run(&map, at, left, &to);
      for (size_t i = 0; i < run * (size_t)map.c; i++)
        to[i] = (float)((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1.0f;
    }
  }
  double loss;
  for (int i = 0; i < 2; i++) as_ssl_step(ssl, image, &loss);
  for (int sample = 0; sample < atoi(argv[4]); sample++) {
    int n = 0;
    double start = now(), spent;
    do as_ssl_step(ssl, image, &loss), n++;
    while ((spent = now() - start) < 1.5);
    printf(
        "{\"bench\": \"train\", \"impl\": \"assay\", \"case\": \"%s\", \"batch\": %d, \"threads\": %d, "
        "\"unit\": \"pairs/s\", \"value\": %.1f}\n",
        argv[1], batch, as_par_threads(), n * batch / spent);
    fflush(stdout);
  }
  as_ssl_destroy(&ssl);
  free(image);
  return 0;
}
