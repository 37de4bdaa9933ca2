/* weights/zip: well-formed archives of every writer, and each way in which two readers could disagree. */
#include "tensor/base/mem.h"
#include "tensor/base/pack/zip.h"
#include "tensor/base/pack/zip_disk.h"
#include "tests/ckptmake.h"
#include "tests/harness.h"

/* "hello hello hello hello" as one fixed-Huffman deflate block (zlib level 9, raw). */
static const char packed[] = "\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\x01";
static const char plain[] = "hello hello hello hello";

static const mk_member two[2] = {{.name = "a/one", .data = "first", .size = 5},
                                 {.name = "a/two", .data = "second!", .size = 7}};

static as_status open_zip(as_zip *z, const mk_zip *spec, as_str *bytes, as_err *err) {
  as_str_clear(bytes);
  mk_zip_write(bytes, spec);
  return as_zip_open(z, (const uint8_t *)bytes->s, bytes->n, "test.zip", err);
}

static void reads(as_test *t, const mk_zip *spec) {
  as_str b = {0};
  as_zip z;
  as_err err = {AS_OK, ""};
  const uint8_t *p = NULL;
  void *block = NULL;
  CHECK_OK(t, open_zip(&z, spec, &b, &err), err);
  if (t->failures) return;
  CHECK_INT(t, z.n, 2);
  CHECK(t, as_zip_find(&z, "a/none") == NULL);
  const as_zip_entry *e = as_zip_find(&z, "a/two");
  CHECK(t, e != NULL);
  if (e) {
    CHECK_OK(t, as_zip_read(&z, e, 1, &p, &block, &err), err);
    CHECK_INT(t, e->size, 7);
    CHECK(t, memcmp(p, "second!", 7) == 0 && block == NULL);
  }
  CHECK_OK(t, as_zip_verify(&z, &err), err);
  as_zip_close(&z);
  as_str_clear(&b);
}

static void stored(as_test *t) {
  mk_zip z = {.m = two, .n = 2};
  reads(t, &z);
  z.comment = "a comment of the archive";
  reads(t, &z);
}

static void torch_style(as_test *t) {
  mk_member m[2] = {two[0], two[1]};
  m[0].flags = m[1].flags = 0x808; /* sizes after the payload */
  mk_zip z = {.m = m, .n = 2, .zip64 = 1};
  reads(t, &z);
}

static void numpy_style(as_test *t) {
  mk_member m[2] = {two[0], two[1]};
  m[0].zip64 = m[1].zip64 = 1; /* a zip64 field in every header */
  mk_zip z = {.m = m, .n = 2};
  reads(t, &z);
}

static void deflated(as_test *t) {
  mk_member m = {.name = "x",
                 .data = packed,
                 .size = sizeof packed - 1,
                 .method = 8,
                 .real = sizeof plain - 1,
                 .real_crc = as_crc32(0, plain, sizeof plain - 1)};
  mk_zip spec = {.m = &m, .n = 1};
  as_str b = {0};
  as_zip z;
  as_err err = {AS_OK, ""};
  const uint8_t *p = NULL;
  void *block = NULL;
  CHECK_OK(t, open_zip(&z, &spec, &b, &err), err);
  if (t->failures) return;
  CHECK_OK(t, as_zip_read(&z, &z.entries[0], 0, &p, &block, &err), err);
  CHECK(t, block && memcmp(p, plain, sizeof plain - 1) == 0);
  as_free(block);
  as_zip_close(&z);
  m.real_crc ^= 1; /* CRC of deflated members is always checked */
  CHECK_OK(t, open_zip(&z, &spec, &b, &err), err);
  CHECK_STATUS(t, as_zip_read(&z, &z.entries[0], 0, &p, &block, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "CRC-32") != NULL);
  as_zip_close(&z);
  m.real_crc ^= 1;
  m.real -= 1;
  CHECK_OK(t, open_zip(&z, &spec, &b, &err), err);
  CHECK_STATUS(t, as_zip_read(&z, &z.entries[0], 0, &p, &block, &err), AS_E_INPUT);
  as_zip_close(&z);
  m.real = 1u << 20; /* 10 bytes cannot become a megabyte */
  CHECK_STATUS(t, open_zip(&z, &spec, &b, &err), AS_E_INPUT);
  as_str_clear(&b);
}

/* Must be refused at opening, with `want` in the message. */
static void refused(as_test *t, const mk_zip *spec, const char *want) {
  as_str b = {0};
  as_zip z;
  as_err err = {AS_OK, ""};
  as_status st = open_zip(&z, spec, &b, &err);
  CHECK_INT(t, st, AS_E_INPUT);
  if (st == AS_OK) as_zip_close(&z);
  if (!strstr(err.msg, want))
    as_test_fail(t, __FILE__, __LINE__, "message \"%s\" lacks \"%s\"", err.msg, want);
  as_str_clear(&b);
}

