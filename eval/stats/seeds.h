/* Claims about METHODS, of which every training is one draw: seeds are the units, not images.
 *
 * as_oneway_test: the one-way layout. Values of a method (one for each seed) are normal with the method's own mean and
 * a variance that is common to all methods: s^2 = sum over the methods of the squared deviations from their means /
 * (N - k), which has N - k degrees of freedom (12 methods of 3 seeds: 24, where a method alone has 2). A pair of methods
 * has t = (mean_a - mean_b) / (s sqrt(1 / n_a + 1 / n_b)), Student's t with N - k degrees; Holm's correction (1979)
 * over all pairs. This is Fisher's pairwise test with pooled deviation (R: pairwise.t.test, pool.sd, "holm"); Bouthillier
 * et al. 2021 (MLSys) say why the units must be whole trainings. The common variance is an assumption: with 2 degrees
 * of freedom each it cannot be checked, and without it hardly anything could be said.
 *
 * as_seed_winner: everybody who publishes has one training of each method. All such choices, one seed for each
 * method, are equally likely: who would have been crowned, and would another set have crowned the same one? Exact, by
 * products over the methods instead of over their choices (3^12 = 531,441): when seed s of method m is
 * chosen, the others' choices are independent of each other. */
#ifndef AS_EVAL_STATS_SEEDS_H
#define AS_EVAL_STATS_SEEDS_H

#include <stddef.h>
#include <stdint.h>

#include "eval/stats/results.h"
#include "tensor/base/status.h"

/* Which models are trainings of which method. */
typedef struct as_methods {
  size_t n;      /* methods; 0: no method has two seeds */
  size_t *of;    /* [models] method of each model; >= n: of none */
  size_t *seeds; /* [n] */
  char **name;   /* [n] owned */
  size_t left;   /* models of no method: untrained ones, a seed that is there twice */
} as_methods;
/* A model belongs to method NAME when it is called NAME-sSEED: the recorded training says the same seed, or, without
 * a record, the seeds that carry the name are 0, 1, ... or 1, 2, ... without a gap (patches of 8 and 16 are no
 * seeds). "-sSEED" may stand in the middle: dino-s0-knn and dino-s1-knn are "dino-knn". A model with another name belongs
 * to the method that its recorded training says, under its protocol where there are several. Empty unless a method has two seeds. */
as_status as_methods_find(as_methods *m, const as_results *r, as_err *err);
void as_methods_clear(as_methods *m);

typedef struct as_oneway {
  size_t n;         /* groups */
  size_t *size;     /* [n] values that are there */
  double *mean;     /* [n] NaN: no value */
  double *sd;       /* [n] NaN below two values */
  double pooled;    /* standard deviation s within groups; NaN when df is 0 */
  double df;        /* its degrees of freedom */
  size_t pairs;     /* tested */
  double *t, *p;    /* [n (n - 1) / 2] as as_tiers_paired wants them; NaN: not tested (no value, or s = 0) */
  double *adjusted; /* [n (n - 1) / 2] p after Holm */
} as_oneway;
/* v[values], NaN = missing; of[values]: the group, >= groups = none. */
as_status as_oneway_test(as_oneway *g, const double *v, const size_t *of, size_t values, size_t groups,
                         as_err *err);
void as_oneway_clear(as_oneway *g);
/* Half of the interval of the mean of n values, or of the difference with n = 1 / (1 / n_a + 1 / n_b): the two-sided
 * quantile of Student's t times s / sqrt(n). */
double as_oneway_half(const as_oneway *g, double n, double confidence);

/* The smallest p that an exact two-sided permutation test of a values against b can give: 2 / C(a + b, a), 1 at
 * most; a = b = 3: 0.1. */
double as_permutation_floor(size_t a, size_t b);

/* first[groups]: the share of all choices of one value from each group in which the group's is highest by v (ties
 * share) and, on each of the `others` columns of other[values * others], no other chosen value is above it. With others
 * = 0 the shares sum to 1, otherwise to the share of choices whose winner is first, or as good, there too. Values with a NaN
 * in v or other take no part; a group without any is left out. */
as_status as_seed_winner(const double *v, const double *other, size_t others, const size_t *of, size_t values,
                         size_t groups, double *first, as_err *err);

#endif
