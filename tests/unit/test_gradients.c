/* Every layer's backward pass against central differences of its forward pass written out in double, at three shapes each.
 *
 * A layer is y = f(x_0, x_1, ...); with fixed weights w of the outputs, the gradient of L = sum w y by each input is
 * (L(x + h) - L(x - h)) / 2h, all of it in double, at the very floats that the layer gets. */
#include <stdlib.h>

#include "nn/train/head_train.h"
#include "tensor/attention.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tensor/runtime.h"
#include "tensor/train/attention_train.h"
#include "tensor/train/bnorm_train.h"
#include "tensor/train/conv_train.h"
#include "tensor/train/lnorm_train.h"
#include "tensor/train/pool_train.h"
#include "tests/harness.h"

enum { INPUTS = 6, SHAPE = 8 };
static const double STEP = 1e-5, BOUND = 1e-4;

typedef struct layer {
  const char *name;
  int shape[3][SHAPE];
  /* Sizes of the inputs (0 ends) and of the output. */
  size_t (*sizes)(const int *s, size_t n[INPUTS]);
  void (*forward)(const int *s, double *const x[], double *y);
  /* dx[i]: gradient of input i by dy. */
  void (*reverse)(const int *s, float *const x[], const float *dy, float *const dx[]);
} layer;

static double drawn(size_t stream, size_t i) {
  return as_rng_uniform(as_rng_make(91, stream), i) * 2.0 - 1.0;
}

static double loss_of(const layer *l, const int *s, double *const x[], const float *w, double *y, size_t n) {
  double sum = 0;
  l->forward(s, x, y);
  for (size_t i = 0; i < n; i++) sum += (double)w[i] * y[i];
  return sum;
}

static void compare_input(as_test *t, const layer *l, const int *s, double *const x[], size_t input, size_t n,
                          const float *got, const float *w, double *y, size_t n_y) {
  double wrong = 0, norm = 0;
  for (size_t k = 0; k < n; k++) {
    const double at = x[input][k];
    x[input][k] = at + STEP;
    const double above = loss_of(l, s, x, w, y, n_y);
    x[input][k] = at - STEP;
    const double below = loss_of(l, s, x, w, y, n_y);
    x[input][k] = at;
    const double want = (above - below) / (2 * STEP), d = (double)got[k] - want;
    wrong += d * d, norm += want * want;
  }
  if (!(sqrt(wrong) < BOUND * sqrt(norm)))
    as_test_fail(t, __FILE__, __LINE__, "%s, shape %d %d %d, input %zu: relative error %g", l->name, s[0],
                 s[1], s[2], input, sqrt(wrong / norm));
}

static void check_layer(as_test *t, const layer *l, const int *s) {
  size_t n[INPUTS] = {0};
  const size_t n_y = l->sizes(s, n);
  double *x[INPUTS] = {0}, *y = as_alloc(n_y, sizeof *y, NULL);
  float *f[INPUTS] = {0}, *d[INPUTS] = {0}, *w = as_alloc(n_y, sizeof *w, NULL);
  float *dy = as_alloc(n_y, sizeof *dy, NULL);
  for (size_t i = 0; i < INPUTS && n[i]; i++) {
    x[i] = as_alloc(n[i], sizeof *x[i], NULL);
    f[i] = as_alloc(n[i], sizeof *f[i], NULL);
    d[i] = as_alloc(n[i], sizeof *d[i], NULL);
    for (size_t k = 0; k < n[i]; k++) x[i][k] = (double)(f[i][k] = (float)drawn(i, k));
  }
  for (size_t k = 0; k < n_y; k++) dy[k] = w[k] = (float)drawn(77, k);
  l->reverse(s, f, dy, d);
  for (size_t i = 0; i < INPUTS && n[i]; i++) compare_input(t, l, s, x, i, n[i], d[i], w, y, n_y);
  for (size_t i = 0; i < INPUTS; i++) as_free(x[i]), as_free(f[i]), as_free(d[i]);
  as_free(y), as_free(w), as_free(dy);
}

