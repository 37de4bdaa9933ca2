/* The kernels that training adds: the reverse of the rows of kernels.h, sums over samples, optimiser steps.
 *
 * Sums over samples (NUMERICS rule T2). A sum over many rows is cut into chunks of AS_CHUNK consecutive rows; inside a
 * chunk each column is one float chain in row order, and the chunks are added in double. The kernels here continue
 * a chain: they read and write the accumulator, so that a chunk may come in pieces (the rows of a map with a
 * border do not lie at equal distances). The driver starts chunks at +0 and adds them up.
 *
 * All pointers need float alignment only; rows of c floats lie ld floats apart. Outputs may be (exactly) the inputs
 * that the contract names, and overlap nothing else. */
#ifndef AS_TENSOR_KERN_KERNELS_TRAIN_H
#define AS_TENSOR_KERN_KERNELS_TRAIN_H

#include <stddef.h>

enum { AS_CHUNK = 256 };

/* colsum: sum[j] = sum[j] + x[i][j], i rising.   colsq: d = x[i][j] - mean[j]; sum[j] = fma(d, d, sum[j]). */
typedef void as_fn_colsum(size_t rows, size_t c, const float *x, size_t ld, float *sum);
typedef void as_fn_colsq(size_t rows, size_t c, const float *x, size_t ld, const float *mean, float *sum);

/* addd: total[i] = total[i] + (double)x[i], i < n: a chunk to the others. */
typedef void as_fn_addd(size_t n, const float *x, double *total);

/* BatchNorm with the statistics of the batch, rows of one image row (rule T3).
 *   bnfwd   xh = (x - mean) * rstd;  y = fma(xh, gamma, beta);  y = residual + y if residual;  relu: +0 where y <= 0
 *   bnsum   g = dy, +0 where y <= 0;  sum[j] += g;  sumx[j] = fma(g, xh, sumx[j])
 *           y is given (dy = g then), or fma(xh, gamma, beta) if relu, or nothing is zeroed
 *   bnbwd   dx = k * fma(-xh, meanx, g - meang)       k = gamma rstd, meang and meanx the means of g and g xh
 *           g = dy, +0 where fma(xh, gamma, beta) <= 0 if relu
 * bnfwd: y may be x or residual. bnbwd: dx may be dy or x. Channel vectors have c floats. */
typedef struct as_bnorm_args {
  size_t rows, c;
  const float *x; /* what the forward pass normalised */
  size_t ldx;
  const float *mean, *rstd;
  const float *gamma, *beta; /* bnfwd, and where relu */
  const float *residual;     /* bnfwd, or NULL */
  size_t ldr;
  int relu;
  const float *y; /* bnsum: the output after its ReLU, or NULL */
  float *out;     /* bnfwd: y; bnbwd: dx */
  size_t ldy;     /* of y and out */
  float *dy;      /* bnsum, bnbwd */
  size_t lddy;
  float *sum, *sumx;              /* bnsum */
  const float *k, *meang, *meanx; /* bnbwd */
} as_bnorm_args;
typedef void as_fn_bnfwd(const as_bnorm_args *a);
typedef void as_fn_bnsum(const as_bnorm_args *a);
typedef void as_fn_bnbwd(const as_bnorm_args *a);

/* copyp: rows x n floats, ld apart, to rows ldo apart; n 1..32 and exactly n floats of each row are written: a strip
 * of a GEMM panel. */
typedef void as_fn_copyp(size_t rows, size_t n, const float *in, size_t ld, float *out, size_t ldo);

/* gemmt: gemm whose sum runs over rows of both operands: over pixels, whose channels lie side by side.
 *   c[i][j] = +0, then fma(a[s][k * lda + i], b[s][k * ldb + j], c[i][j]) in increasing (segment, k)
 * Segment s has k[s] rows, of a lda floats apart, of b ldb. m 1..14; n, 16 or 32, columns are read and written; rows of c are 32 floats apart. */
