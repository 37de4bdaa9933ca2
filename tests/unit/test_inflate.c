/* Inflate: streams made by zlib (tests/golden/make_inflate.py), cut, damaged and fed in pieces. */
#include "tensor/base/pack/inflate.h"

#include <stdlib.h>

#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

typedef struct record {
  as_inflate_format format;
  const uint8_t *z;
  size_t z_n, n;
  uint32_t crc;
} record;

static unsigned char *load(as_test *t, size_t *n) {
  unsigned char *p = as_test_read(as_test_golden("inflate.bin"), n);
  if (!p) as_test_fail(t, __FILE__, __LINE__, "tests/golden/inflate.bin cannot be read");
  return p;
}

static bool next(const unsigned char *p, size_t n, size_t *at, record *r) {
  if (n - *at < 13) return false;
  r->format = (as_inflate_format)p[*at];
  r->z_n = as_le32(p + *at + 1);
  r->n = as_le32(p + *at + 5);
  r->crc = as_le32(p + *at + 9);
  r->z = p + *at + 13;
  *at += 13 + r->z_n;
  return *at <= n;
}

/* Everything of a stream in pieces of `in_step` and `out_step`; the output size, or SIZE_MAX when refused. */
static size_t feed_all(const record *r, size_t in_step, size_t out_step, uint8_t *out, size_t cap,
                       size_t *used) {
  as_err err;
  as_inflate *s;
  if (as_inflate_create(&s, r->format, &err) != AS_OK) return SIZE_MAX;
  size_t in = 0, got = 0;
  as_inflate_io io = {.done = false};
  while (!io.done) {
    size_t a = r->z_n - in < in_step ? r->z_n - in : in_step, b = cap - got < out_step ? cap - got : out_step;
    io = (as_inflate_io){r->z + in, a, out + got, b, false};
    if (as_inflate_feed(s, &io, &err) != AS_OK) {
      got = SIZE_MAX;
      break;
    }
    in += a - io.in_n;
    got += b - io.out_n;
    if (io.in_n == a && io.out_n == b && !io.done) {
      got = SIZE_MAX; /* truncated */
      break;
    }
  }
  as_inflate_destroy(&s);
  *used = in;
  return got;
}

static void whole(as_test *t) {
  size_t n, at = 0, count = 0;
  unsigned char *p = load(t, &n);
  record r;
  as_err err;
  while (p && next(p, n, &at, &r)) {
    uint8_t *out = malloc(r.n + 1);
    size_t used = 0;
    CHECK_OK(t, as_inflate_all(r.format, r.z, r.z_n, &used, out, r.n, &err), err);
    CHECK_INT(t, used, r.z_n);
    CHECK_INT(t, as_crc32(0, out, r.n), r.crc);
    CHECK_STATUS(t, as_inflate_all(r.format, r.z, r.z_n, NULL, out, r.n + 1, &err), AS_E_INPUT);
    if (r.n > 0) CHECK_STATUS(t, as_inflate_all(r.format, r.z, r.z_n, NULL, out, r.n - 1, &err), AS_E_INPUT);
    free(out);
    count++;
  }
  CHECK(t, count > 50);
  free(p);
}

static void pieces(as_test *t) {
  static const size_t steps[][2] = {{1, 1}, {1, 4096}, {7, 3}, {100, 1000}, {1 << 20, 13}};
  size_t n, at = 0;
  unsigned char *p = load(t, &n);
  record r;
  while (p && next(p, n, &at, &r)) {
    uint8_t *out = malloc(r.n + 16);
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
      size_t used;
      CHECK_INT(t, feed_all(&r, steps[k][0], steps[k][1], out, r.n + 16, &used), r.n);
      CHECK_INT(t, used, r.z_n);
      CHECK_INT(t, as_crc32(0, out, r.n), r.crc);
    }
    free(out);
  }
  free(p);
}

/* Cut anywhere: refused. A flipped bit under a checksum: refused. */
static void damage(as_test *t) {
  size_t n, at = 0;
  unsigned char *p = load(t, &n);
  record r;
  as_err err;
  while (p && next(p, n, &at, &r)) {
    uint8_t *out = malloc(r.n + 1), *z = malloc(r.z_n + 1);
    size_t step = r.z_n > 300 ? r.z_n / 100 : 1;
    for (size_t cut = 0; cut < r.z_n; cut += step)
      CHECK_STATUS(t, as_inflate_all(r.format, r.z, cut, NULL, out, r.n, &err), AS_E_INPUT);
    for (size_t at_bit = 0; r.format == AS_DEFLATE_ZLIB && at_bit < r.z_n * 8; at_bit += step * 3) {
      memcpy(z, r.z, r.z_n);
      z[at_bit / 8] ^= (uint8_t)(1u << at_bit % 8);
      /* The window size (high nibble of the first byte) and level are not part of the data, but the
       * header has its own check; the padding before the trailer is free. */
      as_status s = as_inflate_all(r.format, z, r.z_n, NULL, out, r.n, &err);
      CHECK(t, s == AS_E_INPUT || as_crc32(0, out, r.n) == r.crc);
    }
    free(out);
    free(z);
  }
  free(p);
}

