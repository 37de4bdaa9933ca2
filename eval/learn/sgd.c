#include "eval/learn/sgd.h"

#include <math.h>
#include <string.h>

#include "eval/learn/logits.h"
#include "tensor/base/checked.h"
#include "tensor/base/file.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"
#include "tensor/norm.h"
#include "tensor/outer.h"
#include "tensor/tensor.h"

enum {
  CHUNK = AS_OUTER_ROWS,
  PANEL = AS_OUTER_PANEL,
  COLS = 64,
  SOME = 8 /* rows that are placed together */
};

struct as_sgd {
  const as_protocol *p;
  size_t n, d, k, batch;
  size_t numel; /* of w with what fills its panels */
  uint64_t seed;
  uint32_t *order; /* [n] */
  as_linear *linear;
  float *w, *b;   /* w: [panels][d][PANEL], where `linear` has it; b: [k] */
  float *vw, *vb; /* velocities, likewise */
  float *gw, *gb; /* gradients of the mean loss */
  float *x;       /* [batch, ld] rows of the step, normalised with BatchNorm */
  size_t ld;
  float *z;             /* [batch, k] logits, probabilities, p - onehot */
  as_outer outer;       /* the gradient of the weights, in double */
  double *loss;         /* [batch] */
  double *square;       /* [k] per class, for the norms */
  double *mean, *var;   /* [d] running averages of BatchNorm */
  const float *in;      /* of the step in work: its rows, */
  const uint32_t *from; /* [m] of these those, or NULL: all, */
  const uint32_t *next; /* [n_next] and those of the step after it */
  size_t n_next;
  const int *y;
  size_t m;         /* and their number */
  double lr, scale; /* scale: trust ratio of the weights */
};

void as_sgd_destroy(as_sgd **sgd) {
  as_sgd *s = *sgd;
  if (!s) return;
  as_linear_destroy(&s->linear);
  void *all[] = {s->order,   s->b,       s->vw,          s->vb,     s->gw,   s->gb,  s->x,   s->z,
                 s->outer.a, s->outer.b, s->outer.total, s->square, s->mean, s->var, s->loss};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  as_free(s);
  *sgd = NULL;
}

/* Where weight j of class c is. */
static size_t sgd_place(const as_sgd *s, size_t c, size_t j) {
  return (c / PANEL * s->d + j) * PANEL + c % PANEL;
}

/* Row c of the start weights. */
static void start_row(void *ctx, size_t c, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  as_rng r = as_rng_make(s->seed, as_rng_stream("probe.weight"));
  uint64_t numel = (uint64_t)s->k * s->d;
  for (size_t j = 0; j < s->d; j++) {
    uint64_t i = (uint64_t)c * s->d + j;
    double v = as_rng_normal(r, i);
    if (s->p->init == AS_INIT_LECUN) { /* what lies beyond two deviations is drawn again */
      while (!(fabs(v) <= 2.0)) v = as_rng_normal(r, i += numel);
      v /= sqrt((double)s->d);
    } else {
      v *= 0.01;
    }
    s->w[sgd_place(s, c, j)] = (float)v;
  }
}

