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
 * Z = the rows that stay, times sqrt(w_ic) R^-1/2, it is M_c = R^1/2 (1 + Z^T Z) R^1/2, which probe_factor.c inverts.
 * In float that goes well as long as no eigenvalue of Z^T Z is much beyond 10^6: R is made large enough.
 *
 * At W = 0 all p are 1 / k, and one block serves all classes. A guess that is off costs steps, never truth. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "eval/learn/probe_factor.h"
#include "eval/learn/probe_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum {
  GROUP = 16,            /* classes that are counted together */
  COLS = 128,            /* columns whose mean is taken together */
  CHUNK = 512,           /* rows whose lengths one thread takes */
  LEVELS = 28,           /* thresholds 2^-3, 2^-4, ... */
  MOST_FLOATS = 1 << 26, /* of all factors together */
  USES = 8,              /* products that a renewed guess will serve for, at least */
  SLOW = 12              /* what a step of those costs, in steps of a product of matrices */
};
static const double largest_eigenvalue = 1e6; /* of Z^T Z */

struct as_probe_curve {
  const as_probe_problem *p;
  double *square;         /* [n] |x - mean|^2 */
  as_probe_block *blocks; /* [n_blocks]: one for all classes, or one for each */
  size_t n_blocks;
  float *v;    /* [k][d + 1] vectors in work */
  float *room; /* [k][d + 1] */
  void *many;  /* scratch of the one block */
  double *out; /* of the product in work */
};

/* What is known of each class before its rows are chosen. */
typedef struct census {
  as_probe_curve *curve;
  size_t *count; /* [k][LEVELS] rows with w in (2^-(l + 3), 2^-(l + 2)] */
  double *total; /* [k] of w */
  double *trace; /* [k] of w |x|^2 */
  size_t first, rows;
  const float *p;
  int level;              /* second pass: rows up to this level are taken */
  as_probe_block *blocks; /* likewise */
  double *kept;           /* [k] of w in these rows */
} census;

static void clear_blocks(as_probe_block *blocks, size_t n) {
  for (size_t i = 0; blocks && i < n; i++) as_probe_block_clear(&blocks[i]);
  as_free(blocks);
}

/* Takes over new blocks. */
static void set_blocks(as_probe_curve *c, as_probe_block *blocks, size_t n) {
  clear_blocks(c->blocks, c->n_blocks);
  c->blocks = blocks;
  c->n_blocks = n;
}

/* R of a class, from the total of its w and of its w |x|^2. */
static void choose_scales(const as_probe_problem *p, as_probe_block *b, double total, double trace) {
  double penalty = fmax(1.0 / p->c, trace / largest_eigenvalue);
  double curve = fmax(total, 1e-9); /* by the intercept; R is a thousandth of it where rows say the rest */
  b->weight_scale = 1.0 / sqrt(penalty);
  b->bias_scale = 1.0 / sqrt(b->rows > 0 ? 1e-3 * curve : curve);
}

/* --- at the start ------------------------------------------------------------------------------------------- */

/* The one block of all classes, from its rows and scales. Takes it over. */
static as_status set_shared(as_probe_curve *c, as_probe_block *b, as_err *err) {
  as_free(c->many);
  c->many = as_alloc(as_probe_block_room(b, c->p, c->p->k), 1, err);
  as_status s = c->many ? as_probe_block_build(b, c->p, true) : AS_E_ENV;
  if (s == AS_OK)
    set_blocks(c, b, 1);
  else
    clear_blocks(b, 1);
  return s == AS_OK ? s : as_fail(err, AS_E_ENV, "probe: out of memory");
}

