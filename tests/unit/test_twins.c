/* Images that are there twice: by bytes, by pixels, within a set and between two, the thorough way and the quick. */
#include "data/sets/twins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image/jpegenc.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"
#include "tests/tarmake.h"

enum { SIDE = 120 };

static const char *put(const char *name, const void *p, size_t n) {
  static char path[8][600];
  static int next;
  as_err err;
  char *to = path[next++ % 8];
  snprintf(to, sizeof path[0], "%s/%s", as_test_tmp(), name);
  char *dir = as_path_dir(to, &err);
  if (!dir || as_make_dirs(dir, &err) != AS_OK || (p && as_file_write(to, p, n, &err) != AS_OK)) abort();
  as_free(dir);
  return to;
}

/* A noisy picture, so that its file is longer than what is compared first. */
static uint8_t *picture(unsigned seed, size_t *n) {
  static uint8_t rgb[SIDE * SIDE * 3];
  uint8_t *out;
  unsigned x = seed * 2654435761u + 1;
  for (size_t i = 0; i < sizeof rgb; i++) {
    x = x * 1664525u + 1013904223u;
    rgb[i] = (uint8_t)(x >> 24);
  }
  if (as_jpeg_encode(&out, n, rgb, SIDE, SIDE, 90, AS_JPEG_420, NULL) != AS_OK || *n < 9000) abort();
  return out;
}

/* The same picture with a remark in its header: other bytes, equal pixels, equal tail. */
static uint8_t *remarked(const uint8_t *jpeg, size_t n, char c, size_t *m) {
  const uint8_t com[8] = {0xff, 0xfe, 0, 6, 'a', 's', 's', (uint8_t)c};
  uint8_t *out = malloc(n + 8);
  if (!out) abort();
  memcpy(out, jpeg, 2);
  memcpy(out + 2, com, 8);
  memcpy(out + 10, jpeg + 2, n - 2);
  *m = n + 8;
  return out;
}

static as_dataset *open_set(as_test *t, const char *path) {
  as_dataset *ds;
  as_err err;
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), err);
  if (!ds) abort();
  return ds;
}

/* "a=b" or "a~b" (pixels alone) of every pair, by names. */
static const char *text_of(const as_twins *w, const as_dataset *a, const as_dataset *b) {
  static char out[1024];
  size_t at = 0;
  out[0] = 0;
  for (size_t i = 0; i < w->n && at + 200 < sizeof out; i++)
    at += (size_t)snprintf(out + at, sizeof out - at, "%s%c%s ", as_dataset_item(a, w->pair[i].a).name,
                           w->pair[i].same_bytes ? '=' : '~', as_dataset_item(b ? b : a, w->pair[i].b).name);
  return out;
}

static void thorough(as_test *t, const as_dataset *a, const as_dataset *b, const char *want) {
  as_err err;
  size_t na = as_dataset_count(a), nb = b ? as_dataset_count(b) : 0;
  as_image_print *p = calloc(na, sizeof *p), *q = calloc(nb + 1, sizeof *q);
  as_twins w;
  for (size_t i = 0; i < na; i += 2) /* in pieces */
    CHECK_OK(t, as_twins_print(p + i, a, i, na - i < 2 ? na - i : 2, true, &err), err);
  if (b) CHECK_OK(t, as_twins_print(q, b, 0, nb, true, &err), err);
  CHECK_OK(t, as_twins_match(&w, p, na, b ? q : NULL, nb, &err), err);
  CHECK_STR(t, text_of(&w, a, b), want);
  CHECK(t, w.whole);
  as_twins_clear(&w);
  free(p);
  free(q);
}

static void quick(as_test *t, const as_dataset *a, const as_dataset *b, uint64_t most, bool whole,
                  const char *want) {
  as_err err;
  as_twins w;
  CHECK_OK(t, as_twins_quick(&w, a, b, most, &err), err);
  CHECK_STR(t, text_of(&w, a, b), want);
  CHECK_INT(t, w.whole, whole);
  CHECK_INT(t, w.n, w.n_bytes);
  as_twins_clear(&w);
}

