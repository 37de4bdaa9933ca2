/* Multinomial logistic regression on features that do not change.
 *
 *   F(W, b) = sum_i [log sum_c exp(z_ic) - z_i,y(i)] + |W|^2 / (2 C),   z = X W^T + b
 *
 * is scikit-learn's LogisticRegression(C), whose intercept is free. The search runs in b' = b + W mean(X),
 * which changes neither F nor the penalty, on features less their mean: what backbones put out behind a
 * ReLU is all positive, the steps along the mean would crawl, and the logits would lose digits to it.
 *
 * L-BFGS takes the steps (lbfgs.c), from a good guess at the second derivatives (probe_curve.c). It runs twice. First
 * on float sums (probe_float.c), which are fast, until the next step promises less than they can show. Then on double
 * ones (probe_exact.c), with everything that it has learned, until a bound says that F is within `tol` of its minimum.
 * How long the second run is depends on C: the bound is C / 2 times the square of the gradient, so that the larger C,
 * the more digits of the gradient are wanted; with C = 1 those of the first run nearly do.
 *
 * What is returned are floats. They are judged as they are: their loss in double, against the lower bound of the
 * minimum that the last point of the search has proved. */
#include "eval/learn/probe.h"

#include <math.h>
#include <string.h>

#include "eval/learn/lbfgs.h"
#include "eval/learn/probe_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum {
  MEMORY = 10,      /* steps that L-BFGS remembers */
  COLS = 128,       /* columns whose mean one thread takes */
  SLAB = 8192,      /* of so many rows at a time, so that a file is read once, in order */
  EXACT_COST = 8,   /* what a value in double costs, in those in float */
  FIRST_BUDGET = 24 /* what the first guess at the curvature may cost, likewise */
};

/* Where a run stands. */
typedef struct progress {
  enum { APPROACH, ROUGH, EXACT } stage;
  double at;                   /* C of the approach */
  int left;                    /* steps that it may still take, */
  int iterations, evaluations; /* and what it has taken */
  double spent, renewal; /* cost so far, in values in float; at which the curvature is looked at again */
  double budget;         /* what that may cost */
  as_lbfgs_result first; /* of the search in float, once that is over */
} progress;

struct as_probe {
  as_probe_problem problem;
  uint32_t *row; /* those that have a class, where some have none */
  int *label;
  float *mean;
  as_probe_float *rough;
  as_probe_exact *exact;
  as_probe_curve *curve;
  as_lbfgs *search;
  double spread; /* sum of |x - mean|^2 of the widest class */
  double length; /* the same of all rows */
  /* of a run: */
  progress now;
  double *point;
  as_keep *keep;
  int max_iter;
};

as_probe_opts as_probe_resolve(as_probe_opts opts) {
  if (opts.c == 0.0) opts.c = 1.0;
  if (opts.max_iter == 0) opts.max_iter = 1000;
  if (opts.tol == 0.0) opts.tol = 3e-7;
  return opts;
}

/* --- what the search asks for ------------------------------------------------------------------------------- */

static double rough_value(void *ctx, const double *point, double *grad) {
  as_probe *p = ctx;
  p->now.spent += 1.0;
  return as_probe_float_value(p->rough, point, grad);
}

/* The bound of probe_exact.c, with guesses for what it knows of the intercepts. */
static double rough_gap(void *ctx, const double *point, const double *grad) {
  (void)point;
  const as_probe *p = ctx;
  const size_t k = p->problem.k, numel = k * p->problem.d;
  const double *curve = as_probe_float_bias_curve(p->rough);
  double w = 0.0, b = 0.0;
  for (size_t i = 0; i < numel; i++) w += grad[i] * grad[i];
  for (size_t c = 0; c < k; c++)
    if (grad[numel + c] != 0.0) b += grad[numel + c] * grad[numel + c] / fmax(curve[c], 1e-300);
  double r = sqrt(w) + sqrt(b * p->spread);
  return 0.5 * p->problem.c * r * r + b;
}

static double exact_value(void *ctx, const double *point, double *grad) {
  as_probe *p = ctx;
  p->now.spent += EXACT_COST;
  return as_probe_exact_value(p->exact, point, grad);
}