as_status as_probe_curve_begin(as_probe_curve *c, double budget, as_err *err) {
  const as_probe_problem *p = c->p;
  const double w = (1.0 - 1.0 / (double)p->k) / (double)p->k;
  size_t rows = p->n;
  while (rows > 1 && as_probe_block_cost(rows, p->d) > budget) rows -= rows / 8 + 1;
  while (rows > 1 && as_probe_block_side(rows, p->d) > MOST_FLOATS / as_probe_block_side(rows, p->d))
    rows -= rows / 8 + 1;
  as_probe_block *b = as_calloc(1, sizeof *b, err);
  if (!b || as_probe_block_reserve(b, rows, p->d, err) != AS_OK) {
    clear_blocks(b, 1);
    return AS_E_ENV;
  }
  double trace = 0.0;
  for (size_t i = 0; i < p->n; i++) trace += w * c->square[i];
  choose_scales(p, b, w * (double)p->n, trace);
  for (size_t i = 0; i < rows; i++) { /* evenly spread where not all fit */
    b->row[i] = (uint32_t)((double)i * ((double)p->n / (double)rows));
    b->root[i] = (float)sqrt(w * (double)p->n / (double)rows);
  }
  return set_shared(c, b, err);
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
      as_probe_block *b = &s->blocks[c];
      b->row[b->rows] = (uint32_t)(s->first + i);
      b->root[b->rows++] = w;
      s->kept[c] += (double)w;
    }
}

