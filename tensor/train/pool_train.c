#include "tensor/train/pool_train.h"

#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

typedef struct pool_job {
  const as_pool_shape *s;
  bool max;
  const as_map *in, *out;
  const as_map *dout, *din; /* backward */
} pool_job;

static void reverse_window(const pool_job *j, const as_window_args *w, const float *g, float *din,
                           size_t din_row) {
  for (size_t i = 0; i < w->c; i++) {
    bool given = false;
    for (size_t y = 0; y < w->rows; y++)
      for (size_t x = 0; x < w->cols; x++) {
        float *d = din + y * din_row + x * w->c + i;
        if (!j->max) {
          *d = *d + g[i] / w->count;
        } else if (!given && w->in[y * w->row + x * w->ld + i] == w->out[i]) {
          *d = *d + g[i];
          given = true;
        }
      }
  }
}

static void pool_image(void *ctx, size_t image, int worker) {
  (void)worker;
  const pool_job *j = ctx;
  const as_pool_shape *s = j->s;
  const size_t c = (size_t)j->in->c;
  for (int oy = 0; oy < j->out->h; oy++)
    for (int ox = 0; ox < j->out->w; ox++) {
      const int top = oy * s->stride - s->pad_top, left = ox * s->stride - s->pad_left;
      const int y0 = top < 0 ? 0 : top, y1 = top + s->kh < j->in->h ? top + s->kh : j->in->h;
      const int x0 = left < 0 ? 0 : left, x1 = left + s->kw < j->in->w ? left + s->kw : j->in->w;
      as_window_args w = {.rows = (size_t)(y1 - y0), .cols = (size_t)(x1 - x0), .c = c};
      w.row = as_map_row(j->in), w.ld = c, w.count = (float)(s->kh * s->kw);
      w.in = as_map_at(j->in, image, (size_t)y0, (size_t)x0);
      w.out = as_map_at(j->out, image, (size_t)oy, (size_t)ox);
      if (j->din)
        reverse_window(j, &w, as_map_at(j->dout, image, (size_t)oy, (size_t)ox),
                       as_map_at(j->din, image, (size_t)y0, (size_t)x0), as_map_row(j->din));
      else if (j->max)
        as_k.maxwin(&w);
      else
        as_k.meanwin(&w);
    }
}

void as_pool_train_forward(const as_pool_shape *s, bool max, const as_map *in, const as_map *out) {
  pool_job j = {s, max, in, out, NULL, NULL};
  as_par_for((size_t)in->n, pool_image, &j);
}

void as_pool_train_backward(const as_pool_shape *s, bool max, const as_map *in, const as_map *out,
                            const as_map *dout, const as_map *din) {
  pool_job j = {s, max, in, out, dout, din};
  as_par_for((size_t)in->n, pool_image, &j);
}

typedef struct mean_job {
  const as_map *map, *features;
  bool backward; /* features' gradient to every pixel */
} mean_job;

static void mean_image(void *ctx, size_t image, int worker) {
  (void)worker;
  const mean_job *j = ctx;
  const size_t c = (size_t)j->map->c, pixels = (size_t)(j->map->h * j->map->w);
  float *f = j->features->data + image * c;
  if (!j->backward) {
    as_window_args w = {
        .rows = (size_t)j->map->h, .cols = (size_t)j->map->w, .row = as_map_row(j->map), .ld = c};
    w.in = as_map_at(j->map, image, 0, 0), w.c = c, w.count = (float)pixels, w.out = f;
    as_k.meanwin(&w);
    return;
  }
  for (size_t y = 0; y < (size_t)j->map->h; y++)
    for (size_t x = 0; x < (size_t)j->map->w; x++) {
      float *d = as_map_at(j->map, image, y, x);
      for (size_t i = 0; i < c; i++) d[i] = f[i] / (float)pixels;
    }
}

void as_mean_train_forward(const as_map *in, const as_map *features) {
  mean_job j = {in, features, false};
  as_par_for((size_t)in->n, mean_image, &j);
}

void as_mean_train_backward(const as_map *dfeatures, const as_map *din) {
  mean_job j = {din, dfeatures, true};
  as_par_for((size_t)din->n, mean_image, &j);
}