as_status as_sgd_create(as_sgd **out, const as_protocol *p, size_t n, size_t d, size_t classes, uint64_t seed,
                        as_err *err) {
  *out = NULL;
  size_t numel, rows;
  if (n < 1 || n > UINT32_MAX || d < 1 || classes < 2 || classes > INT32_MAX)
    return as_fail(err, AS_E_USAGE,
                   "probe: found %zu rows of %zu features in %zu classes, wanted 1, 1, 2 or more", n, d,
                   classes);
  size_t batch = (size_t)p->batch < n ? (size_t)p->batch : n;
  size_t width = d > classes ? d : classes;
  if (!as_mul_size(classes, d, &numel) || !as_mul_size(batch, width, &rows))
    return as_fail(err, AS_E_ENV, "probe: %zu classes of %zu features do not fit into memory", classes, d);
  as_sgd *s = as_calloc(1, sizeof *s, err);
  if (!s) return AS_E_ENV;
  s->p = p;
  s->n = n;
  s->d = d;
  s->k = classes;
  s->batch = batch;
  s->seed = seed;
  s->outer.m = d;
  s->outer.n = classes;
  s->numel = as_outer_panels(classes) * PANEL * d;
  s->ld = as_tensor_ld((int)d);
  s->order = as_alloc(n, sizeof *s->order, err);
  s->b = as_calloc(classes, sizeof(float), err);
  s->vw = as_calloc(s->numel, sizeof(float), err);
  s->vb = as_calloc(classes, sizeof(float), err);
  s->gw = p->optimizer == AS_SGD ? NULL : as_calloc(s->numel, sizeof(float), err);
  s->gb = as_alloc(classes, sizeof(float), err);
  s->x = as_alloc(batch, s->ld * sizeof(float), err);
  s->z = as_alloc(batch * classes, sizeof(float), err);
  s->outer.a = as_alloc(as_outer_a_floats(batch, d), sizeof(float), err);
  s->outer.b = as_alloc(as_outer_b_floats(batch, classes), sizeof(float), err);
  s->outer.total = as_alloc(as_outer_part_doubles(), sizeof(double), err);
  s->loss = as_alloc(batch, sizeof(double), err);
  s->square = as_alloc(classes, sizeof(double), err);
  s->mean = as_calloc(d, sizeof(double), err);
  s->var = as_alloc(d, sizeof(double), err);
  bool all = s->order && s->b && s->vw && s->vb && (s->gw || p->optimizer == AS_SGD) && s->gb && s->x &&
             s->z && s->outer.a && s->outer.b && s->outer.total && s->loss && s->square && s->mean && s->var;
  all = all && as_linear_create(&s->linear, (int)classes, (int)d, s->vw, NULL, err) == AS_OK;
  if (!all) {
    as_sgd_destroy(&s);
    return AS_E_ENV;
  }
  s->w = as_linear_panels(s->linear);
  for (size_t j = 0; j < d; j++) s->var[j] = 1.0;
  as_par_for(classes, start_row, s);
  *out = s;
  return AS_OK;
}

size_t as_sgd_steps(const as_sgd *s) {
  return (s->n + s->batch - 1) / s->batch;
}

const uint32_t *as_sgd_order(as_sgd *s, int epoch) {
  as_rng_permutation(as_rng_make(s->seed, as_rng_stream("probe.order") + (uint64_t)epoch), s->order, s->n);
  return s->order;
}

/* --- BatchNorm ----------------------------------------------------------------------------------------- */

/* COLS columns: means and variances over the batch in double, in row order; running averages as PyTorch's
 * (momentum 0.1, the unbiased variance). */
static void norm_columns(void *ctx, size_t strip, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  size_t col = strip * COLS, cols = s->d - col < COLS ? s->d - col : COLS;
  double mean[COLS] = {0}, var[COLS] = {0}, m = (double)s->m;
  for (size_t i = 0; i < s->m; i++)
    for (size_t j = 0; j < cols; j++) mean[j] += (double)s->x[i * s->ld + col + j];
  for (size_t j = 0; j < cols; j++) mean[j] /= m;
  for (size_t i = 0; i < s->m; i++)
    for (size_t j = 0; j < cols; j++) {
      double v = (double)s->x[i * s->ld + col + j] - mean[j];
      var[j] += v * v;
    }
  for (size_t j = 0; j < cols; j++) {
    double unbiased = s->m > 1 ? var[j] / (m - 1.0) : 0.0;
    s->mean[col + j] = 0.9 * s->mean[col + j] + 0.1 * mean[j];
    s->var[col + j] = 0.9 * s->var[col + j] + 0.1 * unbiased;
    var[j] = 1.0 / sqrt(var[j] / m + s->p->batch_norm);
  }
  for (size_t i = 0; i < s->m; i++)
    for (size_t j = 0; j < cols; j++)
      s->x[i * s->ld + col + j] = (float)(((double)s->x[i * s->ld + col + j] - mean[j]) * var[j]);
}

