/* A benchmark plan: models x datasets, as a text file. The syntax stands in eval/README.md. */
#ifndef AS_EVAL_RUN_PLAN_H
#define AS_EVAL_RUN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

/* All texts are owned by the plan; NULL where the file says nothing. Paths are already relative to
 * the working folder (the plan's folder was put before them). */
typedef struct as_plan_dataset {
  char *name, *task, *path, *labels, *real, *classes, *subset, *flavour, *preset;
  char *where;              /* where its makers publish it: for --check */
  int64_t limit;            /* 0 = all */
  int64_t per_from, per_to; /* 0, 0 = all */
  bool train;               /* role = train: for probes and k-NN only */
  int line;
} as_plan_dataset;

typedef enum as_head_kind { AS_HEAD_OWN, AS_HEAD_FILE, AS_HEAD_PROBE, AS_HEAD_KNN } as_head_kind;

typedef struct as_plan_model {
  char *name, *weights, *recipe, *arch, *preset, *head, *note;
  char *train;              /* name of the training set, NULL = the only one */
  double published;         /* top-1 in per cent that its authors publish, 0 = none said */
  char *published_on;       /* the dataset it was published for; the base set when not said */
  char *source;             /* where that number stands */
  char *where, *head_where; /* where the files are published: for --check */
  char *hash;               /* "sha256:..." or "md5:...", or the first digits of one (8 at least) */
  as_head_kind kind;        /* head = FILE | own | probe | knn; own when not said */
  char *c;                  /* probe by L-BFGS: a number (scikit-learn's C) or a path (as_path_parse) */
  char *protocol;           /* probe: this one instead of the benchmark's */
  int max_iter;             /* probe, 0 = default */
  int k;                    /* k-NN, 0 = default */
  double temperature;       /* k-NN, 0 = default */
  int line;
} as_plan_model;

typedef struct as_plan {
  char *path; /* as given */
  char *text; /* the file, NUL-terminated */
  size_t text_n;
  char *name;     /* [benchmark] name; the file's name without suffix otherwise */
  char *unified;  /* "mean-top1" */
  char *remark;   /* a sentence that must stand under every table, or NULL */
  char *protocol; /* of the probes: "lbfgs" (the default), "per-framework" (each recipe's own), or the name
                     of one for all ("fixed", "swav", ...) */
  int64_t seed;   /* of the protocols' orders and first weights */
  bool crops;     /* crops = yes: protocols that their authors train on random crops run them through the
                     backbone in every epoch; no: on the features of the training set */
  bool half;      /* features = float16: every row is rounded to it */
  char *base;     /* dataset that drops are measured from; the first scored one otherwise */
  as_plan_dataset *datasets;
  size_t n_datasets;
  as_plan_model *models;
  size_t n_models;
} as_plan;

/* Reads and checks the plan alone; looks at no other file. AS_E_INPUT with "PLAN:LINE: ...": unknown
 * section or key (the nearest is named), value out of range, name given twice, a probe without
 * training set, nothing to run. */
as_status as_plan_read(as_plan *out, const char *path, as_err *err);
/* The same from memory; `path` names it in messages and anchors relative paths. */
as_status as_plan_parse(as_plan *out, const char *text, size_t n, const char *path, as_err *err);
/* A file, or the name of a built-in plan where there is no such file: its paths are relative to the
 * working folder. AS_E_INPUT names what was looked for. */
as_status as_plan_open(as_plan *out, const char *path_or_name, as_err *err);
void as_plan_clear(as_plan *plan);

/* The protocol of model m's probe: its own, else the benchmark's, else "lbfgs". */
const char *as_plan_protocol(const as_plan *plan, const as_plan_model *m);

/* The training set of a model that needs one, else NULL. */
const as_plan_dataset *as_plan_train_set(const as_plan *plan, const as_plan_model *m);

#endif
