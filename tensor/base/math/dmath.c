/* exp, log, pow, sin, cos, tanh in double. Series are truncated Taylor series on reduced arguments:
 * the coefficients are rationals that can be checked by eye, and a few terms more than a minimax fit
 * cost nothing here. Bounds, measured by tests/unit/test_dmath.c: exp, log, log1p, expm1, sin, cos,
 * pow 1 ulp; tanh 2 ulp. */
#include "tensor/base/math/dmath.h"

#include <stdint.h>

#include "tensor/base/bytes.h"
#include "tensor/base/math/dmath_int.h"
#include "tensor/base/math/dmath_tab_int.h"

/* Adding and subtracting 1.5 * 2^52 rounds |x| < 2^51 to an integer, ties to even. */
static double round_small(double x) {
  static const double magic = 0x1.8p52;
  return (x + magic) - magic;
}

double as_rint(double x) {
  if (!(fabs(x) < 0x1p51)) return rint(x); /* at most one fractional bit is left: libm's is exact */
  return copysign(round_small(x), x);
}

double as_floor(double x) {
  return floor(x);
} /* exact in every C library */

/* 2^k for a normal result. */
static double pow2_normal(int k) {
  return as_bits_f64((uint64_t)(k + 1023) << 52);
}

/* y * 2^k for y in [0.5, 2): exact unless the result is subnormal, which is rounded once. */
static double scale2(double y, int k) {
  if (k > 1023) return y * 2.0 * pow2_normal(k - 1 > 1023 ? 1023 : k - 1);
  if (k < -1021) return y * pow2_normal(k + 100) * pow2_normal(-100);
  return y * pow2_normal(k);
}

/* x = k ln2 + r, |r| <= ln2 / 2 (+ a little); the remainder is returned as *r + *r_lo. */
static int reduce_ln2(double x, double lo, double *r, double *r_lo) {
  double k = round_small(x * 0x1.71547652b82fep+0 /* 1 / ln 2 */);
  double a = fma(-k, ln2_parts[0], x); /* exact: the product has no more than 43 bits */
  double b = fma(-k, ln2_parts[1], lo);
  *r = a + b;
  *r_lo = (a - *r) + b;
  return (int)k;
}

double as_dm_exp(double hi, double lo) {
  if (isnan(hi)) return hi;
  if (hi > 709.9) return INFINITY;
  if (hi < -745.5) return 0.0;
  double r, r_lo;
  int k = reduce_ln2(hi, lo, &r, &r_lo);
  double q = fma(r * r, as_dm_poly(exp_taylor, 12, r), r_lo);
  return scale2(1.0 + (r + q), k);
}

double as_exp(double x) {
  return as_dm_exp(x, 0.0);
}

double as_expm1(double x) {
  if (isnan(x) || x == 0.0) return x;
  if (x > 709.9) return INFINITY;
  if (x < -40.0) return -1.0;
  double r, r_lo;
  int k = reduce_ln2(x, 0.0, &r, &r_lo);
  double q = fma(r * r, as_dm_poly(exp_taylor, 12, r), r_lo);
  if (k == 0) return r + q;
  if (k > 60) return scale2(1.0 + (r + q), k);
  /* 2^k (1 + r + q) - 1 = (2^k - 1) + 2^k (r + q), the rounding errors of both sums kept */
  double p = pow2_normal(k), e0, e1, e2;
  double s = as_dm_two_sum(p, -1.0, &e0);
  double t = as_dm_two_sum(r, q, &e1);
  double u = as_dm_two_sum(s, p * t, &e2);
  return u + (e2 + e0 + p * e1);
}

/* m in [sqrt(1/2), sqrt(2)) with x = 2^*k m; x > 0 and finite. */
static double split_mantissa(double x, int *k) {
  int e = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    e = -54;
  }
  uint64_t bits = as_f64_bits(x);
  /* subtracting the bits of sqrt(1/2) makes the exponent field switch there instead of at 1 */
  int64_t d = (int64_t)(bits - 0x3FE6A09E667F3BCDu);
  int n = (int)(d >= 0 ? d >> 52 : -((-d + ((int64_t)1 << 52) - 1) >> 52));
  *k = n + e;
  return as_bits_f64(bits - ((uint64_t)(int64_t)n << 52));
}

/* k ln2 + log(1 + f) + c, where 1 + f in [sqrt(1/2), sqrt(2)) and c is a small correction.
 * With s = f / (2 + f): log(1 + f) = 2 s + s R = f - s (f - R), R = s^2 (2/3 + 2/5 s^2 + ...). */
static double log_kernel(double f, int k, double c) {
  double s = f / (2.0 + f);
  double z = s * s;
  double rr = z * as_dm_poly(log_atanh, 12, z);
  double half = 0.5 * f * f;
  double kd = (double)k;
  /* f - s (f - R) = f - (f^2 / 2 - s (f^2 / 2 + R)): the large terms are exact or nearly so */
  double tail = fma(s, half + rr, fma(kd, ln2_parts[1], c));
  if (k == 0) return f - (half - tail);
  return kd * ln2_parts[0] - ((half - tail) - f);
}

