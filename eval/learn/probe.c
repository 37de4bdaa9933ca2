/* Multinomial logistic regression on features that do not change.
 *
 *   F(W, b) = sum_i [log sum_c exp(z_ic) - z_i,y(i)] + |W|^2 / (2 C),   z = X W^T + b
 *
 * is scikit-learn's LogisticRegression(C), whose intercept is free. The search runs in b' = b + W mean(X),
 * which changes neither F nor the penalty, on features less their mean: what backbones put out behind a
 * ReLU is all positive, the steps along the mean would crawl, and the logits would lose digits to it.
 *
 * Arithmetic (NUMERICS rule 9): z is one float chain per element; a sum over samples is a float chain
 * inside chunks of 256 rows, and a double sum of the chunks in order. */
#include "eval/learn/probe.h"

#include <math.h>
#include <string.h>

#include "eval/learn/lbfgs.h"
#include "tensor/base/checked.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"
#include "tensor/norm.h"

enum {
  CHUNK = 256,       /* rows of one float chain */
  SLAB = 32 * CHUNK, /* rows whose logits are held at a time */
  COLS = 128         /* columns of the gradient accumulated together, so that they stay in cache */
};

typedef struct problem {
  const float *x; /* [n, ld], only rows that have a class */
  size_t n, d, ld, k;
  const int *y; /* [n] */
  double c;
  float *mean;           /* [d] column means, rounded once */
  float *xc;             /* [n or SLAB, d] x - mean: all rows where that fits, else the slab in work */
  int keep;              /* all rows are in xc, and packed */
  size_t chunks, strips; /* ceil(n / CHUNK), ceil(d / COLS) */
  as_linear **packed;    /* [chunks * strips] X^T of one chunk and strip, if keep */

  float *wf;        /* [k, d] W rounded */
  float *bf;        /* [k] */
  float *z;         /* [SLAB, k] logits, then probabilities */
  float *g;         /* [SLAB / CHUNK][k][CHUNK] p - onehot, transposed */
  float *gb;        /* [SLAB / CHUNK][k] its chain over the chunk */
  double *gap;      /* [SLAB] max z - z_y, then the loss of the row */
  float *part;      /* [strips][k, COLS] one chunk's share of the gradient */
  void *pack;       /* of W */
  char *strip_pack; /* [strips][strip_bytes] of X */
  size_t strip_bytes;
  float *hb;          /* [SLAB / CHUNK][k] p (1 - p), likewise */
  double *bias_sum;   /* [k] */
  double *bias_curve; /* [k] sum of p (1 - p): second derivatives by the intercepts */
  double noise;       /* absolute error of the value computed last */
  size_t slab, rows;  /* first row and number of rows of the slab in work */
  double *grad;       /* where the gradient goes, [k, d] then [k] */
} problem;

static size_t chunk_rows(const problem *p, size_t chunk) {
  return p->n - chunk * CHUNK < CHUNK ? p->n - chunk * CHUNK : CHUNK;
}

/* The centred rows of a chunk of the slab in work. */
static const float *centred(const problem *p, size_t chunk) {
  return p->xc + (p->keep ? chunk * CHUNK : chunk * CHUNK - p->slab) * p->d;
}

/* x - mean for one chunk of the slab. */
static void centre_chunk(void *ctx, size_t i, int worker) {
  (void)worker;
  problem *p = ctx;
  size_t chunk = p->slab / CHUNK + i, rows = chunk_rows(p, chunk);
  const float *x = p->x + chunk * CHUNK * p->ld;
  float *out = p->xc + (centred(p, chunk) - p->xc);
  for (size_t r = 0; r < rows; r++)
    for (size_t j = 0; j < p->d; j++) out[r * p->d + j] = x[r * p->ld + j] - p->mean[j];
}

/* xt[j][i] = xc[row + i][col + j] */
static void transpose_strip(const problem *p, size_t chunk, size_t strip, float *xt) {
  size_t rows = chunk_rows(p, chunk), col = strip * COLS, cols = p->d - col < COLS ? p->d - col : COLS;
  const float *x = centred(p, chunk) + col;
  for (size_t j0 = 0; j0 < cols; j0 += 16)
    for (size_t i = 0; i < rows; i++)
      for (size_t j = j0; j < j0 + 16 && j < cols; j++) xt[j * rows + i] = x[i * p->d + j];
}

