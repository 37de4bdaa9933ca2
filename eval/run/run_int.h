/* What run.c (compute), run_check.c (validate) and run_group.c (shared backbone runs) share. */
#ifndef AS_EVAL_RUN_RUN_INT_H
#define AS_EVAL_RUN_RUN_INT_H

#include "eval/features/backbone.h"
#include "eval/features/features.h"
#include "eval/learn/linhead.h"
#include "eval/run/run.h"

typedef struct as_run_set {
  const as_plan_dataset *plan;
  as_dataset *ds; /* NULL: could not be opened; its record says why (opts->partial) */
  as_dataset_record *record;
  char forgiven[400]; /* how many of its images are damaged and were used (lenient); "" for none */
} as_run_set;

/* Which images one backbone run covers, and the features it gave. */
typedef struct as_run_group {
  size_t lead;      /* set whose images are run */
  char preset[256]; /* spelled out */
  as_features f;
} as_run_group;

/* A set's place in a group: row of each of its images, NULL = the same order and number. */
typedef struct as_run_place {
  size_t group;
  size_t *rows; /* owned */
} as_run_place;

typedef struct as_run_state {
  const as_plan *plan;
  const as_run_opts *opts;
  as_run_set *sets; /* [plan->n_datasets] */
  as_model_record *model_records;
  as_dataset_record *dataset_records;
  as_backbone bb;  /* of the model under way */
  as_linhead head; /* likewise */
  as_run_group *groups;
  size_t n_groups;
  as_run_place *places; /* [plan->n_datasets] */
  size_t n_excused;
  as_err first; /* of the excused ones */
} as_run_state;

as_status as_run_open_sets(as_run_state *r, as_err *err);
/* Backbone and, where it has one before training, head of model m. */
as_status as_run_open_model(as_run_state *r, size_t m, as_err *err);
void as_run_close_model(as_run_state *r);
void as_run_close(as_run_state *r);

/* The sets model m needs: all scored ones and its training set. */
bool as_run_needs(const as_run_state *r, size_t m, size_t set);
/* Plans which sets share a backbone run: those with the same path and preset whose images are all
 * among the largest one's. Fills groups (without features) and places. */
as_status as_run_plan_groups(as_run_state *r, size_t m, as_err *err);
/* Features of a group (of its images from..to-1 when to > 0); the preset's model is made when it differs
 * from the one at hand. */
as_status as_run_group_features(as_run_state *r, size_t m, size_t group, const char *log, size_t from,
                                size_t to, as_err *err);
/* What the rows of a group depend on, as 64 hex digits. */
void as_run_group_key(as_run_state *r, size_t group, char key[65]);

/* Opens every model once: whatever does not fit is told before hours of work, not after. */
as_status as_run_try_models(as_run_state *r, as_err *err);
/* Hashes of set i into its record and DIR/prints. */
as_status as_run_print_set(as_run_state *r, size_t i, as_err *err);
/* What is in force for the open model m, into its record, and its tensors' hashes. */
as_status as_run_record_model(as_run_state *r, size_t m, as_err *err);

/* run_model.c: model m over all sets. Its row of cells is filled; with opts->partial a set that does not
 * fit leaves its reason in its cell. */
as_status as_run_model(as_run_state *r, size_t m, as_results *res, as_err *err);
/* DIR/prints/KIND-NAME.tsv */
as_status as_run_print_path(const as_run_state *r, const char *kind, const char *name, as_str *path,
                            as_err *err);

/* run_out.c */
as_status as_run_make_dirs(const char *dir, as_err *err);
as_status as_run_remove_record(const char *dir, as_err *err);
as_status as_run_add_remarks(const as_run_state *r, as_results *res, as_err *err);
as_status as_run_write_outputs(const as_run_state *r, const as_results *res, as_err *err);
void as_run_remove_logs(const char *dir);

/* Is `s` a reason to leave a model or set out (opts->partial; what is missing or does not fit) and not
 * the end? Then it is logged, *why (owned) gets its message, and the first one is kept in r->first. */
bool as_run_excuse(as_run_state *r, as_status s, const as_err *err, char **why);

#endif
