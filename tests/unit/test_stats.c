/* Statistics against SciPy (tests/golden/stats.py), against published vectors, and by simulation. */
#include "eval/stats/stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "eval/stats/metrics.h"
#include "eval/stats/stats_boot.h"
#include "eval/stats/stats_translation.h"
#include "eval/stats/unified.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/par.h"
#include "tests/harness.h"

/* --- golden file ---------------------------------------------------------------------------------------- */

typedef struct record {
  char name[40];
  double v[64];
  int n;
} record;

static record data[16];
static int n_data;

static const record *find_data(const char *name) {
  for (int i = 0; i < n_data; i++)
    if (strcmp(data[i].name, name) == 0) return &data[i];
  return NULL;
}

static double interval_end(const char *name, const double *v) {
  double lo, hi;
  if (name[0] == 'w') {
    as_wilson((int64_t)v[0], (int64_t)v[1], v[2], &lo, &hi);
  } else {
    as_clopper_pearson((int64_t)v[0], (int64_t)v[1], v[2], &lo, &hi);
  }
  return strcmp(name + strlen(name) - 3, "_lo") == 0 ? lo : hi;
}

/* "pair2_slope": the statistic of that name on the lists pair2_x, pair2_y. */
static double on_pair(const char *name, as_test *t) {
  char key[48];
  snprintf(key, sizeof key, "%.5s_x", name);
  const record *x = find_data(key);
  snprintf(key, sizeof key, "%.5s_y", name);
  const record *y = find_data(key);
  CHECK(t, x && y && x->n == y->n);
  if (!x || !y) return NAN;
  size_t n = (size_t)x->n;
  const char *what = name + 6;
  double rho = NAN;
  as_err err;
  as_fit f;
  as_fit_ols(x->v, y->v, n, &f);
  CHECK_OK(t, as_spearman(x->v, y->v, n, &rho, &err), err);
  return strcmp(what, "tau") == 0         ? as_kendall_tau_b(x->v, y->v, n)
         : strcmp(what, "rho") == 0       ? rho
         : strcmp(what, "slope") == 0     ? f.slope
         : strcmp(what, "intercept") == 0 ? f.intercept
         : strcmp(what, "rvalue") == 0    ? f.r
         : strcmp(what, "stderr") == 0    ? f.se_slope
                                          : f.se_intercept;
}

static double value_of(const record *r, as_test *t) {
  const double *v = r->v;
  const char *s = r->name;
  as_mcnemar m;
  as_friedman f;
  as_err err;
  if (strcmp(s, "chi2_sf") == 0) return as_chi2_sf(v[0], v[1]);
  if (strcmp(s, "f_sf") == 0) return as_f_sf(v[0], v[1], v[2]);
  if (strcmp(s, "t_sf") == 0) return as_t_sf(v[0], v[1]);
  if (strcmp(s, "binom_cdf") == 0) return as_binom_cdf((int64_t)v[0], (int64_t)v[1], v[2]);
  if (strcmp(s, "norm_cdf") == 0) return as_norm_cdf(v[0]);
  if (strcmp(s, "norm_ppf") == 0) return as_norm_ppf(v[0]);
  if (strcmp(s, "beta_cdf") == 0) return as_beta_inc(v[1], v[2], v[0]);
  if (strcmp(s, "beta_ppf") == 0) return as_beta_inv(v[1], v[2], v[0]);
  if (strcmp(s, "nemenyi_q") == 0) return as_nemenyi_q((size_t)v[0], v[1]);
  if (strcmp(s, "range_cdf") == 0) return as_range_cdf(v[0], (size_t)v[1]);
  if (strncmp(s, "wilson", 6) == 0 || strncmp(s, "clopper", 7) == 0) return interval_end(s, v);
  if (strncmp(s, "mcnemar", 7) == 0) {
    as_mcnemar_counts(10000, (int64_t)v[0], (int64_t)v[1], 0.95, &m);
    return s[8] == 'e' ? m.p_exact : m.p_mid;
  }
  if (strncmp(s, "friedman", 8) == 0) {
    const record *d = find_data("friedman");
    double rank[6];
    CHECK(t, d && d->n == 30);
    if (!d) return NAN;
    CHECK_OK(t, as_friedman_test(d->v, 6, 5, rank, &f, &err), err);
    return s[9] == 'c' ? f.chi2 : f.p_chi2;
  }
  return strncmp(s, "pair", 4) == 0 ? on_pair(s, t) : NAN;
}

