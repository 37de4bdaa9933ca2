/* Loss and gradient of the linear probe in float, a slab of rows at a time:
 *
 *   Z = Xc W^T + b          one float chain per logit
 *   P = softmax(Z)          losses in double from the largest probability
 *   G = P - onehot(y)       transposed, by chunks of 256 rows
 *   dF/dW = sum over chunks of G^T Xc, + W / C
 *
 * NUMERICS rule 9: a sum over samples is a float chain inside chunks of 256 rows, and a double sum of the chunks in
 * order, so it has the same bits for any number of threads, and whether Xc is kept or made again for every slab. */
#include <math.h>
#include <string.h>

#include "eval/learn/probe_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"
#include "tensor/norm.h"

enum {
  CHUNK = 256,       /* rows of one float chain */
  SLAB = 32 * CHUNK, /* rows whose logits are held at a time */
  COLS = 64          /* columns of the gradient accumulated together, so that they stay in cache */
};

struct as_probe_float {
  const as_probe_problem *p;
  float *xc;             /* [n or SLAB, d] x - mean: all rows where that fits, else the slab in work */
  int keep;              /* all rows are in xc, and packed */
  size_t chunks, strips; /* ceil(n / CHUNK), ceil(d / COLS) */
  as_linear **packed;    /* [chunks * strips] X^T of one chunk and strip, if keep */

  float *wf;      /* [k, d] W rounded */
  float *bf;      /* [k] */
  float *z;       /* [SLAB, k] logits, then probabilities, then less onehot */
  float *g;       /* [SLAB / CHUNK][k][CHUNK] p - onehot, transposed */
  float *gb;      /* [SLAB / CHUNK][k] its chain over the chunk */
  float *hb;      /* [SLAB / CHUNK][k] p (1 - p), likewise */
  double *loss;   /* [SLAB] of each row */
  double *rest;   /* [SLAB] probability of all classes but the row's own */
  double *size;   /* [SLAB] its largest logit, absolute */
  double *square; /* [k] |w_c|^2 */
  float *part;    /* [strips][k, COLS] one chunk's share of the gradient */
  double *
      sum; /* [strips][k, COLS] of all chunks so far: side by side, as rows of d would push each other out of cache */
  void *pack;       /* of W */
  char *strip_pack; /* [strips][strip_bytes] of X, unless keep */
  size_t strip_bytes;
  double *bias_sum, *bias_curve; /* [k] */
  double noise;
  size_t slab, rows;   /* first row and number of rows of the slab in work */
  const double *point; /* of the value in work */
  double *grad;
};

static size_t chunk_rows(const as_probe_float *f, size_t chunk) {
  return f->p->n - chunk * CHUNK < CHUNK ? f->p->n - chunk * CHUNK : CHUNK;
}

/* The centred rows of a chunk of the slab in work. */
static float *centred(const as_probe_float *f, size_t chunk) {
  return f->xc + (f->keep ? chunk * CHUNK : chunk * CHUNK - f->slab) * f->p->d;
}

/* x - mean for one chunk of the slab. */
static void centre_chunk(void *ctx, size_t i, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const as_probe_problem *p = f->p;
  size_t chunk = f->slab / CHUNK + i, rows = chunk_rows(f, chunk);
  float *out = centred(f, chunk);
  for (size_t r = 0; r < rows; r++) {
    const float *x = as_probe_row(p, chunk * CHUNK + r);
    for (size_t j = 0; j < p->d; j++) out[r * p->d + j] = x[j] - p->mean[j];
  }
}

