/* Loss and gradient of the linear probe in double, and how far the loss can be from its minimum.
 *
 * The bound. With p_i any distribution over the classes and H its entropy, log sum exp z >= p . z + H(p). So for every
 * W, b and every choice of the p_i
 *
 *   F(W, b) >= sum_i H(p_i) + <G, W> + <g, b> + |W|^2 / (2 C),    G = sum_i (p_i - y_i) x_i^T,  g = sum_i (p_i - y_i),
 *
 * and where g = 0 the right side is at least D(p) = sum_i H(p_i) - C/2 |G|^2 whatever W and b: a bound from below of
 * the minimum (Fenchel's dual problem). We take p_i = softmax(z_i), where the first line is an equality, so that
 *
 *   F - D = <g, b> + C/2 |R|^2,     R = G + W / C, the gradient by W.
 *
 * But g is only nearly 0. So the p_i are tilted a little: p'_ic = p_ic (1 - e_ic), e_ic = u_c - p_i . u, which leaves
 * sum_c p'_ic = 1 and changes g by - B u, where B = sum_i diag(p_i) - p_i p_i^T is the Hessian of the intercepts. With
 * u = B^-1 g (the inverse where the u_c sum to 0) g' is 0, and no p'_ic is negative as long as no two u_c are 1 apart.
 * log(1 - e) <= -e gives H(p'_i) >= H(p_i) + sum_c p_ic e_ic z_ic - sum_c p_ic e_ic^2, and the last sums are u . B u =
 * u . g =: Q over all rows. With G' = G + T the terms in z go as before, and what is left is
 *
 *   F - D(p') <= C/2 |R + T|^2 + Q,     |T|^2 = sum_c |sum_i p_ic e_ic x_i|^2 <= Q max_c sum_i p_ic |x_i|^2
 *
 * by Cauchy's inequality: second order in the error of the intercepts, as it should be.
 *
 * Sums over rows are one double chain in the order of the rows, for any number of threads. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "eval/learn/probe_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

enum {
  CHUNK = 128,       /* rows that one thread takes at a time */
  SLAB = 32 * CHUNK, /* rows whose logits are held at a time */
  DEPTH = 256,       /* features of one pass over the logits */
  COLS = 64,         /* columns of the gradient that one thread takes at a time */
  ROWS = 32,         /* of the gradient that meet all of them, while what they are made of stays near */
  PANEL = AS_ND      /* columns of one product */
};

struct as_probe_exact {
  const as_probe_problem *p;
  size_t strips; /* ceil(d / COLS) */
  size_t panels; /* ceil(k / PANEL) */
  double *w;     /* [panels][d][PANEL] weights */
  double *b;     /* [panels * PANEL] */
  double *z;     /* [SLAB, panels * PANEL] logits, then p - onehot */
  double *g;     /* [SLAB / CHUNK][k][CHUNK] the same, transposed */
  double *loss;  /* [SLAB] */
  double *square;
  double *xc;           /* [SLAB / CHUNK][CHUNK, DEPTH] centred rows of one thread's chunk */
  double *xs;           /* [strips][COLS / PANEL][CHUNK][PANEL] a strip of them */
  double *bias;         /* [k] sum of p - onehot */
  double *spread;       /* [k] sum of p |x|^2 */
  double *own;          /* [k, k] sum of p - onehot of class e over the rows of class c */
  double *products;     /* [k, panels * PANEL] lower triangle of sum (p - onehot) (p - onehot)^T */
  double *factor;       /* [k, k] */
  const double *length; /* [n] |x|^2, borrowed */
  size_t slab, n_slab;
  const double *point;
  double *grad; /* NULL: the loss alone */
};

/* --- forward ------------------------------------------------------------------------------------------------ */

static size_t rows_in_chunk(const as_probe_exact *e, size_t first) {
  return e->n_slab - first < CHUNK ? e->n_slab - first : CHUNK;
}

static void pack_double_panel(void *ctx, size_t panel, int worker) {
  (void)worker;
  as_probe_exact *e = ctx;
  const size_t d = e->p->d, k = e->p->k;
  for (size_t l = 0; l < PANEL; l++) {
    size_t c = panel * PANEL + l;
    double *out = e->w + panel * d * PANEL + l;
    for (size_t j = 0; j < d; j++) out[j * PANEL] = c < k ? e->point[c * d + j] : 0.0;
    e->b[c] = c < k ? e->point[k * d + c] : 0.0;
  }
}

