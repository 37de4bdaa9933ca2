#include "eval/learn/crops.h"

#include <math.h>
#include <string.h>

#include "data/augment/augment.h"
#include "data/image/resize.h"
#include "eval/features/features.h"
#include "eval/learn/sgd.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

/* --- one view ------------------------------------------------------------------------------------------- */

enum { DRAWS = 64 };

as_status as_crop_view(const as_image *im, int side, double low, as_filter filter, as_rng r, uint64_t view,
                       uint8_t *out, as_err *err) {
  uint64_t at = view * DRAWS;
  as_crop_box b = as_crop_choose(im->w, im->h, low, 1.0, r, &at);
  uint8_t *part = as_alloc((size_t)b.w * (size_t)b.h, 3, err);
  if (!part) return AS_E_ENV;
  for (int y = 0; y < b.h; y++)
    memcpy(part + (size_t)y * (size_t)b.w * 3,
           im->rgb + ((size_t)(b.y + y) * (size_t)im->w + (size_t)b.x) * 3, (size_t)b.w * 3);
  as_status s = as_resize_rgb(part, b.w, b.h, filter, out, side, side, err);
  as_free(part);
  if (s != AS_OK || as_rng_uniform(r, at) >= 0.5) return s;
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side / 2; x++)
      for (int c = 0; c < 3; c++) {
        uint8_t *p = out + ((size_t)y * (size_t)side + (size_t)x) * 3 + c;
        uint8_t *q = out + ((size_t)y * (size_t)side + (size_t)(side - 1 - x)) * 3 + c, t = *p;
        *p = *q;
        *q = t;
      }
  return AS_OK;
}

/* --- views of a batch ------------------------------------------------------------------------------------ */

typedef struct views {
  const as_protocol *p;
  const as_preset *preset;
  const as_dataset *ds;
  as_rng rng;
  int lenient;
  const uint32_t *image; /* of the views in work */
  float *pixels;         /* [batch, side, side, 3] */
  uint8_t *bytes;        /* the same as 8 bits */
  as_status *status;     /* [batch] */
} views;

static void make_view(void *ctx, size_t i, int worker) {
  (void)worker;
  views *v = ctx;
  size_t size = (size_t)v->preset->crop * (size_t)v->preset->crop * 3;
  as_blob blob;
  as_image im;
  as_status s = as_dataset_read(v->ds, v->image[i], &blob, NULL);
  if (s == AS_OK) {
    s = as_blob_unpack(&blob, NULL);
    if (s == AS_OK) s = as_image_decode(&im, blob.p, blob.n, v->lenient, NULL, NULL);
    as_dataset_release(&blob);
    if (s == AS_OK) {
      s = as_crop_view(&im, v->preset->crop, v->p->scale_low,
                       v->p->bicubic ? AS_FILTER_BICUBIC : AS_FILTER_BILINEAR, v->rng, v->image[i],
                       v->bytes + i * size, NULL);
      as_image_clear(&im);
    }
  }
  if (s == AS_OK)
    as_preset_normalize(v->preset, v->bytes + i * size, v->pixels + i * size);
  else
    memset(v->pixels + i * size, 0, size * sizeof(float));
  v->status[i] = s;
}

static bool all_finite(const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i])) return false;
  return true;
}

/* --- training -------------------------------------------------------------------------------------------- */

typedef struct training {
  views v;
  as_model *model;
  size_t d, batch;
  const uint32_t *used; /* image of each sample */
  const int *y;         /* [images] output of its class */
  uint32_t *image;      /* [batch] */
  float *features;      /* [batch, d] of one forward pass */
  float *rows;          /* [protocol's batch, d] */
  int *label;           /* [protocol's batch] */
  uint8_t *lost;        /* [samples] could not be read at least once */
} training;

/* Features of samples order[0..m) into rows; what cannot be read is left out. Returns how many rows stand. */
static size_t features_of(training *t, const uint32_t *order, size_t m) {
  size_t kept = 0;
  for (size_t first = 0; first < m; first += t->batch) {
    size_t n = m - first < t->batch ? m - first : t->batch;
    for (size_t i = 0; i < n; i++) t->image[i] = t->used[order[first + i]];
    t->v.image = t->image;
    as_par_for(n, make_view, &t->v);
    as_model_forward(t->model, t->v.pixels, (int)n, t->features);
    for (size_t i = 0; i < n; i++) {
      const float *x = t->features + i * t->d;
      if (t->v.status[i] != AS_OK || !all_finite(x, t->d)) {
        t->lost[order[first + i]] = 1;
        continue;
      }
      memcpy(t->rows + kept * t->d, x, t->d * sizeof *x);
      t->label[kept++] = t->y[t->image[i]];
    }
  }
  return kept;
}

