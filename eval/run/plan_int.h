/* What the three files that read a plan share: plan.c (lines and sections), plan_keys.c (one key's value) and
 * plan_check.c (the whole). */
#ifndef AS_EVAL_RUN_PLAN_INT_H
#define AS_EVAL_RUN_PLAN_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/run/plan.h"
#include "tensor/base/status.h"

/* Weights that are the checkpoint of a training: "pretrain:NAME". */
#define AS_PLAN_TRAINED "pretrain:"

typedef enum as_plan_section {
  AS_PLAN_NO_SECTION,
  AS_PLAN_BENCHMARK,
  AS_PLAN_DATASET,
  AS_PLAN_MODEL,
  AS_PLAN_PRETRAIN
} as_plan_section;

typedef struct as_plan_reader {
  as_plan *plan;
  as_plan_section section;
  size_t cap_datasets, cap_models, cap_pretrain;
  int line;      /* that messages name */
  unsigned seen; /* keys of this section so far, a bit each */
  bool seen_benchmark;
  const as_roots *roots; /* or NULL */
  as_err *err;
} as_plan_reader;

/* "PLAN:LINE: ..." as AS_E_INPUT. */
as_status as_plan_fail(const as_plan_reader *r, const char *fmt, ...) AS_PRINTF(2, 3);

/* Sets the key of the section at hand; `value` is cut in place. */
as_status as_plan_set_key(as_plan_reader *r, const char *key, char *value);
/* A path as the plan means it: relative to its folder. */
as_status as_plan_put_path(const as_plan_reader *r, as_plan_path *path, const char *value);
/* Releases the texts that the keys of a section have set. */
void as_plan_free_keys(as_plan_section which, void *section);

/* What can only be judged when the whole file is read; fills in what follows from the rest. */
as_status as_plan_check(as_plan_reader *r);

#endif
