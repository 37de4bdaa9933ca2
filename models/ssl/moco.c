/* MoCo v2 (He et al. 2020, arXiv 1911.05722; Chen et al. 2020, arXiv 2003.04297; facebookresearch/moco).
 *
 *   q-view -> f_q -> head -> q        k-view (shuffled) -> f_k -> head -> k        queue: K keys of earlier batches
 *   logits = [ q.k+ , q.queue ] / tau;   L = mean of -log softmax(logits)[0]
 *   f_k = m f_k + (1 - m) f_q before the keys are made;  the keys go into the queue after the loss
 *
 * Gradient: dq = ((P_0 - 1) k+ + sum over j of P_j n_j) / (B tau). The queue is a matrix of weights here, so the sum over its
 * rows is one chain (rule 2). The queue starts with random unit vectors.
 *
 * Head: Linear, ReLU, Linear, with biases, in the authors' code. Small networks learn little behind it (a probe after six
 * epochs: 30.6 %, with BatchNorm 38.3 %, weights/miniature/tuning.tsv), so by default BatchNorm stands in front of the ReLU,
 * in place of that layer's bias, as in MoCo v3 (head-bn=0: as published). The keys' head normalises within the groups, as
 * their backbone does.
 *
 * Shuffled BatchNorm on one device: keys are normalised in groups of `group` images of a seeded permutation, so that a
 * query and its key do not share statistics. */
#include <math.h>
#include <string.h>

#include "models/ssl/methods_int.h"
#include "models/ssl/moco_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/kern/kernels.h"
#include "tensor/linear.h"

static const as_ssl_param params[] = {
    AS_MOCO_PARAMS(0.1, "65536"),
    {NULL, 0, NULL, NULL},
};

