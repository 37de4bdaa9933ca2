/* Linear probe: multinomial logistic regression, to a minimum that is proved. */
#ifndef AS_EVAL_LEARN_PROBE_H
#define AS_EVAL_LEARN_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/learn/keep.h"
#include "eval/learn/labelled.h"
#include "tensor/base/status.h"

typedef struct as_probe_opts {
  double c;      /* inverse L2 strength as scikit-learn's C: minimises sum of losses + |W|^2 / (2 C); 0 = 1 */
  int max_iter;  /* 0 = 1000 */
  double tol;    /* stop when the loss is within this part of its minimum; 0 = 3e-7 */
  double target; /* stop when the loss (as minimised) is at most this; 0 = never. For timing against others */
  const float *start_weight, *start_bias; /* [classes, d] and [classes] to begin at; NULL = 0 */
  as_keep *keep;                          /* begun, or NULL: whom steps are told to, and what a stop leaves */
} as_probe_opts;

/* What is in force: every 0 replaced by its default. The only place that knows them. */
as_probe_opts as_probe_resolve(as_probe_opts opts);

typedef struct as_probe_result {
  bool converged;  /* bound <= tol: proved, for the weights as they are returned */
  double loss;     /* sum of losses + penalty of these weights, in double */
  double bound;    /* part of the minimum by which the loss may lie above it; INFINITY = unknown */
  double gradient; /* max |gradient of the mean loss| at the end, before the weights were rounded to float */
  int iterations;  /* steps */
  int evaluations; /* of loss and gradient in float: two products of [n, d] with [classes, d] each */
  int exact;       /* the same in double */
} as_probe_result;

/* weight: [classes, d], bias: [classes], written by the call (they may be the start). Same bits for any thread
 * count. AS_E_USAGE: fewer than two classes, a row with a class beyond them, C or tol out of range. AS_E_INPUT: a
 * class without a row (its intercept has no best value), features that are not finite or overflow. AS_E_STOPPED: by
 * opts->keep. */
as_status as_probe_fit(const as_labelled *rows, const as_probe_opts *opts, float *weight, float *bias,
                       as_probe_result *result, as_err *err);

/* The same rows with several C: what does not depend on it is prepared once. keep: bytes; features of up to this many
 * are kept a second and third time, centred and packed, which saves time and changes no bit; 0 = 1 GiB. `rows` is
 * borrowed until the end; they are read in order, once for a value, and may be more than fits into memory. */
typedef struct as_probe as_probe;
as_status as_probe_open(as_probe **out, const as_labelled *rows, size_t keep, as_err *err);
as_status as_probe_run(as_probe *p, const as_probe_opts *opts, float *weight, float *bias,
                       as_probe_result *result, as_err *err);
void as_probe_close(as_probe **p);

#endif