/* ---- linear: rows, inputs, outputs; x, weight, bias ---- */

static size_t linear_sizes(const int *s, size_t n[]) {
  n[0] = (size_t)(s[0] * s[1]), n[1] = (size_t)(s[2] * s[1]), n[2] = (size_t)s[2];
  return (size_t)(s[0] * s[2]);
}
static void linear_forward(const int *s, double *const x[], double *y) {
  for (int r = 0; r < s[0]; r++)
    for (int o = 0; o < s[2]; o++) {
      double sum = x[2][o];
      for (int i = 0; i < s[1]; i++) sum += x[0][r * s[1] + i] * x[1][o * s[1] + i];
      y[r * s[2] + o] = sum;
    }
}
static void linear_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  const as_conv_shape shape = {.h = 1, .w = 1, .c_in = s[1], .c_out = s[2], .kh = 1, .kw = 1, .stride = 1};
  const size_t rows = (size_t)s[0], in = (size_t)s[1], out = (size_t)s[2];
  const as_map from = as_map_matrix(x[0], rows, in), to = as_map_matrix(dx[0], rows, in);
  const as_map d = as_map_matrix((float *)(uintptr_t)dy, rows, out);
  as_conv_train *c = NULL;
  if (as_conv_train_create(&c, &shape, rows, NULL) != AS_OK) return;
  float *scratch = as_alloc(as_map_sum_floats(&d), sizeof *scratch, NULL);
  as_conv_train_pack(c, x[1], x[2], true);
  as_conv_train_grad_input(c, &d, NULL, &to);
  as_conv_train_grad_weight(c, &from, &d, dx[1]);
  as_map_sum(&d, dx[2], scratch);
  as_free(scratch);
  as_conv_train_destroy(&c);
}

/* ---- GELU: elements ---- */

static size_t flat_sizes(const int *s, size_t n[]) {
  n[0] = (size_t)s[0];
  return n[0];
}
static void gelu_forward(const int *s, double *const x[], double *y) {
  for (int i = 0; i < s[0]; i++) y[i] = 0.5 * x[0][i] * erfc(-x[0][i] * 0.70710678118654752440);
}
static void gelu_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  as_k.gelub((size_t)s[0], x[0], dy, dx[0]);
}

/* ---- the MLP of a block: rows, width, hidden; x, fc1, its bias, fc2, its bias ---- */

static size_t mlp_sizes(const int *s, size_t n[]) {
  n[0] = (size_t)(s[0] * s[1]), n[1] = n[3] = (size_t)(s[1] * s[2]), n[2] = (size_t)s[2], n[4] = (size_t)s[1];
  return n[0];
}
static void mlp_forward(const int *s, double *const x[], double *y) {
  double *hidden = as_alloc((size_t)(s[0] * s[2]), sizeof *hidden, NULL);
  const int first[3] = {s[0], s[1], s[2]}, second[3] = {s[0], s[2], s[1]}, all[1] = {s[0] * s[2]};
  double *const to_first[3] = {x[0], x[1], x[2]}, *const to_second[3] = {hidden, x[3], x[4]};
  linear_forward(first, to_first, hidden);
  gelu_forward(all, to_second, hidden);
  linear_forward(second, to_second, y);
  as_free(hidden);
}
static void mlp_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  const size_t rows = (size_t)s[0], wide = rows * (size_t)s[2];
  const int first[3] = {s[0], s[1], s[2]}, second[3] = {s[0], s[2], s[1]}, all[1] = {s[0] * s[2]};
  const as_conv_shape shape = {.h = 1, .w = 1, .c_in = s[1], .c_out = s[2], .kh = 1, .kw = 1, .stride = 1};
  float *hidden = as_alloc(wide, sizeof *hidden, NULL), *gelu = as_alloc(wide, sizeof *gelu, NULL);
  float *d = as_alloc(wide, sizeof *d, NULL);
  const as_map in = as_map_matrix(x[0], rows, (size_t)s[1]), out = as_map_matrix(hidden, rows, (size_t)s[2]);
  as_conv_train *c = NULL;
  if (as_conv_train_create(&c, &shape, rows, NULL) != AS_OK) return;
  as_conv_train_pack(c, x[1], x[2], false);
  as_conv_train_forward(c, &in, &out);
  as_k.gelu(wide, hidden, gelu);
  float *const second_x[3] = {gelu, x[3], x[4]}, *const second_d[3] = {d, dx[3], dx[4]};
  float *const gelu_x[1] = {hidden}, *const gelu_d[1] = {d};
  linear_reverse(second, second_x, dy, second_d);
  gelu_reverse(all, gelu_x, d, gelu_d);
  linear_reverse(first, x, d, dx);
  as_conv_train_destroy(&c);
  as_free(hidden), as_free(gelu), as_free(d);
}

