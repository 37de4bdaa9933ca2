/* The files of tests/golden/images and what images.tsv says of them (make_images.py wrote both). */
#ifndef AS_TESTS_GOLDENIMAGES_H
#define AS_TESTS_GOLDENIMAGES_H

#include <stdio.h>
#include <stdlib.h>

#include "data/image/image.h"
#include "tensor/base/cpu.h"
#include "tensor/base/hash/sha256.h"
#include "tests/harness.h"

/* 1: the best kernels of this CPU; 0: portable C. */
static inline void use_simd(int on) {
  (void)as_cpu_limit(on ? NULL : "ref", NULL);
}

/* A line of images.tsv: name, "WxH" or "refuse", hash; a refused file may have size, hash ("-": not to be compared) and
 * "plain" or "marked" of what the lenient mode gives. */
typedef struct golden_file {
  const char *name;
  const unsigned char *p;
  size_t n;
  bool refused;
  char size[32], hash[80], mark[16];
} golden_file;

/* Calls f for every line whose name holds `suffix`; returns how many. */
static inline int each_golden(as_test *t, const char *suffix, void (*f)(as_test *t, const golden_file *g)) {
  size_t n, count = 0;
  char *list = (char *)as_test_read(as_test_golden("images/images.tsv"), &n);
  if (!list) {
    as_test_fail(t, __FILE__, __LINE__, "tests/golden/images/images.tsv cannot be read");
    return 0;
  }
  for (char *line = list, *end; (end = memchr(line, '\n', n - (size_t)(line - list))) != NULL;
       line = end + 1) {
    char name[64] = "", path[100];
    golden_file g = {name, NULL, 0, false, "", "", ""};
    *end = 0;
    g.refused = strstr(line, "\trefuse") != NULL;
    sscanf(line, g.refused ? "%63[^\t]\trefuse\t%31[^\t]\t%79s\t%15s" : "%63[^\t]\t%31[^\t]\t%79s", name,
           g.size, g.hash, g.mark);
    if (!strstr(name, suffix)) continue;
    snprintf(path, sizeof path, "images/%s", name);
    unsigned char *p = as_test_read(as_test_golden(path), &g.n);
    g.p = p;
    CHECK(t, p != NULL);
    if (p) f(t, &g);
    free(p);
    count++;
  }
  free(list);
  return (int)count;
}

static inline void same_pixels(as_test *t, const golden_file *g, const as_image *im, int simd) {
  char got[65], dims[32];
  snprintf(dims, sizeof dims, "%dx%d", im->w, im->h);
  as_sha256_of(im->rgb, (size_t)im->w * (size_t)im->h * 3, got);
  if ((strcmp(got, g->hash) != 0 && strcmp(g->hash, "-") != 0) || strcmp(dims, g->size) != 0)
    as_test_fail(t, __FILE__, __LINE__, "%s, simd %d: %s %s, not %s %s", g->name, simd, dims, got, g->size,
                 g->hash);
}

/* Both kinds of kernels, strict and lenient. */
static inline void compare_golden(as_test *t, const golden_file *g) {
  for (int simd = 0; simd < 2; simd++) {
    as_err err;
    as_image im;
    as_image_info info;
    use_simd(simd);
    as_status s = as_image_decode(&im, g->p, g->n, 0, &info, &err);
    if (g->refused && s != AS_E_INPUT)
      as_test_fail(t, __FILE__, __LINE__, "%s: status %d, must be refused", g->name, (int)s);
    else if (!g->refused && s != AS_OK)
      as_test_fail(t, __FILE__, __LINE__, "%s: %s", g->name, err.msg);
    else if (!g->refused)
      same_pixels(t, g, &im, simd);
    as_image_clear(&im);
    if (!g->refused || !*g->size) continue;
    s = as_image_decode(&im, g->p, g->n, 1, &info, &err);
    if (s != AS_OK || info.warnings == 0)
      as_test_fail(t, __FILE__, __LINE__, "%s: status %d, %u warnings", g->name, (int)s, info.warnings);
    else if (info.decoder_dependent != (strcmp(g->mark, "marked") == 0))
      as_test_fail(t, __FILE__, __LINE__, "%s: %s wanted: %s", g->name, g->mark, info.detail);
    else
      same_pixels(t, g, &im, simd);
    as_image_clear(&im);
  }
}

#endif
