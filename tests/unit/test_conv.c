/* Convolutions against the numerics rules written out plainly, for every instruction set of this CPU and for 1 and
 * 3 threads, bit for bit. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/conv.h"
#include "tensor/norm.h"
#include "tests/unit/tensor_cases.h"

/* Winograd of one output tile, as the rules write it. */
static void wino_1d_in(float *d, size_t s) {
  float r[6];
  const float e = fmaf(-2.25f, d[2 * s], d[4 * s]), o = fmaf(-2.25f, d[s], d[3 * s]);
  const float f = fmaf(-0.5625f, d[2 * s], d[4 * s]), p = fmaf(-0.5625f, d[s], d[3 * s]);
  r[0] = fmaf(1.265625f, d[0], fmaf(-2.8125f, d[2 * s], d[4 * s]));
  r[1] = fmaf(0.75f, o, e);
  r[2] = fmaf(-0.75f, o, e);
  r[3] = fmaf(1.5f, p, f);
  r[4] = fmaf(-1.5f, p, f);
  r[5] = fmaf(1.265625f, d[s], fmaf(-2.8125f, d[3 * s], d[5 * s]));
  for (size_t i = 0; i < 6; i++) d[i * s] = r[i];
}

static void wino_1d_out(const float *m, size_t s, float *y, size_t q) {
  y[0] = (m[0] + (m[s] + m[2 * s])) + (m[3 * s] + m[4 * s]);
  y[q] = fmaf(1.5f, m[3 * s] - m[4 * s], 0.75f * (m[s] - m[2 * s]));
  y[2 * q] = fmaf(2.25f, m[3 * s] + m[4 * s], 0.5625f * (m[s] + m[2 * s]));
  y[3 * q] = fmaf(3.375f, m[3 * s] - m[4 * s], 0.421875f * (m[s] - m[2 * s])) + m[5 * s];
}

static void wino_1d_weight(const double *g, size_t s, double *u, size_t q) {
  u[0] = g[0] * 64.0 / 81.0;
  u[q] = ((g[0] + 0.5625 * g[2 * s]) + 0.75 * g[s]) * -128.0 / 243.0;
  u[2 * q] = ((g[0] + 0.5625 * g[2 * s]) - 0.75 * g[s]) * -128.0 / 243.0;
  u[3 * q] = ((g[0] + 2.25 * g[2 * s]) + 1.5 * g[s]) * 32.0 / 243.0;
  u[4 * q] = ((g[0] + 2.25 * g[2 * s]) - 1.5 * g[s]) * 32.0 / 243.0;
  u[5 * q] = g[2 * s];
}

static void conv_wino(const as_conv_shape *s, const as_tensor *in, const double *w, const double *b,
                      float *out) {
  const int th = (s->h + 3) / 4, tw = (s->w + 3) / 4;
  for (int o = 0; o < s->c_out; o++)
    for (int n = 0; n < in->n; n++)
      for (int t = 0; t < th * tw; t++) {
        const int y0 = t / tw * 4, x0 = t % tw * 4;
        float m[36] = {0}, half[24], y[16];
        for (int c = 0; c < s->c_in; c++) {
          float d[36];
          double uh[18], u[36];
          for (int i = 0; i < 36; i++) {
            const int iy = y0 + i / 6 - 1, ix = x0 + i % 6 - 1;
            const int inside = iy >= 0 && iy < s->h && ix >= 0 && ix < s->w;
            d[i] = inside ? in->data[(((size_t)n * (size_t)s->h + (size_t)iy) * (size_t)s->w + (size_t)ix) *
                                         in->ld +
                                     (size_t)c]
                          : 0.0f;
          }
          for (size_t x = 0; x < 6; x++) wino_1d_in(d + x, 6);
          for (size_t r = 0; r < 6; r++) wino_1d_in(d + 6 * r, 1);
          const double *g = w + ((size_t)o * (size_t)s->c_in + (size_t)c) * 9;
          for (size_t x = 0; x < 3; x++) wino_1d_weight(g + x, 3, uh + x, 3);
          for (size_t r = 0; r < 6; r++) wino_1d_weight(uh + 3 * r, 1, u + 6 * r, 1);
          for (int i = 0; i < 36; i++) m[i] = fmaf(d[i], (float)u[i], m[i]);
        }
        for (int i = 0; i < 36; i++) m[i] += 0.0f;
        for (size_t x = 0; x < 6; x++) wino_1d_out(m + x, 6, half + x, 6);
        for (size_t r = 0; r < 4; r++) wino_1d_out(half + 6 * r, 1, y + 4 * r, 1);
        for (int i = 0; i < 16; i++) {
          const int oy = y0 + i / 4, ox = x0 + i % 4;
          if (oy < s->h && ox < s->w)
            out[(((size_t)n * (size_t)s->h + (size_t)oy) * (size_t)s->w + (size_t)ox) * (size_t)s->c_out +
                (size_t)o] = (y[i] + (float)(b ? b[o] : 0.0)) + 0.0f;
        }
      }
}

