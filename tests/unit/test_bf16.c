/* Profile bf16-1: the kernels bit by bit against ref, ref against values worked out by hand, layers against the
 * definition written out plainly.
 *
 *   test_bf16 --sweep    the step of the chain on 6e7 cases (a minute) */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "tensor/bf16_int.h"
#include "tensor/conv.h"
#include "tensor/linear.h"
#include "tensor/runtime.h"
#include "tests/blocks.h"
#include "tests/unit/kernel_cases.h"

/* ---- kernels ---- */

static void gemm16_exact(as_test *t) {
  each_variant(t, "gemm16", gemm_all);
}

typedef struct round_args {
  size_t rows, n;
  const float *in;
  size_t ld;
  uint16_t *out;
  size_t ldo;
} round_args;

static void call_tobf16(as_fn_any *fn, void *args) {
  const round_args *a = args;
  ((as_fn_tobf16 *)fn)(a->rows, a->n, a->in, a->ld, a->out, a->ldo);
}

/* Odd ends show in the canary, whose halves differ from what is written. */
static int tobf16_all(as_test *t, probe *p) {
  for (size_t rows = 1; rows <= 3; rows++)
    for (size_t n = 1; n <= 100; n++)
      for (int end = 0; end < 2; end++) {
        const size_t ld = n + counter % 3, ldo = n + n % 2;
        buffer *in = place(0, span(rows, n, ld), end, 0);
        fill(in, rows, n, ld, (values)(n % MODES));
        round_args a = {rows, n, in->data, ld, NULL, ldo};
        p->out = place(8, rows * ldo / 2, end, 0);
        a.out = (uint16_t *)(void *)p->out->data;
        p->rows = rows, p->cols = p->ld = ldo / 2, p->call = call_tobf16, p->args = &a;
        snprintf(p->what, sizeof p->what, "rows %zu n %zu", rows, n);
        if (!check(t, p)) return 0;
      }
  /* bit patterns: every exponent, ties, both neighbours of ties */
  for (uint32_t high = 0; high < 0x10000; high += 16) {
    static const uint32_t low[16] = {0,      1,      2,      0x7ffe, 0x7fff, 0x8000, 0x8001, 0x8002,
                                     0xfffe, 0xffff, 0x4000, 0xc000, 0x1234, 0x9876, 0x0100, 0x8100};
    buffer *in = place(0, 256, 1, 0);
    for (uint32_t i = 0; i < 256; i++) {
      const uint32_t u = (high + i / 16) << 16 | low[i % 16];
      memcpy(in->data + i, &u, 4);
    }
    round_args a = {1, 256, in->data, 256, NULL, 256};
    p->out = place(8, 128, 1, 0);
    a.out = (uint16_t *)(void *)p->out->data;
    p->rows = 1, p->cols = p->ld = 128, p->call = call_tobf16, p->args = &a;
    uint16_t want[256];
    as_k_tobf16_ref(1, 256, in->data, 256, want, 256);
    ((as_fn_tobf16 *)p->fn)(1, 256, in->data, 256, a.out, 256);
    if (memcmp(want, a.out, sizeof want) != 0) {
      as_test_fail(t, __FILE__, __LINE__, "tobf16 %s: bit patterns from %04x", p->variant, (unsigned)high);
      return 0;
    }
  }
  return 1;
}
static void tobf16_exact(as_test *t) {
  each_variant(t, "tobf16", tobf16_all);
}

static float from_bits(uint32_t u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}

