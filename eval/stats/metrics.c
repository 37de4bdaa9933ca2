#include "eval/stats/metrics.h"

#include <math.h>

#include "tensor/base/math/dmath.h"

/* Insertion into five places: most of a thousand logits fail the first comparison. */
void as_top5(const float *logits, size_t classes, const uint8_t *mask, int top[5], float value[5]) {
  int n = 0;
  for (int i = 0; i < 5; i++) {
    top[i] = -1;
    value[i] = 0.0f;
  }
  for (size_t c = 0; c < classes; c++) {
    float v = logits[c];
    if ((mask && !mask[c]) || v != v) continue; /* NaN ranks nowhere */
    /* strictly greater only: an equal value stays behind the lower class that came before it */
    if (n == 5 && !(v > value[4])) continue;
    int at = n < 5 ? n++ : 4;
    while (at > 0 && v > value[at - 1]) {
      value[at] = value[at - 1];
      top[at] = top[at - 1];
      at--;
    }
    value[at] = v;
    top[at] = (int)c;
  }
}

/* Wilson's interval is the set of rates that a test would not reject: all p with
 *
 *     |k / n - p| <= z sqrt(p (1 - p) / n),
 *
 * the standard error taken at the rate that is tested, not at the one that was seen. Squared, that is a
 * quadratic in p with the roots
 *
 *     (p' + z^2 / 2n  +-  z sqrt(p' (1 - p') / n + z^2 / 4n^2)) / (1 + z^2 / n),      p' = k / n.
 *
 * So it never leaves [0, 1], has width even at k = 0 and k = n, and covers close to the nominal 95 % already
 * at n = 20, where the textbook's p' +- z sqrt(p' (1 - p') / n) covers 90 % or less near the ends (Brown, Cai
 * and DasGupta 2001). Written for a share of an effective sample size, which need not be k of n. */
void as_wilson_share(double p, double n, double confidence, double *lo, double *hi) {
  if (!(n > 0.0) || isnan(p)) {
    *lo = *hi = NAN;
    return;
  }
  double z = as_norm_ppf(0.5 + 0.5 * confidence), z2n = z * z / n;
  double mid = p + 0.5 * z2n, den = 1.0 + z2n;
  double half = z * sqrt(p * (1.0 - p) / n + z2n / (4.0 * n));
  /* at the ends the formula gives 0 and 1 exactly but for rounding */
  *lo = p <= 0.0 ? 0.0 : fmax(0.0, (mid - half) / den);
  *hi = p >= 1.0 ? 1.0 : fmin(1.0, (mid + half) / den);
}

void as_wilson(int64_t k, int64_t n, double confidence, double *lo, double *hi) {
  as_wilson_share(n > 0 ? (double)k / (double)n : NAN, (double)n, confidence, lo, hi);
}

/* Clopper and Pearson's ends are the rates at which k or more (k or fewer) right answers would have the
 * probability alpha / 2: P(X >= k | lo) = P(X <= k | hi) = alpha / 2. By the identity
 *
 *     P(X >= k | p) = I_p(k, n - k + 1)        (DLMF 8.17.5; X is binomial, I the incomplete beta function)
 *
 * they are quantiles of beta distributions. The interval covers at least its nominal rate for every p, and
 * pays with width: it is what a claim that must not be wrong would use, and what Wilson's is checked
 * against. */
void as_clopper_pearson(int64_t k, int64_t n, double confidence, double *lo, double *hi) {
  if (n <= 0 || k < 0 || k > n) {
    *lo = *hi = NAN;
    return;
  }
  double half = 0.5 * (1.0 - confidence);
  *lo = k == 0 ? 0.0 : as_beta_inv((double)k, (double)(n - k + 1), half);
  *hi = k == n ? 1.0 : as_beta_inv((double)(k + 1), (double)(n - k), 1.0 - half);
}

double as_mean_arithmetic(const double *acc, size_t s) {
  if (s == 0) return NAN;
  double sum = 0.0;
  for (size_t i = 0; i < s; i++) sum += acc[i];
  return sum / (double)s;
}

double as_mean_geometric(const double *acc, size_t s) {
  if (s == 0) return NAN;
  double sum = 0.0;
  int equal = 1;
  for (size_t i = 0; i < s; i++) {
    if (isnan(acc[i])) return NAN;
    equal &= acc[i] == acc[0];
    sum += as_log(acc[i]); /* -inf for 0, whose mean is 0 then */
  }
  return equal ? acc[0] : as_exp(sum / (double)s); /* a mean of equals is that value, to the bit */
}

double as_mean_harmonic(const double *acc, size_t s) {
  if (s == 0) return NAN;
  double sum = 0.0;
  for (size_t i = 0; i < s; i++) sum += 1.0 / acc[i]; /* +inf for 0, whose mean is 0 then */
  return (double)s / sum;
}

double as_worst(const double *acc, size_t s) {
  if (s == 0) return NAN;
  double low = acc[0];
  for (size_t i = 1; i < s; i++)
    if (acc[i] < low || isnan(acc[i])) low = acc[i];
  return low;
}

void as_calibrate(const uint8_t *correct, const float *confidence, size_t n, as_calibration *out) {
  *out = (as_calibration){.accuracy = NAN, .confidence = NAN, .ece = NAN};
  double sure = 0.0, right = 0.0, ece = 0.0;
  for (size_t i = 0; i < n; i++) {
    double p = (double)confidence[i];
    if (correct[i] > 1 || !(p >= 0.0 && p <= 1.0)) continue;
    int b = 0;
    while (b + 1 < AS_CALIBRATION_BINS && p > (double)(b + 1) / AS_CALIBRATION_BINS) b++;
    out->bin[b].n++;
    out->bin[b].confidence += p;
    out->bin[b].accuracy += correct[i];
    out->n++;
    sure += p;
    right += correct[i];
  }
  for (int b = 0; b < AS_CALIBRATION_BINS; b++) {
    double m = (double)out->bin[b].n;
    ece += fabs(out->bin[b].accuracy - out->bin[b].confidence);
    out->bin[b].confidence = m > 0.0 ? out->bin[b].confidence / m : NAN;
    out->bin[b].accuracy = m > 0.0 ? out->bin[b].accuracy / m : NAN;
  }
  if (out->n == 0) return;
  out->accuracy = right / (double)out->n;
  out->confidence = sure / (double)out->n;
  out->ece = ece / (double)out->n;
}
