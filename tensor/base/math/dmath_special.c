/* erf, lgamma, the incomplete beta and gamma functions and the normal distribution, in double.
 * Large parameters (a binomial over 50,000 images) go through Loader's saddle-point form, which keeps
 * its digits where a difference of lgammas loses ten of them. */
#include <stdint.h>

#include "tensor/base/math/dmath.h"
#include "tensor/base/math/dmath_int.h"
#include "tensor/base/math/dmath_tab_int.h"

/* exp(x^2) erfc(x) for x in [0.5, 28). */
static double erfcx(double x) {
  int j = 0;
  while (j < ERFCX_PIECES - 1 && x >= erfcx_edge[j + 1]) j++;
  double mid = 0.5 * (erfcx_edge[j] + erfcx_edge[j + 1]);
  return as_dm_poly(erfcx_poly[j], ERFCX_TERMS, x - mid);
}

/* erfc(x + lo), |lo| <= ulp(x). */
static double erfc_two(double x, double lo) {
  if (isnan(x)) return x;
  if (x < 0.5) {
    if (x <= -6.0) return 2.0;
    return x < -1.0 ? 2.0 - erfc_two(-x, -lo) : 1.0 - as_erf(x);
  }
  if (x >= 28.0) return 0.0; /* below half the smallest subnormal from 27.23 on */
  double sq = x * x;
  double sq_lo = fma(x, x, -sq) + 2.0 * x * lo;
  return as_dm_exp(-sq, -sq_lo) * erfcx(x);
}

double as_erf(double x) {
  double a = fabs(x);
  if (a < 1.0) return x * as_dm_poly(erf_taylor, 21, x * x);
  if (isnan(x)) return x;
  return copysign(1.0 - erfc_two(a, 0.0), x);
}

double as_erfc(double x) {
  return erfc_two(x, 0.0);
}

double as_norm_cdf(double z) {
  double x = -z * sqrt1_2_parts[0];
  double lo = fma(-z, sqrt1_2_parts[0], -x) - z * sqrt1_2_parts[1];
  if (!(fabs(x) < 40.0)) return isnan(z) ? z : z > 0.0 ? 1.0 : 0.0;
  return 0.5 * erfc_two(x, lo);
}

/* phi(z) = exp(-z^2 / 2) / sqrt(2 pi) */
static double norm_pdf(double z) {
  double sq = z * z;
  return as_dm_exp(-0.5 * sq, -0.5 * fma(z, z, -sq)) / sqrt(two_pi[0]);
}

double as_norm_ppf(double p) {
  if (isnan(p) || p < 0.0 || p > 1.0) return NAN;
  if (p == 0.0) return -INFINITY;
  if (p == 1.0) return INFINITY;
  if (p == 0.5) return 0.0;
  int central = fabs(p - 0.5) < 0.25;
  double q = p < 0.5 ? p : 1.0 - p; /* exact for p >= 0.5 */
  /* Abramowitz and Stegun 26.2.23: within 4.5e-4; each Halley step cubes the error */
  double t = sqrt(-2.0 * as_log(q));
  double num = 2.515517 + t * (0.802853 + t * 0.010328);
  double den = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  double z = num / den - t; /* lower tail, z < 0 */
  for (int i = 0; i < 3; i++) {
    double pdf = norm_pdf(z);
    double f = central ? 0.5 * as_erf(z * sqrt1_2_parts[0]) - (q - 0.5) : as_norm_cdf(z) - q;
    if (pdf == 0.0) break;
    double u = f / pdf; /* Newton step; f'' / f' = -z */
    z -= u / (1.0 + 0.5 * z * u);
  }
  return p < 0.5 ? z : -z;
}

static double lgamma_near2(double z) {
  return z * as_dm_poly(lgamma2_taylor, 29, z);
}

/* sum_i B_2i / (2i (2i-1) x^(2i-1)), x >= 10 */
static double stirling_tail(double x) {
  double y = 1.0 / x;
  return y * as_dm_poly(stirling, 10, y * y);
}

double as_lgamma(double x) {
  if (isnan(x) || x == INFINITY) return x;
  if (x < 0.0) return NAN;
  if (x == 0.0) return INFINITY;
  if (x < 0.5) return (lgamma_near2(x) - as_log1p(x)) - as_log(x); /* Gamma(x) = Gamma(2+x)/(x(1+x)) */
  if (x < 1.5) return lgamma_near2(x - 1.0) - as_log1p(x - 1.0);
  if (x < 10.0) {
    double prod = 1.0;
    while (x >= 2.5) {
      x -= 1.0; /* exact or rounded once in all; the error enters relative to x >= 1.5 */
      prod *= x;
    }
    return lgamma_near2(x - 2.0) + as_log(prod);
  }
  return (x - 0.5) * (as_log(x) - 1.0) + ((half_ln_2pi[0] - 0.5) + stirling_tail(x));
}

/* ln Gamma(x + 1) - [(x + 1/2) ln x - x + ln(2 pi) / 2]: what Stirling's formula leaves, x > 0. */
static double stirling_error(double x) {
  if (x >= 10.0) return stirling_tail(x);
  return as_lgamma(x + 1.0) - ((x + 0.5) * as_log(x) - x + half_ln_2pi[0]);
}

