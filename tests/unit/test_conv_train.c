/* The convolution of training: every bit against the rules written out (NUMERICS rule 2 and T2), and the two gradients
 * against the forward pass as the adjoints that they must be. */
#include <stdlib.h>

#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels_train.h"
#include "tensor/runtime.h"
#include "tensor/train/conv_train.h"
#include "tests/blocks.h"
#include "tests/harness.h"

static uint64_t drawn;

static float *draw(size_t n) {
  float *x = as_alloc(n ? n : 1, sizeof *x, NULL);
  for (size_t i = 0; i < n; i++) x[i] = (float)(as_rng_uniform(as_rng_make(21, 4), drawn++) * 2.0 - 1.0);
  return x;
}

static as_map make_map(int n, int h, int w, int c, int border) {
  as_map m = {NULL, n, h, w, c, border};
  as_map_place(&m, as_alloc(as_map_floats(&m), sizeof(float), NULL));
  return m;
}
static void free_map(as_map *m) {
  as_free(m->data - (size_t)m->border * (as_map_row(m) + (size_t)m->c));
}
static void fill_map(as_map *m) {
  for (size_t i = 0; i < (size_t)m->n; i++)
    for (size_t y = 0; y < (size_t)m->h; y++)
      for (size_t x = 0; x < (size_t)m->w * (size_t)m->c; x++)
        as_map_at(m, i, y, 0)[x] = (float)(as_rng_uniform(as_rng_make(22, 4), drawn++) * 2.0 - 1.0);
}

static float input_at(const as_map *m, int n, int y, int x, int c) {
  return as_map_at(m, (size_t)n, (size_t)y, (size_t)x)[c];
}

/* ---- the rules, written out ---- */

static float forward_rule(const as_conv_shape *s, const as_map *in, const float *w, float bias, int n, int oy,
                          int ox, int o) {
  float acc = bias;
  for (int ky = 0; ky < s->kh; ky++)
    for (int kx = 0; kx < s->kw; kx++)
      for (int i = 0; i < s->c_in; i++) {
        const int y = oy * s->stride + ky - s->pad_top, x = ox * s->stride + kx - s->pad_left;
        if (y < 0 || y >= s->h || x < 0 || x >= s->w) continue;
        acc = fmaf(input_at(in, n, y, x, i), w[((o * s->c_in + i) * s->kh + ky) * s->kw + kx], acc);
      }
  return acc + 0.0f;
}

static float input_rule(const as_conv_shape *s, const as_map *dout, const float *w, int n, int y, int x,
                        int i) {
  float acc = 0.0f;
  for (int oy = 0; oy < as_conv_out_h(s); oy++)
    for (int ox = 0; ox < as_conv_out_w(s); ox++)
      for (int o = 0; o < s->c_out; o++) {
        const int ky = y + s->pad_top - oy * s->stride, kx = x + s->pad_left - ox * s->stride;
        if (ky < 0 || ky >= s->kh || kx < 0 || kx >= s->kw) continue;
        acc = fmaf(input_at(dout, n, oy, ox, o), w[((o * s->c_in + i) * s->kh + ky) * s->kw + kx], acc);
      }
  return acc + 0.0f;
}

static float weight_rule(const as_conv_shape *s, const as_map *in, const as_map *dout, int o, int i, int ky,
                         int kx) {
  double total = 0.0;
  float acc = 0.0f;
  size_t rows = 0;
  for (int n = 0; n < dout->n; n++)
    for (int oy = 0; oy < dout->h; oy++)
      for (int ox = 0; ox < dout->w; ox++) {
        const int y = oy * s->stride + ky - s->pad_top, x = ox * s->stride + kx - s->pad_left;
        const float v = y < 0 || y >= s->h || x < 0 || x >= s->w ? 0.0f : input_at(in, n, y, x, i);
        acc = fmaf(input_at(dout, n, oy, ox, o), v, acc);
        if (++rows % AS_CHUNK == 0) total += (double)acc, acc = 0.0f;
      }
  return (float)(total + (double)acc);
}

typedef struct shape_case {
  as_conv_shape s;
  int n;
} shape_case;

#define CONV(h, w, ci, co, k, stride, pad) \
  { h, w, ci, co, k, k, stride, pad, pad, pad, pad }
static const shape_case shapes[] = {
    {CONV(8, 8, 16, 16, 3, 1, 1), 5},
    {CONV(16, 16, 3, 16, 3, 2, 1), 3},
    {CONV(8, 8, 16, 32, 3, 2, 1), 9},
    {CONV(8, 8, 16, 32, 1, 2, 0), 9},
    {CONV(4, 4, 64, 64, 3, 1, 1), 17},
    {CONV(1, 1, 37, 70, 1, 1, 0), 300},
    {CONV(9, 7, 5, 3, 3, 2, 1), 4},
    {CONV(11, 5, 2, 33, 5, 3, 2), 2},
    {CONV(12, 12, 3, 8, 4, 4, 0), 3},
    {CONV(7, 7, 8, 40, 2, 3, 0), 6},
    {CONV(5, 5, 1, 1, 1, 3, 0), 1},
    {CONV(6, 6, 300, 9, 3, 1, 1), 2},
    {CONV(8, 8, 230, 40, 3, 1, 1), 2},
    {{10, 13, 4, 6, 3, 5, 2, 0, 2, 2, 1}, 3},
    {{12, 4, 2, 3, 7, 3, 2, 3, 1, 3, 1}, 2},
    {CONV(6, 5, 300, 40, 3, 1, 1), 15},
    {CONV(9, 8, 20, 33, 5, 2, 2), 16},
    {CONV(3, 33, 64, 33, 3, 1, 1), 7},
    {CONV(13, 67, 70, 3, 3, 2, 1), 3},
    {{4, 70, 65, 2, 5, 4, 2, 4, 0, 1, 3}, 5},
    /* two panels of a gradient that is read in place: rows of a map, one row of all pixels, beside windows */
    {CONV(9, 9, 5, 64, 3, 1, 1), 4},
    {CONV(8, 8, 6, 48, 1, 1, 0), 5},
    {CONV(3, 33, 64, 48, 3, 1, 1), 3},
};

