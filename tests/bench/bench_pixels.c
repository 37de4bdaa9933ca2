/* Images per second of processor time on one thread, files held in memory: one JSON line per sample and case.
 *   cc -O2 -ffp-contract=off -I. tests/bench/bench_pixels.c $(find data/image tensor/base -name '*.c') -lm
 *   bench_pixels SETNAME SAMPLES FILE... [-c: portable C kernels] [-kCASE: that case alone] */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "data/image/image.h"
#include "data/image/jpeg.h"
#include "data/image/preset.h"
#include "data/image/resize.h"
#include "tensor/base/cpu.h"

enum { MAX_FILES = 4096, SIDE_MAX = 4096 };
static uint8_t *bytes[MAX_FILES];
static size_t sizes[MAX_FILES];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Decoding alone, one row at a time into a cached line (as a program would that goes on with rows),
 * entropy decoding of everything and nothing else, or the whole way to the tensor. */
static int decode(int i) {
  as_image im;
  as_err err;
  int bad = as_image_decode(&im, bytes[i], sizes[i], 0, NULL, &err) != AS_OK;
  as_image_clear(&im);
  return bad;
}
static int entropy(int i) {
  as_jpeg *j;
  as_err err;
  int bad = as_jpeg_open(&j, bytes[i], sizes[i], 0, &err) != AS_OK ||
            as_jpeg_window(j, 0, 0, 1, 1, &err) != AS_OK || as_jpeg_finish(j, &err) != AS_OK;
  as_jpeg_close(&j);
  return bad;
}
static as_preset preset[2];
static float *tensor;
static int bilinear(int i) {
  as_err err;
  return as_preset_load(&preset[0], bytes[i], sizes[i], 0, tensor, NULL, &err) != AS_OK;
}
static int bicubic(int i) {
  as_err err;
  return as_preset_load(&preset[1], bytes[i], sizes[i], 0, tensor, NULL, &err) != AS_OK;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    int (*run)(int i);
  } cases[] = {
      {"decode_rgb", decode}, {"huffman", entropy}, {"all_bilinear", bilinear}, {"all_bicubic", bicubic}};
  int n = 0;
  const char *only = "";
#if defined( \
    __GLIBC__) /* as tools/main.c: without it every image's buffers go back to the system and come again */
  (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
  (void)mallopt(M_TRIM_THRESHOLD, 8 << 20);
#endif
  as_err err;
  for (int a = 3; a < argc && n < MAX_FILES; a++) {
    if (strcmp(argv[a], "-c") == 0) {
      (void)as_cpu_limit("ref", NULL);
      continue;
    }
    if (strncmp(argv[a], "-k", 2) == 0) {
      only = argv[a] + 2;
      continue;
    }
    FILE *f = fopen(argv[a], "rb");
    if (!f) continue;
    fseek(f, 0, SEEK_END);
    sizes[n] = (size_t)ftell(f);
    rewind(f);
    bytes[n] = malloc(sizes[n]);
    if (bytes[n] && fread(bytes[n], 1, sizes[n], f) == sizes[n]) n++;
    fclose(f);
  }
  if (n == 0 || as_preset_parse(&preset[0], "imagenet-bilinear", &err) != AS_OK ||
      as_preset_parse(&preset[1], "imagenet-bicubic", &err) != AS_OK)
    return 2;
  tensor = malloc(sizeof *tensor * 224 * 224 * 3);
  for (int s = 0; s < atoi(argv[2]); s++)
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
      int bad = 0;
      if (*only && strcmp(only, cases[c].name) != 0) continue;
      double t = now();
      for (int i = 0; i < n; i++) bad += cases[c].run(i);
      t = now() - t;
      printf(
          "{\"bench\":\"data\",\"impl\":\"assay\",\"case\":\"%s\",\"set\":\"%s\",\"threads\":1,\"unit\":"
          "\"img/s\",\"value\":%.2f,\"failed\":%d}\n",
          cases[c].name, argv[1], n / t, bad);
      fflush(stdout);
    }
  return 0;
}
