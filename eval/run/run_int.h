/* A run in stages. Each fills what the next ones only read:
 *
 *   run_inputs.c    plan, files            -> as_inputs    sets opened, models tried, every file hashed
 *   run_choice.c    as_inputs              -> as_inputs    among which classes models choose and are compared
 *   run_train.c     plan                   -> files        trainings that are not done yet, in pretrained/
 *   run_groups.c    as_inputs              -> as_groups    which runs of the backbone a model takes
 *   run_jobs.c      as_groups, the folder  -> as_job       what is there already, what is to be computed
 *   run_model.c     as_job                 -> files        features, head and cells of a model, in work/
 *   run_results.c   files                  -> as_results   what is reported: read back, as `report` would
 *   run_out.c       as_results             -> files        tables, page and record
 *   run_folder.c    the folder that all of them write to
 *
 * run.c goes through them; run_check.c and run_shard.c take the first stages. */
#ifndef AS_EVAL_RUN_RUN_INT_H
#define AS_EVAL_RUN_RUN_INT_H

#include "data/sets/twins.h"
#include "eval/features/backbone.h"
#include "eval/features/features.h"
#include "eval/learn/linhead.h"
#include "eval/pretrain/training.h"
#include "eval/run/run.h"
#include "eval/run/run_folder.h"

/* ---- a model and its runs of the backbone ------------------------------------------------------------- */

/* A model, open: its backbone and, unless it is fitted, its head. */
typedef struct as_open_model {
  as_backbone bb;
  as_linhead head;
} as_open_model;
/* On failure nothing is left open. */
as_status as_open_model_make(as_open_model *o, const as_plan_model *p, as_err *err);
void as_open_model_clear(as_open_model *o);

/* One run of the backbone: the images of a set, under a preset. */
typedef struct as_run_group {
  size_t lead;      /* set whose images are run */
  char preset[256]; /* spelled out */
  char key[65];     /* what its rows depend on; "" before as_groups_key */
} as_run_group;

/* Where a set finds its rows. */
typedef struct as_run_place {
  size_t group;
  size_t *rows; /* row of each of its images, NULL = the same order and number; owned */
} as_run_place;

typedef struct as_groups {
  as_run_group *group; /* [n] owned */
  size_t n;
  as_run_place *place; /* [plan->n_datasets] owned; of the sets that the model needs */
  size_t n_places;
} as_groups;

/* ---- inputs: run_inputs.c ----------------------------------------------------------------------------- */

typedef struct as_run_set {
  const as_plan_dataset *plan;
  as_dataset *ds; /* NULL: could not be opened; its record says why */
  as_dataset_record *record;
  as_image_print *print; /* [images]; NULL before as_inputs_print */
} as_run_set;

/* With opts->partial: what is missing or does not fit is left out. */
typedef struct as_excuses {
  size_t n;
  as_err first;
} as_excuses;

/* The classes of a set among which a model chooses. */
typedef struct as_choice {
  uint8_t *can; /* [classes of the set] 1 or 0; owned */
  size_t n;     /* how many; 0 = not known: no labels, not opened, or the head does not fit */
} as_choice;

typedef struct as_run_share as_run_share;

typedef struct as_inputs {
  const as_plan *plan;
  const as_run_opts *opts;
  as_run_share *share;         /* borrowed; NULL: nobody counts what is done */
  as_run_set *set;             /* [plan->n_datasets] */
  as_dataset_record *datasets; /* [plan->n_datasets] */
  as_model_record *models;     /* [plan->n_models] */
  as_choice *choice;           /* [plan->n_models * plan->n_datasets], row = model */
  as_excuses excused;
} as_inputs;

/* Nothing open yet, and one set. */
as_status as_inputs_init(as_inputs *in, const as_plan *plan, const as_run_opts *opts, as_err *err);
as_status as_inputs_open_set(as_inputs *in, size_t i, as_err *err);
/* Opens every set. Clear it in failure, too. */
as_status as_inputs_open(as_inputs *in, const as_plan *plan, const as_run_opts *opts, as_err *err);
/* Opens every model once, so that what does not fit is told before hours of work, not after; fills their records but
 * for the heads that are fitted. */
