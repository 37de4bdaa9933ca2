#include "tensor/train/conv_train_int.h"

#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/blocking.h"

enum {
  MAX_ROWS = 64, /* kernel rows: segments of a chain */
  LEAST_RANGES = 16,
  RANGES = 64,        /* pieces that a layer's tiles are cut into */
  WINDOW_ROW = 32,    /* pixels of a row from which on patches are copied as windows */
  MANY_CHANNELS = 64, /* enough to be cut into tiles without waste */
  SHARED_BYTES =
      4 << 20 /* of a gradient that is brought into panels at a time where several workers read it */
};

int as_conv_train_border_in(const as_conv_shape *s) {
  int b = s->pad_top;
  if (s->pad_bottom > b) b = s->pad_bottom;
  if (s->pad_left > b) b = s->pad_left;
  if (s->pad_right > b) b = s->pad_right;
  return b;
}

/* How far outside the output the taps of input pixel 0 .. size - 1 reach, along one axis. */
static int reach(int size, int out, int k, int pad, int stride) {
  const int before = (k - 1 - pad + stride - 1) / stride, after = (size - 1 + pad) / stride - (out - 1);
  const int most = before > after ? before : after;
  return most > 0 ? most : 0;
}

int as_conv_train_border_out(const as_conv_shape *s) {
  const int y = reach(s->h, as_conv_out_h(s), s->kh, s->pad_top, s->stride);
  const int x = reach(s->w, as_conv_out_w(s), s->kw, s->pad_left, s->stride);
  return y > x ? y : x;
}

static int taps_of(int k, int first, int stride) {
  return first < k ? (k - first + stride - 1) / stride : 0;
}

/* Fills the classes; returns the floats of all their panels. */
static size_t plan_classes(as_conv_train *c) {
  const as_conv_shape *s = &c->s;
  size_t floats = 0;
  for (int ry = 0; ry < s->stride; ry++)
    for (int rx = 0; rx < s->stride; rx++) {
      as_conv_class *q = &c->classes[ry * s->stride + rx];
      q->rows = taps_of(s->kh, ry, s->stride), q->cols = taps_of(s->kw, rx, s->stride);
      q->ky = ry + (q->rows - 1) * s->stride, q->kx = rx + (q->cols - 1) * s->stride;
      q->first_y = (ry + s->stride - s->pad_top % s->stride) % s->stride;
      q->first_x = (rx + s->stride - s->pad_left % s->stride) % s->stride;
      q->packed = floats;
      floats += as_conv_panels((size_t)s->c_in) * (size_t)(q->rows * q->cols * s->c_out) * AS_NR;
    }
  return floats;
}

static as_status check_shape(const as_conv_shape *s, as_err *err) {
  const int rows = s->pad_top > s->pad_bottom ? s->pad_top : s->pad_bottom;
  const int cols = s->pad_left > s->pad_right ? s->pad_left : s->pad_right;
  if (s->h < 1 || s->w < 1 || s->c_in < 1 || s->c_out < 1 || s->kh < 1 || s->kw < 1 || s->stride < 1 ||
      s->kh > MAX_ROWS || rows >= s->kh || cols >= s->kw || as_conv_out_h(s) < 1 || as_conv_out_w(s) < 1)
    return as_fail(
        err, AS_E_USAGE,
        "convolution: found %dx%d map, %d -> %d channels, kernel %dx%d, stride %d, padding %dx%d; wanted "
        "positive sizes, a kernel of at most %d rows that fits, padding below the kernel",
        s->h, s->w, s->c_in, s->c_out, s->kh, s->kw, s->stride, rows, cols, MAX_ROWS);
  return AS_OK;
}

/* Cuts the weight gradient into tiles and shares them: each part sums its own, or, where there are few for the workers,
 * they are shared by chunks whose products wait in memory (true). */