static void hostile(as_test *t) {
  mk_member m[2] = {two[0], two[1]};
  mk_zip z = {.m = m, .n = 2};
  m[1].local_name = "b/two";
  refused(t, &z, "calls the member b/two");
  m[1] = two[1];
  m[1].flags = 1;
  refused(t, &z, "encrypted");
  m[1].flags = 0x40;
  refused(t, &z, "encrypted");
  m[1].flags = 0x20;
  refused(t, &z, "flags");
  m[1] = two[1];
  m[1].method = 9;
  m[1].real = 7;
  refused(t, &z, "method 9");
  m[1] = two[0];
  refused(t, &z, "stands twice");
  m[1] = two[1];
  m[1].name = "../two";
  refused(t, &z, "climbs out");
  m[1].name = "a/../two";
  refused(t, &z, "climbs out");
  m[1].name = "/two";
  refused(t, &z, "absolute");
  m[1].name = "a\\two";
  refused(t, &z, "backslash");
  m[1] = two[1];
  m[1].offset_add = 1;
  refused(t, &z, "no local header");
  m[1].offset_add = 100000;
  refused(t, &z, "no local header");
  m[1] = two[1];
  z.count_add = 1;
  refused(t, &z, "more members than its directory");
  z.count_add = -1;
  refused(t, &z, "bytes between");
  z.count_add = 30000;
  refused(t, &z, "more members than its directory");
  z.count_add = 0;
  z.prefix = "#!/bin/sh\n";
  refused(t, &z, "bytes before the first member");
}

/* Both directory entries point at one local header: the same bytes under two claims. */
static void overlap(as_test *t) {
  mk_member m[2] = {{.name = "same", .data = "12345678", .size = 8},
                    {.name = "same", .data = "12345678", .size = 8}};
  m[1].offset_add = -(long)(30 + 4 + 8); /* back to the first member */
  mk_zip z = {.m = m, .n = 2};
  refused(t, &z, "overlap");
}

static void bad_crc(as_test *t) {
  mk_member m[2] = {two[0], two[1]};
  m[1].crc_xor = 0x80;
  mk_zip spec = {.m = m, .n = 2};
  as_str b = {0};
  as_zip z;
  as_err err = {AS_OK, ""};
  const uint8_t *p = NULL;
  void *block = NULL;
  CHECK_OK(t, open_zip(&z, &spec, &b, &err), err);
  CHECK_STATUS(t, as_zip_verify(&z, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "a/two") && strstr(err.msg, "CRC-32"));
  CHECK_STATUS(t, as_zip_read(&z, as_zip_find(&z, "a/two"), 1, &p, &block, &err), AS_E_INPUT);
  CHECK_OK(t, as_zip_read(&z, as_zip_find(&z, "a/two"), 0, &p, &block, &err), err);
  as_zip_close(&z);
  as_str_clear(&b);
}

/* Every proper prefix of an archive, and the archive with bytes appended, is refused. */
static void truncated(as_test *t) {
  mk_member m[2] = {two[0], two[1]};
  m[0].flags = 8;
  mk_zip spec = {.m = m, .n = 2, .zip64 = 1};
  as_str b = {0};
  as_zip z;
  as_err err = {AS_OK, ""};
  mk_zip_write(&b, &spec);
  for (size_t n = 0; n < b.n; n++) {
    char *copy = malloc(n + 1); /* its own block, so that a sanitizer sees a byte read too many */
    memcpy(copy, b.s, n);
    as_status st = as_zip_open(&z, (const uint8_t *)copy, n, "test.zip", &err);
    CHECK_INT(t, st, AS_E_INPUT);
    if (st == AS_OK) as_zip_close(&z);
    free(copy);
  }
  as_str_putc(&b, 0);
  CHECK_STATUS(t, as_zip_open(&z, (const uint8_t *)b.s, b.n, "test.zip", &err), AS_E_INPUT);
  as_str_clear(&b);
}

/* Each byte changed in turn: opened or refused, never out of bounds. */
static void flipped(as_test *t) {
  mk_member m[2] = {two[0], two[1]};
  m[0].flags = 8;
  m[1].zip64 = 1;
  mk_zip spec = {.m = m, .n = 2, .zip64 = 1};
  as_str b = {0};
  as_err err = {AS_OK, ""};
  mk_zip_write(&b, &spec);
  int opened = 0;
  for (size_t i = 0; i < b.n; i++)
    for (int bit = 0; bit < 8; bit++) {
      as_zip z;
      b.s[i] = (char)(b.s[i] ^ 1 << bit);
      if (as_zip_open(&z, (const uint8_t *)b.s, b.n, "test.zip", &err) == AS_OK) {
        opened++;
        (void)as_zip_verify(&z, &err);
        as_zip_close(&z);
      }
      b.s[i] = (char)(b.s[i] ^ 1 << bit);
    }
  CHECK(t, opened < (int)b.n * 4); /* most changes are seen at once; payloads only by their CRC */
  as_str_clear(&b);
}

