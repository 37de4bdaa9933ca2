/* What the files of the linear probe share. A point, like a gradient, is [classes, d] weights and then [classes]
 * intercepts, in double; the intercepts belong to features less their mean. */
#ifndef AS_EVAL_LEARN_PROBE_INT_H
#define AS_EVAL_LEARN_PROBE_INT_H

#include <stddef.h>
#include <stdint.h>

#include "eval/learn/keep.h"
#include "eval/learn/labelled.h"
#include "tensor/base/file.h"
#include "tensor/base/status.h"

/* What is minimised: only rows that have a class. Borrowed by the evaluators. */
typedef struct as_probe_problem {
  const float *x;      /* [n, d], of row[i] where that is not NULL */
  const uint32_t *row; /* [n] or NULL: rows that have no class are passed over, not copied away */
  const int *y;        /* [n] in [0, k) */
  size_t n, d, k;
  double c;
  const float *mean; /* [d] of the columns, rounded to float: exactly this is subtracted */
} as_probe_problem;

static inline const float *as_probe_row(const as_probe_problem *p, size_t i) {
  return p->x + (p->row ? p->row[i] : i) * p->d;
}

/* Rows first .. first + count - 1 are the next ones to be worked on: where they lie in a file, the disk fetches them
 * while those before them are worked on. */
static inline void as_probe_expect(const as_probe_problem *p, size_t first, size_t count) {
  if (first >= p->n) return;
  const size_t last = p->n - first < count ? p->n - 1 : first + count - 1;
  const float *from = as_probe_row(p, first), *to = as_probe_row(p, last) + p->d;
  as_file_expect(from, (size_t)(to - from) * sizeof *from, AS_ACCESS_SOON);
}

/* --- probe_float.c: loss and gradient as fast as they come ------------------------------------------------ */

/* Logits and sums are float chains: good to some 1e-7 of the loss. */
typedef struct as_probe_float as_probe_float;
/* keep: bytes up to which centred and packed features are kept; changes no bit. AS_E_ENV. */
as_status as_probe_float_create(as_probe_float **out, const as_probe_problem *p, size_t keep, as_err *err);
void as_probe_float_destroy(as_probe_float **f);
double as_probe_float_memory(size_t n, size_t d, size_t k, size_t keep); /* bytes, at most; so below */
/* The loss at `point`; its gradient is written. */
double as_probe_float_value(as_probe_float *f, const double *point, double *grad);
/* How far the loss of the last value may be from that in exact arithmetic, as seen on real features. */
const double *as_probe_float_noise(const as_probe_float *f);
/* Second derivatives by the intercepts at the last value, [k]: sum of p (1 - p). */
const double *as_probe_float_bias_curve(const as_probe_float *f);
/* Probabilities at `point`, slab by slab of rows: p [rows, k], of rows first .. first + rows - 1. */
typedef void as_probe_rows_fn(void *ctx, size_t first, size_t rows, const float *p);
void as_probe_float_probabilities(as_probe_float *f, const double *point, as_probe_rows_fn *fn, void *ctx);
/* What is known of the last value, written or read; so below. */
void as_probe_float_keep(as_probe_float *f, as_keep *k);

/* --- probe_exact.c: the same in double, with a bound ------------------------------------------------------- */

typedef struct as_probe_exact as_probe_exact;
/* length: [n] |x - mean|^2 of each row, borrowed. */
as_status as_probe_exact_create(as_probe_exact **out, const as_probe_problem *p, const double *length,
                                as_err *err);
void as_probe_exact_destroy(as_probe_exact **e);
double as_probe_exact_memory(size_t n, size_t d, size_t k);
double as_probe_exact_value(as_probe_exact *e, const double *point, double *grad);
/* How far the loss is above its minimum, at most, at the point that as_probe_exact_value saw last; grad: what it wrote.
 * INFINITY where nothing can be said. */
double as_probe_exact_gap(as_probe_exact *e, const double *grad);
/* The loss alone. */
double as_probe_exact_loss(as_probe_exact *e, const double *point);
void as_probe_exact_keep(as_probe_exact *e, as_keep *k);

/* --- probe_curve.c: about the inverse of the second derivatives --------------------------------------------- */

typedef struct as_probe_curve as_probe_curve;
as_status as_probe_curve_create(as_probe_curve **out, const as_probe_problem *p, as_err *err);
void as_probe_curve_destroy(as_probe_curve **c);
double as_probe_curve_memory(size_t n, size_t d, size_t k);
/* At the start, where all classes are alike. `budget`: multiply-and-add steps that it may take; so below. AS_E_ENV:
 * out of memory. */
as_status as_probe_curve_begin(as_probe_curve *c, double budget, as_err *err);
/* At `point`, a matrix for every class; *cost gets the steps that it takes, its uses included. Where no such matrix
 * fits the budget, or the memory (AS_E_ENV), what was there before stands. */
as_status as_probe_curve_renew(as_probe_curve *c, as_probe_float *f, const double *point, double budget,
                               double *cost, as_err *err);
/* [n] |x - mean|^2 of each row. */
const double *as_probe_curve_squares(const as_probe_curve *c);
/* v: [k, d] and [k], replaced by the product with it. */
void as_probe_curve_apply(as_probe_curve *c, double *v);
/* Only which rows it is made of is kept: what is made of them is the same again. */
void as_probe_curve_keep(as_probe_curve *c, as_keep *k);

#endif