static void conv_direct(const as_conv_shape *s, const as_tensor *in, const double *w, const double *b,
                        float *out) {
  const int oh = as_conv_out_h(s), ow = as_conv_out_w(s);
  for (int n = 0; n < in->n; n++)
    for (int y = 0; y < oh; y++)
      for (int x = 0; x < ow; x++)
        for (int o = 0; o < s->c_out; o++) {
          float acc = (float)(b ? b[o] : 0.0);
          for (int ky = 0; ky < s->kh; ky++)
            for (int kx = 0; kx < s->kw; kx++) {
              const int iy = y * s->stride + ky - s->pad_top, ix = x * s->stride + kx - s->pad_left;
              if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->w) continue;
              const float *px =
                  in->data + (((size_t)n * (size_t)s->h + (size_t)iy) * (size_t)s->w + (size_t)ix) * in->ld;
              for (int c = 0; c < s->c_in; c++)
                acc = fmaf(px[c],
                           (float)w[(((size_t)o * (size_t)s->c_in + (size_t)c) * (size_t)s->kh + (size_t)ky) *
                                        (size_t)s->kw +
                                    (size_t)kx],
                           acc);
            }
          out[(((size_t)n * (size_t)oh + (size_t)y) * (size_t)ow + (size_t)x) * (size_t)s->c_out +
              (size_t)o] = acc + 0.0f;
        }
}

typedef struct conv_case {
  as_conv_shape s;
  int n;
  const char *alg;
  as_act act;
  int residual;  /* 0 none, 1 own memory, 2 in place */
  int packed_in; /* input ld == c_in */
} conv_case;

static const conv_case conv_cases[] = {
    {{9, 11, 20, 45, 1, 1, 1, 0, 0, 0, 0}, 2, "gemm", AS_ACT_RELU, 1, 0},
    {{14, 14, 64, 64, 1, 1, 1, 0, 0, 0, 0}, 1, "gemm", AS_ACT_NONE, 2, 0},
    {{13, 10, 17, 33, 1, 1, 2, 0, 0, 0, 0}, 2, "direct", AS_ACT_RELU, 0, 0},
    {{7, 7, 32, 40, 3, 3, 1, 1, 1, 1, 1}, 3, "direct", AS_ACT_RELU, 1, 0},
    {{5, 3, 16, 8, 3, 3, 1, 1, 1, 1, 1}, 2, "direct", AS_ACT_NONE, 2, 0},
    {{15, 30, 18, 37, 3, 3, 2, 1, 1, 1, 1}, 2, "direct", AS_ACT_GELU, 0, 0},
    {{16, 16, 16, 32, 3, 3, 2, 0, 0, 1, 1}, 1, "direct", AS_ACT_RELU, 0, 0},
    {{32, 31, 3, 35, 7, 7, 2, 3, 3, 3, 3}, 2, "direct-rows", AS_ACT_RELU, 0, 1},
    {{32, 31, 3, 16, 7, 7, 2, 3, 2, 3, 4}, 1, "direct-rows", AS_ACT_RELU, 1, 0},
    {{32, 48, 3, 48, 16, 16, 16, 0, 0, 0, 0}, 2, "direct-rows", AS_ACT_NONE, 0, 1},
    {{12, 12, 8, 16, 3, 3, 1, 1, 1, 1, 1}, 1, "direct-rows", AS_ACT_SILU, 0, 0},
    {{8, 8, 16, 16, 3, 3, 1, 1, 1, 1, 1}, 1, "winograd-4x4", AS_ACT_RELU, 0, 0},
    {{9, 14, 19, 45, 3, 3, 1, 1, 1, 1, 1}, 3, "winograd-4x4", AS_ACT_RELU, 1, 0},
    {{19, 22, 32, 64, 3, 3, 1, 1, 1, 1, 1}, 4, "winograd-4x4", AS_ACT_GELU, 2, 0},
};

