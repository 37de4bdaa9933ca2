/* BYOL (Grill et al. 2020, arXiv 2006.07733; google-deepmind/deepmind-research, byol/).
 *
 *   v -> f -> g -> z -> h -> p   --  |p^ - z'^|^2  --   sg z' <- g' <- f' <- v'        both directions
 *   L = mean over the images of |p1^ - z2'^|^2 + |p2^ - z1'^|^2,   each 2 - 2 cos, so 0..8
 *   teacher f', g': t = m t + (1 - m) s after the optimiser's step, m from m0 to 1 by a cosine
 *
 * Gradient per direction: dp = -(2 / B) (z^ - (p^ . z^) p^) / |p|. Views pass one after the other, so BatchNorm's
 * statistics are per view, and the teacher runs on statistics of its own. Projector and predictor: Linear with bias, BN,
 * ReLU, Linear without bias. The authors start the teacher from another seed and say it makes no difference; here it
 * starts as a copy. What is evaluated is the online backbone. */
#include "models/ssl/methods_int.h"
#include "models/ssl/ssl_int.h"
#include "tensor/base/mem.h"

typedef struct byol {
  as_branch online, target;
  as_head *predictor;
  as_head_pass *predict[2];
  float *dp, *dz;
} byol;

static const as_ssl_param params[] = {
    {"hidden", 256, "width of the hidden layers", "4096"},
    {"width", 128, "of the projections", "256"},
    {"ema", 0.97, "the teacher's first momentum", "0.996 (1000 epochs), 0.99 (100, 300), 0.97 (40)"},
    {NULL, 0, NULL, NULL},
};

static void byol_destroy(as_ssl *s) {
  byol *m = s->state;
  if (!m) return;
  for (int v = 0; v < 2; v++) as_head_pass_destroy(&m->predict[v]);
  as_head_destroy(&m->predictor);
  as_branch_clear(&m->online);
  as_branch_clear(&m->target);
  as_free(m->dp);
  as_free(m->dz);
  as_free(m);
}

static as_status byol_create(as_ssl *s, as_err *err) {
  byol *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const int width = (int)as_ssl_value(s, "width"), hidden = (int)as_ssl_value(s, "hidden");
  const size_t batch = (size_t)s->o.batch;
  const as_head_layer mlp[] = {{.kind = AS_HEAD_LINEAR, .width = hidden, .bias = true},
                               {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                               {.kind = AS_HEAD_RELU},
                               {.kind = AS_HEAD_LINEAR, .width = width}};
  as_branch_cfg cfg = {.store = &s->student,
                       .images = s->o.batch,
                       .passes = 2,
                       .backward = true,
                       .prefix = "projector",
                       .layers = mlp,
                       .n_layers = 4};
  as_status st = as_branch_create(&m->online, s, &cfg, err);
  if (st == AS_OK) st = as_head_create(&m->predictor, "predictor", width, mlp, 4, batch, &s->student, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  for (int v = 0; v < 2 && st == AS_OK; v++)
    st = as_head_pass_create(&m->predict[v], m->predictor, true, err);
  cfg.store = &s->teacher, cfg.backward = false;
  if (st == AS_OK) st = as_branch_create(&m->target, s, &cfg, err);
  if (st == AS_OK) st = as_ssl_follow(s, err);
  m->dp = as_alloc(batch * (size_t)width, sizeof(float), err);
  m->dz = as_alloc(batch * (size_t)width, sizeof(float), err);
  if (st != AS_OK || !m->dp || !m->dz) return st != AS_OK ? st : AS_E_ENV;
  as_ssl_momentum(s, as_ssl_value(s, "ema"));
  as_ssl_two_views(s, &m->online);
  return AS_OK;
}

static double byol_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  byol *m = s->state;
  const double batch = (double)s->o.batch;
  const as_map *p[2], *z[2];
  as_branch_pack(&m->online, true);
  as_head_pack(m->predictor, true);
  as_branch_pack(&m->target, false);
  for (int v = 0; v < 2; v++) {
    p[v] = as_head_forward(m->predict[v], as_branch_forward(&m->online, v, true), true);
    z[v] = as_ssl_teach(&m->target, &m->online, v);
  }
  double cosines = 0.0;
  for (int v = 0; v < 2; v++) {
    const as_map dp = as_map_matrix(m->dp, (size_t)s->o.batch, (size_t)p[v]->c);
    const as_map dz = as_map_matrix(m->dz, (size_t)s->o.batch, (size_t)p[v]->c);
    cosines += as_ssl_cosine(p[v], z[1 - v], 2.0 / batch, &dp);
    as_head_backward(m->predict[v], &dp, &dz);
    as_branch_backward(&m->online, v, &dz);
  }
  return 4.0 - 2.0 * cosines / batch;
}

static void byol_after(as_ssl *s) {
  as_store_ema(&s->teacher, &s->student, as_schedule_at(&s->ema, s->step));
}

const as_ssl_method as_ssl_byol = {
    .name = "byol",
    .title = "BYOL",
    .family = "distillation",
    .about =
        "v -> f -> g -> h -> p  --|p^ - z'^|^2--  sg z' <- g' <- f' (EMA) <- v'   both directions\n"
        "L = mean of |p1^ - z2'^|^2 + |p2^ - z1'^|^2\n"
        "Here: the teacher starts as a copy; widths are small.",
    .view = {"byol-1", "byol-2", NULL},
    .params = params,
    .create = byol_create,
    .destroy = byol_destroy,
    .loss = byol_loss,
    .after = byol_after,
};