static bool plan_weight_gradient(as_conv_train *c, size_t chunks, size_t workers) {
  const size_t panels = as_conv_panels((size_t)c->s.c_out), ci = (size_t)c->s.c_in;
  c->piece = ci < MANY_CHANNELS ? ci * (size_t)c->s.kw : ci;
  c->tiles = c->k / c->piece * ((c->piece + AS_MR - 1) / AS_MR);
  const bool apart = workers > 1 && c->tiles < 16 * workers;
  c->parts = workers;
  c->window = workers == 1 ? 1 : 1 + SHARED_BYTES / (panels * AS_CHUNK * AS_NR * sizeof(float));
  if (apart) {
    c->window = 1 + AS_CONV_PARTIAL / (panels * c->k * AS_NR * sizeof(float));
    c->parts = 1 + c->tiles / 16;
  }
  if (c->window > chunks && chunks > 0) c->window = chunks;
  return apart;
}

/* Windows pay where several taps read the same pixels and rows are long. A chunk has parts of at most `rows` rows of pixels in at
 * most `images` images. */
static void plan_patches(as_conv_train *c) {
  const as_conv_shape *s = &c->s;
  const size_t w = (size_t)c->out_w, step = (size_t)s->stride;
  const size_t rows = (AS_CHUNK - 1) / w + 2, images = (AS_CHUNK - 1) / (w * (size_t)c->out_h) + 2;
  c->windows =
      c->piece == (size_t)s->c_in && s->c_in >= MANY_CHANNELS && c->out_w >= WINDOW_ROW && s->kw > s->stride;
  c->patch_floats = AS_CHUNK * AS_NR;
  if (c->windows)
    c->patch_floats = (rows * step + images * (size_t)s->kh) * step * as_conv_plane(c) * AS_NR / 2;
}

as_status as_conv_train_create(as_conv_train **out, const as_conv_shape *shape, size_t pixels, as_err *err) {
  *out = NULL;
  const as_status st = check_shape(shape, err);
  if (st != AS_OK) return st;
  as_conv_train *c = as_calloc(1, sizeof *c, err);
  if (!c) return AS_E_ENV;
  c->s = *shape;
  c->out_h = as_conv_out_h(shape);
  c->out_w = as_conv_out_w(shape);
  c->k = (size_t)shape->c_in * (size_t)shape->kh * (size_t)shape->kw;
  const size_t co = (size_t)shape->c_out, outs = as_conv_panels(co), workers = (size_t)as_par_threads();
  const size_t sum = outs * c->k * AS_NR; /* floats of one weight gradient in panels */
  const bool apart = plan_weight_gradient(c, (pixels + AS_CHUNK - 1) / AS_CHUNK, workers);
  c->classes = as_calloc((size_t)shape->stride * (size_t)shape->stride, sizeof *c->classes, err);
  const size_t reverse = c->classes ? plan_classes(c) : 0;
  c->forward = as_alloc(outs * c->k * AS_NR, sizeof(float), err);
  c->bias = as_calloc(outs * AS_NR, sizeof(float), err);
  c->reverse = as_alloc(reverse ? reverse : 1, sizeof(float), err);
  c->total = as_alloc(sum, sizeof(double), err);
  c->partial = apart ? as_calloc(c->window * sum, sizeof(float), err) : NULL;
  plan_patches(c);
  c->patches = as_calloc(workers * c->patch_floats, sizeof(float), err);
  c->gradient = as_calloc(c->window * outs * AS_CHUNK * AS_NR, sizeof(float), err);
  c->tile = as_calloc(workers * AS_MR * AS_NR, sizeof(float), err);
  c->waiting = as_alloc(workers * AS_CONV_BLOCK * AS_MR * AS_NR, sizeof(float), err);
  if (!c->classes || !c->forward || !c->bias || !c->reverse || !c->total || (apart && !c->partial) ||
      !c->patches || !c->gradient || !c->tile || !c->waiting) {
    as_conv_train_destroy(&c);
    return AS_E_ENV;
  }
  *out = c;
  return AS_OK;
}

void as_conv_train_destroy(as_conv_train **conv) {
  as_conv_train *c = *conv;
  if (!c) return;
  as_free(c->classes);
  as_free(c->forward);
  as_free(c->bias);
  as_free(c->reverse);
  as_free(c->total);
  as_free(c->partial);
  as_free(c->patches);
  as_free(c->gradient);
  as_free(c->tile);
  as_free(c->waiting);
  as_free(c);
  *conv = NULL;
}