static void twins(as_test *t) {
  size_t n, m, k;
  uint8_t *one = picture(1, &n), *two = picture(2, &m), *other = remarked(one, n, 'A', &k);
  uint8_t *third = remarked(one, n, 'B', &k);
  put("set/a/1.jpg", one, n);
  put("set/a/2.jpg", two, m);
  put("set/b/again.jpg", one, n);
  put("set/b/other.jpg", other, k); /* one size, one tail, equal pixels, not the same file */
  put("set/b/third.jpg", third, k);
  put("set/c/broken.jpg", "no image", 8);
  put("set/c/broken2.jpg", "no image", 8);
  put("set/c/empty.jpg", "", 0);
  put("set/c/empty2.jpg", "", 0);
  tarmake a = {0};
  tarmake_file(&a, "x/new.jpg", third, k - 100);
  tarmake_file(&a, "x/seen.jpg", two, m);
  tarmake_file(&a, "x/seen2.jpg", two, m);
  tarmake_file(&a, "y/like.jpg", other, k);
  tarmake_end(&a);
  as_dataset *set = open_set(t, put("set", NULL, 0));
  as_dataset *tar = open_set(t, put("x.tar", a.p, a.n));
  const uint64_t all = 1 << 30;
  thorough(t, set, NULL,
           "b/again.jpg=a/1.jpg b/other.jpg~a/1.jpg b/third.jpg~a/1.jpg c/broken2.jpg=c/broken.jpg "
           "c/empty2.jpg=c/empty.jpg ");
  quick(t, set, NULL, all, true, "b/again.jpg=a/1.jpg c/broken2.jpg=c/broken.jpg ");
  thorough(t, tar, set, "x/seen.jpg=a/2.jpg x/seen2.jpg=a/2.jpg y/like.jpg=b/other.jpg ");
  quick(t, tar, set, all, true, "x/seen.jpg=a/2.jpg x/seen2.jpg=a/2.jpg y/like.jpg=b/other.jpg ");
  quick(t, set, tar, all, true, "a/2.jpg=x/seen.jpg b/other.jpg=y/like.jpg ");
  quick(t, set, tar, 5000, false, "");
  /* one and the same set is known without a byte read */
  quick(t, tar, tar, 0, true,
        "x/new.jpg=x/new.jpg x/seen.jpg=x/seen.jpg x/seen2.jpg=x/seen2.jpg y/like.jpg=y/like.jpg ");
  as_dataset_close(&set);
  as_dataset_close(&tar);
  as_free(one);
  as_free(two);
  free(other);
  free(third);
  free(a.p);
}

/* Prints are what twins.h says. */
static void prints(as_test *t) {
  uint8_t white[8 * 8 * 3], side[8] = {8, 0, 0, 0, 8, 0, 0, 0}, want[32], *jpeg;
  size_t n;
  as_err err;
  as_sha256 sum;
  as_image_print p;
  memset(white, 255, sizeof white);
  if (as_jpeg_encode(&jpeg, &n, white, 8, 8, 90, AS_JPEG_444, NULL) != AS_OK) abort();
  put("w/a/1.jpg", jpeg, n);
  as_dataset *ds = open_set(t, put("w", NULL, 0));
  CHECK_OK(t, as_twins_print(&p, ds, 0, 1, true, &err), err);
  as_sha256_init(&sum);
  as_sha256_update(&sum, jpeg, n);
  as_sha256_final(&sum, want);
  CHECK(t, memcmp(p.bytes, want, 32) == 0);
  as_sha256_init(&sum);
  as_sha256_update(&sum, side, sizeof side);
  as_sha256_update(&sum, white, sizeof white);
  as_sha256_final(&sum, want);
  CHECK(t, memcmp(p.pixels, want, 32) == 0);
  CHECK_OK(t, as_twins_print(&p, ds, 0, 1, false, &err), err);
  memset(want, 0, 32);
  CHECK(t, memcmp(p.pixels, want, 32) == 0);
  as_mem_fail_after(2); /* no memory is no unreadable image */
  CHECK_STATUS(t, as_twins_print(&p, ds, 0, 1, true, &err), AS_E_ENV);
  as_mem_fail_after(0);
  as_dataset_close(&ds);
  as_free(jpeg);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"twins: within a set and between two", twins}, {"twins: prints", prints}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
