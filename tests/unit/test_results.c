/* eval/results: shape, ownership, remarks that stand once, refusals, running out of memory. */
#include "eval/stats/results.h"

#include "tensor/base/mem.h"
#include "tests/harness.h"

static void shape(as_test *t) {
  as_results r;
  as_err err = {0};
  CHECK_OK(t, as_results_init(&r, "title", 3, 2, &err), err);
  CHECK_INT(t, r.n_models, 3);
  CHECK_INT(t, r.n_sets, 2);
  CHECK_STR(t, r.title, "title");
  CHECK(t, as_results_cell(&r, 2, 1) == &r.cells[5]);
  for (size_t i = 0; i < 6; i++) {
    CHECK(t, !r.cells[i].present);
    CHECK(t, isnan(r.cells[i].top1_lo) && isnan(r.cells[i].top1_hi));
  }
  r.models[1].name = as_strdup("m", &err);
  r.sets[0].rule = as_strdup("top-1", &err);
  r.cells[4].why = as_strdup("missing", &err);
  r.cells[4].correct1 = as_calloc(5, 1, &err);
  as_results_clear(&r);
  CHECK(t, r.n_models == 0 && r.cells == NULL);
  as_results_clear(&r); /* twice is fine */
}

static void remarks_once(as_test *t) {
  as_results r;
  as_err err = {0};
  CHECK_OK(t, as_results_init(&r, NULL, 1, 1, &err), err);
  CHECK_STR(t, r.title, "");
  CHECK_OK(t, as_results_remark(&r, "one", &err), err);
  CHECK_OK(t, as_results_remark(&r, "two", &err), err);
  CHECK_OK(t, as_results_remark(&r, "one", &err), err);
  CHECK_INT(t, r.n_remarks, 2);
  CHECK_STR(t, r.remarks[0], "one");
  CHECK_STR(t, r.remarks[1], "two");
  as_results_clear(&r);
}

static void refusals(as_test *t) {
  as_results r;
  as_err err = {0};
  CHECK_STATUS(t, as_results_init(&r, "x", 0, 2, &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "0 models") != NULL);
  CHECK_STATUS(t, as_results_init(&r, "x", 2, 0, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_results_init(&r, "x", (size_t)-1, 3, &err), AS_E_USAGE);
}

static void memory_ends(as_test *t) {
  as_err err = {0};
  for (unsigned long n = 1; n < 5; n++) {
    as_results r;
    as_mem_fail_after(n);
    as_status st = as_results_init(&r, "x", 2, 2, &err);
    as_mem_fail_after(0);
    CHECK_INT(t, st, AS_E_ENV);
    CHECK(t, r.cells == NULL && r.title == NULL);
  }
  as_results r;
  CHECK_OK(t, as_results_init(&r, "x", 2, 2, &err), err);
  for (unsigned long n = 1; n < 3; n++) {
    as_mem_fail_after(n);
    as_status st = as_results_remark(&r, "remark", &err);
    as_mem_fail_after(0);
    CHECK_INT(t, st, AS_E_ENV);
    CHECK_INT(t, r.n_remarks, 0);
  }
  as_results_clear(&r);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"results: shape and ownership", shape},
                                  {"results: a remark stands once", remarks_once},
                                  {"results: impossible shapes are refused", refusals},
                                  {"results: memory ends", memory_ends}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
