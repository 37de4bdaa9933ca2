/* The training kernels, as defined (tensor/kern/kernels_train.h). */
#include <math.h>
#include <string.h>

#include "tensor/kern/ref/fmath_ref.h"
#include "tensor/kern/ref/variant_ref.h"

static float fold_lanes(float *l) {
  for (size_t s = 8; s > 0; s /= 2)
    for (size_t j = 0; j < s; j++) l[j] += l[j + s];
  return l[0];
}

void AS_VARIANT(colsum)(size_t rows, size_t c, const float *x, size_t ld, float *sum) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < c; j++) sum[j] = sum[j] + x[i * ld + j];
}

void AS_VARIANT(colsq)(size_t rows, size_t c, const float *x, size_t ld, const float *mean, float *sum) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < c; j++) {
      const float d = x[i * ld + j] - mean[j];
      sum[j] = AS_FMAF(d, d, sum[j]);
    }
}

void AS_VARIANT(addd)(size_t n, const float *x, double *total) {
  for (size_t i = 0; i < n; i++) total[i] = total[i] + (double)x[i];
}

void AS_VARIANT(bnfwd)(const as_bnorm_args *a) {
  for (size_t i = 0; i < a->rows; i++)
    for (size_t j = 0; j < a->c; j++) {
      const float xh = (a->x[i * a->ldx + j] - a->mean[j]) * a->rstd[j];
      float y = AS_FMAF(xh, a->gamma[j], a->beta[j]);
      if (a->residual) y = a->residual[i * a->ldr + j] + y;
      a->out[i * a->ldy + j] = a->relu && y <= 0.0f ? 0.0f : y;
    }
}

/* dy behind a ReLU that nothing but BatchNorm stands before: its output is made again. */
static float bnorm_masked(const as_bnorm_args *a, float dy, float xh, size_t j) {
  return a->relu && AS_FMAF(xh, a->gamma[j], a->beta[j]) <= 0.0f ? 0.0f : dy;
}

void AS_VARIANT(bnsum)(const as_bnorm_args *a) {
  for (size_t i = 0; i < a->rows; i++)
    for (size_t j = 0; j < a->c; j++) {
      float *dy = &a->dy[i * a->lddy + j];
      if (a->y && a->y[i * a->ldy + j] <= 0.0f) *dy = 0.0f;
      const float xh = (a->x[i * a->ldx + j] - a->mean[j]) * a->rstd[j];
      const float g = a->y ? *dy : bnorm_masked(a, *dy, xh, j);
      a->sum[j] = a->sum[j] + g;
      a->sumx[j] = AS_FMAF(g, xh, a->sumx[j]);
    }
}

void AS_VARIANT(bnbwd)(const as_bnorm_args *a) {
  for (size_t i = 0; i < a->rows; i++)
    for (size_t j = 0; j < a->c; j++) {
      const float xh = (a->x[i * a->ldx + j] - a->mean[j]) * a->rstd[j];
      const float g = bnorm_masked(a, a->dy[i * a->lddy + j], xh, j);
      a->out[i * a->ldy + j] = a->k[j] * AS_FMAF(-xh, a->meanx[j], g - a->meang[j]);
    }
}

void AS_VARIANT(copyp)(size_t rows, size_t n, const float *in, size_t ld, float *out, size_t ldo) {
  for (size_t i = 0; i < rows; i++) memcpy(out + i * ldo, in + i * ld, n * sizeof *out);
}

void AS_VARIANT(gemmt)(const as_gemmt_args *g) {
  for (size_t i = 0; i < g->m; i++)
    for (size_t j = 0; j < g->n; j++) {
      float acc = 0.0f;
      for (size_t s = 0; s < g->nseg; s++)
        for (size_t k = 0; k < g->k[s]; k++)
          acc = AS_FMAF(g->a[s][k * g->lda + i], g->b[s][k * g->ldb + j], acc);
      g->c[i * AS_NR + j] = acc;
    }
}

void AS_VARIANT(dgemm)(size_t m, size_t k, const double *a, size_t lda, const double *b, double *c,
                       size_t ldc) {
  for (size_t i = 0; i < m; i++) {
    double acc[AS_ND];
    memcpy(acc, c + i * ldc, sizeof acc);
    for (size_t l = 0; l < k; l++)
      for (size_t j = 0; j < AS_ND; j++) acc[j] += a[i * lda + l] * b[l * AS_ND + j];
    memcpy(c + i * ldc, acc, sizeof acc);
  }
}

void AS_VARIANT(relub)(size_t n, const float *y, const float *dy, float *dx) {
  for (size_t i = 0; i < n; i++) dx[i] = y[i] <= 0.0f ? 0.0f : dy[i];
}

