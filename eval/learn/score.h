/* Features and what votes on them, to predictions and the counts of one cell. */
#ifndef AS_EVAL_LEARN_SCORE_H
#define AS_EVAL_LEARN_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include "data/sets/dataset.h"
#include "eval/features/features.h"
#include "eval/learn/knn.h"
#include "eval/learn/linhead.h"
#include "eval/stats/results.h"
#include "tensor/base/status.h"

typedef enum as_outcome {
  AS_WRONG = 0,
  AS_RIGHT = 1,
  AS_FAILED = 2,  /* no prediction: image unreadable, features not finite */
  AS_UNSCORED = 3 /* predicted, but the dataset has no right answer for it */
} as_outcome;

typedef struct as_prediction {
  int top[5]; /* classes of the dataset (of the head, where the data is unlabelled); -1 past the end */
  float value[5];
  float confidence; /* of top[0]: softmax over the classes that may win (k-NN: its share of the votes) */
  uint8_t outcome;  /* as_outcome, by top-1 */
  uint8_t in5;      /* a right answer is among the five */
  uint8_t scored;   /* the dataset has a right answer for it */
} as_prediction;

typedef struct as_scores {
  as_prediction *row; /* [n], owned */
  size_t n;           /* images of the dataset */
  size_t n_unscored;
  as_cell cell; /* n_expected = images with a right answer = n_used + n_failed */
} as_scores;

/* What votes: a linear head, or k nearest neighbours among training features. */
typedef struct as_voter {
  const as_linhead *head;   /* or NULL: k-NN */
  const as_labelled *train; /* of k-NN */
  as_knn_opts knn;
} as_voter;

/* The class of the dataset that each output stands for and that its mask lets win, -1 for the others. class_of: one per
 * output of the head, for k-NN one per class of the training rows. Classes that the voter knows by name are found by
 * name, on any part of them; classes known by number alone must be as many as the dataset's. On a dataset without labels
 * they keep their own numbers. AS_E_INPUT: none is one of the dataset's, or they are not as many. */
as_status as_voter_classes(int *class_of, const as_dataset *ds, const as_voter *voter, as_err *err);

/* Which classes of the dataset could win: the voter knows them (it has an output for them; for k-NN a training row)
 * and the dataset's mask lets them take part. can: [as_dataset_classes(ds)] gets 1 or 0, *n how many; a dataset
 * without labels has none. AS_E_INPUT: the voter's classes are not the dataset's, or none of them can win. */
as_status as_score_candidates(const as_dataset *ds, const as_voter *voter, uint8_t *can, size_t *n,
                              as_err *err);

/* Scores image i of ds by feature row rows[i] (NULL = row i). One right label: top-1 equals it;
 * several (ReaL): top-1 is one of them; none: not scored. An answer is chosen among the voter's candidates
 * (as_score_candidates) that are in `among` too: [as_dataset_classes(ds)] 1 or 0, NULL = all of them. Models that
 * know different classes are comparable only so: over the common ones. The cell says how many could win, and what
 * the counts were over all of the voter's own candidates where that is more. A voter whose classes are not the
 * dataset's, no class left to choose: AS_E_INPUT. */
as_status as_score(as_scores *out, const as_dataset *ds, const as_features *f, const size_t *rows,
                   const as_voter *voter, const uint8_t *among, as_err *err);
void as_scores_clear(as_scores *s);

/* What the results need to know of a set's images: the class of each scored one, the classes' names. */
as_status as_score_describe(as_results_set *set, const as_dataset *ds, as_err *err);
/* The names of a set's classes, one per line, for who reads the per-image tables later. Atomic. */
as_status as_score_write_classes(const as_results_set *set, const char *path, as_err *err);

/* The per-image table: one header line, then tab-separated name, label (several: comma-joined), top-5
 * classes and top-5 values (comma-joined, %.6g), status ("ok", "unscored", "failed: reason"), confidence
 * (%.6g, empty where failed). Atomic. */
as_status as_scores_write(const as_scores *s, const as_dataset *ds, const as_features *f, const size_t *rows,
                          const char *path, as_err *err);

#endif
