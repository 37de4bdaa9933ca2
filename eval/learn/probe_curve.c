/* A guess at the inverse of the second derivatives, so that the search takes tens of steps instead of thousands.
 *
 * The Hessian's block for class c (weights and intercept; features less their mean, with a 1 behind them) is
 *
 *   M_c = sum_i w_ic x_i x_i^T + R,     w_ic = p_ic (1 - p_ic),     R = 1 / C by the weights, a little by the intercept,
 *
 * and that between the classes c and e is - sum_i p_ic p_ie x_i x_i^T. The guess is P = K diag(M_c^-1) K, where K takes
 * away the mean over the classes. What it leaves out, the blocks between classes, matters most where all classes move
 * alike: there the true curvature is the penalty's alone, while the blocks add up to all of the data's. K keeps the
 * search out of there, and nothing is lost: over the classes the gradient of the losses sums to 0, so at the minimum,
 * and on the way from a start at 0, the weights do too.
 *
 * Most w_ic are tiny: a row is undecided between a few of 200 classes. Rows below a threshold are left out, and the
 * others scaled up to the same total; the threshold is the lowest for which the work fits the budget. With
 * Z = the rows that stay, times sqrt(w_ic) R^-1/2,
 *
 *   M_c = R^1/2 (1 + Z^T Z) R^1/2     and     (1 + Z^T Z)^-1 = 1 - Z^T (1 + Z Z^T)^-1 Z,
 *
 * so a Cholesky factor of 1 + Z^T Z (a column per feature) or of 1 + Z Z^T (a column per row) serves, whichever is
 * smaller. No eigenvalue of either is below 1. In float, rounding could make one so where another is beyond 10^7;
 * R is kept so large that none is.
 *
 * At W = 0 all p are 1 / k, and one block serves all classes. A guess that is off costs steps, never truth. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "eval/learn/probe_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"

enum {
  SIDE = 64,            /* columns of a factor that are made together */
  DEPTH = 512,          /* rows of Z that are summed together */
  GROUP = 16,           /* classes that are counted together */
  COLS = 128,           /* columns whose mean is taken together */
  TALL = 16,            /* rows of Z that are gathered side by side */
  LEVELS = 28,          /* thresholds 2^-3, 2^-4, ... */
  MOST_FLOATS = 1 << 26 /* of all factors together */
};
static const double largest_eigenvalue = 1e6; /* of Z^T Z */

/* One class' M_c^-1. */
typedef struct block {
  size_t rows;                     /* of Z */
  uint32_t *row;                   /* [rows] of the problem, owned */
  float *root;                     /* [rows] sqrt(w_ic), owned */
  double weight_scale, bias_scale; /* R^-1/2 */
  bool by_feature;                 /* the factor is that of 1 + Z^T Z */
  size_t side;
  float *factor; /* [side, side] lower triangle, owned */
} block;

struct as_probe_curve {
  const as_probe_problem *p;
  double *square; /* [n] |x - mean|^2 */
  block *blocks;  /* [n_blocks]: one for all classes, or one for each; NULL = the penalty alone */
  size_t n_blocks;
  double *room; /* [k][d + 1] */
  double *v;    /* of the product in work */
};

/* What is known of each class before its rows are chosen. */
typedef struct census {
  as_probe_curve *curve;
  size_t *count; /* [k][LEVELS] rows with w in (2^-(l + 3), 2^-(l + 2)] */
  double *total; /* [k] of w */
  double *trace; /* [k] of w |x|^2 */
  size_t first, rows;
  const float *p;
  int level;     /* second pass: rows up to this level are taken */
  block *blocks; /* likewise */
  double *kept;  /* [k] of w in these rows */
} census;

/* --- factors ---------------------------------------------------------------------------------------------- */

static float dot_floats(size_t n, const float *a, const float *b) {
  float s[4] = {0};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (size_t k = 0; k < 4; k++) s[k] += a[i + k] * b[i + k];
  for (size_t k = 0; i < n; i++, k++) s[k] += a[i] * b[i];
  return (s[0] + s[2]) + (s[1] + s[3]);
}

