#include <stdint.h>
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
 * first. So they are where pixels lie so far apart that many of them fall into the same sets of a cache. Where rows are long
 * they are copied once for all taps, as windows of the map, which each tap enters at another place. A gradient of up to
 * 64 channels is not copied into panels either, unless the patches are: its rows lie near enough. Rows of pixels
 * that a tap finds in the padding are left out: a twelfth of all on 8x8 pixels. */

enum {
  LEAST_ROW = 8,
  PAYS = 4,        /* panels that a copy must meet */
  READ_PANELS = 2, /* of a gradient that is read in place: rows further apart meet in few sets of a cache */
  FAR = 128,       /* floats from row to row */
  STRIP = 16,      /* floats from row to row of a copy */
  ADD_PARTS = 16   /* pieces that sums which wait are added up in */
};

typedef struct weight_job {
  as_conv_train *c;
  const as_map *in, *dout;
  as_map grid; /* the output pixels, as rows of patches */
  float *dweight;
  size_t pixels, chunks, base; /* base: first chunk of the window */
  bool copied;                 /* a tile's columns of the patches are copied first */
  bool panels;                 /* so is the gradient, into panels; else it is read in place */
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
  size_t first, m;    /* of k */
  size_t from;        /* of the piece */
  size_t row, column; /* of the kernel; where a piece is a whole row of it, column 0 */
} strip;

/* Tile q of k. The taps of one piece of channels follow each other: they read the same parts of the map. */
static strip strip_at(const as_conv_train *c, size_t q) {
  const size_t pieces = c->k / c->piece, tiles = c->tiles / pieces, t = q / pieces, piece = q % pieces;
  const size_t from = c->piece * t / tiles, across = pieces / (size_t)c->s.kh;
  const strip s = {.first = piece * c->piece + from,
                   .m = c->piece * (t + 1) / tiles - from,
                   .from = from,
                   .row = piece / across,
                   .column = piece % across};
  return s;
}
/* The one after it: the next tap, or the first of the next channels. */
static strip strip_after(const as_conv_train *c, size_t q, strip s) {
  const size_t next = s.first + c->piece;
  if (next >= c->k) return strip_at(c, q + 1);
  s.first = next;
  if (++s.column * c->piece >= (size_t)(c->s.kw * c->s.c_in)) s.column = 0, s.row++;
  return s;
}

/* The pixels of a chunk, in runs along rows. `from`: what the first tap of the first pixel reads, in the map or in the windows. */
typedef struct runs {
  size_t n;
  uint16_t at[AS_CHUNK], length[AS_CHUNK]; /* in the chunk */
  int y[AS_CHUNK];                         /* the input row of the first tap, maybe in the padding */
  const float *from[AS_CHUNK];
  const float *gradient[AS_CHUNK]; /* of the first panel */
} runs;

/* The rows of an image that the patches of a chunk touch, whose pixels there begin at `at` and are at most `left`. */
typedef struct window {
  size_t pixels;
  int top, end; /* input rows top .. end - 1 */
} window;

static window window_at(const weight_job *j, const as_spot *at, size_t left) {
  const as_conv_shape *s = &j->c->s;
  const size_t w = (size_t)j->grid.w;
  window v = {.pixels = as_conv_smaller(left, ((size_t)j->grid.h - at->y) * w - at->x)};
  const int last = (int)(at->y + (at->x + v.pixels - 1) / w);
  v.top = (int)at->y * s->stride - s->pad_top, v.end = last * s->stride - s->pad_top + s->kh;
  if (v.top < 0) v.top = 0;
  if (v.end > j->in->h) v.end = j->in->h;
  return v;
}

/* The channels of a strip of all pixels that the patches of a chunk touch, once for all taps: rows of `stride` planes, in which
 * neighbours are pixels that lie `stride` apart in the map, as those of a tap do. */
static void copy_windows(const weight_job *j, size_t chunk, const strip *s, float *copy) {
  const as_conv_shape *shape = &j->c->s;
  const size_t ci = (size_t)shape->c_in, step = (size_t)shape->stride;
  const size_t columns = ((size_t)j->grid.w - 1) * step + (size_t)shape->kw;
  as_spot at = as_map_spot(&j->grid, chunk * AS_CHUNK);
  for (size_t left = pixels_of_chunk(j, chunk); left > 0;) {
    const window v = window_at(j, &at, left);
    const float *first =
        as_map_at(j->in, at.image, (size_t)v.top, 0) - (size_t)shape->pad_left * ci + s->from;
    for (int y = v.top; y < v.end; y++, first += as_map_row(j->in))
      for (size_t p = 0; p < step; p++, copy += as_conv_plane(j->c) * STRIP)
        as_k.copyp((columns - 1 - p) / step + 1, s->m, first + p * ci, step * ci, copy, STRIP);
    left -= v.pixels;
    at = (as_spot){at.image + 1, 0, 0};
  }
}

