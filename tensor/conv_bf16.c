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

static void fill_windows(const void *ctx, size_t first, size_t m, uint16_t *to, size_t ld16) {
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

static bool pack_bf16(const as_conv *c, const as_conv_weights *w, size_t p, float *work) {
  const size_t ci = (size_t)c->s.c_in, taps = (size_t)c->s.kh * (size_t)c->s.kw;
  const size_t left = (size_t)c->s.c_out - p * AS_NR;
  const weights q = {w->weight + p * AS_NR * c->chain, w->scale ? w->scale + p * AS_NR : NULL, ci, taps};
  (void)work;
  return as_bf16_pack(left < AS_NR ? left : AS_NR, c->chain, weight_at, &q, c->packed + p * c->panel_floats);
}

static size_t bf16_scratch(const as_conv *c, int batch, int threads) {
  (void)c, (void)batch;
  return as_bf16_scratch(threads);
}

static size_t pixels(const as_conv *c, const as_tensor *in) {
  return (size_t)in->n * (size_t)c->out_h * (size_t)c->out_w;
}

static void run_window(const as_conv *c, const as_conv_args *args, const as_team *team) {
  const as_multiply mm = as_conv_product(c, args);
  const source s = {c, args->in};
  as_bf16_run(&mm, &(as_bf16_rows){fill_windows, &s, pixels(c, args->in)}, team);
}

static void run_gemm_bf16(const as_conv *c, const as_conv_args *args, const as_team *team) {
  const as_multiply mm = as_conv_product(c, args);
  const as_bf16_plain plain = {args->in->data, args->in->ld, c->chain};
  as_bf16_run(&mm, &(as_bf16_rows){as_bf16_fill_plain, &plain, pixels(c, args->in)}, team);
}

static void pair_gemm_bf16(const as_conv *first, const as_conv_args *a, const as_conv *second,
                           const as_conv_args *b, const as_team *team) {
  const as_multiply ma = as_conv_product(first, a), mb = as_conv_product(second, b);
  const as_bf16_plain from = {a->in->data, a->in->ld, first->chain};
  const as_bf16_plain between = {b->in->data, b->in->ld, second->chain};
  as_bf16_run_pair(&ma, &(as_bf16_rows){as_bf16_fill_plain, &from, pixels(first, a->in)}, &mb,
                   &(as_bf16_rows){as_bf16_fill_plain, &between, pixels(second, b->in)}, team);
}

#define BF16_PACK .bf16 = true, .panel_rows = as_bf16_pairs, .pack = pack_bf16, .scratch = bf16_scratch
const as_conv_alg as_conv_gemm_bf16 = {
    .name = "gemm-bf16", BF16_PACK, .run = run_gemm_bf16, .pair = pair_gemm_bf16};
const as_conv_alg as_conv_window_bf16 = {.name = "direct-bf16", BF16_PACK, .run = run_window};
