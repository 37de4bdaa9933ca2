/* PNG: the pixels that Pillow gave for generated files (tests/golden/make_images.py), and damage. */
#include "data/image/png.h"

#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/mem.h"
#include "tests/goldenimages.h"
#include "tests/harness.h"

static void golden(as_test *t) {
  CHECK(t, each_golden(t, ".png", compare_golden) > 40);
}

/* Every cut and every flipped bit is refused: each chunk has its check value. */
static void damage(as_test *t) {
  static const char *const files[] = {"images/c6d16i.png", "images/c3d2.png", "images/split.png"};
  for (size_t f = 0; f < 3; f++) {
    size_t n;
    unsigned char *p = as_test_read(as_test_golden(files[f]), &n);
    CHECK(t, p != NULL);
    as_err err;
    as_image im;
    for (size_t cut = 0; p && cut < n; cut++) {
      unsigned char *q = malloc(cut + 1);
      memcpy(q, p, cut);
      CHECK_STATUS(t, as_image_decode(&im, q, cut, 0, NULL, &err), AS_E_INPUT);
      free(q);
    }
    for (size_t bit = 0; p && bit < n * 8; bit += 5) {
      p[bit / 8] ^= (unsigned char)(1u << bit % 8);
      CHECK_STATUS(t, as_image_decode(&im, p, n, 0, NULL, &err), AS_E_INPUT);
      p[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(p);
  }
}

static void limits(as_test *t) {
  size_t n;
  as_err err;
  as_image im;
  unsigned char *p = as_test_read(as_test_golden("images/one.png"), &n);
  CHECK(t, p != NULL);
  if (!p) return;
  as_image_info info;
  CHECK_OK(t, as_image_probe(&info, p, n, &err), err);
  CHECK_STR(t, info.detail, "grey, 1 bits, interlaced");
  /* 8191 x 8191 RGBA in a few bytes, with a right CRC: refused for its size, not its data */
  static const unsigned char head[] = {0x89, 'P', 'N',  'G',  13,  10,  26, 10, 0,    0,
                                       0,    13,  'I',  'H',  'D', 'R', 0,  0,  0x1f, 0xff,
                                       0,    0,   0x1f, 0xff, 8,   6,   0,  0,  0};
  unsigned char file[64];
  memcpy(file, head, sizeof head);
  size_t at = sizeof head;
  static const unsigned char tail[] = {0x92, 0x90, 0xdc, 0xe0, 0,    0,    0,    0,
                                       'I',  'D',  'A',  'T',  0x35, 0xaf, 0x06, 0x1e};
  memcpy(file + at, tail, sizeof tail);
  CHECK_STATUS(t, as_image_decode(&im, file, at + sizeof tail, 0, NULL, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "8191 x 8191 pixels in a file of") != NULL);
  free(p);
}

static void memory(as_test *t) {
  size_t n;
  as_err err;
  as_image im;
  unsigned char *p = as_test_read(as_test_golden("images/c2d8.png"), &n);
  int failures = 0;
  for (unsigned long k = 1; k < 12; k++) {
    as_mem_fail_after(k);
    as_status s = as_image_decode(&im, p, n, 0, NULL, &err);
    as_mem_fail_after(0);
    CHECK(t, s == AS_OK || s == AS_E_ENV);
    failures += s == AS_E_ENV;
    as_image_clear(&im);
  }
  CHECK(t, failures == 5);
  free(p);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"png: pixels as Pillow's", golden},
      {"png: cut and damaged", damage},
      {"png: header and limits", limits},
      {"png: memory runs out", memory},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
