#include "eval/learn/sgd.h"

#include <math.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/file.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"
#include "tensor/norm.h"

enum { CHUNK = 256, COLS = 64 };

struct as_sgd {
  const as_protocol *p;
  size_t n, d, k, batch;
  uint64_t seed;
  uint32_t *order; /* [n] */
  float *w, *b;    /* [k, d], [k] */
  float *vw, *vb;  /* velocities */
  float *gw, *gb;  /* gradients of the mean loss */
  double *sum;     /* [strips][k, COLS] when a batch has several chunks */
  float *x;        /* [batch, d] normalised rows, with BatchNorm alone */
  float *z;        /* [batch, k] logits, probabilities, p - onehot */
  float *gt;       /* [chunks][k, CHUNK] its transpose */
  float *part;     /* [strips][k, COLS] one chunk's share, likewise */
  void *pack;
  char *strip_pack; /* [strips][strip_bytes] */
  size_t strips, strip_bytes;
  double *loss;       /* [batch] */
  double *square;     /* [k] per class, for the norms */
  double *mean, *var; /* [d] running averages of BatchNorm */
  const float *in;    /* rows of the step in work */
  const int *y;
  size_t m;         /* rows of the step */
  double lr, scale; /* scale: trust ratio of the weights */
};

void as_sgd_destroy(as_sgd **sgd) {
  as_sgd *s = *sgd;
  if (!s) return;
  void *all[] = {s->order, s->w,  s->b,    s->vw,   s->vb,         s->gw,     s->gb,   s->sum, s->x,
                 s->z,     s->gt, s->part, s->pack, s->strip_pack, s->square, s->mean, s->var, s->loss};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  as_free(s);
  *sgd = NULL;
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
    s->w[c * s->d + j] = (float)v;
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
  size_t width = d > classes ? d : classes, chunks = (batch + CHUNK - 1) / CHUNK;
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
  s->strips = (d + COLS - 1) / COLS;
  /* for whole chunks: a shorter one never needs more than those */
  s->strip_bytes = (as_gemm_scratch(COLS, CHUNK) + 63) / 64 * 64;
  const size_t strip = s->strips * COLS;
  bool several = batch > CHUNK, norm = p->batch_norm > 0;
  s->order = as_alloc(n, sizeof *s->order, err);
  s->w = as_alloc(numel, sizeof(float), err);
  s->b = as_calloc(classes, sizeof(float), err);
  s->vw = as_calloc(numel, sizeof(float), err);
  s->vb = as_calloc(classes, sizeof(float), err);
  s->gw = as_alloc(numel, sizeof(float), err);
  s->gb = as_alloc(classes, sizeof(float), err);
  s->sum = as_alloc(several ? classes * strip : 1, sizeof(double), err);
  s->x = as_alloc(norm ? batch * d : 1, sizeof(float), err);
  s->z = as_alloc(batch * classes, sizeof(float), err);
  s->gt = as_alloc(classes * chunks * CHUNK, sizeof(float), err);
  s->part = as_calloc(several ? classes * strip : 1, sizeof(float), err);
  s->pack = as_alloc(as_gemm_scratch(classes, d), 1, err);
  s->strip_pack = as_alloc(s->strips, s->strip_bytes, err);
  s->loss = as_alloc(batch, sizeof(double), err);
  s->square = as_alloc(classes, sizeof(double), err);
  s->mean = as_calloc(d, sizeof(double), err);
  s->var = as_alloc(d, sizeof(double), err);
  if (!s->order || !s->w || !s->b || !s->vw || !s->vb || !s->gw || !s->gb || !s->sum || !s->x || !s->z ||
      !s->gt || !s->part || !s->pack || !s->strip_pack || !s->loss || !s->square || !s->mean || !s->var) {
    as_sgd_destroy(&s);
    return AS_E_ENV;
  }
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
    for (size_t j = 0; j < cols; j++) mean[j] += (double)s->in[i * s->d + col + j];
  for (size_t j = 0; j < cols; j++) mean[j] /= m;
  for (size_t i = 0; i < s->m; i++)
    for (size_t j = 0; j < cols; j++) {
      double v = (double)s->in[i * s->d + col + j] - mean[j];
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
      s->x[i * s->d + col + j] = (float)(((double)s->in[i * s->d + col + j] - mean[j]) * var[j]);
}

/* --- loss and gradient ----------------------------------------------------------------------------------- */

/* CHUNK rows: logits to losses and to (p - onehot) / m. */
static void loss_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  size_t first = chunk * CHUNK, rows = s->m - first < CHUNK ? s->m - first : CHUNK;
  float m = (float)s->m;
  for (size_t i = first; i < first + rows; i++) {
    float *z = s->z + i * s->k, top = -INFINITY;
    for (size_t c = 0; c < s->k; c++) {
      z[c] += s->b[c];
      top = z[c] > top ? z[c] : top;
    }
    s->loss[i] = (double)top - (double)z[s->y[i]];
  }
  as_softmax(rows, (int)s->k, s->z + first * s->k, s->k, s->z + first * s->k, s->k);
  for (size_t i = first; i < first + rows; i++) {
    float *z = s->z + i * s->k, top = 0.0f;
    for (size_t c = 0; c < s->k; c++) top = z[c] > top ? z[c] : top;
    s->loss[i] -= as_log((double)top); /* the largest probability is 1 / sum */
    z[s->y[i]] -= 1.0f;
    for (size_t c = 0; c < s->k; c++) z[c] /= m;
  }
}

