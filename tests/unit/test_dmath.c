/* The double-precision functions against exact values (tests/golden/dmath.py), at their edges, and
 * as one hash that must be the same on every platform. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/bytes.h"
#include "tensor/base/math/dmath.h"
#include "tests/harness.h"

typedef double (*fn1)(double);
typedef double (*fn2)(double, double);
typedef double (*fn3)(double, double, double);

/* `ulp` bounds the error in units of the last place; functions of several parameters have a relative
 * bound instead. */
typedef struct entry {
  const char *name;
  fn1 f1;
  fn2 f2;
  fn3 f3;
  double ulp, rel;
} entry;

static const entry table[] = {
    {"exp", as_exp, NULL, NULL, 1, 0},
    {"expm1", as_expm1, NULL, NULL, 1, 0},
    {"log", as_log, NULL, NULL, 1, 0},
    {"log1p", as_log1p, NULL, NULL, 1, 0},
    {"sin", as_sin, NULL, NULL, 1, 0},
    {"cos", as_cos, NULL, NULL, 1, 0},
    {"pow", NULL, as_pow, NULL, 1, 0},
    {"tanh", as_tanh, NULL, NULL, 2, 0},
    {"erf", as_erf, NULL, NULL, 2, 0},
    {"erfc", as_erfc, NULL, NULL, 2, 0},
    {"norm_cdf", as_norm_cdf, NULL, NULL, 2, 0},
    {"norm_ppf", as_norm_ppf, NULL, NULL, 0, 1e-15},
    {"lgamma", as_lgamma, NULL, NULL, 0, 1e-15},
    {"beta_inc", NULL, NULL, as_beta_inc, 0, 1e-12},
    {"beta_inv", NULL, NULL, as_beta_inv, 0, 4e-13},
    {"gamma_inc", NULL, as_gamma_inc, NULL, 0, 1e-13},
    {"gamma_inc_upper", NULL, as_gamma_inc_upper, NULL, 0, 1e-13},
};

/* Distance in representable numbers, for finite values of equal sign. */
static double ulps(double a, double b) {
  if (a == b) return 0.0;
  if (isnan(a) || isnan(b) || (a < 0) != (b < 0)) return 1e300;
  uint64_t u = as_f64_bits(a), v = as_f64_bits(b);
  return (double)(u > v ? u - v : v - u);
}

static void golden(as_test *t) {
  FILE *f = fopen(as_test_golden("dmath.tsv"), "rb");
  if (!f) {
    as_test_fail(t, __FILE__, __LINE__, "cannot open %s", as_test_golden("dmath.tsv"));
    return;
  }
  char line[512];
  double worst[sizeof table / sizeof *table] = {0};
  int rows = 0;
  while (fgets(line, sizeof line, f)) {
    char name[32];
    int used = 0;
    if (sscanf(line, "%31s%n", name, &used) != 1) continue;
    double v[4];
    int n = 0;
    for (char *p = line + used, *end; n < 4; p = end, n++) {
      v[n] = strtod(p, &end);
      if (end == p) break;
    }
    size_t k = 0;
    while (k < sizeof table / sizeof *table && strcmp(table[k].name, name) != 0) k++;
    if (k == sizeof table / sizeof *table || n < 2) {
      as_test_fail(t, __FILE__, __LINE__, "bad line: %s", line);
      continue;
    }
    const entry *e = &table[k];
    double want = v[n - 1];
    double got = e->f1 ? e->f1(v[0]) : e->f2 ? e->f2(v[0], v[1]) : e->f3(v[0], v[1], v[2]);
    double err = e->ulp > 0 ? ulps(got, want) : got == want ? 0.0 : fabs(got - want) / fabs(want);
    if (!(err <= worst[k])) worst[k] = err;
    if (!(err <= (e->ulp > 0 ? e->ulp : e->rel)))
      as_test_fail(t, __FILE__, __LINE__, "%s(%.17g, ...) is %.17g, not %.17g (error %.3g)", name, v[0], got,
                   want, err);
    rows++;
  }
  fclose(f);
  CHECK_INT(t, rows, 813);
  if (getenv("ASSAY_TEST_VERBOSE"))
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
      printf("  %-16s worst %.3g %s\n", table[k].name, worst[k], table[k].ulp > 0 ? "ulp" : "relative");
}

