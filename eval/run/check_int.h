/* What --check finds (run_check.c) and how it is shown (check_out.c). */
#ifndef AS_EVAL_RUN_CHECK_INT_H
#define AS_EVAL_RUN_CHECK_INT_H

#include "eval/run/run_int.h"

typedef enum as_check_kind {
  AS_CHECK_SET,      /* a set that opens */
  AS_CHECK_MODEL,    /* a model that opens */
  AS_CHECK_TRAINING, /* a training: done, or what it takes */
  AS_CHECK_NOTE,     /* about the one before */
  AS_CHECK_WARNING,  /* the run would work, and its numbers would not mean what they seem to */
  AS_CHECK_PROBLEM,  /* the run would not work */
  AS_CHECK_MISSING   /* a file that is not there; text: where it is published, or "" */
} as_check_kind;

typedef struct as_check_line {
  as_check_kind kind;
  char about[96];   /* name of the set or model */
  char *text;       /* owned */
  const char *path; /* MISSING: as the plan says it; borrowed */
  const char *hash; /* MISSING: "sha256:..." of the plan, or NULL; borrowed */
} as_check_line;

/* What a model takes. */
typedef struct as_check_model {
  bool open;
  size_t sets, runs, images;
  size_t fresh; /* of the images: those that no model before it runs anyway */
  double gflop, seconds;
} as_check_model;

typedef struct as_check {
  as_inputs in;
  as_check_line *line; /* [n] in the order of finding; owned */
  size_t n, cap;
  as_check_model *model;      /* [plan->n_models] owned */
  as_training_cost *training; /* [plan->n_pretrain] owned; title NULL: not known */
  char (*counted)[65];        /* [n_counted] runs of the backbone that the estimate has; owned */
  size_t n_counted, cap_counted;
  double seconds, disk, memory; /* what the whole takes */
  size_t problems;
  as_status status; /* of the first problem */
  as_err first;
} as_check;

void as_check_write(const as_check *c, as_check_form form, as_str *out);

#endif
