/* Losses and their gradients against central differences of the same loss written out in double, at three shapes each. */
#include <stdlib.h>

#include "models/ssl/losses_int.h"
#include "models/ssl/multicrop_int.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

static const double STEP = 1e-5, BOUND = 1e-6;
static const double TAU = 0.2, LAMBDA = 0.02;

/* rows x cols in each of `views` matrices, one behind the other; extra: [rows, cols] of what stands still. */
typedef struct made {
  int rows, cols, views;
  const float *extra;
  const int *class_of;
} made;

typedef struct loss_case {
  const char *name;
  int views, shape[3][2];
  double (*in_double)(const made *m, const double *x);
  double (*in_float)(const made *m, float *x, float *dx); /* may change x; dx like x */
} loss_case;

static double drawn(size_t stream, size_t i) {
  return as_rng_uniform(as_rng_make(17, stream), i) * 2.0 - 1.0;
}

static as_map matrix(const made *m, float *x, int view) {
  const size_t n = (size_t)m->rows * (size_t)m->cols;
  return as_map_matrix(x + (size_t)view * n, (size_t)m->rows, (size_t)m->cols);
}

/* -log softmax(s / tau)[c] */
static double minus_log(const double *s, int k, double tau, int c) {
  double sum = 0;
  for (int j = 0; j < k; j++) sum += exp((s[j] - s[c]) / tau);
  return log(sum);
}

/* ---- SimCLR: rows of both views ---- */

static double contrast_double(const made *m, const double *u) {
  double loss = 0, *s = as_alloc((size_t)m->rows, sizeof *s, NULL);
  for (int i = 0; i < m->rows; i++) {
    for (int j = 0; j < m->rows; j++) {
      s[j] = i == j ? -1e9 : 0;
      for (int e = 0; i != j && e < m->cols; e++) s[j] += u[i * m->cols + e] * u[j * m->cols + e];
    }
    loss += minus_log(s, m->rows, TAU, (i + m->rows / 2) % m->rows) / m->rows;
  }
  as_free(s);
  return loss;
}
static double contrast_float(const made *m, float *x, float *dx) {
  as_contrast c = {0};
  double loss = NAN;
  const as_map u = matrix(m, x, 0);
  if (as_contrast_create(&c, m->rows, m->cols, NULL) == AS_OK) loss = as_contrast_loss(&c, &u, TAU, dx);
  as_contrast_clear(&c);
  return loss;
}

/* ---- Barlow Twins ---- */

static double correlation_double(const made *m, const double *z) {
  const double *other = z + m->rows * m->cols;
  double loss = 0;
  for (int i = 0; i < m->cols; i++)
    for (int j = 0; j < m->cols; j++) {
      double c = 0;
      for (int r = 0; r < m->rows; r++) c += z[r * m->cols + i] * other[r * m->cols + j] / m->rows;
      loss += i == j ? (c - 1) * (c - 1) : LAMBDA * c * c;
    }
  return loss;
}
static double correlation_float(const made *m, float *x, float *dx) {
  as_correlation c = {{0}, NULL, NULL};
  double loss = NAN;
  const as_map z[2] = {matrix(m, x, 0), matrix(m, x, 1)};
  float *const dz[2] = {dx, dx + m->rows * m->cols};
  if (as_correlation_create(&c, m->rows, m->cols, NULL) == AS_OK)
    loss = as_correlation_loss(&c, z, LAMBDA, dz);
  as_correlation_clear(&c);
  return loss;
}

/* ---- VICReg ---- */

static double view_double(const made *m, const double *z) {
  double loss = 0;
  for (int i = 0; i < m->cols; i++)
    for (int j = 0; j < m->cols; j++) {
      double mi = 0, mj = 0, cov = 0;
      for (int r = 0; r < m->rows; r++)
        mi += z[r * m->cols + i] / m->rows, mj += z[r * m->cols + j] / m->rows;
      for (int r = 0; r < m->rows; r++)
        cov += (z[r * m->cols + i] - mi) * (z[r * m->cols + j] - mj) / (m->rows - 1);
      const double std = sqrt(cov > 0 ? cov + 1e-4 : 1e-4);
      loss += i != j ? cov * cov / m->cols : std < 1 ? 25.0 / 2 * (1 - std) / m->cols : 0;
    }
  return loss;
}
static double vicreg_double(const made *m, const double *z) {
  const int n = m->rows * m->cols;
  double square = 0;
  for (int i = 0; i < n; i++) square += (z[i] - z[n + i]) * (z[i] - z[n + i]);
  return 25 * square / n + view_double(m, z) + view_double(m, z + n);
}
static double vicreg_float(const made *m, float *x, float *dx) {
  as_covariance c = {{0}, NULL, NULL, NULL, NULL, NULL};
  double loss = NAN;
  const as_map z[2] = {matrix(m, x, 0), matrix(m, x, 1)};
  float *const dz[2] = {dx, dx + m->rows * m->cols};
  if (as_covariance_create(&c, m->rows, m->cols, NULL) == AS_OK)
    loss = as_vicreg_loss(&c, z, &(as_vicreg_weights){25, 25, 1}, dz);
  as_covariance_clear(&c);
  return loss;
}

/* ---- supervised: logits ---- */

static double class_double(const made *m, const double *s) {
  double loss = 0;
  for (int r = 0; r < m->rows; r++) loss += minus_log(s + r * m->cols, m->cols, 1, m->class_of[r]) / m->rows;
  return loss;
}
static double class_float(const made *m, float *x, float *dx) {
  const as_map s = matrix(m, x, 0);
  const double loss = as_class_loss(&s, m->class_of);
  memcpy(dx, x, (size_t)m->rows * (size_t)m->cols * sizeof *dx);
  return loss;
}