static void scipy(as_test *t) {
  FILE *f = fopen(as_test_golden("stats.tsv"), "rb");
  CHECK(t, f != NULL);
  if (!f) return;
  static char line[4096];
  int rows = 0;
  while (fgets(line, sizeof line, f)) {
    record r = {{0}, {0}, 0};
    char *p = line, *end;
    bool list = strncmp(p, "data\t", 5) == 0;
    if (list) p += 5;
    size_t len = strcspn(p, "\t\n");
    if (len >= sizeof r.name) continue;
    memcpy(r.name, p, len);
    for (p += len; r.n < 64; p = end) {
      double v = strtod(p, &end);
      if (end == p) break;
      r.v[r.n++] = v;
    }
    if (list) {
      if (n_data < 16) data[n_data++] = r;
      continue;
    }
    double want = r.v[r.n - 1], got = value_of(&r, t);
    rows++;
    if (!(fabs(got - want) <= 1e-10 * fabs(want) + 1e-15))
      as_test_fail(t, __FILE__, __LINE__, "%s(%.17g, %.17g, ...) is %.17g, not %.17g", r.name, r.v[0], r.v[1],
                   got, want);
  }
  fclose(f);
  CHECK_INT(t, rows, 274);
}

/* --- published vectors ----------------------------------------------------------------------------------- */

static void mcnemar(as_test *t) {
  as_mcnemar m;
  as_mcnemar_counts(10000, 300, 220, 0.95, &m);
  CHECK_NEAR(t, m.chi2, 12.0019, 5e-5);
  CHECK_NEAR(t, m.p_chi2, 5.315e-4, 5e-8);
  CHECK_NEAR(t, m.p_exact, 5.194e-4, 5e-8);
  CHECK_NEAR(t, m.p_mid, 4.460e-4, 5e-8);
  CHECK_NEAR(t, m.diff, .008, 1e-15);
  CHECK_NEAR(t, m.lo, .003533, 5e-7);
  CHECK_NEAR(t, m.hi, .012467, 5e-7);
  as_mcnemar_counts(10, 0, 0, 0.95, &m);
  CHECK(t, m.p_exact == 1 && m.p_mid == 1 && m.chi2 == 0 && m.diff == 0 && m.lo == 0 && m.hi == 0);
  as_mcnemar_counts(0, 0, 0, 0.95, &m);
  CHECK(t, isnan(m.diff) && m.p_exact == 1);
  const uint8_t a[7] = {1, 1, 0, 0, 1, 2, 1}, b[7] = {1, 0, 1, 0, 0, 1, 2};
  as_mcnemar_images(a, b, 7, 0.95, &m);
  CHECK(t, m.n == 5 && m.b == 2 && m.c == 1);
}

static void corrections(as_test *t) {
  const double p[6] = {.01, .04, NAN, .03, .005, .6};
  double h[6];
  as_err err;
  CHECK_OK(t, as_holm(p, 6, h, &err), err);
  static const double holm[6] = {.04, .09, 0, .09, .025, .6};
  for (int i = 0; i < 6; i++)
    if (i != 2) CHECK_NEAR(t, h[i], holm[i], 1e-15);
  CHECK(t, isnan(h[2]));
  CHECK_OK(t, as_benjamini_hochberg(p, 6, h, &err), err);
  static const double bh[6] = {.025, .05, 0, .05, .025, .6};
  for (int i = 0; i < 6; i++)
    if (i != 2) CHECK_NEAR(t, h[i], bh[i], 1e-15);
}

