/* MoCo v3 (Chen, Xie and He 2021, arXiv 2104.02057; facebookresearch/moco-v3).
 *
 *   two views -> f -> projector -> predictor -> q1, q2        the same views -> f', projector' (EMA) -> k1, k2
 *   L = ctr(q1, k2) + ctr(q2, k1),   ctr(q, k) = 2 tau mean over i of -log softmax_j(q_i . k_j / tau)[i]
 *
 * No queue: the negatives are the batch's other keys. No shuffling: BatchNorm is over the whole batch, and the
 * predictor keeps queries and keys apart. f' moves before its forward, m from m0 to 1 by a cosine; the predictor has
 * no slow copy. What is evaluated is f.
 *
 * Gradient per direction: dq_i = (2 / B) sum over j of (P - I)_ij k_j: the factor 2 tau cancels the temperature. A key is a
 * sample, so the sum over j is one over samples (rule T2).
 *
 * Heads as the authors' for each family, without biases: projector Linear, BN, ReLU, Linear, BN without gain and offset (one
 * layer more on a transformer); predictor Linear, BN, ReLU, Linear (and such a BN on a transformer). A transformer's patch
 * projection stays as it was drawn, which is what keeps its training steady (section 4.2 of the paper). Its positions are those
 * of the architecture, learned, where the authors fix them to sines. Residual branches start at gain 1, not 0. */
#include "models/arch.h"
#include "models/ssl/methods_int.h"
#include "models/ssl/moco_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"

typedef struct mocov3 {
  as_branch base, momentum;
  as_head *predictor;
  as_head_pass *predict[2];
  as_inbatch loss;
  float *dz; /* [B, width] */
} mocov3;

/* ---- the loss ---- */

as_status as_inbatch_create(as_inbatch *x, int n, int d, as_err *err) {
  const size_t rows = (size_t)n, width = (size_t)d;
  x->logits = as_alloc(rows * rows, sizeof *x->logits, err);
  x->dq = as_alloc(rows * width, sizeof *x->dq, err);
  x->scratch = as_alloc(as_gemm_scratch(rows, width), 1, err);
  if (!x->logits || !x->dq || !x->scratch) return AS_E_ENV;
  return as_mix_create(&x->mix, n, d, rows, err);
}

void as_inbatch_clear(as_inbatch *x) {
  as_mix_clear(&x->mix);
  as_free(x->logits);
  as_free(x->dq);
  as_free(x->scratch);
}

double as_inbatch_loss(as_inbatch *x, const as_map *q, const as_map *k, double tau) {
  const size_t n = as_map_pixels(q), d = (size_t)q->c;
  as_gemm_nt(&(as_product){n, n, d, q->data, d, k->data, d, x->logits, n}, x->scratch);
  const as_map p = as_map_matrix(x->logits, n, n);
  as_ssl_softmax(&p, tau);
  double loss = 0.0;
  const float scale = (float)(2.0 / (double)n);
  for (size_t i = 0; i < n; i++) {
    float *own = &x->logits[i * n + i];
    loss -= as_log(*own > 0.0f ? (double)*own : 1e-38);
    *own = scale * (*own - 1.0f);
    for (size_t j = 0; j < i; j++) { /* to (2 / B) (P - I), transposed: rows are keys now */
      const float below = x->logits[i * n + j];
      x->logits[i * n + j] = scale * x->logits[j * n + i];
      x->logits[j * n + i] = scale * below;
    }
  }
  as_mix_run(&x->mix, &p, k, x->dq);
  return 2.0 * tau * loss / (double)n;
}

/* ---- the method ---- */

static const as_ssl_param params[] = {
    {"temperature", 0.2, "tau", "1 (ResNet), 0.2 (ViT)"},
    {"hidden", 256, "width of the hidden layers", "4096"},
    {"width", 128, "of the projections", "256"},
    {"ema", 0.97, "first momentum of the key encoder", "0.996 (1000 epochs), 0.99"},
    {NULL, 0, NULL, NULL},
};

static void mocov3_destroy(as_ssl *s) {
  mocov3 *m = s->state;
  if (!m) return;
  for (int v = 0; v < 2; v++) as_head_pass_destroy(&m->predict[v]);
  as_head_destroy(&m->predictor);
  as_branch_clear(&m->base);
  as_branch_clear(&m->momentum);
  as_inbatch_clear(&m->loss);
  as_free(m->dz);
  as_free(m);
}

static void freeze_patches(as_store *store) {
  static const char *const names[] = {"patch_embed.proj.weight", "patch_embed.proj.bias"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const size_t at = as_store_find(store, names[i]);
    if (at < store->n) store->slot[at].absent = true;
  }
}