static void visit_slab(void *ctx, size_t first, size_t rows, const float *p) {
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

/* Steps of a class with so many rows, its uses among them. */
static double cost_of_class(const as_probe_problem *p, size_t rows) {
  const double wide = (double)p->d + 1.0, side = (double)as_probe_block_side(rows, p->d);
  double use = side * side + (rows < p->d + 1 ? 2.0 * (double)rows * wide : 0.0);
  return as_probe_block_cost(rows, p->d) + USES * SLOW * use;
}

/* The lowest threshold whose work fits, and what it costs; -1: none. */
static int choose_level(const census *s, double budget, double *cost) {
  const as_probe_problem *p = s->curve->p;
  for (int l = LEVELS - 1; l >= 0; l--) {
    double floats = 0.0;
    *cost = 0.0;
    for (size_t c = 0; c < p->k; c++) {
      const size_t rows = rows_up_to(s, c, l), side = as_probe_block_side(rows, p->d);
      *cost += cost_of_class(p, rows);
      floats += (double)side * (double)side;
    }
    if (*cost <= budget && floats <= MOST_FLOATS) return l;
  }
  *cost = 0.0;
  return -1;
}

typedef struct build_job {
  const as_probe_problem *p;
  as_probe_block *blocks;
  as_status *status; /* [k] */
} build_job;

static void build_class(void *ctx, size_t c, int worker) {
  (void)worker;
  build_job *j = ctx;
  j->status[c] = as_probe_block_build(&j->blocks[c], j->p, false);
}

/* A block for every class, from their rows and scales. Takes them over. */
static as_status set_classes(as_probe_curve *c, as_probe_block *blocks, as_err *err) {
  const size_t k = c->p->k;
  build_job j = {.p = c->p, .blocks = blocks, .status = as_calloc(k, sizeof *j.status, err)};
  as_status s = j.status ? AS_OK : AS_E_ENV;
  if (s == AS_OK) as_par_for(k, build_class, &j);
  for (size_t i = 0; s == AS_OK && i < k; i++)
    if (j.status[i] != AS_OK) s = as_fail(err, AS_E_ENV, "probe: out of memory");
  if (s == AS_OK)
    set_blocks(c, blocks, k);
  else
    clear_blocks(blocks, k);
  as_free(j.status);
  return s;
}

/* Rows and weights of all classes into blocks. */
static as_status take_rows(census *s, as_probe_float *f, const double *point, as_err *err) {
  const as_probe_problem *p = s->curve->p;
  for (size_t c = 0; c < p->k; c++) {
    as_status st = as_probe_block_reserve(&s->blocks[c], rows_up_to(s, c, s->level), p->d, err);
    if (st != AS_OK) return st;
    s->blocks[c].rows = 0; /* counted again as they come */
  }
  as_probe_float_probabilities(f, point, visit_slab, s);
  for (size_t c = 0; c < p->k; c++) {
    as_probe_block *b = &s->blocks[c];
    double up = s->kept[c] > 0.0 ? s->total[c] / s->kept[c] : 1.0;
    for (size_t i = 0; i < b->rows; i++) b->root[i] = (float)sqrt((double)b->root[i] * up);
    choose_scales(p, b, s->total[c], s->trace[c]);
  }
  return AS_OK;
}

as_status as_probe_curve_renew(as_probe_curve *c, as_probe_float *f, const double *point, double budget,
                               double *cost, as_err *err) {
  const size_t k = c->p->k;
  census s = {.curve = c};
  *cost = 0.0;
  s.count = as_calloc(k * LEVELS, sizeof *s.count, err);
  s.total = as_calloc(k, sizeof *s.total, err);
  s.trace = as_calloc(k, sizeof *s.trace, err);
  s.kept = as_calloc(k, sizeof *s.kept, err);
  as_status st = s.count && s.total && s.trace && s.kept ? AS_OK : AS_E_ENV;
  if (st == AS_OK) {
    as_probe_float_probabilities(f, point, visit_slab, &s);
    s.level = choose_level(&s, budget, cost);
  }
  if (st == AS_OK && s.level >= 0) {
    s.blocks = as_calloc(k, sizeof *s.blocks, err);
    st = s.blocks ? take_rows(&s, f, point, err) : AS_E_ENV;
    if (st == AS_OK)
      st = set_classes(c, s.blocks, err);
    else
      clear_blocks(s.blocks, k);
  }
  void *all[] = {s.count, s.total, s.trace, s.kept};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  return st;
}

/* The rows of one block. */
static void keep_block_rows(const as_probe_curve *c, as_probe_block *b, as_keep *k) {
  size_t rows = b->rows;
  as_keep_block(k, &rows, sizeof rows);
  if (as_keep_reads(k)) {
    if (rows > c->p->n) as_keep_fail(k, AS_E_INPUT);
    if (as_keep_status(k) == AS_OK && as_probe_block_reserve(b, rows, c->p->d, NULL) != AS_OK)
      as_keep_fail(k, AS_E_ENV);
    if (as_keep_status(k) != AS_OK) return;
  }
  as_keep_block(k, b->row, rows * sizeof *b->row);
  as_keep_block(k, b->root, rows * sizeof *b->root);
  as_keep_block(k, &b->weight_scale, sizeof b->weight_scale);
  as_keep_block(k, &b->bias_scale, sizeof b->bias_scale);
  for (size_t i = 0; i < rows; i++)
    if (b->row[i] >= c->p->n) as_keep_fail(k, AS_E_INPUT);
}

void as_probe_curve_keep(as_probe_curve *c, as_keep *k) {
  size_t n = c->n_blocks;
  as_keep_block(k, &n, sizeof n);
  if (!as_keep_reads(k)) {
    for (size_t i = 0; i < n; i++) keep_block_rows(c, &c->blocks[i], k);
    return;
  }
  if (n != 1 && n != c->p->k) as_keep_fail(k, AS_E_INPUT);
  as_probe_block *blocks = as_keep_status(k) == AS_OK ? as_calloc(n, sizeof *blocks, NULL) : NULL;
  if (!blocks) as_keep_fail(k, AS_E_ENV);
  for (size_t i = 0; i < n && as_keep_status(k) == AS_OK; i++) keep_block_rows(c, &blocks[i], k);
  if (as_keep_status(k) != AS_OK)
    clear_blocks(blocks, n);
  else if ((n == 1 ? set_shared(c, blocks, NULL) : set_classes(c, blocks, NULL)) != AS_OK)
    as_keep_fail(k, AS_E_ENV);
}

/* --- the product ---------------------------------------------------------------------------------------------- */

/* K: less the mean over the classes, for COLS columns; the intercepts are one more column. */
static void centre_columns(void *ctx, size_t strip, int worker) {
  (void)worker;
  as_probe_curve *q = ctx;
  const size_t d = q->p->d, k = q->p->k, from = strip * COLS, to = from + COLS < d ? from + COLS : d;
  double sum[COLS] = {0};
  if (from < d) {
    for (size_t c = 0; c < k; c++)
      for (size_t j = from; j < to; j++) sum[j - from] += q->out[c * d + j];
    for (size_t c = 0; c < k; c++)
      for (size_t j = from; j < to; j++) q->out[c * d + j] -= sum[j - from] / (double)k;
    return;
  }
  for (size_t c = 0; c < k; c++) sum[0] += q->out[k * d + c];
  for (size_t c = 0; c < k; c++) q->out[k * d + c] -= sum[0] / (double)k;
}

/* R^-1/2 of one class, into the float vectors. */
static void scale_in(void *ctx, size_t c, int worker) {
  (void)worker;
  as_probe_curve *q = ctx;
  const as_probe_block *b = &q->blocks[q->n_blocks == 1 ? 0 : c];
  const size_t d = q->p->d;
  float *v = q->v + c * (d + 1);
  for (size_t j = 0; j < d; j++) v[j] = (float)(q->out[c * d + j] * b->weight_scale);
  v[d] = (float)(q->out[q->p->k * d + c] * b->bias_scale);
  if (q->n_blocks > 1) as_probe_block_solve(b, q->p, v, q->room + c * (d + 1));
}

/* And back again. */
static void scale_out(void *ctx, size_t c, int worker) {
  (void)worker;
  as_probe_curve *q = ctx;
  const as_probe_block *b = &q->blocks[q->n_blocks == 1 ? 0 : c];
  const size_t d = q->p->d;
  const float *v = q->v + c * (d + 1);
  for (size_t j = 0; j < d; j++) q->out[c * d + j] = (double)v[j] * b->weight_scale;
  q->out[q->p->k * d + c] = (double)v[d] * b->bias_scale;
}

void as_probe_curve_apply(as_probe_curve *c, double *v) {
  const size_t strips = (c->p->d + COLS - 1) / COLS;
  c->out = v;
  as_par_for(strips + 1, centre_columns, c);
  as_par_for(c->p->k, scale_in, c);
  if (c->n_blocks == 1) as_probe_block_solve_all(c->blocks, c->p, c->p->k, c->v, c->many);
  as_par_for(c->p->k, scale_out, c);
  as_par_for(strips + 1, centre_columns, c);
}

/* --- set-up ------------------------------------------------------------------------------------------------- */

static void square_row(void *ctx, size_t chunk, int worker) {
  (void)worker;
  as_probe_curve *c = ctx;
  const as_probe_problem *p = c->p;
  for (size_t i = chunk * CHUNK; i < p->n && i < (chunk + 1) * CHUNK; i++) {
    const float *x = as_probe_row(p, i);
    double sum = 0.0;
    for (size_t j = 0; j < p->d; j++) {
      double v = (double)x[j] - (double)p->mean[j];
      sum += v * v;
    }
    c->square[i] = sum;
  }
}

/* Two sets of factors where one takes the other's place, and their rows; what builds one; the vectors in work. */
double as_probe_curve_memory(size_t n, size_t d, size_t k) {
  const double rows = (double)n, wide = (double)d + 1.0, side = rows < wide ? rows : wide,
               all = (double)k * side * side;
  const double factors = all < MOST_FLOATS ? all : MOST_FLOATS;
  return sizeof(double) * rows +
         sizeof(float) * (2.0 * factors + 3.0 * rows + 6.0 * (double)k * wide + 3.0 * wide * wide);
}

as_status as_probe_curve_create(as_probe_curve **out, const as_probe_problem *p, as_err *err) {
  as_probe_curve *c = *out = as_calloc(1, sizeof *c, err);
  if (!c) return AS_E_ENV;
  c->p = p;
  c->square = as_alloc(p->n, sizeof *c->square, err);
  c->v = as_alloc(p->k * (p->d + 1), sizeof *c->v, err);
  c->room = as_alloc(p->k * (p->d + 1), sizeof *c->room, err);
  if (!c->square || !c->v || !c->room) {
    as_probe_curve_destroy(out);
    return AS_E_ENV;
  }
  as_par_for((p->n + CHUNK - 1) / CHUNK, square_row, c);
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
  as_free(c->v);
  as_free(c->room);
  as_free(c->many);
  as_free(c);
  *out = NULL;
}