as_status as_inputs_try_models(as_inputs *in, as_err *err);
/* The same once the plan's trainings are done: those that are not are done first. */
as_status as_inputs_train(as_inputs *in, as_err *err);
/* One of them, which stays open, and its groups. On failure nothing is left open. */
as_status as_inputs_try_model(as_inputs *in, size_t m, as_open_model *o, as_groups *g, as_err *err);
/* Hashes every set, with pixels also of the decoded images; the tables go to the folder. */
as_status as_inputs_print_sets(as_inputs *in, const as_run_folder *folder, bool pixels, as_err *err);
/* The same for the tensors of model m's checkpoint and head file. */
as_status as_inputs_print_model(const as_inputs *in, size_t m, const as_run_folder *folder, as_err *err);
void as_inputs_clear(as_inputs *in);

/* Is `s` a reason to leave a model or set out (opts->partial; what is missing or does not fit) and not the end? Then it
 * is logged, *why (owned) gets its message, and the first one is kept. */
bool as_inputs_excuse(as_inputs *in, as_status s, const as_err *err, char **why);

/* ---- choices: run_choice.c ---------------------------------------------------------------------------- */

/* Among which classes of the set model m, which is open, will choose; a fitted head among those that its training set
 * has images of. AS_E_INPUT: the head's classes are not the set's. */
as_status as_inputs_choose(as_inputs *in, size_t m, size_t set, const as_open_model *o, as_err *err);
/* Once every model was asked: the classes that all models of a set know, where these do not all choose among the same,
 * into its record. Fewer than two are none: the models stand apart (as_results_apart). */
as_status as_inputs_find_common(as_inputs *in, as_err *err);
/* The classes to which model m is held on the set; NULL: all of its own. */
const uint8_t *as_inputs_among(const as_inputs *in, size_t m, size_t set);

/* ---- groups: run_groups.c ----------------------------------------------------------------------------- */

/* The sets model m needs: all scored ones and its training set. */
bool as_groups_needs(const as_inputs *in, size_t m, size_t set);
/* Sets of the same path and preset whose images are all among the largest one's share one run of the backbone. The
 * model's record must say its preset. */
as_status as_groups_plan(as_groups *g, const as_inputs *in, size_t m, as_err *err);
/* The keys, once the sets are hashed. */
void as_groups_key(as_groups *g, const as_inputs *in, size_t m);
void as_groups_clear(as_groups *g);

/* The key of the group's log: its own; with AS_RUN_REDO the build's, too, since another one's rows prove nothing. */
void as_rows_key(char key[65], const as_run_group *g, const as_run_opts *opts);

/* What of a group's features is wanted, and where its rows are logged. */
typedef struct as_group_work {
  const char *log;
  const char *key; /* of the log */
  size_t from, to; /* images; 0, 0 = all */
} as_group_work;
/* Features of a group of model m, which is open; its backbone takes the group's preset. */
as_status as_groups_features(as_features *f, const as_inputs *in, size_t m, as_open_model *o,
                             const as_run_group *g, const as_group_work *work, as_err *err);

/* ---- jobs: run_jobs.c --------------------------------------------------------------------------------- */

/* Where a cell comes from. */
typedef enum as_cell_source {
  AS_CELL_TODO,     /* to be computed */
  AS_CELL_WORK,     /* in work/, computed now or before the run was cut off */
  AS_CELL_STANDING, /* the finished run has it, from the same inputs */
  AS_CELL_ABSENT    /* there will be none: `why`, or the record of its model or set */
} as_cell_source;

typedef struct as_cell_job {
  size_t set;   /* of the plan */
  char key[65]; /* what the cell depends on */
  as_cell_source from;
  char *why;      /* owned */
  char *forgiven; /* its images are damaged and were used (lenient): a sentence; owned, NULL for none */
} as_cell_job;

typedef struct as_job {
  size_t m;
  as_groups groups;
  char head_key[65];
  as_cell_source head; /* of a fitted probe; ABSENT: it is none */
  as_cell_job *cell;   /* [n_cells] the scored sets, in the order of the plan; owned */
  size_t n_cells;
} as_job;

