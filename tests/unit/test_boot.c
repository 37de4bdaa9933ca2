/* The bootstrap: its draws, its intervals' coverage by simulation. */
#include "eval/stats/stats_boot.h"

#include <stdio.h>
#include <stdlib.h>

#include "eval/stats/metrics.h"
#include "eval/stats/unified.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/par.h"
#include "tests/harness.h"

enum { IMAGES = 200, MODELS = 3 };

static void draw_images(uint8_t right[2][MODELS][IMAGES], uint64_t sim) {
  /* a common difficulty per image makes the models' outcomes depend on each other */
  as_rng r = as_rng_make(1, sim);
  for (int s = 0; s < 2; s++)
    for (int i = 0; i < IMAGES; i++) {
      double hard = as_rng_uniform(r, (uint64_t)(s * IMAGES + i));
      for (int m = 0; m < MODELS; m++) {
        double own = as_rng_uniform(r, (uint64_t)(10000 + (s * IMAGES + i) * MODELS + m));
        double level = .75 - .05 * m - .2 * s;
        right[s][m][i] = .6 * hard + .4 * own < level;
      }
    }
}

static void make_sets(as_boot_set set[2], const uint8_t *ptr[2][MODELS], uint8_t right[2][MODELS][IMAGES]) {
  for (int s = 0; s < 2; s++) {
    for (int m = 0; m < MODELS; m++) ptr[s][m] = right[s][m];
    memset(&set[s], 0, sizeof set[s]);
    set[s].n = IMAGES;
    set[s].correct = ptr[s];
    set[s].stream = (uint64_t)s;
  }
}

/* 95 % intervals hold the truth in about 95 % of simulated worlds. Percentile intervals from 200 images and
 * 300 resamples lose about a point; the share of 1500 worlds has a standard error of 0.6 points. */
static void coverage(as_test *t) {
  static uint8_t right[2][MODELS][IMAGES];
  double truth[MODELS] = {0};
  as_par_set_threads(1);                     /* many tiny resamples: threads would only wait for each other */
  for (uint64_t sim = 0; sim < 500; sim++) { /* the expectation, from many other draws */
    draw_images(right, 100000 + sim);
    for (int s = 0; s < 2; s++)
      for (int m = 0; m < MODELS; m++)
        for (int i = 0; i < IMAGES; i++) truth[m] += right[s][m][i] / (500.0 * 2 * IMAGES);
  }
  int hit = 0, hit_diff = 0, sims = 1500, narrower = 0;
  for (int sim = 0; sim < sims; sim++) {
    const uint8_t *ptr[2][MODELS];
    as_boot_set set[2];
    draw_images(right, (uint64_t)sim);
    make_sets(set, ptr, right);
    as_boot_opts o = {(uint64_t)sim, 300, 0.95};
    as_boot b;
    as_err err;
    CHECK_OK(t, as_boot_run(set, 2, MODELS, &o, &b, &err), err);
    const as_interval *v = &b.metric[AS_UNIFIED_MEAN][0];
    hit += v->lo <= truth[0] && truth[0] <= v->hi;
    as_interval d;
    double above;
    CHECK_OK(t, as_boot_difference(&b, 0, 1, &d, &above, &err), err);
    double gap = truth[0] - truth[1];
    hit_diff += d.lo <= gap && gap <= d.hi;
    /* pairing: the interval of the difference is narrower than two independent ones would make it */
    narrower += d.hi - d.lo < sqrt(2) * (v->hi - v->lo) * .95;
    as_boot_clear(&b);
  }
  as_par_set_threads(0);
  CHECK_NEAR(t, (double)hit / sims, .94, .02);
  CHECK_NEAR(t, (double)hit_diff / sims, .94, .02);
  CHECK(t, narrower > 1400);
  if (getenv("ASSAY_TEST_VERBOSE"))
    printf("  coverage %.4f, of differences %.4f\n", (double)hit / sims, (double)hit_diff / sims);
}

/* Images of one class are alike: drawing images then promises too much, drawing classes keeps its word. 40
 * classes of 10 images whose difficulty they share. */
