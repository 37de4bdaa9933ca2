/* The log that a cut-off run resumes from: whatever the cut, whole rows survive and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/features/rowlog.h"
#include "tensor/base/file.h"
#include "tests/harness.h"

enum { D = 3, N = 5 };
static const char key[65] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

typedef struct as_seen {
  size_t n, failed;
  float x[N][D];
  char why[64];
  size_t forgiven; /* row of the last remark */
  char remark[64];
} as_seen;

static void found(void *ctx, size_t row, const float *x, const char *why) {
  as_seen *s = ctx;
  if (row != s->n) abort();
  if (x) memcpy(s->x[row], x, sizeof s->x[row]);
  if (x && why) {
    s->forgiven = row;
    snprintf(s->remark, sizeof s->remark, "%s", why);
  } else if (why) {
    s->failed++;
    snprintf(s->why, sizeof s->why, "%s", why);
  }
  s->n++;
}

static const char *path_of(const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", as_test_tmp(), name);
  return path;
}

static void put_all(as_test *t, const char *path, size_t from) {
  as_rowlog log;
  as_err err = {0};
  as_seen seen = {0};
  CHECK_OK(t, as_rowlog_open(&log, path, key, D, N, found, &seen, &err), err);
  CHECK_INT(t, log.next, from);
  for (size_t i = log.next; i < N; i++) {
    const float x[D] = {(float)i, -0.5f, 1e-30f};
    as_rowlog_put(&log, i == 2 ? NULL : x,
                  i == 2   ? "truncated at byte 7"
                  : i == 3 ? "17 foreign bytes"
                           : NULL);
  }
  CHECK_OK(t, as_rowlog_flush(&log, 1, &err), err);
  as_rowlog_close(&log);
}

/* Every length of file that a kill can leave: the rows that are whole come back, the log goes on from
 * there, and the end is the same file. */
static void every_cut(as_test *t) {
  const char *path = path_of("rows");
  size_t whole_n = 0, last = 0;
  put_all(t, path, 0);
  unsigned char *whole = as_test_read(path, &whole_n);
  CHECK(t, whole != NULL);
  for (size_t cut = 0; whole && cut <= whole_n; cut++) {
    as_err err = {0};
    as_rowlog log;
    as_seen seen = {0};
    CHECK_OK(t, as_file_write(path, whole, cut, &err), err);
    CHECK_OK(t, as_rowlog_open(&log, path, key, D, N, found, &seen, &err), err);
    as_rowlog_close(&log);
    CHECK_INT(t, seen.n, log.next);
    CHECK(t, seen.n >= last && seen.n <= last + 1);
    last = seen.n;
    for (size_t i = 0; i < seen.n; i++)
      if (i != 2) CHECK(t, seen.x[i][0] == (float)i && seen.x[i][2] == 1e-30f);
    put_all(t, path, seen.n);
    size_t again_n = 0;
    unsigned char *again = as_test_read(path, &again_n);
    CHECK(t, again && again_n == whole_n && memcmp(again, whole, whole_n) == 0);
    free(again);
    if (t->failures) break;
  }
  CHECK_INT(t, last, N);
  free(whole);
}

static void damage_ends_the_log(as_test *t) {
  const char *path = path_of("damaged");
  size_t n = 0;
  put_all(t, path, 0);
  unsigned char *bytes = as_test_read(path, &n);
  for (size_t at = 82; bytes && at < n; at++) {
    as_err err = {0};
    as_rowlog log;
    as_seen seen = {0};
    bytes[at] ^= 1;
    CHECK_OK(t, as_file_write(path, bytes, n, &err), err);
    CHECK_OK(t, as_rowlog_open(&log, path, key, D, N, found, &seen, &err), err);
    as_rowlog_close(&log);
    CHECK(t, seen.n < N);
    bytes[at] ^= 1;
  }
  free(bytes);
}

static void keeps_reasons(as_test *t) {
  const char *path = path_of("reasons");
  as_rowlog log;
  as_err err = {0};
  as_seen seen = {0};
  put_all(t, path, 0);
  CHECK_OK(t, as_rowlog_open(&log, path, key, D, N, found, &seen, &err), err);
  as_rowlog_close(&log);
  CHECK_INT(t, seen.failed, 1);
  CHECK_STR(t, seen.why, "truncated at byte 7");
  CHECK_INT(t, seen.forgiven, 3);
  CHECK_STR(t, seen.remark, "17 foreign bytes");
  CHECK(t, seen.x[3][0] == 3.0f && seen.x[3][2] == 1e-30f);
}

static void another_key_starts_anew(as_test *t) {
  const char *path = path_of("key");
  char other[65];
  as_rowlog log;
  as_err err = {0};
  as_seen seen = {0};
  put_all(t, path, 0);
  memcpy(other, key, sizeof other);
  other[5] = 'f';
  CHECK_OK(t, as_rowlog_open(&log, path, other, D, N, found, &seen, &err), err);
  CHECK_INT(t, seen.n, 0);
  as_rowlog_close(&log);
  put_all(t, path, 0);
  CHECK_OK(t, as_rowlog_open(&log, path, key, D + 1, N, found, &seen, &err), err);
  CHECK_INT(t, seen.n, 0);
  as_rowlog_close(&log);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"rowlog: cut anywhere, resumes to the same bytes", every_cut},
      {"rowlog: a flipped bit ends it before the damaged row", damage_ends_the_log},
      {"rowlog: reasons and remarks survive", keeps_reasons},
      {"rowlog: another key or width starts anew", another_key_starts_anew},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
