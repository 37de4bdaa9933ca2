/* record.json, schema assay.record/1: everything that is needed to trace and to re-make the numbers. It
 * holds no time, no date and no place, so that the same run gives the same bytes: paths are as the plan says them,
 * relative to its folder, and where that lies is told by place.json beside the record (rec.h). */
#ifndef AS_EVAL_RUN_RECORD_H
#define AS_EVAL_RUN_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/run/plan.h"
#include "eval/stats/results.h"
#include "tensor/base/json.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"

/* The program and the machine. */
typedef struct as_build_info {
  const char *version, *commit, *compiler;
} as_build_info;

/* What was in force for one model and for one dataset; texts owned. */
typedef struct as_model_record {
  char *weights_sha256, *container, *recipe, *arch, *preset, *assumed, *head, *head_sha256;
  char *method, *family, *train_seed,
      *training;          /* of a checkpoint of assay pretrain: its words; NULL otherwise */
  char *head_file_sha256; /* NULL unless the head is a file */
  char recipe_sha256[65]; /* "" unless the recipe is a file */
  char recipe_digest
      [65]; /* of what the recipe does: a name does not tell an edited file, nor which of two networks */
  char head_key[65];    /* what the head depends on; "" = not known */
  as_probe_facts probe; /* of a head that was fitted by L-BFGS; its `train` is borrowed from the plan */
  char *why;            /* it could not be run: why; NULL otherwise */
  size_t used, renamed, dropped;
  size_t embed_dim;
  double gflop;
} as_model_record;

typedef struct as_dataset_record {
  char *task;
  char images_sha256[65], labels_sha256[65];
  char labels_file[65], real_file[65], classes_file[65], subset_file[65]; /* SHA-256; "" unless a file */
  size_t images, classes;
  uint8_t *
      common; /* [classes] those over which its models are compared, which know different ones; owned, or NULL */
  size_t n_common;
  char common_sha256[65]; /* of their names, by as_candidates_of */
  char *why;              /* it could not be opened: why; owned, or NULL */
} as_dataset_record;

/* What a cell's counts do not tell. */
typedef struct as_cell_origin {
  const char *key;      /* what it depends on, 64 hex digits, or NULL */
  const char *forgiven; /* a sentence: images are damaged and were used (lenient); or NULL */
  const char
      *assumed;   /* what the model's file could not tell, where no record of the model says it; or NULL */
  size_t classes; /* of the set; 0 = unknown, then all of them count as able to win */
} as_cell_origin;

/* A file that a record vouches for. */
typedef struct as_run_file {
  char *name; /* in the run's folder: "cells/a--val.tsv"; owned */
  char sha256[65];
} as_run_file;

typedef struct as_record {
  const as_plan *plan;
  const as_build_info *build;
  const as_model_record *models;     /* [plan->n_models] */
  const as_dataset_record *datasets; /* [plan->n_datasets] */
  const as_results *results;         /* sets are the scored datasets of the plan, in order */
  const as_cell_origin *origin;      /* [models * sets] */
  const as_run_file *files;          /* [n_files] */
  size_t n_files;
  bool lenient, partial;
  bool no_images; /* the page has none */
  uint64_t seed;  /* of the statistics in tables and page */
  int resamples;  /* likewise; 0 = the default */
} as_record;

/* The record's last member: the SHA-256 of all bytes before the line that it is on. */
#define AS_RECORD_SEAL "record_sha256"

as_status as_record_json(as_str *out, const as_record *r, as_err *err);

/* The corruptions of ImageNet-C with AlexNet's errors, in the order in which cells hold them. */
as_status as_record_corruptions(as_results *res, as_err *err);

/* Members of an open object: the plan. */
void as_record_plan(as_jsonw *w, const as_plan *plan);
/* One cell as a JSON object on the open writer: model, dataset, the counts, fractions, 95 % interval
 * and hashes; why where it is absent. origin may be NULL. */
void as_record_cell(as_jsonw *w, const char *model, const char *dataset, const as_cell *c,
                    const as_cell_origin *origin);
/* Members of an open object: a head in one line, its hash, and how its fit ended where facts are known. */
void as_record_head(as_jsonw *w, const char *head, const char *sha256, const as_probe_facts *facts);

/* The record in a few plain lines, for the last section of the report: the same on every machine. */
void as_record_summary(as_str *out, const as_record *r);

void as_model_record_clear(as_model_record *m);
void as_dataset_record_clear(as_dataset_record *d);

#endif
