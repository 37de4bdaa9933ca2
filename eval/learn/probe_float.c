/* Loss and gradient of the linear probe in float, a slab of rows at a time:
 *
 *   Z = Xc W^T + b          one float chain per logit
 *   P = softmax(Z)          losses in double from the largest probability
 *   G = P - onehot(y)       by chunks of 256 rows
 *   dF/dW = sum over chunks of G^T Xc, + W / C
 *
 * NUMERICS rule 9: a sum over samples is a float chain inside chunks of 256 rows, and a double sum of the chunks in
 * order (tensor/outer.h), so it has the same bits for any number of threads, and whether Xc is kept or made again for every slab. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "eval/learn/logits.h"
#include "eval/learn/probe_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"
#include "tensor/norm.h"
#include "tensor/outer.h"
#include "tensor/tensor.h"

enum {
  CHUNK = AS_OUTER_ROWS, /* rows of one float chain */
  SLAB = 8 * CHUNK,      /* rows whose logits are held at a time */
  SOME = 8,              /* rows that are worked on together: their sums, one chain each, run side by side */
  CLASSES = 512,         /* whose sums over a chunk one thread takes, */
  FEW = 32               /* so many at a time */
};

struct as_probe_float {
  const as_probe_problem *p;
  float *xc;     /* [n or SLAB, d] x - mean: all rows where that fits, else the slab in work */
  size_t ld;     /* floats from one to the next */
  bool keep;     /* all rows are in xc, and placed */
  float *placed; /* [n or SLAB] rows as outer.b */

  float *wf;                     /* [k, d] W rounded */
  float *bf;                     /* [k] */
  as_linear *linear;             /* wf, packed */
  float *z;                      /* [SLAB, k] logits, then probabilities */
  as_outer outer;                /* (p - onehot)^T Xc of the slab */
  float *gb;                     /* [SLAB / CHUNK][k] its chain over the chunk */
  float *hb;                     /* [SLAB / CHUNK][k] p (1 - p), likewise */
  double *loss;                  /* [SLAB] of each row */
  double *rest;                  /* [SLAB] probability of all classes but the row's own */
  double *size;                  /* [SLAB] its largest logit, absolute */
  double *square;                /* [k] |w_c|^2 */
  double *bias_sum, *bias_curve; /* [k] */
  double noise;
  size_t slab, rows;   /* first row and number of rows of the slab in work */
  const double *point; /* of the value in work */
  double *grad;
};

/* The centred rows of the slab in work, from one of its chunks on. */
static float *centred(const as_probe_float *f, size_t chunk) {
  return f->xc + ((f->keep ? f->slab : 0) + chunk * CHUNK) * f->ld;
}

/* A length that compilers know, and a place of its own: then it becomes vectors. */
static void subtract(size_t n, const float *x, const float *mean, float *out) {
  enum { RUN = 16 };
  size_t i = 0;
  for (float t[RUN]; i + RUN <= n; i += RUN) {
    for (size_t l = 0; l < RUN; l++) t[l] = x[i + l] - mean[i + l];
    memcpy(out + i, t, sizeof t);
  }
  for (; i < n; i++) out[i] = x[i] - mean[i];
}

/* x - mean for some rows of the slab. */
static void centre_some(void *ctx, size_t part, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const as_probe_problem *p = f->p;
  const size_t first = part * SOME, end = f->rows - first < SOME ? f->rows : first + SOME;
  float *out = centred(f, 0);
  for (size_t r = first; r < end; r++) {
    const float *x = as_probe_row(p, f->slab + r);
    subtract(p->d, x, p->mean, out + r * f->ld);
  }
  if (f->outer.rows) as_outer_place_b(&f->outer, first, end - first, out + first * f->ld, f->ld, 0.0f);
}

static size_t parts_of(size_t n, size_t size) {
  return (n + size - 1) / size;
}

/* The slab that begins at f->slab; to_sum: for the gradient, too. */
static void begin_slab(as_probe_float *f, bool to_sum) {
  f->rows = f->p->n - f->slab < SLAB ? f->p->n - f->slab : SLAB;
  f->outer.rows = to_sum ? f->rows : 0;
  f->outer.b = f->placed + (f->keep ? as_outer_b_floats(f->slab, f->p->d) : 0);
}