/* --- loss and gradient ----------------------------------------------------------------------------------- */

/* SOME rows: logits to losses and to (p - onehot) / m. */
static void loss_rows(void *ctx, size_t part, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  const size_t k = s->k, first = part * SOME, end = s->m - first < SOME ? s->m : first + SOME;
  const float m = (float)s->m;
  for (size_t i = first; i < end; i++) {
    float *z = s->z + i * k, low;
    const float most = as_logits_add(k, s->b, z, &low);
    const size_t top = as_logits_find(k, z, most), y = (size_t)s->y[i];
    s->loss[i] = (double)most - (double)z[y];
    as_softmax(1, (int)k, z, k, z, k);
    s->loss[i] -= as_log((double)z[top]); /* the largest probability is 1 / sum */
    z[y] -= 1.0f;
    for (size_t c = 0; c < k; c++) z[c] /= m;
  }
  as_outer_place_b(&s->outer, first, end - first, s->z + first * k, k, AS_PROBE_NOTHING);
}

/* The gradient of the bias of COLS classes: a chain over each chunk, and the chunks in double. */
static void sum_bias(void *ctx, size_t block, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  const size_t c0 = block * COLS, n = s->k - c0 < COLS ? s->k - c0 : COLS;
  double bias[COLS] = {0};
  for (size_t first = 0; first < s->m; first += CHUNK) {
    float sum[COLS] = {0};
    for (size_t i = first; i < s->m && i < first + CHUNK; i++) {
      const float *z = s->z + i * s->k + c0;
      if (n == COLS)
        for (size_t c = 0; c < COLS; c++) sum[c] += z[c]; /* a length that compilers know becomes vectors */
      else
        for (size_t c = 0; c < n; c++) sum[c] += z[c];
    }
    for (size_t c = 0; c < n; c++) bias[c] += (double)sum[c];
  }
  for (size_t c = 0; c < n; c++) s->gb[c0 + c] = (float)bias[c];
}

/* --- the step -------------------------------------------------------------------------------------------- */

typedef struct norm_job {
  const as_sgd *s;
  const float *x;
} norm_job;

/* Of a panel of classes, the squares of each in one chain. */
static void square_panel(void *ctx, size_t panel, int worker) {
  (void)worker;
  const norm_job *j = ctx;
  const as_sgd *s = j->s;
  const float *x = j->x + panel * s->d * PANEL;
  double sum[PANEL] = {0};
  for (size_t i = 0; i < s->d; i++, x += PANEL)
    for (size_t c = 0; c < PANEL; c++) sum[c] += (double)x[c] * (double)x[c];
  for (size_t c = 0; c < PANEL && panel * PANEL + c < s->k; c++) s->square[panel * PANEL + c] = sum[c];
}

/* |x| of weights: per class, then the classes in order. */
static double norm_of(const as_sgd *s, const float *x) {
  norm_job j = {s, x};
  as_par_for(as_outer_panels(s->k), square_panel, &j);
  double sum = 0.0;
  for (size_t c = 0; c < s->k; c++) sum += s->square[c];
  return sqrt(sum);
}

static double norm_of_bias(const as_sgd *s, const float *x) {
  double sum = 0.0;
  for (size_t c = 0; c < s->k; c++) sum += (double)x[c] * (double)x[c];
  return sqrt(sum);
}

/* One parameter vector. In stretches of a length that compilers know, and what is written is in places of its own: then
 * the loops become vectors. */
