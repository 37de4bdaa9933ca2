/* SwAV, DeepCluster-v2, SeLa-v2, and queues: balancing and losses against closed forms in double; prototypes that stand still; collapses
 * that are provoked: the healthy run passes the bound which the broken one fails. */
#include <stdio.h>
#include <stdlib.h>

#include "models/ssl/bank_int.h"
#include "models/ssl/sinkhorn_int.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tests/harness.h"
#define TOY_BASE "4"
#include "tests/unit/ssl_toy.h"

/* |got - want| / |want|. */
static double distance(const float *got, const double *want, size_t n) {
  double d = 0, norm = 0;
  for (size_t i = 0; i < n; i++)
    d += ((double)got[i] - want[i]) * ((double)got[i] - want[i]), norm += want[i] * want[i];
  return sqrt(d / norm);
}

/* Cosines of a kind: -1 to 1, one column preferred by all. */
static void draw_scores(float *x, size_t rows, size_t k, uint64_t seed) {
  const as_rng r = as_rng_make(seed, as_rng_stream("scores"));
  for (size_t i = 0; i < rows * k; i++)
    x[i] = (float)(0.8 * (2 * as_rng_uniform(r, i) - 1) + (i % k == 3 ? 0.2 : 0.0));
}

/* ---- Sinkhorn ---- */

enum { ROWS = 700, K = 37 };

static void plain_sinkhorn(const float *score, double eps, int rounds, double *q) {
  double top = -1e30;
  for (size_t i = 0; i < ROWS * K; i++) top = (double)score[i] > top ? (double)score[i] : top;
  for (size_t i = 0; i < ROWS * K; i++) q[i] = exp(((double)score[i] - top) / eps);
  for (int round = 0; round < rounds || round == 0; round++) {
    for (size_t c = 0; c < K && rounds > 0; c++) {
      double sum = 0;
      for (size_t r = 0; r < ROWS; r++) sum += q[r * K + c];
      for (size_t r = 0; r < ROWS; r++) q[r * K + c] /= sum;
    }
    for (size_t r = 0; r < ROWS; r++) {
      double sum = 0;
      for (size_t c = 0; c < K; c++) sum += q[r * K + c];
      for (size_t c = 0; c < K; c++) q[r * K + c] /= sum;
    }
  }
}

static void sinkhorn(as_test *t) {
  static float score[ROWS * K], q[ROWS * K], first[ROWS * K];
  static double want[ROWS * K];
  const as_map m = as_map_matrix(q, ROWS, K);
  float *sums = as_alloc(as_sinkhorn_floats(&m), sizeof(float), NULL);
  double before = 0;
  draw_scores(score, ROWS, K, 1);
  for (int rounds = 0; rounds <= 20; rounds = rounds ? rounds * 2 : 1) {
    plain_sinkhorn(score, 0.05, rounds, want);
    for (int threads = 1; threads <= 3; threads++) {
      as_par_set_threads(threads);
      memcpy(q, score, sizeof q);
      as_sinkhorn(&m, 0.05, rounds, sums);
      if (threads == 1) memcpy(first, q, sizeof q);
      CHECK(t, memcmp(first, q, sizeof q) == 0);
    }
    CHECK(t, distance(q, want, ROWS * K) < 1e-6);
    const double even = as_target_balance(q, ROWS, K);
    CHECK(t, even > before);
    before = even;
    for (size_t r = 0; r < ROWS; r++) {
      double sum = 0;
      for (size_t c = 0; c < K; c++) sum += (double)q[r * K + c];
      CHECK_NEAR(t, sum, 1.0, 1e-6);
    }
  }
  CHECK(t, before > 0.999);
  as_par_set_threads(1);
  as_free(sums);
  CHECK_STATUS(t, as_sinkhorn_check("SwAV", 0.01, 3, NULL), AS_E_USAGE);
  CHECK_STATUS(t, as_sinkhorn_check("SwAV", 0.05, -1, NULL), AS_E_USAGE);
}

/* ---- losses ---- */

static void plain_softmax(const float *x, size_t k, double tau, double *p) {
  double sum = 0;
  for (size_t c = 0; c < k; c++) sum += p[c] = exp((double)x[c] / tau);
  for (size_t c = 0; c < k; c++) p[c] /= sum;
}