/* In place, the lower triangle alone. Strip by strip: what the strips before contribute as one product, then the
 * strip's own columns. A pivot is at least 1, see above. */
static void factorise(block *b, float *strip, void *pack) {
  const size_t n = b->side;
  float *a = b->factor;
  for (size_t j0 = 0; j0 < n; j0 += SIDE) {
    const size_t cols = n - j0 < SIDE ? n - j0 : SIDE, rows = n - j0;
    if (j0 > 0) as_gemm_nt(&(as_product){rows, cols, j0, a + j0 * n, n, a + j0 * n, n, strip, SIDE}, pack);
    for (size_t i = 0; j0 > 0 && i < rows; i++)
      for (size_t j = 0; j < cols && j <= i; j++) a[(j0 + i) * n + j0 + j] -= strip[i * SIDE + j];
    for (size_t j = 0; j < cols; j++) {
      float *own = a + (j0 + j) * n + j0;
      float pivot = own[j] - dot_floats(j, own, own);
      own[j] = pivot > 1.0f ? sqrtf(pivot) : 1.0f;
      for (size_t i = j + 1; i < rows; i++) {
        float *other = a + (j0 + i) * n + j0;
        other[j] = (other[j] - dot_floats(j, other, own)) / own[j];
      }
    }
  }
}

/* n rows of Z from the one at `first` on: z[i][j], d + 1 apart, or transposed: z[j][i], n apart. The last column is the
 * intercept's. */
static void gather_rows(const as_probe_problem *p, const block *b, size_t first, size_t n, bool transposed,
                        float *z) {
  const size_t d = p->d, step = transposed ? 1 : d + 1, down = transposed ? n : 1;
  for (size_t i0 = 0; i0 < n; i0 += TALL) { /* so many rows side by side that their lines stay near */
    const size_t rows = n - i0 < TALL ? n - i0 : TALL;
    const float *x[TALL];
    float by[TALL];
    for (size_t i = 0; i < rows; i++) {
      x[i] = p->x + b->row[first + i0 + i] * d;
      by[i] = b->root[first + i0 + i] * (float)b->weight_scale;
      z[(i0 + i) * step + d * down] = b->root[first + i0 + i] * (float)b->bias_scale;
    }
    if (transposed) {
      for (size_t j = 0; j < d; j++)
        for (size_t i = 0; i < rows; i++) z[j * n + i0 + i] = by[i] * (x[i][j] - p->mean[j]);
    } else {
      for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < d; j++) z[(i0 + i) * step + j] = by[i] * (x[i][j] - p->mean[j]);
    }
  }
}

/* 1 + Z^T Z or 1 + Z Z^T, lower triangle, strip by strip. z: room for DEPTH rows, or all. */
static void fill_gram(const as_probe_problem *p, block *b, float *z, float *strip, void *pack) {
  const size_t n = b->side, wide = p->d + 1;
  memset(b->factor, 0, n * n * sizeof *b->factor);
  for (size_t first = 0; first < (b->by_feature ? b->rows : 1); first += DEPTH) {
    const size_t depth = !b->by_feature ? wide : b->rows - first < DEPTH ? b->rows - first : DEPTH;
    gather_rows(p, b, first, b->by_feature ? depth : b->rows, b->by_feature, z);
    for (size_t j0 = 0; j0 < n; j0 += SIDE) {
      const size_t cols = n - j0 < SIDE ? n - j0 : SIDE, rows = n - j0;
      const float *from = z + j0 * depth;
      as_gemm_nt(&(as_product){rows, cols, depth, from, depth, from, depth, strip, SIDE}, pack);
      for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols && j <= i; j++) b->factor[(j0 + i) * n + j0 + j] += strip[i * SIDE + j];
    }
  }
  for (size_t i = 0; i < n; i++) b->factor[i * n + i] += 1.0f;
}