/* --- forward ------------------------------------------------------------------------------------------- */

/* Class c of the point, rounded to float. */
static void round_weights(void *ctx, size_t c, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  size_t d = f->p->d;
  const double *w = f->point + c * d;
  for (size_t j = 0; j < d; j++) f->wf[c * d + j] = (float)w[j];
  f->bf[c] = (float)f->point[f->p->k * d + c];
}

/* out[i] = sum of a row's k probabilities, one chain in double each. */
static void sum_rows(size_t rows, size_t k, const float *p, double *out) {
  double s[SOME] = {0};
  if (rows == SOME) {
    for (size_t c = 0; c < k; c++)
      for (size_t i = 0; i < SOME; i++) s[i] += (double)p[i * k + c];
  } else {
    for (size_t i = 0; i < rows; i++)
      for (size_t c = 0; c < k; c++) s[i] += (double)p[i * k + c];
  }
  for (size_t i = 0; i < rows; i++) out[i] = s[i];
}

/* Some rows of the slab: logits to probabilities and losses. With p_max = exp(0) / sum the largest probability, the loss
 * is (max z - z_y) + log(1 + the other probabilities / p_max): no exponential is taken in double, and a row that is
 * nearly sure keeps its digits, which log(p_max) or 1 - p would lose. */
static void softmax_some(as_probe_float *f, size_t first, size_t rows) {
  const size_t k = f->p->k;
  const int *y = f->p->y + f->slab + first;
  float *z = f->z + first * k;
  size_t top[SOME];
  double sum[SOME];
  for (size_t i = 0; i < rows; i++) {
    float low;
    const float most = as_logits_add(k, f->bf, z + i * k, &low);
    top[i] = as_logits_find(k, z + i * k, most);
    f->size[first + i] = fmax(fabs((double)low), fabs((double)most));
    f->loss[first + i] = (double)most - (double)z[i * k + (size_t)y[i]];
  }
  as_softmax(rows, (int)k, z, k, z, k);
  sum_rows(rows, k, z, sum);
  for (size_t i = 0; i < rows; i++) {
    const float *p = z + i * k;
    const double most = (double)p[top[i]],
                 others = sum[i] - most; /* all but exactly: a sum of floats in double */
    f->loss[first + i] += as_log1p(others / most);
    f->rest[first + i] = others + most - (double)p[y[i]];
  }
}

static void softmax_rows(void *ctx, size_t part, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const size_t first = part * SOME;
  softmax_some(f, first, f->rows - first < SOME ? f->rows - first : SOME);
}

/* Logits of the slab at f->slab into f->z. */
static void run_slab(as_probe_float *f, bool to_sum) {
  begin_slab(f, to_sum);
  if (!f->keep) {
    as_probe_expect(f->p, f->slab + f->rows, SLAB);
    as_par_for(parts_of(f->rows, SOME), centre_some, f);
  }
  const as_linear_args a = {
      .in = centred(f, 0), .ld_in = f->ld, .rows = f->rows, .out = f->z, .ld_out = f->p->k};
  as_linear_run(f->linear, &a);
}

static void set_point(as_probe_float *f, const double *point) {
  f->point = point;
  as_par_for(f->p->k, round_weights, f);
  as_linear_refill(f->linear, f->wf);
}

void as_probe_float_probabilities(as_probe_float *f, const double *point, as_probe_rows_fn *fn, void *ctx) {
  set_point(f, point);
  for (f->slab = 0; f->slab < f->p->n; f->slab += SLAB) {
    run_slab(f, false);
    as_par_for(parts_of(f->rows, SOME), softmax_rows, f);
    fn(ctx, f->slab, f->rows, f->z);
  }
}

/* --- backward ------------------------------------------------------------------------------------------- */

