/* Products with bf16 inputs (profile bf16-1): rows of A are rounded to bf16 in blocks that share a core's
 * L2 with a panel of weights, and multiplied from there by the loops of multiply.c. */
#ifndef AS_TENSOR_BF16_INT_H
#define AS_TENSOR_BF16_INT_H

#include <stdint.h>

#include "tensor/base/par.h"
#include "tensor/base/status.h"
#include "tensor/multiply_int.h"

/* Weights are panels [pairs][32][2] of bf16, kept in memory of float size: a float per pair. */
static inline size_t as_bf16_pairs(size_t k) {
  return (k + 1) / 2;
}

/* AS_E_USAGE where a chain of k products is too long for the block of rows. */
as_status as_bf16_check(size_t k, as_err *err);

/* One panel: to[k / 2][j][k % 2] = weight of (k, column j), given by `at`; zero for j >= n and for the element
 * after an odd k. False where one is not finite in bf16. */
typedef float as_bf16_weight(const void *ctx, size_t k, size_t j);
bool as_bf16_pack(size_t n, size_t k, as_bf16_weight *at, const void *ctx, float *to);

/* Rounds rows first..first + m - 1 of A to bf16: row i at to + 2 i ld16 elements, all of the chain. */
typedef void as_bf16_fill(const void *ctx, size_t first, size_t m, uint16_t *to, size_t ld16);

/* A source of rows: `fill` with its context, and their number. */
typedef struct as_bf16_rows {
  as_bf16_fill *fill;
  const void *ctx;
  size_t m;
} as_bf16_rows;

/* Bytes of scratch that a run on `threads` threads needs: a block of rows each. */
size_t as_bf16_scratch(int threads);
/* As as_multiply_run with the rows of `a`; of mm, tiles, tile, ctx and lda are not read. mm->k counts
 * elements, mm->packed are as_bf16_pack's panels. */
void as_bf16_run(const as_multiply *mm, const as_bf16_rows *a, const as_team *team);
/* As as_multiply_run_pair. */
void as_bf16_run_pair(const as_multiply *first, const as_bf16_rows *a, const as_multiply *second,
                      const as_bf16_rows *between, const as_team *team);

/* Plain rows of k floats; ctx is an as_bf16_plain. */
typedef struct as_bf16_plain {
  const float *a;
  size_t lda, k;
} as_bf16_plain;
as_bf16_fill as_bf16_fill_plain;

#endif
