/* Why is this number wrong? The classic causes, each as a hypothesis with its evidence: preprocessing
 * (filter, resize and crop, normalisation, BGR), the wrong twin of the weights (momentum, EMA, student),
 * the class order (folders 0, 1, 10 sorted as text, ids of the development kit, numbering from 1, any
 * consistent renumbering), an argmax over classes that the set does not have.
 *
 * Label hypotheses are tried on the recorded predictions of all images and cost nothing. Input hypotheses
 * run a few images of one set through the backbone again, one change at a time, and compare pair by pair:
 * accuracy (exact McNemar test) and the log-likelihood of the right class. */
#ifndef AS_EVAL_RUN_DOCTOR_H
#define AS_EVAL_RUN_DOCTOR_H

#include "eval/run/paths.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"
#include "tensor/base/watch.h"

typedef struct as_doctor_opts {
  int images;            /* per model for the input hypotheses; 0 = 100 */
  const char *model;     /* this one alone; NULL = all */
  const as_roots *roots; /* data that lies elsewhere than when the run was made; or NULL */
  const as_watch *watch;
} as_doctor_opts;

/* Examines the run whose folder (or record.json) is given; the plan's files must be in place. Appends
 * the findings; *causes counts the likely causes that were named. */
as_status as_doctor(const char *record, const as_doctor_opts *opts, as_str *out, size_t *causes, as_err *err);

#endif
