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
 * The paper's head has no BatchNorm. A small ResNet's features, all positive, point nearly the same way for all images; what
 * such a head says of them is hardly more than the centre takes away again, and the loss goes to ln K and stays (measured at
 * rates 0.0005 to 0.004, with small views and without). BatchNorm in the hidden layers, as the authors' code has it
 * behind --use_bn_in_head, takes the common direction away first.
 *
 * The views and the loss: multicrop_int.h. Local views have half the side. */
#include <math.h>

#include "models/ssl/methods_int.h"
#include "models/ssl/multicrop_int.h"
#include "tensor/base/mem.h"

typedef struct dino {
  as_crops student;
  as_branch teacher;
  size_t k, last; /* last: the last layer's place in the student's store */
  float *q;       /* [2 B, k] teacher's probabilities */
  float *centre;  /* [k] */
  float *sums;    /* of the teacher's logits: scratch, then [k] */
} dino;

static const as_ssl_param params[] = {
    {"prototypes", 128, "outputs of the head, K", "65536"},
    {"hidden", 128, "of the head's two hidden layers", "2048"},
    {"bottleneck", 64, "width before the last layer", "256"},
    {"tau-student", 0.1, "", "0.1"},
    {"head-bn", 1, "1: BatchNorm in the head's hidden layers",
     "0; 1 where the backbone is small (lightly, CIFAR-10)"},
    {"tau-teacher", 0.04, "", "0.04, or 0.04 to 0.07 in 30 epochs"},
    {"centre", 0.9, "momentum of the centre", "0.9"},
    {"ema", 0.99, "the teacher's first momentum", "0.996"},
    {"clip", 3, "largest norm of a tensor's gradient", "3"},
    {"small-views", 0, "of half the side, 0 to 4", "8"},
    {"lr", 4e-3, "learning rate", "0.0005 for 256 images"},
    {NULL, 0, NULL, NULL},
};

static void dino_destroy(as_ssl *s) {
  dino *m = s->state;
  if (!m) return;
  as_crops_clear(&m->student);
  as_branch_clear(&m->teacher);
  void *all[] = {m->q, m->centre, m->sums, m};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

static as_status make_networks(dino *m, as_ssl *s, as_err *err) {
  const int hidden = (int)as_ssl_value(s, "hidden"), narrow = (int)as_ssl_value(s, "bottleneck");
  as_head_layer layers[9];
  size_t n = 0;
  for (int i = 0; i < 2; i++) {
    layers[n++] = (as_head_layer){.kind = AS_HEAD_LINEAR, .width = hidden, .bias = true, .truncated = 0.02};
    if (as_ssl_value(s, "head-bn") > 0)
      layers[n++] = (as_head_layer){.kind = AS_HEAD_BN, .gain = true, .offset = true};
    layers[n++] = (as_head_layer){.kind = AS_HEAD_GELU};
  }
  layers[n++] = (as_head_layer){.kind = AS_HEAD_LINEAR, .width = narrow, .bias = true, .truncated = 0.02};
  layers[n++] = (as_head_layer){.kind = AS_HEAD_L2};
  layers[n++] = (as_head_layer){.kind = AS_HEAD_COSINE, .width = (int)m->k};
  as_branch_cfg cfg = {.store = &s->student, .passes = 1, .prefix = "head", .layers = layers, .n_layers = n};
  as_status st = as_crops_create(&m->student, s, (size_t)as_ssl_value(s, "small-views"), &cfg, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  cfg.store = &s->teacher, cfg.images = AS_LARGE_VIEWS * s->o.batch;
  if (st == AS_OK) st = as_branch_create(&m->teacher, s, &cfg, err);
  return st == AS_OK ? as_ssl_follow(s, err) : st;
}

static as_status dino_create(as_ssl *s, as_err *err) {
  dino *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  m->k = (size_t)as_ssl_value(s, "prototypes");
  as_status st = make_networks(m, s, err);
  if (st != AS_OK) return st;
  const size_t batch = (size_t)s->o.batch;
  const as_map t = as_map_matrix(NULL, AS_LARGE_VIEWS * batch, m->k);
  m->q = as_alloc(AS_LARGE_VIEWS * batch * m->k, sizeof(float), err);
  m->centre = as_calloc(m->k, sizeof(float), err);
  m->sums = as_alloc(as_map_sum_floats(&t) + m->k, sizeof(float), err);
  if (!m->q || !m->centre || !m->sums) return AS_E_ENV;
  m->last = as_store_find(&s->student, as_ssl_value(s, "head-bn") > 0 ? "head.8.weight" : "head.6.weight");
  as_ssl_keep(s, m->centre, m->k * sizeof(float), 4);
  as_ssl_momentum(s, as_ssl_value(s, "ema"));
  s->evaluate_teacher = true;
  return AS_OK;
}

/* q from the teacher's logits and the centre; then the centre moves. */
static void teach(dino *m, as_ssl *s) {
  const as_map *t;
  const size_t rows = AS_LARGE_VIEWS * (size_t)s->o.batch, k = m->k;
  as_branch_pack(&m->teacher, false);
  as_map_copy(as_encoder_images(m->student.pass[0], (int)rows),
              as_encoder_images(m->teacher.pass[0], (int)rows));
  t = as_branch_forward(&m->teacher, 0, true);
  for (size_t r = 0; r < rows; r++)
    for (size_t j = 0; j < k; j++) m->q[r * k + j] = t->data[r * k + j] - m->centre[j];
  const as_map q = as_map_matrix(m->q, rows, k);
  as_ssl_softmax(&q, as_ssl_value(s, "tau-teacher"));
  s->balance = as_target_balance(m->q, rows, k);
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

static double dino_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  dino *m = s->state;
  const double tau = as_ssl_value(s, "tau-student");
  teach(m, s);
  const as_map *p = as_crops_forward(&m->student, false); /* logits, then P, then ds */
  as_ssl_softmax(p, tau);
  const double loss = as_swap_loss(p, m->q, (size_t)s->o.batch, tau);
  as_crops_backward(&m->student, p);
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
        "2 global views -> teacher (EMA) -> q = softmax((t - c) / tau_t);  all views -> student\n"
        "L = mean over pairs of different views of -sum q log softmax(s / tau_s)\n"
        "Here: a ResNet, few prototypes, BatchNorm in the head, no local views (--set small-views=4 has "
        "them).",
    .view = {"dino-1", "dino-2", "dino-local", "dino-local", "dino-local", "dino-local", NULL},
    .params = params,
    .create = dino_create,
    .destroy = dino_destroy,
    .loss = dino_loss,
    .after = dino_after,
};
