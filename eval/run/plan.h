/* A benchmark plan: models x datasets, as a text file. The syntax stands in README.md. */
#ifndef AS_EVAL_RUN_PLAN_H
#define AS_EVAL_RUN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/sets/dataset.h"
#include "eval/learn/knn.h"
#include "eval/run/paths.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"

/* A path as the plan says it and where it is found: the plan's folder put before a relative one. A built-in name
 * stays as it is. Both owned by the plan; NULL where the plan says nothing. */
typedef struct as_plan_path {
  char *said, *at;
} as_plan_path;

/* All texts are owned by the plan; NULL where the file says nothing. */
typedef struct as_plan_dataset {
  char *name, *task, *flavour, *preset;
  as_plan_path path, labels, real, classes, subset;
  char *where;          /* where its makers publish it: for --check */
  char *real_where;     /* the same of the file of ReaL labels */
  int64_t limit;        /* 0 = all */
  int64_t per_class[2]; /* from, to; 0, 0 = all */
  bool train;           /* role = train: for probes and k-NN only */
  int line;
} as_plan_dataset;

typedef enum as_plan_head { AS_HEAD_OWN, AS_HEAD_FILE, AS_HEAD_PROBE, AS_HEAD_KNN } as_plan_head;

typedef struct as_plan_model {
  char *name, *arch, *preset, *note;
  as_plan_path weights, recipe;
  char *head;               /* as the plan has it: FILE, own, probe, knn; NULL = own */
  as_plan_path head_file;   /* of AS_HEAD_FILE */
  char *train;              /* name of the training set, NULL = the only one */
  double published;         /* top-1 in per cent that its authors publish, 0 = none said */
  char *published_on;       /* the dataset it was published for; the base set when not said */
  char *source;             /* where that number stands */
  char *where, *head_where; /* where the files are published: for --check */
  char *hash;               /* "sha256:..." or "md5:...", or the first digits of one (8 at least) */
  as_plan_head kind;
  char *c;            /* probe by L-BFGS: a number (scikit-learn's C) or a path (as_path_parse) */
  char *protocol;     /* probe: this one instead of the benchmark's */
  int max_iter;       /* probe, 0 = default */
  int k;              /* k-NN, 0 = default */
  double temperature; /* k-NN, 0 = default */
  int line;
} as_plan_model;

/* A training, whose checkpoint models take by weights = pretrain:NAME. 0 where the file says nothing. */
typedef struct as_plan_pretrain {
  char *name, *method, *arch, *preset, *set;
  as_plan_path data, labels, classes; /* data: as training.h says, also the words of a drawn world */
  int64_t size, batch, epochs, seed, limit;
  int64_t per_class[2];
  bool half;        /* precision = float16 */
  char *dir;        /* where it is: pretrained/NAME in the plan's folder */
  char *checkpoint; /* in that folder */
  int line;
} as_plan_pretrain;

typedef struct as_plan {
  char *path; /* as given */
  char *dir;  /* where its relative paths start */
  char *text; /* the file, NUL-terminated */
  size_t text_n;
  char *name;     /* [benchmark] name; the file's name without suffix otherwise */
  char *unified;  /* "mean-top1" */
  char *remark;   /* a sentence that must stand under every table, or NULL */
  char *protocol; /* of the probes: "lbfgs" (where nothing is said), "per-framework" (each recipe's own), or
                     the name of one for all ("fixed", "swav", ...) */
  int64_t seed;   /* of the protocols' orders and first weights */
  bool crops;     /* crops = yes: protocols that their authors train on random crops run them through the
                     backbone in every epoch; no: on the features of the training set */
  bool half;      /* features = float16: every row is rounded to it */
  char *base;     /* dataset that drops are measured from; the first scored one otherwise */
  as_plan_dataset *datasets;
  size_t n_datasets;
  as_plan_model *models;
  size_t n_models;
  as_plan_pretrain *pretrain;
  size_t n_pretrain;
} as_plan;

/* Reads and checks the plan alone; looks at no other file. AS_E_INPUT with "PLAN:LINE: ...": unknown
 * section or key (the nearest is named), value out of range, name given twice, a probe without
 * training set, nothing to run. */
as_status as_plan_read(as_plan *out, const char *path, as_err *err);
/* The same from memory. `path` names it in messages; relative paths start at `dir` (NULL: the folder of
 * `path`), unless one of the roots (NULL: none) says where they are. */
as_status as_plan_parse(as_plan *out, const char *text, size_t n, const char *path, const char *dir,
                        const as_roots *roots, as_err *err);
/* A file, or the name of a built-in plan where there is no such file: its paths are relative to the
 * working folder. AS_E_INPUT names what was looked for. */
as_status as_plan_open(as_plan *out, const char *path_or_name, as_err *err);
void as_plan_clear(as_plan *plan);

/* Names of models and sets become file names: at most 80 letters, digits and . _ + -, no dot at the start, and
 * no "--", which parts model from set in cells/MODEL--SET.tsv. */
bool as_plan_is_name(const char *s);

/* A message or remark as a record keeps it: the plan's paths as it says them. Release with as_free. */
char *as_plan_portable(const as_plan *plan, const char *text, as_err *err);

/* The protocol of model m's probe: its own, else the benchmark's. */
const char *as_plan_protocol(const as_plan *plan, const as_plan_model *m);

/* How model m's features become answers, by what the plan says: "own head", "head in a file", "k-NN, k 20, T 0.07",
 * "probe, C 1", "probe, swav". Models with the same text are compared like for like. */
void as_plan_put_head(as_str *out, const as_plan *plan, const as_plan_model *m);

/* The training that gives model m its weights; NULL: they are a file. */
const as_plan_pretrain *as_plan_training_of(const as_plan *plan, const as_plan_model *m);

/* The options of a dataset as data/sets wants them; borrows from p. */
as_dataset_opts as_plan_dataset_opts(const as_plan_dataset *p);

/* k-NN as the model wants it; 0 where the plan says nothing, for as_knn_resolve. */
as_knn_opts as_plan_knn(const as_plan_model *m);

/* The training set of a model that needs one, else NULL. */
const as_plan_dataset *as_plan_train_set(const as_plan *plan, const as_plan_model *m);
/* The same of models[m], as its number; SIZE_MAX = none. */
size_t as_plan_train_index(const as_plan *plan, size_t m);

#endif