/* ---- packing ---- */

typedef struct pack_job {
  as_conv_train *c;
  const float *weight;
} pack_job;

/* Panel p of the forward weights: rows (kernel row, kernel column, channel), columns output channels. */
static void pack_forward(void *ctx, size_t p, int worker) {
  (void)worker;
  const pack_job *j = ctx;
  const as_conv_shape *s = &j->c->s;
  const size_t ci = (size_t)s->c_in, taps = (size_t)(s->kh * s->kw),
               n = as_conv_smaller((size_t)s->c_out - p * AS_NR, AS_NR);
  float *to = j->c->forward + p * j->c->k * AS_NR;
  for (size_t t = 0; t < taps; t++)
    for (size_t i = 0; i < ci; i++, to += AS_NR)
      for (size_t o = 0; o < AS_NR; o++)
        to[o] = o < n ? j->weight[((p * AS_NR + o) * ci + i) * taps + t] : 0.0f;
}

/* Panel p of every class: rows (tap row, tap column, output channel) with taps going down, columns input channels. */
static void pack_reverse(void *ctx, size_t p, int worker) {
  (void)worker;
  const pack_job *j = ctx;
  const as_conv_shape *s = &j->c->s;
  const size_t ci = (size_t)s->c_in, co = (size_t)s->c_out, taps = (size_t)(s->kh * s->kw);
  const size_t n = as_conv_smaller(ci - p * AS_NR, AS_NR);
  for (int q = 0; q < s->stride * s->stride; q++) {
    const as_conv_class *r = &j->c->classes[q];
    const size_t chain = (size_t)(r->rows * r->cols) * co;
    float *to = j->c->reverse + r->packed + p * chain * AS_NR;
    for (int y = 0; y < r->rows; y++)
      for (int x = 0; x < r->cols; x++) {
        const size_t tap = (size_t)((r->ky - y * s->stride) * s->kw + r->kx - x * s->stride);
        for (size_t o = 0; o < co; o++, to += AS_NR)
          for (size_t i = 0; i < AS_NR; i++)
            to[i] = i < n ? j->weight[(o * ci + p * AS_NR + i) * taps + tap] : 0.0f;
      }
  }
}

void as_conv_train_pack(as_conv_train *c, const float *weight, const float *bias, bool reverse) {
  pack_job j = {c, weight};
  as_par_for(as_conv_panels((size_t)c->s.c_out), pack_forward, &j);
  if (reverse) as_par_for(as_conv_panels((size_t)c->s.c_in), pack_reverse, &j);
  if (bias) memcpy(c->bias, bias, (size_t)c->s.c_out * sizeof *bias);
}

/* ---- forward, input gradient ----
 *
 * A tile is at most 14 pixels of the map that is written:
 *
 *   neighbours of one row        their windows overlap; what is written lies in one piece
 *   one pixel of several images  where rows do not fill tiles (8 pixels: 8 of 14) the images of a batch do, and all rows of
 *                                the tile meet the same taps, so that those in the padding are left out: a sixth of all on
 *                                8x8 pixels, three in ten on 4x4
 *
 * Images lie an odd number of cache lines apart (map.h): what a tile reads at a time falls into different sets. */

/* What is read: windows of rows x cols taps of `from`. */
typedef struct product {
  const as_map *from;
  ptrdiff_t top, left; /* the pixel of `from` at the first tap of pixel (0, 0) */
  size_t step;         /* pixels of `from` from the window of one pixel to the next */
  size_t rows, cols, chain;
  const float *packed, *bias;
  /* What is written: a grid of h x w pixels in each image of `to`. */
  const as_map *to, *residual;
  size_t h, w, first_y, first_x, stride;
  bool by_image;
  size_t line, cuts, least,
      more; /* a row, or the images, in `cuts` tiles of line / cuts pixels and what that leaves */
  size_t tiles, ranges;
  float *waiting; /* as in as_conv_train */
} product;