static as_status train(training *t, as_sgd *sgd, const as_protocol *p, size_t n, const as_crops_opts *o,
                       as_err *err) {
  size_t batch = (size_t)p->batch < n ? (size_t)p->batch : n, steps = as_sgd_steps(sgd);
  for (int epoch = 0; epoch < p->epochs; epoch++) {
    const uint32_t *order = as_sgd_order(sgd, epoch);
    t->v.rng = as_rng_make(o->seed, as_rng_stream("probe.crop") + (uint64_t)epoch);
    for (size_t step = 0; step < steps; step++) {
      as_watch_progress(o->watch, "training steps", (size_t)epoch * steps + step, (size_t)p->epochs * steps);
      if (as_watch_stop(o->watch))
        return as_fail(err, AS_E_STOPPED, "stopped in epoch %d of %d", epoch + 1, p->epochs);
      size_t first = step * batch, m = n - first < batch ? n - first : batch;
      m = features_of(t, order + first, m);
      if (m == 0) continue;
      double loss = as_sgd_step(sgd, t->rows, t->label, m, as_protocol_lr(p, epoch, step, steps));
      if (!isfinite(loss))
        return as_fail(err, AS_E_INPUT,
                       "protocol %s: the loss is not finite in epoch %d, step %zu (rate too high?)", p->name,
                       epoch + 1, step + 1);
    }
  }
  as_watch_progress(o->watch, "training steps", (size_t)p->epochs * steps, (size_t)p->epochs * steps);
  return AS_OK;
}

as_status as_crops_fit(const as_protocol *p, as_backbone *b, const as_crops_images *from,
                       const as_crops_opts *o, float *weight, float *bias, size_t *failed, as_err *err) {
  const as_dataset *ds = from->ds;
  const int *y = from->y;
  training t = {
      .v = {.p = p, .preset = &b->preset, .ds = ds, .lenient = o->lenient}, .model = b->model, .y = y};
  size_t images = as_dataset_count(ds), n = 0, pixels = 0, side = (size_t)b->preset.crop;
  uint32_t *used = as_alloc(images ? images : 1, sizeof *used, err);
  as_sgd *sgd = NULL;
  *failed = 0;
  if (!used) return AS_E_ENV;
  for (size_t i = 0; i < images && i < UINT32_MAX; i++)
    if (y[i] >= 0) used[n++] = (uint32_t)i;
  t.used = used;
  t.d = (size_t)as_model_embed_dim(b->model);
  t.batch = (size_t)as_features_batch(o->batch);
  as_status s = as_sgd_create(&sgd, p, n, t.d, from->classes, o->seed, err);
  if (s == AS_OK) s = as_model_plan(b->model, (int)t.batch, err);
  if (s == AS_OK && (!as_mul_size(t.batch, side * side * 3, &pixels)))
    s = as_fail(err, AS_E_ENV, "%zu images of side %zu do not fit into memory", t.batch, side);
  if (s == AS_OK) {
    size_t rows = (size_t)p->batch < n ? (size_t)p->batch : n;
    t.image = as_alloc(t.batch, sizeof *t.image, err);
    t.v.status = as_alloc(t.batch, sizeof *t.v.status, err);
    t.v.bytes = as_alloc(pixels, 1, err);
    t.v.pixels = as_alloc(pixels, sizeof(float), err);
    t.features = as_alloc(t.batch * t.d, sizeof(float), err);
    t.rows = as_alloc(rows * t.d, sizeof(float), err);
    t.label = as_alloc(rows, sizeof *t.label, err);
    t.lost = as_calloc(n, 1, err);
    if (!t.image || !t.v.status || !t.v.bytes || !t.v.pixels || !t.features || !t.rows || !t.label || !t.lost)
      s = AS_E_ENV;
  }
  if (s == AS_OK) s = train(&t, sgd, p, n, o, err);
  for (size_t i = 0; s == AS_OK && i < n; i++) *failed += t.lost[i];
  if (s == AS_OK && *failed == n)
    s = as_fail(err, AS_E_INPUT, "protocol %s: no image could be read", p->name);
  if (s == AS_OK) as_sgd_head(sgd, weight, bias);
  void *all[] = {used, t.image, t.v.status, t.v.bytes, t.v.pixels, t.features, t.rows, t.label, t.lost};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  as_sgd_destroy(&sgd);
  return s;
}
