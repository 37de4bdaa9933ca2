/* Every layer's backward pass against central differences of its forward pass written out in double, at three shapes each.
 *
 * A layer is y = f(x_0, x_1, ...); with fixed weights w of the outputs, the gradient of L = sum w y by each input is
 * (L(x + h) - L(x - h)) / 2h, all of it in double, at the very floats that the layer gets. */
#include <stdlib.h>

#include "tensor/attention.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tensor/runtime.h"
#include "tensor/train/attention_train.h"
#include "tensor/train/conv_train.h"
#include "tensor/train/lnorm_train.h"
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
};

static void central_differences(as_test *t) {
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    for (size_t k = 0; k < 3; k++) check_layer(t, &layers[i], layers[i].shape[k]);
}

/* ---- bits: the same for any threads, and as the rules say ---- */

/* Rule T2: 600 rows are three chunks. */
static void lnorm_by_the_rules(as_test *t) {
  enum { ROWS = 600, C = 21 };
  float *x = as_alloc(ROWS * C, sizeof *x, NULL), *dy = as_alloc(ROWS * C, sizeof *dy, NULL);
  float *dx = as_alloc(ROWS * C, sizeof *dx, NULL), *want = as_alloc(ROWS * C, sizeof *want, NULL);
  float *res = as_alloc(ROWS * C, sizeof *res, NULL), gamma[C], sums[2 * C], part[2 * C] = {0};
  double total[2 * C] = {0};
  for (size_t i = 0; i < ROWS * C; i++)
    x[i] = (float)drawn(1, i), dy[i] = (float)drawn(2, i), res[i] = (float)drawn(4, i);
  for (size_t i = 0; i < C; i++) gamma[i] = (float)drawn(3, i);
  for (size_t r = 0; r < ROWS; r++) {
    as_k.lnb(&(as_lnb_args){C, x + r * C, gamma, dy + r * C, 1e-6f, want + r * C, part, part + C});
    for (size_t i = 0; i < C; i++) want[r * C + i] = res[r * C + i] + want[r * C + i];
    if ((r + 1) % AS_CHUNK && r + 1 < ROWS) continue;
    for (size_t i = 0; i < 2 * C; i++) total[i] += (double)part[i], part[i] = 0.0f;
  }
  float *scratch = as_alloc(as_lnorm_grad_floats(ROWS, C), sizeof *scratch, NULL);
  const as_map mx = as_map_matrix(x, ROWS, C), md = as_map_matrix(dy, ROWS, C),
               mr = as_map_matrix(res, ROWS, C);
  const as_map to = as_map_matrix(dx, ROWS, C);
  for (int threads = 1; threads <= 3; threads += 2) {
    as_par_set_threads(threads);
    as_lnorm_backward(&(as_lnorm_grad){&mx, &md, &mr, &to, gamma, 1e-6f, sums, sums + C, scratch});
    CHECK(t, memcmp(dx, want, ROWS * C * sizeof *dx) == 0);
    for (size_t i = 0; i < 2 * C; i++) CHECK(t, sums[i] == (float)total[i]);
  }
  as_free(x), as_free(dy), as_free(dx), as_free(want), as_free(res), as_free(scratch);
}

/* Rule T1: chains over queries, keys and channels, rising. */
static void attention_by_the_rules(as_test *t) {
  enum { T = 37, DH = 5, LD = 3 * DH };
  float x[T * LD], dy[T * DH], dx[T * LD], p[T][T], d[T][T];
  for (size_t i = 0; i < T * LD; i++) x[i] = (float)drawn(1, i);
  for (size_t i = 0; i < T * DH; i++) dy[i] = (float)drawn(2, i);
  const float scale = (float)(1.0 / sqrt((double)DH));
  for (size_t i = 0; i < T; i++) {
    for (size_t j = 0; j < T; j++) {
      float s = 0.0f, g = 0.0f;
      for (size_t e = 0; e < DH; e++) s = fmaf(x[i * LD + e], x[j * LD + DH + e], s);
      for (size_t e = 0; e < DH; e++) g = fmaf(dy[i * DH + e], x[j * LD + 2 * DH + e], g);
      p[i][j] = s + 0.0f, d[i][j] = g + 0.0f;
    }
    as_k.softmax(T, scale, p[i], p[i]);
    as_k.softb(T, scale, p[i], d[i], d[i]);
  }
  for (int threads = 1; threads <= 3; threads += 2) {
    as_par_set_threads(threads);
    const int shape[4] = {1, T, 1, DH};
    float *const in[1] = {x}, *const out[1] = {dx};
    attention_reverse(shape, in, dy, out);
    for (size_t i = 0; i < T; i++)
      for (size_t e = 0; e < DH; e++) {
        float q = 0.0f, k = 0.0f, v = 0.0f;
        for (size_t j = 0; j < T; j++) {
          q = fmaf(d[i][j], x[j * LD + DH + e], q);
          k = fmaf(d[j][i], x[j * LD + e], k);
          v = fmaf(p[j][i], dy[j * DH + e], v);
        }
        CHECK(t, dx[i * LD + e] == q && dx[i * LD + DH + e] == k && dx[i * LD + 2 * DH + e] == v);
      }
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"central differences in double", central_differences},
                                  {"LayerNorm by the rules", lnorm_by_the_rules},
                                  {"attention by the rules", attention_by_the_rules}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
