/* Paired bootstrap over images. One resample serves all models (so differences are paired), sets are
 * strata; the draws come from the counter RNG and do not depend on threads. Result: intervals for
 * every unified metric, for ranks, for differences, and the probability of being first. */
#ifndef AS_EVAL_STATS_STATS_BOOT_H
#define AS_EVAL_STATS_STATS_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/stats/unified.h"
#include "tensor/base/status.h"

typedef struct as_boot_set {
  size_t n;                      /* images */
  const uint8_t *const *correct; /* [models] -> [n]: 1 right, 0 wrong, else not scored; borrowed.
                                    An entry may be NULL: that model has no value on this set */
  uint64_t stream;         /* random stream and pool of images: sets of one stream (val and ReaL) are drawn
                      together, one draw of an image counting in every set that scores it */
  const uint32_t *image;   /* [n] which image of the pool each one is, rising; NULL: image i is i */
  const uint32_t *cluster; /* [n] class of each image in [0, clusters), or NULL. When given for a set of a
                      pool, whole classes are drawn instead of images (V2, A, R: the images of a class
                      are not independent); an image's class is the one that the first such set of
                      the pool gives it */
  size_t clusters;
} as_boot_set;

typedef struct as_boot_opts {
  uint64_t seed;
  int resamples;     /* 0 = 2000 */
  double confidence; /* 0 = 0.95 */
} as_boot_opts;

typedef struct as_interval {
  double value;  /* on the images as they are */
  double lo, hi; /* percentile interval */
} as_interval;

typedef struct as_boot {
  size_t models, sets;
  int resamples;
  double confidence;
  as_interval *acc;                      /* [models * sets] top-1, row = model; NaN where absent */
  as_interval *metric[AS_UNIFIED_COUNT]; /* each [models] */
  as_interval *rank[AS_UNIFIED_COUNT];   /* each [models]: rank by that metric, 1 = best */
  double *first[AS_UNIFIED_COUNT];       /* each [models]: probability of being first, ties shared */
  as_interval *set_rank;                 /* [models * sets] rank on one set */
  float *replicate;                      /* [resamples * models] the arithmetic mean, for differences */
} as_boot;

/* Everything in out is filled and owned; release with as_boot_clear. AS_E_USAGE: no models or sets, a
 * set without images, a cluster number out of range. */
as_status as_boot_run(const as_boot_set *sets, size_t n_sets, size_t models, const as_boot_opts *opts,
                      as_boot *out, as_err *err);
void as_boot_clear(as_boot *b);

/* The interval of mean-top1(i) - mean-top1(j) and the share of resamples in which i is above j (ties
 * count half). */
as_status as_boot_difference(const as_boot *b, size_t i, size_t j, as_interval *diff, double *above,
                             as_err *err);

#endif
