/* What a benchmark measured: models x sets, counts first. Reports and statistics read this and
 * nothing else; runs, `assay table` and `assay report` fill it. */
#ifndef AS_EVAL_STATS_RESULTS_H
#define AS_EVAL_STATS_RESULTS_H

#include <math.h>
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

/* The classes among which an answer was chosen: those of the set that the model's head knows and that the set's
 * rule allows. More of them make a set harder, so two accuracies are comparable only over the same ones. */
typedef struct as_candidates {
  size_t n;        /* how many could win; 0 = unknown (published tables, older records) */
  char sha256[65]; /* of their names, by as_candidates_of; "" = unknown, then n alone tells */
} as_candidates;

/* Images that two sets share, or that one set has more than once. */
enum { AS_SHARED_KEPT = 3 };
typedef struct as_shared {
  bool known;                    /* it was looked for; otherwise all else is 0 */
  int64_t n;                     /* images (of the set at hand) that are there again */
  int64_t n_bytes;               /* of these: the same file, byte for byte; the others have the same pixels */
  char *example[AS_SHARED_KEPT]; /* one line each, "val/a.jpg = train/b.jpg"; owned, NULL past the last */
} as_shared;

typedef struct as_cell {
  bool present; /* measured at all; otherwise `why` says why not */
  int64_t n_expected, n_used, n_failed;
  int64_t top1_correct, top5_correct; /* of n_used */
  bool has_top5;
  as_candidates among; /* the classes that could win in these counts */
  int64_t n_hopeless; /* of n_expected: no right answer is among them, so that they are wrong for any model */
  /* Where the models of a column were scored over the classes that all of them know: what this model's counts
   * were among all of its own. own.n = 0: `among` is its own. */
  as_candidates own;
  int64_t own_used, own_correct;
  as_shared
      in_train; /* images of this set that the head's training set has too; unknown for heads that were not
                         fitted by the run */
  double top1, top5; /* fractions; published tables have these and n_used may be 0 */
  double top1_step;  /* top1 is rounded to a multiple of it, so that the count may be off; 0 = it is exact */
  double top1_lo, top1_hi; /* 95 % interval, NaN when n_used is 0 */
  uint8_t *correct1;       /* [n_expected] 1 / 0 per image, 2 = failed; NULL when unknown. Owned */
  float *confidence;       /* [n_expected] probability that the model gives its first class, among the classes
                            that may win; NaN = failed; NULL when unknown. Owned */
  uint32_t *
      answer; /* [n_expected] the class that the model gives; UINT32_MAX = failed; NULL when unknown. Owned */
  as_failure *failure; /* [n_failures] the first of the failed ones by name; owned */
  size_t n_failures;   /* at most AS_FAILURES_KEPT */
  char features_sha256[65], logits_sha256[65];
  char *preset; /* the set is run with another preset than its model's: which; owned, or NULL */
  double *
      corruption_error; /* [n_corruptions * n_severities] of the results: error per corruption and severity; NaN
                               where the set has no such images; NULL unless it has corruptions. Owned */
  char *why;            /* owned, or NULL */
} as_cell;

/* How the fit of a linear probe ended. */
typedef struct as_probe_facts {
  bool known;
  char *train;     /* name of the set that it learned from; owned, or NULL */
  double c;        /* inverse strength of the penalty, as scikit-learn counts it */
  double loss;     /* sum of the losses + penalty, as minimised; per image it is loss / n_train */
  double bound;    /* part of the loss by which it may lie above its minimum */
  double gradient; /* largest component of the mean loss' gradient, absolute */
  int64_t n_train; /* images that it learned from */
  int64_t iterations;
  bool converged;
} as_probe_facts;

typedef struct as_results_model {
  char *name; /* owned */
  char *note; /* one line: architecture, head, "seeded random weights"; owned */
  char *method,
      *family;    /* of the training, as its checkpoint says: "simclr", "contrastive"; owned, or NULL */
  char *seed;     /* likewise; owned, or NULL */
  char *backbone; /* tells the network and its weights from all others: models that share it differ in their
                     protocol alone; owned, NULL = unknown, then so are the next two */
  char *network;  /* what its file is called: "dino_resnet50"; owned */
  char *protocol; /* how features become answers: "k-NN, k 20, T 0.07", "probe, C 1"; owned */
  as_probe_facts probe;   /* known = false: no probe was fitted */
  double published;       /* top-1 its authors publish, a fraction; NaN = none given */
  char *published_on;     /* name of the set it was published for; owned, NULL = none */
  char *published_source; /* where it stands; owned, or NULL */
} as_results_model;