/* ---- LayerNorm: rows, channels; x, gamma, beta ---- */

static size_t lnorm_sizes(const int *s, size_t n[]) {
  n[0] = (size_t)(s[0] * s[1]), n[1] = n[2] = (size_t)s[1];
  return n[0];
}
static void lnorm_forward(const int *s, double *const x[], double *y) {
  for (int r = 0; r < s[0]; r++) {
    const double *in = x[0] + r * s[1];
    double mean = 0, var = 0;
    for (int i = 0; i < s[1]; i++) mean += in[i] / s[1];
    for (int i = 0; i < s[1]; i++) var += (in[i] - mean) * (in[i] - mean) / s[1];
    for (int i = 0; i < s[1]; i++) y[r * s[1] + i] = (in[i] - mean) / sqrt(var + 1e-6) * x[1][i] + x[2][i];
  }
}
static void lnorm_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  const size_t rows = (size_t)s[0], c = (size_t)s[1];
  const as_map in = as_map_matrix(x[0], rows, c), d = as_map_matrix((float *)(uintptr_t)dy, rows, c);
  const as_map to = as_map_matrix(dx[0], rows, c);
  float *scratch = as_alloc(as_lnorm_grad_floats(rows, c), sizeof *scratch, NULL);
  as_lnorm_backward(&(as_lnorm_grad){.x = &in,
                                     .dy = &d,
                                     .dx = &to,
                                     .gamma = x[1],
                                     .eps = 1e-6f,
                                     .dgamma = dx[1],
                                     .dbeta = dx[2],
                                     .scratch = scratch});
  as_free(scratch);
}

/* ---- attention: images, tokens, heads, channels of a head; qkv ---- */

static size_t attention_sizes(const int *s, size_t n[]) {
  n[0] = (size_t)(s[0] * s[1] * s[2] * s[3] * 3);
  return n[0] / 3;
}
static void attention_forward(const int *s, double *const x[], double *y) {
  const int tokens = s[1], dh = s[3], d = s[2] * dh;
  double *p = as_alloc((size_t)tokens, sizeof *p, NULL);
  for (int n = 0; n < s[0]; n++)
    for (int h = 0; h < s[2]; h++)
      for (int i = 0; i < tokens; i++) {
        const double *q = x[0] + (n * tokens + i) * 3 * d + h * dh;
        double sum = 0, *out = y + (n * tokens + i) * d + h * dh;
        for (int j = 0; j < tokens; j++) {
          const double *k = x[0] + (n * tokens + j) * 3 * d + d + h * dh;
          p[j] = 0;
          for (int e = 0; e < dh; e++) p[j] += q[e] * k[e] / sqrt(dh);
          sum += p[j] = exp(p[j]);
        }
        for (int e = 0; e < dh; e++) {
          out[e] = 0;
          for (int j = 0; j < tokens; j++)
            out[e] += p[j] / sum * x[0][(n * tokens + j) * 3 * d + 2 * d + h * dh + e];
        }
      }
  as_free(p);
}
static void attention_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  const int d = s[2] * s[3];
  const as_tensor qkv = {x[0], s[0], s[1], 1, 3 * d, (size_t)(3 * d)},
                  to = {dx[0], s[0], s[1], 1, 3 * d, (size_t)(3 * d)};
  const as_tensor dout = {(float *)(uintptr_t)dy, s[0], s[1], 1, d, (size_t)d};
  const int threads = as_par_threads();
  const as_team team = {threads, as_alloc(as_attention_grad_scratch(s[1], s[2], d, threads), 1, NULL)};
  as_attention_backward(&qkv, s[2], &dout, &to, &team);
  as_free(team.scratch);
}

