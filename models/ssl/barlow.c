/* Barlow Twins (Zbontar et al. 2021, arXiv 2103.03230; facebookresearch/barlowtwins).
 *
 *   z1, z2 -> BN without gain and offset, each -> C = Z1^T Z2 / B
 *   L = sum over i of (C_ii - 1)^2 + lambda sum over i != j of C_ij^2
 *
 * Gradient: dC_ii = 2 (C_ii - 1), dC_ij = 2 lambda C_ij;  dZ1 = Z2 dC^T / B,  dZ2 = Z1 dC / B; then BatchNorm backward.
 * C is a sum over samples (rule T2); the gradients are sums over features. Views pass one after the other. lambda belongs
 * to the width: 0.0051 at 8192 is far too small at 128 (2 / 128 is the size that works). */
#include "models/ssl/methods_int.h"
#include "models/ssl/ssl_int.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"

typedef struct barlow {
  as_branch net;
  as_mix mix;
  float *c;  /* [width, width]: C, then dC / B */
  float *dz; /* [B, width] */
  void *scratch;
} barlow;

static const as_ssl_param params[] = {
    {"lambda", 0.02, "weight of the off-diagonal", "0.0051 at width 8192"},
    {"width", 128, "of the projections", "8192"},
    {NULL, 0, NULL, NULL},
};

static void barlow_destroy(as_ssl *s) {
  barlow *m = s->state;
  if (!m) return;
  as_branch_clear(&m->net);
  as_mix_clear(&m->mix);
  as_free(m->c);
  as_free(m->dz);
  as_free(m->scratch);
  as_free(m);
}

static as_status barlow_create(as_ssl *s, as_err *err) {
  barlow *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const int width = (int)as_ssl_value(s, "width");
  const size_t batch = (size_t)s->o.batch, w = (size_t)width;
  const as_head_layer layers[] = {{.kind = AS_HEAD_LINEAR, .width = width},
                                  {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                                  {.kind = AS_HEAD_RELU},
                                  {.kind = AS_HEAD_LINEAR, .width = width},
                                  {.kind = AS_HEAD_BN}};
  const as_branch_cfg cfg = {.store = &s->student,
                             .images = s->o.batch,
                             .passes = 2,
                             .backward = true,
                             .prefix = "projector",
                             .layers = layers,
                             .n_layers = 5};
  as_status st = as_branch_create(&m->net, s, &cfg, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  if (st == AS_OK) st = as_mix_create(&m->mix, width, width, batch, err);
  m->c = as_alloc(w * w, sizeof(float), err);
  m->dz = as_alloc(batch * w, sizeof(float), err);
  m->scratch = as_alloc(as_gemm_scratch(w, w), 1, err);
  if (st != AS_OK || !m->c || !m->dz || !m->scratch) return st != AS_OK ? st : AS_E_ENV;
  as_ssl_two_views(s, &m->net);
  return AS_OK;
}

static double barlow_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  barlow *m = s->state;
  const double lambda = as_ssl_value(s, "lambda"), batch = (double)s->o.batch;
  as_branch_pack(&m->net, true);
  const as_map *z1 = as_branch_forward(&m->net, 0, true), *z2 = as_branch_forward(&m->net, 1, true);
  const size_t w = (size_t)z1->c, n = (size_t)s->o.batch;
  as_mix_run(&m->mix, z1, z2, m->c);
  double loss = 0.0;
  for (size_t i = 0; i < w; i++)
    for (size_t j = 0; j < w; j++) {
      const double c = (double)m->c[i * w + j] / batch, off = i == j ? c - 1.0 : c, k = i == j ? 1.0 : lambda;
      loss += k * off * off;
      m->c[i * w + j] = (float)(2.0 * k * off / batch);
    }
  const as_map dz = as_map_matrix(m->dz, n, w);
  as_gemm_nt(&(as_product){n, w, w, z2->data, w, m->c, w, m->dz, w}, m->scratch);
  as_branch_backward(&m->net, 0, &dz);
  as_gemm_nn(&(as_product){n, w, w, z1->data, w, m->c, w, m->dz, w}, m->scratch);
  as_branch_backward(&m->net, 1, &dz);
  return loss;
}

const as_ssl_method as_ssl_barlow = {
    .name = "barlow",
    .title = "Barlow Twins",
    .family = "redundancy",
    .about =
        "z1, z2 -> BN -> C = Z1^T Z2 / B;  L = sum (C_ii - 1)^2 + lambda sum C_ij^2\n"
        "Here: two projector layers of small width, lambda to match.",
    .view = {"byol-1", "byol-2", NULL},
    .params = params,
    .create = barlow_create,
    .destroy = barlow_destroy,
    .loss = barlow_loss,
};