/* Demsar 2006, table 5a, and its continuation. */
static void nemenyi(as_test *t) {
  static const double q05[] = {1.960, 2.344, 2.569, 2.728, 2.850, 2.948, 3.031, 3.102, 3.164, 3.219,
                               3.268, 3.313, 3.354, 3.391, 3.426, 3.458, 3.489, 3.517, 3.544};
  static const double q10[] = {1.645, 2.052, 2.291, 2.460, 2.589, 2.693, 2.780, 2.855, 2.920};
  for (size_t k = 2; k <= 20; k++) CHECK_NEAR(t, as_nemenyi_q(k, 0.05), q05[k - 2], 5.1e-4);
  for (size_t k = 2; k <= 10; k++) CHECK_NEAR(t, as_nemenyi_q(k, 0.10), q10[k - 2], 5.1e-4);
  /* Demsar's example: four classifiers on 14 sets, critical difference 1.25 */
  CHECK_NEAR(t, as_nemenyi_q(4, 0.05) * sqrt(4 * 5 / (6.0 * 14)), 1.25, .005);
  CHECK_NEAR(t, as_nemenyi_q(2, 0.05), as_norm_ppf(0.975), 1e-12); /* two models: the normal quantile */
  CHECK(t, isnan(as_nemenyi_q(1, 0.05)));
  /* the same order on every set */
  const double v[6] = {3, 30, 2, 20, 1, 10};
  double rank[3];
  as_friedman f;
  as_err err;
  CHECK_OK(t, as_friedman_test(v, 3, 2, rank, &f, &err), err);
  CHECK(t, rank[0] == 1 && rank[2] == 3 && f.f == INFINITY && f.p_f == 0);
  CHECK_NEAR(t, f.chi2, 4, 1e-14);
  CHECK_NEAR(t, f.cd05, as_nemenyi_q(3, .05) * sqrt(1), 1e-12);
  CHECK_STATUS(t, as_friedman_test(v, 1, 2, rank, &f, &err), AS_E_USAGE);
}

static void kendall(as_test *t) {
  const double a[5] = {1, 2, 3, 4, NAN}, b[5] = {1, 3, 2, 4, 0}, c[5] = {2, 2, 2, 2, 2};
  CHECK_NEAR(t, as_kendall_tau_b(a, b, 5), 4.0 / 6, 1e-15);
  CHECK_NEAR(t, as_kendall_tau_b(a, a, 5), 1, 0);
  CHECK(t, isnan(as_kendall_tau_b(a, c, 5)));
  /* ties: 1 1 2 against 1 2 3: score 2, untied pairs 2 and 3 */
  const double x[3] = {1, 1, 2}, y[3] = {1, 2, 3};
  CHECK_NEAR(t, as_kendall_tau_b(x, y, 3), 2 / sqrt(6), 1e-15);
}

/* A line on logit axes is found again, and its band holds the fit. */
static void logit_fit(as_test *t) {
  double x[20], y[20], lo, hi;
  for (int i = 0; i < 20; i++) {
    x[i] = .4 + .02 * i;
    y[i] = as_sigmoid(.9114 * as_logit(x[i], 1e-4) - .4813 + (i % 2 ? .01 : -.01));
  }
  x[7] = NAN;
  as_fit f;
  as_err err;
  CHECK_OK(t, as_fit_logit(x, y, 20, 1e-4, &f, &err), err);
  CHECK(t, f.n == 19 && fabs(f.slope - .9114) < .005 && fabs(f.intercept + .4813) < .005 && f.r > .999);
  double at = as_fit_logit_at(&f, .7613, 1e-4, &lo, &hi);
  CHECK(t, lo < at && at < hi && hi - lo < .01 && fabs(at - .6401) < .002);
  CHECK_NEAR(t, as_logit(0, 1e-4), as_log(1e-4 / (1 - 1e-4)), 1e-12);
  CHECK_NEAR(t, as_sigmoid(as_logit(.3, 1e-9)), .3, 1e-15);
  CHECK(t, as_sigmoid(-800) == 0 && as_sigmoid(800) == 1 && isnan(as_logit(NAN, 1e-4)));
}