/* ---- BYOL, SimSiam: minus the cosine to rows that stand still ---- */

static double cosine_double(const made *m, const double *p) {
  double loss = 0;
  for (int r = 0; r < m->rows; r++) {
    double pp = 0, zz = 0, pz = 0;
    for (int e = r * m->cols; e < (r + 1) * m->cols; e++)
      pp += p[e] * p[e], zz += (double)m->extra[e] * (double)m->extra[e], pz += p[e] * (double)m->extra[e];
    loss -= pz / sqrt(pp * zz) / m->rows;
  }
  return loss;
}
static double cosine_float(const made *m, float *x, float *dx) {
  const as_map p = matrix(m, x, 0), z = matrix(m, (float *)(uintptr_t)m->extra, 0), d = matrix(m, dx, 0);
  return -as_ssl_cosine(&p, &z, 1.0 / m->rows, &d) / m->rows;
}

/* ---- DINO, SwAV: four views against the targets of the first two ---- */

static double swap_double(const made *m, const double *s) {
  double loss = 0;
  for (int v = 0; v < m->views; v++)
    for (int i = 0; i < AS_LARGE_VIEWS; i++)
      for (int r = 0; i != v && r < m->rows; r++)
        for (int j = 0; j < m->cols; j++)
          loss += (double)m->extra[(i * m->rows + r) * m->cols + j] *
                  minus_log(s + (v * m->rows + r) * m->cols, m->cols, TAU, j);
  return loss / (AS_LARGE_VIEWS * (m->views - 1) * m->rows);
}
static double swap_float(const made *m, float *x, float *dx) {
  const size_t rows = (size_t)(m->views * m->rows), k = (size_t)m->cols;
  const as_map p = as_map_matrix(x, rows, k);
  as_ssl_softmax(&p, TAU);
  const double loss = as_swap_loss(&p, m->extra, (size_t)m->rows, TAU);
  memcpy(dx, x, rows * k * sizeof *dx);
  return loss;
}

static const loss_case losses[] = {
    {"SimCLR", 1, {{4, 3}, {16, 12}, {30, 5}}, contrast_double, contrast_float},
    {"Barlow Twins", 2, {{4, 3}, {16, 12}, {300, 4}}, correlation_double, correlation_float},
    {"VICReg", 2, {{4, 3}, {16, 12}, {300, 4}}, vicreg_double, vicreg_float},
    {"supervised", 1, {{1, 2}, {16, 12}, {70, 5}}, class_double, class_float},
    {"BYOL, SimSiam", 1, {{1, 2}, {16, 12}, {70, 5}}, cosine_double, cosine_float},
    {"DINO, SwAV", 4, {{1, 2}, {8, 12}, {30, 5}}, swap_double, swap_float},
};

static void check_loss(as_test *t, const loss_case *q, const int *shape) {
  const size_t n = (size_t)(q->views * shape[0] * shape[1]);
  double *x = as_alloc(n, sizeof *x, NULL), wrong = 0, norm = 0;
  float *f = as_alloc(n, sizeof *f, NULL), *d = as_alloc(n, sizeof *d, NULL),
        *e = as_alloc(2 * n, sizeof *e, NULL);
  int *class_of = as_alloc((size_t)shape[0], sizeof *class_of, NULL);
  for (size_t i = 0; i < n; i++) x[i] = (double)(f[i] = (float)drawn(1, i));
  for (size_t i = 0; i < 2 * n; i++) e[i] = (float)(0.6 + 0.5 * drawn(2, i));
  for (size_t r = 0; r < 2 * n; r += (size_t)shape[1]) { /* rows of targets, whose sum is 1 */
    double sum = 0;
    for (int j = 0; j < shape[1]; j++) sum += (double)e[r + (size_t)j];
    for (int j = 0; j < shape[1]; j++) e[r + (size_t)j] = (float)((double)e[r + (size_t)j] / sum);
  }
  for (int i = 0; i < shape[0]; i++) class_of[i] = (i * 3 + 1) % shape[1];
  const made m = {shape[0], shape[1], q->views, e, class_of};
  const double want = q->in_double(&m, x), got = q->in_float(&m, f, d);
  if (!(fabs(got - want) < 1e-6 * fabs(want)))
    as_test_fail(t, __FILE__, __LINE__, "%s, %d x %d: loss %.9g, not %.9g", q->name, shape[0], shape[1], got,
                 want);
  for (size_t i = 0; i < n; i++) {
    const double at = x[i];
    x[i] = at + STEP;
    const double above = q->in_double(&m, x);
    x[i] = at - STEP;
    const double below = q->in_double(&m, x), slope = (above - below) / (2 * STEP);
    x[i] = at;
    wrong += ((double)d[i] - slope) * ((double)d[i] - slope), norm += slope * slope;
  }
  if (!(sqrt(wrong) < BOUND * sqrt(norm)))
    as_test_fail(t, __FILE__, __LINE__, "%s, %d x %d: relative error %g", q->name, shape[0], shape[1],
                 sqrt(wrong / norm));
  as_free(x), as_free(f), as_free(d), as_free(e), as_free(class_of);
}

static void central_differences(as_test *t) {
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
    for (size_t k = 0; k < 3; k++) check_loss(t, &losses[i], losses[i].shape[k]);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"losses by central differences in double", central_differences}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
