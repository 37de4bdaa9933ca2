#include "tensor/train/conv_train.h"

#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

enum {
  MAX_ROWS = 64,           /* kernel rows: segments of a chain */
  WIDE_BYTES = 512 * 1024, /* weights over this are walked panel by panel over a block of tiles */
  RANGES = 64,             /* pieces that a layer's tiles are cut into */
  GROUP_PANELS = 8,        /* of the weight gradient: a chunk of patches of 8 panels is 256 KB */
  PARTIAL_BYTES = 8 << 20, /* unsummed chunks of the weight gradient that wait in memory */
  BLOCK = 32,              /* rows that packt turns over at once */
  BLOCKS = AS_CHUNK / BLOCK
};

/* The input pixels whose (row + pad) % stride and (column + pad) % stride are one residue meet the same kernel taps: a
 * convolution of the output's gradient with a part of the kernel. Stride 1 has one such class. */
typedef struct reverse_class {
  int ky, kx;           /* the largest tap of each axis in the class; taps go down by `stride` */
  int rows, cols;       /* taps */
  int first_y, first_x; /* first input row and column of the class */
  size_t packed;        /* floats to its panels in `reverse` */
} reverse_class;

struct as_conv_train {
  as_conv_shape s;
  int out_h, out_w;
  size_t k;               /* c_in kh kw */
  float *forward;         /* [panels of c_out][k][32] */
  float *bias;            /* [panels of c_out * 32] */
  float *reverse;         /* per class [panels of c_in][rows cols c_out][32] */
  reverse_class *classes; /* [stride * stride] */
  size_t window;          /* chunks that wait unsummed; 0: each group of panels sums its own */
  double *total;          /* [panels of k][c_out][32] */
  float *partial;         /* [window][panels of k][c_out][32] */
  float *patches;         /* per worker [GROUP_PANELS][AS_CHUNK][32] */
  float *turned;          /* per worker: dout rows [AS_CHUNK][c_out], then the blocks [BLOCKS][c_out][32] */
  float *tile;            /* per worker [AS_MR][32] */
};

