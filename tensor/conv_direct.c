/* Direct convolution as an implicit GEMM: tiles of output pixels whose rows are read in place. */
#include <string.h>

#include "tensor/base/par.h"
#include "tensor/conv_int.h"

/* Output rows are cut into equal tiles of at most 14 pixels. Where rows are short and input and output
 * maps have the same width, several rows form one tile (two rows of 7): their pixels stay equally spaced. */
typedef struct taps_ctx {
  const as_conv *c;
  const as_tensor *in;
  size_t x_tiles;   /* tiles per output row, or 0: */
  size_t y_rows;    /* output rows per tile */
  size_t per_image; /* tiles per image */
} taps_ctx;

static taps_ctx make_taps(const as_conv *c, const as_tensor *in) {
  taps_ctx t = {c, in, as_row_tiles((size_t)c->out_w), 1, 0};
  t.per_image = t.x_tiles * (size_t)c->out_h;
  if (c->s.stride == 1 && c->out_w == c->s.w && c->out_w * 2 <= AS_MR) {
    t.x_tiles = 0;
    t.y_rows = AS_MR / (size_t)c->out_w;
    t.per_image = ((size_t)c->out_h + t.y_rows - 1) / t.y_rows;
  }
  return t;
}

static void taps_tile(const void *ctx, size_t index, as_tile *t) {
  const taps_ctx *j = ctx;
  const as_conv_shape *s = &j->c->s;
  const int out_w = j->c->out_w, out_h = j->c->out_h;
  const size_t image = index / j->per_image, at = index % j->per_image;
  int y, x, m;
  if (j->x_tiles) {
    const size_t xt = at % j->x_tiles;
    y = (int)(at / j->x_tiles);
    x = (int)((size_t)out_w * xt / j->x_tiles);
    m = (int)((size_t)out_w * (xt + 1) / j->x_tiles) - x;
  } else { /* rows shared out evenly: 7 rows in 4 tiles are 1 2 2 2 */
    y = (int)((size_t)out_h * at / j->per_image);
    x = 0;
    m = ((int)((size_t)out_h * (at + 1) / j->per_image) - y) * out_w;
  }
  t->first = (image * (size_t)out_h + (size_t)y) * (size_t)out_w + (size_t)x;
  t->m = (size_t)m;
  t->nseg = t->parts = 0;

  const size_t ld = j->in->ld;
  const float *map = j->in->data + image * (size_t)s->h * (size_t)s->w * ld;
  const int last_y = y + (x + m - 1) / out_w, last_x = j->x_tiles ? x + m - 1 : out_w - 1;
  bool whole = true; /* every row active in each tap that is active at all */
  for (int ky = 0; ky < s->kh && whole; ky++)
    for (int kx = 0; kx < s->kw; kx++) {
      const int iy = y * s->stride + ky - s->pad_top, iy1 = last_y * s->stride + ky - s->pad_top;
      const int ix = x * s->stride + kx - s->pad_left, ix1 = last_x * s->stride + kx - s->pad_left;
      if (iy1 < 0 || iy >= s->h || ix1 < 0 || ix >= s->w) continue;
      if (iy < 0 || iy1 >= s->h || ix < 0 || ix1 >= s->w) {
        whole = false;
        break;
      }
      t->a[t->nseg] = map + ((size_t)iy * (size_t)s->w + (size_t)ix) * ld;
      t->b_off[t->nseg++] = (size_t)(ky * s->kw + kx) * (size_t)s->c_in * AS_NR;
    }
  if (whole) return;

  t->nseg = 0;
  for (int ky = 0; ky < s->kh; ky++)
    for (int kx = 0; kx < s->kw; kx++)
      for (int r = 0; r < m;) { /* runs of active rows */
        int begin = -1, first_iy = 0, first_ix = 0;
        for (; r < m; r++) {
          const int iy = (y + (x + r) / out_w) * s->stride + ky - s->pad_top;
          const int ix = (x + r) % out_w * s->stride + kx - s->pad_left;
          const bool active = iy >= 0 && iy < s->h && ix >= 0 && ix < s->w;
          if (active && begin < 0) begin = r, first_iy = iy, first_ix = ix;
          if (!active && begin >= 0) break;
        }
        if (begin < 0) break;
        t->part[t->parts].row = (size_t)begin;
        t->part[t->parts].rows = (size_t)(r - begin);
        t->part[t->parts].a = map + ((size_t)first_iy * (size_t)s->w + (size_t)first_ix) * ld;
        t->part[t->parts++].b_off = (size_t)(ky * s->kw + kx) * (size_t)s->c_in * AS_NR;
      }
}