/* timm's published tables (fractions of 1,555 models): the slopes, intercepts and correlations that SciPy
 * gives on them. Columns: model, img_size, top1, ... */
typedef struct timm_row {
  char key[120];
  double top1;
} timm_row;

static size_t read_timm(const char *file, timm_row *rows, size_t cap) {
  char rel[128];
  snprintf(rel, sizeof rel, "published/%s", file);
  const char *path = as_test_shared(rel);
  FILE *f = path ? fopen(path, "rb") : NULL;
  size_t n = 0;
  static char line[1024];
  if (!f) return 0;
  while (n < cap && fgets(line, sizeof line, f)) {
    char *p = strchr(line, ','), *q = p ? strchr(p + 1, ',') : NULL, *end;
    if (!q || q - line >= 119) continue;
    double v = strtod(q + 1, &end);
    if (end == q + 1) continue; /* the header */
    snprintf(rows[n].key, sizeof rows[n].key, "%.*s", (int)(q - line), line);
    rows[n++].top1 = v / 100;
  }
  fclose(f);
  return n;
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const timm_row *)a)->key, ((const timm_row *)b)->key);
}

enum { MAX_ROWS = 2000 };
static timm_row base_rows[MAX_ROWS], shift_rows[MAX_ROWS];

static void timm_tables(as_test *t) {
  static const struct {
    const char *file;
    double slope, intercept, r2, spearman, kendall, plain_r2;
  } v[] = {{"results-imagenetv2-matched-frequency.csv", .916, -.486, .993, .995, .942, .981},
           {"results-imagenet-real.csv", .941, .475, .976, .992, .929, .969},
           {"results-sketch.csv", 1.373, -2.720, .847, .946, .805, .654},
           {"results-imagenet-r.csv", 1.378, -2.165, .725, .943, .805, .625},
           {"results-imagenet-a.csv", 3.768, -6.874, .847, .981, .886, .567}};
  size_t n = read_timm("results-imagenet.csv", base_rows, MAX_ROWS);
  if (n == 0) {
    as_test_skip(t, "published tables absent");
    return;
  }
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    size_t m = read_timm(v[i].file, shift_rows, MAX_ROWS), k = 0;
    qsort(shift_rows, m, sizeof *shift_rows, by_key);
    static double x[MAX_ROWS], y[MAX_ROWS];
    for (size_t j = 0; j < n; j++) {
      const timm_row *hit = bsearch(&base_rows[j], shift_rows, m, sizeof *shift_rows, by_key);
      if (!hit) continue;
      x[k] = base_rows[j].top1;
      y[k++] = hit->top1;
    }
    as_fit f;
    as_err err;
    double rho;
    CHECK(t, k > 1500);
    CHECK_OK(t, as_fit_logit(x, y, k, 1e-4, &f, &err), err);
    CHECK_NEAR(t, f.slope, v[i].slope, 6e-4);
    CHECK_NEAR(t, f.intercept, v[i].intercept, 6e-4);
    CHECK_NEAR(t, f.r * f.r, v[i].r2, 1e-3);
    CHECK_OK(t, as_spearman(x, y, k, &rho, &err), err);
    CHECK_NEAR(t, rho, v[i].spearman, 1e-3);
    CHECK_NEAR(t, as_kendall_tau_b(x, y, k), v[i].kendall, 1e-3);
    as_fit_ols(x, y, k, &f); /* on plain axes */
    CHECK_NEAR(t, f.r * f.r, v[i].plain_r2, 6e-4);
    as_translation_bin bins[AS_TRANSLATION_BINS];
    CHECK_OK(t, as_translation(x, y, k, as_translation_edges, AS_TRANSLATION_BINS, .95, bins, &err), err);
    /* small gaps are close to a coin, large ones are not, and the interval holds the share */
    CHECK(t, bins[0].share > .45 && bins[0].share < .7 && bins[8].share > .95);
    for (int b = 0; b < AS_TRANSLATION_BINS; b++)
      CHECK(t, bins[b].pairs > 0 && bins[b].lo <= bins[b].share && bins[b].share <= bins[b].hi);
  }
}

