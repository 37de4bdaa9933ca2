/* BatchNorm of training against the formulas in double, its gradients against central differences, one hash of bits
 * over threads. */
#include <stdlib.h>

#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tensor/train/bnorm_train.h"
#include "tests/harness.h"

enum { MOST = 12000 };

static double draw(uint64_t i) {
  return as_rng_uniform(as_rng_make(31, 4), i) * 2.0 - 1.0;
}

typedef struct shape {
  int n, h, w, c, border;
  bool relu, residual;
} shape;

/* sum of w y in double, y the layer's output on x; all [pixels * c]. */
static double loss(const shape *s, const double *x, const double *res, const double *gamma,
                   const double *beta, const double *w) {
  const int pixels = s->n * s->h * s->w;
  double sum = 0;
  for (int c = 0; c < s->c; c++) {
    double mean = 0, var = 0;
    for (int p = 0; p < pixels; p++) mean += x[p * s->c + c] / pixels;
    for (int p = 0; p < pixels; p++) var += (x[p * s->c + c] - mean) * (x[p * s->c + c] - mean) / pixels;
    for (int p = 0; p < pixels; p++) {
      double y = (x[p * s->c + c] - mean) / sqrt(var + 1e-5) * gamma[c] + beta[c];
      if (s->residual) y += res[p * s->c + c];
      if (s->relu && y < 0) y = 0;
      sum += w[p * s->c + c] * y;
    }
  }
  return sum;
}

static as_map make_map(const shape *s, float *from, size_t stream) {
  as_map m = {NULL, s->n, s->h, s->w, s->c, s->border};
  as_map_place(&m, from);
  for (size_t p = 0; p < as_map_pixels(&m); p++) {
    float *at;
    (void)as_map_run(&m, as_map_spot(&m, p), 1, &at);
    for (size_t c = 0; c < (size_t)s->c; c++) at[c] = (float)draw(stream * 100000 + p * (size_t)s->c + c);
  }
  return m;
}
static void read_map(const as_map *m, double *to) {
  for (size_t p = 0; p < as_map_pixels(m); p++) {
    float *at;
    (void)as_map_run(m, as_map_spot(m, p), 1, &at);
    for (size_t c = 0; c < (size_t)m->c; c++) to[p * (size_t)m->c + c] = (double)at[c];
  }
}

static void check_shape(as_test *t, const shape *s) {
  static float memory[5][2 * MOST];
  static double x[MOST], res[MOST], w[MOST], dx[MOST], dres[MOST];
  static double gamma[64], beta[64];
  float g[64], b[64], dg[64], db[64], run_mean[64] = {0}, run_var[64];
  const size_t c = (size_t)s->c;
  as_map mx = make_map(s, memory[0], 1), mr = make_map(s, memory[1], 2), my = make_map(s, memory[2], 3);
  as_map mdy = make_map(s, memory[3], 4), mdx = make_map(s, memory[4], 5);
  for (size_t i = 0; i < c; i++) {
    gamma[i] = (double)(g[i] = (float)(1.0 + 0.5 * draw(i))),
    beta[i] = (double)(b[i] = (float)(0.3 * draw(50 + i)));
    run_var[i] = 1.0f;
  }
  read_map(&mx, x), read_map(&mr, res), read_map(&mdy, w);
  as_err err = {0};
  as_bnorm_train *bn = NULL;
  CHECK_OK(t, as_bnorm_train_create(&bn, s->c, 1e-5, as_map_pixels(&mx), &err), err);
  as_bnorm_train_forward(bn, &mx, g, b, s->residual ? &mr : NULL, s->relu, &my);
  as_bnorm_train_running(bn, run_mean, run_var);
  double y = 0;
  static double out[MOST];
  read_map(&my, out);
  for (size_t i = 0; i < as_map_pixels(&mx) * c; i++) y += out[i] * w[i];
  CHECK_NEAR(t, y, loss(s, x, res, gamma, beta, w), 1e-4);
  as_bnorm_train_backward(bn, &mx, &my, &mdy, &mdx, dg, db);
  read_map(&mdx, dx), read_map(&mdy, dres);

  double scale = 0;
  for (size_t i = 0; i < as_map_pixels(&mx) * c; i++) scale = fmax(scale, fabs(dx[i]));
  struct {
    double *at, got, scale;
  } probes[40];
  for (size_t k = 0; k < 40; k++) {
    const size_t i = (k * 7919) % (as_map_pixels(&mx) * c);
    probes[k].at = k < 20 ? &x[i] : k < 26 ? &gamma[i % c] : k < 32 ? &beta[i % c] : &res[i];
    probes[k].got = k < 20 ? dx[i] : k < 26 ? (double)dg[i % c] : k < 32 ? (double)db[i % c] : dres[i];
    probes[k].scale = k < 20 ? scale : 10.0;
    if (k >= 32 && !s->residual) probes[k] = probes[0];
  }
  for (size_t k = 0; k < 40; k++) {
    /* So small that no ReLU is crossed. */
    const double h = 1e-7, at = *probes[k].at;
    *probes[k].at = at + h;
    const double up = loss(s, x, res, gamma, beta, w);
    *probes[k].at = at - h;
    const double down = loss(s, x, res, gamma, beta, w);
    *probes[k].at = at;
    CHECK_NEAR(t, probes[k].got / probes[k].scale, (up - down) / (2 * h) / probes[k].scale, 1e-4);
  }
  const double n = (double)as_map_pixels(&mx);
  double mean = 0, var = 0;
  for (size_t p = 0; p < as_map_pixels(&mx); p++) mean += x[p * c] / n;
  for (size_t p = 0; p < as_map_pixels(&mx); p++) var += (x[p * c] - mean) * (x[p * c] - mean) / (n - 1);
  CHECK_NEAR(t, (double)run_mean[0], 0.1 * mean, 1e-7);
  CHECK_NEAR(t, (double)run_var[0], 0.9 + 0.1 * var, 1e-6);
  as_bnorm_train_destroy(&bn);
}

static const shape shapes[] = {{4, 5, 5, 19, 1, true, true},
                               {70, 1, 1, 33, 0, false, false},
                               {3, 16, 16, 8, 1, true, false},
                               {2, 7, 9, 5, 2, false, true},
                               {300, 1, 1, 16, 0, true, false}};

static void formulas(as_test *t) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_shape(t, &shapes[i]);
}

static void threads(as_test *t) {
  static float memory[3][2 * MOST], first[2 * MOST];
  const shape s = {9, 8, 8, 16, 1, true, false};
  float g[16], b[16] = {0}, dg[16], db[16];
  for (size_t i = 0; i < 16; i++) g[i] = 1.0f;
  for (int n = 1; n <= 3; n++) {
    as_par_set_threads(n);
    as_map x = make_map(&s, memory[0], 1), y = make_map(&s, memory[1], 2), dy = make_map(&s, memory[2], 3);
    as_err err = {0};
    as_bnorm_train *bn = NULL;
    CHECK_OK(t, as_bnorm_train_create(&bn, 16, 1e-5, as_map_pixels(&x), &err), err);
    as_bnorm_train_forward(bn, &x, g, b, NULL, true, &y);
    as_bnorm_train_backward(bn, &x, &y, &dy, &dy, dg, db);
    as_bnorm_train_destroy(&bn);
    if (n == 1) memcpy(first, memory[2], sizeof first);
    CHECK(t, memcmp(first, memory[2], as_map_floats(&dy) * sizeof(float)) == 0);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"forward, backward, running buffers", formulas},
                                  {"same bits for any threads", threads}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
