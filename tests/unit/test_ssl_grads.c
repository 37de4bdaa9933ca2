/* Losses and their gradients against the closed forms in double; PCL's prototypes against their definition. */
#include <stdlib.h>

#include "models/ssl/moco_int.h"
#include "tensor/runtime.h"
#include "tests/harness.h"
#include "tests/unit/ssl_made.h"

enum { D = 12, QUEUE = 16, IMAGES = 40 };
static const size_t sizes[3] = {3, 5, 4};

static double dot(const float *a, const float *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

/* -log softmax of row c of w under q, at tau; adds its gradient with respect to q, times scale, to dq. Row 0 of w is `own`
 * where own is not NULL. */
static double row_loss(const float *q, const float *own, const float *w, size_t k, size_t c, double tau,
                       double scale, double *dq) {
  double s[1 + QUEUE], most = -1e9, sum = 0;
  const size_t more = own ? 1 : 0;
  for (size_t j = 0; j < k + more; j++) {
    s[j] = dot(q, own && j == 0 ? own : w + (j - more) * D, D) / tau;
    if (s[j] > most) most = s[j];
  }
  for (size_t j = 0; j < k + more; j++) sum += exp(s[j] - most);
  for (size_t j = 0; j < k + more; j++) {
    const double g = exp(s[j] - most) / sum - (j == c ? 1.0 : 0.0);
    const float *row = own && j == 0 ? own : w + (j - more) * D;
    for (size_t i = 0; i < D; i++) dq[i] += scale * g * (double)row[i] / tau;
  }
  return log(sum) + most - s[c];
}

static void compare(as_test *t, const float *got, const double *want, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; i++) most = fmax(most, fabs(want[i]));
  CHECK(t, most > 1e-3);
  for (size_t i = 0; i < n; i++) CHECK_NEAR(t, (double)got[i] / most, want[i] / most, 1e-6);
}

/* MoCo and PCL: one loss; the second epoch's for PCL, so that prototypes are there. */
static void contrastive(as_test *t) {
  for (int pcl = 0; pcl < 2; pcl++) {
    as_ssl *s = open_method(t, pcl ? "pcl" : "moco");
    as_moco *m = s->state;
    uint32_t image[BATCH];
    double dq[BATCH * D] = {0}, want = 0;
    float queue[QUEUE * D];
    (void)take_steps(s, 6);
    fill_views(s);
    for (size_t i = 0; i < BATCH; i++) image[i] = image_at(i, s->step);
    memcpy(queue, m->queue, sizeof queue);
    as_store_zero_grad(&s->student);
    const double loss = s->method->loss(s, image);
    const as_map *q = as_branch_forward(&m->query, 0, true); /* of the same views and values */
    for (size_t b = 0; b < BATCH; b++) {
      const float *row = q->data + b * D;
      double *d = dq + b * D;
      want += row_loss(row, m->keys + b * D, queue, QUEUE, 0, 0.2, 1.0 / BATCH, d) / BATCH;
      const float *w = pcl ? s->kept[4].data : NULL;
      const uint32_t *label = pcl ? s->kept[5].data : NULL;
      for (size_t k = 0; pcl && k < 3; w += sizes[k] * D, label += IMAGES, k++)
        want += row_loss(row, NULL, w, sizes[k], label[image[b]], 1.0, 1.0 / (3 * BATCH), d) / (3 * BATCH);
    }
    CHECK_NEAR(t, loss / want, 1.0, 1e-6);
    compare(t, m->dq, dq, BATCH * D);
    as_ssl_destroy(&s);
  }
}