/* G^T of every chunk of rows for class c, and its share of the bias' gradient. */
static void transpose_g(void *ctx, size_t c, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  s->square[c] = 0.0;
  for (size_t first = 0; first < s->m; first += CHUNK) {
    const size_t rows = s->m - first < CHUNK ? s->m - first : CHUNK;
    float *gt = s->gt + first * s->k + c * rows, sum = 0.0f;
    for (size_t i = 0; i < rows; i++) {
      float g = s->z[(first + i) * s->k + c];
      gt[i] = fabsf(g) < AS_PROBE_NOTHING ? 0.0f : g;
      sum += g;
    }
    s->square[c] += (double)sum;
  }
}

/* COLS columns of the weights' gradient, chunk by chunk of rows, so that they stay in cache. The products run on this
 * thread alone: par.h runs what is called from inside a chunk serially. */
static void gradient_strip(void *ctx, size_t strip, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  const size_t k = s->k, d = s->d, col = strip * COLS, cols = d - col < COLS ? d - col : COLS;
  const bool several = s->m > CHUNK;
  float *part = several ? s->part + strip * k * COLS : s->gw + col;
  double *sum = several ? s->sum + strip * k * COLS : NULL;
  if (several) memset(sum, 0, k * COLS * sizeof *sum);
  for (size_t first = 0; first < s->m; first += CHUNK) {
    const size_t rows = s->m - first < CHUNK ? s->m - first : CHUNK;
    as_gemm_nn(&(as_product){k, cols, rows, s->gt + first * k, rows, s->in + first * d + col, d, part,
                             several ? COLS : d},
               s->strip_pack + strip * s->strip_bytes);
    for (size_t j = 0; several && j < k * COLS; j += 8) /* a length that compilers know becomes vectors */
      for (size_t l = j; l < j + 8; l++) sum[l] += (double)part[l];
  }
  for (size_t c = 0; several && c < k; c++)
    for (size_t j = 0; j < cols; j++) s->gw[c * d + col + j] = (float)sum[c * COLS + j];
}

static void gradient(as_sgd *s) {
  as_par_for(s->k, transpose_g, s);
  as_par_for(s->strips, gradient_strip, s);
  for (size_t c = 0; c < s->k; c++) s->gb[c] = (float)s->square[c];
}

/* --- the step -------------------------------------------------------------------------------------------- */

typedef struct norm_job {
  const float *x;
  size_t n;
  double *square;
} norm_job;

static void square_row(void *ctx, size_t c, int worker) {
  (void)worker;
  const norm_job *j = ctx;
  double sum = 0.0;
  for (size_t i = 0; i < j->n; i++) {
    double v = (double)j->x[c * j->n + i];
    sum += v * v;
  }
  j->square[c] = sum;
}

/* |x| of [rows, n]: per row, then the rows in order. */
static double norm_of(const float *x, size_t rows, size_t n, double *square) {
  norm_job j = {x, n, square};
  as_par_for(rows, square_row, &j);
  double sum = 0.0;
  for (size_t c = 0; c < rows; c++) sum += square[c];
  return sqrt(sum);
}

/* One parameter vector. */
static void update(const as_protocol *p, size_t n, float *w, float *v, const float *g, double lr,
                   double scale) {
  float mu = (float)p->momentum, decay = (float)p->weight_decay, rate = (float)lr, by = (float)scale;
  for (size_t i = 0; i < n; i++) {
    float step = (g[i] + decay * w[i]) * by;
    v[i] = mu * v[i] + step;
    w[i] -= rate * (p->nesterov ? step + mu * v[i] : v[i]);
  }
}

static void decay_row(void *ctx, size_t c, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  float decay = (float)s->p->weight_decay;
  for (size_t i = c * s->d; i < (c + 1) * s->d; i++) s->gw[i] += decay * s->w[i];
}

static void update_row(void *ctx, size_t c, int worker) {
  (void)worker;
  as_sgd *s = ctx;
  update(s->p, s->d, s->w + c * s->d, s->vw + c * s->d, s->gw + c * s->d, s->lr, s->scale);
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
    if (s->p->weight_decay > 0.0) as_par_for(s->k, decay_row, s);
    s->scale = trust_ratio(s->p, norm_of(s->w, s->k, s->d, s->square), norm_of(s->gw, s->k, s->d, s->square));
    plain.weight_decay = 0.0; /* the bias has none */
  } else if (s->p->optimizer == AS_LARC) {
    double w = norm_of(s->w, s->k, s->d, s->square), g = norm_of(s->gw, s->k, s->d, s->square);
    double wb = norm_of(s->b, 1, s->k, s->square), gb = norm_of(s->gb, 1, s->k, s->square);
    s->scale = trust_ratio(s->p, w, g);
    bias_scale = trust_ratio(s->p, wb, gb);
    if (!(wb > 0.0) || !(gb > 0.0)) plain.weight_decay = 0.0; /* apex leaves such a parameter alone */
  }
  const as_protocol *keep = s->p;
  as_protocol weights = *s->p;
  if (s->p->optimizer == AS_LARS) weights.weight_decay = 0.0; /* already in the gradient */
  s->p = &weights;
  as_par_for(s->k, update_row, s);
  s->p = keep;
  update(&plain, s->k, s->b, s->vb, s->gb, s->lr, bias_scale);
}

