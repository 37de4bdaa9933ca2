/* VICReg (Bardes et al. 2022, arXiv 2105.04906; facebookresearch/vicreg).
 *
 *   L = a mse(z1, z2) + b [V(z1) + V(z2)] / 2 + c [C(z1) + C(z2)]
 *   mse: mean over rows and columns;  V = mean over columns of max(0, 1 - sqrt(var + 1e-4)), var with n - 1
 *   C = sum over i != j of Cov_ij^2 / D, Cov with 1 / (B - 1)
 *
 * Gradient for z (the other view z', zc = z less its column means):
 *   2a (z - z') / (B D) - (b / 2D) [std_j < 1] zc / ((B - 1) std_j) + 4c / (D (B - 1)) zc offdiag(Cov)
 * The code's halving of the variance term is followed, not the paper's text. */
#include <math.h>

#include "models/ssl/losses_int.h"
#include "models/ssl/methods_int.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"

typedef struct vicreg {
  as_branch net;
  as_covariance covariance;
  float *dz; /* [2, B, width] */
} vicreg;

static const as_ssl_param params[] = {
    {"invariance", 25, "a", "25"}, {"variance", 25, "b", "25"},
    {"covariance", 4, "c", "1"},   {"width", 128, "of the projections", "8192"},
    {NULL, 0, NULL, NULL},
};

static void vicreg_destroy(as_ssl *s) {
  vicreg *m = s->state;
  if (!m) return;
  as_branch_clear(&m->net);
  as_covariance_clear(&m->covariance);
  as_free(m->dz);
  as_free(m);
}

static as_status vicreg_create(as_ssl *s, as_err *err) {
  vicreg *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const int width = (int)as_ssl_value(s, "width");
  const as_head_layer layers[] = {{.kind = AS_HEAD_LINEAR, .width = width, .bias = true},
                                  {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                                  {.kind = AS_HEAD_RELU},
                                  {.kind = AS_HEAD_LINEAR, .width = width}};
  const as_branch_cfg cfg = {.store = &s->student,
                             .images = s->o.batch,
                             .passes = 2,
                             .backward = true,
                             .prefix = "projector",
                             .layers = layers,
                             .n_layers = 4};
  as_status st = as_branch_create(&m->net, s, &cfg, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  if (st == AS_OK) st = as_covariance_create(&m->covariance, s->o.batch, width, err);
  m->dz = as_alloc(2 * (size_t)s->o.batch * (size_t)width, sizeof(float), err);
  if (st != AS_OK || !m->dz) return st != AS_OK ? st : AS_E_ENV;
  as_ssl_two_views(s, &m->net);
  return AS_OK;
}

as_status as_covariance_create(as_covariance *x, int rows, int width, as_err *err) {
  const size_t n = (size_t)rows, w = (size_t)width;
  const as_map z = as_map_matrix(NULL, n, w);
  const as_status st = as_mix_create(&x->mix, width, width, n, err);
  x->zc = as_alloc(n * w, sizeof(float), err);
  x->cov = as_alloc(w * w, sizeof(float), err);
  x->mean = as_alloc(w, sizeof(float), err);
  x->sums = as_alloc(as_map_sum_floats(&z), sizeof(float), err);
  x->scratch = as_alloc(as_gemm_scratch(w, w), 1, err);
  if (st != AS_OK) return st;
  return x->zc && x->cov && x->mean && x->sums && x->scratch ? AS_OK : AS_E_ENV;
}

void as_covariance_clear(as_covariance *x) {
  as_mix_clear(&x->mix);
  void *all[] = {x->zc, x->cov, x->mean, x->sums, x->scratch};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

/* The part of the loss that belongs to view z alone; its gradient and the invariance's (the other view is `o`) in dz. */
static double one_view(as_covariance *m, const as_vicreg_weights *weights, const as_map *z, const as_map *o,
                       float *dz) {
  const double a = weights->invariance, b = weights->variance, c = weights->covariance;
  const size_t n = as_map_pixels(z), w = (size_t)z->c;
  const double rows = (double)n, d = (double)w;
  as_map_sum(z, m->mean, m->sums);
  for (size_t j = 0; j < w; j++) m->mean[j] = (float)((double)m->mean[j] / rows);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < w; j++) m->zc[i * w + j] = z->data[i * w + j] - m->mean[j];
  const as_map zc = as_map_matrix(m->zc, n, w);
  as_mix_run(&m->mix, &zc, &zc, m->cov);
  double loss = 0.0;
  for (size_t i = 0; i < w; i++)
    for (size_t j = 0; j < w; j++) {
      const double cov = (double)m->cov[i * w + j] / (rows - 1.0);
      if (i == j) {
        const double std = sqrt(cov + 1e-4);
        m->deviation += fmin(std, 1.0) / (2.0 * d);
        loss += std < 1.0 ? 0.5 * b * (1.0 - std) / d : 0.0;
        m->mean[i] = (float)(std < 1.0 ? -0.5 * b / (d * (rows - 1.0) * std) : 0.0);
      } else {
        loss += c * cov * cov / d;
      }
      m->cov[i * w + j] = (float)(i == j ? 0.0 : 4.0 * c * cov / (d * (rows - 1.0)));
    }
  as_gemm_nn(&(as_product){n, w, w, m->zc, w, m->cov, w, dz, w}, m->scratch);
  const float k = (float)(2.0 * a / (rows * d));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < w; j++) {
      const size_t at = i * w + j;
      const float pull = k * (z->data[at] - o->data[at]), spread = m->mean[j] * m->zc[at];
      dz[at] = (dz[at] + spread) + pull;
    }
  return loss;
}

double as_vicreg_loss(as_covariance *x, const as_map z[2], const as_vicreg_weights *w, float *const dz[2]) {
  const size_t n = as_map_pixels(&z[0]) * (size_t)z[0].c;
  double square = 0.0, loss = 0.0;
  x->deviation = 0.0;
  for (size_t i = 0; i < n; i++) {
    const double d = (double)z[0].data[i] - (double)z[1].data[i];
    square += d * d;
  }
  for (int v = 0; v < 2; v++) loss += one_view(x, w, &z[v], &z[1 - v], dz[v]);
  return loss + w->invariance * square / (double)n;
}

static double vicreg_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  vicreg *m = s->state;
  as_branch_pack(&m->net, true);
  as_map z[2];
  for (int v = 0; v < 2; v++) z[v] = *as_branch_forward(&m->net, v, true); /* buffers in view order */
  const size_t w = (size_t)z[0].c, n = as_map_pixels(&z[0]);
  const as_vicreg_weights weights = {as_ssl_value(s, "invariance"), as_ssl_value(s, "variance"),
                                     as_ssl_value(s, "covariance")};
  float *const dz[2] = {m->dz, m->dz + n * w};
  const double loss = as_vicreg_loss(&m->covariance, z, &weights, dz);
  s->deviation = m->covariance.deviation;
  for (int v = 0; v < 2; v++) {
    const as_map d = as_map_matrix(dz[v], n, w);
    as_branch_backward(&m->net, v, &d);
  }
  return loss;
}

const as_ssl_method as_ssl_vicreg = {
    .name = "vicreg",
    .title = "VICReg",
    .family = "redundancy",
    .about =
        "L = a mse(z1, z2) + b [V(z1) + V(z2)]/2 + c [C(z1) + C(z2)]\n"
        "V: hinge on the deviation of each column; C: squares of the covariances\n"
        "Here: two projector layers of small width.",
    .view = {"byol-1", "byol-2", NULL},
    .params = params,
    .create = vicreg_create,
    .destroy = vicreg_destroy,
    .loss = vicreg_loss,
};
