/* Every pair of models on every set, on the same images: McNemar's test, Holm-corrected. */
#ifndef AS_EVAL_REPORT_REPORT_PAIRS_H
#define AS_EVAL_REPORT_REPORT_PAIRS_H

#include "eval/stats/results.h"
#include "eval/stats/stats.h"

typedef struct as_pair_tests {
  size_t n_models, n_sets;
  as_mcnemar *test;   /* [pairs * n_sets]; n = 0 where a pair was not scored on the same images
                          or among the same classes */
  double *p_adjusted; /* same shape: Holm over all pairs and sets together; NaN where not tested */
  size_t n_pairs;
  size_t n_tested; /* entries that are not NaN */
} as_pair_tests;

/* Per-image results must be there for at least one pair, or n_tested is 0. O(pairs x images). */
as_status as_pair_tests_make(as_pair_tests *p, const as_results *r, as_err *err);
void as_pair_tests_clear(as_pair_tests *p);
/* Index of the pair (i, j), i < j; times n_sets plus the set indexes the arrays. */
static inline size_t as_pair_at(const as_pair_tests *p, size_t i, size_t j) {
  return i * p->n_models - i * (i + 1) / 2 + (j - i - 1);
}

#endif
