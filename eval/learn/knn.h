/* Weighted k-NN on L2-normalised features (Wu et al. 2018; DINO eval_knn.py): each of the k nearest by
 * cosine votes exp(similarity / T) for its class. */
#ifndef AS_EVAL_LEARN_KNN_H
#define AS_EVAL_LEARN_KNN_H

#include <stddef.h>

#include "tensor/base/status.h"

/* train: [n_train, d], query: [n_query, d], contiguous, raw (normalised inside). scores: [n_query,
 * classes] vote sums, or NULL; top: [n_query, 5] classes by vote, ties to the lower class, -1 past the
 * last class that has a vote. Neighbour ties: similarity, then lower row. Rows with label < 0 are left
 * out of train; a query that is not finite gets no vote at all (its top is -1).
 *
 * Exact: similarity is dot / (max(|a|, 1e-12) max(|b|, 1e-12)), each a double chain over the float
 * features; the float product that is computed first only picks candidates, by a margin that bounds its
 * error. AS_E_USAGE: k < 1, temperature below 0.002 (the votes would overflow), no training row with a
 * label, a label >= classes; AS_E_INPUT: a training row that is not finite. */
as_status as_knn(const float *train, const int *train_label, size_t n_train, const float *query,
                 size_t n_query, size_t d, size_t classes, int k, double temperature, float *scores, int *top,
                 as_err *err);

#endif
