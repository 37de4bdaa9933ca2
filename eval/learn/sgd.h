/* Minibatch training of a linear head by a protocol's optimiser. The features come in batch by batch, so
 * that they may be fixed ones or those of new crops in every epoch. */
#ifndef AS_EVAL_LEARN_SGD_H
#define AS_EVAL_LEARN_SGD_H

#include <stddef.h>
#include <stdint.h>

#include "eval/learn/keep.h"
#include "eval/learn/labelled.h"
#include "eval/learn/protocol.h"
#include "tensor/base/status.h"

typedef struct as_sgd as_sgd;

/* n: samples of an epoch. Start weights: as_rng_normal of (seed, stream "probe.weight") at index row * d +
 * column. AS_E_USAGE: impossible sizes; AS_E_ENV: memory. p is borrowed. */
as_status as_sgd_create(as_sgd **out, const as_protocol *p, size_t n, size_t d, size_t classes, uint64_t seed,
                        as_err *err);
void as_sgd_destroy(as_sgd **sgd);

size_t as_sgd_steps(const as_sgd *s); /* per epoch: ceil(n / batch), the last one smaller */
/* The samples of an epoch in their order: as_rng_permutation of (seed, stream "probe.order" + epoch).
 * Borrowed until the next call. */
const uint32_t *as_sgd_order(as_sgd *s, int epoch);
/* x: [m, d] contiguous, y: [m] classes; m <= the protocol's batch. Returns the mean loss of the batch before
 * the step; not finite: the weights have diverged. Same bits for any thread count: sums over the batch are
 * float chains over 256 rows and double sums of those in order. */
double as_sgd_step(as_sgd *s, const float *x, const int *y, size_t m, double lr);
/* The head as it stands, BatchNorm's running averages folded in. weight: [classes, d], bias: [classes]. */
void as_sgd_head(const as_sgd *s, float *weight, float *bias);

/* All epochs on fixed features, which may lie in a file that is larger than memory. keep: begun, or NULL. loss: mean over
 * the last epoch, or NULL. AS_E_INPUT: the training diverged. AS_E_STOPPED: by keep. */
as_status as_sgd_fit(const as_protocol *p, const as_labelled *rows, uint64_t seed, as_keep *keep,
                     float *weight, float *bias, double *loss, as_err *err);

#endif