static void edges(as_test *t) {
  CHECK(t, as_exp(0.0) == 1.0 && as_exp(-INFINITY) == 0.0 && as_exp(INFINITY) == INFINITY);
  CHECK(t, as_exp(710.0) == INFINITY && as_exp(-746.0) == 0.0 && as_exp(-745.0) == 0x1p-1074);
  CHECK(t, isnan(as_exp(NAN)) && isnan(as_log(NAN)) && isnan(as_log(-1.0)));
  CHECK(t, as_log(0.0) == -INFINITY && as_log(INFINITY) == INFINITY && as_log(1.0) == 0.0);
  CHECK(t, as_log1p(-1.0) == -INFINITY && isnan(as_log1p(-2.0)) && signbit(as_log1p(-0.0)));
  CHECK(t, as_expm1(-50.0) == -1.0 && as_expm1(800.0) == INFINITY && signbit(as_expm1(-0.0)));
  CHECK(t, as_pow(0.0, 2.0) == 0.0 && as_pow(0.0, -1.0) == INFINITY && as_pow(2.0, 10.0) == 1024.0);
  CHECK(t, as_pow(0.0, 0.0) == 1.0 && isnan(as_pow(-1.0, 2.0)) && as_pow(10.0, 400.0) == INFINITY);
  CHECK(t, as_sin(0.0) == 0.0 && signbit(as_sin(-0.0)) && as_cos(0.0) == 1.0);
  CHECK(t, isnan(as_sin(INFINITY)) && isnan(as_cos(NAN)) && isnan(as_sin(2e6)));
  CHECK(t, as_tanh(100.0) == 1.0 && as_tanh(-100.0) == -1.0 && as_tanh(0.0) == 0.0);
  CHECK(t, as_erf(10.0) == 1.0 && as_erf(-10.0) == -1.0 && as_erfc(-10.0) == 2.0 && as_erfc(30.0) == 0.0);
  CHECK(t, as_erf(INFINITY) == 1.0 && isnan(as_erf(NAN)) && isnan(as_erfc(NAN)));
  CHECK(t, as_norm_cdf(0.0) == 0.5 && as_norm_cdf(40.0) == 1.0 && as_norm_cdf(-60.0) == 0.0);
  CHECK(t, as_norm_ppf(0.0) == -INFINITY && as_norm_ppf(1.0) == INFINITY && as_norm_ppf(0.5) == 0.0);
  CHECK(t, isnan(as_norm_ppf(-0.1)) && isnan(as_norm_ppf(1.1)));
  CHECK(t, as_lgamma(1.0) == 0.0 && as_lgamma(2.0) == 0.0 && as_lgamma(0.0) == INFINITY);
  CHECK(t, as_beta_inc(2, 3, 0.0) == 0.0 && as_beta_inc(2, 3, 1.0) == 1.0 && isnan(as_beta_inc(-1, 1, .5)));
  CHECK(t, as_beta_inv(2, 3, 0.0) == 0.0 && as_beta_inv(2, 3, 1.0) == 1.0);
  CHECK(t, as_gamma_inc(2, 0) == 0.0 && as_gamma_inc(2, INFINITY) == 1.0 && as_gamma_inc_upper(2, 0) == 1.0);
  CHECK(t, as_rint(2.5) == 2.0 && as_rint(3.5) == 4.0 && as_rint(-2.5) == -2.0 && signbit(as_rint(-0.2)));
  CHECK(t, as_rint(0x1p51 + 0.5) == 0x1p51 && as_rint(1e300) == 1e300 && as_floor(-0.5) == -1.0);
}

/* x -> f^-1(f(x)) for the inverse functions, over many magnitudes. */
static void inverses(as_test *t) {
  for (double p = 1e-12; p < 1.0; p *= 1.7) {
    CHECK_NEAR(t, as_norm_cdf(as_norm_ppf(p)) / p, 1.0, 1e-13);
    for (double a = 0.5; a < 1e5; a *= 13.0)
      for (double b = 0.5; b < 1e5; b *= 17.0) {
        double x = as_beta_inv(a, b, p);
        /* x near 1 cannot resolve p finer than one step of x does */
        CHECK_NEAR(t, as_beta_inc(a, b, x), p, 1e-11 * p + (x > 0.5 ? 1e-10 : 0.0));
      }
  }
}

/* FNV-1a over the bits of every function at arguments made of integers: no libm, no rounding of the
 * arguments, so every compiler, C library and byte order must give this value. */
static void one_hash(as_test *t) {
  uint64_t h = 0xcbf29ce484222325u;
  for (int i = 1; i <= 2000; i++) {
    double x = (double)(i * 7919 % 4001 - 2000) / 128.0, y = (double)i / 64.0;
    double v[] = {as_exp(x),    as_expm1(x),        as_log(y),        as_log1p(y),
                  as_pow(y, x), as_sin(x),          as_cos(x * 1024), as_tanh(x),
                  as_erf(x),    as_erfc(x),         as_norm_cdf(x),   as_norm_ppf(y / 32.0),
                  as_lgamma(y), as_gamma_inc(y, 3), as_rint(x),       as_gamma_inc_upper(2, y)};
    for (size_t k = 0; k < sizeof v / sizeof *v; k++) {
      if (isnan(v[k])) v[k] = 0.0; /* the sign and payload of a NaN are the machine's own */
      uint64_t u = as_f64_bits(v[k]);
      for (int b = 0; b < 8; b++) h = (h ^ (u >> (8 * b) & 255)) * 0x100000001b3u;
    }
    if (i % 20 == 0) {
      uint64_t u = as_f64_bits(as_beta_inv(y, 3 + y * y, 0.025)) ^ as_f64_bits(as_beta_inc(y, 9, 0.25));
      for (int b = 0; b < 8; b++) h = (h ^ (u >> (8 * b) & 255)) * 0x100000001b3u;
    }
  }
  char text[24];
  snprintf(text, sizeof text, "%016llx", (unsigned long long)h);
  CHECK_STR(t, text, "e3d935f7011de13e");
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"dmath golden values", golden},
                                  {"dmath edges", edges},
                                  {"dmath inverse functions", inverses},
                                  {"dmath one hash everywhere", one_hash}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