static as_status build_block(const as_probe_problem *p, block *b) {
  const size_t wide = p->d + 1, depth = b->by_feature ? DEPTH : wide;
  if (b->rows == 0) return AS_OK;
  const size_t deepest = depth > b->side ? depth : b->side;
  float *z = as_alloc(b->by_feature ? wide * DEPTH : b->rows * wide, sizeof *z, NULL);
  float *strip = as_alloc(b->side * SIDE, sizeof *strip, NULL);
  void *pack = as_alloc(as_gemm_scratch(SIDE, deepest), 1, NULL);
  b->factor = as_alloc(b->side * b->side, sizeof *b->factor, NULL);
  bool room = z && strip && pack && b->factor;
  if (room) {
    fill_gram(p, b, z, strip, pack);
    factorise(b, strip, pack);
  }
  as_free(z);
  as_free(strip);
  as_free(pack);
  return room ? AS_OK : AS_E_ENV;
}

static void clear_blocks(block *blocks, size_t n) {
  for (size_t i = 0; blocks && i < n; i++) {
    as_free(blocks[i].row);
    as_free(blocks[i].root);
    as_free(blocks[i].factor);
  }
  as_free(blocks);
}

/* R of a class, from the total of its w and of its w |x|^2. */
static void choose_scales(const as_probe_problem *p, block *b, double total, double trace) {
  double penalty = fmax(1.0 / p->c, trace / largest_eigenvalue);
  double curve = fmax(total, 1e-9); /* by the intercept; R is a thousandth of it where rows say the rest */
  b->weight_scale = 1.0 / sqrt(penalty);
  b->bias_scale = 1.0 / sqrt(b->rows > 0 ? 1e-3 * curve : curve);
}

static double cost_of(size_t rows, size_t wide) {
  double small = (double)(rows < wide ? rows : wide), large = (double)(rows < wide ? wide : rows);
  return small * small * (large + small / 3.0);
}

/* --- at the start ------------------------------------------------------------------------------------------- */

as_status as_probe_curve_begin(as_probe_curve *c, double budget, as_err *err) {
  const as_probe_problem *p = c->p;
  const double w = (1.0 - 1.0 / (double)p->k) / (double)p->k;
  size_t rows = p->n;
  while (rows > 1 && (cost_of(rows, p->d + 1) > budget ||
                      (rows < p->d + 1 ? rows * rows : (p->d + 1) * (p->d + 1)) > MOST_FLOATS))
    rows -= rows / 8 + 1;
  block *b = as_calloc(1, sizeof *b, err);
  if (!b) return AS_E_ENV;
  b->rows = rows;
  b->by_feature = rows > p->d + 1;
  b->side = b->by_feature ? p->d + 1 : rows;
  b->row = as_alloc(rows, sizeof *b->row, err);
  b->root = as_alloc(rows, sizeof *b->root, err);
  double trace = 0.0;
  for (size_t i = 0; i < p->n; i++) trace += w * c->square[i];
  choose_scales(p, b, w * (double)p->n, trace);
  if (!b->row || !b->root) {
    clear_blocks(b, 1);
    return AS_E_ENV;
  }
  for (size_t i = 0; i < rows; i++) { /* evenly spread where not all fit */
    b->row[i] = (uint32_t)((double)i * ((double)p->n / (double)rows));
    b->root[i] = (float)sqrt(w * (double)p->n / (double)rows);
  }
  if (build_block(p, b) != AS_OK) {
    clear_blocks(b, 1);
    return as_fail(err, AS_E_ENV, "probe: out of memory");
  }
  clear_blocks(c->blocks, c->n_blocks);
  c->blocks = b;
  c->n_blocks = 1;
  return AS_OK;
}

/* --- at a point --------------------------------------------------------------------------------------------- */