/* ---- convolution: map h w, channels in out, kernel h w, stride, images; padding kernel / 2 (not below the kernel) ---- */

static as_conv_shape conv_shape(const int *s) {
  const int py = s[4] / 2, px = s[5] / 2;
  return (as_conv_shape){.h = s[0],
                         .w = s[1],
                         .c_in = s[2],
                         .c_out = s[3],
                         .kh = s[4],
                         .kw = s[5],
                         .stride = s[6],
                         .pad_top = py,
                         .pad_left = px,
                         .pad_bottom = py,
                         .pad_right = px};
}
static size_t conv_sizes(const int *s, size_t n[]) {
  const as_conv_shape c = conv_shape(s);
  n[0] = (size_t)(s[7] * s[0] * s[1] * s[2]), n[1] = (size_t)(s[2] * s[3] * s[4] * s[5]);
  return (size_t)(s[7] * as_conv_out_h(&c) * as_conv_out_w(&c) * s[3]);
}
static void conv_forward(const int *s, double *const x[], double *y) {
  const as_conv_shape c = conv_shape(s);
  for (int n = 0; n < s[7]; n++)
    for (int oy = 0; oy < as_conv_out_h(&c); oy++)
      for (int ox = 0; ox < as_conv_out_w(&c); ox++)
        for (int o = 0; o < c.c_out; o++) {
          double sum = 0;
          for (int ky = 0; ky < c.kh; ky++)
            for (int kx = 0; kx < c.kw; kx++) {
              const int iy = oy * c.stride + ky - c.pad_top, ix = ox * c.stride + kx - c.pad_left;
              if (iy < 0 || iy >= c.h || ix < 0 || ix >= c.w) continue;
              for (int i = 0; i < c.c_in; i++)
                sum += x[0][((n * c.h + iy) * c.w + ix) * c.c_in + i] *
                       x[1][((o * c.c_in + i) * c.kh + ky) * c.kw + kx];
            }
          *y++ = sum;
        }
}

/* A map with a border, holding a plain array; and back. */
static as_map bordered(int n, int h, int w, int c, int border, const float *from) {
  as_map m = {NULL, n, h, w, c, border};
  as_map_place(&m, as_alloc(as_map_floats(&m), sizeof(float), NULL));
  for (size_t i = 0; from && i < (size_t)(n * h); i++)
    memcpy(as_map_at(&m, i / (size_t)h, i % (size_t)h, 0), from + i * (size_t)(w * c),
           (size_t)(w * c) * sizeof *from);
  return m;
}
static void plain(as_map *m, float *to) {
  const size_t row = (size_t)m->w * (size_t)m->c;
  for (size_t i = 0; to && i < (size_t)m->n * (size_t)m->h; i++)
    memcpy(to + i * row, as_map_at(m, i / (size_t)m->h, i % (size_t)m->h, 0), row * sizeof *to);
  as_free(m->data - (size_t)m->border * (as_map_row(m) + (size_t)m->c));
}

