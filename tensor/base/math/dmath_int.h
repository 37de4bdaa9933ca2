/* What dmath.c and dmath_special.c share: error-free transformations and functions of a number that
 * is given as an unevaluated sum hi + lo. */
#ifndef AS_TENSOR_BASE_MATH_DMATH_INT_H
#define AS_TENSOR_BASE_MATH_DMATH_INT_H

#include <float.h>
#include <math.h>

/* Doubles must be evaluated as doubles (the x87 unit does not). */
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 1
#error "assay needs double arithmetic without extra precision (x86: -msse2 -mfpmath=sse)"
#endif

/* a + b = result + *err exactly (Knuth 1969). */
static inline double as_dm_two_sum(double a, double b, double *err) {
  double s = a + b;
  double bb = s - a;
  *err = (a - (s - bb)) + (b - bb);
  return s;
}

/* t[0] + t[1] x + ... + t[n-1] x^(n-1), highest power first. */
static inline double as_dm_poly(const double *t, int n, double x) {
  double p = t[n - 1];
  for (int i = n - 2; i >= 0; i--) p = fma(p, x, t[i]);
  return p;
}

/* exp(hi + lo), |lo| <= ulp(hi): error below 0.9 ulp; overflow gives +inf, underflow rounds once. */
double as_dm_exp(double hi, double lo);

#endif
