/* The two baselines between which a self-supervised backbone stands.
 *
 * supervised: what labels give on the same network, images and augmentation.
 *
 *   x -> a view -> backbone f -> linear classifier -> P = softmax of each row
 *   L = mean over images of -log P[i][class of i];   gradient by the logits: (P - Y) / B, Y the one-hot classes
 *
 * With all labels it is a ceiling; with those few that a probe gets (`--per-class`), it is what the probe's labels alone
 * are worth. The classifier is thrown away like a projector: what is compared are features.
 *
 * untrained: the seeded network as it starts, the floor. It takes no step. */
#include <string.h>

#include "models/ssl/losses_int.h"
#include "models/ssl/methods_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

typedef struct supervised {
  as_branch net;
  float *p;      /* [B, classes] logits, then their gradient */
  int *class_of; /* [B] */
} supervised;

static const as_ssl_param params[] = {{"lr", 4e-3, "learning rate", ""}, {NULL, 0, NULL, NULL}};
static const as_ssl_param no_params[] = {{NULL, 0, NULL, NULL}};

static void supervised_destroy(as_ssl *s) {
  supervised *m = s->state;
  if (!m) return;
  as_branch_clear(&m->net);
  as_free(m->p);
  as_free(m->class_of);
  as_free(m);
}

static as_status supervised_create(as_ssl *s, as_err *err) {
  supervised *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const as_head_layer layer = {.kind = AS_HEAD_LINEAR, .width = (int)s->o.classes, .bias = true};
  const as_branch_cfg cfg = {.store = &s->student,
                             .images = s->o.batch,
                             .passes = 1,
                             .backward = true,
                             .prefix = "classifier",
                             .layers = &layer,
                             .n_layers = 1};
  as_status st = as_branch_create(&m->net, s, &cfg, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  m->p = as_alloc((size_t)s->o.batch * s->o.classes, sizeof(float), err);
  m->class_of = as_alloc((size_t)s->o.batch, sizeof *m->class_of, err);
  if (st != AS_OK || !m->p || !m->class_of) return st != AS_OK ? st : AS_E_ENV;
  s->n_views = 1;
  s->view[0] = *as_encoder_images(m->net.pass[0], s->o.batch);
  return AS_OK;
}

double as_class_loss(const as_map *logits, const int *class_of) {
  const size_t rows = as_map_pixels(logits), k = (size_t)logits->c;
  as_ssl_softmax(logits, 1.0);
  const float scale = (float)(1.0 / (double)rows);
  double loss = 0.0;
  for (size_t r = 0; r < rows; r++) {
    float *row = logits->data + r * k, *right = row + class_of[r];
    loss -= as_log(*right > 0.0f ? (double)*right : 1e-38);
    *right = *right - 1.0f;
    for (size_t j = 0; j < k; j++) row[j] = scale * row[j];
  }
  return loss / (double)rows;
}

static double supervised_loss(as_ssl *s, const uint32_t *image) {
  supervised *m = s->state;
  const size_t batch = (size_t)s->o.batch, k = s->o.classes;
  as_branch_pack(&m->net, true);
  const as_map *logits = as_branch_forward(&m->net, 0, true);
  const as_map p = as_map_matrix(m->p, batch, k);
  memcpy(m->p, logits->data, batch * k * sizeof(float));
  for (size_t b = 0; b < batch; b++) m->class_of[b] = s->o.label[image[b]];
  const double loss = as_class_loss(&p, m->class_of);
  as_branch_backward(&m->net, 0, &p);
  return loss;
}

const as_ssl_method as_ssl_supervised = {
    .name = "supervised",
    .title = "supervised",
    .family = "baseline",
    .about =
        "x -> a view -> f -> linear classifier;  L = mean of -log softmax(f W^T + b)[class]\n"
        "Not self-supervised: what the labels give, all of them or those that --per-class leaves.",
    .view = {"simclr", NULL},
    .params = params,
    .labels = true,
    .create = supervised_create,
    .destroy = supervised_destroy,
    .loss = supervised_loss,
};

static as_status untrained_create(as_ssl *s, as_err *err) {
  const as_encoder_cfg cfg = {s->o.arch, s->o.size, 1, false};
  as_encoder *e = NULL;
  as_status st = as_encoder_create(&e, &cfg, &s->student, err);
  as_encoder_destroy(&e);
  return st == AS_OK ? as_store_make(&s->student, s->o.seed, err) : st;
}

static void untrained_destroy(as_ssl *s) {
  (void)s; /* it has nothing of its own */
}

const as_ssl_method as_ssl_untrained = {
    .name = "untrained",
    .title = "untrained",
    .family = "baseline",
    .about =
        "The seeded network as every method with this seed starts, without a step.\n"
        "Not self-supervised: the floor.",
    .view = {NULL},
    .params = no_params,
    .create = untrained_create,
    .destroy = untrained_destroy,
};