typedef struct as_gemmt_args {
  size_t m, n, nseg;
  const size_t *k;       /* [nseg] */
  const float *const *a; /* [nseg] */
  size_t lda;
  const float *const *b; /* [nseg] */
  size_t ldb;
  float *c;
  const double *ahead; /* NULL, or what will be read and written next: a hint to bring it nearer */
} as_gemmt_args;
typedef void as_fn_gemmt(const as_gemmt_args *g);

/* dgemm: m rows (any number) by one panel of 8 columns, in double, added to what is there:
 *   c[i][j] = c[i][j] + a[i * lda + l] * b[l * 8 + j], l = 0 .. k - 1 rising, product and sum each rounded. No overlap. */
enum { AS_ND = 8 };
typedef void as_fn_dgemm(size_t m, size_t k, const double *a, size_t lda, const double *b, double *c,
                         size_t ldc);

/* Elementwise reverse; dx may be dy.
 *   relub  dx = y <= 0 ? +0 : dy                y: the output
 *   gelub  dx = dy * (cdf + x * pdf)            x: the input; cdf = fma(0.5, erf(x / sqrt 2), 0.5),
 *                                               pdf = exp(-0.5 x * x) / sqrt(2 pi) as a product with the constant */
typedef void as_fn_relub(size_t n, const float *y, const float *dy, float *dx);
typedef void as_fn_gelub(size_t n, const float *x, const float *dy, float *dx);

/* Row by row; sums by rule 3 (16 lanes). dx may be dy.
 *   softb  dx = scale * (p * (dy - sum(dy p)))          p: the softmax row; the sum is a chain of fma(dy, p, l)
 *   l2b    norm = max(sqrt(sum x^2), 1e-12); u = x / norm; dx = fma(-sum(dy u), u, dy) / norm;
 *          below the floor (no direction there) dx = dy / 1e-12
 *   lnb    mean, rstd as in layernorm; xh = (x - mean) * rstd; g = dy * gamma; s = sum g / c; t = sum(g xh) / c;
 *          dx = rstd * fma(-xh, t, g - s);  dgamma[j] = fma(dy, xh, dgamma[j]);  dbeta[j] += dy */
typedef void as_fn_softb(size_t c, float scale, const float *p, const float *dy, float *dx);
typedef void as_fn_l2b(size_t c, const float *x, const float *dy, float *dx);
typedef struct as_lnb_args {
  size_t c;
  const float *x, *gamma, *dy;
  float eps;
  float *dx, *dgamma, *dbeta;
} as_lnb_args;
typedef void as_fn_lnb(const as_lnb_args *a);

/* Optimiser steps over n floats, in place (rule T5; the scalars come rounded once from double).
 *   sgd    d = fma(wd, p, g);  b = first ? d : fma(mu, b, d);  p = fma(-lr, nesterov ? fma(mu, b, d) : b, p)
 *   adamw  p = p * keep;  m = fma(b1, m, c1 * g);  v = fma(b2, v, (c2 * g) * g);
 *          p = p - step * (m / (sqrt(v) / root + eps))
 *          keep = 1 - lr wd, c = 1 - b, step = lr / (1 - b1^t), root = sqrt(1 - b2^t)
 *   ema    t = fma(m, t, c * o)                           c = 1 - m */
typedef struct as_sgd_args {
  size_t n;
  float *p, *b;
  const float *g;
  float lr, mu, wd;
  int first, nesterov;
} as_sgd_args;
typedef void as_fn_sgd(const as_sgd_args *a);
typedef struct as_adamw_args {
  size_t n;
  float *p, *m, *v;
  const float *g;
  float keep, b1, c1, b2, c2, step, root, eps;
} as_adamw_args;
typedef void as_fn_adamw(const as_adamw_args *a);
typedef void as_fn_ema(size_t n, float m, float c, const float *o, float *t);

/* clang-format off */
#define AS_TRAIN_OPS(X)                                                                                    \
  X(colsum) X(colsq) X(addd) X(bnfwd) X(bnsum) X(bnbwd) X(copyp) X(gemmt) X(relub) X(gelub) X(softb)        \
  X(l2b) X(lnb) X(sgd) X(adamw) X(ema) X(dgemm)
/* clang-format on */

#endif
