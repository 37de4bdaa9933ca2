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

/* One column of four models: two chose among three classes, one among other three, one among two. */
static void classes_that_could_win(as_test *t) {
  static const char *const abc[] = {"a", "b", "c"}, *const cab[] = {"c", "a", "b"},
                           *const abd[] = {"a", "b", "d"}, *const run_on[] = {"ab", "", "c"};
  as_results r;
  as_err err = {0};
  as_candidates one, same, other, glued;
  CHECK_OK(t, as_candidates_of(&one, abc, 3, &err), err);
  CHECK_OK(t, as_candidates_of(&same, cab, 3, &err), err);
  CHECK_OK(t, as_candidates_of(&other, abd, 3, &err), err);
  CHECK_OK(t, as_candidates_of(&glued, run_on, 3, &err), err);
  CHECK_STR(t, one.sha256, same.sha256);
  CHECK(t, as_candidates_same(&one, &same) && !as_candidates_same(&one, &other));
  CHECK(t, !as_candidates_same(&one, &glued)); /* names are parted, not run together */

  bool apart[4];
  as_candidates among;
  CHECK_OK(t, as_results_init(&r, "x", 4, 2, &err), err);
  r.sets[0].classes = 3;
  for (size_t m = 0; m < 4; m++) as_results_cell(&r, m, 0)->present = true;
  as_results_cell(&r, 0, 0)->among = other;
  as_results_cell(&r, 1, 0)->among = one;
  as_results_cell(&r, 2, 0)->among = same;
  as_results_cell(&r, 3, 0)->among.n = 2;
  CHECK_OK(t, as_results_apart(&r, 0, apart, &among, &err), err);
  CHECK(t, apart[0] && !apart[1] && !apart[2] && apart[3]);
  CHECK_STR(t, among.sha256, one.sha256);
  /* of equally many the first model's; an absent one is neither */
  as_results_cell(&r, 2, 0)->present = false;
  as_results_cell(&r, 3, 0)->present = false;
  CHECK_OK(t, as_results_apart(&r, 0, apart, &among, &err), err);
  CHECK(t, !apart[0] && apart[1] && !apart[2] && !apart[3]);
  CHECK_STR(t, among.sha256, other.sha256);
  /* published tables know nothing of it: all comparable */
  for (size_t m = 0; m < 4; m++) as_results_cell(&r, m, 1)->present = true;
  CHECK_OK(t, as_results_apart(&r, 1, apart, NULL, &err), err);
  CHECK(t, !apart[0] && !apart[1] && !apart[2] && !apart[3]);
  as_results_clear(&r);
}

static void shared_images(as_test *t) {
  as_results r;
  as_err err = {0};
  as_shared s = {0};
  for (int i = 0; i < 5; i++) CHECK_OK(t, as_shared_add(&s, "a.jpg", "train/b.jpg", i < 2, &err), err);
  CHECK(t, s.known);
  CHECK_INT(t, s.n, 5);
  CHECK_INT(t, s.n_bytes, 2);
  CHECK_STR(t, s.example[AS_SHARED_KEPT - 1], "a.jpg = train/b.jpg");
  CHECK_OK(t, as_results_init(&r, "x", 1, 2, &err), err);
  CHECK_OK(t, as_results_overlap(&r, 0, 1, &s, &err), err);
  CHECK(t, s.n == 0 && s.example[0] == NULL); /* moved */
  CHECK_INT(t, r.n_overlaps, 1);
  CHECK_INT(t, r.overlaps[0].shared.n, 5);
  as_results_clear(&r);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"results: shape and ownership", shape},
                                  {"results: a remark stands once", remarks_once},
                                  {"results: impossible shapes are refused", refusals},
                                  {"results: memory ends", memory_ends},
                                  {"results: which cells may be compared", classes_that_could_win},
                                  {"results: images that are there twice", shared_images}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
