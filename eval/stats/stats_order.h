/* Orders of many: ranks, and how many pairs two orders agree on, in O(n log n). All of them count, so that the
 * way in which they count shows in no digit. NaN = missing. */
#ifndef AS_EVAL_STATS_STATS_ORDER_H
#define AS_EVAL_STATS_STATS_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

typedef struct as_keyed {
  double v; /* not NaN */
  size_t at;
} as_keyed;
/* Sorts s[n] by rising v; equal ones stay in their order. tmp: [n]. By bytes, so in time that grows as n. */
void as_sort_rising(as_keyed *s, as_keyed *tmp, size_t n);

/* Ranks of v[n], highest first, ties share the mean rank (1.5, 1.5, 3); NaN stays NaN. */
void as_rank_mean(const double *v, size_t n, double *rank);
/* The indices of v[n], highest value first, equal ones in their order; order: [n], filled up to *m: NaN is left out. */
as_status as_falling_order(const double *v, size_t n, size_t *order, size_t *m, as_err *err);

/* Pairs (i, j) where neither x nor y is missing. */
typedef struct as_order_pairs {
  int64_t pairs;
  int64_t tied_x, tied_y; /* equal in x, in y; a pair that is equal in both is in both */
  int64_t same, opposite; /* of those that are equal in neither */
} as_order_pairs;
as_order_pairs as_order_count(const double *x, const double *y, size_t n);

/* Kendall's tau-b: (same - opposite) / sqrt((pairs - tied_x) (pairs - tied_y)); NaN when a side is constant. */
double as_kendall_tau_b(const double *x, const double *y, size_t n);

#endif
