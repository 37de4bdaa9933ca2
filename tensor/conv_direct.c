/* Direct convolution as an implicit GEMM: the rows of A are never gathered, they are read where they stand.
 *
 * An output is one chain over (kernel row, kernel column, input channel). A tile is up to 14 outputs; the product reads
 * "row i at a + i lda" (as_gemm_args). So a tile works without a copy when its outputs' inputs lie at equal distances,
 * for each piece of the chain that is contiguous:
 *
 *   gemm   1x1 at stride 1: a pixel is a row, all pixels of all images are one matrix.
 *
 *   taps   a piece per tap (c_in floats). Neighbouring outputs of one output row read pixels `stride` apart:
 *             outputs    y0 y1 y2 ...            lda = stride ld
 *             tap kx     x(kx) x(kx + s) ...     a = map + (iy w + ix) ld
 *          A tap that no output of the tile has is left out of the chain; where some outputs have it and others
 *          do not (the edge of the map), the tile is done in parts: runs of active rows, one tap after the other,
 *          through accumulators in memory. The order of each output's chain stays the same.
 *
 *   rows   with few channels (3 at the stem) a tap is too short a piece. If pixels lie packed (ld = c_in), the kw taps
 *          of a kernel row are one contiguous piece of kw c_in floats. Padding is copied into a band as zeros, which
 *          contribute nothing to a chain: fma(+0, w, acc) == acc. */
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
        t->part[t->parts].row = (uint8_t)begin;
        t->part[t->parts].rows = (uint8_t)(r - begin);
        t->part[t->parts].a = map + ((size_t)first_iy * (size_t)s->w + (size_t)first_ix) * ld;
        t->part[t->parts++].b_off = (uint32_t)(ky * s->kw + kx) * (uint32_t)s->c_in * AS_NR;
      }
}

/* Few input channels: the stem, a patch embedding. */
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

static void run_rows(const as_conv *c, const as_conv_args *args, const as_team *team) {
  const as_conv_shape *s = &c->s;
  const as_tensor *in = args->in;
  as_multiply mm = as_conv_product(c, args);
  mm.k = (size_t)s->kw * (size_t)s->c_in;
  mm.lda = (size_t)s->stride * (size_t)s->c_in;
  if (in->ld == (size_t)s->c_in && !(s->pad_top | s->pad_left | s->pad_bottom | s->pad_right)) {
    rows_ctx r = {c, in->data, (size_t)s->w * in->ld, 0, as_row_tiles((size_t)c->out_w), 0, 0};
    r.image_floats = (size_t)s->h * r.row;
    r.per_image = r.x_tiles * (size_t)c->out_h;
    mm.tile = rows_tile;
    mm.ctx = &r;
    mm.tiles = (size_t)in->n * r.per_image;
    as_multiply_run(&mm, team->threads);
    return;
  }
  band_job j = {c, in, &mm, ((size_t)c->out_h + BAND - 1) / BAND, team->scratch};
  as_par_for_by(team->threads, (size_t)in->n * j.bands, run_band, &j);
}

static size_t rows_scratch(const as_conv *c, int batch, int threads) {
  (void)batch;
  return band_floats(c) * sizeof(float) * (size_t)threads;
}

static void run_taps(const as_conv *c, const as_conv_args *args, const as_team *team) {
  const taps_ctx taps = make_taps(c, args->in);
  as_multiply mm = as_conv_product(c, args);
  mm.k = (size_t)c->s.c_in;
  mm.lda = (size_t)c->s.stride * args->in->ld;
  mm.tile = taps_tile;
  mm.ctx = &taps;
  mm.tiles = (size_t)args->in->n * taps.per_image;
  as_multiply_run(&mm, team->threads);
}

/* The product over all pixels of the input, which are its rows. */
static as_multiply pixel_product(const as_conv *c, const as_conv_args *args, as_row_source *rows) {
  const as_tensor *in = args->in;
  as_multiply mm = as_conv_product(c, args);
  const size_t pixels = (size_t)in->n * (size_t)c->s.h * (size_t)c->s.w;
  *rows = (as_row_source){in->data, in->ld, pixels, as_row_tiles(pixels)};
  mm.lda = rows->lda;
  mm.tile = as_tile_rows;
  mm.ctx = rows;
  mm.tiles = rows->tiles;
  return mm;
}

static void run_gemm(const as_conv *c, const as_conv_args *args, const as_team *team) {
  as_row_source rows;
  const as_multiply mm = pixel_product(c, args, &rows);
  as_multiply_run(&mm, team->threads);
}

static void pair_gemm(const as_conv *first, const as_conv_args *a, const as_conv *second,
                      const as_conv_args *b, const as_team *team) {
  as_row_source from, between;
  const as_multiply ma = pixel_product(first, a, &from), mb = pixel_product(second, b, &between);
  as_multiply_run_pair(&ma, &mb, team->threads);
}

/* So many rows of a panel are transposed at once: 18 KB of a thread's scratch, 16 channels of a 3x3 kernel. */
enum { PACK_ROWS = 144 };

static size_t plain_rows(size_t chain) {
  return chain;
}

static inline void scale_row(const float *restrict from, const double *restrict s, float *restrict to) {
  for (size_t i = 0; i < AS_NR; i++) to[i] = (float)((double)from[i] * s[i]);
}

/* weight [c_out][c_in][kh][kw] to a panel whose rows run over (kernel row, kernel column, channel). */
static bool pack_plain(const as_conv *c, const as_conv_weights *w, size_t p, float *work) {
  const size_t ci = (size_t)c->s.c_in, taps = (size_t)c->s.kh * (size_t)c->s.kw, chain = c->chain;
  double s[AS_NR];
  float bad[AS_NR] = {0};
  size_t tap = 0, channel = 0;
  const size_t n = as_conv_panel_scale(c, w, p, s);
  for (size_t k = 0; k < chain; k += PACK_ROWS) {
    const size_t count = chain - k < PACK_ROWS ? chain - k : PACK_ROWS;
    as_k.packt(n, count, w->weight + p * AS_NR * chain + k, chain, work);
    for (size_t r = 0; r < count; r++) {
      float *to = c->packed + (p * chain + tap * ci + channel) * AS_NR;
      scale_row(work + r * AS_NR, s, to);
      as_gather_bad(to, 1, bad);
      if (++tap == taps) tap = 0, channel++;
    }
  }
  return as_none_bad(bad);
}

#define PLAIN_PACK .panel_rows = plain_rows, .pack = pack_plain, .pack_floats = PACK_ROWS * AS_NR
const as_conv_alg as_conv_gemm = {.name = "gemm", PLAIN_PACK, .run = run_gemm, .pair = pair_gemm};
const as_conv_alg as_conv_taps = {.name = "direct", PLAIN_PACK, .run = run_taps};
const as_conv_alg as_conv_rows = {
    .name = "direct-rows", PLAIN_PACK, .scratch = rows_scratch, .run = run_rows};
