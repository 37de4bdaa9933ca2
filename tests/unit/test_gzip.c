/* Random access into gzip files, and tar.gz datasets. Golden: tests/golden/make_gzip.py. */
#include "tensor/base/pack/gzip.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/sets/dataset.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tests/harness.h"

/* The decoded bytes of the golden: text that repeats at many distances. */
static uint8_t byte_at(uint64_t i) {
  uint32_t block = (uint32_t)(i / 1000), h = block * 2654435761u;
  if (block % 12 > 0) return (uint8_t)('a' + i % 7);
  h ^= (uint32_t)(i % 97) * 40503u;
  return (uint8_t)('A' + (h >> 13) % 23);
}

enum { GOLDEN_SIZE = 3000000 };

static as_gzip *open_golden(as_test *t) {
  as_gzip *g = NULL;
  as_err err;
  CHECK_OK(t, as_gzip_open(&g, as_test_golden("pattern.gz"), &err), err);
  return g;
}

static int wrong(const uint8_t *p, uint64_t at, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (p[i] != byte_at(at + i)) return 1;
  }
  return 0;
}

/* A forward pass in steps, as tar reading does it. */
static as_status pass(as_gzip *g, uint64_t step, int *bad, uint64_t *total, as_err *err) {
  uint8_t buf[700];
  size_t got = 1;
  as_status s = AS_OK;
  for (uint64_t at = 0; s == AS_OK && got > 0; at += step) {
    s = as_gzip_fetch(g, at, sizeof buf, buf, &got, err);
    *bad += wrong(buf, at, got);
    if (got > 0) *total = at + got;
    if (got < sizeof buf) break;
  }
  return s;
}

typedef struct reads {
  const as_gzip *g;
  int bad[64];
} reads;

static void read_chunk(void *ctx, size_t chunk, int worker) {
  reads *r = ctx;
  uint8_t buf[5000];
  (void)worker;
  for (uint64_t k = 0; k < 8; k++) {
    uint64_t at = ((uint64_t)chunk * 8 + k) * 7919 * 761 % (GOLDEN_SIZE - sizeof buf);
    r->bad[chunk] += as_gzip_read(r->g, at, sizeof buf, buf, NULL) != AS_OK || wrong(buf, at, sizeof buf);
  }
}

static void random_access(as_test *t) {
  as_gzip *g = open_golden(t);
  as_err err;
  int bad = 0;
  uint64_t total = 0;
  if (!g) return;
  CHECK_OK(t, pass(g, 8000, &bad, &total, &err), err);
  CHECK_INT(t, bad, 0);
  CHECK_INT(t, total, 2992000 + 700);
  reads r = {.g = g};
  as_par_for(64, read_chunk, &r);
  for (int i = 0; i < 64; i++) bad += r.bad[i];
  CHECK_INT(t, bad, 0);
  uint8_t buf[10];
  CHECK_STATUS(t, as_gzip_read(g, GOLDEN_SIZE - 5, 10, buf, &err), AS_E_INPUT);
  CHECK_STATUS(t, as_gzip_fetch(g, 0, 1, buf, &(size_t){0}, &err), AS_E_USAGE);
  as_gzip_close(&g);
  CHECK(t, g == NULL);
}

/* A state saved with bytes pending, at many places, goes on as the one that it was taken from. */
static void save_restore(as_test *t) {
  size_t n, in = 0;
  unsigned char *p = as_test_read(as_test_golden("pattern.gz"), &n);
  as_inflate *s = NULL, *twin = NULL;
  as_err err;
  uint8_t buf[40001], other[40001], *saved;
  uint64_t at = 0;
  int pending = 0, bad = 0, steps = 0;
  CHECK_OK(t, as_inflate_create(&s, AS_DEFLATE_GZIP, &err), err);
  if (!p || !s) return;
  as_inflate_io io = {.done = false};
  while (!io.done) {
    CHECK_OK(t, as_inflate_save(&saved, s, &err), err);
    CHECK_OK(t, as_inflate_restore(&twin, saved, &err), err);
    as_free(saved);
    pending += as_inflate_pending(s) > 0;
    CHECK_INT(t, as_inflate_pending(twin), as_inflate_pending(s));
    const size_t want = 1000 + (size_t)steps * 733 % 39000;
    io = (as_inflate_io){p + in, n - in, buf, want, false};
    as_inflate_io twin_io = {p + in, n - in, other, want, false};
    CHECK_OK(t, as_inflate_feed(s, &io, &err), err);
    CHECK_OK(t, as_inflate_feed(twin, &twin_io, &err), err);
    const size_t got = want - io.out_n, used = n - in - io.in_n;
    bad += io.out_n != twin_io.out_n || io.done != twin_io.done || memcmp(buf, other, got) != 0 ||
           wrong(buf, at, got);
    as_inflate_destroy(&twin);
    in += used;
    at += got;
    if (got == 0 && used == 0 && !io.done) break;
    steps++;
  }
  CHECK_INT(t, bad, 0);
  CHECK_INT(t, at, GOLDEN_SIZE);
  CHECK(t, pending > 10 && steps > 50);
  as_inflate_destroy(&s);
  free(p);
}

static void damage(as_test *t) {
  size_t n;
  char path[600];
  unsigned char *p = as_test_read(as_test_golden("pattern.gz"), &n);
  as_err err = {0};
  as_gzip *g;
  if (!p) {
    as_test_fail(t, __FILE__, __LINE__, "no golden");
    return;
  }
  snprintf(path, sizeof path, "%s/cut.gz", as_test_tmp());
  for (int k = 0; k < 3; k++) {
    size_t keep = k == 0 ? n / 2 : k == 1 ? n - 3 : n;
    if (k == 2) p[n - 6] ^= 1; /* the stored CRC */
    FILE *f = fopen(path, "wb");
    if (!f) return;
    fwrite(p, 1, keep, f);
    fclose(f);
    int bad = 0;
    uint64_t total = 0;
    CHECK_OK(t, as_gzip_open(&g, path, &err), err);
    CHECK_STATUS(t, pass(g, 700, &bad, &total, &err), AS_E_INPUT);
    CHECK(t, strstr(err.msg, "cut.gz") != NULL);
    CHECK_INT(t, bad, 0);
    as_gzip_close(&g);
  }
  free(p);
}

/* Members come in another order than their names; reading by name goes back and forth. */
static void dataset(as_test *t) {
  as_dataset *ds;
  as_err err;
  char path[600];
  snprintf(path, sizeof path, "%s", as_test_golden("shuffled.tar.gz"));
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), err);
  if (!ds) return;
  CHECK_INT(t, as_dataset_count(ds), 120);
  int bad = 0;
  for (size_t i = 0; i < as_dataset_count(ds); i++) {
    as_item item = as_dataset_item(ds, i);
    as_blob b;
    int number = atoi(item.name + strlen("n01440764/x"));
    bad += item.label != (int)(i / 60);
    if (as_dataset_read(ds, i, &b, &err) != AS_OK) {
      bad++;
      continue;
    }
    bad += b.n != (size_t)(number * 211 % 5000) || wrong(b.p, (uint64_t)number * 1000, b.n);
    as_dataset_release(&b);
  }
  CHECK_INT(t, bad, 0);
  as_dataset_close(&ds);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"gzip: random access from restart points", random_access},
                                  {"gzip: a saved state with bytes pending", save_restore},
                                  {"gzip: truncation and a wrong check sum", damage},
                                  {"gzip: a tar.gz read in the order of names", dataset}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
