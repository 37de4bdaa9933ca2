/* Which ranks are real? Groups of models that the data cannot tell apart, from tests of all pairs.
 *
 * A pair is RESOLVED when its test survives Holm's correction over all pairs of the column: the chance that any
 * resolved pair is truly equal, or the other way round, is at most alpha. Two tests make two definitions:
 *
 *   counts   two accuracies as independent samples: |p_i - p_j| against z sqrt(var_i + var_j), with variances that
 *            stay above zero (as_share_variance). Simultaneous intervals of ranks from all pairwise tests: Klein,
 *            Wright and Wieczorek 2020 (J. R. Stat. Soc. A 183, 589), Mohamad, Goeman and van Zwet 2019 (J. R. Stat.
 *            Soc. B 81, 815). On shared images it is cautious.
 *   paired   McNemar's exact test of the images that only one of two models has right (McNemar 1947); for a mean
 *            over several sets the same statistic summed over them (as_mcnemar_mean).
 *
 * From the resolved pairs:
 *
 *   ranks    model i has at least 1 + (resolved above i) and at most n - (resolved below i). All these intervals
 *            hold the true ranks together with probability 1 - alpha: they could fail only with a wrong pair.
 *   tier     1 for the models that none is resolved above; else one more than the highest tier of the models that
 *            are. So no two models of a tier are resolved, and every model of tier t > 1 is worse than some model of
 *            tier t - 1. There is no grouping into fewer such tiers (Mirsky 1971). Being told apart is not
 *            transitive, so models of different tiers may well be a pair that is not resolved. */
#ifndef AS_EVAL_STATS_TIERS_H
#define AS_EVAL_STATS_TIERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/stats/stats.h"
#include "tensor/base/status.h"

typedef struct as_tiers {
  size_t models;           /* length of tier, rank_lo, rank_hi */
  size_t n;                /* models with a value; below 2 nothing is tested */
  bool paired;             /* definition */
  size_t n_tiers;          /* highest tier */
  size_t first;            /* models in tier 1: none is resolved above them */
  int64_t pairs, resolved; /* of all pairs that were tested */
  double z;                /* what a statistic must reach: the margin of the last step of Holm's procedure */
  size_t *tier;            /* [models] 1 = the best; 0: no value */
  double *rank_lo, *rank_hi; /* [models] simultaneous intervals; NaN: no value */
  size_t *order;             /* [n] models by falling value, ties in the given order */
  double *step;              /* [n - 1] statistic of order[i] against order[i + 1]; NaN: not tested */
  double *v, *var;           /* [models] counts: as given; NULL for paired ones */
  uint8_t *above;            /* [models * models] paired: row i is resolved above column j; NULL for counts */
} as_tiers;

/* v[n] values, higher is better, NaN = none; var[n] of each, above 0 where v is. alpha: family-wise, of all pairs.
 * O(n log n) steps where variances of near values are alike; no memory beyond O(n). */
as_status as_tiers_counts(as_tiers *t, const double *v, const double *var, size_t n, double alpha,
                          as_err *err);
/* z, p: [n (n - 1) / 2], pair (i, j), i < j, at i n - i (i + 1) / 2 + j - i - 1: the statistic, above 0 when i is
 * better, and its p value; NaN = not tested. A pair is resolved only in the order of its values. O(n^2). */
as_status as_tiers_paired(as_tiers *t, const double *v, const double *z, const double *p, size_t n,
                          double alpha, as_err *err);
/* What McNemar's test is for one set, for the mean of top-1 over `sets` of them: sum_k w_k (b_k - c_k) with w_k =
 * 1 / (sets n_k), whose variance is sum_k w_k^2 (b_k + c_k) when neither model is better, and twice the sum over k < l
 * of w_k w_l shared[k sets + l] where sets have images in common: shared = the sum over them of the product of the
 * two differences, each -1, 0 or 1. Edwards' correction takes the largest w_k off. One set: the exact test. *z is above
 * 0 when the first model is better. */
void as_mcnemar_mean(const as_mcnemar *test, const double *shared, size_t sets, double *z, double *p);
void as_tiers_clear(as_tiers *t);
/* Is model i resolved above model j? */
bool as_tiers_above(const as_tiers *t, size_t i, size_t j);
/* Neighbours that are resolved, of the n - 1 pairs; whether order[i] is from order[i + 1]. */
static inline bool as_tiers_next(const as_tiers *t, size_t i) {
  return as_tiers_above(t, t->order[i], t->order[i + 1]);
}
size_t as_tiers_steps(const as_tiers *t);
/* So many times the images would resolve neighbours i and i + 1 with a probability of 80 %, were the difference
 * exactly as it was seen and the correction as it is: ((z + 0.84) / statistic)^2. Infinite for equal values, NaN
 * where nothing was tested or the pair is resolved. */
double as_tiers_need(const as_tiers *t, size_t i);

/* Variance of an accuracy p of n images after one image right and one wrong have been added (Agresti and Caffo
 * 2000): p = 0 and p = 1 keep a margin. step: the accuracy is known to the nearest multiple of it; 0 = exactly. */
double as_share_variance(double p, double n, double step);

/* Rank intervals of v[n] with variances var[n] as if every value were a sample of its own, each for itself: *lo is
 * one more than the values that are higher by more than z standard errors of the difference, *hi leaves out those
 * that are lower by as much. NaN where v is missing; var must be there where v is. */
as_status as_rank_unpaired(const double *v, const double *var, size_t n, double z, double *lo, double *hi,
                           as_err *err);

#endif