static void coverage_by_class(as_test *t) {
  enum { CLASSES = 40, EACH = 10, N = CLASSES * EACH, SIMS = 600 };
  static uint8_t right[N];
  uint32_t cluster[N];
  const uint8_t *ptr[1] = {right};
  int hit[2] = {0, 0};
  as_par_set_threads(1);
  for (int i = 0; i < N; i++) cluster[i] = (uint32_t)(i / EACH);
  for (int sim = 0; sim < SIMS; sim++) {
    as_rng r = as_rng_make(2, (uint64_t)sim);
    for (int i = 0; i < N; i++) {
      double hard = as_rng_uniform(r, (uint64_t)(i / EACH)), own = as_rng_uniform(r, (uint64_t)(1000 + i));
      right[i] = own < (hard < .5 ? .9 : .3); /* .6 in the mean */
    }
    for (int c = 0; c < 2; c++) {
      as_boot_set set = {.n = N, .correct = ptr, .cluster = c ? cluster : NULL, .clusters = c ? CLASSES : 0};
      as_boot_opts o = {(uint64_t)sim, 300, 0.95};
      as_boot b;
      as_err err;
      CHECK_OK(t, as_boot_run(&set, 1, 1, &o, &b, &err), err);
      hit[c] += b.acc[0].lo <= .6 && .6 <= b.acc[0].hi;
      as_boot_clear(&b);
    }
  }
  as_par_set_threads(0);
  CHECK_NEAR(t, (double)hit[1] / SIMS, .94, .025);
  CHECK(t, (double)hit[0] / SIMS < .8);
  if (getenv("ASSAY_TEST_VERBOSE"))
    printf("  coverage by class %.4f, by image %.4f\n", (double)hit[1] / SIMS, (double)hit[0] / SIMS);
}

/* Two sets of one pool: the second scores every other image of the first. One draw counts in both, so that
 * what they share cancels in their difference. */
static void shared_images(as_test *t) {
  enum { N = 400, HALF = 200 };
  static uint8_t all[N], some[HALF], opposite[HALF];
  static uint32_t place[HALF];
  const uint8_t *a[1] = {all}, *b[1] = {some};
  as_rng r = as_rng_make(5, 5);
  for (int i = 0; i < N; i++) all[i] = as_rng_uniform(r, (uint64_t)i) < .6;
  for (int i = 0; i < HALF; i++) {
    place[i] = 2 * (uint32_t)i;
    some[i] = all[2 * i];
    opposite[i] = !some[i];
  }
  as_boot_set set[2] = {{.n = N, .correct = a, .stream = 7},
                        {.n = HALF, .correct = b, .image = place, .stream = 7}};
  as_boot_opts o = {1, 1000, 0.95};
  as_boot boot;
  as_err err;
  double width[3];
  for (int k = 0; k < 3; k++) {
    if (k == 1) set[1].stream = 8; /* apart */
    if (k == 2) set[1].stream = 7, b[0] = opposite;
    CHECK_OK(t, as_boot_run(set, 2, 1, &o, &boot, &err), err);
    width[k] = boot.metric[AS_UNIFIED_MEAN][0].hi - boot.metric[AS_UNIFIED_MEAN][0].lo;
    int sum = 0;
    for (int i = 0; i < HALF; i++) sum += b[0][i];
    CHECK_NEAR(t, boot.acc[1].value, sum / 200.0, 1e-15);
    as_boot_clear(&boot);
  }
  /* equal outcomes move together, opposite ones against each other: var = (va + vb + 2 cov) / 4, where
   * va = v / 400, vb = v / 200, cov = +-v / 400 */
  CHECK_NEAR(t, width[0] / width[1], sqrt(5.0 / 3), .12);
  CHECK_NEAR(t, width[2] / width[1], sqrt(1.0 / 3), .08);
  place[3] = UINT32_MAX;
  CHECK_STATUS(t, as_boot_run(set, 2, 1, &o, &boot, &err), AS_E_USAGE);
}

