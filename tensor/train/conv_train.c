#include "tensor/train/conv_train_int.h"

#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum {
  MAX_ROWS = 64,            /* kernel rows: segments of a chain */
  WIDE_BYTES = 512 * 1024,  /* weights over this are walked panel by panel over a block of tiles */
  BLOCK_BYTES = 384 * 1024, /* of what such a block reads; the panel stays beside it in L2 */
  PANEL_BYTES = 256 * 1024, /* a panel that stays whole there */
  LEAST_RANGES = 16,
  RANGES = 64,        /* pieces that a layer's tiles are cut into */
  NARROW = 7,         /* rows of fewer pixels share tiles */
  MANY_CHANNELS = 64, /* enough to be cut into tiles without waste */
  SHARED_BYTES =
      4 << 20,         /* of a gradient that is brought into panels at a time where several workers read it */
  GATHERED = 64 * 1024 /* bytes of windows that are gathered at a time */
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

/* Room for a block of tiles, or for one where a chain is long; 0 where no row is narrow. */
static size_t most_gathered(const as_conv_train *c) {
  const as_conv_shape *s = &c->s;
  if (c->out_w >= NARROW && (s->w + s->stride - 1) / s->stride >= NARROW) return 0;
  const size_t chain = (size_t)(s->kh * s->kw) * (size_t)(s->c_in > s->c_out ? s->c_in : s->c_out);
  const size_t tile = AS_MR * chain, block = GATHERED / sizeof(float);
  return tile > block ? tile : block;
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
  c->gathered = most_gathered(c);
  c->classes = as_calloc((size_t)shape->stride * (size_t)shape->stride, sizeof *c->classes, err);
  const size_t reverse = c->classes ? plan_classes(c) : 0;
  c->forward = as_alloc(outs * c->k * AS_NR, sizeof(float), err);
  c->bias = as_calloc(outs * AS_NR, sizeof(float), err);
  c->reverse = as_alloc(reverse ? reverse : 1, sizeof(float), err);
  c->total = as_alloc(sum, sizeof(double), err);
  c->partial = apart ? as_calloc(c->window * sum, sizeof(float), err) : NULL;
  c->patches = as_calloc(workers * AS_CHUNK * AS_NR, sizeof(float), err);
  c->gradient = as_calloc(c->window * outs * AS_CHUNK * AS_NR, sizeof(float), err);
  c->tile = as_calloc(workers * AS_MR * AS_NR, sizeof(float), err);
  c->windows = as_alloc(c->gathered ? workers * c->gathered : 1, sizeof(float), err);
  c->waiting = as_alloc(workers * AS_CONV_BLOCK * AS_MR * AS_NR, sizeof(float), err);
  if (!c->classes || !c->forward || !c->bias || !c->reverse || !c->total || (apart && !c->partial) ||
      !c->patches || !c->gradient || !c->tile || !c->windows || !c->waiting) {
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
  as_free(c->windows);
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

/* ---- forward, input gradient: tiles of pixels in one row of the map that is written ---- */

/* What is read: windows of `rows` x (chain / rows) floats of `from`; window (0, 0) of image 0 at `origin`. */
typedef struct product {
  const as_map *from;
  const float *origin;
  size_t step_y, step_x;       /* floats from the window of one pixel to the next */
  size_t rows, chain, segment; /* segment: chain / rows */
  const float *packed, *bias;
  /* What is written: a grid of h x w pixels in each image of `to`. */
  const as_map *to, *residual;
  size_t h, w, first_y, first_x, stride;
  size_t x_tiles, tiles, ranges;
  size_t least, more;       /* w / x_tiles and what that leaves */
  float *windows, *waiting; /* as in as_conv_train */
  size_t gathered;
} product;

/* A tile: `m` pixels from (image, y, x) on. Tile t of a row begins at w t / x_tiles; `part` is what that division leaves,
 * so that one tile leads to the next without divisions. */
typedef struct tile {
  size_t image, y, x, m, part, t;
} tile;

static tile tile_at(const product *j, size_t index) {
  const size_t row = index / j->x_tiles;
  tile t = {.image = row / j->h, .y = row % j->h, .t = index % j->x_tiles};
  t.x = j->w * t.t / j->x_tiles, t.part = j->w * t.t % j->x_tiles;
  t.m = j->least + (t.part + j->more >= j->x_tiles);
  return t;
}
static void next_tile(const product *j, tile *t) {
  if (++t->t < j->x_tiles) {
    t->x += t->m, t->part += j->more;
    if (t->part >= j->x_tiles) t->part -= j->x_tiles;
  } else {
    t->x = t->part = t->t = 0;
    if (++t->y == j->h) t->y = 0, t->image++;
  }
  t->m = j->least + (t->part + j->more >= j->x_tiles);
}

/* Where pixels (image, y, x), (image, y, x + 1) .. of the grid go. */
static void aim(const product *j, size_t image, size_t y, size_t x, size_t panel, as_gemm_args *g) {
  const size_t c = (size_t)j->to->c, oy = j->first_y + y * j->stride, ox = j->first_x + x * j->stride;
  g->n = as_conv_smaller(c - panel * AS_NR, AS_NR);
  g->c = as_map_at(j->to, image, oy, ox) + panel * AS_NR;
  g->ldc = j->stride * c;
  if (j->residual) {
    g->residual = as_map_at(j->residual, image, oy, ox) + panel * AS_NR;
    g->ldr = g->ldc;
  }
}
static const float *window_of(const product *j, size_t image, size_t y, size_t x) {
  return j->origin + image * as_map_image(j->from) + y * j->step_y + x * j->step_x;
}

/* Kernel rows s0..s1-1 of a tile's chain by a panel. What comes before and after them waits in `acc`. */
static void run_tile(const product *j, const tile *t, size_t panel, size_t s0, size_t s1, float *acc) {
  const size_t row = as_map_row(j->from);
  const float *a[MAX_ROWS];
  size_t b_off[MAX_ROWS];
  as_gemm_args g = {.m = t->m, .nseg = s1 - s0, .k = j->segment, .lda = j->step_x, .a = a, .b_off = b_off};
  const float *window = window_of(j, t->image, t->y, t->x);
  for (size_t s = s0; s < s1; s++) {
    a[s - s0] = window + s * row;
    b_off[s - s0] = s * j->segment * AS_NR;
  }
  g.b = j->packed + panel * j->chain * AS_NR;
  g.bias = j->bias ? j->bias + panel * AS_NR : NULL;
  if (s0 > 0) g.acc_in = acc;
  if (s1 < j->rows) g.acc_out = acc;
  aim(j, t->image, t->y, t->x, panel, &g);
  as_k.gemm(&g);
}

static void run_range(void *ctx, size_t range, int worker) {
  (void)worker;
  const product *j = ctx;
  const size_t t1 = j->tiles * (range + 1) / j->ranges, panels = as_conv_panels((size_t)j->to->c);
  size_t t = j->tiles * range / j->ranges;
  for (tile at = tile_at(j, t); t < t1; t++, next_tile(j, &at))
    for (size_t p = 0; p < panels; p++) run_tile(j, &at, p, 0, j->rows, NULL);
}

/* Large weights: a panel, or a kernel row of it, meets all tiles of a block before the next one is read; the chains wait. */
static void run_wide_range(void *ctx, size_t range, int worker) {
  const product *j = ctx;
  const size_t t0 = j->tiles * range / j->ranges, t1 = j->tiles * (range + 1) / j->ranges;
  const size_t step = j->chain * AS_NR * sizeof(float) > PANEL_BYTES ? 1 : j->rows;
  float *waiting = j->waiting + (size_t)worker * AS_CONV_BLOCK * AS_MR * AS_NR;
  for (size_t p = 0; p < as_conv_panels((size_t)j->to->c); p++)
    for (size_t s = 0; s < j->rows; s += step) {
      tile at = tile_at(j, t0);
      for (size_t t = t0; t < t1; t++, next_tile(j, &at))
        run_tile(j, &at, p, s, s + step, waiting + (t - t0) * AS_MR * AS_NR);
    }
}

/* Rows of a few pixels fill too little of a tile: then tiles are runs of the grid's pixels over rows and images, whose
 * windows are gathered first. Copying a float costs a fraction of the panels' multiplications with it. */
static as_map grid_of(const product *j) {
  const as_map m = {NULL, j->to->n, (int)j->h, (int)j->w, j->to->c, 1};
  return m;
}

/* Tile t of the grid by one panel, its windows at `a`: the chain, then the epilogue for each row of pixels. */
static void run_gathered(const product *j, size_t first, size_t m, const float *a, size_t panel) {
  _Alignas(64) float acc[AS_MR * AS_NR];
  const size_t zero = 0;
  as_gemm_args g = {.m = m, .n = AS_NR, .k = j->chain, .nseg = 1, .lda = j->chain, .a = &a, .b_off = &zero};
  g.b = j->packed + panel * j->chain * AS_NR;
  g.bias = j->bias ? j->bias + panel * AS_NR : NULL;
  g.acc_out = acc;
  as_k.gemm(&g);
  const as_map grid = grid_of(j);
  as_spot at = as_map_spot(&grid, first);
  for (size_t done = 0, run; done < m; done += run, as_map_walk(&grid, &at, run)) {
    run = as_conv_smaller(j->w - at.x, m - done);
    as_gemm_args end = {.m = run, .acc_in = acc + done * AS_NR};
    aim(j, at.image, at.y, at.x, panel, &end);
    as_k.gemm(&end);
  }
}

static void gather(const product *j, size_t first, size_t pixels, float *to) {
  const as_map grid = grid_of(j);
  const size_t row = as_map_row(j->from);
  as_spot at = as_map_spot(&grid, first);
  for (size_t i = 0; i < pixels; i++, as_map_walk(&grid, &at, 1)) {
    const float *window = window_of(j, at.image, at.y, at.x);
    for (size_t s = 0; s < j->rows; s++, to += j->segment)
      memcpy(to, window + s * row, j->segment * sizeof *to);
  }
}

static void run_narrow_range(void *ctx, size_t range, int worker) {
  const product *j = ctx;
  const size_t t1 = j->tiles * (range + 1) / j->ranges, panels = as_conv_panels((size_t)j->to->c);
  const size_t pixels = (size_t)j->to->n * j->h * j->w, block = j->gathered / (AS_MR * j->chain);
  float *windows = j->windows + (size_t)worker * j->gathered;
  for (size_t t = j->tiles * range / j->ranges, end; t < t1; t = end) {
    end = as_conv_smaller(t + block, t1);
    const size_t base = pixels * t / j->tiles;
    gather(j, base, pixels * end / j->tiles - base, windows);
    for (size_t p = 0; p < panels; p++)
      for (size_t q = t; q < end; q++) {
        const size_t first = pixels * q / j->tiles, m = pixels * (q + 1) / j->tiles - first;
        run_gathered(j, first, m, windows + (first - base) * j->chain, p);
      }
  }
}

static void run_product(const as_conv_train *c, product *j) {
  const size_t least = as_conv_smaller(j->w, AS_MR), rows_apart = j->step_y / as_map_row(j->from);
  const size_t tile_bytes = least * j->step_x * (rows_apart ? rows_apart : 1) * sizeof(float);
  j->x_tiles = (j->w + AS_MR - 1) / AS_MR;
  j->least = j->w / j->x_tiles, j->more = j->w % j->x_tiles;
  j->segment = j->rows ? j->chain / j->rows : 0;
  j->tiles = (size_t)j->to->n * j->h * j->x_tiles;
  j->ranges = as_conv_smaller(j->tiles, RANGES);
  j->windows = c->windows, j->gathered = c->gathered, j->waiting = c->waiting;
  const bool wide = as_conv_panels((size_t)j->to->c) * j->chain * AS_NR * sizeof(float) > WIDE_BYTES;
  if (j->w < NARROW && j->chain && c->gathered) {
    j->tiles = ((size_t)j->to->n * j->h * j->w + AS_MR - 1) / AS_MR;
    j->ranges = as_conv_smaller(j->tiles, RANGES);
    as_par_for(j->ranges, run_narrow_range, j);
  } else if (j->tiles && wide) {
    const size_t block = as_conv_smaller(1 + BLOCK_BYTES / tile_bytes, AS_CONV_BLOCK);
    const size_t ranges = (j->tiles + block - 1) / block;
    j->ranges = ranges > LEAST_RANGES ? ranges : as_conv_smaller(j->tiles, LEAST_RANGES);
    as_par_for(j->ranges, run_wide_range, j);
  } else if (j->tiles) {
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
  j.origin = from.data - (size_t)s->pad_top * as_map_row(&from) - (size_t)s->pad_left * (size_t)from.c;
  j.step_y = (size_t)s->stride * as_map_row(&from), j.step_x = (size_t)s->stride * (size_t)from.c;
  j.rows = (size_t)s->kh, j.chain = c->k;
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
    const ptrdiff_t oy = (r->first_y + s->pad_top - r->ky) / s->stride,
                    ox = (r->first_x + s->pad_left - r->kx) / s->stride;
    j.origin = from.data + oy * (ptrdiff_t)as_map_row(&from) + ox * (ptrdiff_t)from.c;
    j.step_y = as_map_row(&from), j.step_x = (size_t)from.c;
    j.rows = r->cols ? (size_t)r->rows : 0, j.chain = (size_t)(r->rows * r->cols) * (size_t)s->c_out;
    if (!j.rows) j.origin = from.data; /* no tap: the residual, or zeros */
    j.first_y = (size_t)r->first_y, j.first_x = (size_t)r->first_x, j.stride = (size_t)s->stride;
    j.h = (size_t)(to.h - r->first_y + s->stride - 1) / j.stride;
    j.w = (size_t)(to.w - r->first_x + s->stride - 1) / j.stride;
    run_product(c, &j);
  }
}
