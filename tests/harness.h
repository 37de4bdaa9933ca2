/* The unit-test harness: one program per file in tests/unit, cases as functions, counted results.
 *
 *   static void wilson_known(as_test *t) { CHECK_NEAR(t, lo, 0.396778, 1e-6); }
 *   int main(int argc, char **argv) {
 *     static const as_case cases[] = {{"wilson known vectors", wilson_known}};
 *     return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
 *   }
 *
 * A case passes when no check in it failed; it may end itself with as_test_skip. The program's last
 * line is "N passed, N failed, N skipped"; its exit status is 1 if any failed. Arguments select cases
 * whose name contains one of them. */
#ifndef AS_TESTS_HARNESS_H
#define AS_TESTS_HARNESS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "tensor/base/status.h"

typedef struct as_test {
  const char *name;
  int failures;
  const char *skipped; /* reason, or NULL */
} as_test;

typedef struct as_case {
  const char *name;
  void (*run)(as_test *t);
} as_case;

int as_test_main(int argc, char **argv, const as_case *cases, size_t n);
void as_test_fail(as_test *t, const char *file, int line, const char *fmt, ...) AS_PRINTF(4, 5);
void as_test_skip(as_test *t, const char *why); /* then return from the case */

/* $ASSAY_SHARED/name, or NULL when that folder or file is absent: the real data that some tests use
 * and that is not part of the project. Default: ../shared. The result lives until the next call. */
const char *as_test_shared(const char *name);
/* A fresh folder for the test's files; removed at the end of the program. */
const char *as_test_tmp(void);
/* tests/golden/name, whatever the working folder. Lives until the next call. */
const char *as_test_golden(const char *name);
/* Whole file into memory (free with free); NULL when it cannot be read. */
unsigned char *as_test_read(const char *path, size_t *n);

#define CHECK(t, cond)                                             \
  do {                                                             \
    if (!(cond)) as_test_fail(t, __FILE__, __LINE__, "%s", #cond); \
  } while (0)
#define CHECK_INT(t, got, want)                                                                        \
  do {                                                                                                 \
    long long got_ = (long long)(got), want_ = (long long)(want);                                      \
    if (got_ != want_) as_test_fail(t, __FILE__, __LINE__, "%s is %lld, not %lld", #got, got_, want_); \
  } while (0)
#define CHECK_STR(t, got, want)                                                                             \
  do {                                                                                                      \
    const char *got_ = (got), *want_ = (want);                                                              \
    if (!got_ || strcmp(got_, want_) != 0)                                                                  \
      as_test_fail(t, __FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #got, got_ ? got_ : "(null)", want_); \
  } while (0)
#define CHECK_NEAR(t, got, want, tol)                                                   \
  do {                                                                                  \
    double got_ = (got), want_ = (want);                                                \
    if (!(fabs(got_ - want_) <= (tol)))                                                 \
      as_test_fail(t, __FILE__, __LINE__, "%s is %.17g, not %.17g", #got, got_, want_); \
  } while (0)
/* A call that must succeed / must fail with this status; prints the message otherwise. */
#define CHECK_OK(t, call, err)                                                                            \
  do {                                                                                                    \
    as_status s_ = (call);                                                                                \
    if (s_ != AS_OK) as_test_fail(t, __FILE__, __LINE__, "%s: status %d: %s", #call, (int)s_, (err).msg); \
  } while (0)
#define CHECK_STATUS(t, call, want)                                                              \
  do {                                                                                           \
    as_status s_ = (call);                                                                       \
    if (s_ != (want))                                                                            \
      as_test_fail(t, __FILE__, __LINE__, "%s: status %d, not %d", #call, (int)s_, (int)(want)); \
  } while (0)

#endif