static double exact_gap(void *ctx, const double *point, const double *grad) {
  (void)point;
  as_probe *p = ctx;
  return as_probe_exact_gap(p->exact, grad);
}

/* What a value in float costs, in the multiply-and-add steps of probe_curve.c. */
static double steps_of_value(const as_probe *p) {
  return 2.0 * (double)p->problem.n * (double)p->problem.d * (double)p->problem.k;
}

/* The guess is made anew after as much work as the last one took, or FIRST_BUDGET; each may take twice as much as the
 * one before. Where memory does not suffice for a new one, the old one goes on. */
static bool precondition(void *ctx, const double *point, double *v) {
  as_probe *p = ctx;
  progress *now = &p->now;
  bool anew = now->spent >= now->renewal;
  if (anew) {
    double cost;
    as_probe_curve_renew(p->curve, p->rough, point, now->budget * steps_of_value(p), &cost, NULL);
    now->renewal = now->spent + fmax(FIRST_BUDGET, cost / steps_of_value(p));
    now->budget *= 2.0;
  }
  as_probe_curve_apply(p->curve, v);
  return anew;
}

static bool may_leave(void *ctx, int steps) {
  as_probe *p = ctx;
  const progress *now = &p->now;
  const int before = now->stage == EXACT ? now->first.iterations : now->iterations;
  return as_keep_pause(p->keep, "steps of L-BFGS at most", (size_t)(before + steps), (size_t)p->max_iter);
}

/* All that a run has found out. */
static void keep_run(void *ctx, as_keep *k) {
  as_probe *p = ctx;
  as_keep_block(k, &p->now, sizeof p->now);
  as_keep_block(k, p->point, p->problem.k * (p->problem.d + 1) * sizeof *p->point);
  as_lbfgs_keep(p->search, k);
  as_probe_float_keep(p->rough, k);
  if (p->now.stage == EXACT) as_probe_exact_keep(p->exact, k);
  as_probe_curve_keep(p->curve, k);
}

/* --- a run ---------------------------------------------------------------------------------------------------- */

/* The start as a point. A part that is common to all classes is taken away: it changes no loss, and the search cannot
 * (probe_curve.c). */
static void set_start(const as_probe *p, const as_probe_opts *o, double *point) {
  const size_t k = p->problem.k, d = p->problem.d;
  memset(point, 0, (k * d + k) * sizeof *point);
  if (!o->start_weight) return;
  for (size_t c = 0; c < k; c++) {
    double shift = 0.0;
    for (size_t j = 0; j < d; j++) {
      point[c * d + j] = (double)o->start_weight[c * d + j];
      shift += point[c * d + j] * (double)p->mean[j];
    }
    point[k * d + c] = (double)o->start_bias[c] + shift;
  }
  for (size_t j = 0; j <= d; j++) {
    double *at = j < d ? point + j : point + k * d, sum = 0.0;
    size_t step = j < d ? d : 1;
    for (size_t c = 0; c < k; c++) sum += at[c * step];
    for (size_t c = 0; c < k; c++) at[c * step] -= sum / (double)k;
  }
}

/* The point rounded to a head, and `point` set to exactly that head. */
static void round_head(const as_probe *p, double *point, float *weight, float *bias) {
  const size_t k = p->problem.k, d = p->problem.d;
  for (size_t c = 0; c < k; c++) {
    double shift = 0.0;
    for (size_t j = 0; j < d; j++) {
      weight[c * d + j] = (float)point[c * d + j];
      point[c * d + j] = (double)weight[c * d + j];
      shift += point[c * d + j] * (double)p->mean[j];
    }
    bias[c] = (float)(point[k * d + c] - shift);
    point[k * d + c] = (double)bias[c] + shift;
  }
}

/* The run on float sums. Where classes come apart easily and C is large, the second derivatives at the start say little
 * about those at the minimum, and the first steps lead astray: most rows are then sure, and many of them wrong. So
 * such a C is approached by decades, each solved to a percent, from where C times the length of a row is 10; the
 * approach ends where the loss stays near that of a guess. */