static void check_shape(as_test *t, const shape_case *q, int threads) {
  const as_conv_shape *s = &q->s;
  const int oh = as_conv_out_h(s), ow = as_conv_out_w(s);
  const size_t taps = (size_t)(s->kh * s->kw), nw = (size_t)(s->c_in * s->c_out) * taps;
  as_par_set_threads(threads);
  as_map in = make_map(q->n, s->h, s->w, s->c_in, as_conv_train_border_in(s));
  as_map din = make_map(q->n, s->h, s->w, s->c_in, 0), res = make_map(q->n, s->h, s->w, s->c_in, 1);
  as_map out = make_map(q->n, oh, ow, s->c_out, 0);
  as_map dout = make_map(q->n, oh, ow, s->c_out, as_conv_train_border_out(s));
  fill_map(&in), fill_map(&dout), fill_map(&res);
  float *w = draw(nw), *bias = draw((size_t)s->c_out), *dw = draw(nw);
  as_err err = {0};
  as_conv_train *c = NULL;
  CHECK_OK(t, as_conv_train_create(&c, s, as_map_pixels(&dout), &err), err);
  if (!c) return;
  as_conv_train_pack(c, w, bias, true);
  as_conv_train_forward(c, &in, &out);
  as_conv_train_grad_input(c, &dout, &res, &din);
  as_conv_train_grad_weight(c, &in, &dout, dw);

  size_t wrong_out = 0, wrong_in = 0, wrong_w = 0;
  double forward = 0, by_in = 0, by_w = 0;
  for (int n = 0; n < q->n; n++)
    for (int y = 0; y < oh; y++)
      for (int x = 0; x < ow; x++)
        for (int o = 0; o < s->c_out; o++) {
          wrong_out += input_at(&out, n, y, x, o) != forward_rule(s, &in, w, bias[o], n, y, x, o);
          forward +=
              ((double)input_at(&out, n, y, x, o) - (double)bias[o]) * (double)input_at(&dout, n, y, x, o);
        }
  for (int n = 0; n < q->n; n++)
    for (int y = 0; y < s->h; y++)
      for (int x = 0; x < s->w; x++)
        for (int i = 0; i < s->c_in; i++) {
          const float got = input_at(&din, n, y, x, i), r = input_at(&res, n, y, x, i);
          wrong_in += got != r + input_rule(s, &dout, w, n, y, x, i);
          by_in += ((double)got - (double)r) * (double)input_at(&in, n, y, x, i);
        }
  for (int o = 0; o < s->c_out; o++)
    for (int i = 0; i < s->c_in; i++)
      for (int k = 0; k < (int)taps; k++) {
        const size_t at = (size_t)(o * s->c_in + i) * taps + (size_t)k;
        wrong_w += dw[at] != weight_rule(s, &in, &dout, o, i, k / s->kw, k % s->kw);
        by_w += (double)dw[at] * (double)w[at];
      }
  CHECK_INT(t, wrong_out, 0);
  CHECK_INT(t, wrong_in, 0);
  CHECK_INT(t, wrong_w, 0);
  CHECK_NEAR(t, by_in / forward, 1.0, 1e-4);
  CHECK_NEAR(t, by_w / forward, 1.0, 1e-4);
  as_conv_train_destroy(&c);
  as_free(w), as_free(bias), as_free(dw);
  free_map(&in), free_map(&din), free_map(&res), free_map(&out), free_map(&dout);
}

static void by_the_rules(as_test *t) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int threads = 1; threads <= 3; threads += 2) {
      const as_blocking before = as_blocks;
      check_shape(t, &shapes[i], threads);
      as_blocks = blocks_of(threads == 1 ? 1 : 1 << 24);
      check_shape(t, &shapes[i], threads);
      as_blocks = before;
    }
}

static void sums(as_test *t) {
  for (int border = 0; border < 2; border++) {
    as_map m = make_map(7, 9, 11, 19, border);
    fill_map(&m);
    float sum[19], *scratch = as_alloc(as_map_sum_floats(&m), sizeof(float), NULL);
    as_map_sum(&m, sum, scratch);
    for (int c = 0; c < 19; c++) {
      double total = 0;
      float acc = 0;
      for (int p = 0; p < 7 * 99; p++) {
        acc += input_at(&m, p / 99, p / 11 % 9, p % 11, c);
        if ((p + 1) % AS_CHUNK == 0) total += (double)acc, acc = 0;
      }
      CHECK(t, sum[c] == (float)(total + (double)acc));
    }
    as_free(scratch);
    free_map(&m);
  }
}

static void refusals(as_test *t) {
  as_err err = {0};
  as_conv_train *c = NULL;
  const as_conv_shape tall = {80, 80, 1, 1, 65, 65, 1, 0, 0, 0, 0}, padded = CONV(8, 8, 1, 1, 1, 1, 1);
  const as_conv_shape wide = {8, 8, 1, 1, 3, 2, 1, 1, 2, 1, 0};
  CHECK_STATUS(t, as_conv_train_create(&c, &tall, 100, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_conv_train_create(&c, &padded, 100, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_conv_train_create(&c, &wide, 100, &err), AS_E_USAGE);
  CHECK(t, c == NULL);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"forward and both gradients by the rules", by_the_rules},
                                  {"sums over pixels", sums},
                                  {"shapes that are refused", refusals}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
