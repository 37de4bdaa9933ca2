/* Scoring rules, intervals and the unified metrics: known vectors, ties, edges. */
#include "eval/stats/metrics.h"

#include "data/sets/tasks.h"
#include "eval/stats/stats_order.h"
#include "eval/stats/unified.h"
#include "tests/harness.h"

static void top5(as_test *t) {
  int top[5];
  float v[5];
  const float a[7] = {1, 3, 3, NAN, -INFINITY, 3, 2};
  as_top5(a, 7, NULL, top, v);
  const int want[5] = {1, 2, 5, 6, 0}; /* ties to the lower class; NaN nowhere */
  CHECK(t, memcmp(top, want, sizeof want) == 0 && v[0] == 3.0f && v[3] == 2.0f);
  const uint8_t mask[7] = {1, 0, 1, 1, 1, 0, 0};
  as_top5(a, 7, mask, top, v);
  const int masked[5] = {2, 0, 4, -1, -1};
  CHECK(t, memcmp(top, masked, sizeof masked) == 0 && v[2] == -INFINITY);
  const float same[8] = {0};
  as_top5(same, 8, NULL, top, v);
  for (int i = 0; i < 5; i++) CHECK_INT(t, top[i], i);
  float rising[100];
  for (int i = 0; i < 100; i++) rising[i] = (float)((i * 37) % 100);
  as_top5(rising, 100, NULL, top, v);
  for (int i = 0; i < 5; i++) CHECK_NEAR(t, (double)rising[top[i]], 99.0 - i, 0);
}

static void intervals(as_test *t) {
  static const struct {
    int64_t k, n;
    double w_lo, w_hi, c_lo, c_hi;
  } v[] = {{7, 10, .396778, .892209, .347547, .933260},
           {0, 10, 0, .277533, 0, .308497},
           {38065, 50000, .757543, .765016, .757538, .765031}};
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    double lo, hi;
    as_wilson(v[i].k, v[i].n, 0.95, &lo, &hi);
    CHECK_NEAR(t, lo, v[i].w_lo, 5e-7);
    CHECK_NEAR(t, hi, v[i].w_hi, 5e-7);
    as_clopper_pearson(v[i].k, v[i].n, 0.95, &lo, &hi);
    CHECK_NEAR(t, lo, v[i].c_lo, 5e-7);
    CHECK_NEAR(t, hi, v[i].c_hi, 5e-7);
  }
  /* half-widths at p = .76 in points */
  static const double half[][2] = {{50000, .37}, {10000, .84}, {7500, .97},
                                   {30000, .48}, {46837, .39}, {50889, .37}};
  for (size_t i = 0; i < sizeof half / sizeof *half; i++) {
    double lo, hi;
    as_wilson_share(.76, half[i][0], .95, &lo, &hi);
    CHECK_NEAR(t, 50 * (hi - lo), half[i][1], .0051);
  }
  /* normal half-widths at the accuracies of the study's sets, in points */
  static const double normal[][3] = {
      {.75, 50000, .38}, {.82, 46837, .35}, {.62, 10000, .95}, {.30, 30000, .52}, {.19, 50889, .34}};
  for (size_t i = 0; i < sizeof normal / sizeof *normal; i++) {
    double lo, hi;
    as_wilson_share(normal[i][0], normal[i][1], .95, &lo, &hi);
    CHECK_NEAR(t, 50 * (hi - lo), normal[i][2], .0055);
  }
  double lo, hi;
  as_wilson(0, 0, .95, &lo, &hi);
  CHECK(t, isnan(lo) && isnan(hi));
  as_clopper_pearson(3, 2, .95, &lo, &hi);
  CHECK(t, isnan(lo) && isnan(hi));
  as_clopper_pearson(10, 10, .95, &lo, &hi);
  CHECK(t, hi == 1.0 && lo > .69 && lo < .70);
}