static void conv_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  const as_conv_shape c = conv_shape(s);
  as_map in = bordered(s[7], c.h, c.w, c.c_in, as_conv_train_border_in(&c), x[0]);
  as_map din = bordered(s[7], c.h, c.w, c.c_in, 1, NULL);
  as_map d = bordered(s[7], as_conv_out_h(&c), as_conv_out_w(&c), c.c_out, as_conv_train_border_out(&c), dy);
  as_conv_train *t = NULL;
  if (as_conv_train_create(&t, &c, as_map_pixels(&d), NULL) != AS_OK) return;
  as_conv_train_pack(t, x[1], NULL, true);
  as_conv_train_grad_input(t, &d, NULL, &din);
  as_conv_train_grad_weight(t, &in, &d, dx[1]);
  as_conv_train_destroy(&t);
  plain(&din, dx[0]), plain(&in, NULL), plain(&d, NULL);
}

/* ---- BatchNorm with the batch's statistics, residual and ReLU: pixels, channels, relu; x, gamma, beta, residual ---- */

static size_t bnorm_sizes(const int *s, size_t n[]) {
  n[0] = n[3] = (size_t)(s[0] * s[1]), n[1] = n[2] = (size_t)s[1];
  return n[0];
}
static void bnorm_forward(const int *s, double *const x[], double *y) {
  for (int i = 0; i < s[1]; i++) {
    double mean = 0, var = 0;
    for (int r = 0; r < s[0]; r++) mean += x[0][r * s[1] + i] / s[0];
    for (int r = 0; r < s[0]; r++) var += pow(x[0][r * s[1] + i] - mean, 2) / s[0];
    for (int r = 0; r < s[0]; r++) {
      const int at = r * s[1] + i;
      y[at] = (x[0][at] - mean) / sqrt(var + 1e-5) * x[1][i] + x[2][i] + x[3][at];
      if (s[2] && y[at] < 0) y[at] = 0;
    }
  }
}
static void bnorm_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  const size_t rows = (size_t)s[0], c = (size_t)s[1];
  float *out = as_alloc(rows * c, sizeof *out, NULL);
  const as_map in = as_map_matrix(x[0], rows, c), res = as_map_matrix(x[3], rows, c);
  const as_map y = as_map_matrix(out, rows, c), d = as_map_matrix(dx[3], rows, c);
  const as_map to = as_map_matrix(dx[0], rows, c);
  as_bnorm_train *bn = NULL;
  if (as_bnorm_train_create(&bn, s[1], 1e-5, rows, NULL) != AS_OK) return;
  memcpy(dx[3], dy, rows * c * sizeof *dy); /* becomes what the residual gets */
  as_bnorm_train_forward(bn, &in, x[1], x[2], &res, s[2] != 0, &y);
  as_bnorm_train_backward(bn, &in, &y, &d, &to, dx[1], dx[2]);
  as_bnorm_train_destroy(&bn);
  as_free(out);
}

/* ---- pooling: map h w, channels, kernel, stride, padding, images, max ---- */

static int pooled(int size, const int *s) {
  return (size + 2 * s[5] - s[3]) / s[4] + 1;
}
static size_t pool_sizes(const int *s, size_t n[]) {
  n[0] = (size_t)(s[6] * s[0] * s[1] * s[2]);
  return (size_t)(s[6] * pooled(s[0], s) * pooled(s[1], s) * s[2]);
}
static void pool_forward(const int *s, double *const x[], double *y) {
  for (int n = 0; n < s[6]; n++)
    for (int oy = 0; oy < pooled(s[0], s); oy++)
      for (int ox = 0; ox < pooled(s[1], s); ox++)
        for (int c = 0; c < s[2]; c++) {
          double most = -1e30, sum = 0;
          for (int k = 0; k < s[3] * s[3]; k++) {
            const int iy = oy * s[4] + k / s[3] - s[5], ix = ox * s[4] + k % s[3] - s[5];
            if (iy < 0 || iy >= s[0] || ix < 0 || ix >= s[1]) continue;
            const double v = x[0][((n * s[0] + iy) * s[1] + ix) * s[2] + c];
            most = v > most ? v : most, sum += v;
          }
          *y++ = s[7] ? most : sum / (s[3] * s[3]);
        }
}
static void pool_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  const as_pool_shape shape = {s[3], s[3], s[4], s[5], s[5], s[5], s[5]};
  as_map in = bordered(s[6], s[0], s[1], s[2], 1, x[0]), din = bordered(s[6], s[0], s[1], s[2], 2, NULL);
  as_map out = bordered(s[6], pooled(s[0], s), pooled(s[1], s), s[2], 0, NULL);
  as_map d = bordered(s[6], pooled(s[0], s), pooled(s[1], s), s[2], 1, dy);
  as_pool_train_forward(&shape, s[7] != 0, &in, &out);
  as_pool_train_backward(&shape, s[7] != 0, &in, &out, &d, &din);
  plain(&din, dx[0]), plain(&in, NULL), plain(&out, NULL), plain(&d, NULL);
}

