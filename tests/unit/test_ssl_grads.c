/* Losses and their gradients against the closed forms in double; PCL's prototypes and OBoW's bags against their definitions. */
#include <stdlib.h>

#include "models/ssl/moco_int.h"
#include "models/ssl/obow_int.h"
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

/* ---- OBoW ---- */

enum { WORDS = 9, SPOTS = 4, BAGS = 5, ROWS = 2 * BAGS };

static double made_value(size_t t, size_t i) {
  return sin((double)t + 0.37 * (double)(i * i % 9973));
}

/* Bags of made maps: mu and targets. */
static void bags(as_test *t) {
  as_bags b;
  as_err err = {0};
  CHECK_OK(t, as_bags_create(&b, BAGS, SPOTS, WORDS, D, &err), err);
  for (size_t i = 0; i < BAGS * SPOTS * D; i++) b.x[i] = (float)made_value(1, i);
  for (size_t i = 0; i < WORDS * D; i++) b.words[i] = (float)made_value(2, i);
  b.mu = 0.5;
  as_bags_fill(&b, 10, 0.9);
  static double far[BAGS * SPOTS * WORDS];
  double mean = 0, balance = 0, all[WORDS] = {0};
  for (size_t r = 0; r < BAGS * SPOTS; r++) {
    double least = 1e9;
    for (size_t c = 0; c < WORDS; c++) {
      double *d = &far[r * WORDS + c];
      *d = 0;
      for (size_t i = 0; i < D; i++) *d += pow((double)b.x[r * D + i] - (double)b.words[c * D + i], 2);
      least = fmin(least, *d);
    }
    mean += least / (BAGS * SPOTS);
  }
  const double mu = 0.9 * 0.5 + 0.1 * mean;
  CHECK_NEAR(t, b.mu, mu, 1e-6);
  for (size_t i = 0; i < BAGS; i++) {
    double bag[WORDS] = {0}, sum = 0;
    for (size_t p = 0; p < SPOTS; p++) {
      const double *d = far + (i * SPOTS + p) * WORDS;
      double least = 1e9, total = 0;
      for (size_t c = 0; c < WORDS; c++) least = fmin(least, d[c]);
      for (size_t c = 0; c < WORDS; c++) total += exp(-10 * (d[c] - least) / mu);
      for (size_t c = 0; c < WORDS; c++) bag[c] = fmax(bag[c], exp(-10 * (d[c] - least) / mu) / total);
    }
    for (size_t c = 0; c < WORDS; c++) sum += bag[c];
    for (size_t c = 0; c < WORDS; c++) {
      CHECK_NEAR(t, (double)b.target[i * WORDS + c], bag[c] / sum, 1e-5);
      all[c] += bag[c] / sum / BAGS;
    }
  }
  for (size_t c = 0; c < WORDS; c++) balance -= all[c] > 0 ? all[c] * log(all[c]) / log(WORDS) : 0;
  CHECK_NEAR(t, as_bags_balance(&b), balance, 1e-5);
  as_bags_clear(&b);
}

static void bag_loss(as_test *t) {
  as_bag_loss l;
  as_err err = {0};
  float f[ROWS * D], w[WORDS * D], target[BAGS * WORDS];
  double df[ROWS * D] = {0}, dw[WORDS * D] = {0}, loss = 0;
  CHECK_OK(t, as_bag_loss_create(&l, ROWS, WORDS, D, &err), err);
  for (size_t i = 0; i < ROWS * D; i++) f[i] = (float)made_value(3, i);
  unit_rows(w, WORDS, D, made_value, 4);
  for (size_t i = 0; i < BAGS; i++) {
    double sum = 0;
    for (size_t c = 0; c < WORDS; c++) sum += fmax(0, made_value(5, i * WORDS + c));
    for (size_t c = 0; c < WORDS; c++)
      target[i * WORDS + c] = (float)(fmax(0, made_value(5, i * WORDS + c)) / sum);
  }
  for (size_t r = 0; r < ROWS; r++) {
    double p[WORDS], sum = 0;
    for (size_t c = 0; c < WORDS; c++) sum += p[c] = exp(5 * dot(f + r * D, w + c * D, D));
    for (size_t c = 0; c < WORDS; c++) {
      const double want = (double)target[r % BAGS * WORDS + c], g = 5 * (p[c] / sum - want) / ROWS;
      if (want > 0) loss += want * log(want / (p[c] / sum)) / ROWS;
      for (size_t i = 0; i < D; i++)
        df[r * D + i] += g * (double)w[c * D + i], dw[c * D + i] += g * (double)f[r * D + i];
    }
  }
  const as_map mf = as_map_matrix(f, ROWS, D), mw = as_map_matrix(w, WORDS, D);
  CHECK_NEAR(t, as_bag_loss_run(&l, &mf, &mw, target, BAGS, 5) / loss, 1.0, 1e-6);
  compare(t, l.df, df, ROWS * D);
  compare(t, l.dw, dw, WORDS * D);
  as_bag_loss_clear(&l);
}

/* The words that a step replaces are positions of its maps, or means of 3x3 of them, one of each of the first images. */
static void fresh_words(as_test *t) {
  for (int average = 0; average < 2; average++) {
    as_ssl_opts o = {.method = as_ssl_method_named("obow"),
                     .arch = "resnet18:blocks=1-1,base=4,stem=3x3s2",
                     .size = 32, /* a last map of 8x8 */
                     .batch = BATCH,
                     .images = 40,
                     .epochs = 2,
                     .name = {"cut", "average", "words", "words-a-step"},
                     .value = {average, average, 16, 4},
                     .n_values = 4};
    as_ssl *s = NULL;
    as_err err = {0};
    CHECK_OK(t, as_ssl_create(&s, &o, &err), err);
    (void)take_steps(s, 2);
    const as_bags *b = s->state;
    const size_t side = average ? 6 : 8, wide = average ? 3 : 1, f = b->f;
    CHECK_INT(t, b->positions, side * side);
    for (size_t i = 0; i < 4; i++) { /* the second step's are words 4 to 7 */
      const float *word = b->words + (4 + i) * f, *x = b->x + i * side * side * f;
      double best = 1e9;
      for (size_t y = 0; y + wide <= side; y++)
        for (size_t z = 0; z + wide <= side; z++) {
          double off = 0;
          for (size_t c = 0; c < f; c++) {
            double mean = 0;
            for (size_t k = 0; k < wide * wide; k++)
              mean += (double)x[((y + k / wide) * side + z + k % wide) * f + c] / (double)(wide * wide);
            off = fmax(off, fabs(mean - (double)word[c]));
          }
          best = fmin(best, off);
        }
      CHECK(t, best < 1e-6);
    }
    as_ssl_destroy(&s);
    o.size = average ? 16 : 4; /* 4x4 less a border, and 1x1: nothing to choose among */
    CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
    CHECK(t, strstr(err.msg, "wanted at least") != NULL);
    o.size = 32, o.value[3] = 5; /* does not divide 16 */
    CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
    o.value[3] = 4, o.arch = "vit_tiny:patch=8,posgrid=0,depth=1";
    CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
    CHECK(t, strstr(err.msg, "transformer") != NULL);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"MoCo and PCL: InfoNCE, prototypes", contrastive},
                                  {"MoCo v3: one direction", in_batch},
                                  {"OBoW: bags of words", bags},
                                  {"OBoW: who predicts them", bag_loss},
                                  {"OBoW: fresh words, what is refused", fresh_words},
                                  {"PCL: means and concentrations", prototypes}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
