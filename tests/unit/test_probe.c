/* L-BFGS on known functions; the linear probe against scikit-learn (tests/golden/probe.py), its gradient
 * against differences, and its bits against threads. */
#include "eval/learn/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "eval/learn/lbfgs.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

/* --- L-BFGS ----------------------------------------------------------------------------------------------- */

/* Rosenbrock's valley in n / 2 pairs; minimum 0 at all ones. */
static double rosenbrock(void *ctx, const double *x, double *g) {
  size_t n = *(const size_t *)ctx;
  double f = 0;
  for (size_t i = 0; i < n; i += 2) {
    double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
    f += 100 * a * a + b * b;
    g[i] = -400 * a * x[i] - 2 * b;
    g[i + 1] = 200 * a;
  }
  return f;
}

static double broken(void *ctx, const double *x, double *g) {
  (void)ctx;
  g[0] = -1;
  return x[0] > 3 ? NAN : -x[0];
}

static as_status minimize(size_t n, double *x, double (*value)(void *, const double *, double *), void *ctx,
                          const as_lbfgs_opts *o, as_lbfgs_result *r, as_err *err) {
  as_lbfgs *l = NULL;
  const as_status s = as_lbfgs_create(&l, n, 10, err);
  if (s == AS_OK) as_lbfgs_run(l, x, &(as_lbfgs_function){.ctx = ctx, .value = value}, o, r);
  as_lbfgs_destroy(&l);
  return s;
}

static void lbfgs(as_test *t) {
  enum { N = 50000 };
  static double x[N];
  size_t n = N;
  for (size_t i = 0; i < n; i++) x[i] = i % 2 ? 1 : -1.2;
  as_lbfgs_opts o = {0};
  o.max_iter = 200;
  o.tol = 1e-8;
  o.target = -INFINITY;
  as_lbfgs_result r;
  as_err err;
  CHECK_OK(t, minimize(n, x, rosenbrock, &n, &o, &r, &err), err);
  CHECK(t, r.stop == AS_LBFGS_GRADIENT && r.iterations < 100 && r.f < 1e-12 && r.evaluations >= r.iterations);
  for (size_t i = 0; i < n; i += 999) CHECK_NEAR(t, x[i], 1, 1e-6);
  for (size_t i = 0; i < n; i++) x[i] = i % 2 ? 1 : -1.2;
  o.max_iter = 3;
  CHECK_OK(t, minimize(n, x, rosenbrock, &n, &o, &r, &err), err);
  CHECK(t, r.stop == AS_LBFGS_LIMIT && r.iterations == 3);
  o.max_iter = 100;
  o.target = 1.0;
  CHECK_OK(t, minimize(n, x, rosenbrock, &n, &o, &r, &err), err);
  CHECK(t, r.stop == AS_LBFGS_TARGET && r.f <= 1.0 && r.f > 0);
  /* a function that falls for ever and ends in NaN: no endless loop, and the last finite point */
  double y = 0;
  o.target = -INFINITY;
  CHECK_OK(t, minimize(1, &y, broken, NULL, &o, &r, &err), err);
  CHECK(t, y <= 3 && isfinite(r.f) && r.evaluations < 3000);
}

/* --- the probe -------------------------------------------------------------------------------------------- */

enum { N = 700, D = 33, K = 5 };
static float x[N * D];
static int y[N];

static void make_data(void) {
  as_rng r0 = as_rng_make(11, 0), r1 = as_rng_make(11, 1), r2 = as_rng_make(11, 2);
  for (int i = 0; i < N; i++) {
    y[i] = (int)(as_rng_uniform(r0, (uint64_t)i) * K);
    for (int j = 0; j < D; j++) {
      float centre = (float)as_rng_uniform(r1, (uint64_t)(y[i] * D + j));
      float noise = (float)as_rng_uniform(r2, (uint64_t)(i * D + j));
      x[i * D + j] = (centre + 2.0f * noise) + 3.0f;
    }
  }
}

/* The objective by its definition, in double. */
static double loss_of(const float *w, const float *b, double c) {
  double sum = 0;
  for (int i = 0; i < N; i++) {
    double z[K], top = -INFINITY, s = 0;
    if (y[i] < 0) continue;
    for (int k = 0; k < K; k++) {
      z[k] = (double)b[k];
      for (int j = 0; j < D; j++) z[k] += (double)w[k * D + j] * (double)x[i * D + j];
      top = fmax(top, z[k]);
    }
    for (int k = 0; k < K; k++) s += as_exp(z[k] - top);
    sum += as_log(s) + top - z[y[i]];
  }
  for (int j = 0; j < K * D; j++) sum += (double)w[j] * (double)w[j] / (2 * c);
  return sum;
}

