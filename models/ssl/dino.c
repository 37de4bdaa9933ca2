/* DINO (Caron et al. 2021, arXiv 2104.14294; facebookresearch/dino), on a ResNet.
 *
 *   2 global views -> teacher -> q_i = softmax((t_i - c) / tau_t)        c: centre, a slow mean of t
 *   all V views    -> student -> P_v = softmax(s_v / tau_s)
 *   L = mean over the pairs (i, v), v != i, of mean over images of -sum q_i log P_v
 *
 * Gradient: ds_v = sum over i != v of (P_v - q_i) / (n B tau_s), n = 2 (V - 1) pairs; then through the last layer, whose
 * rows have length 1 and whose gain is frozen at 1, and through the normalisation before it. The centre moves after its
 * use: c = 0.9 c + 0.1 mean t. The last layer has no gradient in the first epoch; a tensor's gradient is cut to norm `clip`.
 * Teacher: m rising to 1 by a cosine, after the optimiser's step; starts as a copy; it is what is evaluated.
 *
 * Views of one size pass together, so they share BatchNorm's statistics, as in the authors' wrapper; the head sees all
 * views at once. Local views have half the side. */
#include <math.h>
#include <string.h>

#include "models/ssl/methods_int.h"
#include "models/ssl/ssl_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

enum { GLOBAL = 2, LOCAL = 4, VIEWS = GLOBAL + LOCAL, SIZES = 2, LAST_LAYER = 6 };

typedef struct dino {
  as_encoder *encoder[SIZES];
  as_encoder_pass *pass[SIZES];
  as_head *head;
  as_head_pass *head_pass;
  as_branch teacher;
  size_t dim, k, last;         /* last: the last layer's place in the student's store */
  float *features, *dfeatures; /* [VIEWS * B, dim] */
  float *p;                    /* [VIEWS * B, k] student's probabilities, then ds */
  float *q;                    /* [GLOBAL * B, k] teacher's */
  float *centre;               /* [k] */
  float *sums;                 /* of the teacher's logits: scratch, then [k] */
} dino;

static const as_ssl_param params[] = {
    {"prototypes", 128, "outputs of the head, K", "65536"},
    {"hidden", 128, "of the head's two hidden layers", "2048"},
    {"bottleneck", 64, "width before the last layer", "256"},
    {"tau-student", 0.1, "", "0.1"},
    {"tau-teacher", 0.05, "", "0.04, or 0.04 to 0.07 in 30 epochs"},
    {"centre", 0.9, "momentum of the centre", "0.9"},
    {"ema", 0.97, "the teacher's first momentum", "0.996"},
    {"clip", 3, "largest norm of a tensor's gradient", "3"},
    {NULL, 0, NULL, NULL},
};

