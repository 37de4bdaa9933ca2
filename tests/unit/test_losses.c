/* Losses and their gradients against central differences of the same loss written out in double, at three shapes each. */
#include <stdlib.h>

#include "models/ssl/bank_int.h"
#include "models/ssl/losses_int.h"
#include "models/ssl/moco_int.h"
#include "models/ssl/obow_int.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"
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
  as_covariance c = {.zc = NULL};
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

/* ---- MoCo, PCL: queries; keys that stand still, the queue behind them ---- */

static double queue_double(const made *m, const double *q) {
  double loss = 0, *s = as_alloc((size_t)m->rows + 1, sizeof *s, NULL);
  for (int r = 0; r < m->rows; r++) {
    for (int j = 0; j <= m->rows; j++) { /* column 0: the own key */
      const float *key = m->extra + (j ? m->rows + j - 1 : r) * m->cols;
      s[j] = 0;
      for (int e = 0; e < m->cols; e++) s[j] += q[r * m->cols + e] * (double)key[e];
    }
    loss += minus_log(s, m->rows + 1, TAU, 0) / m->rows;
  }
  as_free(s);
  return loss;
}
static double queue_float(const made *m, float *x, float *dx) {
  const size_t rows = (size_t)m->rows, d = (size_t)m->cols;
  const size_t a = as_gemm_scratch(rows, d), b = as_gemm_scratch(d, rows);
  float *extra = (float *)(uintptr_t)m->extra;
  as_moco moco = {.keys = extra, .queue = extra + rows * d, .k = rows, .d = d, .dq = dx};
  const as_map q = matrix(m, x, 0);
  moco.logits = as_alloc(rows * (rows + 1), sizeof *moco.logits, NULL);
  moco.scratch = as_alloc(a > b ? a : b, 1, NULL);
  const double loss = as_moco_infonce(&moco, &q, TAU);
  as_free(moco.logits), as_free(moco.scratch);
  return loss;
}

/* ---- MoCo v3: queries against the batch's keys ---- */

static double in_batch_double(const made *m, const double *q) {
  double loss = 0, *s = as_alloc((size_t)m->rows, sizeof *s, NULL);
  for (int r = 0; r < m->rows; r++) {
    for (int j = 0; j < m->rows; j++) {
      s[j] = 0;
      for (int e = 0; e < m->cols; e++) s[j] += q[r * m->cols + e] * (double)m->extra[j * m->cols + e];
    }
    loss += 2 * TAU * minus_log(s, m->rows, TAU, r) / m->rows;
  }
  as_free(s);
  return loss;
}
static double in_batch_float(const made *m, float *x, float *dx) {
  as_inbatch b = {0};
  double loss = NAN;
  const as_map q = matrix(m, x, 0), k = matrix(m, (float *)(uintptr_t)m->extra, 0);
  if (as_inbatch_create(&b, m->rows, m->cols, NULL) == AS_OK) loss = as_inbatch_loss(&b, &q, &k, TAU);
  memcpy(dx, b.dq, (size_t)m->rows * (size_t)m->cols * sizeof *dx);
  as_inbatch_clear(&b);
  return loss;
}

/* ---- DeepCluster-v2, SeLa-v2: two heads' logits of two views; every third image has no label in the second head ---- */

static uint32_t label_of(const made *m, int head, int image) {
  return head && image % 3 == 2 ? AS_NO_LABEL : (uint32_t)((m->class_of[image] + head) % (m->cols / 2));
}
static double label_double(const made *m, const double *s) {
  const int k = m->cols / 2;
  double loss = 0;
  for (int head = 0; head < 2; head++) {
    int labelled = 0;
    for (int r = 0; r < m->rows; r++) labelled += label_of(m, head, r) != AS_NO_LABEL;
    for (int r = 0; r < 2 * m->rows; r++) {
      const uint32_t label = label_of(m, head, r % m->rows);
      if (label != AS_NO_LABEL)
        loss += minus_log(s + r * m->cols + head * k, k, TAU, (int)label) / (2 * 2 * labelled);
    }
  }
  return loss;
}
static double label_float(const made *m, float *x, float *dx) {
  const size_t rows = (size_t)m->rows, k = (size_t)m->cols / 2;
  uint32_t *image = as_alloc(rows, sizeof *image, NULL), *label = as_alloc(2 * rows, sizeof *label, NULL);
  const as_bank b = {
      .net = {.batch = rows}, .prototypes = {.heads = 2, .k = k}, .images = rows, .label = label};
  for (size_t i = 0; i < rows; i++) {
    image[i] = (uint32_t)i;
    for (int head = 0; head < 2; head++) label[(size_t)head * rows + i] = label_of(m, head, (int)i);
  }
  const as_map by_head = as_map_matrix(x, 4 * rows, k), p = as_map_matrix(x, 2 * rows, 2 * k);
  as_ssl_softmax(&by_head, TAU);
  const double loss = as_bank_loss(&b, image, &p, TAU);
  memcpy(dx, x, 4 * rows * k * sizeof *dx);
  as_free(image), as_free(label);
  return loss;
}