/* x ln(x / m) + m - x without cancellation near x = m (Loader 2000, bd0). */
static double deviance_half(double x, double m) {
  double d = x - m;
  if (fabs(d) < 0.1 * (x + m)) {
    double v = d / (x + m), v2 = v * v;
    double sum = d * v, term = 2.0 * x * v;
    for (int j = 1; j < 1000; j++) {
      term *= v2;
      double next = sum + term / (double)(2 * j + 1);
      if (next == sum) break;
      sum = next;
    }
    return sum;
  }
  return x * as_log(x / m) - d;
}

/* x^a (1-x)^b Gamma(a+b) / (Gamma(a) Gamma(b)), 0 < x < 1. */
static double beta_front(double a, double b, double x) {
  double n = a + b;
  double e = stirling_error(n) - stirling_error(a) - stirling_error(b);
  double dev = deviance_half(a, n * x) + deviance_half(b, n * (1.0 - x));
  return sqrt(a / (n * two_pi[0]) * b) * as_exp(e - dev);
}

/* Continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method; converges in
 * O(sqrt(max(a, b))) steps for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
  const double tiny = 1e-300;
  double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
  d = 1.0 / (fabs(d) < tiny ? tiny : d);
  double h = d;
  for (int i = 1; i < 1000000; i++) {
    double m = (double)i, m2 = 2.0 * m;
    double t = m * (b - m) * x / ((a + m2 - 1.0) * (a + m2));
    d = 1.0 + t * d;
    c = 1.0 + t / c;
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    if (fabs(c) < tiny) c = tiny;
    h *= d * c;
    t = -(a + m) * (a + b + m) * x / ((a + m2) * (a + m2 + 1.0));
    d = 1.0 + t * d;
    c = 1.0 + t / c;
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    if (fabs(c) < tiny) c = tiny;
    double del = d * c;
    h *= del;
    if (fabs(del - 1.0) < 0x1p-52) break;
  }
  return h;
}

double as_beta_inc(double a, double b, double x) {
  if (isnan(x) || !(a > 0.0) || !(b > 0.0)) return NAN;
  if (x <= 0.0) return 0.0;
  if (x >= 1.0) return 1.0;
  double front = beta_front(a, b, x);
  if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(a, b, x) / a;
  return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

double as_beta_inv(double a, double b, double p) {
  if (isnan(p) || !(a > 0.0) || !(b > 0.0) || p < 0.0 || p > 1.0) return NAN;
  if (p == 0.0) return 0.0;
  if (p == 1.0) return 1.0;
  double lo = 0.0, hi = 1.0, x = a / (a + b);
  for (int i = 0; i < 400; i++) {
    double f = as_beta_inc(a, b, x) - p;
    if (f == 0.0) return x;
    if (f > 0.0) {
      hi = x;
    } else {
      lo = x;
    }
    /* Newton; outside the bracket: the geometric mean while the bracket spans decades */
    double slope = beta_front(a, b, x) / (x * (1.0 - x));
    double next = slope > 0.0 ? x - f / slope : -1.0;
    if (!(next > lo && next < hi)) {
      double low = lo > 0.0 ? lo : hi * 0x1p-20;
      next = hi > 4.0 * low ? sqrt(low) * sqrt(hi) : 0.5 * (lo + hi);
      if (!(next > lo && next < hi)) return x;
    }
    if (fabs(next - x) <= 0x1p-53 * x) return next;
    x = next;
  }
  return x;
}

/* x^a e^-x / Gamma(a + 1) */
static double gamma_front(double a, double x) {
  return as_exp(-stirling_error(a) - deviance_half(a, x)) / sqrt(two_pi[0] * a);
}

/* P(a, x) by its series (DLMF 8.7.1), good for x < a + 1. */
static double gamma_series(double a, double x) {
  double term = 1.0, sum = 1.0;
  for (int i = 1; i < 1000000; i++) {
    term *= x / (a + (double)i);
    double next = sum + term;
    if (next == sum) break;
    sum = next;
  }
  return gamma_front(a, x) * sum;
}

/* Q(a, x) by its continued fraction (DLMF 8.9.2), good for x >= a + 1. */
static double gamma_fraction(double a, double x) {
  const double tiny = 1e-300;
  double b = x + 1.0 - a, c = 1.0 / tiny, d = 1.0 / b, h = d;
  for (int i = 1; i < 1000000; i++) {
    double an = -(double)i * ((double)i - a);
    b += 2.0;
    d = an * d + b;
    c = b + an / c;
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    if (fabs(c) < tiny) c = tiny;
    double del = d * c;
    h *= del;
    if (fabs(del - 1.0) < 0x1p-52) break;
  }
  return gamma_front(a, x) * a * h;
}

double as_gamma_inc(double a, double x) {
  if (isnan(x) || !(a > 0.0)) return NAN;
  if (x <= 0.0) return 0.0;
  if (x == INFINITY) return 1.0;
  return x < a + 1.0 ? gamma_series(a, x) : 1.0 - gamma_fraction(a, x);
}

double as_gamma_inc_upper(double a, double x) {
  if (isnan(x) || !(a > 0.0)) return NAN;
  if (x <= 0.0) return 1.0;
  if (x == INFINITY) return 0.0;
  return x < a + 1.0 ? 1.0 - gamma_series(a, x) : gamma_fraction(a, x);
}
