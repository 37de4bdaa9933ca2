/* What the parts of the doctor share. Private to eval/. */
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

/* One image of a cell's table, with one right label. */
typedef struct as_doc_image {
  char *name; /* owned */
  int label, top1;
} as_doc_image;

typedef struct as_doc_cell {
  as_doc_image *image;
  size_t n, cap;
  bool several; /* ReaL: label sets; no label hypothesis is tried */
} as_doc_cell;

/* MODEL--SET.tsv of a run. */
as_status as_doc_read(as_doc_cell *c, const char *path, as_err *err);
void as_doc_clear(as_doc_cell *c);

typedef struct as_doc_ctx {
  const as_doctor_opts *opts;
  as_str *out;
  size_t *causes;
} as_doc_ctx;

/* "LIKELY CAUSE ..." */
void as_doc_cause(as_doc_ctx *d, const char *fmt, ...) AS_PRINTF(2, 3);
/* "    what   12.0 % (12 of 100, 95 % interval 7.0 to 19.8)" */
void as_doc_rate(as_doc_ctx *d, const char *what, int64_t right, int64_t n, const char *more);

/* doctor_labels.c: renumberings of the labels, on the recorded predictions. */
as_status as_doc_labels(as_doc_ctx *d, const as_doc_cell *c, const as_dataset *ds, as_err *err);

/* doctor_input.c: counter-tests on a few images; `preset` is the recorded one. */
as_status as_doc_input(as_doc_ctx *d, const as_plan *plan, size_t model, const char *preset,
                       const as_doc_cell *c, as_dataset *ds, as_err *err);
/* The argmax over the classes that have images, where none was asked for. */
as_status as_doc_mask(as_doc_ctx *d, const as_plan *plan, size_t model, const char *preset,
                      const as_doc_cell *c, as_dataset *ds, as_err *err);

#endif
