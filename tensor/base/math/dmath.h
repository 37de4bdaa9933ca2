/* Double-precision functions of our own: the C library's differ between systems, and reports must
 * not. Built from + - * / sqrt, fma and integer operations on the bits, in written order. */
#ifndef AS_TENSOR_BASE_MATH_DMATH_H
#define AS_TENSOR_BASE_MATH_DMATH_H

double as_exp(double x);
double as_log(double x);
double as_log1p(double x);
double as_expm1(double x);
double as_pow(double x, double y); /* x >= 0 */
double as_sin(double x);           /* |x| <= 2^20 */
double as_cos(double x);
double as_erf(double x);
double as_erfc(double x);
double as_lgamma(double x);                       /* x > 0 */
double as_beta_inc(double a, double b, double x); /* regularised I_x(a, b) */
double as_beta_inv(double a, double b, double p); /* x with I_x(a, b) = p */
double as_gamma_inc(double a, double x);          /* regularised lower P(a, x) */
double as_gamma_inc_upper(double a, double x);    /* Q = 1 - P, to full precision in the tail */
double as_norm_cdf(double z);
double as_norm_ppf(double p);
double as_tanh(double x);
double as_floor(double x);
double as_rint(double x); /* ties to even */

#endif