static inline void update_some(const as_protocol *p, size_t n, float *w, float *v, const float *g, double lr,
                               double scale) {
  const float mu = (float)p->momentum, decay = (float)p->weight_decay, rate = (float)lr, by = (float)scale;
  float step[AS_OUTER_PANEL], speed[AS_OUTER_PANEL];
  for (size_t i = 0; i < n; i++) step[i] = (g[i] + decay * w[i]) * by;
  for (size_t i = 0; i < n; i++) speed[i] = mu * v[i] + step[i];
  for (size_t i = 0; i < n; i++) v[i] = speed[i];
  if (p->nesterov)
    for (size_t i = 0; i < n; i++) speed[i] = step[i] + mu * speed[i];
  for (size_t i = 0; i < n; i++) w[i] -= rate * speed[i];
}

static void update(const as_protocol *p, size_t n, float *w, float *v, const float *g, double lr,
                   double scale) {
  size_t i = 0;
  for (; i + AS_OUTER_PANEL <= n; i += AS_OUTER_PANEL)
    update_some(p, AS_OUTER_PANEL, w + i, v + i, g + i, lr, scale);
  update_some(p, n - i, w + i, v + i, g + i, lr, scale);
}

/* The gradient of m features' weights of a panel of classes: to the others, or where nothing is asked of all of them at
 * once, to use. */
static void take_gradient(void *ctx, size_t i, size_t j, size_t m, size_t n, const double *piece) {
  as_sgd *s = ctx;
  const size_t at = sgd_place(s, j, i);
  (void)n; /* what fills the panel has a gradient of 0 */
  for (size_t r = 0; r < m; r++) {
    float g[PANEL], *to = s->gw ? s->gw + at + r * PANEL : g;
    for (size_t c = 0; c < PANEL; c++) to[c] = (float)piece[r * PANEL + c];
    if (!s->gw) update_some(s->p, PANEL, s->w + at + r * PANEL, s->vw + at + r * PANEL, g, s->lr, 1.0);
  }
}

static void gradient(as_sgd *s) {
  s->outer.rows = s->m;
  as_par_for((s->k + COLS - 1) / COLS, sum_bias, s);
  as_outer_each(&s->outer, take_gradient, s);
}

static void decay_panel(void *ctx, size_t panel, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  const float decay = (float)s->p->weight_decay;
  const size_t size = s->d * PANEL;
  for (size_t i = panel * size; i < (panel + 1) * size; i++) s->gw[i] += decay * s->w[i];
}

static void update_panel(void *ctx, size_t panel, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  const size_t size = s->d * PANEL, at = panel * size;
  update(s->p, size, s->w + at, s->vw + at, s->gw + at, s->lr, s->scale);
}

static double trust_ratio(const as_protocol *p, double w, double g) {
  if (!(w > 0.0) || !(g > 0.0)) return 1.0;
  return p->optimizer == AS_LARS ? p->trust * w / g : p->trust * w / (g + w * p->weight_decay + 1e-8);
}

static void apply(as_sgd *s) {
  as_protocol plain = *s->p;
  double bias_scale = 1.0;
  s->scale = 1.0;
  if (s->p->optimizer == AS_LARS) {
    if (s->p->weight_decay > 0.0) as_par_for(as_outer_panels(s->k), decay_panel, s);
    s->scale = trust_ratio(s->p, norm_of(s, s->w), norm_of(s, s->gw));
    plain.weight_decay = 0.0; /* the bias has none */
  } else if (s->p->optimizer == AS_LARC) {
    double w = norm_of(s, s->w), g = norm_of(s, s->gw);
    double wb = norm_of_bias(s, s->b), gb = norm_of_bias(s, s->gb);
    s->scale = trust_ratio(s->p, w, g);
    bias_scale = trust_ratio(s->p, wb, gb);
    if (!(wb > 0.0) || !(gb > 0.0)) plain.weight_decay = 0.0; /* apex leaves such a parameter alone */
  }
  if (s->gw) {
    const as_protocol *keep = s->p;
    as_protocol weights = *s->p;
    if (s->p->optimizer == AS_LARS) weights.weight_decay = 0.0; /* already in the gradient */
    s->p = &weights;
    as_par_for(as_outer_panels(s->k), update_panel, s);
    s->p = keep;
  }
  update(&plain, s->k, s->b, s->vb, s->gb, s->lr, bias_scale);
}