static void ranks(as_test *t) {
  const double v[6] = {.5, .7, .7, .1, NAN, .7};
  double r[6];
  as_rank_mean(v, 6, r);
  CHECK(t, r[0] == 4 && r[1] == 2 && r[2] == 2 && r[3] == 5 && isnan(r[4]) && r[5] == 2);
  const double w[3] = {2, 2, 1};
  as_rank_mean(w, 3, r);
  CHECK(t, r[0] == 1.5 && r[1] == 1.5 && r[2] == 3);
}

static void means(as_test *t) {
  const double a[3] = {.2, .4, .8}, z[3] = {.5, 0, .5}, n[3] = {.5, NAN, .2};
  CHECK_NEAR(t, as_mean_arithmetic(a, 3), 1.4 / 3, 1e-15);
  CHECK_NEAR(t, as_mean_geometric(a, 3), .4, 1e-15);
  CHECK_NEAR(t, as_mean_harmonic(a, 3), 3 / (5 + 2.5 + 1.25), 1e-15);
  CHECK(t, as_worst(a, 3) == .2 && as_worst(z, 3) == 0);
  CHECK(t, as_mean_geometric(z, 3) == 0 && as_mean_harmonic(z, 3) == 0);
  CHECK(t,
        isnan(as_mean_arithmetic(n, 3)) && isnan(as_mean_geometric(n, 3)) && isnan(as_mean_harmonic(n, 3)));
  CHECK(t, isnan(as_worst(n, 3)) && isnan(as_worst(a, 0)) && isnan(as_mean_geometric(a, 0)));
  const double same[2] = {.7613, .7613};
  CHECK(t, as_mean_geometric(same, 2) == .7613);
}

/* Three models, two sets; every figure of the menu by hand. */
static void unified(as_test *t) {
  const double acc[6] = {.8, .4, .7, .5, .6, .5};
  double out[AS_UNIFIED_COUNT][3], *p[AS_UNIFIED_COUNT], rank[3];
  for (int k = 0; k < AS_UNIFIED_COUNT; k++) p[k] = out[k];
  as_err err;
  CHECK_OK(t, as_unified_all(acc, 3, 2, NULL, p, &err), err);
  CHECK_NEAR(t, out[AS_UNIFIED_MEAN][0], .6, 1e-15);
  CHECK_NEAR(t, out[AS_UNIFIED_GEOMETRIC][1], sqrt(.35), 1e-15);
  CHECK_NEAR(t, out[AS_UNIFIED_HARMONIC][2], 2 / (1 / .6 + 2), 1e-15);
  CHECK_NEAR(t, out[AS_UNIFIED_WORST][0], .4, 0);
  CHECK_NEAR(t, out[AS_UNIFIED_MEAN_RANK][0], 2, 0); /* 1 and 3 */
  CHECK_NEAR(t, out[AS_UNIFIED_MEAN_RANK][1], (2 + 1.5) / 2, 0);
  CHECK_NEAR(t, out[AS_UNIFIED_WIN_RATE][1], (.5 + .75) / 2, 1e-15);
  CHECK_NEAR(t, out[AS_UNIFIED_REF_ERROR][0], 1, 1e-15); /* the first model is its own reference */
  CHECK_NEAR(t, out[AS_UNIFIED_REF_ERROR][1], (.3 / .2 + .5 / .6) / 2, 1e-15);
  CHECK_OK(t, as_unified_rank(AS_UNIFIED_MEAN_RANK, out[AS_UNIFIED_MEAN_RANK], 3, rank, &err), err);
  CHECK(t, rank[0] == 2 && rank[1] == 1 && rank[2] == 3);
  CHECK_OK(t, as_unified_rank(AS_UNIFIED_MEAN, out[AS_UNIFIED_MEAN], 3, rank, &err), err);
  CHECK(t, rank[2] == 3);
  CHECK_STATUS(t, as_unified_all(acc, 3, 0, NULL, p, &err), AS_E_USAGE);
  const double hole[6] = {.8, NAN, .7, .5, .6, .5};
  CHECK_OK(t, as_unified_all(hole, 3, 2, NULL, p, &err), err);
  CHECK(t, isnan(out[AS_UNIFIED_MEAN][0]) && isnan(out[AS_UNIFIED_MEAN_RANK][0]));
  CHECK_NEAR(t, out[AS_UNIFIED_WIN_RATE][0], 1, 0); /* over the set that it has */
  CHECK_NEAR(t, out[AS_UNIFIED_WIN_RATE][1], (.5 + .5) / 2, 0);
}