/* MoCo v3: one direction, at three sizes of the batch. */
static void in_batch(as_test *t) {
  static const int rows[] = {2, 9, 16};
  for (size_t c = 0; c < 3; c++) {
    const size_t n = (size_t)rows[c];
    as_inbatch x = {0};
    as_err err = {0};
    float q[QUEUE * D], k[QUEUE * D];
    double dq[QUEUE * D] = {0}, want = 0;
    unit_rows(q, n, D, made, 3 + c);
    unit_rows(k, n, D, made, 8 + c);
    for (size_t i = 0; i < n; i++)
      want += row_loss(q + i * D, NULL, k, n, i, 0.3, 2 * 0.3 / (double)n, dq + i * D) * 2 * 0.3 / (double)n;
    CHECK_OK(t, as_inbatch_create(&x, rows[c], D, &err), err);
    const as_map mq = as_map_matrix(q, n, D), mk = as_map_matrix(k, n, D);
    CHECK_NEAR(t, as_inbatch_loss(&x, &mq, &mk, 0.3) / want, 1.0, 1e-6);
    compare(t, x.dq, dq, n * D);
    as_inbatch_clear(&x);
  }
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double percentile_of(const double *x, size_t n, double share) {
  double sorted[8];
  memcpy(sorted, x, n * sizeof *x);
  qsort(sorted, n, sizeof *sorted, by_value);
  const double at = share * (double)(n - 1), low = floor(at);
  return sorted[(size_t)low] + (at - low) * (sorted[(size_t)ceil(at)] - sorted[(size_t)low]);
}

/* The prototypes of the second epoch: direction is the mean of the members, length 1 / phi. */
static void prototypes(as_test *t) {
  as_ssl *s = open_method(t, "pcl");
  (void)take_steps(s, 5);
  float bank[IMAGES * D];
  CHECK_INT(t, *(uint64_t *)s->kept[6].data, 0);
  CHECK_INT(t, s->kept[2].bytes, sizeof bank);
  memcpy(bank, s->kept[2].data, sizeof bank);
  for (size_t i = 0; i < IMAGES; i++) CHECK_NEAR(t, dot(bank + i * D, bank + i * D, D), 1.0, 1e-5);
  (void)take_steps(s, 1);
  CHECK_INT(t, *(uint64_t *)s->kept[6].data, 1);
  const float *w = s->kept[4].data;
  const uint32_t *label = s->kept[5].data;
  for (size_t k = 0; k < 3; w += sizes[k] * D, label += IMAGES, k++) {
    double mean[8 * D] = {0}, phi[8] = {0}, most = 0, sum = 0;
    size_t count[8] = {0};
    for (size_t i = 0; i < IMAGES; i++) {
      CHECK(t, label[i] < sizes[k]);
      count[label[i]]++;
      for (size_t j = 0; j < D; j++) mean[label[i] * D + j] += (double)bank[i * D + j];
    }
    for (size_t c = 0; c < sizes[k]; c++)
      for (size_t j = 0; j < D; j++) mean[c * D + j] /= (double)count[c];
    for (size_t i = 0; i < IMAGES; i++) {
      double far = 0;
      for (size_t j = 0; j < D; j++) far += pow((double)bank[i * D + j] - mean[label[i] * D + j], 2);
      phi[label[i]] += sqrt(far) / (double)count[label[i]];
    }
    for (size_t c = 0; c < sizes[k]; c++) {
      phi[c] = count[c] > 1 ? phi[c] / log((double)count[c] + 10) : 0;
      most = fmax(most, phi[c]);
    }
    for (size_t c = 0; c < sizes[k]; c++)
      if (count[c] < 2) phi[c] = most;
    const double lo = percentile_of(phi, sizes[k], 0.1), hi = percentile_of(phi, sizes[k], 0.9);
    for (size_t c = 0; c < sizes[k]; c++) sum += phi[c] = fmin(fmax(phi[c], lo), hi);
    for (size_t c = 0; c < sizes[k]; c++) {
      double norm = 0;
      for (size_t j = 0; j < D; j++) norm += mean[c * D + j] * mean[c * D + j];
      for (size_t j = 0; j < D; j++)
        CHECK_NEAR(t, (double)w[c * D + j] * 0.2 * phi[c] * (double)sizes[k] / sum,
                   mean[c * D + j] / sqrt(norm), 1e-5);
    }
  }
  as_ssl_destroy(&s);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"MoCo and PCL: InfoNCE, prototypes", contrastive},
                                  {"MoCo v3: one direction", in_batch},
                                  {"PCL: means and concentrations", prototypes}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