static void rounding_known(as_test *t) {
  static const struct {
    uint32_t in;
    uint16_t out;
  } known[] = {
      {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81}, {0x3f818000, 0x3f82},
      {0x3f817fff, 0x3f81}, {0x00000001, 0x0000}, {0x807fffff, 0x8000}, {0x00800000, 0x0080},
      {0x7f7fffff, 0x7f80}, {0x7f7f7fff, 0x7f7f}, {0xff800000, 0xff80}, {0x7f800001, 0x7fc0},
      {0xffc12345, 0xffc1}, {0x80000000, 0x8000},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    CHECK_INT(t, as_bf16_of(from_bits(known[i].in)), known[i].out);
}

/* One element of gemm16 with one pair. */
static float pair_step(as_fn_gemm16 *fn, float a0, float a1, float b0, float b1, float acc) {
  _Alignas(64) float b[AS_NR] = {0}, in[AS_NR] = {0}, out[AS_NR], a = 0;
  const float *rows = &a;
  const size_t zero = 0;
  const uint16_t pa[2] = {as_bf16_of(a0), as_bf16_of(a1)}, pb[2] = {as_bf16_of(b0), as_bf16_of(b1)};
  memcpy(&a, pa, 4);
  memcpy(b, pb, 4);
  in[0] = acc;
  as_gemm_args g = {.m = 1, .n = 1, .k = 1, .nseg = 1, .a = &rows, .b_off = &zero, .b = b, .lda = 1};
  g.acc_in = in;
  g.acc_out = out;
  fn(&g);
  return out[0];
}

static int steps_known(as_test *t, probe *p) {
  static const struct {
    float a0, a1, b0, b1, acc, want;
    const char *what;
  } known[] = {
      {1, 1, -0x1p24f, 1, 0x1p24f, 0, "the second element comes first: 2^24 + 1 is 2^24"},
      {1, 1, 1, -0x1p24f, 0x1p24f, 1, "and the first one last"},
      {0, 0x1.02p0f, 0, 0x1.02p0f, 0x1p17f, 0x1.000082p17f, "one rounding of product and sum"},
      {0x1p-12f, 0x1p-12f, 0x1p-12f, 0x1p-12f, 1, 1, "two roundings, both to even"},
      {0, 0x1p-76f, 0, -0x1p-75f, 0x1p-126f, 0x1p-126f, "2^-126 - 2^-151 rounds to 2^-126 and is not tiny"},
      {0, 0x1p-75f, 0, -0x1p-75f, 0x1p-126f, 0, "2^-126 - 2^-150 is tiny, though a float rounds it up"},
      {-0.0f, 0x1p-75f, 0, 0x1p-75f, -0x1p-126f, -0.0f, "a tiny sum keeps its sign"},
      {0, 0, 0, 0, 0x1.8p-127f, 0, "a denormal accumulator is zero"},
      {0, 0x1p100f, 0, 0, -0x1p-130f, 0, "-0 + 0 is 0"},
      {-0.0f, 0x1p-100f, 0, -0x1p-100f, -0.0f, -0.0f, "a product that is too small, with its sign"},
      {0, 0x1p-63f, 0, 0x1p-63f, 0, 0x1p-126f, "the smallest that stays"},
      {0, 0x1p127f, 0, 2, 0, INFINITY, "too large"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const float got =
        pair_step((as_fn_gemm16 *)p->fn, known[i].a0, known[i].a1, known[i].b0, known[i].b1, known[i].acc);
    if (bits(got) != bits(known[i].want))
      as_test_fail(t, __FILE__, __LINE__, "gemm16 %s: %a, not %a: %s", p->variant, (double)got,
                   (double)known[i].want, known[i].what);
  }
  /* bf16's own denormals count as zero */
  _Alignas(64) float b[AS_NR] = {0}, out[AS_NR], a;
  const float *rows = &a;
  const size_t zero = 0;
  const uint16_t pa[2] = {0x0040, 0x7f00}, pb[2] = {0x7f00, 0x8001};
  memcpy(&a, pa, 4);
  memcpy(b, pb, 4);
  as_gemm_args g = {.m = 1, .n = 1, .k = 1, .nseg = 1, .a = &rows, .b_off = &zero, .b = b, .lda = 1};
  g.acc_out = out;
  ((as_fn_gemm16 *)p->fn)(&g);
  CHECK_INT(t, bits(out[0]), 0);
  return 1;
}
static void step_known(as_test *t) {
  each_variant(t, "gemm16", steps_known);
}

/* Values around everything at which a step may go wrong. */
static float hard(uint64_t *dice, int kind) {
  const uint64_t u = *dice = *dice * 6364136223846793005u + 1442695040888963407u;
  const uint32_t r = (uint32_t)(u >> 32);
  switch (kind) {
    case 0: /* any bits */
      return from_bits(r);
    case 1: /* near 1: sums that need every bit */
      return from_bits((r & 0x807fffffu) | (119 + (uint32_t)(u >> 16) % 16) << 23);
    case 2: /* products near 2^-126 */
      return from_bits((r & 0x807fffffu) | (55 + (uint32_t)(u >> 16) % 20) << 23);
    case 3: /* accumulators near 2^-126 */
      return from_bits((r & 0x80ffffffu) | ((uint32_t)(u >> 16) % 4) << 23);
    case 4: /* few bits: ties */
      return from_bits((r & 0x80780000u) | (115 + (uint32_t)(u >> 16) % 24) << 23);
    case 5: /* large */
      return from_bits((r & 0x807fffffu) | (186 + (uint32_t)(u >> 16) % 10) << 23);
    default: /* zeros and denormals */
      return from_bits(r & ((u >> 20) % 3 ? 0x807fffffu : 0x80000000u));
  }
}

static size_t sweep_rounds = 60;

static int steps_hard(as_test *t, probe *p) {
  static const int kinds[][3] = {{0, 0, 0}, {1, 1, 1}, {2, 2, 3}, {4, 4, 4},
                                 {5, 5, 5}, {6, 1, 3}, {2, 2, 6}, {4, 4, 1}};
  enum { KINDS = sizeof kinds / sizeof *kinds, K = 4 };
  _Alignas(64) float a[AS_MR * K], b[K * AS_NR], in[AS_MR * AS_NR], want[AS_MR * AS_NR], got[AS_MR * AS_NR];
  const float *rows = a;
  const size_t zero = 0;
  uint64_t dice = 7;
  for (size_t round = 0; round < sweep_rounds * KINDS; round++) {
    const int *kind = kinds[round % KINDS];
    for (size_t i = 0; i < AS_MR * K + K * AS_NR; i++) {
      uint16_t pair[2];
      for (int e = 0; e < 2; e++) pair[e] = (uint16_t)(bits(hard(&dice, kind[i < AS_MR * K ? 0 : 1])) >> 16);
      memcpy(i < AS_MR * K ? a + i : b + (i - AS_MR * K), pair, 4);
    }
    for (size_t i = 0; i < AS_MR * AS_NR; i++) in[i] = hard(&dice, kind[2]);
    as_gemm_args g = {.m = AS_MR, .n = AS_NR, .nseg = 1, .a = &rows, .b_off = &zero, .b = b, .lda = K};
    g.acc_in = in;
    g.k = round / KINDS % 2 ? K : 1;
    g.acc_out = want;
    as_k_gemm16_ref(&g);
    g.acc_out = got;
    ((as_fn_gemm16 *)p->fn)(&g);
    for (size_t i = 0; i < AS_MR * AS_NR; i++)
      if (!same(got[i], want[i])) {
        as_test_fail(t, __FILE__, __LINE__, "gemm16 %s: %a, not %a: kinds %d %d %d, round %zu", p->variant,
                     (double)got[i], (double)want[i], kind[0], kind[1], kind[2], round);
        return 0;
      }
  }
  return 1;
}
static void step_hard(as_test *t) {
  each_variant(t, "gemm16", steps_hard);
}

/* ---- the probe at start-up ---- */

static void wrong_gemm(const as_gemm_args *g, int first, int flush) {
  for (size_t i = 0; i < g->m; i++)
    for (size_t j = 0; j < AS_NR; j++) {
      float acc = g->acc_in[i * AS_NR + j];
      for (size_t k = 0; k < g->k; k++)
        for (int e = 0; e < 2; e++) {
          uint16_t pa[2], pb[2];
          memcpy(pa, g->a[0] + i * g->lda + k, 4);
          memcpy(pb, g->b + k * AS_NR + j, 4);
          const int at = e ^ first;
          acc = fmaf(as_bf16_value(pa[at]), as_bf16_value(pb[at]), as_bf16_zero_denormal(acc));
          if (flush) acc = as_bf16_zero_denormal(acc);
        }
      g->acc_out[i * AS_NR + j] = acc;
    }
}
static void even_first(const as_gemm_args *g) {
  wrong_gemm(g, 0, 1);
}
static void gradual(const as_gemm_args *g) {
  wrong_gemm(g, 1, 0);
}
static void flushed_after_a_float(const as_gemm_args *g) {
  wrong_gemm(g, 1, 1);
}

static void probe_tells(as_test *t) {
  CHECK(t, as_bf16_agrees(as_k_gemm16_ref));
  CHECK(t, !as_bf16_agrees(even_first));
  CHECK(t, !as_bf16_agrees(gradual));
  CHECK(t, !as_bf16_agrees(flushed_after_a_float));
}

/* ---- layers ---- */

static float chain16(const float *a, const float *b, size_t n, float acc) { /* as kernels.h says */
  for (size_t i = 0; i < n; i += 2)
    for (size_t e = 2; e-- > 0;) {
      const float x = i + e < n ? a[i + e] : 0.0f, y = i + e < n ? b[i + e] : 0.0f;
      acc = as_bf16_step(as_bf16_value(as_bf16_of(x)), as_bf16_value(as_bf16_of(y)), acc);
    }
  return acc + 0.0f;
}

static void each_setting(as_test *t, void (*body)(as_test *t, const char *name)) {
  static const char *const cpus[] = {NULL, "ref", "avx2", "avx512"};
  for (size_t i = 0; i < 4; i++)
    for (int threads = 1; threads <= 3; threads += 2) {
      as_err err = {0};
      const as_status st = as_init(&(as_init_opts){cpus[i], threads, "bf16-1"}, &err);
      if (threads > 1) fit_nothing();
      if (cpus[i] && st == AS_E_ENV) continue; /* not on this CPU */
      CHECK_OK(t, st, err);
      body(t, as_cpu_name());
    }
  as_init(NULL, NULL);
}

static float *random_floats(size_t n, uint64_t stream) {
  float *x = as_alloc(n ? n : 1, sizeof *x, NULL);
  const as_rng r = as_rng_make(5, stream);
  for (size_t i = 0; x && i < n; i++) x[i] = (float)((double)(as_rng_bits(r, i) >> 11) * 0x1p-52 - 1.0);
  return x;
}

/* The threads of the process; free the scratch. */
static as_team team_of(size_t bytes) {
  const as_team team = {as_par_threads(), bytes ? as_alloc(bytes, 1, NULL) : NULL};
  return team;
}

static void linear_body(as_test *t, const char *name) {
  static const struct {
    int rows, n, k, ld;
    as_act act;
    int residual, gamma;
  } cases[] = {{1, 1, 1, 1, AS_ACT_NONE, 0, 0},      {13, 33, 7, 9, AS_ACT_RELU, 0, 0},
               {29, 64, 96, 112, AS_ACT_GELU, 0, 0}, {17, 40, 31, 31, AS_ACT_NONE, 1, 0},
               {50, 70, 65, 80, AS_ACT_NONE, 1, 1},  {3, 2, 20001, 20001, AS_ACT_NONE, 0, 0},
               {200, 31, 24, 24, AS_ACT_NONE, 0, 0}, {43, 300, 1500, 1504, AS_ACT_NONE, 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const size_t m = (size_t)cases[i].rows, n = (size_t)cases[i].n, k = (size_t)cases[i].k,
                 ld = (size_t)cases[i].ld;
    float *x = random_floats(m * ld, 1), *w = random_floats(n * k, 2), *b = random_floats(n, 3);
    float *res = random_floats(m * n, 4), *gamma = random_floats(n, 6), *y = random_floats(m * n, 7);
    as_linear *l = NULL;
    as_err err = {0};
    CHECK_OK(t, as_linear_create_layer(&l, cases[i].n, cases[i].k, w, b, &err), err);
    if (!l) return;
    as_linear_args args = {.in = x, .ld_in = ld, .rows = m, .act = cases[i].act, .out = y, .ld_out = n};
    if (cases[i].residual) args.residual = res, args.ld_res = n;
    if (cases[i].gamma) args.gamma = gamma;
    const as_team team = team_of(as_linear_scratch(l, as_par_threads()));
    args.team = &team;
    as_linear_run(l, &args);
    as_free(team.scratch);
    size_t wrong = 0;
    const size_t step = strcmp(name, "ref") == 0 || m * n * k > 2000000 ? 7 : 1;
    for (size_t e = 0; e < m * n; e += step) {
      float want = chain16(x + e / n * ld, w + e % n * k, k, b[e % n]);
      if (cases[i].gamma) want = gamma[e % n] * want;
      if (cases[i].residual) want = res[e] + want;
      if (cases[i].act == AS_ACT_RELU && want <= 0.0f) want = 0.0f;
      if (cases[i].act == AS_ACT_GELU) as_k_gelu_ref(1, &want, &want);
      wrong += bits(want) != bits(y[e]);
    }
    if (wrong)
      as_test_fail(t, __FILE__, __LINE__, "linear %s, case %zu: %zu of %zu wrong", name, i, wrong, m * n);
    as_linear_destroy(&l);
    as_free(x), as_free(w), as_free(b), as_free(res), as_free(gamma), as_free(y);
  }
}
static void linear_plain(as_test *t) {
  each_setting(t, linear_body);
}

static float conv_plain_at(const as_conv_shape *s, const float *x, size_t ld, const float *w, float bias,
                           int image, int y, int xo, float *window) {
  size_t k = 0;
  float taps[4096];
  for (int ky = 0; ky < s->kh; ky++)
    for (int kx = 0; kx < s->kw; kx++)
      for (int c = 0; c < s->c_in; c++, k++) {
        const int iy = y * s->stride + ky - s->pad_top, ix = xo * s->stride + kx - s->pad_left;
        const int in = iy >= 0 && iy < s->h && ix >= 0 && ix < s->w;
        window[k] =
            in ? x[(((size_t)image * (size_t)s->h + (size_t)iy) * (size_t)s->w + (size_t)ix) * ld + (size_t)c]
               : 0.0f;
        taps[k] = w[(((size_t)c * (size_t)s->kh) + (size_t)ky) * (size_t)s->kw + (size_t)kx];
      }
  return chain16(window, taps, k, bias);
}

static void conv_body(as_test *t, const char *name) {
  static const as_conv_shape shapes[] = {
      {9, 11, 3, 20, 7, 7, 2, 3, 3, 3, 3},  {12, 12, 3, 40, 4, 4, 4, 0, 0, 0, 0},
      {7, 7, 16, 33, 3, 3, 1, 1, 1, 1, 1},  {9, 10, 17, 8, 3, 3, 2, 1, 1, 1, 1},
      {8, 9, 24, 70, 1, 1, 1, 0, 0, 0, 0},  {9, 9, 19, 5, 1, 1, 2, 0, 0, 0, 0},
      {5, 30, 20, 31, 3, 3, 1, 0, 2, 1, 0}, {3, 3, 2, 3, 3, 3, 1, 2, 2, 2, 2},
      {2, 2, 40, 8, 3, 3, 3, 1, 1, 1, 1},   {6, 5, 5, 6, 5, 2, 3, 4, 1, 0, 1},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const as_conv_shape *s = &shapes[i];
    const size_t ci = (size_t)s->c_in, co = (size_t)s->c_out, chain = ci * (size_t)s->kh * (size_t)s->kw;
    const int images = 3, oh = as_conv_out_h(s), ow = as_conv_out_w(s);
    const size_t ld = i % 3 == 1 ? ci + 3 : ci, pixels = (size_t)(oh * ow) * (size_t)images;
    float *x = random_floats((size_t)images * (size_t)(s->h * s->w) * ld, 11),
          *w = random_floats(co * chain, 12);
    float *res = random_floats(pixels * co, 13), *out = random_floats(pixels * co, 14);
    double scale[128], bias[128];
    for (size_t o = 0; o < co; o++) scale[o] = 0.5 + (double)o / 64, bias[o] = (double)o / 16 - 1;
    for (int scaled = 0; scaled < 2; scaled++) {
      as_conv *c = NULL;
      as_err err = {0};
      CHECK_OK(t, as_conv_create(&c, s, w, scaled ? scale : NULL, bias, &err), err);
      if (!c) return;
      CHECK(t, strstr(as_conv_algorithm(c), "bf16") != NULL);
      const as_tensor in = {x, images, s->h, s->w, s->c_in, ld}, r = {res, images, oh, ow, s->c_out, co};
      const as_tensor o = {out, images, oh, ow, s->c_out, co};
      const as_team team = team_of(as_conv_scratch(c, images, as_par_threads()));
      as_conv_run(c, &(as_conv_args){&in, scaled ? &r : NULL, AS_ACT_RELU, &o}, &team);
      as_free(team.scratch);
      size_t wrong = 0;
      for (size_t e = 0; e < pixels * co; e++) {
        float wj[4096], window[4096];
        const size_t p = e / co, j = e % co;
        for (size_t k = 0; k < chain; k++)
          wj[k] = scaled ? (float)((double)w[j * chain + k] * scale[j]) : w[j * chain + k];
        float want = conv_plain_at(s, x, ld, wj, (float)bias[j], (int)(p / (size_t)(oh * ow)),
                                   (int)(p / (size_t)ow % (size_t)oh), (int)(p % (size_t)ow), window);
        if (scaled) want = res[e] + want;
        wrong += bits(want <= 0.0f ? 0.0f : want) != bits(out[e]);
      }
      if (wrong)
        as_test_fail(t, __FILE__, __LINE__, "conv %s, shape %zu: %zu of %zu wrong", name, i, wrong,
                     pixels * co);
      as_conv_destroy(&c);
    }
    as_free(x), as_free(w), as_free(res), as_free(out);
  }
}
static void conv_plain(as_test *t) {
  each_setting(t, conv_body);
}

static void pair_body(as_test *t, const char *name) {
  const as_conv_shape s1 = {9, 7, 48, 70, 1, 1, 1, 0, 0, 0, 0}, s2 = {9, 7, 70, 40, 1, 1, 1, 0, 0, 0, 0};
  float *w1 = random_floats(48 * 70, 21), *w2 = random_floats(70 * 40, 22),
        *x = random_floats(2 * 63 * 48, 23);
  float *mid = random_floats(126 * 70, 24), *mid2 = random_floats(126 * 70, 24);
  float *out = random_floats(126 * 40, 25), *out2 = random_floats(126 * 40, 26);
  as_conv *a = NULL, *b = NULL;
  as_err err = {0};
  CHECK_OK(t, as_conv_create(&a, &s1, w1, NULL, NULL, &err), err);
  CHECK_OK(t, as_conv_create(&b, &s2, w2, NULL, NULL, &err), err);
  CHECK(t, as_conv_pairs(a, b));
  const as_tensor in = {x, 2, 9, 7, 48, 48}, m = {mid, 2, 9, 7, 70, 70}, m2 = {mid2, 2, 9, 7, 70, 70};
  const as_tensor o = {out, 2, 9, 7, 40, 40}, o2 = {out2, 2, 9, 7, 40, 40};
  const as_team team = team_of(as_conv_scratch(a, 2, as_par_threads()));
  as_conv_run_pair(a, &(as_conv_args){&in, &m, AS_ACT_RELU, &m}, b,
                   &(as_conv_args){&m, NULL, AS_ACT_RELU, &o}, &team);
  as_conv_run(a, &(as_conv_args){&in, &m2, AS_ACT_RELU, &m2}, &team);
  as_conv_run(b, &(as_conv_args){&m2, NULL, AS_ACT_RELU, &o2}, &team);
  as_free(team.scratch);
  if (memcmp(mid, mid2, 126 * 70 * 4) != 0 || memcmp(out, out2, 126 * 40 * 4) != 0)
    as_test_fail(t, __FILE__, __LINE__, "pair %s differs from two runs", name);
  as_conv_destroy(&a), as_conv_destroy(&b);
  as_free(w1), as_free(w2), as_free(x), as_free(mid), as_free(mid2), as_free(out), as_free(out2);
}
static void pair_same(as_test *t) {
  each_setting(t, pair_body);
}

static void profile_switch(as_test *t) {
  as_err err = {0};
  const float one[4] = {1.01f, 0, 0, 1}, x[2] = {1.01f, 1};
  float y[2];
  as_linear *l = NULL;
  as_linear_args args = {.in = x, .ld_in = 2, .rows = 1, .out = y, .ld_out = 2};
  for (int bf16 = 0; bf16 < 2; bf16++) {
    CHECK_OK(t, as_init(&(as_init_opts){.profile = bf16 ? "bf16-1" : "f32-1"}, &err), err);
    CHECK_STR(t, as_profile_name(), bf16 ? "bf16-1" : "f32-1");
    CHECK_INT(t, as_profile_bf16(), bf16);
    CHECK_OK(t, as_linear_create_layer(&l, 2, 2, one, NULL, &err), err);
    const as_team team = team_of(as_linear_scratch(l, as_par_threads()));
    args.team = &team;
    as_linear_run(l, &args);
    as_free(team.scratch);
    args.team = NULL;
    CHECK(t, y[0] == (bf16 ? 0x1.02p0f * 0x1.02p0f : 1.01f * 1.01f));
    as_linear_destroy(&l);
    CHECK_OK(t, as_linear_create(&l, 2, 2, one, NULL, &err), err); /* heads and probes: always float32 */
    as_linear_run(l, &args);
    CHECK(t, y[0] == 1.01f * 1.01f);
    as_linear_destroy(&l);
  }
  const float huge[1] = {3.4e38f}; /* finite in float32, infinite in bf16 */
  CHECK_STATUS(t, as_linear_create_layer(&l, 1, 1, huge, NULL, &err), AS_E_INPUT);
  const as_conv_shape s = {1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
  as_conv *c = NULL;
  CHECK_STATUS(t, as_conv_create(&c, &s, huge, NULL, NULL, &err), AS_E_INPUT);
  CHECK_STATUS(t, as_linear_create_layer(&l, 1, 300000, huge, NULL, &err),
               AS_E_USAGE); /* refused before it is read */
  CHECK_STATUS(t, as_init(&(as_init_opts){.profile = "bf16-2"}, &err), AS_E_USAGE);
  CHECK_OK(t, as_init(NULL, &err), err);
  CHECK_STR(t, as_profile_name(), "f32-1");
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"gemm16: all tails, segments and epilogues", gemm16_exact},
      {"tobf16: tails and bit patterns", tobf16_exact},
      {"rounding to bf16: known values", rounding_known},
      {"the step of the chain: known values", step_known},
      {"the step of the chain: hard cases", step_hard},
      {"the probe tells other arithmetic", probe_tells},
      {"linear layers", linear_plain},
      {"convolutions", conv_plain},
      {"two layers in one pass", pair_same},
      {"the profile is chosen by name", profile_switch},
  };
  if (argc > 1 && strcmp(argv[1], "--sweep") == 0) {
    static char name[] = "hard cases";
    char *args[] = {argv[0], name, NULL};
    sweep_rounds = 4000;
    return as_test_main(2, args, cases, sizeof cases / sizeof *cases);
  }
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
