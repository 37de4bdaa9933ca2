/* SimSiam (Chen and He 2021, arXiv 2011.10566; facebookresearch/simsiam).
 *
 *   two views -> the same f, g -> z;   p = h(z);   L = -1/2 [ cos(p1, sg z2) + cos(p2, sg z1) ], means over B
 *
 * Gradient: dp = -(1 / 2B) (z^ - (p^ . z^) p^) / |p|; it reaches z through the predictor alone. Projector: two layers of
 * Linear without bias and BN, the last BN without gain and offset (the CIFAR variant; ImageNet has three); predictor:
 * Linear without bias, BN, ReLU, Linear with bias, narrow in the middle. Views pass one after the other. */
#include "models/ssl/methods_int.h"
#include "models/ssl/ssl_int.h"
#include "tensor/base/mem.h"

typedef struct simsiam {
  as_branch net;
  as_head *predictor;
  as_head_pass *predict[2];
  float *dp, *dz;
} simsiam;

static const as_ssl_param params[] = {
    {"width", 128, "of the projections", "2048"},
    {"narrow", 64, "of the predictor's middle", "512"},
    {NULL, 0, NULL, NULL},
};

static void simsiam_destroy(as_ssl *s) {
  simsiam *m = s->state;
  if (!m) return;
  for (int v = 0; v < 2; v++) as_head_pass_destroy(&m->predict[v]);
  as_head_destroy(&m->predictor);
  as_branch_clear(&m->net);
  as_free(m->dp);
  as_free(m->dz);
  as_free(m);
}

static as_status simsiam_create(as_ssl *s, as_err *err) {
  simsiam *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const int width = (int)as_ssl_value(s, "width"), narrow = (int)as_ssl_value(s, "narrow");
  const size_t batch = (size_t)s->o.batch;
  const as_head_layer projector[] = {{.kind = AS_HEAD_LINEAR, .width = width},
                                     {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                                     {.kind = AS_HEAD_RELU},
                                     {.kind = AS_HEAD_LINEAR, .width = width},
                                     {.kind = AS_HEAD_BN}};
  const as_head_layer predictor[] = {{.kind = AS_HEAD_LINEAR, .width = narrow},
                                     {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                                     {.kind = AS_HEAD_RELU},
                                     {.kind = AS_HEAD_LINEAR, .width = width, .bias = true}};
  const as_branch_cfg cfg = {.store = &s->student,
                             .images = s->o.batch,
                             .passes = 2,
                             .backward = true,
                             .prefix = "projector",
                             .layers = projector,
                             .n_layers = 5};
  as_status st = as_branch_create(&m->net, s, &cfg, err);
  if (st == AS_OK)
    st = as_head_create(&m->predictor, "predictor", width, predictor, 4, batch, &s->student, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  for (int v = 0; v < 2 && st == AS_OK; v++)
    st = as_head_pass_create(&m->predict[v], m->predictor, true, err);
  m->dp = as_alloc(batch * (size_t)width, sizeof(float), err);
  m->dz = as_alloc(batch * (size_t)width, sizeof(float), err);
  if (st != AS_OK || !m->dp || !m->dz) return st != AS_OK ? st : AS_E_ENV;
  as_ssl_two_views(s, &m->net);
  return AS_OK;
}

static double simsiam_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  simsiam *m = s->state;
  const double batch = (double)s->o.batch;
  const as_map *p[2], *z[2];
  as_branch_pack(&m->net, true);
  as_head_pack(m->predictor, true);
  for (int v = 0; v < 2; v++) {
    z[v] = as_branch_forward(&m->net, v, true);
    p[v] = as_head_forward(m->predict[v], z[v], true);
  }
  double cosines = 0.0;
  for (int v = 0; v < 2; v++) {
    const as_map dp = as_map_matrix(m->dp, (size_t)s->o.batch, (size_t)p[v]->c);
    const as_map dz = as_map_matrix(m->dz, (size_t)s->o.batch, (size_t)p[v]->c);
    cosines += as_ssl_cosine(p[v], z[1 - v], 0.5 / batch, &dp);
    as_head_backward(m->predict[v], &dp, &dz);
    as_branch_backward(&m->net, v, &dz);
  }
  return -0.5 * cosines / batch;
}

const as_ssl_method as_ssl_simsiam = {
    .name = "simsiam",
    .title = "SimSiam",
    .family = "distillation",
    .about =
        "two views -> f, g -> z;  p = h(z);  L = -1/2 [cos(p1, sg z2) + cos(p2, sg z1)]\n"
        "Here: two projector layers, as for CIFAR; widths are small.",
    .view = {"moco", "moco", NULL},
    .params = params,
    .create = simsiam_create,
    .destroy = simsiam_destroy,
    .loss = simsiam_loss,
};
