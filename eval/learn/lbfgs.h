/* L-BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithm 7.4) with a line search for the strong
 * Wolfe conditions (algorithms 3.5 and 3.6). All sums run over fixed blocks in fixed order: the same
 * bits for any number of threads. */
#ifndef AS_EVAL_LEARN_LBFGS_H
#define AS_EVAL_LEARN_LBFGS_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/learn/keep.h"
#include "tensor/base/status.h"

/* The function to minimise. ctx is handed to each of its parts; x and the gradient have the n of as_lbfgs_create. */
typedef struct as_lbfgs_function {
  void *ctx;
  /* Writes the gradient at x and returns the value. */
  double (*value)(void *ctx, const double *x, double *gradient);
  /* A bound of value(x) - min from the gradient at x, the point that `value` saw last; or NULL. */
  double (*gap)(void *ctx, const double *x, const double *gradient);
  /* v = P v, where P is symmetric, positive definite and near the inverse of the second derivatives. Called once a
   * step, from x; true: P is another one than at the last call. NULL = no better guess than a multiple of 1. */
  bool (*precondition)(void *ctx, const double *x, double *v);
  /* Absolute error of the last value, or NULL = exact. */
  const double *noise;
  /* Called before every step, with their number so far: true ends the run (AS_LBFGS_LEFT), at a state that as_lbfgs_keep
   * knows. NULL = never. */
  bool (*leave)(void *ctx, int steps);
} as_lbfgs_function;

typedef struct as_lbfgs_opts {
  int max_iter;
  double tol;       /* stop when max |gradient| <= tol */
  double gap_tol;   /* or when gap <= gap_tol * |f| */
  double close_tol; /* or when the next step promises to lower f by no more than close_tol * |f|; 0 = never */
  double flat_tol;  /* or when 20 steps together lower f by no more than max(flat_tol * |f|, its noise) */
  double target;    /* or when f <= target (timing runs; -INFINITY = never) */
} as_lbfgs_opts;

typedef enum as_lbfgs_stop {
  AS_LBFGS_GRADIENT, /* tol reached */
  AS_LBFGS_GAP,      /* gap_tol reached */
  AS_LBFGS_CLOSE,    /* close_tol reached */
  AS_LBFGS_FLAT,     /* flat_tol reached, or no lower point is left at this precision */
  AS_LBFGS_TARGET,
  AS_LBFGS_LIMIT, /* max_iter reached */
  AS_LBFGS_LEFT,
  AS_LBFGS_BROKEN /* the value is not finite */
} as_lbfgs_stop;

typedef struct as_lbfgs_result {
  int iterations, evaluations;
  as_lbfgs_stop stop;
  double f, max_gradient;
  double gap; /* at the end; NaN without a gap */
} as_lbfgs_result;

typedef struct as_lbfgs as_lbfgs;
/* memory: steps that are remembered, at least 1. AS_E_ENV: out of memory. */
as_status as_lbfgs_create(as_lbfgs **out, size_t n, int memory, as_err *err);
void as_lbfgs_destroy(as_lbfgs **l);
/* x: start point, replaced by the best one found. What an earlier run has learned of the curvature serves again, so
 * that a rough function can be left for an exact one. */
void as_lbfgs_run(as_lbfgs *l, double *x, const as_lbfgs_function *fn, const as_lbfgs_opts *opts,
                  as_lbfgs_result *result);
/* All that a run knows beside x, written or read; after reading, the next run goes on from there, with the x of then. */
void as_lbfgs_keep(as_lbfgs *l, as_keep *k);

#endif