static void dino_destroy(as_ssl *s) {
  dino *m = s->state;
  if (!m) return;
  as_head_pass_destroy(&m->head_pass);
  as_head_destroy(&m->head);
  for (int g = 0; g < SIZES; g++) {
    as_encoder_pass_destroy(&m->pass[g]);
    as_encoder_destroy(&m->encoder[g]);
  }
  as_branch_clear(&m->teacher);
  void *all[] = {m->features, m->dfeatures, m->p, m->q, m->centre, m->sums, m};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

static as_status make_networks(dino *m, as_ssl *s, as_err *err) {
  const int hidden = (int)as_ssl_value(s, "hidden"), narrow = (int)as_ssl_value(s, "bottleneck");
  const as_head_layer layers[] = {{.kind = AS_HEAD_LINEAR, .width = hidden, .bias = true, .truncated = 0.02},
                                  {.kind = AS_HEAD_GELU},
                                  {.kind = AS_HEAD_LINEAR, .width = hidden, .bias = true, .truncated = 0.02},
                                  {.kind = AS_HEAD_GELU},
                                  {.kind = AS_HEAD_LINEAR, .width = narrow, .bias = true, .truncated = 0.02},
                                  {.kind = AS_HEAD_L2},
                                  {.kind = AS_HEAD_COSINE, .width = (int)m->k}};
  const int batch = s->o.batch, sides[SIZES] = {s->o.size, s->o.local_size}, counts[SIZES] = {GLOBAL, LOCAL};
  as_status st = AS_OK;
  for (int g = 0; g < SIZES && st == AS_OK; g++) {
    const as_encoder_cfg e = {s->o.arch, sides[g], counts[g] * batch, false};
    st = as_encoder_create(&m->encoder[g], &e, &s->student, err);
    if (st == AS_OK) st = as_encoder_pass_create(&m->pass[g], m->encoder[g], true, err);
  }
  if (st != AS_OK) return st;
  m->dim = (size_t)as_encoder_dim(m->encoder[0]);
  st = as_head_create(&m->head, "head", (int)m->dim, layers, LAST_LAYER + 1, (size_t)(VIEWS * batch),
                      &s->student, err);
  if (st == AS_OK) st = as_head_pass_create(&m->head_pass, m->head, true, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  const as_branch_cfg cfg = {.store = &s->teacher,
                             .images = GLOBAL * batch,
                             .passes = 1,
                             .prefix = "head",
                             .layers = layers,
                             .n_layers = LAST_LAYER + 1};
  if (st == AS_OK) st = as_branch_create(&m->teacher, s, &cfg, err);
  return st == AS_OK ? as_ssl_follow(s, err) : st;
}

static as_status dino_create(as_ssl *s, as_err *err) {
  dino *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  m->k = (size_t)as_ssl_value(s, "prototypes");
  as_status st = make_networks(m, s, err);
  if (st != AS_OK) return st;
  const size_t batch = (size_t)s->o.batch, rows = VIEWS * batch;
  const as_map t = as_map_matrix(NULL, GLOBAL * batch, m->k);
  m->features = as_alloc(rows * m->dim, sizeof(float), err);
  m->dfeatures = as_alloc(rows * m->dim, sizeof(float), err);
  m->p = as_alloc(rows * m->k, sizeof(float), err);
  m->q = as_alloc(GLOBAL * batch * m->k, sizeof(float), err);
  m->centre = as_calloc(m->k, sizeof(float), err);
  m->sums = as_alloc(as_map_sum_floats(&t) + m->k, sizeof(float), err);
  if (!m->features || !m->dfeatures || !m->p || !m->q || !m->centre || !m->sums) return AS_E_ENV;
  m->last = as_store_find(&s->student, "head.6.weight");
  as_ssl_keep(s, m->centre, m->k * sizeof(float), 4);
  as_ssl_momentum(s, as_ssl_value(s, "ema"));
  s->evaluate_teacher = true;
  s->n_views = VIEWS;
  for (int v = 0; v < VIEWS; v++) {
    const bool global = v < GLOBAL;
    const as_map *all = as_encoder_images(m->pass[global ? 0 : 1], (global ? GLOBAL : LOCAL) * s->o.batch);
    s->view[v] = as_map_part(all, (global ? v : v - GLOBAL) * s->o.batch, s->o.batch);
  }
  return AS_OK;
}

/* q from the teacher's logits and the centre; then the centre moves. */
static void teach(dino *m, as_ssl *s) {
  const as_map *t;
  const size_t rows = GLOBAL * (size_t)s->o.batch, k = m->k;
  as_branch_pack(&m->teacher, false);
  as_map_copy(as_encoder_images(m->pass[0], GLOBAL * s->o.batch),
              as_encoder_images(m->teacher.pass[0], GLOBAL * s->o.batch));
  t = as_branch_forward(&m->teacher, 0, true);
  for (size_t r = 0; r < rows; r++)
    for (size_t j = 0; j < k; j++) m->q[r * k + j] = t->data[r * k + j] - m->centre[j];
  const as_map q = as_map_matrix(m->q, rows, k);
  as_ssl_softmax(&q, as_ssl_value(s, "tau-teacher"));
  float *sum = m->sums + as_map_sum_floats(t);
  as_map_sum(t, sum, m->sums);
  const float keep = (float)as_ssl_value(s, "centre"), take = (float)(1.0 - as_ssl_value(s, "centre"));
  for (size_t j = 0; j < k; j++)
    m->centre[j] = keep * m->centre[j] + take * (float)((double)sum[j] / (double)rows);
}

/* Every tensor's gradient is cut to that norm. */
static void clip_gradients(as_store *store, double most) {
  for (size_t i = 0; i < store->n; i++) {
    float *g = as_store_grad(store, i);
    double norm = 0.0;
    for (size_t k = 0; k < store->slot[i].n; k++) norm += (double)g[k] * (double)g[k];
    norm = sqrt(norm);
    if (norm <= most) continue;
    const float f = (float)(most / (norm + 1e-6));
    for (size_t k = 0; k < store->slot[i].n; k++) g[k] = f * g[k];
  }
}

/* Loss, and ds in the place of P: every view against the global ones but itself. */
static double compare(const dino *m, size_t batch, double tau) {
  const double pairs = GLOBAL * (VIEWS - 1);
  const float scale = (float)(1.0 / (pairs * (double)batch * tau));
  double loss = 0.0;
  for (size_t v = 0; v < VIEWS; v++)
    for (size_t b = 0; b < batch; b++) {
      float *p = m->p + (v * batch + b) * m->k;
      for (size_t j = 0; j < m->k; j++) {
        float q = 0.0f, n = 0.0f;
        for (size_t i = 0; i < GLOBAL; i++)
          if (i != v) q = q + m->q[(i * batch + b) * m->k + j], n = n + 1.0f;
        loss -= (double)q * as_log(p[j] > 0.0f ? (double)p[j] : 1e-38);
        p[j] = scale * (n * p[j] - q);
      }
    }
  return loss / (pairs * (double)batch);
}

static double dino_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  dino *m = s->state;
  const size_t batch = (size_t)s->o.batch, rows = VIEWS * batch;
  const size_t first[SIZES] = {0, GLOBAL * batch}, count[SIZES] = {GLOBAL * batch, LOCAL * batch};
  teach(m, s);
  for (int g = 0; g < SIZES; g++) {
    as_encoder_pack(m->encoder[g], true);
    const as_map *f = as_encoder_forward(m->pass[g], true);
    memcpy(m->features + first[g] * m->dim, f->data, count[g] * m->dim * sizeof(float));
  }
  as_head_pack(m->head, true);
  const as_map features = as_map_matrix(m->features, rows, m->dim), p = as_map_matrix(m->p, rows, m->k);
  const as_map *logits = as_head_forward(m->head_pass, &features, true);
  memcpy(m->p, logits->data, rows * m->k * sizeof(float));
  as_ssl_softmax(&p, as_ssl_value(s, "tau-student"));
  const double loss = compare(m, batch, as_ssl_value(s, "tau-student"));
  const as_map dfeatures = as_map_matrix(m->dfeatures, rows, m->dim);
  as_head_backward(m->head_pass, &p, &dfeatures);
  for (int g = 0; g < SIZES; g++) {
    const as_map d = as_map_matrix(m->dfeatures + first[g] * m->dim, count[g], m->dim);
    as_encoder_backward(m->pass[g], &d);
  }
  clip_gradients(&s->student, as_ssl_value(s, "clip"));
  s->student.slot[m->last].absent = s->step < s->per_epoch;
  return loss;
}

static void dino_after(as_ssl *s) {
  as_store_ema(&s->teacher, &s->student, as_schedule_at(&s->ema, s->step));
}

const as_ssl_method as_ssl_dino = {
    .name = "dino",
    .title = "DINO",
    .family = "distillation",
    .about =
        "2 global views -> teacher (EMA) -> q = softmax((t - c) / tau_t);  2 global + 4 local -> student\n"
        "L = mean over pairs of different views of -sum q log softmax(s / tau_s)\n"
        "Here: a ResNet, few prototypes; local views have half the side.",
    .view = {"dino-1", "dino-2", "dino-local", "dino-local", "dino-local", "dino-local", NULL},
    .params = params,
    .create = dino_create,
    .destroy = dino_destroy,
    .loss = dino_loss,
    .after = dino_after,
};