/* SOME rows to where they are worked on. Those of the step after this one the disk brings meanwhile. */
static void gather_rows(void *ctx, size_t part, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  const size_t first = part * SOME, end = s->m - first < SOME ? s->m : first + SOME;
  for (size_t i = first; i < end; i++) {
    memcpy(s->x + i * s->ld, s->in + (s->from ? s->from[i] : i) * s->d, s->d * sizeof *s->x);
    if (i < s->n_next) as_file_expect(s->in + s->next[i] * s->d, s->d * sizeof *s->in, AS_ACCESS_SOON);
  }
  if (!(s->p->batch_norm > 0))
    as_outer_place_a(&s->outer, first, end - first, s->x + first * s->ld, s->ld, 0.0f);
}

static void place_rows(void *ctx, size_t part, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  const size_t first = part * SOME, end = s->m - first < SOME ? s->m : first + SOME;
  as_outer_place_a(&s->outer, first, end - first, s->x + first * s->ld, s->ld, 0.0f);
}

/* s->in, s->from, s->y, s->m, and s->next and s->n_next say which rows. */
static double take_step(as_sgd *s, double lr) {
  s->lr = lr;
  as_par_for((s->m + SOME - 1) / SOME, gather_rows, s);
  if (s->p->batch_norm > 0) {
    as_par_for((s->d + COLS - 1) / COLS, norm_columns, s);
    as_par_for((s->m + SOME - 1) / SOME, place_rows, s);
  }
  const as_linear_args a = {.in = s->x, .ld_in = s->ld, .rows = s->m, .out = s->z, .ld_out = s->k};
  as_linear_run(s->linear, &a);
  as_par_for((s->m + SOME - 1) / SOME, loss_rows, s);
  double loss = 0.0;
  for (size_t i = 0; i < s->m; i++) loss += s->loss[i];
  gradient(s);
  apply(s);
  return loss / (double)s->m;
}

double as_sgd_step(as_sgd *s, const float *x, const int *y, size_t m, double lr) {
  s->in = x;
  s->from = NULL;
  s->n_next = 0;
  s->y = y;
  s->m = m;
  return take_step(s, lr);
}

void as_sgd_head(const as_sgd *s, float *weight, float *bias) {
  for (size_t c = 0; c < s->k; c++) {
    double shift = 0.0;
    for (size_t j = 0; j < s->d; j++) {
      double w = (double)s->w[sgd_place(s, c, j)];
      if (s->p->batch_norm > 0) {
        w /= sqrt(s->var[j] + s->p->batch_norm);
        shift += w * s->mean[j];
      }
      weight[c * s->d + j] = (float)w;
    }
    bias[c] = (float)((double)s->b[c] - shift);
  }
}

/* --- fixed features --------------------------------------------------------------------------------------- */

typedef struct fixed_fit {
  as_sgd *sgd;
  const float *x;
  const int *y;
  size_t d, used;
  uint32_t *row; /* [used] rows that have a class */
  /* of a batch: */
  int *label;
  uint32_t *from, *next;
  /* where it stands: */
  int epoch;
  size_t step;
  double sum; /* of the losses of this epoch's rows */
} fixed_fit;

static void keep_fit(void *ctx, as_keep *k) {
  fixed_fit *f = ctx;
  const as_sgd *s = f->sgd;
  as_keep_block(k, &f->epoch, sizeof f->epoch);
  as_keep_block(k, &f->step, sizeof f->step);
  as_keep_block(k, &f->sum, sizeof f->sum);
  as_keep_block(k, s->w, s->numel * sizeof *s->w);
  as_keep_block(k, s->vw, s->numel * sizeof *s->vw);
  as_keep_block(k, s->b, s->k * sizeof *s->b);
  as_keep_block(k, s->vb, s->k * sizeof *s->vb);
  as_keep_block(k, s->mean, s->d * sizeof *s->mean);
  as_keep_block(k, s->var, s->d * sizeof *s->var);
}