typedef struct as_results_set {
  char *name; /* owned */
  char *rule; /* one line: "top-1 over 200 classes", "any of the ReaL labels"; owned */
  char *task; /* "imagenet-val", "imagenet-v2", ... as as_set_facts names them; owned, NULL = none known */
  size_t classes;   /* over which argmax ran, 0 = unknown; a cell's `among` is the truth where it is known */
  size_t images_of; /* the first set that has these very images (val for ReaL); itself otherwise */
  size_t n_images;  /* images of that set, scored or not; 0 = unknown */
  uint32_t *image;  /* [n_expected] which of these each scored image is, rising; NULL = unknown. Owned */
  size_t n_scored;  /* entries of label; 0 = unknown */
  uint32_t *label; /* [n_scored] class of each scored image (of several right ones the first); NULL = unknown.
                        Owned */
  char **class_name; /* [n_class_names] owned; NULL = unknown, then classes go by number */
  char **
      class_title; /* [n_class_names] what people call it: "goldfish" of n01443537; NULL = names say it. Owned */
  size_t n_class_names;
  as_shared twice; /* images that the set has more than once: n = images less different ones */
} as_results_set;

/* Images that two scored sets have in common although they are averaged as if they were independent. Sets
 * that ask the same images another question (val and ReaL: images_of, another rule) are not listed. */
typedef struct as_set_overlap {
  size_t a, b; /* sets, a < b; `shared` counts images of b */
  as_shared shared;
} as_set_overlap;

/* A corruption of the sets that have such (ImageNet-C), and the error that its own is divided by in mCE. */
typedef struct as_results_corruption {
  char *name; /* owned */
  double reference_error;
} as_results_corruption;

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
  as_results_corruption *corruptions; /* [n_corruptions] in the order of the cells' corruption_error; owned */
  size_t n_corruptions, n_severities;
  as_set_overlap *overlaps; /* [n_overlaps] of pairs that share an image; owned */
  size_t n_overlaps;
  bool complete;
} as_results;

as_status as_results_init(as_results *r, const char *title, size_t n_models, size_t n_sets, as_err *err);
void as_results_clear(as_results *r);
void as_cell_clear(as_cell *c);
/* Adds a failed image to the cell's list, if there is room left; does not count it in n_failed. */
as_status as_cell_failure(as_cell *c, const char *image, const char *why, as_err *err);
/* Where the model's network comes from; method NULL: nothing is known. */
as_status as_results_trained(as_results_model *m, const char *method, const char *family, const char *seed,
                             as_err *err);
/* Which network the model is, and under which protocol; backbone NULL: nothing is known. */
as_status as_results_backbone(as_results_model *m, const char *backbone, const char *network,
                              const char *protocol, as_err *err);
/* Names the set's task as published facts do: the flavour of V2 by the plan's word or the file's name, the
 * 200 classes of -R and -A when val is cut to them. subset, flavour, path may be NULL. */
as_status as_results_set_task(as_results_set *set, const char *task, const char *flavour, const char *subset,
                              const char *path, as_err *err);
as_status as_results_remark(as_results *r, const char *text, as_err *err);
/* The next corruption of r->n_corruptions; n_severities is the caller's to set. */
as_status as_results_corruption_add(as_results *r, const char *name, double reference_error, as_err *err);
/* A pair of sets that share images; takes over what `shared` owns, in failure too. */
as_status as_results_overlap(as_results *r, size_t a, size_t b, as_shared *shared, as_err *err);

/* Fills c from the names of the classes, in any order. */
as_status as_candidates_of(as_candidates *c, const char *const *name, size_t n, as_err *err);
/* Which models' cells of column k were not chosen among the same classes as those of most models (of equally
 * many: of the first): apart[n_models] is true for them. They are shown, and neither ranked nor tested with
 * the others. *among, unless NULL: the classes of the others. An absent cell is not apart. A cell whose
 * `among` is unknown counts as chosen among the set's `classes`. */
as_status as_results_apart(const as_results *r, size_t k, bool *apart, as_candidates *among, as_err *err);
/* The accuracies that may be compared: acc[n_models * n_sets], row = model, NaN where a cell is absent or
 * apart. */
as_status as_results_comparable(const as_results *r, double *acc, as_err *err);
/* The classes that could win in a cell, by the same rule. */
as_candidates as_results_among(const as_results *r, size_t model, size_t set);
/* May the two cells be compared? n = 0 on either side: nothing says that they may not. */
bool as_candidates_same(const as_candidates *a, const as_candidates *b);

void as_shared_clear(as_shared *s);
/* Counts one shared image, and keeps the first few as examples. */
as_status as_shared_add(as_shared *s, const char *image, const char *other, bool same_bytes, as_err *err);
/* Is there an accuracy, comparable or not? */
static inline bool as_cell_measured(const as_cell *c) {
  return c->present && isfinite(c->top1) && (c->n_used > 0 || c->n_expected <= 0);
}
/* Was the answer chosen among all classes of a set that has `classes`? Unknown numbers (0) count as yes. */
static inline bool as_cell_among_all(const as_cell *c, size_t classes) {
  return c->among.n == 0 || c->among.n >= classes;
}
static inline as_cell *as_results_cell(const as_results *r, size_t model, size_t set) {
  return &r->cells[model * r->n_sets + set];
}

#endif