/* xt[j][i] = xc[row + i][col + j] */
static void transpose_strip(const as_probe_float *f, size_t chunk, size_t strip, float *xt) {
  size_t d = f->p->d, rows = chunk_rows(f, chunk), col = strip * COLS, cols = d - col < COLS ? d - col : COLS;
  const float *x = centred(f, chunk) + col;
  for (size_t j0 = 0; j0 < cols; j0 += 16)
    for (size_t i = 0; i < rows; i++)
      for (size_t j = j0; j < j0 + 16 && j < cols; j++) xt[j * rows + i] = x[i * d + j];
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

/* One chunk of rows: logits to probabilities and losses. With p_max = exp(0) / sum the largest probability, the loss
 * is (max z - z_y) + log(1 + the other probabilities / p_max): no exponential is taken in double, and a row that is
 * nearly sure keeps its digits, which log(p_max) or 1 - p would lose. */
static void softmax_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const size_t k = f->p->k, first = chunk * CHUNK, rows = chunk_rows(f, f->slab / CHUNK + chunk);
  size_t top[CHUNK];
  for (size_t i = 0; i < rows; i++) {
    float *z = f->z + (first + i) * k, low = INFINITY;
    top[i] = 0;
    for (size_t c = 0; c < k; c++) {
      z[c] += f->bf[c];
      if (z[c] > z[top[i]]) top[i] = c;
      low = z[c] < low ? z[c] : low;
    }
    f->size[first + i] = fmax(fabs((double)low), fabs((double)z[top[i]]));
    f->loss[first + i] = (double)z[top[i]] - (double)z[f->p->y[f->slab + first + i]];
  }
  as_softmax(rows, (int)k, f->z + first * k, k, f->z + first * k, k);
  for (size_t i = 0; i < rows; i++) {
    const float *p = f->z + (first + i) * k;
    const size_t own = (size_t)f->p->y[f->slab + first + i];
    double others = 0.0;
    for (size_t c = 0; c < k; c++) others += (double)p[c];
    others -= (double)p[top[i]]; /* all but exactly: a sum of floats in double */
    f->loss[first + i] += as_log1p(others / (double)p[top[i]]);
    f->rest[first + i] = others + (double)p[top[i]] - (double)p[own];
  }
}

/* Probabilities of the slab at f->slab into f->z; returns its chunks. */
static size_t run_slab(as_probe_float *f) {
  const as_probe_problem *p = f->p;
  f->rows = p->n - f->slab < SLAB ? p->n - f->slab : SLAB;
  size_t chunks = (f->rows + CHUNK - 1) / CHUNK;
  if (!f->keep) {
    as_probe_expect(p, f->slab + f->rows, SLAB);
    as_par_for(chunks, centre_chunk, f);
  }
  as_gemm_nt(&(as_product){f->rows, p->k, p->d, centred(f, f->slab / CHUNK), p->d, f->wf, p->d, f->z, p->k},
             f->pack);
  as_par_for(chunks, softmax_rows, f);
  return chunks;
}

void as_probe_float_probabilities(as_probe_float *f, const double *point, as_probe_rows_fn *fn, void *ctx) {
  f->point = point;
  as_par_for(f->p->k, round_weights, f);
  for (f->slab = 0; f->slab < f->p->n; f->slab += SLAB) {
    run_slab(f);
    fn(ctx, f->slab, f->rows, f->z);
  }
}

/* --- backward ------------------------------------------------------------------------------------------- */

/* One chunk of rows: probabilities to G^T, and the sums that the intercepts need. */
static void turn_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const size_t k = f->p->k, first = chunk * CHUNK, rows = chunk_rows(f, f->slab / CHUNK + chunk);
  float *g = f->g + chunk * k * CHUNK, *gb = f->gb + chunk * k, *hb = f->hb + chunk * k;
  for (size_t i = first; i < first + rows; i++)
    f->z[i * k + (size_t)f->p->y[f->slab + i]] = -(float)f->rest[i]; /* p - 1 */
  for (size_t c0 = 0; c0 < k; c0 += 16)
    for (size_t i = 0; i < rows; i++)
      for (size_t c = c0; c < c0 + 16 && c < k; c++) g[c * rows + i] = f->z[(first + i) * k + c];
  for (size_t c = 0; c < k; c++) {
    float sum = 0.0f, curve = 0.0f;
    for (size_t i = 0; i < rows; i++) {
      float v = g[c * rows + i], size = v < 0.0f ? -v : v; /* p, or 1 - p in the row's own class */
      sum += v;
      curve += size * (1.0f - size);
      if (size < AS_PROBE_NOTHING) g[c * rows + i] = 0.0f;
    }
    gb[c] = sum;
    hb[c] = curve;
  }
}

