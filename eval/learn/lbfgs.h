/* L-BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithm 7.4) with a line search for the strong
 * Wolfe conditions (algorithms 3.5 and 3.6). All sums run over fixed blocks in fixed order: the same
 * bits for any number of threads. */
#ifndef AS_EVAL_LEARN_LBFGS_H
#define AS_EVAL_LEARN_LBFGS_H

#include <stddef.h>

#include "tensor/base/status.h"

/* Writes the gradient at x[n] and returns the value. */
typedef double as_lbfgs_fn(void *ctx, const double *x, double *gradient);

/* Bound or estimate of f(x) - min f from x[n] and the gradient there; x is the point that fn saw last. */
typedef double as_lbfgs_gap(void *ctx, const double *x, const double *gradient);

typedef struct as_lbfgs_opts {
  int max_iter;
  int memory;          /* pairs kept, at most 32; 0 = 10 */
  double tol;          /* stop when max |gradient| <= tol */
  double f_tol;        /* or when 20 steps together lower f by no more than max(f_tol * |f|, its noise) */
  double target;       /* or when f <= target (timing runs; NAN or -INFINITY = never) */
  as_lbfgs_gap *gap;   /* NULL, or how far f is from its minimum ... */
  double gap_tol;      /* ... and stop when that is at most gap_tol * |f| */
  const double *noise; /* NULL, or the absolute error of the value that fn returned last: a point counts as no
                          worse when f rises by no more than that and the slope shrinks (Hager and Zhang 2005,
                          approximate Wolfe) */
} as_lbfgs_opts;

typedef enum as_lbfgs_stop {
  AS_LBFGS_GRADIENT, /* tol reached */
  AS_LBFGS_GAP,      /* gap_tol reached */
  AS_LBFGS_FLAT,     /* f_tol reached, or no lower point is left at this precision */
  AS_LBFGS_TARGET,
  AS_LBFGS_LIMIT, /* max_iter reached */
  AS_LBFGS_BROKEN /* the value is not finite */
} as_lbfgs_stop;

typedef struct as_lbfgs_result {
  int iterations, evaluations;
  as_lbfgs_stop stop;
  double f, max_gradient;
  double gap; /* at the end; NaN without opts.gap */
} as_lbfgs_result;

/* x: start value, replaced by the best point found. AS_E_ENV: out of memory. */
as_status as_lbfgs_minimize(size_t n, double *x, as_lbfgs_fn *fn, void *ctx, const as_lbfgs_opts *opts,
                            as_lbfgs_result *result, as_err *err);

#endif