static void run_conv(as_test *t, const char *cpu, const conv_case *k) {
  as_err err;
  const as_conv_shape *s = &k->s;
  const int oh = as_conv_out_h(s), ow = as_conv_out_w(s);
  const size_t ld = k->packed_in ? (size_t)s->c_in : as_tensor_ld(s->c_in), ldo = as_tensor_ld(s->c_out);
  const size_t px_in = (size_t)k->n * (size_t)s->h * (size_t)s->w,
               px_out = (size_t)k->n * (size_t)oh * (size_t)ow;
  const size_t co = (size_t)s->c_out, nw = co * (size_t)s->c_in * (size_t)s->kh * (size_t)s->kw;
  as_tensor in = {random_floats(px_in * ld, 1), k->n, s->h, s->w, s->c_in, ld};
  as_tensor out = {filled(px_out * ldo), k->n, oh, ow, s->c_out, ldo};
  as_tensor res = {random_floats(px_out * ldo, 2), k->n, oh, ow, s->c_out, ldo};
  float *wf = random_floats(nw, 3), *want = filled(px_out * co);
  double *w = as_alloc(nw, sizeof *w, NULL), *b = as_alloc(co, sizeof *b, NULL);
  double *scale = as_alloc(co, sizeof *scale, NULL);
  for (size_t i = 0; i < co; i++) scale[i] = 0.37 + 0.01 * (double)i, b[i] = wf[i] * 0.11;
  for (size_t i = 0; i < nw; i++) w[i] = wf[i] * scale[i / (nw / co)];
  for (size_t p = 0; p < px_in; p++) /* padding floats are never used */
    for (size_t c = (size_t)s->c_in; c < ld; c++) in.data[p * ld + c] = NAN;
  as_conv *conv;
  CHECK_OK(t, as_conv_create(&conv, s, wf, scale, b, &err), err);
  if (!conv) return;
  CHECK_STR(t, as_conv_algorithm(conv), k->alg);
  if (strcmp(k->alg, "winograd-4x4") == 0) {
    conv_wino(s, &in, w, b, want);
  } else {
    conv_direct(s, &in, w, b, want);
  }
  for (size_t p = 0; p < px_out; p++)
    for (size_t c = 0; c < co; c++) {
      float *v = want + p * co + c;
      if (k->residual) *v = res.data[p * ldo + c] + *v;
      if (k->act == AS_ACT_RELU) *v = relu(*v);
    }
  if (k->act == AS_ACT_GELU || k->act == AS_ACT_SILU) as_activate(k->act, px_out * co, want, want);
  const as_team team = team_with(as_conv_scratch(conv, k->n, as_par_threads()));
  const as_tensor *to = k->residual == 2 ? &res : &out;
  as_conv_run(conv, &(as_conv_args){&in, k->residual ? &res : NULL, k->act, to}, &team);
  size_t bad = 0;
  for (size_t p = 0; p < px_out; p++)
    bad += memcmp(to->data + p * ldo, want + p * co, co * sizeof *want) != 0;
  if (bad)
    as_test_fail(t, __FILE__, __LINE__, "%s %s %dx%d %d->%d: %zu of %zu pixels differ", cpu, k->alg, s->h,
                 s->w, s->c_in, s->c_out, bad, px_out);
  if (k->residual != 2)
    for (size_t p = 0; p < px_out; p++)
      for (size_t c = co; c < ldo; c++) CHECK(t, out.data[p * ldo + c] == -12345.0f);
  as_conv_destroy(&conv);
  CHECK(t, conv == NULL);
  as_free(in.data), as_free(out.data), as_free(res.data), as_free(wf), as_free(want), as_free(w), as_free(b),
      as_free(scale);
  as_free(team.scratch);
}