/* One chunk of rows: logits, losses, and p - onehot, transposed. */
static void forward_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  as_probe_exact *e = ctx;
  const as_probe_problem *p = e->p;
  const size_t first = chunk * CHUNK, rows = rows_in_chunk(e, first), k = p->k, ld = e->panels * PANEL;
  double *xc = e->xc + chunk * CHUNK * DEPTH, *g = e->g + chunk * k * CHUNK;
  for (size_t i = first; i < first + rows; i++) memcpy(e->z + i * ld, e->b, ld * sizeof *e->z);
  for (size_t from = 0; from < p->d; from += DEPTH) {
    size_t depth = p->d - from < DEPTH ? p->d - from : DEPTH;
    for (size_t i = 0; i < rows; i++) {
      const float *x = as_probe_row(p, e->slab + first + i) + from;
      for (size_t j = 0; j < depth; j++) xc[i * DEPTH + j] = (double)x[j] - (double)p->mean[from + j];
    }
    for (size_t v = 0; v < e->panels; v++)
      as_k.dgemm(rows, depth, xc, DEPTH, e->w + (v * p->d + from) * PANEL, e->z + first * ld + v * PANEL, ld);
  }
  for (size_t i = first; i < first + rows; i++) {
    double *z = e->z + i * ld, top = -INFINITY, sum = 0.0;
    const size_t own = (size_t)p->y[e->slab + i];
    for (size_t c = 0; c < k; c++) top = z[c] > top ? z[c] : top;
    e->loss[i] = top - z[own];
    for (size_t c = 0; c < k; c++) {
      z[c] = as_exp(z[c] - top);
      sum += z[c];
    }
    e->loss[i] += as_log(sum);
    if (!e->grad) continue;
    /* p - 1 of the row's own class as minus the sum of the others: 1 - p would lose the digits of a sure row */
    double others = 0.0;
    for (size_t c = 0; c < k; c++) {
      z[c] /= sum;
      if (c != own) others += z[c];
    }
    z[own] = -others;
    for (size_t c = 0; c < k; c++) g[c * CHUNK + (i - first)] = z[c];
  }
}

/* --- backward ----------------------------------------------------------------------------------------------- */

/* A strip of columns of one chunk of rows, less their means, in panels: xs[COLS / PANEL][rows][PANEL]. */
static void pack_strip(const as_probe_exact *e, size_t first, size_t rows, size_t strip, double *xs) {
  const as_probe_problem *p = e->p;
  size_t col = strip * COLS, cols = p->d - col < COLS ? p->d - col : COLS;
  for (size_t i = 0; i < rows; i++) {
    const float *x = as_probe_row(p, e->slab + first + i) + col;
    for (size_t j = 0; j < COLS; j++)
      xs[(j / PANEL * rows + i) * PANEL + j % PANEL] =
          j < cols ? (double)x[j] - (double)p->mean[col + j] : 0.0;
  }
}

/* out[m, n] += A[m, rows] B[rows, n], n <= PANEL: a last panel that is not whole goes by way of a copy. */
static void add_panel(size_t m, size_t n, size_t rows, const double *a, const double *b, double *out,
                      size_t ld) {
  if (n == PANEL) {
    as_k.dgemm(m, rows, a, CHUNK, b, out, ld);
    return;
  }
  double part[ROWS * PANEL] = {0};
  for (size_t i = 0; i < m; i++) memcpy(part + i * PANEL, out + i * ld, n * sizeof *out);
  as_k.dgemm(m, rows, a, CHUNK, b, part, PANEL);
  for (size_t i = 0; i < m; i++) memcpy(out + i * ld, part + i * PANEL, n * sizeof *out);
}

/* out[k, COLS] += G^T Xc of the slab, for one strip. */
static void backward_strip(void *ctx, size_t strip, int worker) {
  (void)worker;
  as_probe_exact *e = ctx;
  const as_probe_problem *p = e->p;
  const size_t k = p->k, d = p->d, col = strip * COLS, cols = d - col < COLS ? d - col : COLS;
  double *xs = e->xs + strip * COLS * CHUNK;
  for (size_t first = 0; first < e->n_slab; first += CHUNK) {
    const size_t rows = rows_in_chunk(e, first);
    const double *g = e->g + first * k;
    pack_strip(e, first, rows, strip, xs);
    for (size_t c = 0; c < k; c += ROWS)
      for (size_t j = 0; j < cols; j += PANEL)
        add_panel(k - c < ROWS ? k - c : ROWS, cols - j < PANEL ? cols - j : PANEL, rows, g + c * CHUNK,
                  xs + j * rows, e->grad + c * d + col + j, d);
  }
}

