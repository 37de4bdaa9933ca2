/* Weighted k-NN on L2-normalised features (Wu et al. 2018; DINO eval_knn.py): each of the k nearest by
 * cosine votes exp(similarity / T) for its class. */
#ifndef AS_EVAL_LEARN_KNN_H
#define AS_EVAL_LEARN_KNN_H

#include <stddef.h>
#include <stdint.h>

#include "eval/learn/labelled.h"
#include "tensor/base/status.h"
#include "tensor/base/watch.h"

typedef struct as_knn_opts {
  int k;                 /* 0 = 20 */
  double temperature;    /* 0 = 0.07 */
  const as_watch *watch; /* asked whether to stop, every few thousand training rows; NULL: nobody */
} as_knn_opts;

/* What is in force: every 0 replaced by its default. The only place that knows them. */
as_knn_opts as_knn_resolve(as_knn_opts opts);
/* "k 20, T 0.07": what is in force, for records and people. */
const char *as_knn_text(as_knn_opts opts, char buf[64]);

/* query: [n_query, d], raw as the training rows are (normalised inside). may_win: [classes] 1 where a class may
 * be an answer, or NULL = all; the others still vote. top: [n_query, 5] classes by vote, ties to the lower class;
 * -1 past the last class that has a vote, so there are at most k answers. scores: [n_query, classes] sums of the
 * votes, 0 for a class without one, or NULL. Below T = 0.0125 float32 could not hold exp(1 / T): there the scores
 * are multiples of exp(-1 / T). Neighbour ties: similarity, then lower row. A query that is not finite gets no
 * vote at all.
 *
 * Exact: similarity is dot / (max(|a|, 1e-12) max(|b|, 1e-12)), each a double chain over the float
 * features; the float product that is computed first only picks candidates, by a margin that bounds its
 * error. AS_E_USAGE: k < 0, temperature below 0.002 (the votes would overflow), no training row with a
 * label, a label >= classes; AS_E_INPUT: a training row that is not finite; AS_E_STOPPED. */
as_status as_knn(const as_labelled *train, const as_knn_opts *opts, const float *query, size_t n_query,
                 const uint8_t *may_win, float *scores, int *top, as_err *err);

#endif
