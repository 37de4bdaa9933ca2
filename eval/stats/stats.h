/* Which differences are real: paired tests, corrections, rank correlation, Friedman / Nemenyi, fits.
 * Pure functions of their arguments; all distributions are tensor/base/math/dmath.h's, so a report has
 * the same digits on every system. Probabilities are two-sided p values in [0, 1]. */
#ifndef AS_EVAL_STATS_STATS_H
#define AS_EVAL_STATS_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

/* --- two models on the same images ------------------------------------------------------------ */

/* McNemar 1947: b = images that only the first has right, c = only the second. */
typedef struct as_mcnemar {
  int64_t n; /* images that both models were scored on */
  int64_t b, c;
  double chi2; /* (|b - c| - 1)^2 / (b + c), 0 when b + c = 0 (Edwards' correction) */
  double p_chi2;
  double p_exact; /* 2 sum_{i <= min} C(b + c, i) / 2^(b + c), at most 1 */
  double p_mid;   /* p_exact - C(b + c, min) / 2^(b + c) (Lancaster 1961; Fagerland et al. 2013) */
  double diff;    /* (b - c) / n: accuracy of the first minus the second's */
  double lo, hi;  /* diff +- z sqrt(b + c - (b - c)^2 / n) / n */
} as_mcnemar;
void as_mcnemar_counts(int64_t n, int64_t b, int64_t c, double confidence, as_mcnemar *out);
/* From per-image results, 1 right, 0 wrong, anything else = not scored; an image counts when both
 * models have it. */
void as_mcnemar_images(const uint8_t *first, const uint8_t *second, size_t n, double confidence,
                       as_mcnemar *out);

/* Adjusted p values in the order of the input; NaN entries stay NaN and do not count as tests.
 * Holm 1979: the family-wise error, whatever the tests have to do with each other. */
as_status as_holm(const double *p, size_t n, double *adjusted, as_err *err);

/* --- two columns -------------------------------------------------------------------------------- */

/* Pearson's r of the mean ranks. Entries with a NaN are left out. */
as_status as_spearman(const double *x, const double *y, size_t n, double *rho, as_err *err);

/* --- many models over many sets ------------------------------------------------------------------- */

/* Friedman's test on v[models * sets] (row = model, larger is better, no NaN), with Iman-Davenport's F
 * and Nemenyi's critical difference of mean ranks (Demsar 2006). The sets of one benchmark are few
 * and correlated: the test is blunt, and a report must say so. */
typedef struct as_friedman {
  double chi2;       /* 12 N / (k (k + 1)) (sum R_j^2 - k (k + 1)^2 / 4) */
  double p_chi2;     /* k - 1 degrees of freedom */
  double f, p_f;     /* (N - 1) chi2 / (N (k - 1) - chi2), k - 1 and (k - 1)(N - 1) degrees */
  double cd05, cd10; /* q_alpha sqrt(k (k + 1) / (6 N)) */
} as_friedman;
/* mean_rank: [models], filled. AS_E_USAGE for fewer than 2 models or sets. */
as_status as_friedman_test(const double *v, size_t models, size_t sets, double *mean_rank, as_friedman *out,
                           as_err *err);
/* q_alpha of Nemenyi's test for k models (Demsar 2006, table 5a), any k >= 2: the upper alpha quantile
 * of the studentised range with infinite degrees of freedom, over sqrt 2. */
double as_nemenyi_q(size_t k, double alpha);

/* --- distributions ------------------------------------------------------------------------------- */

double as_chi2_sf(double x, double df); /* P(X > x) */
double as_f_sf(double f, double d1, double d2);
double as_t_two_sided(double t, double df);          /* P(|T| > |t|) of Student's t */
double as_t_quantile(double alpha, double df);       /* t with P(|T| > t) = alpha */
double as_range_cdf(double q, size_t k);             /* studentised range, infinite degrees of freedom */
double as_binom_cdf(int64_t k, int64_t n, double p); /* P(X <= k) */

/* --- fits ---------------------------------------------------------------------------------------- */

double as_logit(double p, double clip); /* ln(p / (1 - p)), p first clipped to [clip, 1 - clip] */
double as_sigmoid(double x);

/* Ordinary least squares y = slope x + intercept over the pairs without NaN. */
typedef struct as_fit {
  size_t n;
  double slope, intercept, r;
  double se_slope, se_intercept; /* NaN below 3 points */
  double x_mean, sxx, s2;        /* for bands: var of the line at x = s2 (1/n + (x - x_mean)^2 / sxx) */
} as_fit;
void as_fit_ols(const double *x, const double *y, size_t n, as_fit *out);
/* The same on logit axes; accuracies as fractions. clip = 1e-4 is a good default. */
as_status as_fit_logit(const double *x, const double *y, size_t n, double clip, as_fit *out, as_err *err);
/* The fitted accuracy at base accuracy x, and the 95 % band of the line there (t quantile on logit axes). */
double as_fit_logit_at(const as_fit *fit, double x, double clip);
void as_fit_logit_band(const as_fit *fit, double x, double clip, double *lo, double *hi);

#endif
