#include "tensor/train/bnorm_train.h"

#include <math.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

struct as_bnorm_train {
  size_t c, chunks, pixels; /* pixels: of the last forward */
  double eps;
  const float *gamma, *beta;              /* of the last forward */
  bool relu, residual;                    /* likewise */
  float *mean, *rstd, *k, *meang, *meanx; /* [c] each, one block that starts at mean */
  double *var;                            /* [c] biased */
  float *partial;                         /* [2][chunks][c] */
};

as_status as_bnorm_train_create(as_bnorm_train **out, int c, double eps, size_t pixels, as_err *err) {
  *out = NULL;
  as_bnorm_train *bn = as_calloc(1, sizeof *bn, err);
  if (!bn) return AS_E_ENV;
  bn->c = (size_t)c;
  bn->eps = eps;
  bn->chunks = (pixels + AS_CHUNK - 1) / AS_CHUNK;
  bn->mean = as_calloc(5 * bn->c, sizeof(float), err);
  bn->var = as_calloc(bn->c, sizeof(double), err);
  bn->partial = as_alloc(2 * bn->chunks * bn->c, sizeof(float), err);
  if (!bn->mean || !bn->var || !bn->partial) {
    as_bnorm_train_destroy(&bn);
    return AS_E_ENV;
  }
  bn->rstd = bn->mean + bn->c;
  bn->k = bn->rstd + bn->c;
  bn->meang = bn->k + bn->c;
  bn->meanx = bn->meang + bn->c;
  *out = bn;
  return AS_OK;
}

void as_bnorm_train_destroy(as_bnorm_train **bn) {
  if (!*bn) return;
  as_free((*bn)->mean);
  as_free((*bn)->var);
  as_free((*bn)->partial);
  as_free(*bn);
  *bn = NULL;
}

typedef enum pass_kind { PASS_MEAN, PASS_VARIANCE, PASS_FORWARD, PASS_SUMS, PASS_BACKWARD } pass_kind;

/* One pass over all pixels, a chunk of 256 at a time. */
typedef struct pass {
  const as_bnorm_train *bn;
  pass_kind kind;
  const as_map *x, *residual, *y, *dy, *out;
  const float *gamma, *beta;
  bool relu;
} pass;

static void run_chunk(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const pass *j = ctx;
  const as_bnorm_train *bn = j->bn;
  const size_t c = bn->c, first = chunk * AS_CHUNK, most = as_map_pixels(j->x) - first;
  const as_map *maps[5] = {j->x, j->residual, j->y, j->dy, j->out};
  float *sum = bn->partial + chunk * c, *sumx = bn->partial + (bn->chunks + chunk) * c;
  as_bnorm_args a = {.c = c, .ldx = c, .ldr = c, .ldy = c, .lddy = c, .mean = bn->mean, .rstd = bn->rstd};
  a.gamma = j->gamma, a.beta = j->beta, a.relu = j->relu, a.sum = sum, a.sumx = sumx;
  a.k = bn->k, a.meang = bn->meang, a.meanx = bn->meanx;
  if (j->kind != PASS_FORWARD && j->kind != PASS_BACKWARD) memset(sum, 0, c * sizeof *sum);
  if (j->kind == PASS_SUMS) memset(sumx, 0, c * sizeof *sumx);
  as_spot at = as_map_spot(j->x, first);
  for (size_t left = most < AS_CHUNK ? most : AS_CHUNK; left > 0; left -= a.rows) {
    float *p[5] = {NULL}; /* a run of pixels that all the maps of the pass hold in one piece */
    a.rows = left;
    for (size_t i = 0; i < 5; i++)
      if (maps[i]) a.rows = as_map_run(maps[i], at, a.rows, &p[i]);
    a.x = p[0], a.residual = p[1], a.y = p[2], a.dy = p[3], a.out = p[4];
    switch (j->kind) {
      case PASS_MEAN:
        as_k.colsum(a.rows, c, a.x, c, sum);
        break;
      case PASS_VARIANCE:
        as_k.colsq(a.rows, c, a.x, c, bn->mean, sum);
        break;
      case PASS_FORWARD:
        as_k.bnfwd(&a);
        break;
      case PASS_SUMS:
        as_k.bnsum(&a);
        break;
      case PASS_BACKWARD:
        as_k.bnbwd(&a);
        break;
    }
    as_map_walk(j->x, &at, a.rows);
  }
}

static void run_pass(pass *j, pass_kind kind) {
  j->kind = kind;
  as_par_for((as_map_pixels(j->x) + AS_CHUNK - 1) / AS_CHUNK, run_chunk, j);
}

/* Channel i of partial sums `which`, the chunks added in order. */
static double total(const as_bnorm_train *bn, size_t which, size_t i, size_t pixels) {
  double s = 0.0;
  for (size_t k = 0; k * AS_CHUNK < pixels; k++)
    s += (double)bn->partial[(which * bn->chunks + k) * bn->c + i];
  return s;
}

void as_bnorm_train_forward(as_bnorm_train *bn, const as_map *x, const float *gamma, const float *beta,
                            const as_map *residual, bool relu, const as_map *y) {
  const size_t n = bn->pixels = as_map_pixels(x);
  bn->gamma = gamma, bn->beta = beta, bn->relu = relu, bn->residual = residual != NULL;
  pass j = {.bn = bn, .x = x};
  run_pass(&j, PASS_MEAN);
  for (size_t i = 0; i < bn->c; i++) bn->mean[i] = (float)(total(bn, 0, i, n) / (double)n);
  run_pass(&j, PASS_VARIANCE);
  for (size_t i = 0; i < bn->c; i++) {
    bn->var[i] = total(bn, 0, i, n) / (double)n;
    bn->rstd[i] = (float)(1.0 / sqrt(bn->var[i] + bn->eps));
  }
  j.residual = residual, j.out = y, j.gamma = gamma, j.beta = beta, j.relu = relu;
  run_pass(&j, PASS_FORWARD);
}

void as_bnorm_train_running(const as_bnorm_train *bn, float *running_mean, float *running_var) {
  const double n = (double)bn->pixels;
  for (size_t i = 0; i < bn->c; i++) {
    const float var = (float)(bn->pixels > 1 ? bn->var[i] * (n / (n - 1.0)) : bn->var[i]);
    running_mean[i] = 0.9f * running_mean[i] + 0.1f * bn->mean[i];
    running_var[i] = 0.9f * running_var[i] + 0.1f * var;
  }
}

void as_bnorm_train_backward(as_bnorm_train *bn, const as_map *x, const as_map *y, const as_map *dy,
                             const as_map *dx, float *dgamma, float *dbeta) {
  const size_t n = bn->pixels;
  pass j = {.bn = bn, .x = x, .dy = dy, .gamma = bn->gamma, .beta = bn->beta};
  if (bn->relu && bn->residual) j.y = y;
  j.relu = bn->relu && !bn->residual;
  run_pass(&j, PASS_SUMS);
  for (size_t i = 0; i < bn->c; i++) {
    const double g = total(bn, 0, i, n), gx = total(bn, 1, i, n);
    dbeta[i] = (float)g, dgamma[i] = (float)gx;
    bn->meang[i] = (float)(g / (double)n), bn->meanx[i] = (float)(gx / (double)n);
    bn->k[i] = bn->gamma[i] * bn->rstd[i];
  }
  j.y = NULL, j.out = dx;
  run_pass(&j, PASS_BACKWARD);
}
