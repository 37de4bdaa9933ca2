/* SimCLR (Chen et al. 2020, arXiv 2002.05709; google-research/simclr).
 *
 *   x -> two views -> [2B] -> backbone f -> projector g -> z -> u = z / |z|
 *   S = U U^T / tau without its diagonal;  P = softmax of each row;  positive of row i: the other view of its image
 *   L = mean over the 2B rows of -log P[i][pos(i)]                                   (paper, equation 1)
 *
 * Gradient: G = (P - Y) / 2B, Y the one-hot positives;  dU = (G + G^T) U / tau: each u is a row of the logits and a
 * column of everybody else's. Then through the normalisation.
 *
 * The authors' code sums the two views' means, which is twice the paper's loss; the paper is followed here. Both views
 * pass through the network in one batch, as there: BatchNorm's statistics are over 2B images. The projector has two
 * layers with BatchNorm, the last one with gain and without offset (model_util.py). */
#include <string.h>

#include "models/ssl/losses_int.h"
#include "models/ssl/methods_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"

typedef struct simclr {
  as_branch net;
  as_contrast contrast;
  float *du; /* [2B, width] */
} simclr;

static const as_ssl_param params[] = {
    {"temperature", 0.1, "tau", "0.1 (README), 0.5 at small batches"},
    {"width", 128, "of the projector's two layers", "2048, 128"},
    {"lr", 6e-3, "learning rate", ""},
    {NULL, 0, NULL, NULL},
};

static void simclr_destroy(as_ssl *s) {
  simclr *m = s->state;
  if (!m) return;
  as_branch_clear(&m->net);
  as_contrast_clear(&m->contrast);
  as_free(m->du);
  as_free(m);
}

static as_status simclr_create(as_ssl *s, as_err *err) {
  simclr *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const int rows = 2 * s->o.batch, width = (int)as_ssl_value(s, "width");
  const as_head_layer layers[] = {{.kind = AS_HEAD_LINEAR, .width = width},
                                  {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                                  {.kind = AS_HEAD_RELU},
                                  {.kind = AS_HEAD_LINEAR, .width = width},
                                  {.kind = AS_HEAD_BN, .gain = true},
                                  {.kind = AS_HEAD_L2}};
  const as_branch_cfg cfg = {.store = &s->student,
                             .images = rows,
                             .passes = 1,
                             .backward = true,
                             .zero_gain = false,
                             .prefix = "projector",
                             .layers = layers,
                             .n_layers = sizeof layers / sizeof *layers};
  as_status st = as_branch_create(&m->net, s, &cfg, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  if (st == AS_OK) st = as_contrast_create(&m->contrast, rows, width, err);
  m->du = as_alloc((size_t)rows * (size_t)width, sizeof(float), err);
  if (st != AS_OK || !m->du) return st != AS_OK ? st : AS_E_ENV;
  const as_map *images = as_encoder_images(m->net.pass[0], rows);
  s->n_views = 2;
  for (int v = 0; v < 2; v++) s->view[v] = as_map_part(images, v * s->o.batch, s->o.batch);
  return AS_OK;
}

as_status as_contrast_create(as_contrast *c, int rows, int width, as_err *err) {
  const size_t n = (size_t)rows, d = (size_t)width;
  const as_status st = as_mix_create(&c->mix, rows, width, n, err);
  c->logits = as_alloc(n * n, sizeof(float), err);
  c->scratch = as_alloc(as_gemm_scratch(n, d), 1, err);
  return st != AS_OK ? st : c->logits && c->scratch ? AS_OK : AS_E_ENV;
}

void as_contrast_clear(as_contrast *c) {
  as_mix_clear(&c->mix);
  as_free(c->logits);
  as_free(c->scratch);
}

double as_contrast_loss(as_contrast *c, const as_map *u, double tau, float *du) {
  const size_t n = as_map_pixels(u), d = (size_t)u->c;
  as_gemm_nt(&(as_product){n, n, d, u->data, d, u->data, d, c->logits, n}, c->scratch);
  const as_map p = as_map_matrix(c->logits, n, n);
  for (size_t i = 0; i < n; i++) c->logits[i * n + i] = -1e30f; /* softmax makes it +0 */
  as_ssl_softmax(&p, tau);
  double loss = 0.0;
  for (size_t i = 0; i < n; i++) {
    float *row = c->logits + i * n;
    const size_t pos = (i + n / 2) % n;
    loss -= as_log(row[pos] > 0.0f ? (double)row[pos] : 1e-38);
    row[pos] = row[pos] - 1.0f;
  }
  const float scale = (float)(1.0 / ((double)n * tau));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      const float g = scale * (c->logits[i * n + j] + c->logits[j * n + i]);
      c->logits[i * n + j] = c->logits[j * n + i] = g;
    }
  as_mix_run(&c->mix, &p, u, du); /* symmetric: its transpose is itself */
  return loss / (double)n;
}

static double simclr_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  simclr *m = s->state;
  as_branch_pack(&m->net, true);
  const as_map *u = as_branch_forward(&m->net, 0, true);
  const double loss = as_contrast_loss(&m->contrast, u, as_ssl_value(s, "temperature"), m->du);
  const as_map du = as_map_matrix(m->du, as_map_pixels(u), (size_t)u->c);
  as_branch_backward(&m->net, 0, &du);
  return loss;
}

const as_ssl_method as_ssl_simclr = {
    .name = "simclr",
    .title = "SimCLR",
    .family = "contrastive",
    .about =
        "x -> two views -> f -> g -> u = z/|z|;  S = U U^T / tau, no diagonal\n"
        "L = mean over 2B rows of -log softmax(S)[i][other view of i]\n"
        "Here: the paper's mean (the code's loss is twice that), a projector of two layers.",
    .view = {"simclr", "simclr", NULL},
    .params = params,
    .create = simclr_create,
    .destroy = simclr_destroy,
    .loss = simclr_loss,
};