static void scikit(as_test *t) {
  make_data();
  FILE *f = fopen(as_test_golden("probe.tsv"), "rb");
  CHECK(t, f != NULL);
  if (!f) return;
  static char line[1024];
  int rows = 0;
  while (fgets(line, sizeof line, f)) {
    double v[2 + 3 * K];
    char *p = line;
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) v[i] = strtod(p, &p);
    float w[K * D], b[K];
    as_probe_opts o = {0};
    as_probe_result r;
    as_err err;
    o.c = v[0];
    o.tol = 1e-7;
    CHECK_OK(t,
             as_probe_fit(&(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, &o, w, b, &r, &err),
             err);
    CHECK(t, r.converged && r.iterations > 5 && r.evaluations >= r.iterations);
    /* C = 100 nearly separates the classes: weights of 75, a flat valley, and float logits of some size */
    double wide = v[0] > 10 ? 10 : 1;
    CHECK_NEAR(t, loss_of(w, b, v[0]) / v[1], 1, 1e-7 * wide);
    CHECK_NEAR(t, r.loss / v[1], 1, 1e-7 * wide);
    double mean = 0;
    for (int k = 0; k < K; k++) mean += (double)b[k] / K;
    for (int k = 0; k < K; k++) {
      /* the intercept stands for the sum of all weights times a mean of 4.5, so it is the least certain */
      CHECK_NEAR(t, (double)b[k] - mean, v[2 + k], 1e-3 * wide * (1 + fabs(v[2 + k])));
      CHECK_NEAR(t, (double)w[k * D], v[2 + K + k], 3e-4 * wide * (1 + fabs(v[2 + K + k])));
      CHECK_NEAR(t, (double)w[k * D + 7], v[2 + 2 * K + k], 3e-4 * wide * (1 + fabs(v[2 + 2 * K + k])));
    }
    rows++;
  }
  fclose(f);
  CHECK_INT(t, rows, 3);
}

static void fit_keeping(as_test *t, const as_labelled *rows, size_t keep, const as_probe_opts *o, float *w,
                        float *b, as_probe_result *r) {
  as_probe *p = NULL;
  as_err err = {0};
  CHECK_OK(t, as_probe_open(&p, rows, keep, &err), err);
  CHECK_OK(t, as_probe_run(p, o, w, b, r, &err), err);
  as_probe_close(&p);
}