static size_t panels_of(size_t n) {
  return (n + AS_NR - 1) / AS_NR;
}
static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

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
      reverse_class *q = &c->classes[ry * s->stride + rx];
      q->rows = taps_of(s->kh, ry, s->stride), q->cols = taps_of(s->kw, rx, s->stride);
      q->ky = ry + (q->rows - 1) * s->stride, q->kx = rx + (q->cols - 1) * s->stride;
      q->first_y = (ry + s->stride - s->pad_top % s->stride) % s->stride;
      q->first_x = (rx + s->stride - s->pad_left % s->stride) % s->stride;
      q->packed = floats;
      floats += panels_of((size_t)s->c_in) * (size_t)(q->rows * q->cols * s->c_out) * AS_NR;
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
  const size_t co = (size_t)shape->c_out, outs = panels_of(co), workers = (size_t)as_par_threads();
  const size_t sum = panels_of(c->k) * co * AS_NR; /* floats of one weight gradient in panels */
  const size_t groups = (panels_of(c->k) + GROUP_PANELS - 1) / GROUP_PANELS;
  const size_t chunks = (pixels + AS_CHUNK - 1) / AS_CHUNK;
  c->window = groups >= 8 ? 0 : smaller(chunks, 1 + PARTIAL_BYTES / (sum * sizeof(float)));
  c->classes = as_calloc((size_t)shape->stride * (size_t)shape->stride, sizeof *c->classes, err);
  const size_t reverse = c->classes ? plan_classes(c) : 0;
  c->forward = as_alloc(outs * c->k * AS_NR, sizeof(float), err);
  c->bias = as_calloc(outs * AS_NR, sizeof(float), err);
  c->reverse = as_alloc(reverse ? reverse : 1, sizeof(float), err);
  c->total = as_alloc(sum, sizeof(double), err);
  c->partial = as_alloc(c->window ? c->window * sum : 1, sizeof(float), err);
  c->patches = as_calloc(workers * GROUP_PANELS * AS_CHUNK * AS_NR, sizeof(float), err);
  c->turned = as_alloc(workers * 2 * AS_CHUNK * co, sizeof(float), err);
  c->tile = as_alloc(workers * AS_MR * AS_NR, sizeof(float), err);
  if (!c->classes || !c->forward || !c->bias || !c->reverse || !c->total || !c->partial || !c->patches ||
      !c->turned || !c->tile) {
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
  as_free(c->turned);
  as_free(c->tile);
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
               n = smaller((size_t)s->c_out - p * AS_NR, AS_NR);
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
  const size_t n = smaller(ci - p * AS_NR, AS_NR);
  for (int q = 0; q < s->stride * s->stride; q++) {
    const reverse_class *r = &j->c->classes[q];
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
  as_par_for(panels_of((size_t)c->s.c_out), pack_forward, &j);
  if (reverse) as_par_for(panels_of((size_t)c->s.c_in), pack_reverse, &j);
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
  size_t least, more; /* w / x_tiles and what that leaves */
  bool wide;
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

static void run_tile(const product *j, const tile *t, size_t panel) {
  const size_t c = (size_t)j->to->c, row = as_map_row(j->from);
  const float *a[MAX_ROWS];
  size_t b_off[MAX_ROWS];
  as_gemm_args g = {.m = t->m, .nseg = j->rows, .k = j->segment, .lda = j->step_x, .a = a, .b_off = b_off};
  g.n = smaller(c - panel * AS_NR, AS_NR);
  const float *window = j->origin + t->image * as_map_image(j->from) + t->y * j->step_y + t->x * j->step_x;
  for (size_t s = 0; s < j->rows; s++) {
    a[s] = window + s * row;
    b_off[s] = s * j->segment * AS_NR;
  }
  g.b = j->packed + panel * j->chain * AS_NR;
  g.bias = j->bias ? j->bias + panel * AS_NR : NULL;
  const size_t oy = j->first_y + t->y * j->stride, ox = j->first_x + t->x * j->stride;
  g.c = as_map_at(j->to, t->image, oy, ox) + panel * AS_NR;
  g.ldc = j->stride * c;
  if (j->residual) {
    g.residual = as_map_at(j->residual, t->image, oy, ox) + panel * AS_NR;
    g.ldr = g.ldc;
  }
  as_k.gemm(&g);
}

static void run_range(void *ctx, size_t range, int worker) {
  (void)worker;
  const product *j = ctx;
  const size_t t0 = j->tiles * range / j->ranges, t1 = j->tiles * (range + 1) / j->ranges;
  const size_t panels = panels_of((size_t)j->to->c);
  const size_t outer = j->wide ? panels : 1, inner = panels / outer;
  for (size_t p = 0; p < outer; p++) {
    tile at = tile_at(j, t0);
    for (size_t t = t0; t < t1; t++, next_tile(j, &at))
      for (size_t q = 0; q < inner; q++) run_tile(j, &at, p + q);
  }
}

static void run_product(product *j) {
  j->x_tiles = (j->w + AS_MR - 1) / AS_MR;
  j->least = j->w / j->x_tiles, j->more = j->w % j->x_tiles;
  j->segment = j->rows ? j->chain / j->rows : 0;
  j->tiles = (size_t)j->to->n * j->h * j->x_tiles;
  j->ranges = smaller(j->tiles, RANGES);
  j->wide = panels_of((size_t)j->to->c) * j->chain * AS_NR * sizeof(float) > WIDE_BYTES;
  if (j->tiles) as_par_for(j->ranges, run_range, j);
}

/* A 1x1 layer over maps without borders is one long row of pixels, whatever the images are. */
static as_map flat(const as_map *m) {
  return as_map_matrix(m->data, as_map_pixels(m), (size_t)m->c);
}
static bool is_flat(const as_conv_train *c, const as_map *a, const as_map *b) {
  return c->s.kh == 1 && c->s.kw == 1 && c->s.stride == 1 && !a->border && !b->border;
}

void as_conv_train_forward(const as_conv_train *c, const as_map *in, const as_map *out) {
  as_conv_train_forward_add(c, in, NULL, out);
}

void as_conv_train_forward_add(const as_conv_train *c, const as_map *in, const as_map *residual,
                               const as_map *out) {
  const as_conv_shape *s = &c->s;
  as_map from = *in, to = *out, res = residual ? *residual : *out;
  if (is_flat(c, in, out) && !res.border) from = flat(in), to = flat(out), res = flat(&res);
  product j = {.from = &from, .to = &to, .packed = c->forward, .bias = c->bias, .stride = 1};
  if (residual) j.residual = &res;
  j.origin = from.data - (size_t)s->pad_top * as_map_row(&from) - (size_t)s->pad_left * (size_t)from.c;
  j.step_y = (size_t)s->stride * as_map_row(&from), j.step_x = (size_t)s->stride * (size_t)from.c;
  j.rows = (size_t)s->kh, j.chain = c->k;
  j.h = (size_t)to.h, j.w = (size_t)to.w;
  run_product(&j);
}

void as_conv_train_grad_input(const as_conv_train *c, const as_map *dout, const as_map *residual,
                              const as_map *din) {
  const as_conv_shape *s = &c->s;
  as_map from = *dout, to = *din, res = residual ? *residual : *din;
  if (is_flat(c, dout, din) && !res.border) from = flat(dout), to = flat(din), res = flat(&res);
  for (int q = 0; q < s->stride * s->stride; q++) {
    const reverse_class *r = &c->classes[q];
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
    run_product(&j);
  }
}

/* ---- weight gradient ----
 *
 * One chunk of 256 output pixels is a product of [c_out x 256] by [256 x k], where row r of the second factor is the
 * patch of the input that pixel r saw. The patches are copied into panels (the second operand of the tile), the
 * gradient is turned over in blocks of 32 pixels (the first operand: eight segments of one chain). The rest of the last
 * chunk is filled with zeros, which contribute nothing. */

typedef struct weight_job {
  as_conv_train *c;
  const as_map *in, *dout;
  as_map grid;                 /* the output pixels, as rows of patches */
  size_t pixels, chunks, base; /* base: first chunk of the window */
  size_t groups;
} weight_job;

/* `run` patches from output pixel `at` on into rows row.. of the panels p0..p1-1. */
static void copy_patches(const weight_job *j, as_spot at, size_t run, size_t row, size_t p0, size_t p1,
                         float *panels) {
  const as_conv_shape *s = &j->c->s;
  const size_t piece = (size_t)(s->kw * s->c_in), step = (size_t)(s->stride * s->c_in);
  const float *from = j->in->data + at.image * as_map_image(j->in) +
                      at.y * (size_t)s->stride * as_map_row(j->in) + at.x * step;
  from -= (size_t)s->pad_top * as_map_row(j->in) + (size_t)s->pad_left * (size_t)s->c_in;
  for (size_t ky = 0; ky < (size_t)s->kh; ky++, from += as_map_row(j->in)) {
    size_t col = ky * piece, end = smaller(col + piece, p1 * AS_NR);
    const size_t start = col;
    if (col < p0 * AS_NR) col = p0 * AS_NR;
    while (col < end) {
      const size_t n = smaller(end - col, AS_NR - col % AS_NR);
      as_k.copyp(run, n, from + (col - start), step,
                 panels + ((col / AS_NR - p0) * AS_CHUNK + row) * AS_NR + col % AS_NR);
      col += n;
    }
  }
}

/* The chunk's gradient turned over; returns how many blocks of 32 it takes. */
static size_t turn(const weight_job *j, size_t first, size_t rows, float *memory) {
  const size_t co = (size_t)j->c->s.c_out;
  float *compact = memory, *blocks = memory + AS_CHUNK * co, *p;
  const float *from = compact;
  as_spot at = as_map_spot(j->dout, first);
  for (size_t done = 0, run; done < rows; done += run) {
    run = as_map_run(j->dout, at, rows - done, &p);
    if (run == rows) {
      from = p;
      break;
    }
    memcpy(compact + done * co, p, run * co * sizeof *p);
    as_map_walk(j->dout, &at, run);
  }
  size_t b = 0;
  for (size_t row = 0; row < rows; row += BLOCK, b++)
    as_k.packt(smaller(rows - row, BLOCK), co, from + row * co, co, blocks + b * co * BLOCK);
  return b;
}

/* Chunk `chunk` by panels p0..p1-1: each tile goes to out (floats, panels of c_out x 32), or is added to total. */
static void weight_chunk(const weight_job *j, size_t chunk, size_t group, int worker, float *out) {
  as_conv_train *c = j->c;
  const size_t co = (size_t)c->s.c_out, first = chunk * AS_CHUNK, rows = smaller(j->pixels - first, AS_CHUNK);
  const size_t p0 = group * GROUP_PANELS, p1 = smaller(p0 + GROUP_PANELS, panels_of(c->k));
  float *panels = c->patches + (size_t)worker * GROUP_PANELS * AS_CHUNK * AS_NR;
  float *memory = c->turned + (size_t)worker * 2 * AS_CHUNK * co,
        *small = c->tile + (size_t)worker * AS_MR * AS_NR;
  const size_t blocks = turn(j, first, rows, memory);
  as_spot at = as_map_spot(&j->grid, first);
  for (size_t done = 0, run; done < rows; done += run) {
    run = smaller((size_t)j->grid.w - at.x, rows - done);
    copy_patches(j, at, run, done, p0, p1, panels);
    as_map_walk(&j->grid, &at, run);
  }
  for (size_t p = p0; p < p1 && rows < blocks * BLOCK; p++)
    memset(panels + ((p - p0) * AS_CHUNK + rows) * AS_NR, 0, (blocks * BLOCK - rows) * AS_NR * sizeof(float));
  const float *a[BLOCKS];
  size_t b_off[BLOCKS];
  for (size_t s = 0; s < blocks; s++) b_off[s] = s * BLOCK * AS_NR;
  const size_t tiles = (co + AS_MR - 1) / AS_MR;
  for (size_t p = p0; p < p1; p++)
    for (size_t t = 0; t < tiles; t++) {
      const size_t o = co * t / tiles, m = co * (t + 1) / tiles - o;
      for (size_t s = 0; s < blocks; s++) a[s] = memory + AS_CHUNK * co + (s * co + o) * BLOCK;
      as_gemm_args g = {.m = m, .n = AS_NR, .k = BLOCK, .nseg = blocks, .a = a, .b_off = b_off, .lda = BLOCK};
      g.b = panels + (p - p0) * AS_CHUNK * AS_NR;
      g.c = out ? out + (p * co + o) * AS_NR : small;
      g.ldc = AS_NR;
      as_k.gemm(&g);
      if (out) continue;
      double *to = c->total + (p * co + o) * AS_NR;
      for (size_t i = 0; i < m * AS_NR; i++) to[i] += (double)small[i];
    }
}

static void group_alone(void *ctx, size_t group, int worker) {
  const weight_job *j = ctx;
  for (size_t chunk = 0; chunk < j->chunks; chunk++) weight_chunk(j, chunk, group, worker, NULL);
}

static void window_part(void *ctx, size_t at, int worker) {
  const weight_job *j = ctx;
  const size_t chunk = at / j->groups, sum = panels_of(j->c->k) * (size_t)j->c->s.c_out * AS_NR;
  weight_chunk(j, j->base + chunk, at % j->groups, worker, j->c->partial + chunk * sum);
}

/* Panel p of the window's chunks, in order, into the total. */
static void add_window(void *ctx, size_t p, int worker) {
  (void)worker;
  const weight_job *j = ctx;
  const size_t part = (size_t)j->c->s.c_out * AS_NR, sum = panels_of(j->c->k) * part;
  const size_t n = smaller(j->chunks - j->base, j->c->window);
  double *to = j->c->total + p * part;
  for (size_t k = 0; k < n; k++) {
    const float *from = j->c->partial + k * sum + p * part;
    for (size_t i = 0; i < part; i++) to[i] += (double)from[i];
  }
}

void as_conv_train_grad_weight(as_conv_train *c, const as_map *in, const as_map *dout, float *dweight) {
  const as_conv_shape *s = &c->s;
  const size_t co = (size_t)s->c_out, ci = (size_t)s->c_in, taps = (size_t)(s->kh * s->kw);
  const size_t panels = panels_of(c->k);
  memset(c->total, 0, panels * co * AS_NR * sizeof *c->total);
  const as_map row = flat(in);
  weight_job j = {.c = c, .in = in, .dout = dout, .pixels = as_map_pixels(dout)};
  j.grid = *dout;
  if (is_flat(c, in, in)) j.in = &row, j.grid = flat(dout);
  j.chunks = (j.pixels + AS_CHUNK - 1) / AS_CHUNK;
  j.groups = (panels + GROUP_PANELS - 1) / GROUP_PANELS;
  if (c->window == 0) {
    as_par_for(j.groups, group_alone, &j);
  } else {
    for (; j.base < j.chunks; j.base += c->window) {
      as_par_for(smaller(j.chunks - j.base, c->window) * j.groups, window_part, &j);
      as_par_for(panels, add_window, &j);
    }
  }
  for (size_t o = 0; o < co; o++)
    for (size_t t = 0; t < taps; t++)
      for (size_t i = 0; i < ci; i++) {
        const size_t col = t * ci + i;
        dweight[(o * ci + i) * taps + t] = (float)c->total[(col / AS_NR * co + o) * AS_NR + col % AS_NR];
      }
}
