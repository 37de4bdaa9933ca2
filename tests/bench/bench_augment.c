/* Processor time of one view, one thread: a JSON line per augmentation and sample.
 *   cc -O2 -ffp-contract=off -I. tests/bench/bench_augment.c $(find data/augment data/image tensor/base -name '*.c') -lm
 *   bench_augment [-sSAMPLES] [-wIMAGE_SIDE] [-vVIEW_SIDE] [WORDS...]
 * WORDS are as_augment_parse's; without any: each published augmentation, and simclr's steps one by one. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/augment/augment.h"

enum { IMAGES = 64, VIEWS = 4000 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  static char *steps[] = {"none",
                          "crop=.2:1",
                          "crop=.2:1,filter=bicubic",
                          "jitter=1:.4:0:0:0",
                          "jitter=1:0:.4:0:0",
                          "jitter=1:0:0:.4:0",
                          "jitter=1:0:0:0:.1",
                          "grey=1",
                          "blur=1:.3:1",
                          "solarise=1",
                          "simclr",
                          "byol-2",
                          "dino-local"};
  int samples = 5, w = 48, side = 32, first = 1;
  for (; first < argc && argv[first][0] == '-'; first++) {
    const int value = atoi(argv[first] + 2);
    if (argv[first][1] == 's') samples = value;
    if (argv[first][1] == 'w') w = value;
    if (argv[first][1] == 'v') side = value;
  }
  char **words = first < argc ? argv + first : steps;
  const int n = first < argc ? argc - first : (int)(sizeof steps / sizeof *steps);
  const size_t bytes = (size_t)w * (size_t)w * 3;
  uint8_t *rgb = malloc(IMAGES * bytes);
  as_augment_room *room = NULL;
  float *out = malloc((size_t)side * (size_t)side * 3 * sizeof *out);
  if (!rgb || !out || samples < 1 || w < 1 || side < 1) return 2;
  if (as_augment_room_create(&room, side, NULL) != AS_OK) return 4;
  srand(1);
  for (size_t i = 0; i < IMAGES * bytes; i++) rgb[i] = (uint8_t)(rand() >> 7);
  for (int s = 0; s < samples; s++)
    for (int k = 0; k < n; k++) {
      as_augment a;
      as_err err = {0};
      if (as_augment_parse(&a, words[k], &err) != AS_OK) return fprintf(stderr, "%s\n", err.msg), 2;
      const double start = now();
      for (uint64_t i = 0; i < VIEWS; i++) {
        const as_augment_of of = {as_augment_dice(7, (uint64_t)s), i, 0, rgb + i % IMAGES * bytes, w, w};
        const as_augment_to to = {side, out, (size_t)side * 3, room};
        if (as_augment_view(&a, &of, &to, &err) != AS_OK) return fprintf(stderr, "%s\n", err.msg), 3;
      }
      printf("{\"words\": \"%s\", \"sample\": %d, \"us\": %.2f}\n", words[k], s,
             (now() - start) / VIEWS * 1e6);
    }
  as_augment_room_destroy(&room);
  free(rgb), free(out);
  return 0;
}