/* Few input channels (the stem, a patch embedding): with packed pixels a whole kernel row is one
 * contiguous piece of the chain. Padding, if any, is copied into a band as zeros, which contribute
 * nothing to a chain: fma(+0, w, acc) == acc. */
typedef struct rows_ctx {
  const as_conv *c;
  const float *map;    /* packed pixels; row 0 meets the kernel's first row at the first output row */
  size_t row;          /* floats per row of map */
  size_t image_floats; /* between images; 0 for a band */
  size_t x_tiles, per_image;
  size_t first; /* first output pixel of the band */
} rows_ctx;

static void rows_tile(const void *ctx, size_t index, as_tile *t) {
  const rows_ctx *j = ctx;
  const as_conv_shape *s = &j->c->s;
  const size_t out_w = (size_t)j->c->out_w, stride = (size_t)s->stride;
  const size_t image = index / j->per_image, at = index % j->per_image;
  const size_t y = at / j->x_tiles, xt = at % j->x_tiles;
  const size_t x = out_w * xt / j->x_tiles;
  t->m = out_w * (xt + 1) / j->x_tiles - x;
  t->first = j->first + (image * (size_t)j->c->out_h + y) * out_w + x;
  t->parts = 0;
  t->nseg = (size_t)s->kh;
  const float *a = j->map + image * j->image_floats + y * stride * j->row + x * stride * (size_t)s->c_in;
  for (size_t ky = 0; ky < t->nseg; ky++) {
    t->a[ky] = a + ky * j->row;
    t->b_off[ky] = ky * (size_t)s->kw * (size_t)s->c_in * AS_NR;
  }
}

/* Output rows per band: at the stem 8 rows need 21 of the input, 58 KB. */
enum { BAND = 8 };

static size_t band_row(const as_conv *c) {
  return (size_t)(c->s.w + c->s.pad_left + c->s.pad_right) * (size_t)c->s.c_in;
}

static size_t band_floats(const as_conv *c) {
  const size_t rows = (size_t)((BAND - 1) * c->s.stride + c->s.kh);
  return (rows * band_row(c) + 15) / 16 * 16;
}

size_t as_conv_direct_scratch(const as_conv *c) {
  return c->alg == AS_CONV_ROWS ? band_floats(c) * sizeof(float) * (size_t)as_par_threads() : 0;
}

typedef struct band_job {
  const as_conv *c;
  const as_tensor *in;
  const as_multiply *mm;
  size_t bands;
  float *scratch;
} band_job;

static void run_band(void *ctx, size_t chunk, int worker) {
  const band_job *j = ctx;
  const as_conv_shape *s = &j->c->s;
  const size_t image = chunk / j->bands, band = chunk % j->bands, ci = (size_t)s->c_in;
  const int out_h = j->c->out_h;
  const int y0 = (int)((size_t)out_h * band / j->bands), y1 = (int)((size_t)out_h * (band + 1) / j->bands);
  const size_t row = band_row(j->c);
  float *map = j->scratch + (size_t)worker * band_floats(j->c), *to = map;
  const int in0 = y0 * s->stride - s->pad_top, in1 = (y1 - 1) * s->stride + s->kh - s->pad_top;
  for (int iy = in0; iy < in1; iy++, to += row) {
    if (iy < 0 || iy >= s->h) {
      memset(to, 0, row * sizeof *to);
      continue;
    }
    const float *from = j->in->data + (image * (size_t)s->h + (size_t)iy) * (size_t)s->w * j->in->ld;
    const size_t left = (size_t)s->pad_left * ci, mid = (size_t)s->w * ci;
    memset(to, 0, left * sizeof *to);
    if (j->in->ld == ci) {
      memcpy(to + left, from, mid * sizeof *to);
    } else {
      for (size_t x = 0; x < (size_t)s->w; x++)
        memcpy(to + left + x * ci, from + x * j->in->ld, ci * sizeof *to);
    }
    memset(to + left + mid, 0, (size_t)s->pad_right * ci * sizeof *to);
  }
  rows_ctx r = {j->c, map, row, 0, as_row_tiles((size_t)j->c->out_w), 0, 0};
  r.per_image = r.x_tiles * (size_t)(y1 - y0);
  r.first = (image * (size_t)out_h + (size_t)y0) * (size_t)j->c->out_w;
  as_multiply mm = *j->mm;
  mm.tile = rows_tile;
  mm.ctx = &r;
  as_multiply_block(&mm, 0, r.per_image, 0, j->c->panels, false);
}

