#include "models/ssl/sinkhorn_int.h"

#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

enum { ROWS = 64 /* of a chunk of work */ };

typedef struct rows_of {
  float *q;
  size_t rows, k;
  float top, eps;      /* start */
  const float *column; /* sums over the samples, or NULL: rows alone */
} rows_of;

static void for_rows(const as_map *q, rows_of *j, as_par_fn fn) {
  j->q = q->data, j->rows = as_map_pixels(q), j->k = (size_t)q->c;
  as_par_for((j->rows + ROWS - 1) / ROWS, fn, j);
}

static void start_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const rows_of *j = ctx;
  const size_t end = (chunk + 1) * ROWS < j->rows ? (chunk + 1) * ROWS : j->rows;
  for (size_t i = chunk * ROWS * j->k; i < end * j->k; i++) j->q[i] = (j->q[i] - j->top) / j->eps;
  as_k.exp((end - chunk * ROWS) * j->k, j->q + chunk * ROWS * j->k, j->q + chunk * ROWS * j->k);
}

/* A sum of 0 is one of zeros, which stay. */
static float divisor(float sum) {
  return sum > 0.0f ? sum : 1.0f;
}

static void balance_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const rows_of *j = ctx;
  const size_t end = (chunk + 1) * ROWS < j->rows ? (chunk + 1) * ROWS : j->rows;
  for (size_t r = chunk * ROWS; r < end; r++) {
    float *q = j->q + r * j->k, sum = 0.0f;
    for (size_t c = 0; c < j->k; c++) {
      if (j->column) q[c] = q[c] / divisor(j->column[c]);
      sum = sum + q[c];
    }
    sum = divisor(sum);
    for (size_t c = 0; c < j->k; c++) q[c] = q[c] / sum;
  }
}

size_t as_sinkhorn_floats(const as_map *q) {
  return as_map_sum_floats(q) + (size_t)q->c;
}

void as_sinkhorn(const as_map *q, double eps, int rounds, float *sums) {
  rows_of j = {.top = q->data[0], .eps = (float)eps};
  float *column = sums + as_map_sum_floats(q);
  for (size_t i = 1; i < as_map_floats(q); i++) j.top = q->data[i] > j.top ? q->data[i] : j.top;
  for_rows(q, &j, start_rows);
  for (int round = 0; round < rounds; round++) {
    as_map_sum(q, column, sums);
    j.column = column;
    for_rows(q, &j, balance_rows);
  }
  if (rounds == 0) for_rows(q, &j, balance_rows);
}

as_status as_sinkhorn_check(const char *method, double eps, double rounds, as_err *err) {
  if (!(eps >= AS_SINKHORN_EPS_MIN))
    return as_fail(err, AS_E_USAGE, "%s: epsilon: found %g, wanted at least %g", method, eps,
                   AS_SINKHORN_EPS_MIN);
  if (!(rounds >= 0.0 && rounds <= 1000.0))
    return as_fail(err, AS_E_USAGE, "%s: sinkhorn: found %g, wanted 0 to 1000 rounds", method, rounds);
  return AS_OK;
}
