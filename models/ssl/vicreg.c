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

#include "models/ssl/methods_int.h"
#include "models/ssl/ssl_int.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"

typedef struct vicreg {
  as_branch net;
  as_mix mix;
  float *zc, *dz; /* [B, width] */
  float *cov;     /* [width, width] */
  float *mean, *sums;
  void *scratch;
} vicreg;

static const as_ssl_param params[] = {
    {"invariance", 25, "a", "25"}, {"variance", 25, "b", "25"},
    {"covariance", 1, "c", "1"},   {"width", 128, "of the projections", "8192"},
    {NULL, 0, NULL, NULL},
};

static void vicreg_destroy(as_ssl *s) {
  vicreg *m = s->state;
  if (!m) return;
  as_branch_clear(&m->net);
  as_mix_clear(&m->mix);
  as_free(m->zc);
  as_free(m->dz);
  as_free(m->cov);
  as_free(m->mean);
  as_free(m->sums);
  as_free(m->scratch);
  as_free(m);
}

static as_status vicreg_create(as_ssl *s, as_err *err) {
  vicreg *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const int width = (int)as_ssl_value(s, "width");
  const size_t batch = (size_t)s->o.batch, w = (size_t)width;
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
  if (st == AS_OK) st = as_mix_create(&m->mix, width, width, batch, err);
  const as_map z = as_map_matrix(NULL, batch, w);
  m->zc = as_alloc(batch * w, sizeof(float), err);
  m->dz = as_alloc(batch * w, sizeof(float), err);
  m->cov = as_alloc(w * w, sizeof(float), err);
  m->mean = as_alloc(w, sizeof(float), err);
  m->sums = as_alloc(as_map_sum_floats(&z), sizeof(float), err);
  m->scratch = as_alloc(as_gemm_scratch(w, w), 1, err);
  if (st != AS_OK || !m->zc || !m->dz || !m->cov || !m->mean || !m->sums || !m->scratch)
    return st != AS_OK ? st : AS_E_ENV;
  as_ssl_two_views(s, &m->net);
  return AS_OK;
}

/* The part of the loss that belongs to view z alone; its gradient and the invariance's (the other view is `o`) in dz. */
static double one_view(vicreg *m, const as_ssl *s, const as_map *z, const as_map *o) {
  const double a = as_ssl_value(s, "invariance"), b = as_ssl_value(s, "variance"),
               c = as_ssl_value(s, "covariance");
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
        loss += std < 1.0 ? 0.5 * b * (1.0 - std) / d : 0.0;
        m->mean[i] = (float)(std < 1.0 ? -0.5 * b / (d * (rows - 1.0) * std) : 0.0);
      } else {
        loss += c * cov * cov / d;
      }
      m->cov[i * w + j] = (float)(i == j ? 0.0 : 4.0 * c * cov / (d * (rows - 1.0)));
    }
  as_gemm_nn(&(as_product){n, w, w, m->zc, w, m->cov, w, m->dz, w}, m->scratch);
  const float k = (float)(2.0 * a / (rows * d));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < w; j++) {
      const size_t at = i * w + j;
      const float pull = k * (z->data[at] - o->data[at]), spread = m->mean[j] * m->zc[at];
      m->dz[at] = (m->dz[at] + spread) + pull;
    }
  return loss;
}

static double vicreg_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  vicreg *m = s->state;
  as_branch_pack(&m->net, true);
  const as_map *z[2] = {as_branch_forward(&m->net, 0, true), as_branch_forward(&m->net, 1, true)};
  const size_t n = as_map_pixels(z[0]), w = (size_t)z[0]->c;
  double square = 0.0, loss = 0.0;
  for (size_t i = 0; i < n * w; i++) {
    const double d = (double)z[0]->data[i] - (double)z[1]->data[i];
    square += d * d;
  }
  const as_map dz = as_map_matrix(m->dz, n, w);
  for (int v = 0; v < 2; v++) {
    loss += one_view(m, s, z[v], z[1 - v]);
    as_branch_backward(&m->net, v, &dz);
  }
  return loss + as_ssl_value(s, "invariance") * square / ((double)n * (double)w);
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
