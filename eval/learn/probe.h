/* Linear probe: multinomial logistic regression by L-BFGS (NUMERICS rule 9). */
#ifndef AS_EVAL_LEARN_PROBE_H
#define AS_EVAL_LEARN_PROBE_H

#include <stddef.h>

#include "tensor/base/status.h"

typedef struct as_probe_opts {
  double c; /* inverse L2 strength as scikit-learn's C: minimises sum of losses + |W|^2 / (2 C); 0 = 1.0 */
  int max_iter; /* 0 = 1000 */
  double tol;   /* stop when the loss is within this part of its minimum, by the bound of probe.c; 0 = 3e-7 */
  double target; /* stop when the loss (as minimised) is at most this; 0 = never. For timing against others */
  size_t keep;   /* features of up to this many bytes are kept a second and third time, centred and packed,
                     which saves time; the bits do not depend on it. 0 = 1 GiB */
  const float *start_weight, *start_bias; /* [classes, d] and [classes] to begin at; NULL = 0 */
} as_probe_opts;

typedef struct as_probe_result {
  int iterations;
  int evaluations;     /* of loss and gradient: two products of [n, d] with [classes, d] each */
  int converged;       /* the stop rule held: tol reached, or the loss falls no more in float32 */
  double loss;         /* sum of losses + penalty, as minimised */
  double gap;          /* part of the loss by which it may lie above its minimum */
  double max_gradient; /* max |gradient of mean loss| at the end */
} as_probe_result;

/* x: [n, d] rows ld apart; y: class of each row in [0, classes); rows with y < 0 are left out. weight:
 * [classes, d], bias: [classes], written by the call (they may be the start). Classes without a row get what
 * the optimum gives them. Same bits for any thread count. */
as_status as_probe_fit(const float *x, size_t n, size_t d, size_t ld, const int *y, size_t classes,
                       const as_probe_opts *opts, float *weight, float *bias, as_probe_result *result,
                       as_err *err);

#endif
