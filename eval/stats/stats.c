#include "eval/stats/stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "eval/stats/stats_order.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

/* --- distributions ------------------------------------------------------------------------------------ */

double as_chi2_sf(double x, double df) {
  return x <= 0.0 ? 1.0 : as_gamma_inc_upper(0.5 * df, 0.5 * x);
}

double as_f_sf(double f, double d1, double d2) {
  if (isnan(f)) return NAN;
  if (f <= 0.0) return 1.0;
  if (f == INFINITY) return 0.0;
  return as_beta_inc(0.5 * d2, 0.5 * d1, d2 / (d2 + d1 * f));
}

/* x = df / (df + t^2) has a beta distribution. */
double as_t_two_sided(double t, double df) {
  return isnan(t) ? NAN : isinf(t) ? 0.0 : as_beta_inc(0.5 * df, 0.5, df / (df + t * t));
}

double as_t_quantile(double alpha, double df) {
  double x = as_beta_inv(0.5 * df, 0.5, alpha);
  return sqrt(df * (1.0 - x) / x);
}

double as_binom_cdf(int64_t k, int64_t n, double p) {
  if (k < 0) return 0.0;
  if (k >= n) return 1.0;
  return as_beta_inc((double)(n - k), (double)(k + 1), 1.0 - p); /* DLMF 8.17.5 */
}

/* The range of k independent normal variables is at most q if all the others lie within q below the largest; k
 * choices of which that is, integrated over its value z:
 * k Int phi(z) [Phi(z) - Phi(z - q)]^(k - 1) dz, by the trapezoidal rule, which for an analytic integrand
 * that decays like phi converges faster than any power of the step: 1/16 leaves less than 1e-15. */
double as_range_cdf(double q, size_t k) {
  if (isnan(q) || k < 2) return NAN;
  if (q <= 0.0) return 0.0;
  const double h = 1.0 / 16.0;
  double sum = 0.0;
  for (int i = -160; i <= 160; i++) { /* phi(10) = 8e-23 */
    double z = h * (double)i;
    /* both terms from the same tail, so that their difference keeps its digits */
    double inner = z > 0.5 * q ? as_norm_cdf(q - z) - as_norm_cdf(-z) : as_norm_cdf(z) - as_norm_cdf(z - q);
    if (inner > 0.0) sum += as_exp(-0.5 * z * z) * as_pow(inner, (double)(k - 1));
  }
  return fmin(1.0, (double)k * h * sum * 0.39894228040143267794);
}

double as_nemenyi_q(size_t k, double alpha) {
  if (k < 2 || !(alpha > 0.0 && alpha < 1.0)) return NAN;
  double lo = 0.0, hi = 30.0; /* P(range > 30) is below 1e-90 for any k that fits */
  while (hi - lo > 1e-13 * hi) {
    double mid = 0.5 * (lo + hi);
    if (mid <= lo || mid >= hi) break;
    if (as_range_cdf(mid, k) < 1.0 - alpha) {
      lo = mid;
    } else {
      hi = mid;
    }
  }
  return 0.5 * (lo + hi) / sqrt(2.0);
}

/* --- two models on the same images -------------------------------------------------------------------- */

/* McNemar. Images that both models have right, or both wrong, say nothing of which is better. Of the m = b +
 * c others, if the models are equally good, each fell to either side by a fair coin: b is binomial(m, 1/2).
 * The exact p value is the probability of a split at least as uneven, on either side: 2 P(X <= min(b, c)), at
 * most 1.
 *
 * A discrete test cannot reach 5 % exactly, and the exact one errs on the safe side: at m = 20 it rejects 4.1
 * % of true hypotheses, and fewer for smaller m. The mid-p value counts the split that was seen by half, 2
 * P(X < min) + P(X = min) = exact - P(X = min), and rejects close to 5 % (Fagerland, Lydersen and Laake 2013,
 * who recommend it). Both stand in the tables; what a report calls real goes by mid-p, corrected.
 *
 * The interval of the difference (b - c) / n is Wald's, whose variance for paired answers is (m - (b - c)^2 /
 * n) / n^2: the number of disagreements alone makes it wide. */

/* C(n, i) / 2^n. For large n the saddle-point form inside the incomplete beta keeps the digits that a
 * difference of lgammas loses: P(X <= i) - P(X <= i - 1). */
static double half_pmf(int64_t i, int64_t n) {
  if (n > 200) return as_binom_cdf(i, n, 0.5) - as_binom_cdf(i - 1, n, 0.5);
  double v = 1.0;
  for (int64_t j = 1; j <= i; j++) v = v * (double)(n - i + j) / (double)j;
  return ldexp(v, -(int)n);
}