double as_log(double x) {
  if (isnan(x) || x == INFINITY) return x;
  if (x == 0.0) return -INFINITY;
  if (x < 0.0) return NAN;
  int k;
  double m = split_mantissa(x, &k);
  return log_kernel(m - 1.0, k, 0.0);
}

double as_log1p(double x) {
  if (isnan(x) || x == INFINITY || x == 0.0) return x;
  if (x == -1.0) return -INFINITY;
  if (x < -1.0) return NAN;
  if (fabs(x) < 0x1p-54) return x;
  if (x > -0.29 && x < 0.41) return log_kernel(x, 0, 0.0);
  double err;
  double u = as_dm_two_sum(1.0, x, &err);
  int k;
  double m = split_mantissa(u, &k);
  return log_kernel(m - 1.0, k, err / u);
}

/* log(x) as a sum of two doubles, relative error below 2^-64; x > 0 and finite. */
static double log_two(double x, double *lo) {
  int k;
  double f = split_mantissa(x, &k) - 1.0;
  double d = 2.0 + f, d_lo = f - (d - 2.0);
  double s = f / d;
  double s_lo = (fma(-s, d, f) - s * d_lo) / d;
  double z = s * s, z_lo = fma(s, s, -z) + 2.0 * s * s_lo;
  double c = s * z, c_lo = fma(s, z, -c) + (s * z_lo + s_lo * z);
  double t = two_thirds[0] * c;
  double t_lo = fma(two_thirds[0], c, -t) + (two_thirds[0] * c_lo + two_thirds[1] * c);
  double tail = c * z * as_dm_poly(log_atanh + 1, 11, z);
  double kd = (double)k, e0, e1;
  double a = as_dm_two_sum(kd * ln2_parts[0], 2.0 * s, &e0);
  double b = as_dm_two_sum(a, t, &e1);
  double rest = e0 + (e1 + (t_lo + (tail + (2.0 * s_lo + kd * ln2_parts[1]))));
  double hi = b + rest;
  *lo = (b - hi) + rest;
  return hi;
}

double as_pow(double x, double y) {
  if (y == 0.0 || x == 1.0) return 1.0;
  if (isnan(x) || isnan(y) || x < 0.0) return NAN;
  if (x == 0.0 || x == INFINITY) return (x == 0.0) == (y > 0.0) ? 0.0 : INFINITY;
  if (isinf(y)) return (x > 1.0) == (y > 0.0) ? INFINITY : 0.0;
  double l_lo, l = log_two(x, &l_lo);
  double p = y * l;
  if (p > 709.9) return INFINITY;
  if (p < -745.5) return 0.0;
  return as_dm_exp(p, fma(y, l, -p) + y * l_lo);
}

/* x = n pi/2 + *r + *r_lo, |*r| <= pi/4 (+ a little), for |x| <= 2^20; returns n mod 4. */
static unsigned reduce_pio2(double x, double *r, double *r_lo) {
  double n = round_small(x * 0x1.45f306dc9c883p-1 /* 2 / pi */);
  double a = fma(-n, pio2_parts[0], x); /* exact: a is below 1 and a multiple of 2^-53 */
  double p = n * pio2_parts[1];
  double e, b = as_dm_two_sum(a, -p, &e);
  double rest = (e - fma(n, pio2_parts[1], -p)) - n * pio2_parts[2];
  *r = b + rest;
  *r_lo = (b - *r) + rest;
  return (unsigned)((int)n & 3);
}

static double sin_kernel(double r, double lo) {
  double z = r * r;
  double t = r * z * as_dm_poly(sin_taylor, 8, z);
  return r + (t + lo * (1.0 - 0.5 * z));
}

static double cos_kernel(double r, double lo) {
  double z = r * r, half = 0.5 * z;
  double w = 1.0 - half;
  return w + (((1.0 - w) - half) + (z * z * as_dm_poly(cos_taylor, 8, z) - r * lo));
}

/* sin(x + quarter * pi/2) */
static double sin_quarter(double x, unsigned quarter) {
  if (!(fabs(x) <= 0x1p20)) return NAN;
  double r, lo;
  unsigned n = (reduce_pio2(x, &r, &lo) + quarter) & 3u;
  double v = n & 1u ? cos_kernel(r, lo) : sin_kernel(r, lo);
  return n & 2u ? -v : v;
}

double as_sin(double x) {
  if (fabs(x) < 0x1p-27) return x; /* x^3 / 6 is below half an ulp; keeps -0 */
  return sin_quarter(x, 0);
}

double as_cos(double x) {
  return sin_quarter(x, 1);
}

double as_tanh(double x) {
  double a = fabs(x);
  if (!(a < 22.0)) return isnan(x) ? x : copysign(1.0, x);
  double t = as_expm1(2.0 * a);
  return copysign(t / (t + 2.0), x);
}
