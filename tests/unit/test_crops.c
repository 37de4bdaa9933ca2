/* Random crops against Pillow and torchvision's rule (tests/golden/crops.py). */
#include "eval/learn/crops.h"

#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

enum { SIDE = 24, SEED = 9, STREAM = 4 };

static void views(as_test *t) {
  FILE *f = fopen(as_test_golden("crops.tsv"), "rb");
  CHECK(t, f != NULL);
  if (!f) return;
  int rows = 0, w, h;
  unsigned view;
  double low;
  char filter[16], want[65], hex[65];
  while (fscanf(f, "%u %lf %15s %d %d %64s", &view, &low, filter, &w, &h, want) == 6) {
    as_image im = {as_alloc((size_t)(w * h), 3, NULL), w, h};
    uint8_t out[SIDE * SIDE * 3];
    as_err err;
    for (int i = 0; i < w * h * 3; i++)
      im.rgb[i] = (uint8_t)(as_rng_bits(as_rng_make(SEED, 5), (uint64_t)i) >> 56);
    CHECK_OK(t,
             as_crop_view(&im, SIDE, low, strcmp(filter, "bicubic") ? AS_FILTER_BILINEAR : AS_FILTER_BICUBIC,
                          as_rng_make(SEED, STREAM), view, out, &err),
             err);
    as_sha256_of(out, sizeof out, hex);
    CHECK_STR(t, hex, want);
    as_image_clear(&im);
    rows++;
  }
  fclose(f);
  CHECK_INT(t, rows, 36);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"crops: as Pillow and torchvision make them", views}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
