/* Sums over the rows of two matrices: what the gradient by a weight matrix is, the samples being the rows. */
#ifndef AS_TENSOR_OUTER_H
#define AS_TENSOR_OUTER_H

#include <stdbool.h>
#include <stddef.h>

enum {
  AS_OUTER_ROWS = 256, /* of one float chain */
  AS_OUTER_TILE = 14,  /* columns of A, */
  AS_OUTER_PANEL = 32, /* and of B, that lie together */
  AS_OUTER_WIDE = 16   /* floats from row to row of a tile */
};

/* total[i][j] += sum over the rows r of A[r][i] B[r][j]: inside a chunk of 256 rows one fma chain from +0 in float, and
 * the chunks in double, in order (NUMERICS rule T2). */
typedef struct as_outer {
  size_t rows, m, n; /* A: [rows, m]; B: [rows, n] */
  float *a, *b;      /* placed: [chunks][tiles][256][16] and [chunks][panels][256][32], 64-byte aligned */
  double *total;     /* [tiles][panels][14][32], or of as_outer_part_doubles for as_outer_each */
} as_outer;

static inline size_t as_outer_tiles(size_t m) {
  return (m + AS_OUTER_TILE - 1) / AS_OUTER_TILE;
}
static inline size_t as_outer_panels(size_t n) {
  return (n + AS_OUTER_PANEL - 1) / AS_OUTER_PANEL;
}
/* How many floats and doubles these take; of rows, whole chunks. */
size_t as_outer_a_floats(size_t rows, size_t m);
size_t as_outer_b_floats(size_t rows, size_t n);
size_t as_outer_doubles(size_t m, size_t n);
size_t as_outer_part_doubles(void);
/* Places some rows of A or B, from row `first` on, which come ld floats apart and all lie in one chunk. Elements smaller than
 * `least` count as 0: products of next to nothing would be denormal, and slow. */
void as_outer_place_a(const as_outer *o, size_t first, size_t rows, const float *from, size_t ld,
                      float least);
void as_outer_place_b(const as_outer *o, size_t first, size_t rows, const float *from, size_t ld,
                      float least);
/* anew: the total is set, not added to. Parallel over parts of the total; cannot fail. */
void as_outer_add(const as_outer *o, bool anew);
/* The total is not kept: `take` is called once with every piece of it, m <= 14 rows from i on by n <= 32 columns from j on,
 * whose rows are 32 apart. May run on several threads at once. */
typedef void as_outer_take(void *ctx, size_t i, size_t j, size_t m, size_t n, const double *piece);
void as_outer_each(const as_outer *o, as_outer_take *take, void *ctx);
/* The 32 elements of row i of the total that belong to a panel of B; those beyond n hold nothing. */
static inline const double *as_outer_at(const as_outer *o, size_t i, size_t panel) {
  const size_t tile = i / AS_OUTER_TILE * as_outer_panels(o->n) + panel;
  return o->total + (tile * AS_OUTER_TILE + i % AS_OUTER_TILE) * AS_OUTER_PANEL;
}

#endif