static void threads(as_test *t) {
  make_data();
  float w[4][K * D], b[4][K];
  as_probe_opts o = {0};
  as_probe_result r[4];
  as_err err;
  o.max_iter = 25;
  for (int i = 0; i < 3; i++) {
    as_par_set_threads(i + 1);
    CHECK_OK(t,
             as_probe_fit(&(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, &o, w[i], b[i], &r[i],
                          &err),
             err);
    CHECK(t, memcmp(w[i], w[0], sizeof w[0]) == 0 && memcmp(b[i], b[0], sizeof b[0]) == 0);
    CHECK(t, r[i].loss == r[0].loss && r[i].iterations == r[0].iterations);
  }
  as_par_set_threads(1);
  /* Nothing kept: the same bits by the slow way. */
  fit_keeping(t, &(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, 1, &o, w[3], b[3], &r[3]);
  CHECK(t, memcmp(w[3], w[0], sizeof w[0]) == 0 && r[3].loss == r[0].loss);
}

/* More rows than are held at a time and more columns than are summed at a time: the loss by its definition, and
 * the same bits either way. */
static void slabs(as_test *t) {
  enum { MANY = 8192 + 300, DIM = 128 + 3 };
  static float big[MANY * DIM];
  static int label[MANY];
  float w[2][2 * DIM], b[2][2];
  as_rng r0 = as_rng_make(21, 0);
  for (int i = 0; i < MANY; i++) {
    for (int j = 0; j < DIM; j++) big[i * DIM + j] = (float)as_rng_normal(r0, (uint64_t)(i * DIM + j));
    label[i] =
        as_rng_normal(as_rng_make(21, 1), (uint64_t)i) < (double)(big[i * DIM] - 2 * big[i * DIM + DIM - 1]);
  }
  as_probe_opts o = {0};
  as_probe_result r;
  for (int k = 0; k < 2; k++) {
    /* 0 = the default, 1 byte = nothing kept */
    fit_keeping(t, &(as_labelled){.x = big, .y = label, .n = MANY, .d = DIM, .classes = 2}, (size_t)k, &o,
                w[k], b[k], &r);
  }
  CHECK(t, memcmp(w[0], w[1], sizeof w[0]) == 0 && memcmp(b[0], b[1], sizeof b[0]) == 0);
  double sum = 0, grad = 0;
  for (int i = 0; i < MANY; i++) {
    double z = (double)b[0][1] - (double)b[0][0];
    for (int j = 0; j < DIM; j++) z += (double)big[i * DIM + j] * (double)(w[0][DIM + j] - w[0][j]);
    sum += as_log1p(as_exp(label[i] ? -z : z));
    grad += 1 / (1 + as_exp(-z)) - label[i];
  }
  for (int j = 0; j < 2 * DIM; j++) sum += (double)w[0][j] * (double)w[0][j] / 2;
  CHECK_NEAR(t, r.loss / sum, 1, 1e-7);
  CHECK_NEAR(t, grad / MANY, 0, 2e-6); /* the intercept's optimum */
}

/* Rows without a class change nothing; a class without rows is refused. */
static void left_out(as_test *t) {
  make_data();
  static float more[(N + 50) * D];
  static int label[N + 50];
  float w0[K * D], b0[K], w1[K * D], b1[K], w2[(K + 1) * D], b2[K + 1];
  as_probe_result r;
  as_err err;
  as_probe_opts o = {0};
  CHECK_OK(t,
           as_probe_fit(&(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, &o, w0, b0, &r, &err),
           err);
  int at = 0;
  for (int i = 0; i < N; i++) {
    if (i % 14 == 3) {
      for (int j = 0; j < D; j++) more[at * D + j] = NAN; /* a failed image */
      label[at++] = -1;
    }
    memcpy(more + at * D, x + i * D, D * sizeof(float));
    label[at++] = y[i];
  }
  CHECK_OK(t,
           as_probe_fit(&(as_labelled){.x = more, .y = label, .n = (size_t)at, .d = D, .classes = K}, &o, w1,
                        b1, &r, &err),
           err);
  CHECK(t, memcmp(w0, w1, sizeof w0) == 0 && memcmp(b0, b1, sizeof b0) == 0);
  /* The intercept of a class without a row has no best value. */
  const as_labelled one_more = {.x = x, .y = y, .n = N, .d = D, .classes = K + 1};
  CHECK_STATUS(t, as_probe_fit(&one_more, &o, w2, b2, &r, &err), AS_E_INPUT);
}

static void refused(as_test *t) {
  make_data();
  float w[K * D], b[K];
  as_probe_opts o = {0};
  as_probe_result r;
  as_err err;
  CHECK_STATUS(t,
               as_probe_fit(&(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = 1}, &o, w, b, &r, &err),
               AS_E_USAGE);
  CHECK_STATUS(t,
               as_probe_fit(&(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = 3}, &o, w, b, &r, &err),
               AS_E_USAGE); /* class 3 and 4 occur */
  o.c = -1;
  CHECK_STATUS(t,
               as_probe_fit(&(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, &o, w, b, &r, &err),
               AS_E_USAGE);
  o.c = NAN;
  CHECK_STATUS(t,
               as_probe_fit(&(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, &o, w, b, &r, &err),
               AS_E_USAGE);
  o.c = 1;
  for (int i = 0; i < N; i++) y[i] = -1;
  CHECK_STATUS(t,
               as_probe_fit(&(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, &o, w, b, &r, &err),
               AS_E_INPUT);
  make_data();
  x[5 * D + 2] = INFINITY;
  CHECK_STATUS(t,
               as_probe_fit(&(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, &o, w, b, &r, &err),
               AS_E_INPUT);
}

int main(int argc, char **argv) {
  as_err err;
  as_init_opts one = {NULL, 1, NULL};
  if (as_init(&one, &err) != AS_OK) return 1;
  static const as_case cases[] = {{"L-BFGS", lbfgs},
                                  {"probe: scikit-learn's optimum", scikit},
                                  {"probe: one result for any threads and memory", threads},
                                  {"probe: more rows than one slab, more columns than one strip", slabs},
                                  {"probe: rows and classes left out", left_out},
                                  {"probe: impossible input", refused}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
