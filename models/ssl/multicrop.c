#include "models/ssl/multicrop_int.h"

#include <string.h>

#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/kern/kernels.h"

static size_t images_of(const as_crops *c, int size) {
  return (size == 0 ? AS_LARGE_VIEWS : c->views - AS_LARGE_VIEWS) * c->batch;
}

static void place_views(const as_crops *c, as_ssl *s) {
  s->n_views = c->views;
  for (size_t v = 0; v < c->views; v++) {
    const int size = v >= AS_LARGE_VIEWS;
    const as_map *all = as_encoder_images(c->pass[size], (int)images_of(c, size));
    s->view[v] = as_map_part(all, (int)((size ? v - AS_LARGE_VIEWS : v) * c->batch), s->o.batch);
  }
}

as_status as_crops_create(as_crops *c, as_ssl *s, size_t small, const as_branch_cfg *cfg, as_err *err) {
  *c = (as_crops){.views = AS_LARGE_VIEWS + small, .batch = (size_t)s->o.batch};
  if (small > AS_SMALL_VIEWS)
    return as_fail(err, AS_E_USAGE, "%s: found %zu small views, wanted at most %d", s->method->title, small,
                   AS_SMALL_VIEWS);
  const int sides[AS_VIEW_SIZES] = {s->o.size, s->o.local_size};
  const size_t rows = c->views * c->batch;
  as_status st = AS_OK;
  for (int g = 0; g < AS_VIEW_SIZES && st == AS_OK && images_of(c, g) > 0; g++) {
    const as_encoder_cfg e = {s->o.arch, sides[g], (int)images_of(c, g), cfg->zero_gain};
    st = as_encoder_create(&c->encoder[g], &e, cfg->store, err);
    if (st == AS_OK) st = as_encoder_pass_create(&c->pass[g], c->encoder[g], true, err);
  }
  if (st != AS_OK) return st;
  c->dim = (size_t)as_encoder_dim(c->encoder[0]);
  st = as_head_create(&c->head, cfg->prefix, (int)c->dim, cfg->layers, cfg->n_layers, rows, cfg->store, err);
  if (st == AS_OK) st = as_head_pass_create(&c->head_pass, c->head, true, err);
  if (st != AS_OK) return st;
  c->features = as_alloc(rows * c->dim, sizeof(float), err);
  c->dfeatures = as_alloc(rows * c->dim, sizeof(float), err);
  if (!c->features || !c->dfeatures) return AS_E_ENV;
  place_views(c, s);
  return AS_OK;
}