/* The same archives from disk, a member at a time: "name=bytes;" of each, or its message. */
static const char *from_disk(const as_str *b) {
  static char out[2048];
  as_zip_disk z;
  as_err err = {AS_OK, ""};
  as_disk d = {.path = "x", .fd = -1, .size = b->n, .owned = (uint8_t *)b->s};
  size_t at = 0;
  if (as_zip_disk_open(&z, &d, &err) != AS_OK) {
    snprintf(out, sizeof out, "%s", err.msg);
    return out;
  }
  out[0] = 0;
  for (size_t i = 0; i < z.n; i++) {
    uint8_t *p = as_alloc((size_t)z.member[i].size + 1, 1, NULL);
    as_status s = p ? as_zip_disk_read(&z, &d, i, p, &err) : AS_E_ENV;
    at += (size_t)snprintf(out + at, sizeof out - at, "%s=%.*s;", z.names + z.member[i].name,
                           s == AS_OK ? (int)z.member[i].size : 200, s == AS_OK ? (const char *)p : err.msg);
    as_free(p);
  }
  as_zip_disk_close(&z);
  return out;
}

static void disk(as_test *t) {
  mk_member m[5] = {two[0],
                    two[1],
                    {.name = "folder/", .data = "", .size = 0},
                    {.name = "../\\odd\x01",
                     .data = packed,
                     .size = sizeof packed - 1,
                     .method = 8,
                     .real = sizeof plain - 1,
                     .real_crc = as_crc32(0, plain, sizeof plain - 1)},
                    two[0]}; /* twice */
  const char *all = "a/one=first;a/two=second!;../\\odd\x01=hello hello hello hello;a/one=first;";
  mk_zip z = {.m = m, .n = 5};
  as_str b = {0};
  for (int how = 0; how < 4; how++) {
    as_str_clear(&b);
    z.comment = how == 1 ? "a comment" : NULL;
    z.zip64 = how == 2;
    for (int i = 0; i < 5; i++) m[i].flags = how == 2 ? 0x808 : 0, m[i].zip64 = how == 3;
    mk_zip_write(&b, &z);
    CHECK_STR(t, from_disk(&b), all);
  }
  CHECK(t, as_zip_is((const uint8_t *)b.s, b.n) && !as_zip_is((const uint8_t *)"PK", 2));
  for (size_t n = 0; n < b.n; n++) { /* cut anywhere */
    as_str cut = {.s = b.s, .n = n};
    CHECK(t, strncmp(from_disk(&cut), "x: zip archive, byte ", 21) == 0);
  }
  for (size_t i = 0; i < b.n * 8; i++) { /* any bit: no member's bytes are wrong without a word */
    b.s[i / 8] = (char)(b.s[i / 8] ^ 1 << i % 8);
    const char *got = from_disk(&b);
    for (const char *p = strstr(got, "=f"); p; p = strstr(p + 1, "=f"))
      CHECK(t, strncmp(p, "=first;", 7) == 0);
    b.s[i / 8] = (char)(b.s[i / 8] ^ 1 << i % 8);
  }
  mk_member bad[3] = {two[0], two[0], two[0]};
  bad[0].flags = 1;
  bad[1].method = 12, bad[1].real = 5;
  bad[2].crc_xor = 1;
  z = (mk_zip){.m = bad, .n = 3};
  as_str_clear(&b);
  mk_zip_write(&b, &z);
  CHECK_STR(t, from_disk(&b),
            "a/one=x: zip member a/one is encrypted; unpack it with its password;a/one=x: zip member a/one "
            "uses method "
            "12; stored (0) and deflate (8) are read;a/one=x: zip member a/one: CRC-32 is 9271ee57, the "
            "directory says "
            "9271ee56 (damaged file);");
  z.prefix = "stub";
  z.n = 1;
  bad[0] = two[0];
  as_str_clear(&b);
  mk_zip_write(&b, &z); /* offsets count from the archive's begin here, so a prefix is no matter */
  CHECK_STR(t, from_disk(&b), "a/one=first;");
  as_str_clear(&b);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"zip stored", stored},
                                  {"zip from disk, a member at a time", disk},
                                  {"zip as torch writes it", torch_style},
                                  {"zip as numpy writes it", numpy_style},
                                  {"zip deflated", deflated},
                                  {"zip refuses what readers disagree about", hostile},
                                  {"zip overlapping members", overlap},
                                  {"zip bad crc", bad_crc},
                                  {"zip truncated", truncated},
                                  {"zip flipped bits", flipped}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
