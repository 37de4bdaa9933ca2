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

/* Of a run of the backbone. */
typedef struct as_rate {
  char key[65];
  as_spent image;
} as_rate;

typedef struct as_check {
  as_inputs in;
  as_check_line *line; /* [n] in the order of finding; owned */
  size_t n, cap;
  as_check_model *model;      /* [plan->n_models] owned */
  as_training_cost *training; /* [plan->n_pretrain] owned; title NULL: not known */
  char (*counted)[65];        /* [n_counted] runs of the backbone that the estimate has; owned */
  size_t n_counted, cap_counted;
  double seconds, disk, memory; /* what the whole takes */
  as_run_cost cost;             /* with opts->tasks */
  as_rate *rate;                /* [n_rates] that were measured; owned */
  size_t n_rates, cap_rates;
  size_t problems;
  as_status status; /* of the first problem */
  as_err first;
} as_check;

/* ---- rates, measured: run_cost.c, run_cost_end.c ---------------------------------------------------------------------- */

as_spent as_spent_now(void);
/* sum += times (b - a) */
void as_spent_add(as_spent *sum, double times, as_spent a, as_spent b);
/* Seconds per image of the set: its bytes hashed, and with `pixels` decoded and hashed, too. */
as_status as_cost_print(as_spent *image, const as_dataset *ds, bool pixels, as_err *err);
/* Seconds per image of a group of model m, which is open, as a run goes through it. */
as_status as_cost_rows(as_check *c, as_spent *image, size_t m, as_open_model *o, const as_run_group *g,
                       as_err *err);
/* Seconds for the head of model m; crop: of one image of its training set through the backbone. */
as_status as_cost_head(as_check *c, as_spent *whole, size_t m, const as_open_model *o, as_spent crop,
                       as_err *err);
/* Seconds for the statistics and the pages of the results, and for `files` small files in the folder of the run. */
as_status as_cost_ending(as_spent *whole, const as_inputs *in, size_t files, as_err *err);
/* The most memory that this process had so far. */
double as_cost_peak(void);

void as_check_write(const as_check *c, as_check_form form, as_str *out);

#endif