static void run_rough(as_probe *p, double c, const as_lbfgs_function *rough, const as_lbfgs_opts *o,
                      as_lbfgs_result *r) {
  const as_probe_problem *q = &p->problem;
  const double guess = (double)q->n * as_log((double)q->k);
  progress *now = &p->now;
  as_lbfgs_opts loose = *o;
  loose.close_tol = 1e-2;
  while (now->stage == APPROACH && now->at < c / 3.0 && o->target == -INFINITY) {
    p->problem.c = now->at;
    loose.max_iter = now->left;
    as_lbfgs_run(p->search, p->point, rough, &loose, r);
    if (r->stop == AS_LBFGS_LEFT) return;
    now->iterations += r->iterations;
    now->evaluations += r->evaluations;
    now->left -= r->iterations;
    now->at *= 10.0;
    if (r->f > 0.4 * guess || r->stop == AS_LBFGS_BROKEN || r->stop == AS_LBFGS_LIMIT) break;
  }
  now->stage = ROUGH;
  p->problem.c = c;
  loose.max_iter = now->left;
  loose.close_tol = o->close_tol;
  as_lbfgs_run(p->search, p->point, rough, &loose, r);
  r->iterations += now->iterations;
  r->evaluations += now->evaluations;
}

/* From p->point on, or from where a run that was stopped stood. */
static as_status search_minimum(as_probe *p, const as_probe_opts *o, as_lbfgs_result *last, as_err *err) {
  const as_lbfgs_function rough = {
      p, rough_value, rough_gap, precondition, as_probe_float_noise(p->rough), may_leave};
  const as_lbfgs_function exact = {p, exact_value, exact_gap, precondition, NULL, may_leave};
  as_lbfgs_opts lo = {.max_iter = o->max_iter,
                      .gap_tol = 0.3 * o->tol, /* some room: so that one value in double will do */
                      .close_tol = 1e-10,
                      .flat_tol = 1e-8,
                      .target = o->target > 0.0 ? o->target : -INFINITY};
  progress *now = &p->now;
  as_lbfgs_result *first = &now->first;
  bool found;
  as_status s = as_keep_enter(p->keep, keep_run, p, &found, err);
  if (s != AS_OK) return s;
  if (!found) s = as_probe_curve_begin(p->curve, FIRST_BUDGET * steps_of_value(p), err);
  if (s == AS_OK && now->stage != EXACT) run_rough(p, o->c, &rough, &lo, first);
  lo.max_iter -= first->iterations;
  lo.gap_tol = o->tol;
  lo.close_tol = 0.0;
  lo.flat_tol = 1e-13;
  *last = *first;
  if (s == AS_OK && first->stop != AS_LBFGS_BROKEN && first->stop != AS_LBFGS_TARGET &&
      first->stop != AS_LBFGS_LEFT) {
    now->stage = EXACT;
    as_lbfgs_run(p->search, p->point, &exact, &lo, last);
  }
  as_keep_leave(p->keep);
  if (s == AS_OK && last->stop == AS_LBFGS_LEFT) s = as_keep_left(p->keep, err);
  if (s == AS_OK && last->stop == AS_LBFGS_BROKEN)
    s = as_fail(err, AS_E_INPUT, "probe: the loss is not finite (features up to huge values?)");
  return s;
}