/* --- loss and gradient ------------------------------------------------------------------------------- */

/* One chunk of rows: logits to losses and to G^T.
 * The largest probability is exp(0) / sum, so the loss is (max z - z_y) - log(p_max): no exponential is
 * taken in double, and no tiny probability loses its digits. */
static void loss_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  problem *p = ctx;
  size_t first = chunk * CHUNK, rows = chunk_rows(p, p->slab / CHUNK + chunk);
  float *g = p->g + chunk * p->k * CHUNK, *gb = p->gb + chunk * p->k, *hb = p->hb + chunk * p->k;
  for (size_t i = first; i < first + rows; i++) {
    float *z = p->z + i * p->k, top = -INFINITY;
    for (size_t c = 0; c < p->k; c++) {
      z[c] += p->bf[c];
      top = z[c] > top ? z[c] : top;
    }
    p->gap[i] = (double)top - (double)z[p->y[p->slab + i]];
  }
  as_softmax(rows, (int)p->k, p->z + first * p->k, p->k, p->z + first * p->k, p->k);
  for (size_t i = 0; i < rows; i++) {
    float *z = p->z + (first + i) * p->k, top = 0.0f;
    for (size_t c = 0; c < p->k; c++) top = z[c] > top ? z[c] : top;
    p->gap[first + i] -= as_log((double)top);
    z[p->y[p->slab + first + i]] -= 1.0f;
  }
  for (size_t c0 = 0; c0 < p->k; c0 += 16)
    for (size_t i = 0; i < rows; i++)
      for (size_t c = c0; c < c0 + 16 && c < p->k; c++) g[c * rows + i] = p->z[(first + i) * p->k + c];
  for (size_t c = 0; c < p->k; c++) {
    float sum = 0.0f, curve = 0.0f;
    for (size_t i = 0; i < rows; i++) {
      float v = g[c * rows + i], size = v < 0.0f ? -v : v; /* p, or 1 - p in the row's own class */
      sum += v;
      curve += size * (1.0f - size);
    }
    gb[c] = sum;
    hb[c] = curve;
  }
}

/* grad += G^T X over the slab for one strip of columns: its chunks in order. The products run on this
 * thread alone: par.h runs what is called from inside a chunk serially. */
static void add_gradient(void *ctx, size_t strip, int worker) {
  (void)worker;
  problem *p = ctx;
  size_t first = p->slab / CHUNK, count = (p->rows + CHUNK - 1) / CHUNK;
  size_t col = strip * COLS, cols = p->d - col < COLS ? p->d - col : COLS;
  float *part = p->part + strip * p->k * COLS;
  for (size_t i = 0; i < count; i++) {
    size_t rows = chunk_rows(p, first + i);
    const float *g = p->g + i * p->k * CHUNK;
    if (p->packed) {
      as_linear_args a = {0};
      a.in = g;
      a.ld_in = rows;
      a.rows = p->k;
      a.out = part;
      a.ld_out = COLS;
      as_linear_run(p->packed[(first + i) * p->strips + strip], &a);
    } else {
      as_gemm_nn(&(as_product){p->k, cols, rows, g, rows, centred(p, first + i) + col, p->d, part, COLS},
                 p->strip_pack + strip * p->strip_bytes);
    }
    for (size_t c = 0; c < p->k; c++) {
      double *out = p->grad + c * p->d + col;
      const float *in = part + c * COLS;
      for (size_t j = 0; j < cols; j++) out[j] += (double)in[j];
    }
  }
}

/* The point rounded to float: class c. */
static void round_weights(void *ctx, size_t c, int worker) {
  (void)worker;
  problem *p = ctx;
  const double *w = p->grad + c * p->d; /* borrowed as the point for this call */
  for (size_t j = 0; j < p->d; j++) p->wf[c * p->d + j] = (float)w[j];
  p->bf[c] = (float)p->grad[p->k * p->d + c];
}

typedef struct finish_job {
  problem *p;
  double *penalty; /* [k] */
} finish_job;