static void find_runs(const weight_job *j, size_t chunk, const float *windows, runs *r) {
  const as_conv_shape *s = &j->c->s;
  const float *gradient =
      j->c->gradient + (chunk - j->base) * as_conv_panels((size_t)s->c_out) * AS_CHUNK * AS_NR;
  const size_t rows = pixels_of_chunk(j, chunk), step = (size_t)s->stride, ci = (size_t)s->c_in;
  const ptrdiff_t line = (ptrdiff_t)(windows ? step * as_conv_plane(j->c) * STRIP : as_map_row(j->in));
  const float *from = windows;
  as_spot at = as_map_spot(&j->grid, chunk * AS_CHUNK);
  window v = {0, 0, 0};
  size_t n = 0, end = 0; /* end: of the pixels of this image */
  for (size_t done = 0, run; done < rows; done += run, as_map_walk(&j->grid, &at, run), n++) {
    run = as_conv_smaller((size_t)j->grid.w - at.x, rows - done);
    r->at[n] = (uint16_t)done, r->length[n] = (uint16_t)run;
    r->gradient[n] = j->panels ? gradient + done * AS_NR : as_map_at(&j->grid, at.image, at.y, at.x);
    r->y[n] = (int)(at.y * step) - s->pad_top;
    if (!windows) {
      r->from[n] = j->in->data + at.image * as_map_image(j->in) + at.x * step * ci -
                   (size_t)s->pad_left * ci + r->y[n] * line;
      continue;
    }
    if (done == end) {
      from += (v.end - v.top) * line;
      v = window_at(j, &at, rows - done), end += v.pixels;
    }
    r->from[n] = from + (r->y[n] - v.top) * line + at.x * STRIP;
  }
  r->n = n;
}

/* The rows of both operands of a tile; those that a tap finds in the padding are left out. */
typedef struct operands {
  size_t n, k[AS_CHUNK];
  const float *a[AS_CHUNK], *b[AS_CHUNK];
  const float *gradient[AS_CHUNK]; /* b of the first panel */
} operands;

/* In place, or in windows of which the tile's tap begins `tap` floats after the first one. */
static void take_runs(const runs *r, int row, int h, size_t tap, operands *o) {
  size_t n = 0;
  for (size_t i = 0; i < r->n; i++) {
    if (r->y[i] + row < 0 || r->y[i] + row >= h) continue;
    o->a[n] = r->from[i] + tap, o->gradient[n] = r->gradient[i], o->k[n++] = r->length[i];
  }
  o->n = n;
}
/* As copies of the tile's own columns, `step` floats apart until then, which join the runs. */
static void copy_runs(const runs *r, const strip *s, int h, size_t tap, size_t step, float *copy,
                      operands *o) {
  size_t n = 0, end = 0;
  for (size_t i = 0; i < r->n; i++) {
    const int y = r->y[i] + (int)s->row;
    if (y < 0 || y >= h) continue;
    const size_t at = r->at[i], length = r->length[i];
    as_k.copyp(length, s->m, r->from[i] + tap, step, copy + at * STRIP, STRIP);
    if (n == 0 || at != end) o->a[n] = copy + at * STRIP, o->gradient[n] = r->gradient[i], o->k[n++] = 0;
    o->k[n - 1] += length, end = at + length;
  }
  o->n = n;
}

/* Tiles q0 .. q1 - 1 of k by a chunk: to out (floats, [panel][k][32]) if given, else added to the total. */
static void multiply_chunk(const weight_job *j, size_t chunk, size_t q0, size_t q1, int worker, float *out) {
  const as_conv_train *c = j->c;
  const size_t co = (size_t)c->s.c_out, ci = (size_t)c->s.c_in, all = as_conv_panels(co);
  const size_t step = (size_t)c->s.stride, plane = as_conv_plane(c);
  float *small = c->tile + (size_t)worker * AS_MR * AS_NR;
  float *copy = c->patches + (size_t)worker * c->patch_floats;
  runs r;
  operands o;
  find_runs(j, chunk, c->windows ? copy : NULL, &r);
  strip s = strip_at(c, q0), next;
  for (size_t q = q0; q < q1; q++, s = next) {
    next = q + 1 < q1 ? strip_after(c, q, s) : strip_at(c, q0);
    const size_t tap = s.row * as_map_row(j->in) + s.column * ci + s.from;
    if (c->windows) {
      if (q == q0 || (s.row == 0 && s.column == 0)) copy_windows(j, chunk, &s, copy);
      take_runs(&r, (int)s.row, j->in->h,
                (s.row * step * plane + s.column % step * plane + s.column / step) * STRIP, &o);
    } else if (j->copied) {
      copy_runs(&r, &s, j->in->h, tap, step * ci, copy, &o);
    } else {
      take_runs(&r, (int)s.row, j->in->h, tap, &o);
    }
    as_gemmt_args g = {.m = s.m,
                       .nseg = o.n,
                       .k = o.k,
                       .a = o.a,
                       .b = o.b,
                       .lda = c->windows || j->copied ? STRIP : step * ci};
    g.ldb = j->panels ? AS_NR : co;
    for (size_t p = 0; p < all; p++) {
      const size_t place = (p * c->k + s.first) * AS_NR;
      const size_t panel = p * (j->panels ? AS_CHUNK : 1) * AS_NR;
      for (size_t i = 0; i < o.n; i++) o.b[i] = o.gradient[i] + panel;
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
  const size_t step = (size_t)c->s.stride;
  j.copied = !c->windows && (j.grid.w < LEAST_ROW || (step * (size_t)c->s.c_in >= FAR && panels >= PAYS));
  j.panels = j.copied || panels > READ_PANELS || c->s.c_out % (AS_NR / 2) != 0;
  j.chunks = (j.pixels + AS_CHUNK - 1) / AS_CHUNK;
  for (; j.base < j.chunks; j.base += c->window) {
    const size_t n = as_conv_smaller(j.chunks - j.base, c->window);
    if (j.panels) as_par_for(n, panel_chunk, &j);
    if (c->partial) {
      as_par_for(n * c->parts, part_of_chunk, &j);
      as_par_for(ADD_PARTS, add_window, &j);
    } else {
      as_par_for(c->parts, part_of_tiles, &j);
    }
  }
  as_par_for(panels, round_panel, &j);
}
