/* Scoring rules on made-up features: the counts of a cell, ReaL, masks by class map, failed rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/learn/score.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

/* Files that are never decoded: a dataset only lists them. */
static const char *make_folder(const char *name, const char *const *files) {
  static char dir[512];
  char path[700];
  as_err err = {0};
  snprintf(dir, sizeof dir, "%s/%s", as_test_tmp(), name);
  for (; *files; files++) {
    snprintf(path, sizeof path, "%s/%s", dir, *files);
    char *slash = strrchr(path, '/');
    *slash = 0;
    if (as_make_dirs(path, &err) != AS_OK) abort();
    *slash = '/';
    if (as_file_write(path, "x", 1, &err) != AS_OK) abort();
  }
  return dir;
}

static const char *const files[] = {"ant/a.jpg", "ant/b.jpg", "bee/a.jpg", "bee/b.jpg", "cow/a.jpg", NULL};

/* Features that are one-hot scores under an identity head. */
typedef struct as_fixture {
  as_dataset *ds;
  as_features f;
  as_linhead head;
  float x[5 * 3];
  uint8_t failed[5];
  char *why[5];
} as_fixture;

static void setup(as_test *t, as_fixture *fx, const char *name, const as_dataset_opts *base) {
  static const float x[5 * 3] = {3, 1, 2, /* ant: right */
                                 1, 3, 2, /* ant: bee */
                                 0, 5, 0, /* bee: right, ties below it */
                                 2, 2, 1, /* bee: tie with ant, the lower class wins */
                                 0, 0, 9 /* cow: right */};
  static const float eye[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  as_err err = {0};
  as_dataset_opts o = base ? *base : (as_dataset_opts){0};
  memset(fx, 0, sizeof *fx);
  o.path = make_folder(name, files);
  CHECK_OK(t, as_dataset_open(&fx->ds, &o, &err), err);
  memcpy(fx->x, x, sizeof x);
  fx->f = (as_features){.x = fx->x, .n = 5, .d = 3, .failed = fx->failed, .why = fx->why};
  fx->head.n_out = fx->head.classes = fx->head.d = 3;
  CHECK_OK(t, as_linear_create(&fx->head.packed, 3, 3, eye, NULL, &err), err);
}

static void teardown(as_fixture *fx) {
  as_linear_destroy(&fx->head.packed);
  as_dataset_close(&fx->ds);
}

static void counts(as_test *t) {
  as_fixture fx;
  as_scores sc;
  as_err err = {0};
  setup(t, &fx, "counts", NULL);
  as_voter v = {.head = &fx.head};
  CHECK_OK(t, as_score(&sc, fx.ds, &fx.f, NULL, &v, NULL, &err), err);
  CHECK_INT(t, sc.cell.n_expected, 5);
  CHECK_INT(t, sc.cell.n_used, 5);
  CHECK_INT(t, sc.cell.n_failed, 0);
  CHECK_INT(t, sc.cell.top1_correct, 3);
  CHECK_INT(t, sc.cell.top5_correct, 5); /* three classes: all of them are among the five */
  CHECK_NEAR(t, sc.cell.top1, 0.6, 1e-15);
  CHECK_INT(t, sc.row[1].top[0], 1);
  CHECK_INT(t, sc.row[3].top[0], 0);
  CHECK_INT(t, sc.row[3].top[1], 1);
  CHECK_INT(t, sc.row[3].top[3], -1);
  static const uint8_t want[5] = {1, 0, 1, 0, 1};
  CHECK(t, memcmp(sc.cell.correct1, want, 5) == 0);
  as_scores_clear(&sc);
  teardown(&fx);
}

static void failed_rows_are_counted(as_test *t) {
  as_fixture fx;
  as_scores whole, sc;
  as_err err = {0};
  setup(t, &fx, "failed", NULL);
  as_voter v = {.head = &fx.head};
  CHECK_OK(t, as_score(&whole, fx.ds, &fx.f, NULL, &v, NULL, &err), err);
  fx.failed[2] = 1;
  for (int k = 0; k < 3; k++) fx.x[6 + k] = NAN;
  fx.why[2] = as_strdup("found 1 byte", &err);
  CHECK_OK(t, as_score(&sc, fx.ds, &fx.f, NULL, &v, NULL, &err), err);
  CHECK_INT(t, sc.cell.n_expected, 5);
  CHECK_INT(t, sc.cell.n_used, 4);
  CHECK_INT(t, sc.cell.n_failed, 1);
  CHECK_INT(t, sc.cell.top1_correct, 2);
  CHECK_NEAR(t, sc.cell.top1, 0.5, 1e-15);
  CHECK_INT(t, sc.row[2].top[0], -1);
  CHECK_INT(t, sc.cell.correct1[2], AS_FAILED);
  CHECK(t, strcmp(whole.cell.logits_sha256, sc.cell.logits_sha256) != 0);
  char path[600];
  snprintf(path, sizeof path, "%s/failed.tsv", as_test_tmp());
  CHECK_OK(t, as_scores_write(&sc, fx.ds, &fx.f, NULL, path, &err), err);
  size_t n;
  char *text = (char *)as_test_read(path, &n);
  static const char want[] =
      "name\tlabel\ttop5\tlogits5\tstatus\tconfidence\n"
      "ant/a.jpg\t0\t0,2,1\t3,2,1\tok\t0.665241\n"
      "ant/b.jpg\t0\t1,2,0\t3,2,1\tok\t0.665241\n"
      "bee/a.jpg\t1\t\t\tfailed: found 1 byte\t\n"
      "bee/b.jpg\t1\t0,1,2\t2,2,1\tok\t0.422319\n"
      "cow/a.jpg\t2\t2,0,1\t9,0,0\tok\t0.999753\n";
  CHECK_INT(t, sc.cell.n_failures, 1);
  CHECK_STR(t, sc.cell.failure[0].image, "bee/a.jpg");
  CHECK_STR(t, sc.cell.failure[0].why, "found 1 byte");
  CHECK(t, isnan(sc.cell.confidence[2]));
  CHECK(t, text && n == sizeof want - 1 && memcmp(text, want, n) == 0);
  free(text);
  as_free(fx.why[2]);
  as_scores_clear(&sc);
  as_scores_clear(&whole);
  teardown(&fx);
}

static void real_labels(as_test *t) {
  /* a: ant or bee; b: no label, not scored; bee/a: cow; bee/b: ant; cow: cow */
  static const char real[] =
      "{\"ant/a.jpg\": [0, 1], \"ant/b.jpg\": [], \"bee/a.jpg\": [2], \"bee/b.jpg\": [0], \"cow/a.jpg\": "
      "[2]}";
  as_fixture fx;
  as_scores sc;
  as_err err = {0};
  char path[600];
  snprintf(path, sizeof path, "%s/real.json", as_test_tmp());
  CHECK_OK(t, as_file_write(path, real, sizeof real - 1, &err), err);
  setup(t, &fx, "real", &(as_dataset_opts){.real = path});
  as_voter v = {.head = &fx.head};
  fx.failed[1] = 1; /* a failed image without a label is in no count */
  CHECK_OK(t, as_score(&sc, fx.ds, &fx.f, NULL, &v, NULL, &err), err);
  CHECK_INT(t, sc.cell.n_expected, 4);
  CHECK_INT(t, sc.cell.n_used, 4);
  CHECK_INT(t, sc.cell.n_failed, 0);
  CHECK_INT(t, sc.cell.top1_correct, 3);
  CHECK_INT(t, sc.n_unscored, 1);
  as_scores_clear(&sc);
  teardown(&fx);
}

static void classes_meet_by_name(as_test *t) {
  as_fixture fx;
  as_scores sc;
  as_err err = {0};
  char ant[] = "ant", bug[] = "bug", cow[] = "cow", dog[] = "dog", elk[] = "elk";
  char *names[3] = {cow, bug, ant}; /* the second is unknown to the dataset, and the order is another */
  setup(t, &fx, "map", NULL);
  fx.head.name = names;
  fx.head.classes = 7; /* of a longer list: names tell */
  as_voter v = {.head = &fx.head};
  CHECK_OK(t, as_score(&sc, fx.ds, &fx.f, NULL, &v, NULL, &err), err);
  CHECK_INT(t, sc.row[0].top[0], 2); /* output 0 is the cow */
  CHECK_INT(t, sc.row[1].top[0], 0); /* was the bug; the ant is next */
  CHECK_INT(t, sc.row[0].top[2], -1);
  CHECK_INT(t, sc.cell.top1_correct, 1);
  CHECK_INT(t, sc.cell.among.n, 2);
  as_scores_clear(&sc);
  char *none[3] = {bug, dog, elk};
  fx.head.name = none;
  CHECK_STATUS(t, as_score(&sc, fx.ds, &fx.f, NULL, &v, NULL, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "none of the head's 3 classes (bug, ...) is a class of the dataset (ant, ...)"));
  fx.head.name = NULL;
  CHECK_STATUS(t, as_score(&sc, fx.ds, &fx.f, NULL, &v, NULL, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "the head knows 7 classes, the dataset has 3"));
  teardown(&fx);
}

/* The cell says among how many classes it chose; over fewer, also what the counts are over all of its own. */
static void among_which(as_test *t) {
  as_fixture fx;
  as_scores all, some;
  as_candidates want;
  as_err err = {0};
  uint8_t can[3] = {9, 9, 9};
  size_t n;
  setup(t, &fx, "among", NULL);
  as_voter v = {.head = &fx.head};
  CHECK_OK(t, as_score_candidates(fx.ds, &v, can, &n, &err), err);
  CHECK(t, n == 3 && can[0] == 1 && can[1] == 1 && can[2] == 1);
  CHECK_OK(t, as_score(&all, fx.ds, &fx.f, NULL, &v, NULL, &err), err);
  CHECK_OK(t, as_candidates_of(&want, (const char *const[]){"ant", "bee", "cow"}, 3, &err), err);
  CHECK(t, all.cell.among.n == 3 && strcmp(all.cell.among.sha256, want.sha256) == 0);
  CHECK(t, all.cell.own.n == 0 && all.cell.n_hopeless == 0);
  static const uint8_t two[3] = {1, 0, 1}; /* without bees */
  CHECK_OK(t, as_score(&some, fx.ds, &fx.f, NULL, &v, two, &err), err);
  CHECK_OK(t, as_candidates_of(&want, (const char *const[]){"cow", "ant"}, 2, &err), err);
  CHECK(t, some.cell.among.n == 2 && strcmp(some.cell.among.sha256, want.sha256) == 0);
  CHECK(t, some.cell.own.n == 3 && strcmp(some.cell.own.sha256, all.cell.among.sha256) == 0);
  CHECK_INT(t, some.row[1].top[0], 2); /* was bee */
  CHECK_INT(t, some.cell.top1_correct, 2);
  CHECK_INT(t, some.cell.own_correct, all.cell.top1_correct);
  CHECK_INT(t, some.cell.own_used, 5);
  CHECK_INT(t, some.cell.n_hopeless, 2); /* the bees */
  as_scores_clear(&some);
  static const uint8_t none[3] = {0, 0, 0};
  CHECK_STATUS(t, as_score(&some, fx.ds, &fx.f, NULL, &v, none, &err), AS_E_INPUT);
  char ant[] = "ant", bug[] = "bug", cow[] = "cow";
  char *names[3] = {ant, bug, cow};
  fx.head.name = names;
  CHECK_OK(t, as_score_candidates(fx.ds, &v, can, &n, &err), err);
  CHECK(t, n == 2 && can[0] == 1 && can[1] == 0 && can[2] == 1);
  as_scores_clear(&all);
  teardown(&fx);
}

/* k-NN: a class without a neighbour, or without a vote, is no answer. */
static void neighbours(as_test *t) {
  as_fixture fx;
  as_scores sc, some;
  as_err err = {0};
  uint8_t can[3];
  size_t n;
  setup(t, &fx, "neighbours", NULL);
  static const float x[3 * 3] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  static const int y[3] = {0, 0, 2};
  const as_labelled train = {.x = x, .y = y, .n = 3, .d = 3, .classes = 3};
  as_voter v = {.train = &train, .knn = {.k = 1}};
  CHECK_OK(t, as_score_candidates(fx.ds, &v, can, &n, &err), err);
  CHECK(t, n == 2 && can[0] == 1 && can[1] == 0 && can[2] == 1);
  CHECK_OK(t, as_score(&sc, fx.ds, &fx.f, NULL, &v, NULL, &err), err);
  CHECK_INT(t, sc.cell.among.n, 2);
  CHECK_INT(t, sc.cell.top1_correct, 3); /* both ants, the cow */
  CHECK_INT(t, sc.cell.top5_correct, 3); /* one neighbour, one answer */
  CHECK_INT(t, sc.cell.n_hopeless, 2);
  for (int i = 0; i < 5; i++) CHECK(t, sc.row[i].top[0] >= 0 && sc.row[i].top[1] == -1);
  static const uint8_t cows[3] = {0, 0, 1};
  CHECK_OK(t, as_score(&some, fx.ds, &fx.f, NULL, &v, cows, &err), err);
  CHECK_INT(t, some.row[4].top[0], 2);
  CHECK_INT(t, some.row[0].top[0], -1); /* its one neighbour is an ant */
  CHECK_INT(t, some.cell.top1_correct, 1);
  CHECK_INT(t, some.cell.own_correct, 3);
  as_scores_clear(&some);
  as_scores_clear(&sc);
  teardown(&fx);
}

/* What as_linhead_write leaves is read back: weights, classes by number and by name. */
static void heads_keep_names(as_test *t) {
  static const float x[6] = {1, 0, 0, 1, 1, 1};
  static const int y[3] = {5, 2, 5};
  static const char *const names[] = {"a", "b", "c\"1\"", "d", "e", "f\n\xC3\xA9"};
  as_labelled rows = {.x = x, .y = y, .n = 3, .d = 2, .classes = 6, .class_name = names};
  as_linhead made, read;
  as_probe_result res;
  as_err err = {0};
  char path[600], want[65], got[65];
  snprintf(path, sizeof path, "%s/head.safetensors", as_test_tmp());
  for (int named = 1; named >= 0; named--) {
    if (!named) rows.class_name = NULL;
    CHECK_OK(t, as_linhead_fit(&made, &rows, &(as_probe_opts){0}, &res, &err), err);
    CHECK_OK(t, as_linhead_write(&made, path, &err), err);
    CHECK_OK(t, as_linhead_file(&read, path, 2, &err), err);
    CHECK(t, read.n_out == 2 && read.classes == 6 && read.class_of[0] == 2 && read.class_of[1] == 5);
    as_linhead_sha256(&made, want);
    as_linhead_sha256(&read, got);
    CHECK_STR(t, got, want);
    CHECK(t, (read.name != NULL) == named);
    if (named) {
      CHECK_STR(t, as_linhead_class_name(&read, 2), names[2]);
      CHECK_STR(t, as_linhead_class_name(&read, 5), names[5]);
    }
    CHECK(t, !as_linhead_class_name(&read, 0) && !as_linhead_class_name(&read, 6) &&
                 !as_linhead_class_name(&read, -1));
    as_linhead_clear(&made);
    as_linhead_clear(&read);
  }
}

static void rows_are_chosen(as_test *t) {
  as_fixture fx;
  as_scores plain, sc;
  as_err err = {0};
  setup(t, &fx, "rows", NULL);
  as_voter v = {.head = &fx.head};
  CHECK_OK(t, as_score(&plain, fx.ds, &fx.f, NULL, &v, NULL, &err), err);
  /* The same rows behind one that is not of this dataset. */
  float shifted[6 * 3] = {7, 7, 7};
  uint8_t bad[6] = {1};
  char *why[6] = {0};
  memcpy(shifted + 3, fx.x, sizeof fx.x);
  as_features f = {.x = shifted, .n = 6, .d = 3, .failed = bad, .why = why};
  const size_t rows[5] = {1, 2, 3, 4, 5};
  CHECK_OK(t, as_score(&sc, fx.ds, &f, rows, &v, NULL, &err), err);
  CHECK_INT(t, sc.cell.top1_correct, 3);
  CHECK_INT(t, sc.cell.n_failed, 0);
  CHECK_STR(t, sc.cell.features_sha256, plain.cell.features_sha256);
  CHECK_STR(t, sc.cell.logits_sha256, plain.cell.logits_sha256);
  as_scores_clear(&plain);
  as_scores_clear(&sc);
  teardown(&fx);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"score: counts of a cell, ties to the lower class", counts},
      {"score: failed rows are counted and never scored", failed_rows_are_counted},
      {"score: ReaL labels, empty lists left out", real_labels},
      {"score: classes meet by name, unknown ones cannot win", classes_meet_by_name},
      {"score: among which classes an answer was chosen", among_which},
      {"score: neighbours answer for their classes alone", neighbours},
      {"score: heads keep the names of their classes", heads_keep_names},
      {"score: rows of a shared run", rows_are_chosen},
  };
  as_err err = {0};
  if (as_init(NULL, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