/* ---- the mean over a map: map h w, channels, images ---- */

static size_t mean_sizes(const int *s, size_t n[]) {
  n[0] = (size_t)(s[3] * s[0] * s[1] * s[2]);
  return (size_t)(s[3] * s[2]);
}
static void mean_forward(const int *s, double *const x[], double *y) {
  for (int n = 0; n < s[3]; n++)
    for (int c = 0; c < s[2]; c++) {
      y[n * s[2] + c] = 0;
      for (int p = 0; p < s[0] * s[1]; p++) y[n * s[2] + c] += x[0][(n * s[0] * s[1] + p) * s[2] + c];
      y[n * s[2] + c] /= s[0] * s[1];
    }
}
static void mean_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  (void)x;
  as_map din = bordered(s[3], s[0], s[1], s[2], 1, NULL);
  const as_map d = as_map_matrix((float *)(uintptr_t)dy, (size_t)s[3], (size_t)s[2]);
  as_mean_train_backward(&d, &din);
  plain(&din, dx[0]);
}

/* ---- ReLU: elements; L2: a row of that length ---- */

static void relu_forward(const int *s, double *const x[], double *y) {
  for (int i = 0; i < s[0]; i++) y[i] = x[0][i] > 0 ? x[0][i] : 0;
}
static void relu_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  as_k.relu((size_t)s[0], x[0], x[0]); /* in place: the test keeps its own */
  as_k.relub((size_t)s[0], x[0], dy, dx[0]);
}
static void l2_forward(const int *s, double *const x[], double *y) {
  double sum = 0;
  for (int i = 0; i < s[0]; i++) sum += x[0][i] * x[0][i];
  for (int i = 0; i < s[0]; i++) y[i] = x[0][i] / sqrt(sum);
}
static void l2_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  as_k.l2b((size_t)s[0], x[0], dy, dx[0]);
}

/* ---- DINO's last layer, whose weight rows are taken at length 1: rows, inputs, outputs; x, weight ---- */