/* sum += G^T X over the slab for one strip of columns: its chunks in order. The products run on this
 * thread alone: par.h runs what is called from inside a chunk serially. */
static void add_gradient(void *ctx, size_t strip, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const size_t k = f->p->k, d = f->p->d;
  size_t first = f->slab / CHUNK, count = (f->rows + CHUNK - 1) / CHUNK;
  size_t col = strip * COLS, cols = d - col < COLS ? d - col : COLS;
  float *part = f->part + strip * k * COLS;
  double *sum = f->sum + strip * k * COLS;
  for (size_t i = 0; i < count; i++) {
    size_t rows = chunk_rows(f, first + i);
    const float *g = f->g + i * k * CHUNK;
    if (f->packed) {
      as_linear_args a = {.in = g, .ld_in = rows, .rows = k, .out = part, .ld_out = COLS};
      as_linear_run(f->packed[(first + i) * f->strips + strip], &a);
    } else {
      as_gemm_nn(&(as_product){k, cols, rows, g, rows, centred(f, first + i) + col, d, part, COLS},
                 f->strip_pack + strip * f->strip_bytes);
    }
    for (size_t j = 0; j < k * COLS; j += 8) /* a length that compilers know becomes vectors */
      for (size_t l = j; l < j + 8; l++) sum[l] += (double)part[l];
  }
}

/* The gradient of class c from its strips, and the penalty's share. */
static void finish_class(void *ctx, size_t c, int worker) {
  (void)worker;
  as_probe_float *f = ctx;
  const size_t k = f->p->k, d = f->p->d;
  double *g = f->grad + c * d, sum = 0.0;
  for (size_t i = 0; i < d; i++) {
    double w = (double)f->wf[c * d + i];
    g[i] = f->sum[(i / COLS * k + c) * COLS + i % COLS] + w / f->p->c;
    sum += w * w;
  }
  f->square[c] = sum;
  f->grad[k * d + c] = f->bias_sum[c];
}

