#include <string.h>

#include "tensor/base/par.h"
#include "tensor/train/conv_train_int.h"

/* ---- weight gradient ----
 *
 * A chunk of 256 output pixels is a product of [k x 256] by [256 x c_out], in which row r of both operands is a pixel: the
 * patch of the input that it saw, and its gradient. Neither is turned over, because gemmt multiplies rows.
 *
 *      pixel   patch, k = (kernel row, kernel column, channel)       gradient in panels
 *        r     [ .. i .. i + 13 .. ]   the input map, in place       [ 32 channels ] [ 32 ] ..
 *                    a tile: 14 of k             by a panel          -> 14 x 32 floats, added to the total in double
 *
 * Where rows of the map are short, each would be a segment of its own: then a tile's columns of the patches are copied
 * first. So they are where pixels lie so far apart that many of them fall into the same sets of a cache. Rows of pixels
 * that a tap finds in the padding are left out: a twelfth of all on 8x8 pixels. */

enum {
  LEAST_ROW = 8,
  PAYS = 4,      /* panels that a copy must meet */
  FAR = 128,     /* floats from row to row */
  STRIP = 16,    /* floats from row to row of a copy */
  ADD_PARTS = 16 /* pieces that sums which wait are added up in */
};

typedef struct weight_job {
  as_conv_train *c;
  const as_map *in, *dout;
  as_map grid; /* the output pixels, as rows of patches */
  float *dweight;
  size_t pixels, chunks, base; /* base: first chunk of the window */
} weight_job;

static size_t pixels_of_chunk(const weight_job *j, size_t chunk) {
  return as_conv_smaller(j->pixels - chunk * AS_CHUNK, AS_CHUNK);
}

/* The gradient of a chunk of the window into panels. */
static void panel_chunk(void *ctx, size_t at, int worker) {
  (void)worker;
  const weight_job *j = ctx;
  const size_t co = (size_t)j->c->s.c_out, rows = pixels_of_chunk(j, j->base + at),
               panels = as_conv_panels(co);
  float *to = j->c->gradient + at * panels * AS_CHUNK * AS_NR, *from;
  as_spot spot = as_map_spot(j->dout, (j->base + at) * AS_CHUNK);
  for (size_t done = 0, run; done < rows; done += run, as_map_walk(j->dout, &spot, run)) {
    run = as_map_run(j->dout, spot, rows - done, &from);
    for (size_t p = 0; p < panels; p++)
      as_k.copyp(run, as_conv_smaller(co - p * AS_NR, AS_NR), from + p * AS_NR, co,
                 to + (p * AS_CHUNK + done) * AS_NR, AS_NR);
  }
}

/* Columns of k that lie side by side in the map. */
typedef struct strip {
  size_t first, m; /* of k */
  size_t at;       /* floats from a patch's first element to them */
  size_t row;      /* of the kernel */
} strip;

/* Tile q of k. The taps of one piece of channels follow each other: they read the same parts of the map. */
static strip strip_at(const weight_job *j, size_t q) {
  const as_conv_train *c = j->c;
  const size_t pieces = c->k / c->piece, tiles = c->tiles / pieces, t = q / pieces, piece = q % pieces;
  const size_t from = c->piece * t / tiles, across = pieces / (size_t)c->s.kh;
  const strip s = {.first = piece * c->piece + from,
                   .m = c->piece * (t + 1) / tiles - from,
                   .row = piece / across,
                   .at = piece / across * as_map_row(j->in) + piece % across * (size_t)c->s.c_in + from};
  return s;
}

/* What gemmt reads of a chunk: runs of pixels, in the map or in their copy, and where in the chunk they are. */
typedef struct runs {
  size_t n, lda, k[AS_CHUNK], at[AS_CHUNK];
  const float *a[AS_CHUNK];
} runs;

static void find_runs(const weight_job *j, size_t chunk, const strip *s, float *copy, runs *r) {
  const as_conv_shape *shape = &j->c->s;
  const size_t rows = pixels_of_chunk(j, chunk), step = (size_t)(shape->stride * shape->c_in);
  const float *origin = j->in->data - (size_t)shape->pad_top * as_map_row(j->in) -
                        (size_t)shape->pad_left * (size_t)shape->c_in + s->at;
  as_spot at = as_map_spot(&j->grid, chunk * AS_CHUNK);
  r->n = 0, r->lda = copy ? STRIP : step;
  for (size_t done = 0, run; done < rows; done += run, as_map_walk(&j->grid, &at, run)) {
    run = as_conv_smaller((size_t)j->grid.w - at.x, rows - done);
    const ptrdiff_t y = (ptrdiff_t)(at.y * (size_t)shape->stride + s->row) - shape->pad_top;
    if (y < 0 || y >= j->in->h) continue; /* a tap in the padding */
    const float *from = origin + at.image * as_map_image(j->in) +
                        at.y * (size_t)shape->stride * as_map_row(j->in) + at.x * step;
    if (copy) as_k.copyp(run, s->m, from, step, copy + done * STRIP, STRIP);
    if (copy && r->n > 0 && r->at[r->n - 1] + r->k[r->n - 1] == done) {
      r->k[r->n - 1] += run;
      continue;
    }
    r->a[r->n] = copy ? copy + done * STRIP : from, r->at[r->n] = done, r->k[r->n++] = run;
  }
}

