/* JPEG: the pixels that Pillow gave for generated files (tests/golden/make_images.py), C and SIMD, windows, damage. */
#include "data/image/jpeg.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/image/image.h"
#include "data/image/jpegenc.h"
#include "tensor/base/mem.h"
#include "tests/goldenimages.h"
#include "tests/harness.h"

static void golden(as_test *t) {
  CHECK(t, each_golden(t, ".jpg", compare_golden) > 50);
}

/* Every window of a file equals that part of the whole. */
static void windows_of(as_test *t, const golden_file *g) {
  if (g->refused) return;
  as_err err;
  as_image im;
  if (as_image_decode(&im, g->p, g->n, 0, NULL, &err) != AS_OK) return; /* golden() reports it */
  unsigned seed = 1;
  uint8_t row[64 * 4];
  for (int k = 0; k < 12 && t->failures == 0; k++) {
    int v[4];
    for (int i = 0; i < 4; i++) v[i] = (int)((seed = seed * 1664525u + 1013904223u) >> 8);
    int x0 = v[0] % im.w, y0 = v[1] % im.h, x1 = x0 + 1 + v[2] % (im.w - x0),
        y1 = y0 + 1 + v[3] % (im.h - y0);
    as_jpeg *j;
    use_simd(k & 1);
    CHECK_OK(t, as_jpeg_open(&j, g->p, g->n, 0, &err), err);
    CHECK_OK(t, as_jpeg_window(j, x0, y0, x1, y1, &err), err);
    for (int y = y0; y < y1; y++) {
      CHECK_OK(t, as_jpeg_row(j, 4, row, &err), err);
      for (int x = x0; x < x1; x++)
        if (memcmp(row + (x - x0) * 4, im.rgb + ((size_t)y * (size_t)im.w + (size_t)x) * 3, 3) != 0) {
          as_test_fail(t, __FILE__, __LINE__, "%s: window %d,%d-%d,%d differs at %d,%d", g->name, x0, y0, x1,
                       y1, x, y);
          y = y1;
          break;
        }
    }
    CHECK_OK(t, as_jpeg_finish(j, &err), err);
    as_jpeg_close(&j);
  }
  as_image_clear(&im);
}

static void windows(as_test *t) {
  each_golden(t, ".jpg", windows_of);
}

static unsigned char *read_golden(const char *name, size_t *n) {
  char path[100];
  snprintf(path, sizeof path, "images/%s", name);
  return as_test_read(as_test_golden(path), n);
}

/* Cut at every byte: always refused in strict mode; in lenient mode it may give a picture of the right
 * size; it never crashes, in C or SIMD, and both agree. */
static void cuts(as_test *t) {
  static const char *const files[] = {"s2x2.jpg", "s2x1p.jpg", "restart1.jpg", "scans.jpg", "cmyk.jpg"};
  for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
    size_t n;
    unsigned char *p = read_golden(files[f], &n);
    CHECK(t, p != NULL);
    for (size_t cut = 0; p && cut < n; cut++) {
      as_err err;
      as_image im, twin;
      unsigned char *q = malloc(cut + 1); /* exact size, so that a sanitizer sees an overrun */
      memcpy(q, p, cut);
      CHECK_STATUS(t, as_image_decode(&im, q, cut, 0, NULL, &err), AS_E_INPUT);
      use_simd(1);
      as_status a = as_image_decode(&im, q, cut, 1, NULL, &err);
      use_simd(0);
      as_status b = as_image_decode(&twin, q, cut, 1, NULL, &err);
      CHECK(t, a == b);
      if (a == AS_OK && b == AS_OK) {
        CHECK(t, memcmp(im.rgb, twin.rgb, (size_t)im.w * (size_t)im.h * 3) == 0);
      }
      as_image_clear(&im);
      as_image_clear(&twin);
      free(q);
    }
    free(p);
  }
  use_simd(1);
}

