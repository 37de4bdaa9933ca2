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
  EXACT_COST = 8,   /* what a value in double costs, in those in float */
  FIRST_BUDGET = 24 /* what the first guess at the curvature may cost, likewise */
};

struct as_probe {
  as_probe_problem problem;
  float *rows; /* a copy of those that have a class, where some have none */
  int *label;
  float *mean;
  as_probe_float *rough;
  as_probe_exact *exact;
  as_probe_curve *curve;
  as_lbfgs *search;
  double spread;         /* sum of |x - mean|^2 of the widest class */
  double length;         /* the same of all rows */
  double spent, renewal; /* cost so far, in values in float; at which the curvature is looked at again */
  double budget;         /* what that may cost */
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
  p->spent += 1.0;
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
  p->spent += EXACT_COST;
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
  bool anew = p->spent >= p->renewal;
  if (anew) {
    double cost;
    as_probe_curve_renew(p->curve, p->rough, point, p->budget * steps_of_value(p), &cost, NULL);
    p->renewal = p->spent + fmax(FIRST_BUDGET, cost / steps_of_value(p));
    p->budget *= 2.0;
  }
  as_probe_curve_apply(p->curve, v);
  return anew;
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
static void run_rough(as_probe *p, double c, double *point, const as_lbfgs_function *rough,
                      const as_lbfgs_opts *o, as_lbfgs_result *r) {
  const as_probe_problem *q = &p->problem;
  const double guess = (double)q->n * as_log((double)q->k);
  as_lbfgs_opts loose = *o;
  int iterations = 0, evaluations = 0;
  loose.close_tol = 1e-2;
  for (double at = 10.0 * (double)q->n / p->length; at < c / 3.0 && o->target == -INFINITY; at *= 10.0) {
    p->problem.c = at;
    as_lbfgs_run(p->search, point, rough, &loose, r);
    iterations += r->iterations;
    evaluations += r->evaluations;
    loose.max_iter -= r->iterations;
    if (r->f > 0.4 * guess || r->stop == AS_LBFGS_BROKEN || r->stop == AS_LBFGS_LIMIT) break;
  }
  p->problem.c = c;
  loose.close_tol = o->close_tol;
  as_lbfgs_run(p->search, point, rough, &loose, r);
  r->iterations += iterations;
  r->evaluations += evaluations;
}

static as_status search_minimum(as_probe *p, const as_probe_opts *o, double *point, as_lbfgs_result *first,
                                as_lbfgs_result *last, as_err *err) {
  const as_lbfgs_function rough = {p, rough_value, rough_gap, precondition, as_probe_float_noise(p->rough)};
  const as_lbfgs_function exact = {p, exact_value, exact_gap, precondition, NULL};
  as_lbfgs_opts lo = {.max_iter = o->max_iter,
                      .gap_tol = 0.3 * o->tol, /* some room: so that one value in double will do */
                      .close_tol = 1e-10,
                      .flat_tol = 1e-8,
                      .target = o->target > 0.0 ? o->target : -INFINITY};
  p->spent = 0.0;
  p->renewal = p->budget = FIRST_BUDGET;
  as_status s = as_probe_curve_begin(p->curve, FIRST_BUDGET * steps_of_value(p), err);
  if (s == AS_OK) s = as_lbfgs_create(&p->search, p->problem.k * (p->problem.d + 1), MEMORY, err);
  if (s != AS_OK) return s;
  run_rough(p, o->c, point, &rough, &lo, first);
  lo.max_iter -= first->iterations;
  lo.gap_tol = o->tol;
  lo.close_tol = 0.0;
  lo.flat_tol = 1e-13;
  if (first->stop != AS_LBFGS_BROKEN && first->stop != AS_LBFGS_TARGET)
    as_lbfgs_run(p->search, point, &exact, &lo, last);
  else
    *last = *first;
  as_lbfgs_destroy(&p->search);
  if (first->stop == AS_LBFGS_BROKEN || last->stop == AS_LBFGS_BROKEN)
    return as_fail(err, AS_E_INPUT, "probe: the loss is not finite (features up to huge values?)");
  return AS_OK;
}

as_status as_probe_run(as_probe *p, const as_probe_opts *opts, float *weight, float *bias,
                       as_probe_result *result, as_err *err) {
  const as_probe_opts o = as_probe_resolve(*opts);
  as_lbfgs_result first, last;
  memset(result, 0, sizeof *result);
  if (!(o.c > 0.0 && o.c < INFINITY && o.tol > 0.0 && o.max_iter > 0))
    return as_fail(err, AS_E_USAGE, "probe: found C = %g, tol = %g, %d steps, wanted positive numbers", o.c,
                   o.tol, o.max_iter);
  double *point = as_alloc(p->problem.k * (p->problem.d + 1), sizeof *point, err);
  if (!point) return AS_E_ENV;
  p->problem.c = o.c;
  set_start(p, &o, point);
  as_status s = search_minimum(p, &o, point, &first, &last, err);
  if (s == AS_OK) {
    bool exact = first.stop != AS_LBFGS_TARGET;
    double lowest = last.f - last.gap; /* no point has a loss below this */
    round_head(p, point, weight, bias);
    result->loss = exact ? as_probe_exact_loss(p->exact, point) : last.f;
    result->bound = exact && lowest > 0.0 ? (result->loss - lowest) / lowest : INFINITY;
    result->converged = result->bound <= o.tol;
    result->gradient = last.max_gradient / (double)p->problem.n;
    result->iterations = first.iterations + (exact ? last.iterations : 0);
    result->evaluations = first.evaluations;
    result->exact = exact ? last.evaluations : 0;
  }
  as_free(point);
  return s;
}

/* --- set-up --------------------------------------------------------------------------------------------------- */

/* Column means of one strip, in double in row order, rounded once. */
static void mean_columns(void *ctx, size_t strip, int worker) {
  (void)worker;
  as_probe *p = ctx;
  const as_probe_problem *q = &p->problem;
  size_t col = strip * COLS, end = col + COLS < q->d ? col + COLS : q->d;
  double sum[COLS] = {0};
  for (size_t i = 0; i < q->n; i++)
    for (size_t j = col; j < end; j++) sum[j - col] += (double)q->x[i * q->d + j];
  for (size_t j = col; j < end; j++) p->mean[j] = (float)(sum[j - col] / (double)q->n);
}

/* Rows that have a class, together; every class must have one. */
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
  p->rows = as_alloc(q->n, rows->d * sizeof(float), err);
  if (!p->rows) return AS_E_ENV;
  for (size_t i = 0, at = 0; i < rows->n; i++)
    if (rows->y[i] >= 0) memcpy(p->rows + at++ * rows->d, rows->x + i * rows->d, rows->d * sizeof(float));
  q->x = p->rows;
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

as_status as_probe_open(as_probe **out, const as_labelled *rows, size_t keep, as_err *err) {
  const size_t one_gib = (size_t)1 << 30;
  size_t params;
  *out = NULL;
  if (rows->classes < 2 || rows->d < 1)
    return as_fail(err, AS_E_USAGE, "probe: found %zu classes and %zu features, wanted at least 2 and 1",
                   rows->classes, rows->d);
  if (!as_mul_size(rows->classes, rows->d + 1, &params) || rows->classes > INT32_MAX || rows->n > UINT32_MAX)
    return as_fail(err, AS_E_ENV, "probe: %zu rows and %zu classes of %zu features do not fit into memory",
                   rows->n, rows->classes, rows->d);
  as_probe *p = *out = as_calloc(1, sizeof *p, err);
  if (!p) return AS_E_ENV;
  as_probe_problem *q = &p->problem;
  q->d = rows->d;
  q->k = rows->classes;
  as_status s = take_labelled(p, rows, err);
  if (s == AS_OK && !(p->mean = as_alloc(q->d, sizeof *p->mean, err))) s = AS_E_ENV;
  if (s == AS_OK) {
    q->y = p->label;
    q->mean = p->mean;
    as_par_for((q->d + COLS - 1) / COLS, mean_columns, p);
    s = as_probe_float_create(&p->rough, q, keep ? keep : one_gib, err);
  }
  if (s == AS_OK) s = as_probe_exact_create(&p->exact, q, err);
  if (s == AS_OK) s = as_probe_curve_create(&p->curve, q, err);
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
  as_free(p->rows);
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