static void swapped_prediction(as_test *t) {
  enum { BATCH = 9, MOST = 6 };
  static float logits[MOST * BATCH * K], q[2 * BATCH * K];
  static double want[MOST * BATCH * K];
  const double tau = 0.1;
  for (size_t views = 2; views <= MOST; views += 2) {
    double loss = 0, p[K];
    draw_scores(logits, views * BATCH, K, 2);
    draw_scores(q, 2 * BATCH, K, 3);
    const as_map targets = as_map_matrix(q, 2 * BATCH, K);
    as_ssl_softmax(&targets, 0.05);
    for (size_t v = 0; v < views; v++)
      for (size_t b = 0; b < BATCH; b++) {
        const size_t at = (v * BATCH + b) * K;
        plain_softmax(logits + at, K, tau, p);
        for (size_t c = 0; c < K; c++) {
          want[at + c] = 0;
          for (size_t i = 0; i < 2; i++) {
            const double target = (double)q[(i * BATCH + b) * K + c],
                         scale = 2.0 * (double)(views - 1) * BATCH;
            if (i == v) continue;
            loss -= target * log(p[c]) / scale;
            want[at + c] += (p[c] - target) / (scale * tau);
          }
        }
      }
    const as_map m = as_map_matrix(logits, views * BATCH, K);
    as_ssl_softmax(&m, tau);
    CHECK_NEAR(t, as_swap_loss(&m, q, BATCH, tau), loss, 1e-6 * loss);
    CHECK(t, distance(logits, want, views * BATCH * K) < 1e-6);
  }
}

/* Two heads, one image without a label in one of them; then a batch without any. */
static void labelled_loss(as_test *t) {
  enum { HEADS = 2, BATCH = 5, VIEWS = 3, ALL = 50, ROW = HEADS * K };
  static float logits[VIEWS * BATCH * ROW];
  static double want[VIEWS * BATCH * ROW];
  uint32_t label[HEADS * ALL];
  const uint32_t image[BATCH] = {7, 49, 0, 13, 21};
  const double tau = 0.1;
  as_bank b = {
      .net = {.batch = BATCH}, .prototypes = {.heads = HEADS, .k = K}, .images = ALL, .label = label};
  for (uint32_t i = 0; i < HEADS * ALL; i++) label[i] = (i * 29 + 3) % K;
  label[ALL + 13] = AS_NO_LABEL;
  draw_scores(logits, VIEWS * BATCH, ROW, 5);
  double loss = 0, p[K];
  for (size_t r = 0; r < VIEWS * BATCH; r++)
    for (size_t h = 0; h < HEADS; h++) {
      const uint32_t l = label[h * ALL + image[r % BATCH]];
      const double n = HEADS * VIEWS * (h == 1 ? BATCH - 1 : BATCH);
      plain_softmax(logits + r * ROW + h * K, K, tau, p);
      if (l != AS_NO_LABEL) loss -= log(p[l]) / n;
      for (size_t c = 0; c < K; c++)
        want[r * ROW + h * K + c] = l == AS_NO_LABEL ? 0.0 : (p[c] - (c == l)) / (n * tau);
    }
  const as_map m = as_map_matrix(logits, VIEWS * BATCH, ROW);
  const as_map by_head = as_map_matrix(logits, VIEWS * BATCH * HEADS, K);
  as_ssl_softmax(&by_head, tau);
  CHECK_NEAR(t, as_bank_loss(&b, image, &m, tau), loss, 1e-6 * loss);
  CHECK(t, distance(logits, want, VIEWS * BATCH * ROW) < 1e-6);
  for (size_t i = 0; i < HEADS * ALL; i++) label[i] = AS_NO_LABEL;
  CHECK(t, as_bank_loss(&b, image, &m, tau) == 0.0);
  for (size_t i = 0; i < VIEWS * BATCH * ROW; i++) CHECK(t, logits[i] == 0.0f);
}

/* ---- whole methods ---- */