/* One step; the mean loss of its batch. */
static double take_batch(fixed_fit *f, const as_protocol *p, const uint32_t *order, size_t m) {
  as_sgd *s = f->sgd;
  const size_t first = f->step * s->batch, left = f->used - first - m;
  for (size_t i = 0; i < m; i++) {
    f->from[i] = f->row[order[first + i]];
    f->label[i] = f->y[f->from[i]];
  }
  s->n_next = left < m ? left : m;
  for (size_t i = 0; i < s->n_next; i++) f->next[i] = f->row[order[first + m + i]];
  s->in = f->x;
  s->from = f->from;
  s->next = f->next;
  s->y = f->label;
  s->m = m;
  const double mean = take_step(s, as_protocol_lr(p, f->epoch, f->step, as_sgd_steps(s)));
  f->sum += mean * (double)m;
  return mean;
}

static as_status run_epochs(fixed_fit *f, const as_protocol *p, as_keep *keep, as_err *err) {
  const size_t batch = f->sgd->batch, steps = as_sgd_steps(f->sgd), all = (size_t)p->epochs * steps;
  for (; f->epoch < p->epochs; f->epoch++, f->step = 0) {
    const uint32_t *order = as_sgd_order(f->sgd, f->epoch);
    if (f->step == 0) f->sum = 0.0;
    for (; f->step < steps; f->step++) {
      if (as_keep_pause(keep, "training steps", (size_t)f->epoch * steps + f->step, all))
        return as_keep_left(keep, err);
      const size_t left = f->used - f->step * batch;
      if (!isfinite(take_batch(f, p, order, left < batch ? left : batch)))
        return as_fail(err, AS_E_INPUT,
                       "protocol %s: the loss is not finite in epoch %d, step %zu (rate too high?)", p->name,
                       f->epoch + 1, f->step + 1);
    }
  }
  return AS_OK;
}

as_status as_sgd_fit(const as_protocol *p, const as_labelled *rows, uint64_t seed, as_keep *keep,
                     float *weight, float *bias, double *loss, as_err *err) {
  const size_t n = rows->n, d = rows->d;
  fixed_fit f = {.x = rows->x, .y = rows->y, .d = d, .row = as_alloc(n ? n : 1, sizeof *f.row, err)};
  bool found;
  if (!f.row) return AS_E_ENV;
  for (size_t i = 0; i < n; i++)
    if (rows->y[i] >= 0) f.row[f.used++] = (uint32_t)i;
  as_status st = as_sgd_create(&f.sgd, p, n > UINT32_MAX ? n : f.used, d, rows->classes, seed, err);
  if (st == AS_OK) {
    f.from = as_alloc(f.sgd->batch, sizeof *f.from, err);
    f.label = as_alloc(f.sgd->batch, sizeof *f.label, err);
    f.next = as_alloc(f.sgd->batch, sizeof *f.next, err);
    if (!f.label || !f.from || !f.next) st = AS_E_ENV;
  }
  if (st == AS_OK && (st = as_keep_enter(keep, keep_fit, &f, &found, err)) == AS_OK) {
    as_file_expect(f.x, n * d * sizeof *f.x, AS_ACCESS_SCATTERED);
    st = run_epochs(&f, p, keep, err);
    as_file_expect(f.x, n * d * sizeof *f.x, AS_ACCESS_ORDERED);
    as_keep_leave(keep);
  }
  if (st == AS_OK && loss) *loss = f.sum / (double)f.used;
  if (st == AS_OK) as_sgd_head(f.sgd, weight, bias);
  void *all[] = {f.row, f.from, f.next, f.label};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  as_sgd_destroy(&f.sgd);
  return st;
}