as_status as_probe_run(as_probe *p, const as_probe_opts *opts, float *weight, float *bias,
                       as_probe_result *result, as_err *err) {
  const as_probe_opts o = as_probe_resolve(*opts);
  const size_t numel = p->problem.k * (p->problem.d + 1);
  as_lbfgs_result last;
  memset(result, 0, sizeof *result);
  if (!(o.c > 0.0 && o.c < INFINITY && o.tol > 0.0 && o.max_iter > 0))
    return as_fail(err, AS_E_USAGE, "probe: found C = %g, tol = %g, %d steps, wanted positive numbers", o.c,
                   o.tol, o.max_iter);
  memset(&p->now, 0, sizeof p->now);
  p->now.at = 10.0 * (double)p->problem.n / p->length;
  p->now.left = p->max_iter = o.max_iter;
  p->now.renewal = p->now.budget = FIRST_BUDGET;
  p->problem.c = o.c;
  p->keep = o.keep;
  p->point = as_alloc(numel, sizeof *p->point, err);
  as_status s = p->point ? as_lbfgs_create(&p->search, numel, MEMORY, err) : AS_E_ENV;
  if (s == AS_OK) set_start(p, &o, p->point);
  if (s == AS_OK) s = search_minimum(p, &o, &last, err);
  if (s == AS_OK) {
    const as_lbfgs_result *first = &p->now.first;
    bool exact = first->stop != AS_LBFGS_TARGET;
    double lowest = last.f - last.gap; /* no point has a loss below this */
    round_head(p, p->point, weight, bias);
    result->loss = exact ? as_probe_exact_loss(p->exact, p->point) : last.f;
    result->bound = exact && lowest > 0.0 ? (result->loss - lowest) / lowest : INFINITY;
    result->converged = result->bound <= o.tol;
    result->gradient = last.max_gradient / (double)p->problem.n;
    result->iterations = first->iterations + (exact ? last.iterations : 0);
    result->evaluations = first->evaluations;
    result->exact = exact ? last.evaluations : 0;
  }
  as_lbfgs_destroy(&p->search);
  as_free(p->point);
  p->point = NULL;
  return s;
}

/* --- set-up --------------------------------------------------------------------------------------------------- */

/* Sums of the columns of a strip over a slab of rows, in double in row order. */
typedef struct mean_job {
  const as_probe_problem *p;
  double *sum; /* [d] */
  size_t first, rows;
} mean_job;

static void sum_columns(void *ctx, size_t strip, int worker) {
  (void)worker;
  const mean_job *j = ctx;
  size_t col = strip * COLS, end = col + COLS < j->p->d ? col + COLS : j->p->d;
  for (size_t i = j->first; i < j->first + j->rows; i++) {
    const float *x = as_probe_row(j->p, i);
    for (size_t c = col; c < end; c++) j->sum[c] += (double)x[c];
  }
}

/* Rounded once. */
static as_status find_mean(as_probe *p, as_err *err) {
  const as_probe_problem *q = &p->problem;
  mean_job j = {.p = q, .sum = as_calloc(q->d, sizeof *j.sum, err)};
  p->mean = as_alloc(q->d, sizeof *p->mean, err);
  if (!j.sum || !p->mean) {
    as_free(j.sum);
    return AS_E_ENV;
  }
  for (; j.first < q->n; j.first += SLAB) {
    j.rows = q->n - j.first < SLAB ? q->n - j.first : SLAB;
    as_probe_expect(q, j.first + j.rows, SLAB);
    as_par_for((q->d + COLS - 1) / COLS, sum_columns, &j);
  }
  for (size_t c = 0; c < q->d; c++) p->mean[c] = (float)(j.sum[c] / (double)q->n);
  as_free(j.sum);
  return AS_OK;
}

/* Rows that have a class; every class must have one. */
static as_status take_labelled(as_probe *p, const as_labelled *rows, as_err *err) {
  as_probe_problem *q = &p->problem;
  p->label = as_alloc(rows->n ? rows->n : 1, sizeof *p->label, err);
  size_t *of_class = as_calloc(rows->classes, sizeof *of_class, err);
  as_status s = p->label && of_class ? AS_OK : AS_E_ENV;
  for (size_t i = 0; i < rows->n && s == AS_OK; i++) {
    if (rows->y[i] < 0) continue;
    if ((size_t)rows->y[i] >= rows->classes) {
      s = as_fail(err, AS_E_USAGE, "probe: row %zu has class %d, wanted less than %zu", i, rows->y[i],
                  rows->classes);
      break;
    }
    of_class[rows->y[i]]++;
    p->label[q->n++] = rows->y[i];
  }
  if (s == AS_OK && q->n < 1) s = as_fail(err, AS_E_INPUT, "probe: found no row with a class");
  for (size_t c = 0; c < rows->classes && s == AS_OK; c++)
    if (of_class[c] == 0)
      s = as_fail(err, AS_E_INPUT, "probe: found no row of class %zu, wanted one of each of %zu", c,
                  rows->classes);
  as_free(of_class);
  q->x = rows->x;
  if (s != AS_OK || q->n == rows->n) return s;
  q->row = p->row = as_alloc(q->n, sizeof *p->row, err);
  if (!p->row) return AS_E_ENV;
  for (size_t i = 0, at = 0; i < rows->n; i++)
    if (rows->y[i] >= 0) p->row[at++] = (uint32_t)i;
  return AS_OK;
}