static size_t cosine_sizes(const int *s, size_t n[]) {
  n[0] = (size_t)(s[0] * s[1]), n[1] = (size_t)(s[2] * s[1]);
  return (size_t)(s[0] * s[2]);
}
static void cosine_forward(const int *s, double *const x[], double *y) {
  for (int o = 0; o < s[2]; o++) {
    const double *w = x[1] + o * s[1];
    double square = 0;
    for (int i = 0; i < s[1]; i++) square += w[i] * w[i];
    for (int r = 0; r < s[0]; r++) {
      y[r * s[2] + o] = 0;
      for (int i = 0; i < s[1]; i++) y[r * s[2] + o] += x[0][r * s[1] + i] * w[i] / sqrt(square);
    }
  }
}
static void cosine_reverse(const int *s, float *const x[], const float *dy, float *const dx[]) {
  const as_head_layer last = {.kind = AS_HEAD_COSINE, .width = s[2]};
  const size_t rows = (size_t)s[0], in = (size_t)s[1], weights = in * (size_t)s[2];
  const as_map from = as_map_matrix(x[0], rows, in), to = as_map_matrix(dx[0], rows, in);
  const as_map d = as_map_matrix((float *)(uintptr_t)dy, rows, (size_t)s[2]);
  as_store store = {0};
  as_head *head = NULL;
  as_head_pass *pass = NULL;
  if (as_head_create(&head, "last", s[1], &last, 1, rows, &store, NULL) != AS_OK) return;
  if (as_store_make(&store, 1, NULL) != AS_OK) return;
  if (as_head_pass_create(&pass, head, true, NULL) != AS_OK) return;
  memcpy(as_store_value(&store, 0), x[1], weights * sizeof(float));
  as_store_zero_grad(&store);
  as_head_pack(head, true);
  (void)as_head_forward(pass, &from, false);
  as_head_backward(pass, &d, &to);
  memcpy(dx[1], as_store_grad(&store, 0), weights * sizeof(float));
  as_head_pass_destroy(&pass);
  as_head_destroy(&head);
  as_store_clear(&store);
}

static const layer layers[] = {
    {"linear", {{5, 7, 3}, {300, 2, 3}, {2, 40, 37}}, linear_sizes, linear_forward, linear_reverse},
    {"GELU", {{1}, {37}, {200}}, flat_sizes, gelu_forward, gelu_reverse},
    {"MLP", {{3, 4, 9}, {270, 2, 3}, {2, 12, 40}}, mlp_sizes, mlp_forward, mlp_reverse},
    {"LayerNorm", {{4, 5}, {270, 3}, {2, 50}}, lnorm_sizes, lnorm_forward, lnorm_reverse},
    {"attention",
     {{2, 3, 2, 4}, {1, 17, 1, 5}, {2, 35, 1, 3}},
     attention_sizes,
     attention_forward,
     attention_reverse},
    {"convolution",
     {{5, 6, 3, 4, 3, 3, 1, 2}, {9, 7, 2, 5, 5, 2, 3, 2}, {8, 8, 3, 6, 4, 4, 4, 2}},
     conv_sizes,
     conv_forward,
     conv_reverse},
    {"convolution, even",
     {{6, 6, 4, 3, 1, 1, 2, 3}, {12, 4, 2, 3, 7, 3, 2, 1}, {16, 16, 1, 2, 3, 3, 1, 2}},
     conv_sizes,
     conv_forward,
     conv_reverse},
    {"BatchNorm", {{6, 5, 0}, {300, 2, 1}, {40, 19, 1}}, bnorm_sizes, bnorm_forward, bnorm_reverse},
    {"max-pooling",
     {{6, 5, 3, 3, 2, 1, 2, 1}, {7, 7, 17, 2, 2, 0, 1, 1}, {5, 5, 2, 3, 1, 1, 3, 1}},
     pool_sizes,
     pool_forward,
     pool_reverse},
    {"mean-pooling",
     {{6, 4, 3, 2, 2, 0, 2, 0}, {6, 6, 17, 3, 3, 0, 1, 0}, {5, 5, 2, 2, 1, 0, 3, 0}},
     pool_sizes,
     pool_forward,
     pool_reverse},
    {"mean over a map", {{1, 1, 5, 2}, {4, 3, 19, 2}, {7, 7, 2, 3}}, mean_sizes, mean_forward, mean_reverse},
    {"ReLU", {{1}, {37}, {200}}, flat_sizes, relu_forward, relu_reverse},
    {"L2", {{2}, {37}, {200}}, flat_sizes, l2_forward, l2_reverse},
    {"rows at length 1", {{5, 7, 3}, {300, 2, 3}, {2, 40, 37}}, cosine_sizes, cosine_forward, cosine_reverse},
};

static void central_differences(as_test *t) {
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    for (size_t k = 0; k < 3; k++) check_layer(t, &layers[i], layers[i].shape[k]);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"central differences in double", central_differences}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
