/* tar headers of every dialect, and what must be refused. */
#include "data/archive/tar.h"

#include <stdio.h>

#include "tests/harness.h"
#include "tests/tarmake.h"

/* Lists the archive as "name=bytes;" of its regular files ("name/" of others). */
static as_status list(const tarmake *t, char *out, size_t size, as_err *err) {
  as_tar tar;
  as_tar_member m;
  tarmake_memory mem = {t->p, t->n};
  bool got;
  as_status s;
  size_t at = 0;
  out[0] = '\0';
  as_tar_init(&tar, "x.tar", tarmake_fetch, &mem, t->n);
  while ((s = as_tar_next(&tar, &m, &got, err)) == AS_OK && got) {
    at += (size_t)snprintf(out + at, size - at, "%s%s%.*s;", m.name, m.file ? "=" : "!",
                           m.file ? (int)m.size : 0, (const char *)t->p + m.at);
  }
  as_tar_clear(&tar);
  return s;
}

static void plain(as_test *t) {
  tarmake a = {0};
  as_err err;
  char got[512];
  tarmake_header(&a, "d/", '5', 0, "ustar\00000");
  tarmake_text(&a, "./d/one.jpg", "first");
  tarmake_text(&a, "/two.jpg", "");
  tarmake_header(&a, "link.jpg", '2', 0, "ustar\00000");
  tarmake_header(&a, "hard.jpg", '1', 700, "ustar\00000"); /* a stated size, but no bytes follow */
  tarmake_text(&a, "three.jpg", "3");
  tarmake_end(&a);
  CHECK_OK(t, list(&a, got, sizeof got, &err), err);
  CHECK_STR(t, got, "d/!;d/one.jpg=first;two.jpg=;link.jpg!;hard.jpg!;three.jpg=3;");
  a.n -= 1024; /* no zero blocks at all */
  CHECK_OK(t, list(&a, got, sizeof got, &err), err);
  CHECK_STR(t, got, "d/!;d/one.jpg=first;two.jpg=;link.jpg!;hard.jpg!;three.jpg=3;");
  free(a.p);
}

static void dialects(as_test *t) {
  tarmake a = {0};
  as_err err;
  static char got[8192], want[8192];
  char long_name[301], value[400], record[500];
  uint8_t *h;
  memset(long_name, 'q', 300);
  long_name[300] = '\0';
  /* ustar prefix */
  h = tarmake_header(&a, "file.jpg", '0', 1, "ustar\00000");
  memcpy(h + 345, "n01440764", 9);
  tarmake_sum(h);
  tarmake_put(&a, "P", 1);
  tarmake_pad(&a);
  /* GNU keeps times there: no prefix */
  h = tarmake_header(&a, "gnu.jpg", '0', 1, "ustar  \0");
  memcpy(h + 345, "13371337133", 11);
  tarmake_sum(h);
  tarmake_put(&a, "G", 1);
  tarmake_pad(&a);
  /* GNU long name */
  tarmake_header(&a, "././@LongLink", 'L', 301, "ustar  \0");
  tarmake_put(&a, long_name, 301);
  tarmake_pad(&a);
  tarmake_header(&a, "qqq", '0', 2, "ustar  \0");
  tarmake_put(&a, "LL", 2);
  tarmake_pad(&a);
  /* pax: path and size; the record counts its own length */
  snprintf(value, sizeof value, " path=%s\n", "p/\xc3\xa9.jpg");
  snprintf(record, sizeof record, "%zu%s10 size=3\n", strlen(value) + 2, value);
  tarmake_header(&a, "g", 'g', 0, "ustar\00000");
  tarmake_header(&a, "PaxHeaders/x", 'x', strlen(record), "ustar\00000");
  tarmake_put(&a, record, strlen(record));
  tarmake_pad(&a);
  tarmake_header(&a, "short.jpg", '0', 0, "ustar\00000");
  tarmake_put(&a, "pax", 3);
  tarmake_pad(&a);
  /* base-256 size, and the old format without magic */
  h = tarmake_header(&a, "big.jpg", '0', 0, "\0\0\0\0\0\0\0\0");
  memset(h + 124, 0, 12);
  h[124] = 0x80;
  h[135] = 4;
  tarmake_sum(h);
  tarmake_put(&a, "b256", 4);
  tarmake_pad(&a);
  tarmake_end(&a);
  CHECK_OK(t, list(&a, got, sizeof got, &err), err);
  snprintf(want, sizeof want, "n01440764/file.jpg=P;gnu.jpg=G;%s=LL;p/\xc3\xa9.jpg=pax;big.jpg=b256;",
           long_name);
  CHECK_STR(t, got, want);
  free(a.p);
}