/* gzip: members follow each other, zeros between them are padding, foreign bytes end the stream. */
static void members(as_test *t) {
  size_t n, at = 0, z_n = 0, total = 0, foreign;
  unsigned char *p = load(t, &n);
  record r;
  as_err err;
  uint8_t *z = malloc(2 * n + 64), *out = malloc(1 << 20), *again = malloc(1 << 20);
  while (p && next(p, n, &at, &r)) {
    if (r.format != AS_DEFLATE_GZIP) continue;
    memcpy(z + z_n, r.z, r.z_n);
    z_n += r.z_n;
    memset(z + z_n, 0, 5);
    z_n += 5;
    total += r.n;
  }
  foreign = z_n;
  memcpy(z + z_n, "tail", 4);
  size_t used = 0;
  CHECK_OK(t, as_inflate_all(AS_DEFLATE_GZIP, z, z_n + 4, &used, out, total, &err), err);
  CHECK_INT(t, used, foreign);
  record all = {AS_DEFLATE_GZIP, z, z_n + 4, total, 0};
  as_inflate *s, *twin = NULL;
  uint8_t *saved = NULL;
  CHECK_OK(t, as_inflate_create(&s, AS_DEFLATE_GZIP, &err), err);
  size_t in = 0, got = 0, twin_in = 0, twin_got = 0;
  as_inflate_io io = {.done = false};
  while (in < foreign) { /* `done` comes and goes between members */
    io = (as_inflate_io){all.z + in, 1, again + got, 3000, false};
    CHECK_OK(t, as_inflate_feed(s, &io, &err), err);
    in += 1 - io.in_n;
    got += 3000 - io.out_n;
    if (!saved && got > total / 2) {
      CHECK_OK(t, as_inflate_save(&saved, s, &err), err);
      twin_in = in;
      twin_got = got;
    }
  }
  while (!io.done) {
    io = (as_inflate_io){all.z + in, 0, again + got, 3000, false};
    CHECK_OK(t, as_inflate_feed(s, &io, &err), err);
    if (io.out_n == 3000) break;
    got += 3000 - io.out_n;
  }
  CHECK_INT(t, got, total);
  CHECK(t, memcmp(out, again, total) == 0);
  /* A saved stream goes on from where it was taken. */
  CHECK_OK(t, as_inflate_restore(&twin, saved, &err), err);
  as_free(saved);
  memset(again + twin_got, 0, total - twin_got);
  io = (as_inflate_io){z + twin_in, foreign - twin_in, again + twin_got, total - twin_got, false};
  CHECK_OK(t, as_inflate_feed(twin, &io, &err), err);
  CHECK_INT(t, io.out_n, 0);
  CHECK(t, memcmp(out, again, total) == 0);
  as_inflate_destroy(&s);
  as_inflate_destroy(&twin);
  free(p);
  free(z);
  free(out);
  free(again);
}

static void refusals(as_test *t) {
  static const struct {
    const char *z;
    size_t n;
    const char *what;
  } bad[] = {
      {"\x07", 1, "block type 3"},
      {"\x01\x01\x00\xff\xff", 5, "stored block"},
      {"\xfd\x00\x00", 3, "more length or distance codes"},
      {"\x03\x02\x00", 3, "a match that starts before"},
  };
  uint8_t out[64];
  as_err err;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK_STATUS(t, as_inflate_all(AS_DEFLATE_RAW, (const uint8_t *)bad[i].z, bad[i].n, NULL, out, 10, &err),
                 AS_E_INPUT);
    if (!strstr(err.msg, bad[i].what)) as_test_fail(t, __FILE__, __LINE__, "%s: %s", bad[i].what, err.msg);
  }
  CHECK_STATUS(t, as_inflate_all(AS_DEFLATE_ZLIB, (const uint8_t *)"\x78\x9d", 2, NULL, out, 0, &err),
               AS_E_INPUT);
  CHECK_STATUS(t, as_inflate_all(AS_DEFLATE_ZLIB, (const uint8_t *)"\x78\xbb", 2, NULL, out, 0, &err),
               AS_E_INPUT);
  CHECK_STATUS(t, as_inflate_all(AS_DEFLATE_GZIP, (const uint8_t *)"\x1f\x8c\x08\0", 4, NULL, out, 0, &err),
               AS_E_INPUT);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"inflate: whole buffers", whole},      {"inflate: fed in pieces", pieces},
      {"inflate: cut and damaged", damage},   {"inflate: gzip members", members},
      {"inflate: what is refused", refusals},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
