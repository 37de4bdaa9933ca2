/* Sinkhorn and Knopp's balancing of soft assignments (Cuturi 2013; Asano et al. 2020; Caron et al. 2020); private to
 * models/ssl.
 *
 *   Q = exp(S / eps);   `rounds` times: every column over its sum, every row over its sum
 *
 * Rows are samples, columns are prototypes. A column's sum is made equal to the others', then each row is a distribution
 * again: rows come last and sum to 1 exactly (to rounding), so prototypes are named alike only about, the better the
 * more rounds there are. It solves  max over Q of sum Q S + eps entropy(Q)  with both marginals uniform: the solution is
 * diag(a) exp(S / eps) diag(b), and the rounds find a and b in turn. Factors 1 / K and 1 / B, which the authors'
 * code carries along, cancel.
 *
 * Sums over samples by NUMERICS rule T2, over prototypes one chain; a fixed number of rounds. */
#ifndef AS_MODELS_SSL_SINKHORN_INT_H
#define AS_MODELS_SSL_SINKHORN_INT_H

#include "tensor/base/status.h"
#include "tensor/train/map.h"

/* Below this eps a float's exp of (cosine - largest) / eps can be 0. */
#define AS_SINKHORN_EPS_MIN 0.025

/* Floats that `sums` needs. */
size_t as_sinkhorn_floats(const as_map *q);
/* q: a matrix of scores, cosines; becomes the assignments. The largest score of all is subtracted first, which changes
 * nothing but overflow. rounds 0: the rows' softmax. */
void as_sinkhorn(const as_map *q, double eps, int rounds, float *sums);

/* AS_E_USAGE: an eps, or a number of rounds, that cannot be. */
as_status as_sinkhorn_check(const char *method, double eps, double rounds, as_err *err);

#endif