/* A tile: m pixels from (image, y, x) on. Cut t of a line of n pixels begins at n t / cuts; `part` is what that division
 * leaves, so that one tile leads to the next without divisions. */
typedef struct tile {
  size_t image, y, x, m, t, part;
} tile;

static tile tile_at(const product *j, size_t index) {
  const size_t row = index / (j->by_image ? j->w : j->cuts), x = index % (j->by_image ? j->w : j->cuts);
  tile t = {.image = row / j->h, .y = row % j->h, .x = x, .t = j->by_image ? row / j->h : x};
  const size_t first = j->line * t.t / j->cuts;
  t.part = j->line * t.t % j->cuts;
  t.m = j->least + (t.part + j->more >= j->cuts);
  if (j->by_image)
    t.image = first;
  else
    t.x = first;
  return t;
}
/* The next cut of a line; false at its end, where `at` goes back to the first one. */
static bool next_cut(const product *j, tile *t, size_t *at) {
  const bool more = ++t->t < j->cuts;
  if (more) {
    *at += t->m, t->part += j->more;
    if (t->part >= j->cuts) t->part -= j->cuts;
  } else {
    *at = t->part = t->t = 0;
  }
  t->m = j->least + (t->part + j->more >= j->cuts);
  return more;
}
static void next_tile(const product *j, tile *t) {
  if (j->by_image ? ++t->x < j->w : next_cut(j, t, &t->x)) return;
  t->x = 0;
  if (++t->y < j->h) return;
  t->y = 0;
  if (j->by_image)
    next_cut(j, t, &t->image);
  else
    t->image++;
}

/* The taps first .. end - 1 of n that fall on a map of `size` pixels, where the first one falls on pixel `at`. */
typedef struct span {
  size_t first, end;
} span;
static span taps_inside(ptrdiff_t at, size_t n, int size) {
  const ptrdiff_t taps = (ptrdiff_t)n, left = size - at, end = left < taps ? left : taps;
  const ptrdiff_t first = at < 0 ? -at : 0;
  const span s = {(size_t)first, (size_t)(end > first ? end : first)};
  return s;
}

/* The arguments of a worker's tiles: what they share is set once, since clearing them anew costs as much as all the rest. */
typedef struct tile_args {
  as_gemm_args g;
  const float *a[MAX_ROWS];
  size_t b_off[MAX_ROWS];
} tile_args;

static void begin_tiles(const product *j, tile_args *q) {
  const size_t to = j->stride * (size_t)j->to->c;
  q->g = (as_gemm_args){.a = q->a, .b_off = q->b_off};
  q->g.lda = j->by_image ? as_map_image(j->from) : j->step * (size_t)j->from->c;
  q->g.ldc = j->by_image ? as_map_image(j->to) : to;
  if (j->residual) q->g.ldr = j->by_image ? as_map_image(j->residual) : to;
}

/* Where the tile goes. */
static void aim(const product *j, const tile *t, size_t panel, as_gemm_args *g) {
  const size_t c = (size_t)j->to->c, y = j->first_y + t->y * j->stride, x = j->first_x + t->x * j->stride;
  g->n = as_conv_smaller(c - panel * AS_NR, AS_NR);
  g->c = as_map_at(j->to, t->image, y, x) + panel * AS_NR;
  if (j->residual) g->residual = as_map_at(j->residual, t->image, y, x) + panel * AS_NR;
}

