/* The one blocked product behind convolution and linear layers: output tiles of at most 14 pixels by
 * panels of 32 columns, cut into chunks that follow from the problem alone. */
#ifndef AS_TENSOR_MULTIPLY_INT_H
#define AS_TENSOR_MULTIPLY_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/kern/kernels.h"
#include "tensor/tensor.h"

enum { AS_MAX_SEG = 64, AS_MAX_PART = 7 * AS_MAX_SEG };

/* One tile of output pixels: rows `first` .. `first + m - 1` of the output.
 * Either nseg segments in which every row is active, or (parts > 0) pieces of the chain in which only
 * some rows are: taps that fall into the padding are left out. */
typedef struct as_tile {
  size_t m, first;
  size_t nseg;
  const float *a[AS_MAX_SEG];
  size_t b_off[AS_MAX_SEG];
  size_t parts;
  struct {
    const float *a;
    uint32_t b_off;
    uint8_t row, rows;
  } part[AS_MAX_PART];
} as_tile;

typedef void as_tile_fn(const void *ctx, size_t index, as_tile *t);

typedef struct as_multiply {
  size_t tiles;
  as_tile_fn *tile;
  const void *ctx;
  size_t k, lda;       /* chain length of a segment; floats between rows */
  size_t n;            /* columns */
  const float *packed; /* panels [ceil(n / 32)][panel_floats] */
  size_t panel_floats; /* chain length * 32 */
  bool bf16;           /* a float of rows and weights is a pair of bf16; k, lda and b_off count pairs */
  const float *bias;   /* padded to whole panels, or NULL */
  const float *gamma;  /* [n] or NULL */
  const float *residual;
  size_t ld_res;
  as_act act;
  float *out;
  size_t ld_out;
} as_multiply;

static inline size_t as_panels(size_t n) {
  return (n + AS_NR - 1) / AS_NR;
}
/* Rows m split evenly into tiles that suit gemm: tile t holds rows m t / tiles .. m (t + 1) / tiles. */
static inline size_t as_row_tiles(size_t m) {
  return m <= AS_MR ? m > 0 : (m + as_k.rows - 1) / as_k.rows;
}

/* What is not finite in rows of 32 floats, while they are packed: x - x is 0 or else NaN, which stays in the sum of its
 * column. */
static inline void as_gather_bad(const float *restrict x, size_t rows, float *restrict bad) {
  for (size_t k = 0; k < rows; k++)
    for (size_t i = 0; i < AS_NR; i++) bad[i] += x[k * AS_NR + i] - x[k * AS_NR + i];
}
static inline bool as_none_bad(const float *bad) {
  bool none = true;
  for (size_t i = 0; i < AS_NR; i++) none &= bad[i] == 0.0f;
  return none;
}

/* All tiles and panels, on at most `threads` threads (0: those of the process). */
void as_multiply_run(const as_multiply *mm, int threads);
/* Tile by tile: all of `first`, then all of `second`, whose rows are the output of first. Same tiles. */
void as_multiply_run_pair(const as_multiply *first, const as_multiply *second, int threads);
/* Tiles t0..t1-1 by panels p0..p1-1 on the calling thread. */
void as_multiply_block(const as_multiply *mm, size_t t0, size_t t1, size_t p0, size_t p1, bool panel_outer);

/* Source of tiles for plain rows: row i at a + i * lda. ctx is an as_row_source. */
typedef struct as_row_source {
  const float *a;
  size_t lda, m;
  size_t tiles; /* as_row_tiles(m) */
} as_row_source;
as_tile_fn as_tile_rows;

#endif
