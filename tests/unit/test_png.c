/* PNG: the pixels that Pillow gave for generated files (tests/golden/make_images.py), and damage. */
#include "data/image/png.h"

#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

static void golden(as_test *t) {
  size_t n, count = 0;
  char *list = (char *)as_test_read(as_test_golden("images/images.tsv"), &n);
  CHECK(t, list != NULL);
  if (!list) return;
  for (char *line = list, *end; (end = memchr(line, '\n', n - (size_t)(line - list))) != NULL;
       line = end + 1) {
    char name[64] = "", size[32] = "", hash[80] = "", path[100];
    *end = 0;
    sscanf(line, "%63[^\t]\t%31[^\t]\t%79s", name, size, hash);
    if (!strstr(name, ".png")) continue;
    snprintf(path, sizeof path, "images/%s", name);
    size_t m;
    unsigned char *p = as_test_read(as_test_golden(path), &m);
    CHECK(t, p != NULL);
    as_err err;
    as_image im;
    as_status s = as_image_decode(&im, p, m, 0, NULL, &err);
    if (strcmp(size, "refuse") == 0) {
      if (s != AS_E_INPUT)
        as_test_fail(t, __FILE__, __LINE__, "%s: status %d, must be refused", name, (int)s);
    } else if (s != AS_OK) {
      as_test_fail(t, __FILE__, __LINE__, "%s: %s", name, err.msg);
    } else {
      char got[65], dims[32];
      snprintf(dims, sizeof dims, "%dx%d", im.w, im.h);
      as_sha256_of(im.rgb, (size_t)im.w * (size_t)im.h * 3, got);
      if (strcmp(got, hash) != 0 || strcmp(dims, size) != 0)
        as_test_fail(t, __FILE__, __LINE__, "%s: %s %s, not %s %s", name, dims, got, size, hash);
    }
    as_image_clear(&im);
    free(p);
    count++;
  }
  CHECK(t, count > 35);
  free(list);
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
  CHECK_OK(t, as_png_probe(&info, p, n, &err), err);
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
  CHECK(t, failures == 3);
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