static void backward_class(void *ctx, size_t c, int worker) {
  (void)worker;
  as_probe_exact *e = ctx;
  const size_t d = e->p->d, k = e->p->k;
  const double *w = e->point + c * d;
  double sum = 0.0;
  for (size_t j = 0; j < d; j++) sum += w[j] * w[j];
  e->square[c] = sum;
  if (!e->grad) return;
  for (size_t j = 0; j < d; j++) e->grad[c * d + j] += w[j] / e->p->c;
  e->grad[k * d + c] = e->bias[c];
}

/* What the intercepts need of the slab, for one class. */
static void sum_class(void *ctx, size_t c, int worker) {
  (void)worker;
  as_probe_exact *e = ctx;
  const as_probe_problem *p = e->p;
  for (size_t first = 0; first < e->n_slab; first += CHUNK) {
    const double *g = e->g + first * p->k + c * CHUNK;
    for (size_t i = 0; i < rows_in_chunk(e, first); i++) {
      const size_t row = e->slab + first + i, y = (size_t)p->y[row];
      e->bias[c] += g[i];
      e->own[c * p->k + y] += g[i];
      e->spread[c] += (y == c ? 1.0 + g[i] : g[i]) * e->length[row];
    }
  }
}

/* Products of p - onehot of PANEL classes with those of these and all later classes, over the slab. */
static void sum_products(void *ctx, size_t panel, int worker) {
  (void)worker;
  as_probe_exact *e = ctx;
  const size_t k = e->p->k, ld = e->panels * PANEL, c0 = panel * PANEL;
  double b[CHUNK * PANEL];
  for (size_t first = 0; first < e->n_slab; first += CHUNK) {
    const size_t rows = rows_in_chunk(e, first);
    for (size_t i = 0; i < rows; i++) memcpy(b + i * PANEL, e->z + (first + i) * ld + c0, PANEL * sizeof *b);
    as_k.dgemm(k - c0, rows, e->g + first * k + c0 * CHUNK, CHUNK, b, e->products + c0 * ld + c0, ld);
  }
}

static double run_exact(as_probe_exact *e, const double *point, double *grad) {
  const as_probe_problem *p = e->p;
  const size_t k = p->k;
  e->point = point;
  e->grad = grad;
  double loss = 0.0, penalty = 0.0;
  if (grad) memset(grad, 0, (k * p->d + k) * sizeof *grad);
  memset(e->bias, 0, k * sizeof *e->bias);
  memset(e->spread, 0, k * sizeof *e->spread);
  memset(e->own, 0, k * k * sizeof *e->own);
  memset(e->products, 0, k * e->panels * PANEL * sizeof *e->products);
  as_par_for(e->panels, pack_double_panel, e);
  for (e->slab = 0; e->slab < p->n; e->slab += SLAB) {
    e->n_slab = p->n - e->slab < SLAB ? p->n - e->slab : SLAB;
    as_probe_expect(p, e->slab + e->n_slab, SLAB);
    as_par_for((e->n_slab + CHUNK - 1) / CHUNK, forward_rows, e);
    for (size_t i = 0; i < e->n_slab; i++) loss += e->loss[i];
    if (!grad) continue;
    as_par_for(k, sum_class, e);
    as_par_for(e->panels, sum_products, e);
    as_par_for(e->strips, backward_strip, e);
  }
  as_par_for(k, backward_class, e);
  for (size_t c = 0; c < k; c++) penalty += e->square[c];
  return loss + penalty / (2.0 * p->c);
}

double as_probe_exact_value(as_probe_exact *e, const double *point, double *grad) {
  return run_exact(e, point, grad);
}

double as_probe_exact_loss(as_probe_exact *e, const double *point) {
  return run_exact(e, point, NULL);
}

void as_probe_exact_keep(as_probe_exact *e, as_keep *k) {
  const size_t n = e->p->k;
  as_keep_block(k, e->bias, n * sizeof *e->bias);
  as_keep_block(k, e->spread, n * sizeof *e->spread);
  as_keep_block(k, e->own, n * n * sizeof *e->own);
  as_keep_block(k, e->products, n * e->panels * PANEL * sizeof *e->products);
}

/* --- the bound ---------------------------------------------------------------------------------------------- */

/* u = B^-1 g where the elements of u sum to 0: 1 1^T is added, on whose side B has nothing. False: B is singular
 * elsewhere too, as far as rounding can tell. */
