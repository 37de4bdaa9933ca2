/* Direct convolution with bf16 inputs: the window of every output pixel of a block is gathered, rounded, as
 * one row of a GEMM. Chain: kernel row, kernel column, channel; padded taps are zeros. */
#include "tensor/bf16_int.h"
#include "tensor/conv_int.h"

#include <string.h>

typedef struct source {
  const as_conv *c;
  const as_tensor *in;
} source;

static void zero_rows(size_t rows, size_t n, uint16_t *to, size_t ld) {
  for (size_t i = 0; i < rows; i++) memset(to + i * ld, 0, n * sizeof *to);
}

/* Of `run` windows, `step` apart from `at` on, those first..last-1 whose column lies within 0..w-1. */
static void inside(int at, int step, int run, int w, int *first, int *last) {
  *first = at >= 0 ? 0 : (-at + step - 1) / step;
  if (*first > run) *first = run;
  *last = at >= w ? 0 : (w - 1 - at) / step + 1;
  if (*last > run) *last = run;
  if (*last < *first) *last = *first;
}

/* One kernel row of `run` neighbouring output pixels; map: the input row, or NULL in the padding. x: the
 * input column under the first window's first tap. */
static void kernel_row(const source *s, const float *map, int x, int run, uint16_t *to, size_t ld16) {
  const as_conv_shape *shape = &s->c->s;
  const size_t ci = (size_t)shape->c_in, ld = s->in->ld, kw = (size_t)shape->kw;
  const int step = shape->stride;
  if (!map) {
    zero_rows((size_t)run, kw * ci, to, ld16);
    return;
  }
  int whole0 = 0, whole1 = 0; /* windows without padding, whose taps are neighbours in memory */
  if (ld == ci) {
    int last;
    inside(x, step, run, shape->w, &whole0, &last);
    inside(x + shape->kw - 1, step, run, shape->w, &last, &whole1);
    if (whole1 < whole0) whole1 = whole0;
    if (whole1 > whole0)
      as_k.tobf16((size_t)(whole1 - whole0), kw * ci, map + (size_t)(x + whole0 * step) * ci,
                  (size_t)step * ci, to + (size_t)whole0 * ld16, ld16);
  }
  for (int part = 0; part < 2; part++) { /* windows before and behind those */
    const int r0 = part == 0 ? 0 : whole1, r1 = part == 0 ? whole0 : run;
    if (r1 == r0) continue;
    uint16_t *tap = to + (size_t)r0 * ld16;
    for (int kx = 0; kx < shape->kw; kx++, tap += ci) {
      const int at = x + r0 * step + kx;
      int first, last;
      inside(at, step, r1 - r0, shape->w, &first, &last);
      zero_rows((size_t)first, ci, tap, ld16);
      if (last > first)
        as_k.tobf16((size_t)(last - first), ci, map + (size_t)(at + first * step) * ld, (size_t)step * ld,
                    tap + (size_t)first * ld16, ld16);
      zero_rows((size_t)(r1 - r0 - last), ci, tap + (size_t)last * ld16, ld16);
    }
  }
}

static void fill(const void *ctx, size_t first, size_t m, uint16_t *to, size_t ld16) {
  const source *s = ctx;
  const as_conv_shape *shape = &s->c->s;
  const size_t out_w = (size_t)s->c->out_w, out_h = (size_t)s->c->out_h;
  const size_t h = (size_t)shape->h, row = (size_t)shape->w * s->in->ld;
  const size_t part = (size_t)shape->kw * (size_t)shape->c_in;
  for (size_t r = 0; r < m;) { /* runs of pixels of one output row */
    const size_t pixel = first + r, x = pixel % out_w, y = pixel / out_w % out_h,
                 image = pixel / (out_w * out_h);
    const size_t run = out_w - x < m - r ? out_w - x : m - r;
    const int ix = (int)x * shape->stride - shape->pad_left;
    for (int ky = 0; ky < shape->kh; ky++) {
      const int iy = (int)y * shape->stride + ky - shape->pad_top;
      const float *map = iy < 0 || iy >= shape->h ? NULL : s->in->data + (image * h + (size_t)iy) * row;
      kernel_row(s, map, ix, (int)run, to + r * ld16 + (size_t)ky * part, ld16);
    }
    r += run;
  }
  if (s->c->chain % 2)
    for (size_t i = 0; i < m; i++) memset(to + i * ld16 + s->c->chain, 0, 2);
}

/* weight [c_out][c_in][kh][kw]; element k of the chain is (tap, channel). */
typedef struct weights {
  const float *w;      /* of the panel's first output */
  const double *scale; /* likewise, or NULL */
  size_t ci, taps;
} weights;

static float weight_at(const void *ctx, size_t k, size_t j) {
  const weights *q = ctx;
  const double w = (double)q->w[(j * q->ci + k % q->ci) * q->taps + k / q->ci];
  return (float)(q->scale ? w * q->scale[j] : w);
}

bool as_conv_bf16_pack(const as_conv *c, const float *weight, const double *scale, size_t p) {
  const size_t ci = (size_t)c->s.c_in, taps = (size_t)c->s.kh * (size_t)c->s.kw;
  const size_t left = (size_t)c->s.c_out - p * AS_NR;
  const weights q = {weight + p * AS_NR * c->chain, scale ? scale + p * AS_NR : NULL, ci, taps};
  return as_bf16_pack(left < AS_NR ? left : AS_NR, c->chain, weight_at, &q,
                      c->packed + p * as_bf16_pairs(c->chain) * AS_NR);
}

static as_multiply whole(const as_conv *c, const as_tensor *res, as_act act, const as_tensor *out) {
  as_multiply mm = {0};
  mm.n = (size_t)c->s.c_out;
  mm.k = c->chain;
  mm.packed = c->packed;
  mm.panel_floats = as_bf16_pairs(c->chain) * AS_NR;
  mm.bias = c->bias;
  mm.residual = res ? res->data : NULL;
  mm.ld_res = res ? res->ld : 0;
  mm.act = act;
  mm.out = out->data;
  mm.ld_out = out->ld;
  return mm;
}

static size_t pixels(const as_conv *c, const as_tensor *in) {
  return (size_t)in->n * (size_t)c->out_h * (size_t)c->out_w;
}

void as_conv_bf16_run(const as_conv *c, const as_tensor *in, const as_tensor *res, as_act act,
                      const as_tensor *out) {
  const as_multiply mm = whole(c, res, act, out);
  const source s = {c, in};
  const as_bf16_plain plain = {in->data, in->ld, c->chain};
  as_bf16_rows rows = {fill, &s, pixels(c, in)};
  if (c->alg == AS_CONV_GEMM) rows.fill = as_bf16_fill_plain, rows.ctx = &plain;
  as_bf16_run(&mm, &rows);
}

void as_conv_bf16_run_pair(const as_conv *first, const as_tensor *in, const as_tensor *residual, as_act act,
                           const as_tensor *mid, const as_conv *second, as_act act2, const as_tensor *out) {
  const as_multiply a = whole(first, residual, act, mid), b = whole(second, NULL, act2, out);
  const as_bf16_plain from = {in->data, in->ld, first->chain}, between = {mid->data, mid->ld, second->chain};
  const as_bf16_rows rows = {as_bf16_fill_plain, &from, pixels(first, in)};
  const as_bf16_rows rows2 = {as_bf16_fill_plain, &between, pixels(second, mid)};
  as_bf16_run_pair(&a, &rows, &b, &rows2);
}