double as_probe_float_value(as_probe_float *f, const double *point, double *grad) {
  const as_probe_problem *p = f->p;
  const size_t k = p->k;
  f->point = point;
  f->grad = grad;
  as_par_for(k, round_weights, f);
  memset(f->sum, 0, f->strips * COLS * k * sizeof *f->sum);
  memset(f->bias_sum, 0, k * sizeof *f->bias_sum);
  memset(f->bias_curve, 0, k * sizeof *f->bias_curve);
  double loss = 0.0, penalty = 0.0, errors = 0.0;
  for (f->slab = 0; f->slab < p->n; f->slab += SLAB) {
    size_t chunks = run_slab(f);
    for (size_t i = 0; i < f->rows; i++) {
      double error = f->rest[i] * f->size[i];
      loss += f->loss[i];
      errors += error * error;
    }
    as_par_for(chunks, turn_rows, f);
    for (size_t i = 0; i < chunks; i++)
      for (size_t c = 0; c < k; c++) {
        f->bias_sum[c] += (double)f->gb[i * k + c];
        f->bias_curve[c] += (double)f->hb[i * k + c];
      }
    as_par_for(f->strips, add_gradient, f);
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
  if (f->packed)
    for (size_t i = 0; i < f->chunks * f->strips; i++) as_linear_destroy(&f->packed[i]);
  void *all[] = {f->packed, f->xc,  f->wf,   f->bf,         f->z,        f->g,
                 f->gb,     f->hb,  f->loss, f->rest,       f->size,     f->square,
                 f->part,   f->sum, f->pack, f->strip_pack, f->bias_sum, f->bias_curve};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  as_free(f);
  *out = NULL;
}

static as_status reserve_float(as_probe_float *f, as_err *err) {
  const size_t n = f->p->n, d = f->p->d, k = f->p->k;
  size_t slab = n < SLAB ? (n + CHUNK - 1) / CHUNK * CHUNK : SLAB, columns = f->strips * COLS;
  f->xc = as_alloc(f->keep ? n : slab, d * sizeof(float), err);
  f->wf = as_alloc(k * d, sizeof(float), err);
  f->bf = as_alloc(k, sizeof(float), err);
  f->z = as_alloc(slab * k, sizeof(float), err);
  f->g = as_alloc(slab * k, sizeof(float), err);
  f->gb = as_alloc(slab / CHUNK * k, sizeof(float), err);
  f->hb = as_alloc(slab / CHUNK * k, sizeof(float), err);
  f->loss = as_alloc(slab, sizeof(double), err);
  f->rest = as_alloc(slab, sizeof(double), err);
  f->size = as_alloc(slab, sizeof(double), err);
  f->square = as_alloc(k, sizeof(double), err);
  f->part = as_calloc(k * columns, sizeof(float), err); /* columns beyond d stay 0 */
  f->sum = as_alloc(k * columns, sizeof(double), err);
  f->pack = as_alloc(as_gemm_scratch(k, d), 1, err);
  f->bias_sum = as_alloc(k, sizeof(double), err);
  f->bias_curve = as_alloc(k, sizeof(double), err);
  if (!f->xc || !f->wf || !f->bf || !f->z || !f->g || !f->gb || !f->hb || !f->loss || !f->rest || !f->size ||
      !f->square || !f->part || !f->sum || !f->pack || !f->bias_sum || !f->bias_curve)
    return AS_E_ENV;
  if (!f->keep) {
    f->strip_bytes = (as_gemm_scratch(COLS, CHUNK) + 63) / 64 * 64;
    f->strip_pack = as_alloc(f->strips, f->strip_bytes, err);
    return f->strip_pack ? AS_OK : AS_E_ENV;
  }
  f->packed = as_calloc(f->chunks * f->strips, sizeof *f->packed, err);
  return f->packed ? AS_OK : AS_E_ENV;
}

static bool fits_keep(size_t n, size_t d, size_t keep) {
  return n <= keep / (d * sizeof(float));
}

double as_probe_float_memory(size_t n, size_t d, size_t k, size_t keep) {
  const double slab = n < SLAB ? (double)n + CHUNK : SLAB, width = (double)d + COLS;
  const double rows = fits_keep(n, d, keep) ? 2.0 * (double)n * width : slab * width;
  return sizeof(float) * (rows + 5.0 * (double)k * width + 2.0 * slab * (double)k + CHUNK * width);
}

/* All rows centred, and packed for the products with G^T. */
static as_status pack_rows(as_probe_float *f, as_err *err) {
  const size_t n = f->p->n, d = f->p->d;
  for (f->slab = 0; f->slab < n; f->slab += SLAB) {
    size_t rows = n - f->slab < SLAB ? n - f->slab : SLAB;
    as_par_for((rows + CHUNK - 1) / CHUNK, centre_chunk, f);
  }
  float *xt = as_alloc(COLS * CHUNK, sizeof *xt, err);
  as_status s = xt ? AS_OK : AS_E_ENV;
  for (size_t i = 0; i < f->chunks; i++)
    for (size_t j = 0; j < f->strips && s == AS_OK; j++) {
      size_t cols = d - j * COLS < COLS ? d - j * COLS : COLS;
      transpose_strip(f, i, j, xt);
      s = as_linear_create(&f->packed[i * f->strips + j], (int)cols, (int)chunk_rows(f, i), xt, NULL, err);
    }
  as_free(xt);
  return s;
}

as_status as_probe_float_create(as_probe_float **out, const as_probe_problem *p, size_t keep, as_err *err) {
  as_probe_float *f = *out = as_calloc(1, sizeof *f, err);
  if (!f) return AS_E_ENV;
  f->p = p;
  f->keep = fits_keep(p->n, p->d, keep);
  f->chunks = (p->n + CHUNK - 1) / CHUNK;
  f->strips = (p->d + COLS - 1) / COLS;
  as_status s = reserve_float(f, err);
  if (s == AS_OK && f->keep) s = pack_rows(f, err);
  if (s != AS_OK) as_probe_float_destroy(out);
  return s;
}