/* Flipped bits and bytes: no crash, C = SIMD. */
static void damage(as_test *t) {
  static const char *const files[] = {"s2x2.jpg",           "s1x2p.jpg", "q100.jpg",
                                      "restart_rows_p.jpg", "ycck.jpg",  "wide_quant.jpg"};
  unsigned seed = 7, ok = 0;
  for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
    size_t n;
    unsigned char *p = read_golden(files[f], &n);
    CHECK(t, p != NULL);
    for (int k = 0; p && k < 400; k++) {
      unsigned char *q = malloc(n);
      memcpy(q, p, n);
      for (int i = 0; i < 1 + k % 3; i++) {
        seed = seed * 1664525u + 1013904223u;
        q[(seed >> 8) % n] ^= (unsigned char)(1u << (seed >> 5 & 7));
      }
      as_err err;
      as_image im, twin;
      as_image_info info, twin_info;
      use_simd(1);
      as_status a = as_image_decode(&im, q, n, 1, &info, &err);
      use_simd(0);
      as_status b = as_image_decode(&twin, q, n, 1, &twin_info, &err);
      CHECK(t, a == b);
      if (a == AS_OK && b == AS_OK) {
        ok++;
        CHECK_INT(t, info.warnings, twin_info.warnings);
        CHECK_INT(t, info.decoder_dependent, twin_info.decoder_dependent);
        CHECK(t, memcmp(im.rgb, twin.rgb, (size_t)im.w * (size_t)im.h * 3) == 0);
        as_image strict;
        as_status s = as_image_decode(&strict, q, n, 0, NULL, &err);
        CHECK(t, (s == AS_OK) == (info.warnings == 0));
        as_image_clear(&strict);
      }
      as_image_clear(&im);
      as_image_clear(&twin);
      free(q);
    }
    free(p);
  }
  CHECK(t, ok > 100);
  use_simd(1);
}

static void info_and_limits(as_test *t) {
  size_t n;
  as_err err;
  as_image_info info;
  unsigned char *p = read_golden("s2x2p.jpg", &n);
  CHECK_OK(t, as_image_probe(&info, p, n, &err), err);
  CHECK_STR(t, info.detail, "progressive, 4:2:0, 3 components");
  CHECK_STR(t, info.format, "jpeg");
  CHECK_INT(t, info.w, 37);
  CHECK_INT(t, info.h, 29);
  /* A huge size in a small file is refused before memory is taken. */
  size_t at = 0;
  while (at + 9 < n && !(p[at] == 0xff && p[at + 1] == 0xc2)) at++;
  p[at + 5] = 0x1f, p[at + 6] = 0xff, p[at + 7] = 0x1f, p[at + 8] = 0xff;
  as_image im;
  CHECK_STATUS(t, as_image_decode(&im, p, n, 1, NULL, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "8191 x 8191") != NULL);
  p[at + 5] = 0xff, p[at + 7] = 0xff;
  CHECK_STATUS(t, as_image_decode(&im, p, n, 1, NULL, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "limit") != NULL);
  free(p);
  CHECK_STATUS(t, as_image_decode(&im, (const uint8_t *)"GIF89a", 6, 0, NULL, &err), AS_E_INPUT);
  CHECK_STATUS(t, as_image_decode(&im, (const uint8_t *)"", 0, 0, NULL, &err), AS_E_INPUT);
}

/* A progressive file may repeat scans: each one costs a pass over the image. */
static void scan_bomb(as_test *t) {
  size_t n;
  as_err err;
  as_image im;
  unsigned char *p = read_golden("s1x1p.jpg", &n);
  CHECK(t, p != NULL);
  if (!p) return;
  size_t sos = 0;
  for (size_t i = 0; i + 1 < n; i++)
    if (p[i] == 0xff && p[i + 1] == 0xda) sos = i; /* the last scan */
  CHECK(t, sos > 0 && sos < n - 2 && n < 100000);
  if (sos == 0 || sos >= n - 2 || n >= 100000) {
    free(p);
    return;
  }
  size_t len = n - 2 - sos, total = sos + 200 * len;
  unsigned char *q = malloc(total);
  memcpy(q, p, sos);
  for (size_t i = 0; i < 200; i++) memcpy(q + sos + i * len, p + sos, len);
  CHECK_STATUS(t, as_image_decode(&im, q, total, 1, NULL, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "more than 100 scans") != NULL);
  free(q);
  free(p);
}

/* No allocation may fail unseen. */
static void memory(as_test *t) {
  size_t n;
  as_err err;
  as_image im;
  unsigned char *p = read_golden("s2x2p.jpg", &n);
  int failures = 0;
  for (unsigned long k = 1; k < 40; k++) {
    as_mem_fail_after(k);
    as_status s = as_image_decode(&im, p, n, 0, NULL, &err);
    as_mem_fail_after(0);
    CHECK(t, s == AS_OK || s == AS_E_ENV);
    failures += s == AS_E_ENV;
    as_image_clear(&im);
  }
  CHECK(t, failures > 5 && failures < 39);
  free(p);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"jpeg: pixels as Pillow's", golden},
      {"jpeg: windows equal the whole", windows},
      {"jpeg: cut at every byte", cuts},
      {"jpeg: damaged files, C = SIMD", damage},
      {"jpeg: header and limits", info_and_limits},
      {"jpeg: too many scans", scan_bomb},
      {"jpeg: memory runs out", memory},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