/* Everything but the tiles. */
static as_multiply whole(const as_conv *c, const as_tensor *res, as_act act, const as_tensor *out) {
  as_multiply mm = {0};
  mm.n = (size_t)c->s.c_out;
  mm.k = (size_t)c->s.c_in;
  mm.packed = c->packed;
  mm.panel_floats = c->chain * AS_NR;
  mm.bias = c->bias;
  mm.residual = res ? res->data : NULL;
  mm.ld_res = res ? res->ld : 0;
  mm.act = act;
  mm.out = out->data;
  mm.ld_out = out->ld;
  return mm;
}

static as_rows pixels(const as_conv *c, const as_tensor *in) {
  const as_rows rows = {in->data, in->ld, (size_t)in->n * (size_t)c->s.h * (size_t)c->s.w};
  return rows;
}

static void set_rows(as_multiply *mm, const as_rows *rows) {
  mm->lda = rows->lda;
  mm->tile = as_tile_rows;
  mm->ctx = rows;
  mm->tiles = as_row_tiles(rows->m);
}

/* Both weights and a few tiles in 1 MB of L2. */
enum { PAIR_BYTES = 640 * 1024 };

bool as_conv_pairs(const as_conv *first, const as_conv *second) {
  return first->alg == AS_CONV_GEMM && second->alg == AS_CONV_GEMM && first->bf16 == second->bf16 &&
         first->s.c_out == second->s.c_in && first->s.h == second->s.h && first->s.w == second->s.w &&
         (first->packed_floats + second->packed_floats) * sizeof(float) <= PAIR_BYTES;
}

void as_conv_pair_run(const as_conv *first, const as_tensor *in, const as_tensor *residual, as_act act,
                      const as_tensor *mid, const as_conv *second, as_act act2, const as_tensor *out) {
  if (first->bf16) {
    as_conv_bf16_run_pair(first, in, residual, act, mid, second, act2, out);
    return;
  }
  as_multiply a = whole(first, residual, act, mid), b = whole(second, NULL, act2, out);
  const as_rows from = pixels(first, in), between = pixels(second, mid);
  set_rows(&a, &from);
  set_rows(&b, &between);
  as_multiply_run_pair(&a, &b);
}

void as_conv_direct_run(const as_conv *c, const as_tensor *in, const as_tensor *res, as_act act,
                        const as_tensor *out, float *scratch) {
  const as_conv_shape *s = &c->s;
  as_multiply mm = whole(c, res, act, out);
  if (c->alg == AS_CONV_GEMM) {
    const as_rows rows = pixels(c, in);
    set_rows(&mm, &rows);
    as_multiply_run(&mm);
    return;
  }
  if (c->alg == AS_CONV_TAPS) {
    const taps_ctx taps = make_taps(c, in);
    mm.k = (size_t)s->c_in;
    mm.lda = (size_t)s->stride * in->ld;
    mm.tile = taps_tile;
    mm.ctx = &taps;
    mm.tiles = (size_t)in->n * taps.per_image;
    as_multiply_run(&mm);
    return;
  }
  mm.k = (size_t)s->kw * (size_t)s->c_in;
  mm.lda = (size_t)s->stride * (size_t)s->c_in;
  if (in->ld == (size_t)s->c_in && !(s->pad_top | s->pad_left | s->pad_bottom | s->pad_right)) {
    rows_ctx r = {c, in->data, (size_t)s->w * in->ld, 0, as_row_tiles((size_t)c->out_w), 0, 0};
    r.image_floats = (size_t)s->h * r.row;
    r.per_image = r.x_tiles * (size_t)c->out_h;
    mm.tile = rows_tile;
    mm.ctx = &r;
    mm.tiles = (size_t)in->n * r.per_image;
    as_multiply_run(&mm);
    return;
  }
  band_job j = {c, in, &mm, ((size_t)c->out_h + BAND - 1) / BAND, scratch};
  as_par_for((size_t)in->n * j.bands, run_band, &j);
}