static void refuse(as_test *t, tarmake *a, const char *what) {
  as_err err = {0};
  char got[512];
  CHECK_STATUS(t, list(a, got, sizeof got, &err), AS_E_INPUT);
  if (!strstr(err.msg, what) || strncmp(err.msg, "x.tar", 5) != 0)
    as_test_fail(t, __FILE__, __LINE__, "message \"%s\" lacks \"%s\"", err.msg, what);
  free(a->p);
  memset(a, 0, sizeof *a);
}

static void damage(as_test *t) {
  tarmake a = {0};
  uint8_t *h;
  tarmake_text(&a, "a.jpg", "x");
  tarmake_text(&a, "b.jpg", "y");
  a.p[1024 + 20] ^= 1;
  refuse(t, &a, "byte 1024: found no tar header");
  tarmake_header(&a, "cut.jpg", '0', 5000, "ustar\00000");
  tarmake_put(&a, NULL, 512);
  refuse(t, &a, "a member of 5000 bytes, but 512 are left");
  tarmake_text(&a, "a.jpg", "x");
  tarmake_put(&a, "tail", 4);
  refuse(t, &a, "byte 1024: found 4 bytes at the end");
  h = tarmake_header(&a, "neg.jpg", '0', 0, "ustar\00000");
  memset(h + 124, 0xff, 12);
  tarmake_sum(h);
  refuse(t, &a, "size field");
  h = tarmake_header(&a, "huge.jpg", '0', 0, "ustar\00000");
  memset(h + 124, 0xff, 12);
  h[124] = 0x80;
  memset(h + 125, 0, 3);
  tarmake_sum(h);
  refuse(t, &a, "18446744073709551615 bytes");
  tarmake_header(&a, "l", 'L', 99999, "ustar  \0");
  tarmake_put(&a, NULL, 100352);
  refuse(t, &a, "a name of 99999 bytes");
  tarmake_header(&a, "p", 'x', 20, "ustar\00000");
  tarmake_put(&a, "99 path=aaaaaaaaaaa\n", 20);
  tarmake_pad(&a);
  refuse(t, &a, "pax record");
  tarmake_header(&a, "p", 'x', 8, "ustar\00000");
  tarmake_put(&a, "8 size=\n", 8);
  tarmake_pad(&a);
  refuse(t, &a, "pax size");
  tarmake_header(&a, "s.jpg", 'S', 0, "ustar  \0");
  refuse(t, &a, "sparse");
}

/* Every truncation of a good archive ends well or with a message, never beyond the bytes. */
static void truncation(as_test *t) {
  tarmake a = {0};
  as_err err;
  char got[512];
  tarmake_text(&a, "n1/a.jpg", "abc");
  tarmake_header(&a, "././@LongLink", 'L', 9, "ustar  \0");
  tarmake_put(&a, "long.jpg", 9);
  tarmake_pad(&a);
  tarmake_text(&a, "short", "zz");
  int ok = 0;
  for (size_t n = 0; n <= a.n; n++) {
    tarmake cut = {malloc(n + 1), n, n + 1};
    if (!cut.p) abort();
    memcpy(cut.p, a.p, n);
    as_status s = list(&cut, got, sizeof got, &err);
    if (s != AS_OK && s != AS_E_INPUT)
      as_test_fail(t, __FILE__, __LINE__, "cut at %zu: status %d", n, (int)s);
    ok += s == AS_OK;
    free(cut.p);
  }
  /* good: nothing; the first member with 0..509 bytes of padding; all with 0..510 */
  CHECK_INT(t, ok, 1 + 510 + 511);
  free(a.p);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"tar: plain members, links, folders", plain},
                                  {"tar: prefix, GNU long names, pax, base-256, old format", dialects},
                                  {"tar: damage is refused with its place", damage},
                                  {"tar: truncated anywhere", truncation}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
