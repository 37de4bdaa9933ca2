#include "eval/learn/lbfgs.h"

#include <math.h>
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

static double max_abs(size_t n, const double *a) {
  double m = 0.0;
  for (size_t i = 0; i < n; i++) {
    double v = fabs(a[i]);
    if (!(v <= m)) m = v; /* NaN gets through */
  }
  return m;
}

/* --- line search ------------------------------------------------------------------------------------- */

typedef struct search {
  size_t n;
  const double *x, *dir;
  double *trial, *grad, *part;
  as_lbfgs_fn *fn;
  void *ctx;
  double noise; /* absolute */
  int evaluations;
} search;

typedef struct point {
  double t, f, slope; /* along dir */
} point;

static point probe_at(search *s, double t) {
  axpy(s->n, t, s->dir, s->x, s->trial);
  point p = {t, s->fn(s->ctx, s->trial, s->grad), 0.0};
  p.slope = dot(s->n, s->grad, s->dir, s->part);
  s->evaluations++;
  return p;
}

/* Minimiser of the cubic through two values and slopes, kept away from both ends. */
static double cubic_min(point a, point b) {
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

/* Ends with grad and trial at the returned point; .t = 0 when no lower point was found. */
static point line_search(search *s, point start, double first) {
  const double c1 = 1e-4, c2 = 0.9;
  point prev = start, lo = start, hi = start;
  double t = first;
  int bracketed = 0;
  for (int i = 0; i < 25; i++) {
    point p = probe_at(s, t);
    /* both false for NaN; the second asks the slope, which still has digits where f has none left */
    int armijo = p.f <= start.f + c1 * p.t * start.slope ||
                 (p.f <= start.f + s->noise && p.slope <= (2.0 * c1 - 1.0) * start.slope);
    if (armijo && fabs(p.slope) <= -c2 * start.slope) return p;
    if (!bracketed) {
      if (!armijo || (i > 0 && p.f >= prev.f)) {
        lo = prev;
        hi = p;
        bracketed = 1;
      } else if (p.slope >= 0.0) {
        lo = p;
        hi = prev;
        bracketed = 1;
      } else {
        prev = p;
        t = 2.0 * t;
        continue;
      }
    } else if (!armijo || p.f >= lo.f) {
      hi = p;
    } else {
      if (p.slope * (hi.t - lo.t) >= 0.0) hi = lo;
      lo = p;
    }
    if (fabs(hi.t - lo.t) <= 1e-10 * fmax(hi.t, lo.t)) break;
    t = isfinite(hi.f) ? cubic_min(lo, hi) : 0.5 * (lo.t + hi.t);
  }
  /* lo satisfies the decrease condition (or is the start): good enough to go on from */
  return lo.t > 0.0 ? probe_at(s, lo.t) : start;
}

/* --- history -------------------------------------------------------------------------------------------
 * The two loops of the textbook touch every stored vector four times. All they need are inner products:
 * those of the stored vectors among each other are kept (one new pair changes two rows), so an iteration
 * reads the history twice, once for the products with the new vectors, once to add up the direction. */

enum { MAX_PAIRS = 32, MAX_BASIS = 2 * MAX_PAIRS };

typedef struct history {
  int memory, count, newest;
  size_t n;
  double *v[MAX_BASIS];              /* s of pair i at i, y of pair i at MAX_PAIRS + i */
  double gram[MAX_BASIS][MAX_BASIS]; /* v[i] . v[j] */
  double with_g[MAX_BASIS];          /* v[i] . gradient */
} history;

enum { LANES = 4, FLAT_STEPS = 20 };

typedef struct product_job {
  const history *h;
  const double *g;
  double *part; /* [blocks][3 * MAX_BASIS] */
} product_job;

/* Products of every stored vector with the gradient and with the newest s and y. */
static void product_block(void *ctx, size_t block, int worker) {
  (void)worker;
  const product_job *j = ctx;
  const history *h = j->h;
  const double *s = h->v[h->newest], *y = h->v[MAX_PAIRS + h->newest], *g = j->g;
  size_t start = block * BLOCK, end = block_end(h->n, block);
  for (int k = 0; k < h->count; k++)
    for (int kind = 0; kind < 2; kind++) {
      int at = (h->newest - k + h->memory) % h->memory + kind * MAX_PAIRS;
      const double *v = h->v[at];
      double a[LANES] = {0}, b[LANES] = {0}, c[LANES] = {0};
      size_t i = start;
      for (; i + LANES <= end; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
          a[l] += v[i + l] * g[i + l];
          b[l] += v[i + l] * s[i + l];
          c[l] += v[i + l] * y[i + l];
        }
      for (size_t l = 0; i < end; i++, l++) {
        a[l] += v[i] * g[i];
        b[l] += v[i] * s[i];
        c[l] += v[i] * y[i];
      }
      double *out = j->part + (block * MAX_BASIS + (size_t)at) * 3;
      out[0] = (a[0] + a[2]) + (a[1] + a[3]);
      out[1] = (b[0] + b[2]) + (b[1] + b[3]);
      out[2] = (c[0] + c[2]) + (c[1] + c[3]);
    }
}

static void update_products(history *h, const double *g, double *part) {
  product_job j = {h, g, part};
  as_par_for(blocks_of(h->n), product_block, &j);
  int s = h->newest, y = h->newest + MAX_PAIRS;
  for (int k = 0; k < h->count; k++)
    for (int kind = 0; kind < 2; kind++) {
      int at = (h->newest - k + h->memory) % h->memory + kind * MAX_PAIRS;
      double sum[3] = {0};
      for (size_t b = 0; b < blocks_of(h->n); b++)
        for (size_t l = 0; l < 3; l++) sum[l] += part[(b * MAX_BASIS + (size_t)at) * 3 + l];
      h->with_g[at] = sum[0];
      h->gram[at][s] = h->gram[s][at] = sum[1];
      h->gram[at][y] = h->gram[y][at] = sum[2];
    }
}

typedef struct combine_job {
  const history *h;
  const double *g;
  double g_coef, coef[MAX_BASIS];
  double *out;
} combine_job;

static void combine_block(void *ctx, size_t block, int worker) {
  (void)worker;
  const combine_job *j = ctx;
  const history *h = j->h;
  size_t start = block * BLOCK, end = block_end(h->n, block);
  for (size_t i = start; i < end; i++) j->out[i] = j->g_coef * j->g[i];
  for (int k = 0; k < h->count; k++)
    for (int kind = 0; kind < 2; kind++) {
      int at = (h->newest - k + h->memory) % h->memory + kind * MAX_PAIRS;
      const double *v = h->v[at];
      double c = j->coef[at];
      for (size_t i = start; i < end; i++) j->out[i] += c * v[i];
    }
}

/* dir = -H grad: algorithm 7.4 on coefficients over the stored vectors and the gradient. */
static void direction(const history *h, const double *grad, double *dir) {
  combine_job j = {0};
  double alpha[MAX_PAIRS];
  j.h = h;
  j.g = grad;
  j.g_coef = -1.0;
  j.out = dir;
  for (int pass = 0; pass < 2; pass++)
    for (int k = 0; k < h->count; k++) {
      int back = pass == 0 ? k : h->count - 1 - k;
      int s = (h->newest - back + h->memory) % h->memory, y = s + MAX_PAIRS;
      int row = pass == 0 ? s : y;
      double sum = j.g_coef * h->with_g[row];
      for (int i = 0; i < h->count; i++) {
        int o = (h->newest - i + h->memory) % h->memory;
        sum += j.coef[o] * h->gram[row][o];
        sum += j.coef[o + MAX_PAIRS] * h->gram[row][o + MAX_PAIRS];
      }
      sum /= h->gram[s][y];
      if (pass == 0) {
        alpha[s] = sum;
        j.coef[y] -= sum;
      } else {
        j.coef[s] += alpha[s] - sum;
      }
      if (pass == 0 && k == h->count - 1) { /* H0 = gamma I, gamma = s.y / y.y of the newest (7.20) */
        int n = h->newest;
        double gamma = h->gram[n][n + MAX_PAIRS] / h->gram[n + MAX_PAIRS][n + MAX_PAIRS];
        j.g_coef *= gamma;
        for (int i = 0; i < MAX_BASIS; i++) j.coef[i] *= gamma;
      }
    }
  as_par_for(blocks_of(h->n), combine_block, &j);
}

/* Takes the step from (x0, g0) to (x1, g1) into the history. */
static void push_pair(history *h, const double *x0, const double *g0, const double *x1, const double *g1,
                      double *part) {
  int at = (h->newest + 1) % h->memory; /* of a full ring: the oldest */
  double *s = h->v[at], *y = h->v[at + MAX_PAIRS];
  axpy(h->n, -1.0, x0, x1, s);
  axpy(h->n, -1.0, g0, g1, y);
  double sy = dot(h->n, s, y, part), yy = dot(h->n, y, y, part);
  if (!(sy > 1e-16 * yy)) { /* curvature lost to rounding: the pair does not count */
    if (h->count == h->memory) h->count--;
  } else {
    h->newest = at;
    if (h->count < h->memory) h->count++;
  }
  if (h->count > 0) update_products(h, g1, part);
}

as_status as_lbfgs_minimize(size_t n, double *x, as_lbfgs_fn *fn, void *ctx, const as_lbfgs_opts *opts,
                            as_lbfgs_result *result, as_err *err) {
  memset(result, 0, sizeof *result);
  const int memory = opts->memory > 0 ? (opts->memory < MAX_PAIRS ? opts->memory : MAX_PAIRS) : 10;
  history *h = as_calloc(1, sizeof *h, err); /* 34 KiB: too much for a small stack */
  double *block = as_alloc((size_t)(2 * memory + 4) * (n ? n : 1), sizeof(double), err);
  double *part = as_alloc((blocks_of(n) + 1) * 3 * MAX_BASIS, sizeof(double), err);
  as_status s = h && block && part ? AS_OK : AS_E_ENV;
  if (s == AS_OK) {
    h->n = n;
    h->memory = memory;
    h->newest = memory - 1;
    for (int k = 0; k < memory; k++) {
      h->v[k] = block + (size_t)(2 * k) * n;
      h->v[k + MAX_PAIRS] = block + (size_t)(2 * k + 1) * n;
    }
    double *grad = block + (size_t)(2 * memory) * n, *dir = grad + n, *trial = dir + n, *next = trial + n;
    double f = fn(ctx, x, grad);
    double past[FLAT_STEPS]; /* f of the last steps, a ring */
    int evaluations = 1, it = 0;
    as_lbfgs_stop stop = AS_LBFGS_LIMIT;
    for (;; it++) {
      double gmax = max_abs(n, grad), noise = opts->noise ? *opts->noise : 0.0;
      result->max_gradient = gmax;
      result->gap = opts->gap ? opts->gap(ctx, x, grad) : (double)NAN;
      if (!isfinite(f) || !isfinite(gmax)) {
        stop = AS_LBFGS_BROKEN;
        break;
      }
      if (gmax <= opts->tol) {
        stop = AS_LBFGS_GRADIENT;
        break;
      }
      if (result->gap <= opts->gap_tol * fabs(f)) {
        stop = AS_LBFGS_GAP;
        break;
      }
      if (f <= opts->target) {
        stop = AS_LBFGS_TARGET;
        break;
      }
      if (it >= FLAT_STEPS && past[it % FLAT_STEPS] - f <= fmax(opts->f_tol * fabs(f), noise)) {
        stop = AS_LBFGS_FLAT;
        break;
      }
      if (it >= opts->max_iter) break;
      direction(h, grad, dir);
      point start = {0.0, f, dot(n, grad, dir, part)};
      if (!(start.slope < 0.0)) {
        if (h->count == 0) {
          stop = AS_LBFGS_FLAT;
          break;
        }
        h->count = 0; /* rounding made the direction useless: begin again from the gradient */
        it--;
        continue;
      }
      double first = h->count > 0 ? 1.0 : fmin(1.0, 1.0 / sqrt(dot(n, dir, dir, part)));
      search ls = {n, x, dir, trial, next, part, fn, ctx, noise, 0};
      point p = line_search(&ls, start, first);
      evaluations += ls.evaluations;
      if (!(p.t > 0.0)) {
        if (h->count == 0) {
          stop = isfinite(p.f) ? AS_LBFGS_FLAT : AS_LBFGS_BROKEN;
          break;
        }
        h->count = 0;
        it--;
        continue;
      }
      push_pair(h, x, grad, trial, next, part);
      memcpy(x, trial, n * sizeof *x);
      memcpy(grad, next, n * sizeof *grad);
      past[it % FLAT_STEPS] = f;
      f = p.f;
    }
    result->iterations = it;
    result->evaluations = evaluations;
    result->stop = stop;
    result->f = f;
  }
  as_free(h);
  as_free(block);
  as_free(part);
  return s;
}