/* HELM's own test vector: one column 1, 1, 1, 4, 5. */
static void helm(as_test *t) {
  const double v[5] = {1, 1, 1, 4, 5}, want[5] = {.25, .25, .25, .75, 1};
  double r[5], *out[AS_UNIFIED_COUNT] = {0};
  as_err err = {0};
  out[AS_UNIFIED_WIN_RATE] = r;
  CHECK_OK(t, as_unified_all(v, 5, 1, NULL, out, &err), err);
  for (int i = 0; i < 5; i++) CHECK_NEAR(t, r[i], want[i], 1e-15);
  CHECK_OK(t, as_unified_all(v, 1, 1, NULL, out, &err), err); /* nobody to compare with */
  CHECK(t, isnan(r[0]));
}

static void subsets(as_test *t) {
  /* model 0 wins on set 0 by much, model 1 on sets 1 and 2 by little; model 2 is last everywhere */
  const double acc[9] = {.9, .50, .50, .7, .55, .55, .1, .1, .1};
  as_subsets s;
  as_err err;
  CHECK_OK(t, as_subsets_run(acc, 3, 3, &s, &err), err);
  CHECK_INT(t, s.subsets, 7);
  /* {1}, {2}, {1,2} for model 1; {0}, {0,1}, {0,2}, {0,1,2} for model 0 */
  CHECK_NEAR(t, s.first[0], 4.0 / 7, 1e-15);
  CHECK_NEAR(t, s.first[1], 3.0 / 7, 1e-15);
  CHECK(t, s.first[2] == 0 && s.rank_lo[0] == 1 && s.rank_hi[0] == 2 && s.rank_lo[2] == 3);
  CHECK_NEAR(t, (double)s.above[0 * 3 + 1], 4.0 / 7, 1e-7);
  CHECK(t, s.above[0 * 3 + 2] == 1.0f && isnan(s.above[0]));
  CHECK(t, s.pairs == 3 && s.flipped == 1);
  CHECK_NEAR(t, s.tau[6], 1, 0);
  CHECK_NEAR(t, s.tau[1], 1.0 / 3, 1e-15); /* set 1 alone: one pair of three swapped */
  as_subsets_clear(&s);
  CHECK_STATUS(t, as_subsets_run(acc, 1, 17, &s, &err), AS_E_USAGE);
}

/* The testbed's rows (imagenet-testbed 0170eec6) against the values worked out from its table. */
static void effective_robustness(as_test *t) {
  static const struct {
    const char *task, *axis;
    double base, shift, want;
  } v[] = {{"imagenet-v2", "val", 76.13, 63.33, -.68}, {"imagenet-sketch", "val", 76.13, 24.09, -.36},
           {"imagenet-r", "val", 76.13, 36.17, -.58},  {"imagenet-r", "val-200", 92.12, 36.17, -.60},
           {"imagenet-v2", "val", 75.27, 62.35, -.67}, {"imagenet-sketch", "val", 75.27, 18.93, -4.61},
           {"imagenet-r", "val", 75.27, 30.21, -5.56}, {"imagenet-r", "val-200", 91.31, 30.21, -5.00},
           {"imagenet-v2", "val", 70.84, 57.93, -.19}, {"imagenet-sketch", "val", 70.84, 18.63, -.85},
           {"imagenet-r", "val", 70.84, 29.87, -1.33}, {"imagenet-r", "val-200", 88.58, 29.87, -1.07},
           {"imagenet-v2", "val", 67.78, 54.92, .02},  {"imagenet-sketch", "val", 67.78, 18.35, 1.18},
           {"imagenet-r", "val", 67.78, 28.45, -.01},  {"imagenet-r", "val-200", 86.48, 28.45, .07}};
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    const as_robust_line *l = as_robust_find(v[i].task, v[i].axis);
    CHECK(t, l != NULL);
    if (l)
      CHECK_NEAR(t, 100 * as_effective_robustness(l, v[i].base / 100, v[i].shift / 100), v[i].want, .016);
  }
  CHECK(t, as_robust_find("imagenet-a", "val") == NULL && as_robust_find("imagenet-v2", "val-200") == NULL);
  CHECK(t, isnan(as_robust_predict(as_robust_find("imagenet-v2", "val"), NAN)));
}