static as_status make_mocov3_networks(mocov3 *m, as_ssl *s, as_err *err) {
  const int width = (int)as_ssl_value(s, "width"), hidden = (int)as_ssl_value(s, "hidden");
  as_arch arch;
  as_status st = as_arch_parse(&arch, s->o.arch, err);
  if (st != AS_OK) return st;
  const size_t deeper =
      arch.family == AS_FAMILY_VIT ? 3 : 0; /* layers of the list that a ResNet leaves out */
  const as_head_layer all[] = {{.kind = AS_HEAD_LINEAR, .width = hidden},
                               {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                               {.kind = AS_HEAD_RELU},
                               {.kind = AS_HEAD_LINEAR, .width = hidden},
                               {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                               {.kind = AS_HEAD_RELU},
                               {.kind = AS_HEAD_LINEAR, .width = width},
                               {.kind = AS_HEAD_BN},
                               {.kind = AS_HEAD_L2}}; /* of keys; the predictor takes z as it is */
  const as_head_layer predictor[] = {{.kind = AS_HEAD_LINEAR, .width = hidden},
                                     {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                                     {.kind = AS_HEAD_RELU},
                                     {.kind = AS_HEAD_LINEAR, .width = width},
                                     {.kind = deeper ? AS_HEAD_BN : AS_HEAD_L2},
                                     {.kind = AS_HEAD_L2}};
  as_branch_cfg cfg = {.store = &s->student,
                       .images = s->o.batch,
                       .passes = 2,
                       .backward = true,
                       .prefix = "projector",
                       .layers = all + 3 - deeper,
                       .n_layers = 5 + deeper};
  st = as_branch_create(&m->base, s, &cfg, err);
  if (st == AS_OK)
    st = as_head_create(&m->predictor, "predictor", width, predictor, deeper ? 6 : 5, (size_t)s->o.batch,
                        &s->student, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  for (int v = 0; v < 2 && st == AS_OK; v++)
    st = as_head_pass_create(&m->predict[v], m->predictor, true, err);
  cfg.store = &s->teacher, cfg.backward = false, cfg.n_layers++;
  if (st == AS_OK) st = as_branch_create(&m->momentum, s, &cfg, err);
  if (st == AS_OK) freeze_patches(&s->student);
  return st == AS_OK ? as_ssl_follow(s, err) : st;
}

static as_status mocov3_create(as_ssl *s, as_err *err) {
  mocov3 *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const size_t batch = (size_t)s->o.batch, width = (size_t)as_ssl_value(s, "width");
  as_status st = make_mocov3_networks(m, s, err);
  if (st == AS_OK) st = as_inbatch_create(&m->loss, s->o.batch, (int)width, err);
  if (st != AS_OK) return st;
  m->dz = as_alloc(batch * width, sizeof *m->dz, err);
  if (!m->dz) return AS_E_ENV;
  as_ssl_momentum(s, as_ssl_value(s, "ema"));
  as_ssl_two_views(s, &m->base);
  return AS_OK;
}

static double mocov3_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  mocov3 *m = s->state;
  const size_t batch = (size_t)s->o.batch;
  const as_map *q[2], *k[2];
  as_branch_pack(&m->base, true);
  as_head_pack(m->predictor, true);
  for (int v = 0; v < 2; v++)
    q[v] = as_head_forward(m->predict[v], as_branch_forward(&m->base, v, true), true);
  as_store_ema(&s->teacher, &s->student, as_schedule_at(&s->ema, s->step));
  as_branch_pack(&m->momentum, false);
  for (int v = 0; v < 2; v++) k[v] = as_ssl_teach(&m->momentum, &m->base, v);
  double loss = 0.0;
  for (int v = 0; v < 2; v++) {
    const as_map dq = as_map_matrix(m->loss.dq, batch, (size_t)q[v]->c);
    const as_map dz = as_map_matrix(m->dz, batch, (size_t)q[v]->c);
    loss += as_inbatch_loss(&m->loss, q[v], k[1 - v], as_ssl_value(s, "temperature"));
    as_head_backward(m->predict[v], &dq, &dz);
    as_branch_backward(&m->base, v, &dz);
  }
  return loss;
}

const as_ssl_method as_ssl_mocov3 = {
    .name = "moco-v3",
    .title = "MoCo v3",
    .family = "contrastive",
    .about =
        "two views -> f -> projector -> predictor -> q;  the same -> f' (EMA) -> projector' -> k\n"
        "L = ctr(q1, k2) + ctr(q2, k1), ctr = 2 tau mean of -log softmax(q k^T / tau)[i][i]\n"
        "Here: widths are small, tau 0.2 for all, a quick teacher; a transformer's positions are learned.",
    .view = {"byol-1", "byol-2", NULL},
    .params = params,
    .create = mocov3_create,
    .destroy = mocov3_destroy,
    .loss = mocov3_loss,
};
