/* Resize: Pillow's pixels for generated pictures (tests/golden/make_presets.py); C = SIMD on random shapes. */
#include "data/image/resize.h"

#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/cpu.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

static void use_simd(int on) {
  (void)as_cpu_limit(on ? NULL : "ref", NULL);
}

/* Must equal picture() of make_presets.py. */
static uint8_t *picture(int w, int h) {
  uint8_t *p = malloc((size_t)w * (size_t)h * 3);
  for (uint32_t y = 0, i = 0; y < (uint32_t)h; y++)
    for (uint32_t x = 0; x < (uint32_t)w; x++)
      for (uint32_t c = 0; c < 3; c++)
        p[i++] = (uint8_t)(x * 7 + y * 13 + (x * y >> 3) + c * 50 +
                           ((x * 2654435761u + y * 40503u + c) >> 24) % 61);
  return p;
}

static const char *const names[] = {"box", "bilinear", "bicubic", "lanczos"};

static void golden(as_test *t) {
  size_t n, count = 0;
  char *list = (char *)as_test_read(as_test_golden("presets.tsv"), &n);
  CHECK(t, list != NULL);
  if (!list) return;
  for (char *line = list, *end; (end = memchr(line, '\n', n - (size_t)(line - list))) != NULL;
       line = end + 1) {
    int w, h, ow, oh;
    char name[32], hash[80], got[65];
    *end = 0;
    if (sscanf(line, "resize\t%d\t%d\t%dx%d %31s\t%79s", &w, &h, &ow, &oh, name, hash) != 6) continue;
    int f = 0;
    while (f < 3 && strcmp(name, names[f]) != 0) f++;
    uint8_t *in = picture(w, h), *out = malloc((size_t)ow * (size_t)oh * 3);
    for (int simd = 0; simd < 2; simd++) {
      as_err err;
      use_simd(simd);
      CHECK_OK(t, as_resize_rgb(in, w, h, (as_filter)f, out, ow, oh, &err), err);
      as_sha256_of(out, (size_t)ow * (size_t)oh * 3, got);
      if (strcmp(got, hash) != 0) as_test_fail(t, __FILE__, __LINE__, "%s (simd %d): %s", line, simd, got);
    }
    free(in);
    free(out);
    count++;
  }
  CHECK_INT(t, count, 40);
  free(list);
}

static void simd_equals_c(as_test *t) {
  unsigned seed = 3;
  for (int k = 0; k < 150 && t->failures == 0; k++) {
    int v[5];
    for (int i = 0; i < 5; i++) v[i] = (int)((seed = seed * 1664525u + 1013904223u) >> 8);
    int w = 1 + v[0] % 150, h = 1 + v[1] % 90, ow = 1 + v[2] % 100, oh = 1 + v[3] % 60;
    uint8_t *in = picture(w, h), *a = malloc((size_t)ow * (size_t)oh * 3),
            *b = malloc((size_t)ow * (size_t)oh * 3);
    for (int i = 0; k % 3 == 0 && i < w * h * 3; i++) in[i] = in[i] & 1 ? 255 : 0; /* overshoots clip */
    as_err err;
    use_simd(0);
    CHECK_OK(t, as_resize_rgb(in, w, h, (as_filter)(v[4] % 4), a, ow, oh, &err), err);
    use_simd(1);
    CHECK_OK(t, as_resize_rgb(in, w, h, (as_filter)(v[4] % 4), b, ow, oh, &err), err);
    if (memcmp(a, b, (size_t)ow * (size_t)oh * 3) != 0)
      as_test_fail(t, __FILE__, __LINE__, "%d x %d to %d x %d, %s", w, h, ow, oh, names[v[4] % 4]);
    free(in);
    free(a);
    free(b);
  }
}

/* A plan for a part of the outputs gives that part. */
static void parts(as_test *t) {
  as_err err;
  as_resize_axis whole, part;
  CHECK_OK(t, as_resize_axis_init(&whole, 200, 77, 0, 77, AS_FILTER_BICUBIC, &err), err);
  CHECK_OK(t, as_resize_axis_init(&part, 200, 77, 30, 20, AS_FILTER_BICUBIC, &err), err);
  for (int i = 0; i < 20; i++) {
    CHECK_INT(t, part.first[i], whole.first[30 + i]);
    CHECK_INT(t, part.n[i], whole.n[30 + i]);
    CHECK(t, memcmp(part.k + i * part.taps, whole.k + (30 + i) * whole.taps, (size_t)part.taps * 4) == 0);
    CHECK(t, part.first[i] >= part.lo && part.first[i] + part.n[i] <= part.hi);
  }
  as_resize_axis_clear(&whole);
  as_resize_axis_clear(&part);
  for (unsigned long k = 1; k < 5; k++) {
    as_mem_fail_after(k);
    CHECK_STATUS(t, as_resize_axis_init(&part, 200, 77, 30, 20, AS_FILTER_BICUBIC, &err), AS_E_ENV);
    as_mem_fail_after(0);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"resize: pixels as Pillow's", golden},
      {"resize: SIMD = C", simd_equals_c},
      {"resize: plans of a part", parts},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