/* Kernel rows s0..s1-1 of a tile's chain by a panel. What comes before and after them waits in `acc`. */
static void run_tile(const product *j, const tile *t, size_t panel, span s, float *acc, tile_args *q) {
  as_gemm_args *g = &q->g;
  const size_t c = (size_t)j->from->c;
  const ptrdiff_t y = j->top + (ptrdiff_t)(t->y * j->step), x = j->left + (ptrdiff_t)(t->x * j->step);
  span rows = taps_inside(y, j->rows, j->from->h), cols = {0, j->cols};
  if (rows.first < s.first) rows.first = s.first;
  if (rows.end > s.end) rows.end = s.end;
  if (j->by_image) cols = taps_inside(x, j->cols, j->from->w);
  const float *window = j->from->data + (ptrdiff_t)(t->image * as_map_image(j->from)) +
                        y * (ptrdiff_t)as_map_row(j->from) + (x + (ptrdiff_t)cols.first) * (ptrdiff_t)c;
  g->m = t->m, g->nseg = 0, g->k = (cols.end - cols.first) * c;
  for (size_t r = rows.first; r < rows.end && g->k > 0; r++) {
    q->a[g->nseg] = window + r * as_map_row(j->from);
    q->b_off[g->nseg++] = (r * j->cols + cols.first) * c * AS_NR;
  }
  g->b = j->packed + panel * j->chain * AS_NR;
  g->bias = j->bias ? j->bias + panel * AS_NR : NULL;
  g->acc_in = s.first > 0 ? acc : NULL;
  g->acc_out = s.end < j->rows ? acc : NULL;
  aim(j, t, panel, g);
  as_k.gemm(g);
}

static void run_range(void *ctx, size_t range, int worker) {
  (void)worker;
  const product *j = ctx;
  const size_t t1 = j->tiles * (range + 1) / j->ranges, panels = as_conv_panels((size_t)j->to->c);
  size_t t = j->tiles * range / j->ranges;
  tile_args q;
  begin_tiles(j, &q);
  for (tile at = tile_at(j, t); t < t1; t++, next_tile(j, &at))
    for (size_t p = 0; p < panels; p++) run_tile(j, &at, p, (span){0, j->rows}, NULL, &q);
}

/* Large weights: a panel, or a kernel row of it, meets all tiles of a block before the next one is read; the chains wait.
 * The last two tiles call the next one into L2: gemm asks for half as many bytes ahead as it reads of the panel. */
static void run_wide_range(void *ctx, size_t range, int worker) {
  const product *j = ctx;
  const size_t t0 = j->tiles * range / j->ranges, t1 = j->tiles * (range + 1) / j->ranges;
  const size_t step = j->chain * AS_NR * sizeof(float) > as_blocks.train_panel ? 1 : j->rows;
  const size_t piece = j->chain / j->rows * step * AS_NR;
  const size_t last = as_conv_panels((size_t)j->to->c) * (j->rows / step) - 1;
  float *waiting = j->waiting + (size_t)worker * AS_CONV_BLOCK * AS_MR * AS_NR;
  tile_args q;
  begin_tiles(j, &q);
  for (size_t i = 0; i <= last; i++) {
    const size_t p = i * step / j->rows, s = i * step % j->rows;
    const float *next = j->packed + (i < last ? i + 1 : 0) * piece;
    tile at = tile_at(j, t0);
    for (size_t t = t0; t < t1; t++, next_tile(j, &at)) {
      q.g.ahead = t + 2 == t1 ? next : t + 1 == t1 ? next + piece / 2 : NULL;
      run_tile(j, &at, p, (span){s, s + step}, waiting + (t - t0) * AS_MR * AS_NR, &q);
    }
  }
}

/* Which kind of tile is quicker: to load a row of weights costs a tile as much as one and a half pixels more, and only
 * tiles of one pixel leave out taps on the left and the right. */
static bool images_fill_tiles(const product *j) {
  const size_t n = (size_t)j->to->n, across = (n + AS_MR - 1) / AS_MR, along = (j->w + AS_MR - 1) / AS_MR;
  size_t taps = 0;
  for (size_t x = 0; x < j->w; x++) {
    const span s = taps_inside(j->left + (ptrdiff_t)(x * j->step), j->cols, j->from->w);
    taps += s.end - s.first;
  }
  const double by_image = (double)taps * ((double)n + 1.5 * (double)across);
  const double by_row = (double)(j->cols * n) * ((double)j->w + 1.5 * (double)along);
  return n > 1 && by_image * 1.05 < by_row;
}