static void mce(as_test *t) {
  double e[AS_CORRUPTIONS * AS_SEVERITIES], reference[AS_CORRUPTIONS], plain;
  for (int c = 0; c < AS_CORRUPTIONS; c++) {
    reference[c] = as_corruptions[c].alexnet_error;
    for (int s = 0; s < AS_SEVERITIES; s++) e[c * AS_SEVERITIES + s] = reference[c];
  }
  /* AlexNet itself is 1 by definition */
  CHECK_NEAR(t, as_mce(e, reference, AS_CORRUPTIONS, AS_SEVERITIES, NULL), 1, 1e-14);
  /* the published severities of Gaussian noise have the table's mean */
  CHECK_NEAR(t, as_corruptions[0].alexnet_error, (.69528 + .82542 + .93554 + .98138 + .99452) / 5, 1e-12);
  for (int i = 0; i < AS_SEVERITIES; i++) e[i] = .5;
  CHECK_NEAR(t, as_mce(e, reference, AS_CORRUPTIONS, AS_SEVERITIES, &plain), (14 + .5 / .886428) / 15, 1e-14);
  double sum = .5;
  for (int c = 1; c < AS_CORRUPTIONS; c++) sum += reference[c];
  CHECK_NEAR(t, plain, sum / AS_CORRUPTIONS, 1e-14);
  e[7] = NAN;
  CHECK(t, isnan(as_mce(e, reference, AS_CORRUPTIONS, AS_SEVERITIES, &plain)) && isnan(plain));
  CHECK_STR(t, as_corruptions[14].name, "jpeg_compression");
}

/* Three bins are hit: (0.25, 0), (0.5, 1), (0.5, 0), (0.9, 1), and a failed image that is left out. */
static void calibration(as_test *t) {
  const uint8_t right[6] = {0, 1, 0, 1, 2, 1};
  const float p[6] = {.25f, .5f, .5f, .9f, .7f, NAN};
  as_calibration c;
  as_calibrate(right, p, 6, &c);
  CHECK_INT(t, c.n, 4);
  CHECK_NEAR(t, c.accuracy, .5, 1e-15);
  CHECK_NEAR(t, c.confidence, (.25 + .5 + .5 + .9) / 4, 1e-7);
  CHECK_NEAR(t, c.ece, (.25 + 0 + .1) / 4, 1e-7);
  CHECK(t, c.bin[3].n == 1 && c.bin[7].n == 2 && c.bin[13].n == 1);
  CHECK(t, isnan(c.bin[0].accuracy) && c.bin[7].accuracy == .5);
  const float ends[2] = {0, 1};
  as_calibrate(right, ends, 2, &c);
  CHECK(t, c.bin[0].n == 1 && c.bin[14].n == 1 && c.ece == 0);
  const float border[1] = {(float)(1.0 / 15)};
  as_calibrate(right, border, 1, &c); /* the float is just above 1 / 15 */
  CHECK(t, c.bin[(double)border[0] > 1.0 / 15 ? 1 : 0].n == 1);
  as_calibrate(right, p, 0, &c);
  CHECK(t, c.n == 0 && isnan(c.ece));
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"metrics: top-5", top5},
                                  {"metrics: intervals", intervals},
                                  {"metrics: ranks", ranks},
                                  {"metrics: means", means},
                                  {"metrics: calibration", calibration},
                                  {"unified: the menu", unified},
                                  {"unified: HELM win rate", helm},
                                  {"unified: subsets", subsets},
                                  {"unified: effective robustness", effective_robustness},
                                  {"unified: mCE", mce}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
