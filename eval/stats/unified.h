/* One number from many sets, and how much it depends on how it is made. The unified metric is assay's
 * own definition (the study that proposes one was not available with its formula): by default the
 * arithmetic mean of top-1 over the sets; the others stand beside it, always. */
#ifndef AS_EVAL_STATS_UNIFIED_H
#define AS_EVAL_STATS_UNIFIED_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

typedef enum as_unified_kind {
  AS_UNIFIED_MEAN, /* arithmetic mean of top-1: the default */
  AS_UNIFIED_GEOMETRIC,
  AS_UNIFIED_HARMONIC,
  AS_UNIFIED_WORST,     /* lowest top-1 */
  AS_UNIFIED_MEAN_RANK, /* mean over the sets of the rank among the models; LOWER is better */
  AS_UNIFIED_WIN_RATE, /* HELM's mean win rate (stanford-crfm/helm, summarize.py): on a set with n values (# strictly
                           worse + # equal / 2, itself left out) / (n - 1); sets with fewer than 2 are skipped */
  AS_UNIFIED_REF_ERROR, /* mean over the sets of error / reference's error; LOWER is better */
  AS_UNIFIED_COUNT
} as_unified_kind;

/* acc: [models * sets] top-1 as fractions, row = model, NaN = missing. reference: [sets] accuracies that
 * errors are divided by, or NULL = the first model's. out[kind]: [models] each; a NULL entry is not
 * computed. A model with a missing set gets NaN, except for the win rate, which averages over the sets
 * that it has (and that at least two models have), as HELM does. */
as_status as_unified_all(const double *acc, size_t models, size_t sets, const double *reference,
                         double *const out[AS_UNIFIED_COUNT], as_err *err);

/* Ranks by a metric, 1 = best, ties share the mean rank, NaN stays NaN. */
as_status as_unified_rank(as_unified_kind k, const double *value, size_t models, double *rank, as_err *err);

/* Every non-empty subset of the sets, each ranked by the arithmetic mean over it, over the models that
 * have every set. subset_count = 2^sets - 1. */
typedef struct as_subsets {
  size_t models, sets, subsets;
  double *first;             /* [models] share of the subsets in which the model is first (ties shared) */
  double *rank_lo, *rank_hi; /* [models] best and worst rank over all subsets */
  float *above;              /* [models * models] share of the subsets with i above j, ties half; NULL when
                         models > 2000 */
  double *tau;               /* [subsets] Kendall tau-b of the subset's ranking with the full one; index
                         bitmask - 1; NULL when models > 2000 */
  int64_t pairs, flipped;    /* pairs of models, and those whose order is not the same in all subsets */
} as_subsets;
/* AS_E_USAGE when sets is 0 or over 16. */
as_status as_subsets_run(const double *acc, size_t models, size_t sets, as_subsets *out, as_err *err);
void as_subsets_clear(as_subsets *s);

/* --- effective robustness (Taori et al. 2020) ---------------------------------------------------- */

/* Lines fitted by least squares on logit axes over the standard models of the ImageNet testbed
 * (modestyachts/imagenet-testbed 0170eec6). */
typedef struct as_robust_line {
  const char *task;   /* "imagenet-v2", "imagenet-r", "imagenet-sketch" */
  const char *x_axis; /* "val" (1000 classes) or "val-200" (the 200 classes of -R) */
  double slope, intercept;
  int models;
} as_robust_line;
/* NULL when there is none. */
const as_robust_line *as_robust_find(const char *task, const char *x_axis);
/* The accuracy that the line predicts; fractions. */
double as_robust_predict(const as_robust_line *line, double acc_base);
/* rho = acc_shift - predicted, fractions. */
double as_effective_robustness(const as_robust_line *line, double acc_base, double acc_shift);

/* --- ImageNet-C (Hendrycks and Dietterich 2019) --------------------------------------------------- */

/* The mean over the corruptions of sum_s E / sum_s E(reference), s running over the severities; a fraction
 * (the usual figure is 100 times this). error: [corruptions * severities], a row per corruption, fractions;
 * reference: [corruptions], the reference network's mean error over the severities (for mCE: AlexNet's).
 * *mean_error, unless NULL: the same without the division. NaN unless every error is there. */
double as_mce(const double *error, const double *reference, size_t corruptions, size_t severities,
              double *mean_error);

#endif
