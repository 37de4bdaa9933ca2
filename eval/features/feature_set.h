/* Feature files read back: rows, the images that they are of, and their classes. */
#ifndef AS_EVAL_FEATURES_FEATURE_SET_H
#define AS_EVAL_FEATURES_FEATURE_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/features/npy.h"
#include "tensor/base/status.h"

/* F.npy (or .safetensors) and F.tsv beside it: one header line that names the columns, then a line per row, tab-separated:
 * row, name, label, status, and class, the name of the label's class, where the data set has names (files of before
 * have none). A row whose status is not "ok" has label -1. Labels that are all numbers are the classes; otherwise
 * classes are the distinct labels in bytewise order. */
typedef struct as_feature_set {
  const float *x;    /* [n, d]; the rows of failed images may hold NaN. Owned: in the mapped file where that
                        holds just these floats (.npy, '<f4', C order), else in memory */
  float *wide;       /* private: x, where it is in memory */
  as_npy npy;        /* private: the file, where it is mapped */
  int *label;        /* [n], -1 = none or failed; owned */
  char **name;       /* [n] image names, owned */
  char **label_name; /* [n] the label as the .tsv has it, owned */
  size_t n, d;
  size_t n_failed;
  size_t classes; /* 1 + highest label */
  bool half;      /* stored as float16 */
  bool numbers;   /* labels are class numbers */
  char *
      *class_name; /* [classes] NULL where no row tells; owned. NULL: without a class column, or its names do
                        not stand for classes one to one */
} as_feature_set;

/* AS_E_INPUT: a file missing or damaged, not [n, d], a row listed twice or never, an "ok" row that is not finite, a class
 * with two names. */
as_status as_feature_set_read(as_feature_set *out, const char *npy_path, as_err *err);
void as_feature_set_clear(as_feature_set *f);

/* What two sets have to do with each other; `train` is what a head learns from. */
typedef struct as_feature_pair {
  bool renumbered;  /* the two numbered their classes differently; test's rows have train's numbers now */
  size_t n_unknown; /* labelled rows of test whose class no row of train has: they cannot be right */
  size_t
      n_shared; /* rows of test that are rows of train: the same features, bit for bit (as float16 where one of
                           the files holds that, and then of the same name) */
  size_t n_same_name;   /* of these, with the same name */
  size_t n_other_label; /* of these, with another label than in train */
  size_t n_repeated;    /* rows of test that an earlier one repeats */
  size_t example_row;   /* the first of them in test */
  char example[2][512]; /* its names in test and in train */
  char order[512];      /* folders that say that the numbers of the two mean different classes, or "" */
} as_feature_pair;

/* Gives both sets one numbering, by the names of their classes where both have them, and train's where these contradict
 * each other; else by number when both have numbers, or over the union of the label texts. Then looks for rows that are in
 * both. AS_E_INPUT: one has numbers and the other names. */
as_status as_feature_pair_match(as_feature_pair *out, as_feature_set *train, as_feature_set *test,
                                as_err *err);

#endif
