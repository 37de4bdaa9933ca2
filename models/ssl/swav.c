/* SwAV (Caron et al. 2020, arXiv 2006.09882; facebookresearch/swav).
 *
 *   V views -> backbone -> projector -> u = z / |z| -> s = u W^T        W: K prototypes of length 1
 *   two large views: q_i = Sinkhorn(s_i), over the images of the batch    (sinkhorn_int.h; no gradient)
 *   L = (1/2) sum over i of (1 / (V - 1)) sum over v != i of mean over images of -sum over k of q_i log softmax(s_v / tau)
 *
 * "Swapped": a view is asked for the cluster that another view of its image was given. If it were its own, or if the
 * clusters were not balanced, one cluster for everything would do.
 *
 * Gradient: ds_v = sum over i != v of (P_v - q_i) / (2 (V - 1) B tau);  du = ds W;  dW = ds^T u. Rows of W are brought back
 * to length 1 before every forward, outside the gradient, and W has no gradient in the first `frozen` epochs: the network
 * settles on the random prototypes before they begin to move.
 *
 * Queue: where the batch is smaller than K, Sinkhorn sees earlier embeddings too, whose scores are taken anew with today's
 * W; their targets are thrown away. It fills from epoch `queue-from` on (counted from 0) and is used once it is full.
 * A ring of rows here; the authors shift, newest first, which changes nothing but the order of a sum. */
#include <string.h>

#include "models/ssl/methods_int.h"
#include "models/ssl/multicrop_int.h"
#include "models/ssl/sinkhorn_int.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"

typedef struct swav {
  as_crops net;
  as_prototypes prototypes;
  size_t queue;          /* rows for each of the two large views, or 0 */
  float *rows;           /* [2, queue, width] */
  uint64_t filled, next; /* rows that have been written; the one that is written next */
  float *scores;         /* [queue + B, K]: Sinkhorn's matrix */
  float *sums;           /* of Sinkhorn */
  float *q;              /* [2 B, K] */
  void *pack;            /* of the queue's product */
} swav;

static const as_ssl_param params[] = {
    {"prototypes", 64, "K", "3000"},
    {"width", 128, "of the embeddings", "128"},
    {"hidden", 128, "of the projector", "2048"},
    {"temperature", 0.1, "tau", "0.1"},
    {"epsilon", 0.05, "of Sinkhorn: smaller is harder", "0.05"},
    {"sinkhorn", 3, "rounds", "3"},
    {"frozen", 1, "epochs in which the prototypes stand still", "1 (313 steps)"},
    {"small-views", 0, "of half the side, 0 to 4", "6, or 0"},
    {"queue", 0, "earlier embeddings that Sinkhorn sees, whole batches", "0; 3840 at batch 256"},
    {"queue-from", 1, "epoch in which it starts, from 0", "15"},
    {NULL, 0, NULL, NULL},
};