/* Tiles q0 .. q1 - 1 of k by a chunk: to out (floats, [panel][k][32]) if given, else added to the total. */
static void multiply_chunk(const weight_job *j, size_t chunk, size_t q0, size_t q1, int worker, float *out) {
  const as_conv_train *c = j->c;
  const size_t co = (size_t)c->s.c_out, all = as_conv_panels(co);
  const int row = j->grid.w, step = c->s.stride * c->s.c_in;
  const bool copied = row < LEAST_ROW || (step >= FAR && all >= PAYS);
  const float *b[AS_CHUNK];
  const float *gradient = c->gradient + (chunk - j->base) * all * AS_CHUNK * AS_NR;
  float *small = c->tile + (size_t)worker * AS_MR * AS_NR;
  float *copy = copied ? c->patches + (size_t)worker * AS_CHUNK * AS_NR : NULL;
  strip s = strip_at(j, q0), next;
  for (size_t q = q0; q < q1; q++, s = next) {
    next = strip_at(j, q + 1 < q1 ? q + 1 : q0);
    runs r;
    find_runs(j, chunk, &s, copy, &r);
    as_gemmt_args g = {.m = s.m, .nseg = r.n, .k = r.k, .a = r.a, .lda = r.lda, .b = b};
    for (size_t p = 0; p < all; p++) {
      const size_t place = (p * c->k + s.first) * AS_NR;
      for (size_t i = 0; i < r.n; i++) b[i] = gradient + (p * AS_CHUNK + r.at[i]) * AS_NR;
      g.n = co - p * AS_NR > AS_NR / 2 ? AS_NR : AS_NR / 2;
      g.c = out ? out + place : small;
      g.ahead = out ? NULL : c->total + (p + 1 < all ? place + c->k * AS_NR : next.first * AS_NR);
      as_k.gemmt(&g);
      if (!out) as_k.addd(s.m * AS_NR, small, c->total + place);
    }
  }
}

/* A part of k's tiles by all chunks of the window, into the total. */
static void part_of_tiles(void *ctx, size_t part, int worker) {
  const weight_job *j = ctx;
  const as_conv_train *c = j->c;
  const size_t q0 = c->tiles * part / c->parts, q1 = c->tiles * (part + 1) / c->parts;
  const size_t end = as_conv_smaller(j->base + c->window, j->chunks);
  for (size_t chunk = j->base; chunk < end; chunk++) multiply_chunk(j, chunk, q0, q1, worker, NULL);
}

/* A part of k's tiles by one chunk of the window, which waits in memory until the chunks before it are added. */
static void part_of_chunk(void *ctx, size_t at, int worker) {
  const weight_job *j = ctx;
  const as_conv_train *c = j->c;
  const size_t chunk = at / c->parts, part = at % c->parts;
  multiply_chunk(j, j->base + chunk, c->tiles * part / c->parts, c->tiles * (part + 1) / c->parts, worker,
                 c->partial + chunk * as_conv_panels((size_t)c->s.c_out) * c->k * AS_NR);
}

/* A sixteenth of the window's chunks, in order, into the total. */
static void add_window(void *ctx, size_t part, int worker) {
  (void)worker;
  const weight_job *j = ctx;
  const as_conv_train *c = j->c;
  const size_t rows = as_conv_panels((size_t)c->s.c_out) * c->k;
  const size_t from = rows * part / ADD_PARTS, to = rows * (part + 1) / ADD_PARTS;
  const size_t n = as_conv_smaller(j->chunks - j->base, c->window);
  for (size_t i = 0; i < n; i++)
    as_k.addd((to - from) * AS_NR, c->partial + (i * rows + from) * AS_NR, c->total + from * AS_NR);
}

/* Panel p of the total, rounded and brought into the order of the weights, [c_out, c_in, kh, kw]. */
static void round_panel(void *ctx, size_t p, int worker) {
  (void)worker;
  const weight_job *j = ctx;
  const as_conv_shape *s = &j->c->s;
  const size_t ci = (size_t)s->c_in, taps = (size_t)(s->kh * s->kw);
  const size_t n = as_conv_smaller((size_t)s->c_out - p * AS_NR, AS_NR);
  const double *total = j->c->total + p * j->c->k * AS_NR;
  for (size_t i = 0; i < ci; i++)
    for (size_t o = 0; o < n; o++)
      for (size_t t = 0; t < taps; t++)
        j->dweight[((p * AS_NR + o) * ci + i) * taps + t] = (float)total[(t * ci + i) * AS_NR + o];
}

void as_conv_train_grad_weight(as_conv_train *c, const as_map *in, const as_map *dout, float *dweight) {
  const size_t panels = as_conv_panels((size_t)c->s.c_out);
  memset(c->total, 0, panels * c->k * AS_NR * sizeof *c->total);
  const as_map row = as_map_flat(in);
  weight_job j = {.c = c, .in = in, .dout = dout, .dweight = dweight, .pixels = as_map_pixels(dout)};
  j.grid = *dout;
  if (as_conv_is_flat(c, in, in)) j.in = &row, j.grid = as_map_flat(dout);
  j.chunks = (j.pixels + AS_CHUNK - 1) / AS_CHUNK;
  for (; j.base < j.chunks; j.base += c->window) {
    const size_t n = as_conv_smaller(j.chunks - j.base, c->window);
    as_par_for(n, panel_chunk, &j);
    if (c->partial) {
      as_par_for(n * c->parts, part_of_chunk, &j);
      as_par_for(ADD_PARTS, add_window, &j);
    } else {
      as_par_for(c->parts, part_of_tiles, &j);
    }
  }
  as_par_for(panels, round_panel, &j);
}