/* Tiles of a block: as many rows of the grid as read what stays in L2 beside a panel. */
static size_t tiles_of_block(const product *j) {
  const size_t bytes =
      as_conv_smaller(j->line, AS_MR) * j->step * j->step * (size_t)j->from->c * sizeof(float);
  if (!j->by_image) return as_conv_smaller(1 + as_blocks.train_rows / bytes, AS_CONV_BLOCK);
  if (j->w > AS_CONV_BLOCK) return AS_CONV_BLOCK;
  const size_t rows = as_conv_smaller(as_blocks.train_rows / (bytes * j->w), AS_CONV_BLOCK / j->w);
  return rows ? rows * j->w : j->w;
}

static void run_product(const as_conv_train *c, product *j) {
  const bool wide = as_conv_panels((size_t)j->to->c) * j->chain * AS_NR * sizeof(float) >
                    as_blocks.train_weights; /* panel by panel over a block of tiles */
  j->by_image = images_fill_tiles(j);
  j->line = j->by_image ? (size_t)j->to->n : j->w;
  j->cuts = (j->line + AS_MR - 1) / AS_MR;
  j->least = j->line / j->cuts, j->more = j->line % j->cuts;
  j->tiles = j->cuts * j->h * (j->by_image ? j->w : (size_t)j->to->n);
  j->waiting = c->waiting;
  if (wide) {
    const size_t block = tiles_of_block(j), ranges = (j->tiles + block - 1) / block;
    j->ranges = ranges > LEAST_RANGES ? ranges : as_conv_smaller(j->tiles, LEAST_RANGES);
    as_par_for(j->ranges, run_wide_range, j);
  } else {
    j->ranges = as_conv_smaller(j->tiles, RANGES);
    as_par_for(j->ranges, run_range, j);
  }
}

void as_conv_train_forward(const as_conv_train *c, const as_map *in, const as_map *out) {
  as_conv_train_forward_add(c, in, NULL, out);
}

void as_conv_train_forward_add(const as_conv_train *c, const as_map *in, const as_map *residual,
                               const as_map *out) {
  const as_conv_shape *s = &c->s;
  as_map from = *in, to = *out, res = residual ? *residual : *out;
  if (as_conv_is_flat(c, in, out) && !res.border)
    from = as_map_flat(in), to = as_map_flat(out), res = as_map_flat(&res);
  product j = {.from = &from, .to = &to, .packed = c->forward, .bias = c->bias, .stride = 1};
  if (residual) j.residual = &res;
  j.top = -s->pad_top, j.left = -s->pad_left, j.step = (size_t)s->stride;
  j.rows = (size_t)s->kh, j.cols = (size_t)s->kw, j.chain = c->k;
  j.h = (size_t)to.h, j.w = (size_t)to.w;
  run_product(c, &j);
}

void as_conv_train_grad_input(const as_conv_train *c, const as_map *dout, const as_map *residual,
                              const as_map *din) {
  const as_conv_shape *s = &c->s;
  as_map from = *dout, to = *din, res = residual ? *residual : *din;
  if (as_conv_is_flat(c, dout, din) && !res.border)
    from = as_map_flat(dout), to = as_map_flat(din), res = as_map_flat(&res);
  for (int q = 0; q < s->stride * s->stride; q++) {
    const as_conv_class *r = &c->classes[q];
    if (r->first_y >= to.h || r->first_x >= to.w) continue;
    product j = {
        .from = &from, .to = &to, .residual = residual ? &res : NULL, .packed = c->reverse + r->packed};
    /* The first output that pixel (first_y, first_x) meets: (first + pad - tap) / stride, exactly; maybe negative. */
    j.top = (r->first_y + s->pad_top - r->ky) / s->stride;
    j.left = (r->first_x + s->pad_left - r->kx) / s->stride;
    j.step = 1, j.rows = (size_t)r->rows, j.cols = (size_t)r->cols;
    j.chain = j.rows * j.cols * (size_t)s->c_out; /* 0, no tap: the residual, or zeros */
    j.first_y = (size_t)r->first_y, j.first_x = (size_t)r->first_x, j.stride = (size_t)s->stride;
    j.h = (size_t)(to.h - r->first_y + s->stride - 1) / j.stride;
    j.w = (size_t)(to.w - r->first_x + s->stride - 1) / j.stride;
    run_product(c, &j);
  }
}
