/* What the parts of the doctor share. Private to eval/run.
 *
 *   doctor.c           goes through sets, models and cells
 *   doctor_twins.c     images that are there twice, or that a head has learned from
 *   doctor_labels.c    other numberings of the labels, on the recorded predictions
 *   doctor_mask.c      the argmax over the classes that have images
 *   doctor_input.c     one change of the input at a time; doctor_tries.c lists the changes
 *   doctor_bench.c     runs a few images of a set through a backbone and its head
 *   doctor_out.c       what is printed; doctor_cell.c the recorded predictions */
#ifndef AS_EVAL_RUN_DOCTOR_INT_H
#define AS_EVAL_RUN_DOCTOR_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/sets/dataset.h"
#include "eval/features/backbone.h"
#include "eval/learn/linhead.h"
#include "eval/run/doctor.h"
#include "eval/run/plan.h"
#include "eval/run/rec.h"
#include "weights/recipe/twin.h"

/* ---- the recorded predictions ---- */

/* One image of a cell's table, with one right label. */
typedef struct as_doc_image {
  char *name; /* owned */
  int label, top1;
} as_doc_image;

typedef struct as_doc_cell {
  as_doc_image *image;
  size_t n, cap;
  bool several; /* ReaL: label sets; no label hypothesis is tried */
  double sure;  /* mean confidence of the predictions, NaN = not recorded */
} as_doc_cell;

/* cells/MODEL--SET.tsv of a run. */
as_status as_doc_read(as_doc_cell *c, const as_rec *rec, const char *model, const char *set, as_err *err);
void as_doc_clear(as_doc_cell *c);

/* ---- what is said ---- */

typedef struct as_doc_ctx {
  const as_doctor_opts *opts;
  as_str *out;
  size_t *causes;
} as_doc_ctx;

/* "LIKELY CAUSE ..." */
void as_doc_cause(as_doc_ctx *d, const char *fmt, ...) AS_PRINTF(2, 3);
/* "    what   12.0 % (12 of 100, 95 % interval 7.0 to 19.8)" */
void as_doc_rate(as_doc_ctx *d, const char *what, int64_t right, int64_t n, const char *more);

/* ---- images that are there twice ---- */

/* Within a set, and in two sets that are averaged; a cause where they are a hundredth of it or more. */
void as_doc_twins(as_doc_ctx *d, const as_rec *rec);
/* Images of a cell's set that its head has learned from: its accuracy there is no accuracy. */
void as_doc_training_images(as_doc_ctx *d, const as_json *cell);

/* ---- examinations of one cell ---- */

typedef struct as_doc_case {
  const as_plan_model *model;
  const char *preset;      /* the recorded one */
  const as_doc_cell *cell; /* the recorded predictions */
  const as_dataset *ds;
  const uint8_t
      *among; /* [classes of ds] over which models of different classes were compared; NULL: their own */
} as_doc_case;

/* Renumberings of the labels. */
as_status as_doc_labels(as_doc_ctx *d, const as_doc_case *c, as_err *err);
/* The argmax over the classes that have images, where none was asked for. */
as_status as_doc_mask(as_doc_ctx *d, const as_doc_case *c, as_err *err);
/* Counter-tests on a few images: the same weights and head with one thing changed at a time. */
as_status as_doc_input(as_doc_ctx *d, const as_doc_case *c, as_err *err);

/* ---- a few images through a backbone and its head ---- */

typedef struct as_doc_bench {
  as_backbone bb;
  as_linhead head;
  const as_dataset *ds;
  size_t *row; /* [n] dataset rows under test, evenly spread */
  size_t n;
  float *images, *features, *logits;
  int *class_of;    /* [outputs] class of the set's list that it means, -1 = none that may win */
  uint8_t *allowed; /* [outputs] which may win */
} as_doc_bench;

typedef struct as_doc_outcome {
  uint8_t *right; /* [n] */
  double *ll;     /* [n] log-likelihood of the right class, NaN = failed */
  int *top;       /* [n] */
} as_doc_outcome;

/* How the images are run. */
typedef struct as_doc_way {
  as_backbone *bb;
  const as_preset *preset;
  bool swap;        /* channels in the order B, G, R */
  const char *what; /* for the progress line */
} as_doc_way;

/* images: how many of the set; 0 = 100. Close it in failure, too. AS_E_INPUT: the set has no scored image. */
as_status as_doc_bench_open(as_doc_bench *b, const as_doc_case *c, int images, as_err *err);
void as_doc_bench_close(as_doc_bench *b);
/* Fills o, which the caller clears. */
as_status as_doc_bench_run(as_doc_bench *b, const as_doc_way *way, as_doc_outcome *o, const as_watch *watch,
                           as_err *err);
void as_doc_outcome_clear(as_doc_outcome *o);

/* ---- what is tried ---- */

enum { AS_DOC_TRIES = 40 };

typedef struct as_try {
  char what[160]; /* what is changed, for the line */
  char kind[160]; /* what the cause would be called */
  as_preset preset;
  bool swap;      /* channels in the order B, G, R */
  bool deviation; /* the recipe itself says so, the run did otherwise */
  bool is_twin;   /* the other network of the file */
  as_twin twin;
  /* what came out */
  bool done;
  int64_t right, gained, lost;
  double mean_ll, z, p;
} as_try;

/* What may be wrong with the input of that backbone: parts of its preset that are not its recipe's, usual slips, the
 * twin network. Returns how many. */
size_t as_doc_tries(as_try list[AS_DOC_TRIES], const as_backbone *bb);
/* Outcome o against the recorded way, image by image. */
void as_try_compare(as_try *t, const as_doc_outcome *base, const as_doc_outcome *o, size_t n);

#endif