double as_sgd_step(as_sgd *s, const float *x, const int *y, size_t m, double lr) {
  s->in = x;
  s->y = y;
  s->m = m;
  s->lr = lr;
  if (s->p->batch_norm > 0) {
    as_par_for((s->d + COLS - 1) / COLS, norm_columns, s);
    s->in = s->x;
  }
  as_gemm_nt(&(as_product){m, s->k, s->d, s->in, s->d, s->w, s->d, s->z, s->k}, s->pack);
  as_par_for((m + CHUNK - 1) / CHUNK, loss_rows, s);
  double loss = 0.0;
  for (size_t i = 0; i < m; i++) loss += s->loss[i];
  gradient(s);
  apply(s);
  return loss / (double)m;
}

void as_sgd_head(const as_sgd *s, float *weight, float *bias) {
  for (size_t c = 0; c < s->k; c++) {
    double shift = 0.0;
    for (size_t j = 0; j < s->d; j++) {
      double w = (double)s->w[c * s->d + j];
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
  float *in;
  int *label;
  uint32_t *from;
  /* where it stands: */
  int epoch;
  size_t step;
  double sum; /* of the losses of this epoch's rows */
} fixed_fit;

static void keep_fit(void *ctx, as_keep *k) {
  fixed_fit *f = ctx;
  const as_sgd *s = f->sgd;
  const size_t numel = s->k * s->d;
  as_keep_block(k, &f->epoch, sizeof f->epoch);
  as_keep_block(k, &f->step, sizeof f->step);
  as_keep_block(k, &f->sum, sizeof f->sum);
  as_keep_block(k, s->w, numel * sizeof *s->w);
  as_keep_block(k, s->vw, numel * sizeof *s->vw);
  as_keep_block(k, s->b, s->k * sizeof *s->b);
  as_keep_block(k, s->vb, s->k * sizeof *s->vb);
  as_keep_block(k, s->mean, s->d * sizeof *s->mean);
  as_keep_block(k, s->var, s->d * sizeof *s->var);
}

static void gather_sample(void *ctx, size_t i, int worker) {
  (void)worker;
  const fixed_fit *f = ctx;
  memcpy(f->in + i * f->d, f->x + f->from[i] * f->d, f->d * sizeof(float));
}

/* The rows of the step after this one: the disk brings them meanwhile. */
static void expect_batch(const fixed_fit *f, const uint32_t *order) {
  const size_t first = (f->step + 1) * f->sgd->batch;
  for (size_t i = first; i < f->used && i < first + f->sgd->batch; i++)
    as_file_expect(f->x + f->row[order[i]] * f->d, f->d * sizeof(float), AS_ACCESS_SOON);
}

/* One step; the mean loss of its batch. */
static double take_batch(fixed_fit *f, const as_protocol *p, const uint32_t *order, size_t m) {
  const size_t first = f->step * f->sgd->batch;
  for (size_t i = 0; i < m; i++) {
    f->from[i] = f->row[order[first + i]];
    f->label[i] = f->y[f->from[i]];
  }
  as_par_for(m, gather_sample, f);
  expect_batch(f, order);
  const double mean =
      as_sgd_step(f->sgd, f->in, f->label, m, as_protocol_lr(p, f->epoch, f->step, as_sgd_steps(f->sgd)));
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
    f.in = as_alloc(f.sgd->batch * d, sizeof *f.in, err);
    f.from = as_alloc(f.sgd->batch, sizeof *f.from, err);
    f.label = as_alloc(f.sgd->batch, sizeof *f.label, err);
    if (!f.in || !f.label || !f.from) st = AS_E_ENV;
  }
  if (st == AS_OK && (st = as_keep_enter(keep, keep_fit, &f, &found, err)) == AS_OK) {
    as_file_expect(f.x, n * d * sizeof *f.x, AS_ACCESS_SCATTERED);
    st = run_epochs(&f, p, keep, err);
    as_file_expect(f.x, n * d * sizeof *f.x, AS_ACCESS_ORDERED);
    as_keep_leave(keep);
  }
  if (st == AS_OK && loss) *loss = f.sum / (double)f.used;
  if (st == AS_OK) as_sgd_head(f.sgd, weight, bias);
  void *all[] = {f.row, f.in, f.from, f.label};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  as_sgd_destroy(&f.sgd);
  return st;
}
