/* The step. With s_i and y_i the last steps and what they changed in the gradient, the inverse Hessian is taken to be
 *
 *   H = V_m^T ... V_1^T  H0  V_1 ... V_m  +  terms in s_i s_i^T,     V_i = 1 - y_i s_i^T / (y_i . s_i),
 *
 * the matrix nearest to H0 that maps every y_i to its s_i. It is never formed: `direction` multiplies the gradient
 * by it from the outside in and back again, two products with every stored vector. H0 is gamma P. Where P is 1,
 * gamma = s . y / y . y of the newest pair, which makes H0 right along y (7.20). Where the caller knows a P, it is near
 * H at first and gamma is 1 (a half, where the last one was in doubt); as P ages, gamma follows what the steps find: the slope was expected to go to 0 over a full
 * step, and where a part r of it is left, curvatures have become 1 - r of what they were.
 *
 * The length. `line_search` looks for t with
 *
 *   f(x + t d) <= f(x) + c1 t f'      (it falls by a fair part of what the slope promised)
 *   |f'(x + t d)| <= c2 |f'|          (and the slope has been used up: then s . y > 0, and H stays positive definite)
 *
 * where f' is the slope along d. It doubles t until these hold or a minimum is enclosed, then narrows the interval
 * [lo, hi] by cubic interpolation; lo is always the best point that satisfies the first condition, and the slope there
 * points towards hi.
 *
 * Near the minimum f differs by less than its own error and the first condition is a coin toss. For a quadratic it says
 * the same as f'(x + t d) <= (2 c1 - 1) f', and slopes have digits left long after values have none: where f has not
 * risen by more than its noise, that is enough (Hager and Zhang 2005, approximate Wolfe). */
#include "eval/learn/lbfgs.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"

/* --- vectors: blocks of fixed length, so that sums do not depend on threads --------------------------- */

enum { BLOCK = 16384 };

typedef struct vec_job {
  size_t n;
  const double *a, *b;
  double *out;
  double alpha;
  double *part; /* [blocks] */
} vec_job;

static size_t blocks_of(size_t n) {
  return (n + BLOCK - 1) / BLOCK;
}
static size_t block_end(size_t n, size_t block) {
  return n - block * BLOCK < BLOCK ? n : (block + 1) * BLOCK;
}

