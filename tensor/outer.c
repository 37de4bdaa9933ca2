/* Rows of both operands are samples, so that neither is turned over: gemmt multiplies rows.
 *
 *      sample     A in tiles                  B in panels
 *        r        [ 14 columns ] [ 14 ] ..    [ 32 columns ] [ 32 ] ..
 *                   a tile          by          a panel        -> 14 x 32 floats, added to the total in double
 *
 * A thread takes a few tiles by a few panels, and all chunks one after the other: its share of the total, a ninth of the second
 * cache, stays there, and what comes from farther away are tiles and panels in the order in which they lie. */
#include "tensor/outer.h"

#include <string.h>

#include "tensor/base/par.h"
#include "tensor/blocking.h"
#include "tensor/kern/kernels.h"

enum {
  PANELS = 4, /* of a part, at most */
  PARTS = 32, /* that there are at least, where the total has so many tiles */
  PIECE = AS_MR * AS_NR
};

_Static_assert((int)AS_OUTER_TILE == (int)AS_MR && (int)AS_OUTER_PANEL == (int)AS_NR, "the kernel's tile");

/* Tiles of a part, at most: 8 with 1 MiB of L2. */
static size_t tiles_of_part(void) {
  const size_t fit = as_blocks.outer / (PANELS * PIECE * sizeof(double));
  return fit ? fit : 1;
}

static size_t chunks_of(size_t rows) {
  return (rows + AS_OUTER_ROWS - 1) / AS_OUTER_ROWS;
}

size_t as_outer_a_floats(size_t rows, size_t m) {
  return chunks_of(rows) * AS_OUTER_ROWS * as_outer_tiles(m) * AS_OUTER_WIDE;
}

size_t as_outer_b_floats(size_t rows, size_t n) {
  return chunks_of(rows) * AS_OUTER_ROWS * as_outer_panels(n) * AS_OUTER_PANEL;
}

size_t as_outer_doubles(size_t m, size_t n) {
  return as_outer_tiles(m) * as_outer_panels(n) * PIECE;
}

size_t as_outer_part_doubles(void) {
  return (size_t)as_par_threads() * tiles_of_part() * PANELS * PIECE;
}

/* Through a place of their own, so that compilers make vectors of it. */
static inline void place_some(size_t n, const float *from, float *to, float least) {
  float out[AS_NR];
  if (!(least > 0.0f)) {
    memcpy(to, from, n * sizeof *to);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    const float v = from[i], size = v < 0.0f ? -v : v;
    out[i] = size < least ? 0.0f : v;
  }
  memcpy(to, out, n * sizeof *to);
}

/* Tile by tile, so that the rows of each are written one behind the other. Whole vectors where the row goes on; what lies
 * beyond the 14 columns is not looked at. */
void as_outer_place_a(const as_outer *o, size_t first, size_t rows, const float *from, size_t ld,
                      float least) {
  const size_t tiles = as_outer_tiles(o->m), chunk = first / AS_OUTER_ROWS, row = first % AS_OUTER_ROWS;
  for (size_t t = 0; t < tiles; t++) {
    const size_t left = o->m - t * AS_MR;
    const float *x = from + t * AS_MR;
    float *to = o->a + ((chunk * tiles + t) * AS_OUTER_ROWS + row) * AS_OUTER_WIDE;
    for (size_t i = 0; i < rows; i++, x += ld, to += AS_OUTER_WIDE)
      if (left >= AS_OUTER_WIDE)
        place_some(AS_OUTER_WIDE, x, to, least);
      else
        place_some(left < AS_MR ? left : AS_MR, x, to, least);
  }
}

void as_outer_place_b(const as_outer *o, size_t first, size_t rows, const float *from, size_t ld,
                      float least) {
  const size_t panels = as_outer_panels(o->n), chunk = first / AS_OUTER_ROWS, row = first % AS_OUTER_ROWS;
  for (size_t p = 0; p < panels; p++) {
    const size_t left = o->n - p * AS_NR;
    const float *x = from + p * AS_NR;
    float *to = o->b + ((chunk * panels + p) * AS_OUTER_ROWS + row) * AS_NR;
    for (size_t i = 0; i < rows; i++, x += ld, to += AS_NR) {
      if (left >= AS_NR) {
        place_some(AS_NR, x, to, least);
      } else {
        place_some(left, x, to, least);
        memset(to + left, 0, (AS_NR - left) * sizeof *to);
      }
    }
  }
}

