/* What a program sees of stopping: the call under way returns AS_LAB_STOPPED, the next one is another wish. The programs
 * of tests/api show the rest. */
#include "eval/assay.h"

#include <stdlib.h>

#include "tests/harness.h"

enum { N = 300, D = 8 };

static int stop_second(void *ctx) {
  int *asked = ctx;
  return ++*asked == 2;
}

static void make_rows(as_test *t, as_lab *lab, as_lab_rows **rows) {
  float x[N * D];
  int label[N];
  for (int i = 0; i < N; i++) {
    label[i] = i % 3;
    for (int j = 0; j < D; j++) x[i * D + j] = (float)((i * 31 + j * 17) % 23 + (i % 3 == j));
  }
  CHECK(t, as_lab_rows_copy(lab, rows, x, label, N, D, 3) == AS_LAB_OK);
}

static void stopping(as_test *t) {
  as_lab *lab;
  as_lab_rows *rows = NULL;
  as_lab_head *head = NULL;
  as_lab_fit fit;
  int top[N * 5], asked = 0;
  CHECK(t, as_lab_open(&lab, &(as_lab_options){.size = sizeof(as_lab_options)}) == AS_LAB_OK);
  make_rows(t, lab, &rows);
  as_lab_stop(lab);
  CHECK(t, as_lab_head_fit(rows, 1, &head, &fit) == AS_LAB_STOPPED && !head);
  CHECK(t, as_lab_head_fit(rows, 1, &head, &fit) == AS_LAB_OK && head && fit.converged);
  as_lab_stop(lab);
  CHECK(t, as_lab_rows_knn(rows, rows, 5, 0.07, top) == AS_LAB_STOPPED);
  CHECK(t, as_lab_rows_knn(rows, rows, 5, 0.07, top) == AS_LAB_OK && top[0] >= 0 && top[0] < 3);
  as_lab_head_close(head);
  as_lab_rows_close(rows);
  as_lab_close(lab);
  /* asked, not told: in the middle of a fit */
  const as_lab_options o = {.size = sizeof o, .stop = stop_second, .ctx = &asked};
  CHECK(t, as_lab_open(&lab, &o) == AS_LAB_OK);
  make_rows(t, lab, &rows);
  CHECK(t, as_lab_head_fit(rows, 1, &head, &fit) == AS_LAB_STOPPED && asked == 2);
  as_lab_rows_close(rows);
  as_lab_close(lab);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"door: a call that is stopped says so, the next one works", stopping}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