/* Some rows: logits to losses and to p - onehot. */
static void turn_some(void *ctx, size_t part, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const size_t k = f->p->k, first = part * SOME, end = f->rows - first < SOME ? f->rows : first + SOME;
  softmax_some(f, first, end - first);
  for (size_t i = first; i < end; i++)
    f->z[i * k + (size_t)f->p->y[f->slab + i]] = -(float)f->rest[i]; /* p - 1 */
  as_outer_place_a(&f->outer, first, end - first, f->z + first * k, k, AS_PROBE_NOTHING);
}

/* What the intercepts need of one row, for n classes. */
static inline void sum_some(size_t n, const float *p, float *sum, float *curve) {
  for (size_t c = 0; c < n; c++) {
    const float v = p[c], size = v < 0.0f ? -v : v; /* p, or 1 - p in the row's own class */
    sum[c] += v;
    curve[c] += size * (1.0f - size);
  }
}

static void sum_classes(void *ctx, size_t part, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const size_t k = f->p->k, blocks = parts_of(k, CLASSES), chunk = part / blocks,
               from = part % blocks * CLASSES;
  const size_t n = k - from < CLASSES ? k - from : CLASSES;
  float sum[CLASSES] = {0}, curve[CLASSES] = {0};
  for (size_t i = chunk * CHUNK; i < f->rows && i < (chunk + 1) * CHUNK; i++) {
    const float *p = f->z + i * k + from;
    size_t c = 0;
    for (; c + FEW <= n; c += FEW) sum_some(FEW, p + c, sum + c, curve + c);
    sum_some(n - c, p + c, sum + c, curve + c);
  }
  memcpy(f->gb + chunk * k + from, sum, n * sizeof *sum);
  memcpy(f->hb + chunk * k + from, curve, n * sizeof *curve);
}

/* The gradient of class c, and the penalty's share. */
static void finish_class(void *ctx, size_t c, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const size_t k = f->p->k, d = f->p->d;
  const float *w = f->wf + c * d;
  double *g = f->grad + c * d, square = 0.0;
  for (size_t j = 0; j < d; j += AS_OUTER_PANEL) {
    const double *sum = as_outer_at(&f->outer, c, j / AS_OUTER_PANEL);
    for (size_t i = j; i < d && i < j + AS_OUTER_PANEL; i++) {
      g[i] = sum[i - j] + (double)w[i] / f->p->c;
      square += (double)w[i] * (double)w[i];
    }
  }
  f->square[c] = square;
  f->grad[k * d + c] = f->bias_sum[c];
}

double as_probe_float_value(as_probe_float *f, const double *point, double *grad) {
  const as_probe_problem *p = f->p;
  const size_t k = p->k;
  f->grad = grad;
  set_point(f, point);
  memset(f->bias_sum, 0, k * sizeof *f->bias_sum);
  memset(f->bias_curve, 0, k * sizeof *f->bias_curve);
  double loss = 0.0, penalty = 0.0, errors = 0.0;
  for (f->slab = 0; f->slab < p->n; f->slab += SLAB) {
    run_slab(f, true);
    const size_t chunks = parts_of(f->rows, CHUNK);
    as_par_for(parts_of(f->rows, SOME), turn_some, f);
    as_par_for(chunks * parts_of(k, CLASSES), sum_classes, f);
    for (size_t i = 0; i < f->rows; i++) {
      double error = f->rest[i] * f->size[i];
      loss += f->loss[i];
      errors += error * error;
    }
    for (size_t i = 0; i < chunks; i++)
      for (size_t c = 0; c < k; c++) {
        f->bias_sum[c] += (double)f->gb[i * k + c];
        f->bias_curve[c] += (double)f->hb[i * k + c];
      }
    as_outer_add(&f->outer, f->slab == 0);
  }
  as_par_for(k, finish_class, f);
  for (size_t c = 0; c < k; c++) penalty += f->square[c];
  penalty /= 2.0 * p->c;
  /* Logits are float chains with an error of some 2^-24 of the largest one, which counts as far as the row is not
   * sure; rows err independently. Four times that is seen on real features of 96 to 2,048 dimensions. */
  f->noise = 0x1p-19 * sqrt(errors) + 1e-9 * penalty;
  return loss + penalty;
}

const double *as_probe_float_noise(const as_probe_float *f) {
  return &f->noise;
}