static void boot_results(as_test *t) {
  static uint8_t right[2][MODELS][IMAGES];
  const uint8_t *ptr[2][MODELS];
  as_boot_set set[2];
  as_err err;
  draw_images(right, 7);
  make_sets(set, ptr, right);
  for (int i = 0; i < 20; i++) right[1][2][i] = 2; /* failed images leave numerator and denominator */
  as_boot_opts o = {3, 500, 0.95};
  as_boot a, b;
  as_par_set_threads(1);
  CHECK_OK(t, as_boot_run(set, 2, MODELS, &o, &a, &err), err);
  as_par_set_threads(3);
  CHECK_OK(t, as_boot_run(set, 2, MODELS, &o, &b, &err), err);
  as_par_set_threads(0);
  CHECK(t, memcmp(a.replicate, b.replicate, 500 * MODELS * sizeof(float)) == 0);
  CHECK(t, memcmp(a.acc, b.acc, 2 * MODELS * sizeof *a.acc) == 0);
  int sum = 0;
  for (int i = 20; i < IMAGES; i++) sum += right[1][2][i];
  CHECK_NEAR(t, a.acc[2 * 2 + 1].value, sum / (IMAGES - 20.0), 1e-15);
  double first = 0;
  for (int m = 0; m < MODELS; m++) {
    for (int k = 0; k < AS_UNIFIED_COUNT; k++)
      CHECK(t, a.metric[k][m].lo <= a.metric[k][m].value && a.metric[k][m].value <= a.metric[k][m].hi);
    const as_interval *r = &a.rank[AS_UNIFIED_MEAN][m];
    CHECK(t, r->lo >= 1 && r->hi <= MODELS && r->lo <= r->hi);
    first += a.first[AS_UNIFIED_MEAN][m];
  }
  CHECK_NEAR(t, first, 1, 1e-12);
  /* a normal approximation of one accuracy's interval */
  double p = a.acc[0].value, half = 1.96 * sqrt(p * (1 - p) / IMAGES);
  CHECK_NEAR(t, a.acc[0].lo, p - half, .02);
  CHECK_NEAR(t, a.acc[0].hi, p + half, .02);
  as_boot_clear(&a);
  as_boot_clear(&b);
  /* sets with the same images and stream move together: set 1 = set 0 has rank correlation 1 */
  for (int m = 0; m < MODELS; m++) ptr[1][m] = ptr[0][m];
  set[1].stream = set[0].stream;
  CHECK_OK(t, as_boot_run(set, 2, MODELS, &o, &a, &err), err);
  CHECK(t, memcmp(&a.acc[0], &a.acc[1], sizeof a.acc[0]) == 0);
  CHECK(t, a.metric[AS_UNIFIED_MEAN][0].lo == a.acc[0].lo);
  as_boot_clear(&a);
  /* clusters that hold equal images: the interval widens to that of the number of clusters */
  uint32_t cluster[IMAGES];
  uint8_t lumpy[IMAGES];
  for (int i = 0; i < IMAGES; i++) {
    cluster[i] = (uint32_t)i / 10;
    lumpy[i] = (uint8_t)(i / 10 % 2);
  }
  ptr[0][0] = lumpy;
  CHECK_OK(t, as_boot_run(set, 1, 1, &o, &a, &err), err);
  double wide = a.acc[0].hi - a.acc[0].lo;
  as_boot_clear(&a);
  set[0].cluster = cluster;
  set[0].clusters = IMAGES / 10;
  CHECK_OK(t, as_boot_run(set, 1, 1, &o, &a, &err), err);
  CHECK_NEAR(t, (a.acc[0].hi - a.acc[0].lo) / wide, sqrt(10), .5);
  as_boot_clear(&a);
  /* a model without this set */
  ptr[0][1] = NULL;
  CHECK_OK(t, as_boot_run(set, 1, 2, &o, &a, &err), err);
  CHECK(t, isnan(a.acc[1].value) && isnan(a.metric[0][1].lo) && a.first[0][1] == 0 && a.first[0][0] > .999);
  as_boot_clear(&a);
  cluster[5] = 99;
  CHECK_STATUS(t, as_boot_run(set, 1, 2, &o, &a, &err), AS_E_USAGE);
  set[0].n = 0;
  CHECK_STATUS(t, as_boot_run(set, 1, 2, &o, &a, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_boot_run(set, 0, 2, &o, &a, &err), AS_E_USAGE);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"bootstrap: results", boot_results},
                                  {"bootstrap: sets that share images", shared_images},
                                  {"bootstrap: coverage", coverage},
                                  {"bootstrap: coverage by class", coverage_by_class}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