void AS_VARIANT(gelub)(size_t n, const float *x, const float *dy, float *dx) {
  for (size_t i = 0; i < n; i++) {
    const float cdf = AS_FMAF(0.5f, as_erf_f(x[i] * 0x1.6a09e6p-1f), 0.5f);
    const float pdf = as_exp_f(-0.5f * x[i] * x[i]) * 0x1.988454p-2f; /* 1 / sqrt(2 pi) */
    dx[i] = dy[i] * AS_FMAF(x[i], pdf, cdf);
  }
}

void AS_VARIANT(softb)(size_t c, float scale, const float *p, const float *dy, float *dx) {
  float l[16] = {0};
  for (size_t i = 0; i < c; i++) l[i % 16] = AS_FMAF(dy[i], p[i], l[i % 16]);
  const float s = fold_lanes(l);
  for (size_t i = 0; i < c; i++) dx[i] = scale * (p[i] * (dy[i] - s));
}

void AS_VARIANT(l2b)(size_t c, const float *x, const float *dy, float *dx) {
  float l[16] = {0};
  for (size_t i = 0; i < c; i++) l[i % 16] = AS_FMAF(x[i], x[i], l[i % 16]);
  const float norm = sqrtf(fold_lanes(l));
  if (norm < 1e-12f) {
    for (size_t i = 0; i < c; i++) dx[i] = dy[i] / 1e-12f;
    return;
  }
  for (size_t j = 0; j < 16; j++) l[j] = 0.0f;
  for (size_t i = 0; i < c; i++) l[i % 16] = AS_FMAF(dy[i], x[i] / norm, l[i % 16]);
  const float s = fold_lanes(l);
  for (size_t i = 0; i < c; i++) dx[i] = AS_FMAF(-s, x[i] / norm, dy[i]) / norm;
}

void AS_VARIANT(lnb)(const as_lnb_args *a) {
  const float n = (float)a->c;
  float l[16] = {0};
  for (size_t i = 0; i < a->c; i++) l[i % 16] += a->x[i];
  const float mean = fold_lanes(l) / n;
  for (size_t j = 0; j < 16; j++) l[j] = 0.0f;
  for (size_t i = 0; i < a->c; i++) {
    const float d = a->x[i] - mean;
    l[i % 16] = AS_FMAF(d, d, l[i % 16]);
  }
  const float rstd = 1.0f / sqrtf(fold_lanes(l) / n + a->eps);
  float lx[16] = {0};
  for (size_t j = 0; j < 16; j++) l[j] = 0.0f;
  for (size_t i = 0; i < a->c; i++) {
    const float g = a->dy[i] * a->gamma[i];
    l[i % 16] += g;
    lx[i % 16] = AS_FMAF(g, (a->x[i] - mean) * rstd, lx[i % 16]);
  }
  const float s = fold_lanes(l) / n, t = fold_lanes(lx) / n;
  for (size_t i = 0; i < a->c; i++) {
    const float dy = a->dy[i], xh = (a->x[i] - mean) * rstd;
    a->dgamma[i] = AS_FMAF(dy, xh, a->dgamma[i]);
    a->dbeta[i] = a->dbeta[i] + dy;
    a->dx[i] = rstd * AS_FMAF(-xh, t, dy * a->gamma[i] - s);
  }
}

void AS_VARIANT(sgd)(const as_sgd_args *a) {
  for (size_t i = 0; i < a->n; i++) {
    const float d = AS_FMAF(a->wd, a->p[i], a->g[i]);
    const float b = a->first ? d : AS_FMAF(a->mu, a->b[i], d);
    a->b[i] = b;
    a->p[i] = AS_FMAF(-a->lr, a->nesterov ? AS_FMAF(a->mu, b, d) : b, a->p[i]);
  }
}

void AS_VARIANT(adamw)(const as_adamw_args *a) {
  for (size_t i = 0; i < a->n; i++) {
    const float g = a->g[i], p = a->p[i] * a->keep;
    a->m[i] = AS_FMAF(a->b1, a->m[i], a->c1 * g);
    a->v[i] = AS_FMAF(a->b2, a->v[i], (a->c2 * g) * g);
    a->p[i] = p - a->step * (a->m[i] / (sqrtf(a->v[i]) / a->root + a->eps));
  }
}

void AS_VARIANT(ema)(size_t n, float m, float c, const float *o, float *t) {
  for (size_t i = 0; i < n; i++) t[i] = AS_FMAF(m, t[i], c * o[i]);
}