static as_status find_spread(as_probe *p, as_err *err) {
  const as_probe_problem *q = &p->problem;
  const double *square = as_probe_curve_squares(p->curve);
  double *sum = as_calloc(q->k, sizeof *sum, err);
  if (!sum) return AS_E_ENV;
  for (size_t i = 0; i < q->n; i++) {
    sum[q->y[i]] += square[i];
    p->length += square[i];
  }
  for (size_t c = 0; c < q->k; c++) p->spread = fmax(p->spread, sum[c]);
  as_free(sum);
  return AS_OK;
}

/* Bytes that a fit of n rows takes at most, beside the rows. */
static double memory_of(size_t n, size_t d, size_t classes, size_t keep) {
  const double rows = (double)n, numel = (double)classes * ((double)d + 1.0);
  return (2.0 * MEMORY + 5.0) * sizeof(double) * numel + rows * (sizeof(uint32_t) + sizeof(int)) +
         as_probe_float_memory(n, d, classes, keep) + as_probe_exact_memory(n, d, classes) +
         as_probe_curve_memory(n, d, classes);
}

as_status as_probe_open(as_probe **out, const as_labelled *rows, size_t keep, as_err *err) {
  size_t params;
  *out = NULL;
  if (rows->classes < 2 || rows->d < 1)
    return as_fail(err, AS_E_USAGE, "probe: found %zu classes and %zu features, wanted at least 2 and 1",
                   rows->classes, rows->d);
  if (!as_mul_size(rows->classes, rows->d + 1, &params) || rows->classes > INT32_MAX || rows->n > UINT32_MAX)
    return as_fail(err, AS_E_ENV, "probe: %zu rows and %zu classes of %zu features do not fit into memory",
                   rows->n, rows->classes, rows->d);
  if (!keep) keep = (size_t)1 << 30;
  const double need = memory_of(rows->n, rows->d, rows->classes, keep), spare = as_mem_spare();
  if (need > spare)
    return as_fail(
        err, AS_E_ENV,
        "probe: %zu rows of %zu features in %zu classes take up to %.2f GB of memory; %.2f GB are free",
        rows->n, rows->d, rows->classes, need / 1e9, spare / 1e9);
  as_probe *p = *out = as_calloc(1, sizeof *p, err);
  if (!p) return AS_E_ENV;
  as_probe_problem *q = &p->problem;
  q->d = rows->d;
  q->k = rows->classes;
  as_status s = take_labelled(p, rows, err);
  if (s == AS_OK) s = find_mean(p, err);
  if (s == AS_OK) {
    q->y = p->label;
    q->mean = p->mean;
    s = as_probe_float_create(&p->rough, q, keep, err);
  }
  if (s == AS_OK) s = as_probe_curve_create(&p->curve, q, err);
  if (s == AS_OK) s = as_probe_exact_create(&p->exact, q, as_probe_curve_squares(p->curve), err);
  if (s == AS_OK) s = find_spread(p, err);
  if (s != AS_OK) as_probe_close(out);
  return s;
}

void as_probe_close(as_probe **out) {
  as_probe *p = *out;
  if (!p) return;
  as_probe_float_destroy(&p->rough);
  as_probe_exact_destroy(&p->exact);
  as_probe_curve_destroy(&p->curve);
  as_free(p->row);
  as_free(p->label);
  as_free(p->mean);
  as_free(p);
  *out = NULL;
}

as_status as_probe_fit(const as_labelled *rows, const as_probe_opts *opts, float *weight, float *bias,
                       as_probe_result *result, as_err *err) {
  as_probe *p;
  memset(result, 0, sizeof *result);
  as_status s = as_probe_open(&p, rows, 0, err);
  if (s == AS_OK) s = as_probe_run(p, opts, weight, bias, result, err);
  as_probe_close(&p);
  return s;
}