static bool solve_hessian(double *b, size_t k, const double *g, double *u) {
  double trace = 0.0;
  for (size_t c = 0; c < k; c++) trace += b[c * k + c];
  for (size_t j = 0; j < k; j++) { /* Cholesky, row by row of the lower triangle */
    for (size_t i = 0; i <= j; i++) {
      double sum = b[j * k + i] + trace / (double)(k * k);
      for (size_t l = 0; l < i; l++) sum -= b[j * k + l] * b[i * k + l];
      if (i < j)
        b[j * k + i] = sum / b[i * k + i];
      else if (sum > 1e-14 * trace)
        b[j * k + j] = sqrt(sum);
      else
        return false;
    }
  }
  for (size_t j = 0; j < k; j++) {
    u[j] = g[j];
    for (size_t l = 0; l < j; l++) u[j] -= b[j * k + l] * u[l];
    u[j] /= b[j * k + j];
  }
  for (size_t j = k; j-- > 0;) {
    for (size_t l = j + 1; l < k; l++) u[j] -= b[l * k + j] * u[l];
    u[j] /= b[j * k + j];
  }
  return true;
}

double as_probe_exact_gap(as_probe_exact *e, const double *grad) {
  const size_t k = e->p->k, numel = k * e->p->d, ld = e->panels * PANEL;
  const double *g = grad + numel;
  double *u = e->square, square = 0.0, q = 0.0, low = INFINITY, high = -INFINITY, spread = 0.0;
  /* with r = p - y: diag(p) - p p^T = diag(r) - r r^T - r y^T - y r^T, where sure rows keep their digits */
  for (size_t c = 0; c < k; c++)
    for (size_t j = 0; j <= c; j++)
      e->factor[c * k + j] =
          (c == j ? e->bias[c] : 0.0) - e->products[c * ld + j] - e->own[c * k + j] - e->own[j * k + c];
  if (!solve_hessian(e->factor, k, g, u)) return INFINITY;
  for (size_t i = 0; i < numel; i++) square += grad[i] * grad[i];
  for (size_t c = 0; c < k; c++) {
    q += u[c] * g[c];
    low = fmin(low, u[c]);
    high = fmax(high, u[c]);
    spread = fmax(spread, e->spread[c]);
  }
  if (!(high - low < 1.0)) return INFINITY;
  q = fmax(q, 0.0);
  double r = sqrt(square) + sqrt(q * spread);
  return 0.5 * e->p->c * r * r + q;
}

/* --- set-up ------------------------------------------------------------------------------------------------- */

void as_probe_exact_destroy(as_probe_exact **out) {
  as_probe_exact *e = *out;
  if (!e) return;
  void *all[] = {e->w,  e->b,    e->z,      e->g,   e->loss,     e->square, e->xc,
                 e->xs, e->bias, e->spread, e->own, e->products, e->factor};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  as_free(e);
  *out = NULL;
}

double as_probe_exact_memory(size_t n, size_t d, size_t k) {
  const double slab = n < SLAB ? (double)n + CHUNK : SLAB, wide = (double)k + PANEL, width = (double)d + COLS;
  return sizeof(double) * (width * (wide + CHUNK) + slab * (2.0 * wide + DEPTH) + 3.0 * wide * wide);
}

as_status as_probe_exact_create(as_probe_exact **out, const as_probe_problem *p, const double *length,
                                as_err *err) {
  as_probe_exact *e = *out = as_calloc(1, sizeof *e, err);
  if (!e) return AS_E_ENV;
  const size_t k = p->k, d = p->d, chunks = p->n < SLAB ? (p->n + CHUNK - 1) / CHUNK : SLAB / CHUNK;
  e->p = p;
  e->length = length;
  e->strips = (d + COLS - 1) / COLS;
  e->panels = (k + PANEL - 1) / PANEL;
  e->w = as_alloc(e->panels * d * PANEL, sizeof(double), err);
  e->b = as_alloc(e->panels * PANEL, sizeof(double), err);
  e->z = as_alloc(chunks * CHUNK * e->panels * PANEL, sizeof(double), err);
  e->g = as_alloc(chunks * CHUNK * k, sizeof(double), err);
  e->loss = as_alloc(chunks * CHUNK, sizeof(double), err);
  e->square = as_alloc(k, sizeof(double), err);
  e->xc = as_alloc(chunks * CHUNK * DEPTH, sizeof(double), err);
  e->xs = as_alloc(e->strips * COLS * CHUNK, sizeof(double), err);
  e->bias = as_alloc(k, sizeof(double), err);
  e->spread = as_alloc(k, sizeof(double), err);
  e->own = as_alloc(k * k, sizeof(double), err);
  e->products = as_alloc(k * e->panels * PANEL, sizeof(double), err);
  e->factor = as_alloc(k * k, sizeof(double), err);
  if (!e->w || !e->b || !e->z || !e->g || !e->loss || !e->square || !e->xc || !e->xs || !e->bias ||
      !e->spread || !e->own || !e->products || !e->factor) {
    as_probe_exact_destroy(out);
    return AS_E_ENV;
  }
  return AS_OK;
}