static void swav_destroy(as_ssl *s) {
  swav *m = s->state;
  if (!m) return;
  as_crops_clear(&m->net);
  as_prototypes_clear(&m->prototypes);
  void *all[] = {m->rows, m->scores, m->sums, m->q, m->pack, m};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

static as_status swav_create(as_ssl *s, as_err *err) {
  swav *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const size_t k = (size_t)as_ssl_value(s, "prototypes"), width = (size_t)as_ssl_value(s, "width");
  const size_t batch = (size_t)s->o.batch;
  m->queue = (size_t)as_ssl_value(s, "queue");
  if (m->queue % batch != 0)
    return as_fail(err, AS_E_USAGE, "SwAV: found a queue of %zu, wanted whole batches of %zu", m->queue,
                   batch);
  as_status st = as_sinkhorn_check("SwAV", as_ssl_value(s, "epsilon"), as_ssl_value(s, "sinkhorn"), err);
  if (st == AS_OK) st = as_crops_create_projector(&m->net, s, err);
  if (st == AS_OK) st = as_prototypes_create(&m->prototypes, s, 1, k, width, m->net.views * batch, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  if (st != AS_OK) return st;
  const as_map scores = as_map_matrix(NULL, m->queue + batch, k);
  if (m->queue) m->rows = as_calloc(2 * m->queue * width, sizeof(float), err);
  m->scores = as_alloc(as_map_floats(&scores), sizeof(float), err);
  m->sums = as_alloc(as_sinkhorn_floats(&scores), sizeof(float), err);
  m->q = as_alloc(2 * batch * k, sizeof(float), err);
  m->pack = as_alloc(as_gemm_scratch(k, width), 1, err);
  if ((m->queue && !m->rows) || !m->scores || !m->sums || !m->q || !m->pack) return AS_E_ENV;
  if (m->queue) as_ssl_keep(s, m->rows, 2 * m->queue * width * sizeof(float), 4);
  as_ssl_keep(s, &m->filled, sizeof m->filled, 8);
  as_ssl_keep(s, &m->next, sizeof m->next, 8);
  return AS_OK;
}

/* q of the two large views, from their scores and the queue's. */
static void make_targets(swav *m, as_ssl *s, const as_map *logits) {
  const size_t batch = m->net.batch, width = m->prototypes.width, k = m->prototypes.k;
  const size_t earlier = m->filled == m->queue ? m->queue : 0;
  const as_map all = as_map_matrix(m->scores, earlier + batch, k);
  for (size_t i = 0; i < AS_LARGE_VIEWS; i++) {
    if (earlier)
      as_gemm_nt(&(as_product){earlier, k, width, m->rows + i * m->queue * width, width,
                               as_prototypes_value(&m->prototypes), width, m->scores, k},
                 m->pack);
    memcpy(m->scores + earlier * k, logits->data + i * batch * k, batch * k * sizeof(float));
    as_sinkhorn(&all, as_ssl_value(s, "epsilon"), (int)as_ssl_value(s, "sinkhorn"), m->sums);
    memcpy(m->q + i * batch * k, m->scores + earlier * k, batch * k * sizeof(float));
  }
  s->balance = as_target_balance(m->q, AS_LARGE_VIEWS * batch, k);
}

/* The large views' embeddings into the queue, in the place of the oldest. */
static void push_queue(swav *m, const as_ssl *s, const as_map *u) {
  const size_t batch = m->net.batch, width = m->prototypes.width;
  if (m->queue == 0 || (double)s->step < as_ssl_value(s, "queue-from") * (double)s->per_epoch) return;
  for (size_t i = 0; i < AS_LARGE_VIEWS; i++)
    memcpy(m->rows + (i * m->queue + m->next) * width, u->data + i * batch * width,
           batch * width * sizeof(float));
  m->next = (m->next + batch) % m->queue;
  if (m->filled < m->queue) m->filled += batch;
}

static double swav_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  swav *m = s->state;
  const double tau = as_ssl_value(s, "temperature");
  as_prototypes_normalise(&m->prototypes);
  const as_map *u = as_crops_forward(&m->net, false);
  const as_map *p = as_prototypes_forward(&m->prototypes, u); /* scores, then P, then ds */
  make_targets(m, s, p);
  push_queue(m, s, u);
  as_ssl_softmax(p, tau);
  const double loss = as_swap_loss(p, m->q, m->net.batch, tau);
  const as_map du = as_prototypes_backward(&m->prototypes, p);
  as_crops_backward(&m->net, &du);
  s->student.slot[m->prototypes.slot].absent =
      (double)s->step < as_ssl_value(s, "frozen") * (double)s->per_epoch;
  return loss;
}

const as_ssl_method as_ssl_swav = {
    .name = "swav",
    .title = "SwAV",
    .family = "clustering",
    .about =
        "2 large (and small) views -> f -> g -> u = z/|z| -> s = u W^T;  q = Sinkhorn(s) of the large views\n"
        "L = mean over pairs of different views of -sum q_i log softmax(s_v / tau)\n"
        "Here: few prototypes, no queue and no small views (--set small-views=4 has them), milder colour "
        "jitter.",
    .view = AS_SWAV_VIEWS,
    .params = params,
    .create = swav_create,
    .destroy = swav_destroy,
    .loss = swav_loss,
};
