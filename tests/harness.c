#define _XOPEN_SOURCE 700
#include "tests/harness.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHOWN_FAILURES = 20 };

static char tmp_dir[64];

void as_test_fail(as_test *t, const char *file, int line, const char *fmt, ...) {
  va_list ap;
  if (t->failures++ >= SHOWN_FAILURES) return;
  fprintf(stderr, "%s:%d: %s: ", file, line, t->name);
  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
  fputc('\n', stderr);
}

void as_test_skip(as_test *t, const char *why) {
  t->skipped = why;
}

const char *as_test_shared(const char *name) {
  static char path[1024];
  const char *root = getenv("ASSAY_SHARED");
  struct stat st;
  if (!root) root = "../shared";
  snprintf(path, sizeof path, "%s/data/%s", root, name);
  return stat(path, &st) == 0 ? path : NULL;
}

const char *as_test_golden(const char *name) {
  static char path[1024];
  const char *root = getenv("ASSAY_TESTS"); /* set by run.sh; tests/ of the current folder otherwise */
  snprintf(path, sizeof path, "%s/golden/%s", root ? root : "tests", name);
  return path;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

static void remove_tmp(void) {
  nftw(tmp_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *as_test_tmp(void) {
  if (!tmp_dir[0]) {
    strcpy(tmp_dir, "/tmp/assay-test-XXXXXX");
    if (!mkdtemp(tmp_dir)) {
      perror(tmp_dir);
      exit(4);
    }
    atexit(remove_tmp);
  }
  return tmp_dir;
}

unsigned char *as_test_read(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  unsigned char *p = NULL;
  size_t cap = 0, got;
  *n = 0;
  if (!f) return NULL;
  do {
    if (cap - *n < 65536) {
      unsigned char *q = realloc(p, cap = cap * 2 + 65536);
      if (!q) break;
      p = q;
    }
    *n += got = fread(p + *n, 1, cap - *n, f);
  } while (got);
  fclose(f);
  return p;
}

static bool selected(const char *name, int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (strstr(name, argv[i])) return true;
  return argc < 2;
}

int as_test_main(int argc, char **argv, const as_case *cases, size_t n) {
  int passed = 0, failed = 0, skipped = 0;
  for (size_t i = 0; i < n; i++) {
    as_test t = {cases[i].name, 0, NULL};
    if (!selected(t.name, argc, argv)) continue;
    cases[i].run(&t);
    if (t.failures) {
      failed++;
      printf("not ok %s (%d failures)\n", t.name, t.failures);
    } else if (t.skipped) {
      skipped++;
      printf("skip %s: %s\n", t.name, t.skipped);
    } else {
      passed++;
      printf("ok %s\n", t.name);
    }
    fflush(stdout);
  }
  printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed != 0;
}
