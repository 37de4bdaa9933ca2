/* What a benchmark measured: models x sets, counts first. Reports and statistics read this and
 * nothing else; runs, `assay table` and `assay report` fill it. */
#ifndef AS_EVAL_STATS_RESULTS_H
#define AS_EVAL_STATS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"
#include "tensor/base/text.h"

/* An image that could not be used, and why. */
typedef struct as_failure {
  char *image, *why; /* owned */
} as_failure;
enum { AS_FAILURES_KEPT = 100 }; /* per cell; the count goes on */

typedef struct as_cell {
  bool present; /* measured at all; otherwise `why` says why not */
  int64_t n_expected, n_used, n_failed;
  int64_t top1_correct, top5_correct; /* of n_used */
  bool has_top5;
  double top1, top5;       /* fractions; published tables have these and n_used may be 0 */
  double top1_lo, top1_hi; /* 95 % interval, NaN when n_used is 0 */
  uint8_t *correct1;       /* [n_expected] 1 / 0 per image, 2 = failed; NULL when unknown. Owned */
  float *confidence;       /* [n_expected] probability that the model gives its first class, among the classes
                            that may win; NaN = failed; NULL when unknown. Owned */
  as_failure *failure;     /* [n_failures] the first of the failed ones by name; owned */
  size_t n_failures;       /* at most AS_FAILURES_KEPT */
  char features_sha256[65], logits_sha256[65];
  char *preset;             /* the set is run with another preset than its model's: which; owned, or NULL */
  double *corruption_error; /* [15 * 5] ImageNet-C: error per corruption and severity, in the order of
                               as_corruption_name; NaN where the set has no such images; else NULL. Owned */
  char *why;                /* owned, or NULL */
} as_cell;

typedef struct as_results_model {
  char *name;             /* owned */
  char *note;             /* one line: architecture, head, "seeded random weights"; owned */
  double published;       /* top-1 its authors publish, a fraction; NaN = none given */
  char *published_on;     /* name of the set it was published for; owned, NULL = none */
  char *published_source; /* where it stands; owned, or NULL */
} as_results_model;

typedef struct as_results_set {
  char *name; /* owned */
  char *rule; /* one line: "top-1 over 200 classes", "any of the ReaL labels"; owned */
  char *task; /* "imagenet-val", "imagenet-v2", ... as as_set_facts names them; owned, NULL = none known */
  size_t classes;   /* over which argmax ran, 0 = unknown */
  size_t images_of; /* the first set that has these very images (val for ReaL); itself otherwise */
  size_t n_images;  /* images of that set, scored or not; 0 = unknown */
  uint32_t *image;  /* [n_expected] which of these each scored image is, rising; NULL = unknown. Owned */
  size_t n_scored;  /* entries of label; 0 = unknown */
  uint32_t *label; /* [n_scored] class of each scored image (of several right ones the first); NULL = unknown.
                        Owned */
  char **class_name; /* [n_class_names] owned; NULL = unknown, then classes go by number */
  size_t n_class_names;
} as_results_set;

typedef struct as_results {
  char *title; /* owned */
  as_results_model *models;
  size_t n_models;
  as_results_set *sets; /* sets[base] is the one that drops are measured from */
  size_t n_sets;
  size_t base;
  as_cell *cells; /* [n_models * n_sets], row = model */
  char **remarks; /* [n_remarks] plain sentences that must stand under every table; owned */
  size_t n_remarks;
  bool complete;
} as_results;

as_status as_results_init(as_results *r, const char *title, size_t n_models, size_t n_sets, as_err *err);
void as_results_clear(as_results *r);
void as_cell_clear(as_cell *c);
/* Adds a failed image to the cell's list, if there is room left; does not count it in n_failed. */
as_status as_cell_failure(as_cell *c, const char *image, const char *why, as_err *err);
/* Names the set's task as published facts do: the flavour of V2 by the plan's word or the file's name, the
 * 200 classes of -R and -A when val is cut to them. subset, flavour, path may be NULL. */
as_status as_results_set_task(as_results_set *set, const char *task, const char *flavour, const char *subset,
                              const char *path, as_err *err);
as_status as_results_remark(as_results *r, const char *text, as_err *err);
static inline as_cell *as_results_cell(const as_results *r, size_t model, size_t set) {
  return &r->cells[model * r->n_sets + set];
}

#endif