/* grad = G^T X + W / C, and |w_c|^2. */
static void finish_class(void *ctx, size_t c, int worker) {
  (void)worker;
  finish_job *j = ctx;
  problem *p = j->p;
  double *g = p->grad + c * p->d, sum = 0.0;
  for (size_t i = 0; i < p->d; i++) {
    double w = (double)p->wf[c * p->d + i];
    g[i] += w / p->c;
    sum += w * w;
  }
  j->penalty[c] = sum;
  p->grad[p->k * p->d + c] = p->bias_sum[c];
}

static double evaluate(void *ctx, const double *point, double *grad) {
  problem *p = ctx;
  size_t params = p->k * p->d + p->k;
  memcpy(grad, point, params * sizeof *grad);
  p->grad = grad;
  as_par_for(p->k, round_weights, p);
  memset(grad, 0, params * sizeof *grad);
  memset(p->bias_sum, 0, p->k * sizeof *p->bias_sum);
  memset(p->bias_curve, 0, p->k * sizeof *p->bias_curve);
  double loss = 0.0;
  for (p->slab = 0; p->slab < p->n; p->slab += SLAB) {
    p->rows = p->n - p->slab < SLAB ? p->n - p->slab : SLAB;
    size_t chunks = (p->rows + CHUNK - 1) / CHUNK;
    if (!p->keep) as_par_for(chunks, centre_chunk, p);
    as_gemm_nt(&(as_product){p->rows, p->k, p->d, centred(p, p->slab / CHUNK), p->d, p->wf, p->d, p->z, p->k},
               p->pack);
    as_par_for(chunks, loss_rows, p);
    for (size_t i = 0; i < p->rows; i++) loss += p->gap[i];
    for (size_t i = 0; i < chunks; i++)
      for (size_t c = 0; c < p->k; c++) {
        p->bias_sum[c] += (double)p->gb[i * p->k + c];
        p->bias_curve[c] += (double)p->hb[i * p->k + c];
      }
    as_par_for(p->strips, add_gradient, p);
  }
  finish_job j = {p, p->gap}; /* the losses are summed: their memory serves again */
  double penalty = 0.0;
  as_par_for(p->k, finish_class, &j);
  for (size_t c = 0; c < p->k; c++) penalty += p->gap[c];
  penalty /= 2.0 * p->c;
  /* Logits are float chains; their errors, seen in the sum of losses on real features (2,048 of them, 10,000
   * rows), are some 1e-7 of that sum. The penalty has none to speak of. */
  p->noise = 2e-7 * loss + 1e-9 * penalty;
  return loss + penalty;
}

/* How far F is above its minimum. F - |W|^2 / (2 C) is convex, so F is 1/C-strongly convex in W and lies at
 * most C/2 |dF/dW|^2 above its minimum over W; by the intercepts it is an estimate from their own second
 * derivatives. On separable data nearly all curvature is the penalty's, and the bound is nearly the truth. */
static double gap_of(void *ctx, const double *point, const double *grad) {
  (void)point;
  const problem *p = ctx;
  double w = 0.0, b = 0.0;
  for (size_t i = 0; i < p->k * p->d; i++) w += grad[i] * grad[i];
  for (size_t c = 0; c < p->k; c++) {
    double g = grad[p->k * p->d + c];
    if (g != 0.0) b += g * g / fmax(p->bias_curve[c], 1e-300);
  }
  return 0.5 * (p->c * w + b);
}

/* --- set-up ------------------------------------------------------------------------------------------- */

static void release(problem *p) {
  if (p->packed)
    for (size_t i = 0; i < p->chunks * p->strips; i++) as_linear_destroy(&p->packed[i]);
  as_free(p->packed);
  as_free(p->mean);
  as_free(p->xc);
  as_free(p->wf);
  as_free(p->bf);
  as_free(p->z);
  as_free(p->g);
  as_free(p->gb);
  as_free(p->hb);
  as_free(p->gap);
  as_free(p->part);
  as_free(p->pack);
  as_free(p->strip_pack);
  as_free(p->bias_sum);
  as_free(p->bias_curve);
}