/* Eight chains: an order that the compiler may run side by side without changing it. */
static void dot_block(void *ctx, size_t block, int worker) {
  (void)worker;
  const vec_job *j = ctx;
  double s[8] = {0};
  size_t i = block * BLOCK, end = block_end(j->n, block);
  for (; i + 8 <= end; i += 8)
    for (int k = 0; k < 8; k++) s[k] += j->a[i + (size_t)k] * j->b[i + (size_t)k];
  for (int k = 0; i < end; i++, k++) s[k] += j->a[i] * j->b[i];
  j->part[block] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static double dot(size_t n, const double *a, const double *b, double *part) {
  vec_job j = {n, a, b, NULL, 0.0, part};
  as_par_for(blocks_of(n), dot_block, &j);
  double sum = 0.0;
  for (size_t i = 0; i < blocks_of(n); i++) sum += part[i];
  return sum;
}

static void axpy_block(void *ctx, size_t block, int worker) {
  (void)worker;
  const vec_job *j = ctx;
  for (size_t i = block * BLOCK, end = block_end(j->n, block); i < end; i++)
    j->out[i] = j->b[i] + j->alpha * j->a[i];
}

/* out = b + alpha a; out may be b. */
static void axpy(size_t n, double alpha, const double *a, const double *b, double *out) {
  vec_job j = {n, a, b, out, alpha, NULL};
  as_par_for(blocks_of(n), axpy_block, &j);
}

static void scale(size_t n, double alpha, double *a) {
  for (size_t i = 0; i < n; i++) a[i] *= alpha;
}

static double max_abs(size_t n, const double *a) {
  double m = 0.0;
  for (size_t i = 0; i < n; i++) {
    double v = fabs(a[i]);
    if (!(v <= m)) m = v; /* NaN gets through */
  }
  return m;
}

/* --- the search's memory ------------------------------------------------------------------------------- */

enum { FLAT_STEPS = 20 };

/* f over the last steps, and what the rules for stopping ask. */
typedef struct progress {
  double f, noise;
  double past[FLAT_STEPS]; /* a ring */
  int iteration, evaluations;
} progress;

struct as_lbfgs {
  size_t n;
  int memory, count, newest; /* pairs: room, stored, where the newest is in the ring */
  double **s, **y;           /* [memory] steps, changes of the gradient */
  double *sy;                /* [memory] s . y */
  double *grad, *dir, *trial, *next;
  double gamma;  /* H0 = gamma P */
  double *alpha; /* [memory] */
  double *part;  /* [blocks] */
  double *block; /* all vectors of n */
  progress now;
  bool read; /* from a state that was kept: grad and `now` are those of x */
};

void as_lbfgs_destroy(as_lbfgs **l) {
  if (!*l) return;
  as_free((*l)->s);
  as_free((*l)->sy);
  as_free((*l)->part);
  as_free((*l)->block);
  as_free(*l);
  *l = NULL;
}

as_status as_lbfgs_create(as_lbfgs **out, size_t n, int memory, as_err *err) {
  as_lbfgs *l = *out = as_calloc(1, sizeof *l, err);
  if (!l) return AS_E_ENV;
  size_t m = (size_t)memory;
  l->n = n;
  l->memory = memory;
  l->newest = memory - 1;
  l->gamma = 1.0;
  l->s = as_alloc(2 * m, sizeof *l->s, err);
  l->sy = as_alloc(2 * m, sizeof *l->sy, err);
  l->part = as_alloc(blocks_of(n) + 1, sizeof(double), err);
  l->block = as_alloc((2 * m + 4) * (n ? n : 1), sizeof(double), err);
  if (!l->s || !l->sy || !l->part || !l->block) {
    as_lbfgs_destroy(out);
    return AS_E_ENV;
  }
  l->y = l->s + m;
  l->alpha = l->sy + m;
  for (size_t k = 0; k < 2 * m; k++) l->s[k] = l->block + k * n;
  l->grad = l->block + 2 * m * n;
  l->dir = l->grad + n;
  l->trial = l->dir + n;
  l->next = l->trial + n;
  return AS_OK;
}

/* dir = -H grad. */
static void direction(as_lbfgs *l, const double *x, const as_lbfgs_function *fn) {
  size_t n = l->n;
  double *d = l->dir;
  memcpy(d, l->grad, n * sizeof *d);
  for (int k = 0; k < l->count; k++) { /* newest first */
    int i = (l->newest - k + l->memory) % l->memory;
    l->alpha[i] = dot(n, l->s[i], d, l->part) / l->sy[i];
    axpy(n, -l->alpha[i], l->y[i], d, d);
  }
  if (fn->precondition) {
    if (fn->precondition(fn->ctx, x, d)) l->gamma = fmin(fmax(l->gamma, 0.5), 1.0);
  } else if (l->count > 0) {
    const double *y = l->y[l->newest];
    l->gamma = l->sy[l->newest] / dot(n, y, y, l->part);
  }
  scale(n, l->gamma, d);
  for (int k = l->count - 1; k >= 0; k--) { /* oldest first */
    int i = (l->newest - k + l->memory) % l->memory;
    axpy(n, l->alpha[i] - dot(n, l->y[i], d, l->part) / l->sy[i], l->s[i], d, d);
  }
  scale(n, -1.0, d);
}

/* Remembers the step from x to l->trial. */
static void remember(as_lbfgs *l, const double *x) {
  int at = (l->newest + 1) % l->memory; /* of a full ring: the oldest */
  axpy(l->n, -1.0, x, l->trial, l->s[at]);
  axpy(l->n, -1.0, l->grad, l->next, l->y[at]);
  double sy = dot(l->n, l->s[at], l->y[at], l->part), yy = dot(l->n, l->y[at], l->y[at], l->part);
  if (!(sy > 1e-16 * yy)) { /* curvature lost to rounding: the pair does not count */
    if (l->count == l->memory) l->count--;
    return;
  }
  l->sy[at] = sy;
  l->newest = at;
  if (l->count < l->memory) l->count++;
}

/* --- line search ------------------------------------------------------------------------------------- */

typedef struct line {
  as_lbfgs *l;
  const double *x;
  const as_lbfgs_function *fn;
  double noise; /* absolute, of the values */
  int evaluations;
} line;

typedef struct line_point {
  double t, f, slope; /* along the direction */
} line_point;

static line_point look_at(line *s, double t) {
  as_lbfgs *l = s->l;
  axpy(l->n, t, l->dir, s->x, l->trial);
  line_point p = {t, s->fn->value(s->fn->ctx, l->trial, l->next), 0.0};
  p.slope = dot(l->n, l->next, l->dir, l->part);
  s->evaluations++;
  return p;
}

/* Minimiser of the cubic through two values and slopes, kept away from both ends. */
static double cubic_min(line_point a, line_point b) {
  double d1 = a.slope + b.slope - 3.0 * (a.f - b.f) / (a.t - b.t);
  double sq = d1 * d1 - a.slope * b.slope;
  double lo = fmin(a.t, b.t), hi = fmax(a.t, b.t), width = hi - lo;
  double t = 0.5 * (lo + hi);
  if (sq >= 0.0) {
    double d2 = copysign(sqrt(sq), b.t - a.t);
    double v = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    if (isfinite(v)) t = v;
  }
  return fmin(fmax(t, lo + 0.1 * width), hi - 0.1 * width);
}

/* Where the whole step promises less than the noise of the values, slopes alone are asked, and not for long. */
static line_point blind_search(line *s, line_point start, double first) {
  double t = first;
  for (int i = 0; i < 3; i++) {
    line_point p = look_at(s, t);
    if (fabs(p.slope) <= -0.9 * start.slope && p.f <= start.f + 10.0 * s->noise) return p;
    t *= fmin(fmax(start.slope / (start.slope - p.slope), 0.1), 4.0); /* where the slope would be 0 */
    if (!isfinite(t)) break;
  }
  return start;
}

/* Ends with l->trial and l->next at the returned point; .t = 0 when no lower point was found. */
static line_point line_search(line *s, line_point start, double first) {
  const double c1 = 1e-4, c2 = 0.9;
  line_point prev = start, lo = start, hi = start;
  double t = first;
  bool enclosed = false;
  for (int i = 0; i < 25; i++) {
    line_point p = look_at(s, t);
    bool falls = p.f <= start.f + c1 * p.t * start.slope || /* all false for NaN */
                 (p.f <= start.f + s->noise && p.slope <= (2.0 * c1 - 1.0) * start.slope);
    if (falls && fabs(p.slope) <= -c2 * start.slope) return p;
    if (!enclosed) {
      if (!falls || (i > 0 && p.f >= prev.f)) {
        lo = prev;
        hi = p;
        enclosed = true;
      } else if (p.slope >= 0.0) {
        lo = p;
        hi = prev;
        enclosed = true;
      } else {
        prev = p;
        t = 2.0 * t;
        continue;
      }
    } else if (!falls || p.f >= lo.f) {
      hi = p;
    } else {
      if (p.slope * (hi.t - lo.t) >= 0.0) hi = lo;
      lo = p;
    }
    if (fabs(hi.t - lo.t) <= 1e-10 * fmax(hi.t, lo.t)) break;
    if (i >= 5 && fabs(p.f - start.f) <= 10.0 * s->noise) break; /* nothing left to see */
    t = isfinite(hi.f) ? cubic_min(lo, hi) : 0.5 * (lo.t + hi.t);
  }
  /* lo satisfies the first condition (or is the start): good enough to go on from */
  return lo.t > 0.0 ? look_at(s, lo.t) : start;
}

/* --- the search ---------------------------------------------------------------------------------------- */

/* Does a rule say stop at the point at hand? Fills the result either way. */
static bool is_done(const as_lbfgs *l, const double *x, const as_lbfgs_function *fn, const as_lbfgs_opts *o,
                    const progress *p, as_lbfgs_result *r) {
  r->max_gradient = max_abs(l->n, l->grad);
  r->gap = fn->gap ? fn->gap(fn->ctx, x, l->grad) : (double)NAN;
  r->f = p->f;
  r->iterations = p->iteration;
  bool flat = p->iteration >= FLAT_STEPS &&
              p->past[p->iteration % FLAT_STEPS] - p->f <= fmax(o->flat_tol * fabs(p->f), p->noise);
  if (!isfinite(p->f) || !isfinite(r->max_gradient))
    r->stop = AS_LBFGS_BROKEN;
  else if (r->max_gradient <= o->tol)
    r->stop = AS_LBFGS_GRADIENT;
  else if (r->gap <= o->gap_tol * fabs(p->f))
    r->stop = AS_LBFGS_GAP;
  else if (p->f <= o->target)
    r->stop = AS_LBFGS_TARGET;
  else if (flat)
    r->stop = AS_LBFGS_FLAT;
  else if (p->iteration >= o->max_iter)
    r->stop = AS_LBFGS_LIMIT;
  else
    return false;
  return true;
}

/* The start of a line from x along a direction that falls; false: there is none left. A direction that rounding has
 * spoilt makes the search forget what it knows. */
static bool begin_line(as_lbfgs *l, const double *x, const as_lbfgs_function *fn, double f,
                       line_point *start) {
  for (;;) {
    direction(l, x, fn);
    *start = (line_point){0.0, f, dot(l->n, l->grad, l->dir, l->part)};
    if (start->slope < 0.0) return true;
    if (l->count == 0) return false;
    l->count = 0;
  }
}

/* One step. False: there is none, r->stop says why. */
static bool take_step(as_lbfgs *l, double *x, const as_lbfgs_function *fn, const as_lbfgs_opts *o,
                      as_lbfgs_result *r) {
  progress *p = &l->now;
  line_point start, end;
  r->stop = AS_LBFGS_FLAT;
  if (!begin_line(l, x, fn, p->f, &start)) return false;
  /* a full step of a Newton method lowers f by half its slope */
  if (-0.5 * start.slope <= o->close_tol * fabs(p->f)) {
    r->stop = AS_LBFGS_CLOSE;
    return false;
  }
  bool guess = l->count > 0 || fn->precondition;
  double first = guess ? 1.0 : fmin(1.0, 1.0 / sqrt(dot(l->n, l->dir, l->dir, l->part)));
  line s = {l, x, fn, p->noise, 0};
  bool blind = -0.5 * start.slope <= p->noise;
  end = blind ? blind_search(&s, start, first) : line_search(&s, start, first);
  p->evaluations += s.evaluations;
  if (!(end.t > 0.0)) {
    if (l->count == 0 || blind) return false;
    l->count = 0; /* begin again from the gradient */
    return true;
  }
  if (fn->precondition) l->gamma *= fmin(fmax((start.slope * end.t) / (start.slope - end.slope), 0.25), 4.0);
  remember(l, x);
  memcpy(x, l->trial, l->n * sizeof *x);
  memcpy(l->grad, l->next, l->n * sizeof *x);
  p->past[p->iteration++ % FLAT_STEPS] = p->f;
  p->f = end.f;
  return true;
}

void as_lbfgs_run(as_lbfgs *l, double *x, const as_lbfgs_function *fn, const as_lbfgs_opts *o,
                  as_lbfgs_result *r) {
  progress *p = &l->now;
  memset(r, 0, sizeof *r);
  if (!l->read) {
    *p = (progress){.evaluations = 1};
    p->f = fn->value(fn->ctx, x, l->grad);
  }
  l->read = false;
  bool left, done;
  do {
    left = fn->leave && fn->leave(fn->ctx, p->iteration);
    p->noise = fn->noise ? *fn->noise : 0.0;
    done = is_done(l, x, fn, o, p, r);
    if (left) r->stop = AS_LBFGS_LEFT;
  } while (!left && !done && take_step(l, x, fn, o, r));
  r->evaluations = p->evaluations;
}

void as_lbfgs_keep(as_lbfgs *l, as_keep *k) {
  as_keep_block(k, &l->now, sizeof l->now);
  as_keep_block(k, &l->gamma, sizeof l->gamma);
  as_keep_block(k, &l->count, sizeof l->count);
  as_keep_block(k, &l->newest, sizeof l->newest);
  as_keep_block(k, l->sy, (size_t)l->memory * sizeof *l->sy);
  as_keep_block(k, l->grad, l->n * sizeof *l->grad);
  if (l->count < 0 || l->count > l->memory || l->newest < 0 || l->newest >= l->memory) {
    as_keep_fail(k, AS_E_INPUT);
    return;
  }
  for (int i = 0; i < l->count; i++) {
    const int at = (l->newest - i + l->memory) % l->memory;
    as_keep_block(k, l->s[at], l->n * sizeof(double));
    as_keep_block(k, l->y[at], l->n * sizeof(double));
  }
  l->read = as_keep_reads(k);
}
