#include "tensor/pool.h"

#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

typedef struct pool_job {
  const as_pool_shape *s;
  const as_tensor *in, *out;
  int max;
} pool_job;

/* One output row. The window is cut to the map: padding never wins a maximum, and a mean has none. */
static void pool_row(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const pool_job *j = ctx;
  const as_tensor *in = j->in, *out = j->out;
  const int image = (int)(chunk / (size_t)out->h), y = (int)(chunk % (size_t)out->h);
  const int top = y * j->s->stride - j->s->pad_top;
  const int y0 = top < 0 ? 0 : top, y1 = top + j->s->kh < in->h ? top + j->s->kh : in->h;
  as_window_args w = {0};
  w.rows = (size_t)(y1 - y0);
  w.row = (size_t)in->w * in->ld;
  w.ld = in->ld;
  w.c = (size_t)in->c;
  w.count = (float)(j->s->kh * j->s->kw);
  const float *row = in->data + ((size_t)image * (size_t)in->h + (size_t)y0) * w.row;
  float *to = out->data + chunk * (size_t)out->w * out->ld;
  for (int x = 0; x < out->w; x++) {
    const int left = x * j->s->stride - j->s->pad_left;
    const int x0 = left < 0 ? 0 : left, x1 = left + j->s->kw < in->w ? left + j->s->kw : in->w;
    w.cols = (size_t)(x1 - x0);
    w.in = row + (size_t)x0 * in->ld;
    w.out = to + (size_t)x * out->ld;
    if (j->max) {
      as_k.maxwin(&w);
    } else {
      as_k.meanwin(&w);
    }
  }
}

void as_maxpool(const as_pool_shape *s, const as_tensor *in, const as_tensor *out) {
  pool_job j = {s, in, out, 1};
  as_par_for((size_t)out->n * (size_t)out->h, pool_row, &j);
}

void as_avgpool(const as_pool_shape *s, const as_tensor *in, const as_tensor *out) {
  pool_job j = {s, in, out, 0};
  as_par_for((size_t)out->n * (size_t)out->h, pool_row, &j);
}

enum { GROUP = 128 }; /* channels per chunk of a mean over all pixels */

typedef struct mean_job {
  const as_tensor *in;
  size_t first, pixels, groups;
  float *out;
  size_t ld_out;
} mean_job;

static void mean_group(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const mean_job *j = ctx;
  const as_tensor *in = j->in;
  const size_t image = chunk / j->groups, c0 = chunk % j->groups * GROUP, c = (size_t)in->c;
  as_window_args w = {0};
  w.rows = 1;
  w.cols = j->pixels - j->first;
  w.ld = in->ld;
  w.c = c - c0 < GROUP ? c - c0 : GROUP;
  w.count = (float)w.cols;
  w.in = in->data + (image * j->pixels + j->first) * in->ld + c0;
  w.out = j->out + image * j->ld_out + c0;
  as_k.meanwin(&w);
}

void as_mean_tokens(const as_tensor *in, int first, float *out, size_t ld_out) {
  mean_job j = {in,  (size_t)first, (size_t)in->h * (size_t)in->w, ((size_t)in->c + GROUP - 1) / GROUP,
                out, ld_out};
  as_par_for((size_t)in->n * j.groups, mean_group, &j);
}

void as_global_avgpool(const as_tensor *in, float *out, size_t ld_out) {
  as_mean_tokens(in, 0, out, ld_out);
}
