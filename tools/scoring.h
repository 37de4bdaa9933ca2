/* Scores rows of a feature file by a head or by k-NN, and prints what knn and probe print. */
#ifndef AS_TOOLS_SCORING_H
#define AS_TOOLS_SCORING_H

#include "eval/features/feature_set.h"
#include "eval/learn/knn.h"
#include "eval/learn/linhead.h"
#include "tools/cli.h"

typedef struct as_tally {
  int64_t n_expected, n_failed, n_used, top1, top5;
  as_feature_pair pair; /* what the two files have in common */
} as_tally;

/* How a probe came about, beside its name. NULL (c: 0) where it does not apply. */
typedef struct as_origin {
  const as_protocol *protocol;
  const as_path_result *path;
  as_probe_result fit; /* of L-BFGS, on all rows */
  double c;            /* at which */
  uint64_t seed;
  bool crops;
  size_t n_failed; /* training images that could not be read */
} as_origin;

/* The two feature files of --train and --test, matched to each other, with what is odd about the pair said on standard
 * error. Without --test, test and pair stay as they are. Release both with as_feature_set_clear, also after an error. */
as_status as_scoring_read(as_feature_set *train, as_feature_set *test, as_feature_pair *pair,
                          const as_args *a, as_err *err);
/* The rows of a feature file as a fit sees them; they stay the file's. */
as_labelled as_scoring_rows(const as_feature_set *f);
/* Counts what a head, or where it is NULL k-NN among the rows of train, says of all rows of test, and writes it to
 * --predictions, a block of rows at a time. AS_E_STOPPED on a signal: then nothing was written. */
as_status as_scoring(const as_args *a, const as_feature_set *train, const as_feature_set *test,
                     const as_linhead *head, const as_knn_opts *knn, as_tally *t, as_err *err);
/* The result on standard output, as text or with --json. origin: NULL for k-NN. t: NULL where nothing was scored; then
 * JSON alone has something to say. */
as_status as_scoring_print(const as_args *a, const char *method, const as_origin *origin, const as_tally *t,
                           as_err *err);

#endif