static void convs(as_test *t, const char *cpu) {
  for (size_t i = 0; i < sizeof conv_cases / sizeof *conv_cases; i++) run_conv(t, cpu, &conv_cases[i]);
}
static void conv_bits(as_test *t) {
  each_cpu(t, convs);
}

/* Two 1x1 layers in one pass against two runs. */
static void pairs(as_test *t, const char *cpu) {
  as_err err;
  const as_conv_shape sa = {9, 13, 40, 90, 1, 1, 1, 0, 0, 0, 0}, sb = {9, 13, 90, 33, 1, 1, 1, 0, 0, 0, 0};
  const size_t px = 2 * 9 * 13, la = as_tensor_ld(40), lm = as_tensor_ld(90), lo = as_tensor_ld(33);
  float *w = random_floats(90 * 90, 6);
  double bias[90];
  for (size_t i = 0; i < 90; i++) bias[i] = sin((double)i);
  as_conv *a, *b;
  CHECK_OK(t, as_conv_create(&a, &sa, w, NULL, bias, &err), err);
  CHECK_OK(t, as_conv_create(&b, &sb, w, NULL, bias + 57, &err), err);
  CHECK(t, as_conv_pairs(a, b) && !as_conv_pairs(b, a));
  as_tensor in = {random_floats(px * la, 1), 2, 9, 13, 40, la};
  as_tensor m1 = {random_floats(px * lm, 2), 2, 9, 13, 90, lm},
            m2 = {random_floats(px * lm, 2), 2, 9, 13, 90, lm};
  as_tensor o1 = {filled(px * lo), 2, 9, 13, 33, lo}, o2 = {filled(px * lo), 2, 9, 13, 33, lo};
  const as_team team = {as_par_threads(), NULL};
  as_conv_run(a, &(as_conv_args){&in, &m1, AS_ACT_RELU, &m1}, &team);
  as_conv_run(b, &(as_conv_args){&m1, NULL, AS_ACT_RELU, &o1}, &team);
  as_conv_run_pair(a, &(as_conv_args){&in, &m2, AS_ACT_RELU, &m2}, b,
                   &(as_conv_args){&m2, NULL, AS_ACT_RELU, &o2}, &team);
  if (memcmp(m1.data, m2.data, px * lm * 4) != 0 || memcmp(o1.data, o2.data, px * lo * 4) != 0)
    as_test_fail(t, __FILE__, __LINE__, "%s: a pair differs from two runs", cpu);
  as_conv_destroy(&a), as_conv_destroy(&b);
  as_free(w), as_free(in.data), as_free(m1.data), as_free(m2.data), as_free(o1.data), as_free(o2.data);
}
static void pair_bits(as_test *t) {
  each_cpu(t, pairs);
}

