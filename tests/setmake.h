/* Small data sets on disk for the tests of data/sets, and what is found in them as text. */
#ifndef AS_TESTS_SETMAKE_H
#define AS_TESTS_SETMAKE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/sets/dataset.h"
#include "tensor/base/file.h"
#include "tensor/base/log.h"
#include "tests/harness.h"
#include "tests/tarmake.h"

static char path_buf[32][512];
static int path_next;

/* tmp/name, good for 32 calls. */
static inline const char *at_tmp(const char *name) {
  char *p = path_buf[path_next++ % 32];
  snprintf(p, sizeof path_buf[0], "%s/%s", as_test_tmp(), name);
  return p;
}

static inline const char *put_file(const char *name, const void *p, size_t n) {
  as_err err;
  const char *path = at_tmp(name);
  char *dir = as_path_dir(path, &err);
  if (!dir || as_make_dirs(dir, &err) != AS_OK || as_file_write(path, p, n, &err) != AS_OK) abort();
  free(dir);
  return path;
}

static inline const char *put_text(const char *name, const char *text) {
  return put_file(name, text, strlen(text));
}

static inline const char *put_tar(const char *name, tarmake *a) {
  tarmake_end(a);
  const char *path = put_file(name, a->p, a->n);
  free(a->p);
  memset(a, 0, sizeof *a);
  return path;
}

/* "name:label=bytes;" of every item. */
static inline const char *listing(as_test *t, const as_dataset_opts *o) {
  static char out[16384];
  as_dataset *ds;
  as_err err = {0};
  size_t at = 0;
  out[0] = '\0';
  if (as_dataset_open(&ds, o, &err) != AS_OK) {
    snprintf(out, sizeof out, "error %d: %s", (int)err.status, err.msg);
    return out;
  }
  for (size_t i = 0; i < as_dataset_count(ds) && at < sizeof out - 300; i++) {
    as_item item = as_dataset_item(ds, i);
    as_blob blob;
    CHECK_OK(t, as_dataset_read(ds, i, &blob, &err), err);
    at += (size_t)snprintf(out + at, sizeof out - at, "%s:%d", item.name, item.label);
    for (int k = 0; item.labels && k <= item.n_labels; k++)
      at += (size_t)snprintf(out + at, sizeof out - at, k < item.n_labels ? ",%d" : "]", item.labels[k % 8]);
    at += (size_t)snprintf(out + at, sizeof out - at, "=%.*s;", (int)blob.n, (const char *)blob.p);
    as_dataset_release(&blob);
  }
  as_dataset_close(&ds);
  return out;
}

static inline void wants(as_test *t, const as_dataset_opts *o, const char *want, int line) {
  const char *got = listing(t, o);
  if (strcmp(got, want) != 0) as_test_fail(t, __FILE__, line, "got  %s\nwant %s", got, want);
}
#define WANTS(t, want, ...) wants(t, &(as_dataset_opts){__VA_ARGS__}, want, __LINE__)

static inline void fails(as_test *t, const as_dataset_opts *o, as_status status, const char *what, int line) {
  const char *got = listing(t, o);
  char head[16];
  snprintf(head, sizeof head, "error %d:", (int)status);
  if (strncmp(got, head, strlen(head)) != 0 || !strstr(got, what))
    as_test_fail(t, __FILE__, line, "got \"%s\", wanted \"%s ... %s\"", got, head, what);
}
#define FAILS(t, status, what, ...) fails(t, &(as_dataset_opts){__VA_ARGS__}, status, what, __LINE__)

/* Counts the remarks that hold a text. */
static int log_count;
static inline void count_log(void *ctx, as_log_level level, const char *line) {
  (void)level;
  log_count += strstr(line, (const char *)ctx) != NULL;
}

#endif