void as_mcnemar_counts(int64_t n, int64_t b, int64_t c, double confidence, as_mcnemar *out) {
  int64_t m = b + c, low = b < c ? b : c, gap = b < c ? c - b : b - c;
  out->n = n;
  out->b = b;
  out->c = c;
  out->chi2 = 0.0;
  out->p_chi2 = out->p_exact = out->p_mid = 1.0;
  if (m > 0) {
    double g = gap > 0 ? (double)gap - 1.0 : 0.0;
    out->chi2 = g * g / (double)m;
    out->p_chi2 = as_chi2_sf(out->chi2, 1.0);
    double tail = 2.0 * as_binom_cdf(low, m, 0.5);
    out->p_exact = fmin(1.0, tail);
    out->p_mid = fmin(1.0, tail - half_pmf(low, m));
  }
  out->diff = out->lo = out->hi = NAN;
  if (n > 0) {
    double d = (double)(b - c), z = as_norm_ppf(0.5 + 0.5 * confidence);
    double se = sqrt((double)m - d * d / (double)n) / (double)n;
    out->diff = d / (double)n;
    out->lo = out->diff - z * se;
    out->hi = out->diff + z * se;
  }
}

void as_mcnemar_images(const uint8_t *first, const uint8_t *second, size_t n, double confidence,
                       as_mcnemar *out) {
  int64_t count[2][2] = {{0, 0}, {0, 0}};
  for (size_t i = 0; i < n; i++)
    if (first[i] <= 1 && second[i] <= 1) count[first[i]][second[i]]++;
  as_mcnemar_counts(count[0][0] + count[0][1] + count[1][0] + count[1][1], count[1][0], count[0][1],
                    confidence, out);
}

/* --- corrections --------------------------------------------------------------------------------------- */

typedef struct p_at {
  double p;
  size_t at;
} p_at;

