/* Barlow Twins (Zbontar et al. 2021, arXiv 2103.03230; facebookresearch/barlowtwins).
 *
 *   z1, z2 -> BN without gain and offset, each -> C = Z1^T Z2 / B
 *   L = sum over i of (C_ii - 1)^2 + lambda sum over i != j of C_ij^2
 *
 * Gradient: dC_ii = 2 (C_ii - 1), dC_ij = 2 lambda C_ij;  dZ1 = Z2 dC^T / B,  dZ2 = Z1 dC / B; then BatchNorm backward.
 * C is a sum over samples (rule T2); the gradients are sums over features. Views pass one after the other. lambda belongs
 * to the width: 0.0051 at 8192 is far too small at 128 (2 / 128 is the size that works). */
#include "models/ssl/losses_int.h"
#include "models/ssl/methods_int.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"

typedef struct barlow {
  as_branch net;
  as_correlation correlation;
  float *dz; /* [2, B, width] */
} barlow;

static const as_ssl_param params[] = {
    {"lambda", 0.02, "weight of the off-diagonal", "0.0051 at width 8192"},
    {"width", 128, "of the projections", "8192"},
    {"lr", 4e-3, "learning rate", ""},
    {NULL, 0, NULL, NULL},
};

static void barlow_destroy(as_ssl *s) {
  barlow *m = s->state;
  if (!m) return;
  as_branch_clear(&m->net);
  as_correlation_clear(&m->correlation);
  as_free(m->dz);
  as_free(m);
}

static as_status barlow_create(as_ssl *s, as_err *err) {
  barlow *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const int width = (int)as_ssl_value(s, "width");
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
  if (st == AS_OK) st = as_correlation_create(&m->correlation, s->o.batch, width, err);
  m->dz = as_alloc(2 * (size_t)s->o.batch * (size_t)width, sizeof(float), err);
  if (st != AS_OK || !m->dz) return st != AS_OK ? st : AS_E_ENV;
  as_ssl_two_views(s, &m->net);
  return AS_OK;
}

as_status as_correlation_create(as_correlation *x, int rows, int width, as_err *err) {
  const size_t w = (size_t)width;
  const as_status st = as_mix_create(&x->mix, width, width, (size_t)rows, err);
  x->c = as_alloc(w * w, sizeof(float), err);
  x->scratch = as_alloc(as_gemm_scratch(w, w), 1, err);
  return st != AS_OK ? st : x->c && x->scratch ? AS_OK : AS_E_ENV;
}

void as_correlation_clear(as_correlation *x) {
  as_mix_clear(&x->mix);
  as_free(x->c);
  as_free(x->scratch);
}

double as_correlation_loss(as_correlation *x, const as_map z[2], double lambda, float *const dz[2]) {
  const size_t w = (size_t)z[0].c, n = as_map_pixels(&z[0]);
  const double batch = (double)n;
  as_mix_run(&x->mix, &z[0], &z[1], x->c);
  double loss = 0.0;
  for (size_t i = 0; i < w; i++)
    for (size_t j = 0; j < w; j++) {
      const double c = (double)x->c[i * w + j] / batch, off = i == j ? c - 1.0 : c, k = i == j ? 1.0 : lambda;
      loss += k * off * off;
      x->c[i * w + j] = (float)(2.0 * k * off / batch);
    }
  as_gemm_nt(&(as_product){n, w, w, z[1].data, w, x->c, w, dz[0], w}, x->scratch);
  as_gemm_nn(&(as_product){n, w, w, z[0].data, w, x->c, w, dz[1], w}, x->scratch);
  return loss;
}

static double barlow_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  barlow *m = s->state;
  as_branch_pack(&m->net, true);
  as_map z[2];
  for (int v = 0; v < 2; v++) z[v] = *as_branch_forward(&m->net, v, true); /* buffers in view order */
  const size_t w = (size_t)z[0].c, n = as_map_pixels(&z[0]);
  float *const dz[2] = {m->dz, m->dz + n * w};
  const double loss = as_correlation_loss(&m->correlation, z, as_ssl_value(s, "lambda"), dz);
  for (int v = 0; v < 2; v++) {
    const as_map d = as_map_matrix(dz[v], n, w);
    as_branch_backward(&m->net, v, &d);
  }
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
