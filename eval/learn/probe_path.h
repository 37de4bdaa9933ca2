/* Linear probes over a range of C: the one that is best on a held-out part of the training rows, fitted again
 * on all of them. */
#ifndef AS_EVAL_LEARN_PROBE_PATH_H
#define AS_EVAL_LEARN_PROBE_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "eval/learn/probe.h"
#include "tensor/base/status.h"

/* The path of "path", and the part that is held out unless another one is asked for. */
#define AS_PATH_DEFAULT "0.0001:100:13"
#define AS_HELD_OUT_DEFAULT "0.2"

typedef struct as_path_opts {
  double from, to; /* C, log-spaced, both included */
  int count;       /* at least 2; 0 = no path */
  double held_out; /* part of each class's rows; 0 = AS_HELD_OUT_DEFAULT */
  uint64_t seed;   /* of the split */
  int max_iter;    /* of each fit; 0 = as_probe_fit's */
  double tol;      /* of the last fit; 0 = as_probe_fit's. The fits on the way stop at 1e-4 of the loss */
  as_keep *keep;   /* begun, or NULL */
} as_path_opts;

typedef struct as_path_point {
  double c;
  int64_t correct;  /* top-1 on the held-out rows */
  double mean_loss; /* log loss on them */
  as_probe_result fit;
} as_path_point;

typedef struct as_path_result {
  as_path_point *point; /* [n], C increasing; owned */
  size_t n, best;
  size_t n_fit, n_held; /* rows of either part */
  as_probe_result fit;  /* of the best C on all rows */
} as_path_result;

/* "path" (AS_PATH_DEFAULT), "FROM:TO:N", or a number, which fills *c and leaves path->count 0.
 * AS_E_USAGE: anything else. */
as_status as_path_parse(const char *text, double *c, as_path_opts *path, as_err *err);

/* Split: of the r rows of a class, floor(r * held_out) are held out, at least one where r >= 2: those whose
 * as_rng_bits of (seed, stream "probe.held-out") at the row's index are lowest. Each fit starts at the one
 * before. Best: most right answers; of equals, the smallest C. rows, weight, bias as for as_probe_fit. AS_E_INPUT: no row can be held out. */
as_status as_path_fit(const as_labelled *rows, const as_path_opts *opts, float *weight, float *bias,
                      as_path_result *result, as_err *err);
void as_path_clear(as_path_result *r);

/* "of 13 from 0.0001 to 100 by 1600 held-out rows, seed 0" */
const char *as_path_text(const as_path_opts *opts, const as_path_result *r, char *buf, size_t size);

#endif