typedef struct outer_job {
  const as_outer *o;
  bool anew;
  size_t high, wide; /* parts of the tiles, of the panels */
  as_outer_take *take;
  void *ctx;
} outer_job;

/* Tiles t0 .. t1 - 1 by panels p0 .. p1 - 1; the sums of the first ones at `total`, a row of tiles `step` pieces on. */
typedef struct outer_part {
  size_t t0, t1, p0, p1, step;
  double *total;
} outer_part;

static double *piece_of(const outer_part *q, size_t t, size_t p) {
  return q->total + ((t - q->t0) * q->step + p - q->p0) * PIECE;
}

static size_t rows_of_tile(const as_outer *o, size_t t) {
  return o->m - t * AS_MR < AS_MR ? o->m - t * AS_MR : AS_MR;
}

/* One chunk of rows to the sums of a part. */
static void add_chunk(const as_outer *o, const outer_part *q, size_t chunk) {
  const size_t tiles = as_outer_tiles(o->m), panels = as_outer_panels(o->n);
  const size_t left = o->rows - chunk * AS_OUTER_ROWS, rows = left < AS_OUTER_ROWS ? left : AS_OUTER_ROWS;
  _Alignas(64) float sum[PIECE];
  for (size_t t = q->t0; t < q->t1; t++) {
    const float *a = o->a + (chunk * tiles + t) * AS_OUTER_ROWS * AS_OUTER_WIDE, *b;
    as_gemmt_args g = {
        .m = rows_of_tile(o, t), .nseg = 1, .k = &rows, .a = &a, .lda = AS_OUTER_WIDE, .b = &b, .ldb = AS_NR};
    g.c = sum;
    for (size_t p = q->p0; p < q->p1; p++) {
      double *total = piece_of(q, t, p);
      g.n = o->n - p * AS_NR > AS_NR / 2 ? AS_NR : AS_NR / 2;
      b = o->b + (chunk * panels + p) * AS_OUTER_ROWS * AS_NR;
      as_k.gemmt(&g);
      if (g.n == AS_NR)
        as_k.addd(g.m * AS_NR, sum, total);
      else
        for (size_t r = 0; r < g.m; r++) as_k.addd(g.n, sum + r * AS_NR, total + r * AS_NR);
    }
  }
}

static void hand_over(const outer_job *j, const outer_part *q) {
  for (size_t p = q->p0; p < q->p1; p++)
    for (size_t t = q->t0; t < q->t1; t++) {
      const size_t left = j->o->n - p * AS_NR;
      j->take(j->ctx, t * AS_MR, p * AS_NR, rows_of_tile(j->o, t), left < AS_NR ? left : AS_NR,
              piece_of(q, t, p));
    }
}

static void add_part(void *ctx, size_t part, int worker) {
  const outer_job *j = ctx;
  const as_outer *o = j->o;
  const size_t tiles = as_outer_tiles(o->m), panels = as_outer_panels(o->n), y = part / j->wide,
               x = part % j->wide;
  outer_part q = {.t0 = tiles * y / j->high,
                  .t1 = tiles * (y + 1) / j->high,
                  .p0 = panels * x / j->wide,
                  .p1 = panels * (x + 1) / j->wide,
                  .step = j->take ? PANELS : panels};
  q.total = o->total + (j->take ? (size_t)worker * tiles_of_part() * PANELS : q.t0 * panels + q.p0) * PIECE;
  for (size_t t = q.t0; j->anew && t < q.t1; t++)
    memset(piece_of(&q, t, q.p0), 0, (q.p1 - q.p0) * PIECE * sizeof *q.total);
  for (size_t chunk = 0; chunk < chunks_of(o->rows); chunk++) add_chunk(o, &q, chunk);
  if (j->take) hand_over(j, &q);
}

static void run_parts(outer_job *j) {
  const size_t tiles = as_outer_tiles(j->o->m), panels = as_outer_panels(j->o->n);
  j->high = (tiles + tiles_of_part() - 1) / tiles_of_part();
  j->wide = (panels + PANELS - 1) / PANELS;
  while (j->high * j->wide < PARTS && j->high < tiles) j->high++;
  while (j->high * j->wide < PARTS && j->wide < panels) j->wide++;
  as_par_for(j->high * j->wide, add_part, j);
}

void as_outer_add(const as_outer *o, bool anew) {
  run_parts(&(outer_job){.o = o, .anew = anew});
}

void as_outer_each(const as_outer *o, as_outer_take *take, void *ctx) {
  run_parts(&(outer_job){.o = o, .anew = true, .take = take, .ctx = ctx});
}