/* The level of a weight: w > 2^-(level + 3); LEVELS and beyond are never taken. */
static int level_of(float w) {
  int l = 0;
  for (float edge = 0.125f; l < LEVELS && w <= edge; l++) edge *= 0.5f;
  return l;
}

/* First pass: a slab's weights of GROUP classes into the census. */
static void count_group(void *ctx, size_t group, int worker) {
  (void)worker;
  census *s = ctx;
  const size_t k = s->curve->p->k, from = group * GROUP, to = from + GROUP < k ? from + GROUP : k;
  for (size_t i = 0; i < s->rows; i++)
    for (size_t c = from; c < to; c++) {
      float p = s->p[i * k + c], w = p * (1.0f - p);
      int l = level_of(w);
      if (l < LEVELS) s->count[c * LEVELS + (size_t)l]++;
      s->total[c] += (double)w;
      s->trace[c] += (double)w * s->curve->square[s->first + i];
    }
}

/* Second pass: the rows that are taken. */
static void take_group(void *ctx, size_t group, int worker) {
  (void)worker;
  census *s = ctx;
  const size_t k = s->curve->p->k, from = group * GROUP, to = from + GROUP < k ? from + GROUP : k;
  for (size_t i = 0; i < s->rows; i++)
    for (size_t c = from; c < to; c++) {
      float p = s->p[i * k + c], w = p * (1.0f - p);
      if (level_of(w) > s->level) continue;
      block *b = &s->blocks[c];
      b->row[b->rows] = (uint32_t)(s->first + i);
      b->root[b->rows++] = w;
      s->kept[c] += (double)w;
    }
}

static void count_slab(void *ctx, size_t first, size_t rows, const float *p) {
  census *s = ctx;
  s->first = first;
  s->rows = rows;
  s->p = p;
  as_par_for((s->curve->p->k + GROUP - 1) / GROUP, s->blocks ? take_group : count_group, s);
}

static size_t rows_up_to(const census *s, size_t c, int level) {
  size_t n = 0;
  for (int l = 0; l <= level; l++) n += s->count[c * LEVELS + (size_t)l];
  return n;
}

/* The lowest threshold whose work fits; -1: none. */
static int choose_level(const census *s, double budget) {
  const as_probe_problem *p = s->curve->p;
  for (int l = LEVELS - 1; l >= 0; l--) {
    double cost = 0.0, floats = 0.0;
    for (size_t c = 0; c < p->k; c++) {
      size_t rows = rows_up_to(s, c, l), side = rows < p->d + 1 ? rows : p->d + 1;
      cost += cost_of(rows, p->d + 1);
      floats += (double)side * (double)side;
    }
    if (cost <= budget && floats <= MOST_FLOATS) return l;
  }
  return -1;
}

typedef struct build_job {
  const as_probe_problem *p;
  block *blocks;
  as_status *status; /* [k] */
} build_job;

static void build_one(void *ctx, size_t c, int worker) {
  (void)worker;
  build_job *j = ctx;
  j->status[c] = build_block(j->p, &j->blocks[c]);
}

/* Rows and weights of all classes into blocks. */
static as_status take_rows(census *s, as_probe_float *f, const double *point, as_err *err) {
  const as_probe_problem *p = s->curve->p;
  for (size_t c = 0; c < p->k; c++) {
    size_t rows = rows_up_to(s, c, s->level);
    block *b = &s->blocks[c];
    b->row = as_alloc(rows ? rows : 1, sizeof *b->row, err);
    b->root = as_alloc(rows ? rows : 1, sizeof *b->root, err);
    if (!b->row || !b->root) return AS_E_ENV;
    b->by_feature = rows > p->d + 1;
    b->side = b->by_feature ? p->d + 1 : rows;
  }
  as_probe_float_probabilities(f, point, count_slab, s);
  for (size_t c = 0; c < p->k; c++) {
    block *b = &s->blocks[c];
    double up = s->kept[c] > 0.0 ? s->total[c] / s->kept[c] : 1.0;
    for (size_t i = 0; i < b->rows; i++) b->root[i] = (float)sqrt((double)b->root[i] * up);
    choose_scales(p, b, s->total[c], s->trace[c]);
  }
  return AS_OK;
}