void as_moco_clear(as_moco *m) {
  as_branch_clear(&m->query);
  as_branch_clear(&m->key);
  void *all[] = {m->pixels, m->keys, m->queue, m->order, m->logits, m->dq, m->scratch};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

static void start_queue(as_moco *m, uint64_t seed) {
  const as_rng r = as_rng_make(seed, as_rng_stream("moco.queue"));
  for (size_t i = 0; i < m->k * m->d; i++) m->queue[i] = (float)as_rng_normal(r, i);
  for (size_t i = 0; i < m->k; i++) as_k.l2norm(m->d, m->queue + i * m->d, m->queue + i * m->d);
}

static as_status make_room(as_moco *m, const as_ssl *s, as_err *err) {
  const size_t batch = (size_t)s->o.batch;
  m->images = *as_encoder_images(m->query.pass[0], s->o.batch);
  m->pixels = as_alloc(as_map_floats(&m->images), sizeof(float), err);
  m->keys = as_alloc(batch * m->d, sizeof(float), err);
  m->queue = as_alloc(m->k * m->d, sizeof(float), err);
  m->order = as_alloc(batch, sizeof *m->order, err);
  m->logits = as_alloc(batch * (m->k + 1), sizeof(float), err);
  m->dq = as_alloc(batch * m->d, sizeof(float), err);
  const size_t a = as_gemm_scratch(m->k, m->d), b = as_gemm_scratch(m->d, m->k);
  m->scratch = as_alloc(a > b ? a : b, 1, err);
  if (!m->pixels || !m->keys || !m->queue || !m->order || !m->logits || !m->dq || !m->scratch)
    return AS_E_ENV;
  as_map_place(&m->images, m->pixels);
  return AS_OK;
}

as_status as_moco_create(as_moco *m, as_ssl *s, as_err *err) {
  const int width = (int)as_ssl_value(s, "width"), batch = s->o.batch;
  int group = (int)as_ssl_value(s, "group");
  if (group > batch) group = batch;
  m->k = (size_t)as_ssl_value(s, "queue"), m->d = (size_t)width, m->group = (size_t)group;
  if (group < 1 || batch % group != 0 || m->k < (size_t)batch || m->k % (size_t)batch != 0)
    return as_fail(err, AS_E_USAGE,
                   "%s: found batch %d, group %d, queue %zu; wanted a batch of whole groups and a queue of "
                   "whole batches",
                   s->method->title, batch, group, m->k);
  const bool bn = as_ssl_value(s, "head-bn") > 0;
  as_head_layer head[5];
  size_t n = 0;
  head[n++] = (as_head_layer){.kind = AS_HEAD_LINEAR, .width = width, .bias = !bn};
  if (bn) head[n++] = (as_head_layer){.kind = AS_HEAD_BN, .gain = true, .offset = true};
  head[n++] = (as_head_layer){.kind = AS_HEAD_RELU};
  head[n++] = (as_head_layer){.kind = AS_HEAD_LINEAR, .width = width, .bias = true};
  head[n++] = (as_head_layer){.kind = AS_HEAD_L2};
  as_branch_cfg cfg = {.store = &s->student,
                       .images = batch,
                       .passes = 1,
                       .backward = true,
                       .prefix = "head",
                       .layers = head,
                       .n_layers = n};
  as_status st = as_branch_create(&m->query, s, &cfg, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  cfg.store = &s->teacher, cfg.backward = false, cfg.images = group;
  if (st == AS_OK) st = as_branch_create(&m->key, s, &cfg, err);
  if (st == AS_OK) st = as_ssl_follow(s, err);
  if (st == AS_OK) st = make_room(m, s, err);
  if (st != AS_OK) return st;
  start_queue(m, s->o.seed);
  as_ssl_keep(s, m->queue, m->k * m->d * sizeof(float), 4);
  as_ssl_keep(s, &m->next, sizeof m->next, 8);
  s->n_views = 2;
  s->view[0] = *as_encoder_images(m->query.pass[0], batch);
  s->view[1] = m->images;
  return AS_OK;
}

/* Keys of the second views, in groups of a permutation; each row goes back to its image's place. */
static void make_keys(as_moco *m, const as_ssl *s) {
  const size_t batch = (size_t)s->o.batch, d = m->d;
  as_rng_permutation(as_rng_make(s->o.seed, as_rng_stream("moco.shuffle") + s->step), m->order, batch);
  as_branch_pack(&m->key, false);
  for (size_t first = 0; first < batch; first += m->group) {
    const as_map *to = as_encoder_images(m->key.pass[0], (int)m->group);
    for (size_t i = 0; i < m->group; i++) {
      const as_map one = as_map_part(&m->images, (int)m->order[first + i], 1),
                   at = as_map_part(to, (int)i, 1);
      as_map_copy(&one, &at);
    }
    const as_map *k = as_branch_forward(&m->key, 0, true);
    for (size_t i = 0; i < m->group; i++)
      memcpy(m->keys + m->order[first + i] * d, k->data + i * d, d * sizeof(float));
  }
}

const as_map *as_moco_forward(as_moco *m, as_ssl *s) {
  as_store_ema(&s->teacher, &s->student, as_ssl_value(s, "ema"));
  make_keys(m, s);
  as_branch_pack(&m->query, true);
  return as_branch_forward(&m->query, 0, true);
}

double as_moco_infonce(as_moco *m, const as_map *q, double tau) {
  const size_t batch = as_map_pixels(q), row = m->k + 1, d = m->d;
  as_gemm_nt(&(as_product){batch, m->k, d, q->data, d, m->queue, d, m->logits + 1, row}, m->scratch);
  for (size_t i = 0; i < batch; i++) {
    float dot = 0.0f;
    for (size_t j = 0; j < d; j++) dot = fmaf(q->data[i * d + j], m->keys[i * d + j], dot);
    m->logits[i * row] = dot;
  }
  const as_map p = as_map_matrix(m->logits, batch, row);
  as_ssl_softmax(&p, tau);
  double loss = 0.0;
  const float scale = (float)(1.0 / ((double)batch * tau));
  as_gemm_nn(&(as_product){batch, d, m->k, m->logits + 1, row, m->queue, d, m->dq, d}, m->scratch);
  for (size_t i = 0; i < batch; i++) {
    const float p0 = m->logits[i * row];
    loss -= as_log(p0 > 0.0f ? (double)p0 : 1e-38);
    for (size_t j = 0; j < d; j++)
      m->dq[i * d + j] = scale * fmaf(p0 - 1.0f, m->keys[i * d + j], m->dq[i * d + j]);
  }
  return loss / (double)batch;
}

void as_moco_enqueue(as_moco *m) {
  const size_t batch = (size_t)m->images.n;
  memcpy(m->queue + m->next * m->d, m->keys, batch * m->d * sizeof(float));
  m->next = (m->next + batch) % m->k;
}

static as_status moco_create(as_ssl *s, as_err *err) {
  s->state = as_calloc(1, sizeof(as_moco), err);
  return s->state ? as_moco_create(s->state, s, err) : AS_E_ENV;
}

static void moco_destroy(as_ssl *s) {
  if (!s->state) return;
  as_moco_clear(s->state);
  as_free(s->state);
}

static double moco_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  as_moco *m = s->state;
  const as_map *q = as_moco_forward(m, s);
  const double loss = as_moco_infonce(m, q, as_ssl_value(s, "temperature"));
  const as_map dq = as_map_matrix(m->dq, as_map_pixels(q), m->d);
  as_branch_backward(&m->query, 0, &dq);
  as_moco_enqueue(m);
  return loss;
}

const as_ssl_method as_ssl_moco = {
    .name = "moco",
    .title = "MoCo v2",
    .family = "contrastive",
    .about =
        "q-view -> f_q -> q;  shuffled k-view -> f_k (EMA) -> k+;  queue of K earlier keys\n"
        "L = mean of -log softmax([q.k+, q.queue] / tau)[0]\n"
        "Here: a small queue and a quick teacher; keys in shuffled groups stand for shuffled BN over GPUs.",
    .view = {"moco", "moco", NULL},
    .params = params,
    .create = moco_create,
    .destroy = moco_destroy,
    .loss = moco_loss,
};