static as_status reserve(problem *p, as_err *err) {
  size_t slab = p->n < SLAB ? (p->n + CHUNK - 1) / CHUNK * CHUNK : SLAB;
  size_t params, columns = p->strips * COLS;
  if (!as_mul_size(p->k, p->d + 1, &params) || p->k > INT32_MAX)
    return as_fail(err, AS_E_ENV, "probe: %zu classes of %zu features do not fit into memory", p->k, p->d);
  p->mean = as_alloc(p->d, sizeof(float), err);
  p->xc = as_alloc(p->keep ? p->n : slab, p->d * sizeof(float), err);
  p->wf = as_alloc(params, sizeof(float), err);
  p->bf = as_alloc(p->k, sizeof(float), err);
  p->z = as_alloc(slab * p->k, sizeof(float), err);
  p->g = as_alloc(slab * p->k, sizeof(float), err);
  p->gb = as_alloc(slab / CHUNK * p->k, sizeof(float), err);
  p->hb = as_alloc(slab / CHUNK * p->k, sizeof(float), err);
  p->gap = as_alloc(slab > p->k ? slab : p->k, sizeof(double), err);
  p->part = as_alloc(p->k * columns, sizeof(float), err);
  p->pack = as_alloc(as_gemm_scratch(p->k, p->d), 1, err);
  p->bias_sum = as_alloc(p->k, sizeof(double), err);
  p->bias_curve = as_alloc(p->k, sizeof(double), err);
  if (!p->mean || !p->xc || !p->wf || !p->bf || !p->z || !p->g || !p->gb || !p->hb || !p->gap || !p->part ||
      !p->pack || !p->bias_sum || !p->bias_curve)
    return AS_E_ENV;
  if (!p->keep) {
    p->strip_bytes = (as_gemm_scratch(COLS, CHUNK) + 63) / 64 * 64;
    p->strip_pack = as_alloc(p->strips, p->strip_bytes, err);
    return p->strip_pack ? AS_OK : AS_E_ENV;
  }
  p->packed = as_calloc(p->chunks * p->strips, sizeof *p->packed, err);
  return p->packed ? AS_OK : AS_E_ENV;
}

/* Column means of one strip, in double in row order. */
static void mean_columns(void *ctx, size_t strip, int worker) {
  (void)worker;
  problem *p = ctx;
  size_t col = strip * COLS, end = col + COLS < p->d ? col + COLS : p->d;
  double sum[COLS] = {0};
  for (size_t i = 0; i < p->n; i++)
    for (size_t j = col; j < end; j++) sum[j - col] += (double)p->x[i * p->ld + j];
  for (size_t j = col; j < end; j++) p->mean[j] = (float)(sum[j - col] / (double)p->n);
}

/* Everything that does not change from step to step. */
static as_status prepare(problem *p, as_err *err) {
  as_par_for(p->strips, mean_columns, p);
  if (!p->keep) return AS_OK;
  for (p->slab = 0; p->slab < p->n; p->slab += SLAB) {
    size_t rows = p->n - p->slab < SLAB ? p->n - p->slab : SLAB;
    as_par_for((rows + CHUNK - 1) / CHUNK, centre_chunk, p);
  }
  float *xt = as_alloc(COLS * CHUNK, sizeof *xt, err);
  as_status s = xt ? AS_OK : AS_E_ENV;
  for (size_t i = 0; i < p->chunks; i++)
    for (size_t j = 0; j < p->strips && s == AS_OK; j++) {
      size_t cols = p->d - j * COLS < COLS ? p->d - j * COLS : COLS;
      transpose_strip(p, i, j, xt);
      s = as_linear_create(&p->packed[i * p->strips + j], (int)cols, (int)chunk_rows(p, i), xt, NULL, err);
    }
  as_free(xt);
  return s;
}