as_status as_probe_curve_renew(as_probe_curve *c, as_probe_float *f, const double *point, double budget,
                               as_err *err) {
  const size_t k = c->p->k;
  census s = {.curve = c};
  s.count = as_calloc(k * LEVELS, sizeof *s.count, err);
  s.total = as_calloc(k, sizeof *s.total, err);
  s.trace = as_calloc(k, sizeof *s.trace, err);
  s.kept = as_calloc(k, sizeof *s.kept, err);
  build_job j = {.p = c->p, .status = as_calloc(k, sizeof *j.status, err)};
  as_status st = s.count && s.total && s.trace && s.kept && j.status ? AS_OK : AS_E_ENV;
  if (st == AS_OK) {
    as_probe_float_probabilities(f, point, count_slab, &s);
    s.level = choose_level(&s, budget);
  }
  if (st == AS_OK && s.level >= 0) {
    s.blocks = j.blocks = as_calloc(k, sizeof *s.blocks, err);
    st = s.blocks ? take_rows(&s, f, point, err) : AS_E_ENV;
    if (st == AS_OK) as_par_for(k, build_one, &j);
    for (size_t i = 0; st == AS_OK && i < k; i++)
      if (j.status[i] != AS_OK) st = as_fail(err, AS_E_ENV, "probe: out of memory");
    if (st == AS_OK) {
      clear_blocks(c->blocks, c->n_blocks);
      c->blocks = s.blocks;
      c->n_blocks = k;
    } else {
      clear_blocks(s.blocks, k);
    }
  }
  void *all[] = {s.count, s.total, s.trace, s.kept, j.status};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  return st;
}

/* --- the product ---------------------------------------------------------------------------------------------- */

