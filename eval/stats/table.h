/* Published accuracies as results: `assay table`. Everything that needs no per-image data.
 *
 * Three kinds of CSV are read as they are, told apart by their head line:
 *   timm     model,img_size,top1,...     one set per file, named by the file: results-sketch.csv -> "sketch"
 *   wide     model,COLUMN,COLUMN,...     one set per column (the ImageNet testbed's table)
 *   assay    model,dataset,...,top1,...  one cell per row (table.csv of a run)
 * Rows of several files join on model and img_size. A pair that comes twice in one set is reported; its first
 * row counts. Values are per cent if any of a file is over 1 or has a sign, fractions otherwise.
 *
 * Of a wide table, columns are sets by their known names, because they are asked for, or because they are
 * full of accuracies; parameters, ranks, means, confidences, numbers of rows and columns without a name are
 * not. Which columns are left out, and why, is among the remarks. */
#ifndef AS_EVAL_STATS_TABLE_H
#define AS_EVAL_STATS_TABLE_H

#include <stdbool.h>

#include "eval/stats/results.h"
#include "eval/stats/stats.h"
#include "eval/stats/stats_translation.h"
#include "eval/stats/unified.h"

/* What is known of a set by its name; NULL when the name says nothing. Facts of the datasets: image
 * counts as their authors publish them (checked: the published accuracies are multiples of 1 / images). */
typedef struct as_set_facts {
  const char *name; /* as files and columns spell it */
  const char *task; /* "imagenet-val", "imagenet-v2", ...; as_robust_find knows the same */
  int64_t images;
  size_t classes; /* argmax over */
  const char *rule;
} as_set_facts;
const as_set_facts *as_set_facts_find(const char *name);
/* The same, or else by a word of the name between '_', '-' and blanks: "solo_cifar10_r18" is scored on CIFAR-10's
 * test images. Such a column is no set of the known ones, has no published line, and is not taken for a set because
 * of it. */
const as_set_facts *as_set_facts_like(const char *name);
/* Are sets of these tasks scored on the same images, all or some? */
bool as_set_facts_share(const as_set_facts *a, const as_set_facts *b);
/* The same as as_set_facts_find for set k of results, if its classes and the images of every cell are those of the real set:
 * a run over something else of the same name (a subset, the demo's world) has no published line. */
const as_set_facts *as_set_facts_of(const as_results *r, size_t k);

typedef struct as_table_opts {
  const char *const *files; /* [n_files] */
  size_t n_files;
  const char *base;        /* set name; NULL: "val", "imagenet", or the first set */
  const char *const *sets; /* [n_sets] besides the base; NULL: all but the clean halves of A and R */
  size_t n_sets;
} as_table_opts;

typedef struct as_table {
  as_results r;
  const as_set_facts **facts;        /* [r.n_sets], entries may be NULL */
  size_t n_rows;                     /* (model, img_size) pairs read */
  size_t n_names;                    /* distinct model names among them */
  size_t file_rows_lo, file_rows_hi; /* rows of the shortest and of the longest file, without the head */
  char **duplicates;                 /* [n_duplicates] sentences; owned */
  size_t n_duplicates, cap_duplicates;
} as_table;

/* AS_E_INPUT: a file that is no such table (names file and line); AS_E_USAGE: an unknown set (names the
 * nearest), or more than 16 sets without a choice. */
as_status as_table_read(as_table *t, const as_table_opts *opts, as_err *err);
void as_table_clear(as_table *t);

typedef struct as_table_set_stats {
  const as_robust_line *line;                   /* the testbed's line for this set and base, or NULL */
  as_fit fit;                                   /* logit-logit fit over the models of this table */
  double spearman, kendall;                     /* with the base; NaN for the base itself */
  size_t models;                                /* with both accuracies */
  as_translation_bin bins[AS_TRANSLATION_BINS]; /* n_bins of them, see as_table_stats */
} as_table_set_stats;

typedef struct as_table_stats {
  as_table_set_stats *set; /* [n_sets] */
  size_t n_bins;           /* of the translation curves: coarser where there are few models */
  double *rho;             /* [n_models * n_sets] effective robustness by line, else by fit; fractions */
  as_subsets subsets;      /* subsets.subsets = 0 when not run (over 12 sets) */
  as_friedman friedman;    /* over the models with every set */
  double *mean_rank;       /* [n_whole], in the order of `whole` */
  size_t *whole;           /* [n_whole] models with every set */
  size_t n_whole;
} as_table_stats;

/* `facts` [n_sets] may be NULL, or hold NULL entries: then there is no published line to compare with. */
as_status as_table_stats_make(as_table_stats *s, const as_results *r, const as_set_facts *const *facts,
                              as_err *err);
void as_table_stats_clear(as_table_stats *s);

#endif