/* Error of Winograd and of the plain chain against double, on non-negative inputs (after a ReLU). */
static void wino_error(as_test *t) {
  as_err err;
  static const int cases[][2] = {{64, 28}, {256, 14}};
  for (size_t i = 0; i < 2; i++) {
    const int c = cases[i][0], hw = cases[i][1], c_out = 32;
    const as_conv_shape s = {hw, hw, c, c_out, 3, 3, 1, 1, 1, 1, 1};
    const size_t px = (size_t)(hw * hw), ld = as_tensor_ld(c), nw = (size_t)(c * c_out * 9),
                 co = (size_t)c_out;
    as_tensor in = {as_alloc(px * ld, 4, NULL), 1, hw, hw, c, ld},
              out = {filled(px * co), 1, hw, hw, c_out, co};
    float *chain = filled(px * co), *wf = as_alloc(nw, sizeof *wf, NULL);
    double *w = as_alloc(nw, sizeof *w, NULL), e_wino = 0, e_chain = 0, norm = 0;
    const as_rng r = as_rng_make(3, 3), rw = as_rng_make(3, 4);
    for (size_t k = 0; k < px * ld; k++) in.data[k] = relu((float)as_rng_normal(r, k));
    for (size_t k = 0; k < nw; k++) w[k] = wf[k] = (float)(as_rng_normal(rw, k) * sqrt(2.0 / (9.0 * c)));
    as_conv *conv;
    CHECK_OK(t, as_conv_create(&conv, &s, wf, NULL, NULL, &err), err);
    CHECK_STR(t, as_conv_algorithm(conv), "winograd-4x4");
    const as_team team = team_with(as_conv_scratch(conv, 1, as_par_threads()));
    as_conv_run(conv, &(as_conv_args){&in, NULL, AS_ACT_NONE, &out}, &team);
    conv_direct(&s, &in, w, NULL, chain);
    for (int y = 0; y < hw; y++)
      for (int x = 0; x < hw; x++)
        for (size_t o = 0; o < co; o++) {
          double sum = 0;
          for (int k = 0; k < 9; k++) {
            const int iy = y + k / 3 - 1, ix = x + k % 3 - 1;
            if (iy < 0 || iy >= hw || ix < 0 || ix >= hw) continue;
            const float *p = in.data + (size_t)(iy * hw + ix) * ld;
            for (size_t ch = 0; ch < (size_t)c; ch++)
              sum += (double)p[ch] * w[(o * (size_t)c + ch) * 9 + (size_t)k];
          }
          const size_t at = (size_t)(y * hw + x) * co + o;
          norm += sum * sum;
          e_wino += (out.data[at] - sum) * (out.data[at] - sum);
          e_chain += (chain[at] - sum) * (chain[at] - sum);
        }
    printf("# %d channels, %dx%d: relative error of winograd-4x4 %.2g, of the chain %.2g\n", c, hw, hw,
           sqrt(e_wino / norm), sqrt(e_chain / norm));
    CHECK(t, sqrt(e_wino / norm) < 1.6e-6);
    CHECK(t, sqrt(e_chain / norm) < 8e-7);
    as_conv_destroy(&conv);
    as_free(in.data), as_free(out.data), as_free(chain), as_free(w), as_free(wf), as_free(team.scratch);
  }
}

static void conv_errors(as_test *t) {
  as_err err;
  as_conv *c;
  const float w[16] = {[3] = INFINITY};
  as_conv_shape s = {4, 4, 16, 1, 1, 1, 1, 0, 0, 0, 0};
  CHECK_STATUS(t, as_conv_create(&c, &s, w, NULL, NULL, &err), AS_E_INPUT);
  s.stride = 0;
  CHECK_STATUS(t, as_conv_create(&c, &s, w, NULL, NULL, &err), AS_E_USAGE);
  s.stride = 1, s.kh = 5;
  CHECK_STATUS(t, as_conv_create(&c, &s, w, NULL, NULL, &err), AS_E_USAGE);
  s.kh = 1, s.c_in = -3;
  CHECK_STATUS(t, as_conv_create(&c, &s, w, NULL, NULL, &err), AS_E_USAGE);
  CHECK(t, c == NULL);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"conv: every algorithm, bit for bit", conv_bits},
      {"conv: two 1x1 layers in one pass", pair_bits},
      {"conv: error of Winograd against double", wino_error},
      {"conv: impossible shapes and weights", conv_errors},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
