/* Statistics against SciPy (tests/golden/stats.py), against published vectors, and by simulation. */
#include "eval/stats/stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "eval/stats/metrics.h"
#include "eval/stats/stats_order.h"
#include "eval/stats/stats_translation.h"
#include "tensor/base/math/dmath.h"
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
  if (strcmp(s, "t_sf") == 0) {
    double tail = 0.5 * as_t_two_sided(v[0], v[1]);
    return v[0] >= 0 ? tail : 1 - tail;
  }
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
  double at = as_fit_logit_at(&f, .7613, 1e-4);
  as_fit_logit_band(&f, .7613, 1e-4, &lo, &hi);
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

int main(int argc, char **argv) {
  static const as_case cases[] = {{"stats: SciPy's values", scipy}, {"stats: McNemar", mcnemar},
                                  {"stats: Holm", corrections},     {"stats: Friedman, Nemenyi", nemenyi},
                                  {"stats: logit fit", logit_fit},  {"stats: timm's tables", timm_tables}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