static void frozen(as_test *t) {
  const toy_setting set[] = {{"small-views", 1}, {"frozen", 1}, {NULL, 0}};
  as_ssl *s = toy_open(t, "swav", 2, set);
  const size_t slot = as_store_find(&s->student, "prototypes.0.weight"), n = s->student.slot[slot].n;
  float *w = as_store_value(&s->student, slot), *start = as_alloc(n, sizeof *start, NULL);
  uint32_t image[TOY_BATCH] = {0};
  double loss;
  CHECK_INT(t, as_ssl_views(s), 3);
  for (size_t step = 0; step <= 2 * TOY_IMAGES / TOY_BATCH - 1; step++) {
    toy_views(s, image, step);
    as_ssl_step(s, image, &loss);
    if (step == 0) memcpy(start, w, n * sizeof *w); /* rows have length 1 from here on */
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)w[i] - (double)start[i]));
    if (step < TOY_IMAGES / TOY_BATCH
            ? most > 1e-6
            : most < 1e-4) /* bringing a row to length 1 again moves its last bits */
      as_test_fail(t, __FILE__, __LINE__, "step %zu: the prototypes moved by %g", step, most);
  }
  as_free(start);
  as_ssl_destroy(&s);
}

/* The queue holds the embeddings of the last steps, each batch in the place of the oldest. */
static void queue_turns(as_test *t, const char *method, size_t views) {
  const toy_setting set[] = {
      {"queue", 2 * TOY_BATCH}, {"width", 16}, {views == 2 ? "queue-from" : NULL, 0}, {NULL, 0}};
  as_ssl *s = toy_open(t, method, 2, set);
  enum { PART = TOY_BATCH * 16 }; /* [views that are kept, 2 batches, PART] */
  const float *queue = s->kept[0].data;
  float before[2 * PART];
  uint32_t image[TOY_BATCH] = {0};
  double loss;
  CHECK_INT(t, s->kept[0].bytes, views * sizeof before);
  for (size_t step = 0; step < 5; step++) {
    memcpy(before, queue, sizeof before);
    toy_views(s, image, step);
    as_ssl_step(s, image, &loss);
    const size_t own = step % 2 * PART, other = PART - own;
    CHECK(t, memcmp(queue + own, before + own, PART * sizeof *before) != 0);
    CHECK(t, memcmp(queue + other, before + other, PART * sizeof *before) == 0);
  }
  as_ssl_destroy(&s);
}
static void queues_turn(as_test *t) {
  queue_turns(t, "swav", 2);
  queue_turns(t, "moco", 1);
  queue_turns(t, "pcl", 1);
}

/* How a training with these settings ends. */
typedef struct ending {
  double loss, balance;
} ending;
static ending train_to_end(as_test *t, const char *method, size_t epochs, double rounds) {
  const toy_setting set[] = {
      {"small-views", 0}, {"prototypes", 32},     {"optimizer", 0},
      {"lr", 0.1},        {"weight-decay", 5e-4}, {rounds < 0 ? NULL : "sinkhorn", rounds},
      {NULL, 0}};
  double first;
  as_ssl *s = toy_open(t, method, epochs, set);
  ending e = {.loss = toy_train(s, epochs, &first)};
  e.balance = as_ssl_balance(s);
  as_ssl_destroy(&s);
  return e;
}

/* Targets that nobody balances: q = softmax(s / eps). */
static void swav_collapse(as_test *t) {
  const ending good = train_to_end(t, "swav", 8, 3), bad = train_to_end(t, "swav", 8, 0);
  CHECK(t, good.balance > 0.9 && good.loss > 0.5);
  CHECK(t, bad.balance < 0.1 && bad.loss < 0.1);
}

/* Labels that nobody balances: the nearest of the trained prototypes, which are then trained to be nearest. */
static void label_collapse(as_test *t) {
  const ending sela = train_to_end(t, "sela", 10, 20), bad = train_to_end(t, "sela", 10, 0);
  const ending deep = train_to_end(t, "deepcluster", 10, -1);
  CHECK(t, sela.balance > 0.9 && deep.balance > 0.7);
  CHECK(t, bad.balance < 0.5 && bad.loss < 0.1);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"Sinkhorn against double", sinkhorn},
                                  {"swapped prediction, loss and gradient", swapped_prediction},
                                  {"labels, loss and gradient", labelled_loss},
                                  {"prototypes stand still in the first epoch", frozen},
                                  {"queues of two batches turn", queues_turn},
                                  {"SwAV without balance collapses", swav_collapse},
                                  {"SeLa-v2 without balance collapses", label_collapse}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 1, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