const double *as_probe_float_bias_curve(const as_probe_float *f) {
  return f->bias_curve;
}

void as_probe_float_keep(as_probe_float *f, as_keep *k) {
  as_keep_block(k, &f->noise, sizeof f->noise);
  as_keep_block(k, f->bias_curve, f->p->k * sizeof *f->bias_curve);
}

/* --- set-up --------------------------------------------------------------------------------------------- */

void as_probe_float_destroy(as_probe_float **out) {
  as_probe_float *f = *out;
  if (!f) return;
  as_linear_destroy(&f->linear);
  void *all[] = {f->xc,      f->wf,     f->bf,          f->z,        f->gb,
                 f->hb,      f->loss,   f->rest,        f->size,     f->square,
                 f->outer.a, f->placed, f->outer.total, f->bias_sum, f->bias_curve};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  as_free(f);
  *out = NULL;
}

static as_status reserve_float(as_probe_float *f, as_err *err) {
  const size_t n = f->p->n, d = f->p->d, k = f->p->k;
  const size_t slab = n < SLAB ? (n + CHUNK - 1) / CHUNK * CHUNK : SLAB;
  f->xc = as_alloc(f->keep ? n : slab, f->ld * sizeof(float), err);
  f->wf = as_calloc(k * d, sizeof(float), err);
  f->bf = as_alloc(k, sizeof(float), err);
  f->z = as_alloc(slab * k, sizeof(float), err);
  f->gb = as_alloc(slab / CHUNK * k, sizeof(float), err);
  f->hb = as_alloc(slab / CHUNK * k, sizeof(float), err);
  f->loss = as_alloc(slab, sizeof(double), err);
  f->rest = as_alloc(slab, sizeof(double), err);
  f->size = as_alloc(slab, sizeof(double), err);
  f->square = as_alloc(k, sizeof(double), err);
  f->outer.a = as_alloc(as_outer_a_floats(slab, k), sizeof(float), err);
  f->placed = as_alloc(as_outer_b_floats(f->keep ? n : slab, d), sizeof(float), err);
  f->outer.total = as_alloc(as_outer_doubles(k, d), sizeof(double), err);
  f->bias_sum = as_alloc(k, sizeof(double), err);
  f->bias_curve = as_alloc(k, sizeof(double), err);
  if (!f->xc || !f->wf || !f->bf || !f->z || !f->gb || !f->hb || !f->loss || !f->rest || !f->size ||
      !f->square || !f->outer.a || !f->placed || !f->outer.total || !f->bias_sum || !f->bias_curve)
    return AS_E_ENV;
  return as_linear_create(&f->linear, (int)k, (int)d, f->wf, NULL, err);
}

static bool fits_keep(size_t n, size_t d, size_t keep) {
  return n <= keep / (d * sizeof(float));
}

double as_probe_float_memory(size_t n, size_t d, size_t k, size_t keep) {
  const size_t slab = n < SLAB ? n + CHUNK : SLAB, kept = fits_keep(n, d, keep) ? n : slab;
  const double ld = (double)d + 32.0, wide = (double)k + 32.0;
  return sizeof(float) * ((double)kept * ld + (double)as_outer_b_floats(kept, d) + 3.0 * wide * ld +
                          (double)slab * wide + (double)as_outer_a_floats(slab, k)) +
         sizeof(double) * (double)as_outer_doubles(k, d);
}

as_status as_probe_float_create(as_probe_float **out, const as_probe_problem *p, size_t keep, as_err *err) {
  as_probe_float *f = *out = as_calloc(1, sizeof *f, err);
  if (!f) return AS_E_ENV;
  f->p = p;
  f->keep = fits_keep(p->n, p->d, keep);
  f->ld = as_tensor_ld((int)p->d);
  f->outer.m = p->k;
  f->outer.n = p->d;
  as_status s = reserve_float(f, err);
  for (f->slab = 0; s == AS_OK && f->keep && f->slab < p->n; f->slab += SLAB) {
    begin_slab(f, true);
    as_par_for(parts_of(f->rows, SOME), centre_some, f);
  }
  if (s != AS_OK) as_probe_float_destroy(out);
  return s;
}