/* Eight chains, as in lbfgs.c. */
static double dot_mixed(size_t n, const float *a, const double *b) {
  double s[8] = {0};
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (size_t k = 0; k < 8; k++) s[k] += (double)a[i + k] * b[i + k];
  for (size_t k = 0; i < n; i++, k++) s[k] += (double)a[i] * b[i];
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* v = (L L^T)^-1 v */
static void solve_factor(const block *b, double *v) {
  const size_t n = b->side;
  for (size_t i = 0; i < n; i++)
    v[i] = (v[i] - dot_mixed(i, b->factor + i * n, v)) / (double)b->factor[i * n + i];
  for (size_t i = n; i-- > 0;) {
    const float *row = b->factor + i * n;
    v[i] /= (double)row[i];
    for (size_t j = 0; j < i; j++) v[j] -= (double)row[j] * v[i];
  }
}

/* (1 + Z^T Z)^-1 r, by the factor of 1 + Z Z^T; r: [d] weights, *rb the intercept. */
static void solve_by_rows(const as_probe_problem *p, const block *b, double *r, double *rb, double *t) {
  const size_t d = p->d;
  double of_mean = dot_mixed(d, p->mean, r), sum = 0.0;
  for (size_t i = 0; i < b->rows; i++) {
    double inner = dot_mixed(d, p->x + b->row[i] * d, r) - of_mean;
    t[i] = (double)b->root[i] * (b->weight_scale * inner + b->bias_scale * *rb);
  }
  solve_factor(b, t);
  for (size_t i = 0; i < b->rows; i++) {
    const float *x = p->x + b->row[i] * d;
    double by = t[i] * (double)b->root[i], by_w = by * b->weight_scale;
    for (size_t j = 0; j < d; j++) r[j] -= by_w * (double)x[j];
    sum += by;
  }
  for (size_t j = 0; j < d; j++) r[j] += sum * b->weight_scale * (double)p->mean[j];
  *rb -= sum * b->bias_scale;
}

static void solve_by_feature(const as_probe_problem *p, const block *b, double *r, double *rb, double *t) {
  memcpy(t, r, p->d * sizeof *t);
  t[p->d] = *rb;
  solve_factor(b, t);
  memcpy(r, t, p->d * sizeof *t);
  *rb = t[p->d];
}

static void apply_class(void *ctx, size_t c, int worker) {
  (void)worker;
  as_probe_curve *q = ctx;
  const as_probe_problem *p = q->p;
  const block *b = &q->blocks[q->n_blocks == 1 ? 0 : c];
  double *v = q->v + c * p->d, *vb = q->v + p->k * p->d + c, *t = q->room + c * (p->d + 1);
  for (size_t j = 0; j < p->d; j++) v[j] *= b->weight_scale;
  *vb *= b->bias_scale;
  if (b->rows > 0 && b->by_feature) solve_by_feature(p, b, v, vb, t);
  if (b->rows > 0 && !b->by_feature) solve_by_rows(p, b, v, vb, t);
  for (size_t j = 0; j < p->d; j++) v[j] *= b->weight_scale;
  *vb *= b->bias_scale;
}

/* K: less the mean over the classes, for COLS columns; the intercepts are one more column. */
static void centre_columns(void *ctx, size_t strip, int worker) {
  (void)worker;
  as_probe_curve *q = ctx;
  const size_t d = q->p->d, k = q->p->k, from = strip * COLS, to = from + COLS < d ? from + COLS : d;
  double sum[COLS] = {0};
  if (from < d) {
    for (size_t c = 0; c < k; c++)
      for (size_t j = from; j < to; j++) sum[j - from] += q->v[c * d + j];
    for (size_t c = 0; c < k; c++)
      for (size_t j = from; j < to; j++) q->v[c * d + j] -= sum[j - from] / (double)k;
    return;
  }
  for (size_t c = 0; c < k; c++) sum[0] += q->v[k * d + c];
  for (size_t c = 0; c < k; c++) q->v[k * d + c] -= sum[0] / (double)k;
}

void as_probe_curve_apply(as_probe_curve *c, double *v) {
  const size_t strips = (c->p->d + COLS - 1) / COLS;
  c->v = v;
  as_par_for(strips + 1, centre_columns, c);
  as_par_for(c->p->k, apply_class, c);
  as_par_for(strips + 1, centre_columns, c);
}

/* --- set-up ------------------------------------------------------------------------------------------------- */

static void square_row(void *ctx, size_t chunk, int worker) {
  (void)worker;
  as_probe_curve *c = ctx;
  const as_probe_problem *p = c->p;
  for (size_t i = chunk * DEPTH; i < p->n && i < (chunk + 1) * DEPTH; i++) {
    double sum = 0.0;
    for (size_t j = 0; j < p->d; j++) {
      double v = (double)p->x[i * p->d + j] - (double)p->mean[j];
      sum += v * v;
    }
    c->square[i] = sum;
  }
}

as_status as_probe_curve_create(as_probe_curve **out, const as_probe_problem *p, as_err *err) {
  as_probe_curve *c = *out = as_calloc(1, sizeof *c, err);
  if (!c) return AS_E_ENV;
  c->p = p;
  c->square = as_alloc(p->n, sizeof *c->square, err);
  c->room = as_alloc(p->k * (p->d + 1), sizeof *c->room, err);
  if (!c->square || !c->room) {
    as_probe_curve_destroy(out);
    return AS_E_ENV;
  }
  as_par_for((p->n + DEPTH - 1) / DEPTH, square_row, c);
  return AS_OK;
}

const double *as_probe_curve_squares(const as_probe_curve *c) {
  return c->square;
}

void as_probe_curve_destroy(as_probe_curve **out) {
  as_probe_curve *c = *out;
  if (!c) return;
  clear_blocks(c->blocks, c->n_blocks);
  as_free(c->square);
  as_free(c->room);
  as_free(c);
  *out = NULL;
}