static int by_p(const void *a, const void *b) {
  const p_at *x = a, *y = b;
  if (x->p != y->p) return x->p < y->p ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

/* Sorted p values without the NaN ones; *m = how many. */
static p_at *sorted_p(const double *p, size_t n, size_t *m, as_err *err) {
  p_at *v = as_alloc(n ? n : 1, sizeof *v, err);
  *m = 0;
  for (size_t i = 0; v && i < n; i++)
    if (!isnan(p[i])) {
      v[*m].p = p[i];
      v[(*m)++].at = i;
    }
  if (v) qsort(v, *m, sizeof *v, by_p);
  return v;
}

/* Holm: of m true hypotheses tested at 5 % each, some would be "real" by luck. The smallest p value is held
 * to alpha / m, the next, if the first passed, to alpha / (m - 1), and so on; the chance that any true
 * hypothesis is rejected stays below alpha. Proof in one line: let k of the m be true; the first true one in
 * the order has at most m - k before it, so it is held to alpha / k or less, and Bonferroni's inequality does
 * the rest. No independence is used, and the tests of a report are anything but independent: they share
 * images and models.
 *
 * As adjusted p values: (m - i) p_(i), made rising, at most 1; compare with alpha itself. */
as_status as_holm(const double *p, size_t n, double *adjusted, as_err *err) {
  size_t m;
  p_at *v = sorted_p(p, n, &m, err);
  if (!v) return AS_E_ENV;
  for (size_t i = 0; i < n; i++) adjusted[i] = NAN;
  double top = 0.0;
  for (size_t i = 0; i < m; i++) {
    top = fmax(top, fmin(1.0, (double)(m - i) * v[i].p));
    adjusted[v[i].at] = top;
  }
  as_free(v);
  return AS_OK;
}

/* --- two columns -------------------------------------------------------------------------------------- */

static double pearson(const double *x, const double *y, size_t n) {
  as_fit f;
  as_fit_ols(x, y, n, &f);
  return f.r;
}

as_status as_spearman(const double *x, const double *y, size_t n, double *rho, as_err *err) {
  double *v = as_alloc(4 * (n ? n : 1), sizeof *v, err);
  if (!v) return AS_E_ENV;
  double *a = v, *b = v + n, *ra = v + 2 * n, *rb = v + 3 * n;
  for (size_t i = 0; i < n; i++) {
    bool both = !isnan(x[i]) && !isnan(y[i]);
    a[i] = both ? x[i] : NAN;
    b[i] = both ? y[i] : NAN;
  }
  as_rank_mean(a, n, ra);
  as_rank_mean(b, n, rb);
  *rho = pearson(ra, rb, n);
  as_free(v);
  return AS_OK;
}

/* --- Friedman ------------------------------------------------------------------------------------------- */

as_status as_friedman_test(const double *v, size_t models, size_t sets, double *mean_rank, as_friedman *out,
                           as_err *err) {
  if (models < 2 || sets < 2)
    return as_fail(err, AS_E_USAGE, "Friedman test: found %zu models and %zu sets, wanted at least 2 of each",
                   models, sets);
  double *column = as_alloc(2 * models, sizeof *column, err);
  if (!column) return AS_E_ENV;
  double *rank = column + models;
  for (size_t i = 0; i < models; i++) mean_rank[i] = 0.0;
  for (size_t j = 0; j < sets; j++) {
    for (size_t i = 0; i < models; i++) column[i] = v[i * sets + j];
    as_rank_mean(column, models, rank);
    for (size_t i = 0; i < models; i++) mean_rank[i] += rank[i] / (double)sets;
  }
  as_free(column);
  double k = (double)models, n = (double)sets, sum = 0.0;
  /* sum R_j^2 - k (k + 1)^2 / 4 = sum (R_j - mean)^2, which does not cancel */
  for (size_t i = 0; i < models; i++)
    sum += (mean_rank[i] - 0.5 * (k + 1.0)) * (mean_rank[i] - 0.5 * (k + 1.0));
  out->chi2 = 12.0 * n / (k * (k + 1.0)) * sum;
  out->p_chi2 = as_chi2_sf(out->chi2, k - 1.0);
  double rest = n * (k - 1.0) - out->chi2;
  out->f = rest > 1e-12 * n * (k - 1.0) ? (n - 1.0) * out->chi2 / rest : INFINITY; /* same order everywhere */
  out->p_f = as_f_sf(out->f, k - 1.0, (k - 1.0) * (n - 1.0));
  double unit = sqrt(k * (k + 1.0) / (6.0 * n));
  out->cd05 = as_nemenyi_q(models, 0.05) * unit;
  out->cd10 = as_nemenyi_q(models, 0.10) * unit;
  return AS_OK;
}

/* --- fits ----------------------------------------------------------------------------------------------- */

double as_logit(double p, double clip) {
  if (p < clip) p = clip;
  if (p > 1.0 - clip) p = 1.0 - clip;
  return as_log(p / (1.0 - p));
}

double as_sigmoid(double x) {
  if (x >= 0.0) return 1.0 / (1.0 + as_exp(-x));
  double e = as_exp(x);
  return e / (1.0 + e);
}

void as_fit_ols(const double *x, const double *y, size_t n, as_fit *out) {
  double mx = 0.0, my = 0.0, sxx = 0.0, syy = 0.0, sxy = 0.0;
  size_t m = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(x[i]) && !isnan(y[i])) {
      mx += x[i];
      my += y[i];
      m++;
    }
  out->n = m;
  out->slope = out->intercept = out->r = out->se_slope = out->se_intercept = out->s2 = NAN;
  out->x_mean = m ? mx / (double)m : NAN;
  out->sxx = 0.0;
  if (m < 2) return;
  mx /= (double)m;
  my /= (double)m;
  for (size_t i = 0; i < n; i++)
    if (!isnan(x[i]) && !isnan(y[i])) {
      double a = x[i] - mx, b = y[i] - my;
      sxx += a * a;
      syy += b * b;
      sxy += a * b;
    }
  out->sxx = sxx;
  if (!(sxx > 0.0)) return;
  out->slope = sxy / sxx;
  out->intercept = my - out->slope * mx;
  if (syy > 0.0) out->r = fmax(-1.0, fmin(1.0, sxy / (sqrt(sxx) * sqrt(syy))));
  if (m < 3) return;
  out->s2 = fmax(0.0, syy - out->slope * sxy) / (double)(m - 2);
  out->se_slope = sqrt(out->s2 / sxx);
  out->se_intercept = sqrt(out->s2 * (1.0 / (double)m + mx * mx / sxx));
}

as_status as_fit_logit(const double *x, const double *y, size_t n, double clip, as_fit *out, as_err *err) {
  double *v = as_alloc(2 * (n ? n : 1), sizeof *v, err);
  if (!v) return AS_E_ENV;
  for (size_t i = 0; i < n; i++) {
    v[i] = as_logit(x[i], clip);
    v[n + i] = as_logit(y[i], clip);
  }
  as_fit_ols(v, v + n, n, out);
  as_free(v);
  return AS_OK;
}

double as_fit_logit_at(const as_fit *fit, double x, double clip) {
  return as_sigmoid(fit->slope * as_logit(x, clip) + fit->intercept);
}

void as_fit_logit_band(const as_fit *fit, double x, double clip, double *lo, double *hi) {
  *lo = *hi = NAN;
  if (fit->n < 3 || !(fit->sxx > 0.0)) return;
  double u = as_logit(x, clip), v = fit->slope * u + fit->intercept, d = u - fit->x_mean;
  double half =
      as_t_quantile(0.05, (double)(fit->n - 2)) * sqrt(fit->s2 * (1.0 / (double)fit->n + d * d / fit->sxx));
  *lo = as_sigmoid(v - half);
  *hi = as_sigmoid(v + half);
}