as_status as_crops_create_projector(as_crops *c, as_ssl *s, as_err *err) {
  const int hidden = (int)as_ssl_value(s, "hidden"), width = (int)as_ssl_value(s, "width");
  const as_head_layer layers[] = {{.kind = AS_HEAD_LINEAR, .width = hidden, .bias = true},
                                  {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                                  {.kind = AS_HEAD_RELU},
                                  {.kind = AS_HEAD_LINEAR, .width = width, .bias = true},
                                  {.kind = AS_HEAD_L2}};
  const as_branch_cfg cfg = {.store = &s->student,
                             .prefix = "projector",
                             .layers = layers,
                             .n_layers = sizeof layers / sizeof *layers};
  return as_crops_create(c, s, (size_t)as_ssl_value(s, "small-views"), &cfg, err);
}

void as_crops_clear(as_crops *c) {
  as_head_pass_destroy(&c->head_pass);
  as_head_destroy(&c->head);
  for (int g = 0; g < AS_VIEW_SIZES; g++) {
    as_encoder_pass_destroy(&c->pass[g]);
    as_encoder_destroy(&c->encoder[g]);
  }
  as_free(c->features);
  as_free(c->dfeatures);
  *c = (as_crops){0};
}

const as_map *as_crops_forward(as_crops *c, bool large_alone) {
  size_t rows = 0;
  for (int g = 0; g < (large_alone ? 1 : AS_VIEW_SIZES) && c->pass[g]; g++) {
    as_encoder_pack(c->encoder[g], true);
    const as_map *f = as_encoder_forward(c->pass[g], true);
    memcpy(c->features + rows * c->dim, f->data, images_of(c, g) * c->dim * sizeof(float));
    rows += images_of(c, g);
  }
  as_head_pack(c->head, true);
  c->in = as_map_matrix(c->features, rows, c->dim);
  return as_head_forward(c->head_pass, &c->in, true);
}

void as_crops_backward(as_crops *c, const as_map *dout) {
  const as_map dfeatures = as_map_matrix(c->dfeatures, c->views * c->batch, c->dim);
  size_t rows = 0;
  as_head_backward(c->head_pass, dout, &dfeatures);
  for (int g = 0; g < AS_VIEW_SIZES && c->pass[g]; g++) {
    const as_map d = as_map_matrix(c->dfeatures + rows * c->dim, images_of(c, g), c->dim);
    as_encoder_backward(c->pass[g], &d);
    rows += images_of(c, g);
  }
}

/* ---- prototypes ---- */

as_status as_prototypes_create(as_prototypes *p, as_ssl *s, size_t heads, size_t k, size_t width, size_t rows,
                               as_err *err) {
  *p = (as_prototypes){.heads = heads, .k = k, .width = width, .store = &s->student};
  if (k < 2 || heads < 1)
    return as_fail(err, AS_E_USAGE, "%s: found %zu prototypes in %zu heads, wanted at least 2 in at least 1",
                   s->method->title, k, heads);
  const as_head_layer layer = {.kind = AS_HEAD_LINEAR, .width = (int)(heads * k)};
  as_status st = as_head_create(&p->layer, "prototypes", (int)width, &layer, 1, rows, &s->student, err);
  if (st == AS_OK) st = as_head_pass_create(&p->pass, p->layer, true, err);
  p->du = as_alloc(rows * width, sizeof(float), err);
  p->slot = as_store_find(&s->student, "prototypes.0.weight");
  return st != AS_OK ? st : p->du ? AS_OK : AS_E_ENV;
}

void as_prototypes_clear(as_prototypes *p) {
  as_head_pass_destroy(&p->pass);
  as_head_destroy(&p->layer);
  as_free(p->du);
  *p = (as_prototypes){0};
}

float *as_prototypes_value(const as_prototypes *p) {
  return as_store_value(p->store, p->slot);
}

void as_prototypes_normalise(as_prototypes *p) {
  float *w = as_prototypes_value(p);
  for (size_t r = 0; r < p->heads * p->k; r++) as_k.l2norm(p->width, w + r * p->width, w + r * p->width);
}

const as_map *as_prototypes_forward(as_prototypes *p, const as_map *u) {
  as_head_pack(p->layer, true);
  return as_head_forward(p->pass, u, true);
}

as_map as_prototypes_backward(as_prototypes *p, const as_map *dlogits) {
  const as_map du = as_map_matrix(p->du, as_map_pixels(dlogits), p->width);
  as_head_backward(p->pass, dlogits, &du);
  return du;
}

/* ---- losses ---- */

double as_swap_loss(const as_map *p, const float *q, size_t batch, double tau) {
  const size_t k = (size_t)p->c, views = as_map_pixels(p) / batch;
  const double pairs = AS_LARGE_VIEWS * (double)(views - 1);
  const float scale = (float)(1.0 / (pairs * (double)batch * tau));
  double loss = 0.0;
  for (size_t v = 0; v < views; v++)
    for (size_t b = 0; b < batch; b++) {
      float *row = p->data + (v * batch + b) * k;
      for (size_t j = 0; j < k; j++) {
        float target = 0.0f, n = 0.0f;
        for (size_t i = 0; i < AS_LARGE_VIEWS; i++)
          if (i != v) target = target + q[(i * batch + b) * k + j], n = n + 1.0f;
        loss -= (double)target * as_log(row[j] > 0.0f ? (double)row[j] : 1e-38);
        row[j] = scale * (n * row[j] - target);
      }
    }
  return loss / (pairs * (double)batch);
}

double as_target_balance(const float *q, size_t rows, size_t k) {
  double entropy = 0.0;
  for (size_t j = 0; j < k; j++) {
    double mean = 0.0;
    for (size_t r = 0; r < rows; r++) mean += (double)q[r * k + j];
    mean /= (double)rows;
    if (mean > 0.0) entropy -= mean * as_log(mean);
  }
  return entropy / as_log((double)k);
}