/* Keys, and what can be taken over. */
as_status as_job_plan(as_job *j, const as_inputs *in, size_t m, const as_run_folder *folder, as_err *err);
void as_job_clear(as_job *j);
/* Cells, and the head, that are to be computed. */
size_t as_job_todo(const as_job *j);
/* What the record says of cell k: borrowed from the finished run's, or from a receipt in work/, which *doc then owns.
 * NULL: it is not there. */
const as_json *as_job_cell_json(const as_job *j, size_t k, const as_inputs *in, const as_run_folder *folder,
                                as_json_doc **doc);

/* What the record says of model j->m's fitted head, which is there, into its record. */
as_status as_job_record_head(as_inputs *in, const as_job *j, const as_run_folder *folder, as_err *err);

/* ---- what is done of the whole: run_share.c ----------------------------------------------------------- */

struct as_run_share {
  const as_watch *outer;
  const as_job *jobs;
  double before, group, total; /* work of the groups that are done, of this one, of all jobs */
  as_watch watch;
};
/* The work of model m's group: multiply-adds; 0 where an earlier model leaves the same rows. Heads and scores are not
 * counted. */
double as_share_work(const as_run_share *s, const as_inputs *in, size_t m, const as_run_group *g);
/* The watch of the next group's run: it passes on what it is told and adds the part of the whole. */
const as_watch *as_share_watch(as_run_share *s, const as_inputs *in, size_t m, const as_run_group *g);

/* ---- receipts: run_receipt.c -------------------------------------------------------------------------- */

/* Puts what the record will say of a file. */
typedef void as_receipt_fn(as_jsonw *w, const void *ctx);
/* The receipt of work/NAME, which stands there with these bytes. */
as_status as_receipt_write(const as_run_folder *folder, const as_build_info *build, const char *key,
                           const char *name, as_receipt_fn *put, const void *ctx, as_err *err);
/* What was put, if work/NAME is still what it was and was made by this build from the same; else NULL. *doc owns it. */
const as_json *as_receipt_open(as_json_doc **doc, const as_run_folder *folder, const as_build_info *build,
                               const char *key, const char *name);
/* Heads and cells of another build are made again: it may score otherwise. Feature rows belong to a profile. */
bool as_receipt_same_build(const as_json *object, const as_build_info *build);

/* ---- the rest ----------------------------------------------------------------------------------------- */

/* run_model.c: the cells of a job that are to be computed; with opts->partial a set that does not fit leaves its reason
 * in its job. */
as_status as_run_model(as_inputs *in, as_job *job, const as_run_folder *folder, as_err *err);

/* run_train.c. Is the checkpoint of this section there, from the words that it says now? AS_E_USAGE: words that mean nothing. */
as_status as_train_state(bool *done, const as_plan *plan, const as_plan_pretrain *p, as_err *err);
/* cost[i]: of section i; an earlier one that differs by its seed alone is taken over, where title says that it is known.
 * drawing: 0 where the world is there or an earlier one that is known draws it. */
as_status as_train_cost(as_training_cost *cost, const as_plan *plan, size_t i, as_err *err);

/* run_results.c: everything that is reported, from the inputs' records and the cells' files. */
as_status as_run_results(as_results *res, as_inputs *in, as_job *jobs, const as_run_folder *folder,
                         as_err *err);
/* Images that sets share, or have twice (overlap.c). */
as_status as_run_overlaps(as_results *res, const as_inputs *in, as_err *err);

/* run_out.c: the tables and the page, from one derivation; summary: of the record, for the page. Start with {0}s; the caller
 * releases them, in failure too. */
typedef struct as_run_texts {
  as_str text, csv, html;
} as_run_texts;
as_status as_run_pages(as_run_texts *t, const as_inputs *in, const as_results *res, const char *summary,
                       as_err *err);
void as_run_texts_clear(as_run_texts *t);

/* run_out.c: writes tables, page and record, and makes them the finished run; *same: they are what stood already, and
 * nothing was written. */
as_status as_run_write(const as_inputs *in, const as_job *jobs, const as_results *res, as_run_folder *folder,
                       bool *same, as_err *err);

/* run.c: as_run in a folder that is open already, or, zeroed with lock -1, is opened when the inputs are; the caller
 * closes it. */
as_status as_run_in(const as_plan *plan, const as_run_opts *opts, as_run_folder *folder, as_results *results,
                    as_err *err);

#endif