static as_status fit(problem *p, const as_probe_opts *opts, float *weight, float *bias,
                     as_probe_result *result, as_err *err) {
  size_t params = p->k * p->d + p->k;
  p->keep = p->n <= (opts && opts->keep ? opts->keep : (size_t)1 << 30) / (p->d * sizeof(float));
  as_status s = reserve(p, err);
  if (s == AS_OK) s = prepare(p, err);
  if (s != AS_OK) return s;
  double *w = as_calloc(params, sizeof *w, err);
  if (!w) return AS_E_ENV;
  if (opts && opts->start_weight)
    for (size_t c = 0; c < p->k; c++) {
      double shift = 0.0;
      for (size_t j = 0; j < p->d; j++) {
        w[c * p->d + j] = (double)opts->start_weight[c * p->d + j];
        shift += w[c * p->d + j] * (double)p->mean[j];
      }
      w[p->k * p->d + c] = (double)opts->start_bias[c] + shift;
    }
  as_lbfgs_opts lo = {0};
  lo.max_iter = opts && opts->max_iter > 0 ? opts->max_iter : 1000;
  lo.gap = gap_of;
  lo.gap_tol = opts && opts->tol > 0.0 ? opts->tol : 3e-7;
  lo.noise = &p->noise;
  lo.f_tol = 1e-8;
  lo.target = opts && opts->target > 0.0 ? opts->target : -INFINITY;
  as_lbfgs_result lr;
  s = as_lbfgs_minimize(params, w, evaluate, p, &lo, &lr, err);
  if (s == AS_OK && lr.stop == AS_LBFGS_BROKEN)
    s = as_fail(err, AS_E_INPUT, "probe: the loss is not finite (features up to huge values?)");
  if (s == AS_OK) {
    for (size_t c = 0; c < p->k; c++) {
      double shift = 0.0;
      for (size_t j = 0; j < p->d; j++) {
        weight[c * p->d + j] = (float)w[c * p->d + j];
        shift += (double)weight[c * p->d + j] * (double)p->mean[j];
      }
      bias[c] = (float)(w[p->k * p->d + c] - shift);
    }
    result->iterations = lr.iterations;
    result->evaluations = lr.evaluations;
    result->converged = lr.stop != AS_LBFGS_LIMIT;
    result->loss = lr.f;
    result->max_gradient = lr.max_gradient / (double)p->n;
    result->gap = lr.gap / lr.f;
  }
  as_free(w);
  return s;
}

as_status as_probe_fit(const float *x, size_t n, size_t d, size_t ld, const int *y, size_t classes,
                       const as_probe_opts *opts, float *weight, float *bias, as_probe_result *result,
                       as_err *err) {
  memset(result, 0, sizeof *result);
  if (classes < 2 || d < 1 || d > ld)
    return as_fail(err, AS_E_USAGE, "probe: found %zu classes and %zu features, wanted at least 2 and 1",
                   classes, d);
  if (opts && !(opts->c >= 0.0 && opts->c < INFINITY && opts->tol >= 0.0))
    return as_fail(err, AS_E_USAGE, "probe: found C = %g, tol = %g, wanted positive numbers", opts->c,
                   opts->tol);
  problem p = {0};
  float *rows = NULL;
  int *label = as_alloc(n ? n : 1, sizeof *label, err);
  if (!label) return AS_E_ENV;
  as_status s = AS_OK;
  for (size_t i = 0; i < n && s == AS_OK; i++) {
    if (y[i] < 0) continue;
    if ((size_t)y[i] >= classes)
      s = as_fail(err, AS_E_USAGE, "probe: row %zu has class %d, wanted less than %zu", i, y[i], classes);
    label[p.n++] = y[i];
  }
  if (s == AS_OK && p.n < 1) s = as_fail(err, AS_E_INPUT, "probe: found no row with a class");
  if (s == AS_OK && p.n < n) { /* rows without a class are left out: the others move together */
    rows = as_alloc(p.n, d * sizeof(float), err);
    if (!rows) s = AS_E_ENV;
    for (size_t i = 0, at = 0; s == AS_OK && i < n; i++)
      if (y[i] >= 0) memcpy(rows + at++ * d, x + i * ld, d * sizeof(float));
  }
  if (s == AS_OK) {
    p.x = rows ? rows : x;
    p.ld = rows ? d : ld;
    p.d = d;
    p.k = classes;
    p.y = label;
    p.c = opts && opts->c > 0.0 ? opts->c : 1.0;
    p.chunks = (p.n + CHUNK - 1) / CHUNK;
    p.strips = (d + COLS - 1) / COLS;
    s = fit(&p, opts, weight, bias, result, err);
  }
  release(&p);
  as_free(rows);
  as_free(label);
  return s;
}