static void translation(as_test *t) {
  const double base[5] = {.700, .702, .710, .710, NAN}, shift[5] = {.50, .49, .53, .49, .4};
  const double edges[3] = {0, .005, 1};
  as_translation_bin b[2];
  as_err err;
  CHECK_OK(t, as_translation(base, shift, 5, edges, 2, .95, b, &err), err);
  /* gaps: 01 .002 flipped; 02 .010 kept; 03 .010 flipped; 12 .008 kept; 13 .008 tied; 23 tied on the base */
  CHECK(t, b[0].pairs == 1 && b[0].kept == 0 && b[0].models == 2 && b[0].share == 0);
  CHECK(t, b[1].pairs == 4 && b[1].kept == 2 && b[1].tied == 1 && b[1].models == 4);
  CHECK_NEAR(t, b[1].share, 2.5 / 4, 1e-15);
  CHECK_NEAR(t, b[1].mean_base_gap, .009, 1e-15);
  CHECK_NEAR(t, b[1].mean_shift_gap, (.03 - .01 + .04 + 0) / 4, 1e-15);
  CHECK(t, b[1].lo < .3 && b[1].hi > .9); /* four pairs of four models say next to nothing */
  /* 30 models, worked out apart from this code: jackknife size 277.74 of 378 pairs, 57 of 57 */
  double u[30], v[30];
  for (int i = 0; i < 30; i++) {
    u[i] = .5 + .002 * i;
    v[i] = .4 + .001 * i + .001 * (i * 7 % 11);
  }
  CHECK_OK(t, as_translation(u, v, 30, edges, 2, .95, b, &err), err);
  CHECK(t, b[0].pairs == 57 && b[0].kept == 32 && b[1].pairs == 378 && b[1].kept == 358);
  CHECK_NEAR(t, b[0].lo, .43278009454231503, 1e-12);
  CHECK_NEAR(t, b[1].lo, .914142333480003, 1e-12);
  CHECK_NEAR(t, b[1].hi, .9678388385261574, 1e-12);
  /* every pair kept: the interval must not pretend that pairs are independent */
  double x[40], y[40];
  for (int i = 0; i < 40; i++) y[i] = x[i] = .5 + .001 * i;
  CHECK_OK(t, as_translation(x, y, 40, edges, 2, .95, b, &err), err);
  CHECK(t, b[1].share == 1 && b[1].hi == 1 && b[1].lo < .85 && b[1].lo > .8); /* 20 disjoint pairs */
}

/* --- bootstrap -------------------------------------------------------------------------------------------- */

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
  static const as_case cases[] = {{"stats: SciPy's values", scipy},
                                  {"stats: McNemar", mcnemar},
                                  {"stats: Holm, Benjamini-Hochberg", corrections},
                                  {"stats: Friedman, Nemenyi", nemenyi},
                                  {"stats: Kendall tau-b", kendall},
                                  {"stats: logit fit", logit_fit},
                                  {"stats: translation curve", translation},
                                  {"stats: timm's tables", timm_tables},
                                  {"bootstrap: results", boot_results},
                                  {"bootstrap: sets that share images", shared_images},
                                  {"bootstrap: coverage", coverage},
                                  {"bootstrap: coverage by class", coverage_by_class}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