/* ---- OBoW: features of two crops, then as many words; the bags of the images stand still ---- */

static double bag_of(const made *m, int image, int word) {
  double sum = 0;
  for (int k = 0; k < m->rows; k++) sum += (double)m->extra[(image + k * 3) % (2 * m->rows)];
  return (double)m->extra[(image + word * 3) % (2 * m->rows)] / sum;
}
static double bag_double(const made *m, const double *x) {
  const double *w = x + m->rows * m->cols;
  double loss = 0, *s = as_alloc((size_t)m->rows, sizeof *s, NULL);
  for (int r = 0; r < m->rows; r++) {
    for (int k = 0; k < m->rows; k++) {
      s[k] = 0;
      for (int e = 0; e < m->cols; e++) s[k] += x[r * m->cols + e] * w[k * m->cols + e];
    }
    for (int k = 0; k < m->rows; k++) {
      const double t = bag_of(m, r % (m->rows / 2), k);
      loss += t * (log(t) + minus_log(s, m->rows, TAU, k)) / m->rows;
    }
  }
  as_free(s);
  return loss;
}
static double bag_float(const made *m, float *x, float *dx) {
  const size_t rows = (size_t)m->rows, images = rows / 2, n = rows * (size_t)m->cols;
  const as_map f = matrix(m, x, 0), w = matrix(m, x, 1);
  float *bag = as_alloc(images * rows, sizeof *bag, NULL);
  as_bag_loss l;
  double loss = NAN;
  for (size_t i = 0; i < images * rows; i++) bag[i] = (float)bag_of(m, (int)(i / rows), (int)(i % rows));
  if (as_bag_loss_create(&l, rows, rows, (size_t)m->cols, NULL) == AS_OK)
    loss = as_bag_loss_run(&l, &f, &w, bag, images, 1 / TAU);
  memcpy(dx, l.df, n * sizeof *dx), memcpy(dx + n, l.dw, n * sizeof *dx);
  as_bag_loss_clear(&l);
  as_free(bag);
  return loss;
}

static const loss_case losses[] = {
    {"SimCLR", 1, {{4, 3}, {16, 12}, {30, 5}}, contrast_double, contrast_float},
    {"Barlow Twins", 2, {{4, 3}, {16, 12}, {300, 4}}, correlation_double, correlation_float},
    {"VICReg", 2, {{4, 3}, {16, 12}, {300, 4}}, vicreg_double, vicreg_float},
    {"supervised", 1, {{1, 2}, {16, 12}, {70, 5}}, class_double, class_float},
    {"BYOL, SimSiam", 1, {{1, 2}, {16, 12}, {70, 5}}, cosine_double, cosine_float},
    {"DINO, SwAV", 4, {{1, 2}, {8, 12}, {30, 5}}, swap_double, swap_float},
    {"MoCo, PCL", 1, {{1, 3}, {16, 12}, {30, 5}}, queue_double, queue_float},
    {"MoCo v3", 1, {{2, 3}, {16, 12}, {30, 5}}, in_batch_double, in_batch_float},
    {"DeepCluster-v2, SeLa-v2", 2, {{1, 4}, {16, 12}, {30, 6}}, label_double, label_float},
    {"OBoW", 2, {{2, 3}, {8, 12}, {30, 5}}, bag_double, bag_float},
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
