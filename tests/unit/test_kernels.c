/* Every kernel variant against ref: same bits (class EXACT), nothing touched outside the stated extents.
 *
 * Each buffer is a mapping between two inaccessible pages. Its floats lie either against the page
 * before them or against the page behind them; what is left of the mapping, and the gaps between rows,
 * hold a canary that must survive. Signals become failures that name the kernel and the case.
 *
 *   test_kernels --bench    rates of every variant          test_kernels --sweep   functions over all floats */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "tensor/kern/kernels.h"

#include <time.h>

#include "tensor/kern/softfma.h"
#include "tests/unit/kernel_cases.h"

/* ---- gemm ---- */

static void gemm_exact(as_test *t) {
  each_variant(t, "gemm", gemm_all);
}

static void pair_exact(as_test *t) {
  each_variant(t, "pair", pair_all);
}

/* ---- Winograd transforms ---- */

static void call_wino_in(as_fn_any *fn, void *args) {
  ((as_fn_wino_in *)fn)(args);
}
static void call_wino_out(as_fn_any *fn, void *args) {
  ((as_fn_wino_out *)fn)(args);
}

static int wino_in_all(as_test *t, probe *p) {
  static const int boxes[][4] = {{0, 6, 0, 6}, {1, 6, 1, 6}, {0, 5, 0, 3},
                                 {1, 3, 0, 6}, {0, 6, 1, 2}, {2, 2, 3, 3}};
  for (size_t c = 1; c <= 50; c++)
    for (int end = 0; end < 2; end++)
      for (size_t box = 0; box < 6; box++) {
        const values mode = (values)((c + box) % MODES);
        const int *q = boxes[box];
        const size_t h = (size_t)(q[1] - q[0]), w = (size_t)(q[3] - q[2]), ld = c + counter % 3,
                     row = 6 * ld + 1;
        buffer *in = place(0, h && w ? (h - 1) * row + (w - 1) * ld + c : 1, end, 0);
        for (size_t y = 0; y < h; y++)
          for (size_t x = 0; x < w; x++)
            for (size_t ch = 0; ch < c; ch++) in->data[y * row + x * ld + ch] = value(mode);
        as_wino_in_args a = {in->data, row, ld, q[0], q[1], q[2], q[3], c, NULL, c + counter % 7};
        p->out = place(8, span(36, c, a.pos), end, 0);
        a.v = p->out->data;
        p->rows = 36, p->cols = c, p->ld = a.pos, p->call = call_wino_in, p->args = &a;
        snprintf(p->what, sizeof p->what, "c %zu box %zu values %d", c, box, (int)mode);
        if (!check(t, p)) return 0;
      }
  return 1;
}
static void wino_in_exact(as_test *t) {
  each_variant(t, "wino_in", wino_in_all);
}

static int wino_out_all(as_test *t, probe *p) {
  for (size_t n = 1; n <= AS_NR; n++)
    for (int end = 0; end < 2; end++)
      for (int hw = 0; hw < 16; hw++) {
        const values mode = (values)((n + (size_t)hw) % MODES);
        const size_t pos = n + counter % 9;
        buffer *m = place(0, span(36, n, pos), end, 0), *bias = place(1, AS_NR, end, 0);
        fill(m, 36, n, pos, mode);
        fill(bias, 1, AS_NR, 1, NORMAL);
        as_wino_out_args a = {0};
        a.m = m->data, a.pos = pos, a.n = n, a.bias = bias->data, a.relu = hw % 2;
        a.h = hw / 4 + 1, a.w = hw % 4 + 1, a.ld = n + counter % 4, a.row = (size_t)a.w * a.ld;
        p->rows = (size_t)(a.h * a.w), p->cols = n, p->ld = a.ld;
        p->out = place(8, span(p->rows, n, a.ld), end, 0);
        a.c = p->out->data;
        if (hw % 3 == 1) { /* in place */
          fill(p->out, p->rows, n, a.ld, mode);
          a.residual = a.c, a.res_ld = a.ld, a.res_row = a.row;
        } else if (hw % 3 == 2) {
          a.res_ld = n, a.res_row = 4 * n;
          buffer *r = place(2, ((size_t)a.h - 1) * a.res_row + (size_t)a.w * n, end, 0);
          fill(r, 1, r->n, 1, mode);
          a.residual = r->data;
        }
        p->call = call_wino_out, p->args = &a;
        snprintf(p->what, sizeof p->what, "n %zu h %d w %d values %d", n, a.h, a.w, (int)mode);
        if (!check(t, p)) return 0;
      }
  return 1;
}
static void wino_out_exact(as_test *t) {
  each_variant(t, "wino_out", wino_out_all);
}

/* ---- windows ---- */

static void call_window(as_fn_any *fn, void *args) {
  ((as_fn_maxwin *)fn)(args);
}

static int window_all(as_test *t, probe *p) {
  for (size_t c = 1; c <= 150; c = c < 40 ? c + 1 : c + 11)
    for (int end = 0; end < 2; end++)
      for (size_t rc = 0; rc < 9; rc++) {
        const values mode = (values)((c + rc) % MODES);
        as_window_args a = {0};
        a.rows = 1 + rc / 3, a.cols = 1 + rc % 3, a.c = c, a.ld = c + counter % 3;
        a.row = 4 * a.ld, a.count = (float)(a.rows * a.cols);
        buffer *in = place(0, (a.rows - 1) * a.row + (a.cols - 1) * a.ld + c, end, 0);
        fill(in, 1, in->n, 1, mode);
        p->out = place(8, c, end, 0);
        a.in = in->data, a.out = p->out->data;
        p->rows = 1, p->cols = p->ld = c, p->call = call_window, p->args = &a;
        snprintf(p->what, sizeof p->what, "c %zu window %zux%zu values %d", c, a.rows, a.cols, (int)mode);
        if (!check(t, p)) return 0;
      }
  return 1;
}
static void window_exact(as_test *t) {
  each_variant(t, "maxwin", window_all);
  each_variant(t, "meanwin", window_all);
}

/* ---- rows and elements ---- */

typedef struct row_args {
  size_t n;
  const float *in, *gamma, *beta;
  float *out;
} row_args;

static void call_layernorm(as_fn_any *fn, void *v) {
  const row_args *a = v;
  ((as_fn_layernorm *)fn)(a->n, a->in, a->gamma, a->beta, 1e-6f, a->out);
}
static void call_softmax(as_fn_any *fn, void *v) {
  const row_args *a = v;
  ((as_fn_softmax *)fn)(1, a->n, 0.125f * 40.0f, a->in, a->n, a->out, a->n);
}
static void call_map(as_fn_any *fn, void *v) {
  const row_args *a = v;
  ((as_fn_relu *)fn)(a->n, a->in, a->out);
}
static void call_add(as_fn_any *fn, void *v) {
  const row_args *a = v;
  ((as_fn_add *)fn)(a->n, a->in, a->gamma, a->out);
}

static int row_all(as_test *t, probe *p) {
  const int map = strcmp(p->op, "layernorm") && strcmp(p->op, "softmax") && strcmp(p->op, "l2norm");
  p->call = strcmp(p->op, "layernorm") == 0 ? call_layernorm
            : strcmp(p->op, "softmax") == 0 ? call_softmax
            : strcmp(p->op, "add") == 0     ? call_add
                                            : call_map;
  for (size_t n = map ? 0 : 1; n <= 210; n = n < 70 ? n + 1 : n + 19)
    for (int end = 0; end < 2; end++)
      for (int mode = 0; mode < MODES; mode++)
        for (int in_place = 0; in_place < 2; in_place++) {
          buffer *in = place(0, n, end, 0), *g = place(1, n, end, 0), *b = place(2, n, end, 0);
          fill(in, 1, n, 1, (values)mode);
          fill(g, 1, n, 1, (values)mode);
          fill(b, 1, n, 1, NORMAL);
          for (size_t i = 0; i < n; i++) in->data[i] *= mode == NORMAL ? 9.0f : 1.0f;
          p->out = in_place ? in : place(8, n, end, 0);
          row_args a = {n, in->data, g->data, b->data, p->out->data};
          p->args = &a;
          p->rows = 1, p->cols = n, p->ld = n ? n : 1;
          snprintf(p->what, sizeof p->what, "n %zu%s values %d", n, in_place ? " in place" : "", mode);
          if (!check(t, p)) return 0;
        }
  return 1;
}
/* More rows than are taken together. */
static void call_softmax_rows(as_fn_any *fn, void *v) {
  const row_args *a = v;
  ((as_fn_softmax *)fn)(19, a->n, 3.0f, a->in, a->n + 2, a->out, a->n + 3);
}
static int softmax_all(as_test *t, probe *p) {
  p->call = call_softmax_rows;
  for (size_t n = 1; n <= 210; n += n < 18 ? 1 : 24)
    for (int mode = 0; mode < MODES; mode++) {
      buffer *in = place(0, span(19, n, n + 2), 1, 0);
      fill(in, 19, n, n + 2, (values)mode);
      /* of scores close together one that is NaN, with other bits than the usual ones */
      const uint32_t odd = 0x7fc12345u;
      if (mode == NORMAL) memcpy(in->data + 2 * (n + 2) + n / 2, &odd, 4);
      p->out = place(8, span(19, n, n + 3), 1, 0);
      row_args a = {n, in->data, NULL, NULL, p->out->data};
      p->args = &a;
      p->rows = 19, p->cols = n, p->ld = n + 3;
      snprintf(p->what, sizeof p->what, "19 rows, n %zu values %d", n, mode);
      if (!check(t, p)) return 0;
    }
  return 1;
}
static void rows_exact(as_test *t) {
  static const char *const ops[] = {"layernorm", "softmax", "l2norm", "relu", "gelu",
                                    "silu",      "exp",     "erf",    "add"};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) each_variant(t, ops[i], row_all);
  each_variant(t, "softmax", softmax_all);
}

/* Each function over a spread of all float bit patterns. */
static int function_all(as_test *t, probe *p) {
  static float in[4096], got[4096], want[4096];
  uint32_t u = 0;
  for (int block = 0; block < 256; block++) {
    for (size_t i = 0; i < 4096; i++, u += 4093) memcpy(&in[i], &u, 4);
    ((as_fn_exp *)p->ref)(4096, in, want);
    ((as_fn_exp *)p->fn)(4096, in, got);
    for (size_t i = 0; i < 4096; i++)
      if (!same(got[i], want[i])) {
        as_test_fail(t, __FILE__, __LINE__, "%s %s(%a) is %a, not %a", p->op, p->variant, (double)in[i],
                     (double)got[i], (double)want[i]);
        return 0;
      }
  }
  return 1;
}
static void functions_exact(as_test *t) {
  static const char *const ops[] = {"relu", "gelu", "silu", "exp", "erf"};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) each_variant(t, ops[i], function_all);
}

static void call_packt(as_fn_any *fn, void *v) {
  const row_args *a = v;
  const size_t *shape = (const size_t *)(const void *)a->beta;
  ((as_fn_packt *)fn)(shape[0], shape[1], a->in, shape[2], a->out);
}
static int packt_all(as_test *t, probe *p) {
  for (size_t n = 1; n <= AS_NR; n++)
    for (size_t k = 0; k <= 35; k++)
      for (int end = 0; end < 2; end++) {
        const size_t shape[3] = {n, k, k + counter % 3};
        buffer *in = place(0, span(n, k, shape[2]), end, 0);
        fill(in, n, k, shape[2], SPECIAL);
        p->out = place(8, k * AS_NR, end, 0);
        row_args a = {n, in->data, NULL, (const float *)(const void *)shape, p->out->data};
        p->rows = k, p->cols = p->ld = AS_NR, p->call = call_packt, p->args = &a;
        snprintf(p->what, sizeof p->what, "n %zu k %zu", n, k);
        if (!check(t, p)) return 0;
      }
  return 1;
}
static void packt_exact(as_test *t) {
  each_variant(t, "packt", packt_all);
}

/* ---- the ops themselves ---- */

static double ulp_of(double exact) {
  int e;
  frexp(exact, &e);
  return ldexp(1.0, (e < -125 ? -125 : e) - 24);
}

typedef struct accuracy {
  double exp_ulp, erf_ulp, gelu_abs, gelu_ulp_pos, silu_ulp;
} accuracy;

/* Errors of the ref functions against the C library's double ones at every step-th bit pattern; `dense`:
 * at every float of 2^-14 <= |x| < 128, where the functions are neither constant nor linear. */
static accuracy measure(uint64_t step, bool dense) {
  accuracy a = {0};
  for (uint64_t u = 3, exponent; u <= 0xffffffffu;
       exponent = u >> 23 & 255, u += dense && exponent >= 113 && exponent < 134 ? 1 : step) {
    const uint32_t w = (uint32_t)u;
    float x, y;
    memcpy(&x, &w, 4);
    if (!isfinite(x)) continue;
    double d;
    as_k_exp_ref(1, &x, &y);
    d = exp((double)x);
    if (d <= 0x1.fffffefp127 && fabs(y - d) / ulp_of(d) > a.exp_ulp) a.exp_ulp = fabs(y - d) / ulp_of(d);
    as_k_erf_ref(1, &x, &y);
    d = erf((double)x);
    if (fabs(y - d) / ulp_of(d) > a.erf_ulp) a.erf_ulp = fabs(y - d) / ulp_of(d);
    as_k_gelu_ref(1, &x, &y);
    d = 0.5 * x * erfc(-(double)x * 0.70710678118654752440);
    if (fabs((double)x) <= 6 && fabs(y - d) > a.gelu_abs) a.gelu_abs = fabs(y - d);
    if (x > 0 && isfinite(y) && fabs(y - d) / ulp_of(d) > a.gelu_ulp_pos)
      a.gelu_ulp_pos = fabs(y - d) / ulp_of(d);
    as_k_silu_ref(1, &x, &y);
    d = x / (1.0 + exp(-(double)x));
    if (x > -80 && fabs(y - d) / ulp_of(d) > a.silu_ulp) a.silu_ulp = fabs(y - d) / ulp_of(d);
  }
  return a;
}

/* Bounds of NUMERICS rule 4. */
static void accuracy_bounds(as_test *t) {
  const accuracy a = measure(10007, false);
  CHECK(t, a.exp_ulp <= 1.01);
  CHECK(t, a.erf_ulp <= 1.25);
  CHECK(t, a.gelu_abs <= 3.1e-7);
  CHECK(t, a.gelu_ulp_pos <= 1.13);
  CHECK(t, a.silu_ulp <= 2.45);
}

static float f_of(as_fn_exp *fn, float x) {
  float y;
  fn(1, &x, &y);
  return y;
}

/* Special values, on the variant that as_init would choose last: all of them agree by the cases above. */
static void specials(as_test *t) {
  CHECK(t, f_of(as_k_exp_ref, -INFINITY) == 0.0f && f_of(as_k_exp_ref, INFINITY) == INFINITY);
  CHECK(t, f_of(as_k_exp_ref, 0.0f) == 1.0f && f_of(as_k_exp_ref, -0.0f) == 1.0f);
  CHECK(t, f_of(as_k_exp_ref, 88.7f) < INFINITY && f_of(as_k_exp_ref, 88.8f) == INFINITY);
  CHECK(t, f_of(as_k_exp_ref, -103.0f) == 0x1p-149f && f_of(as_k_exp_ref, -104.5f) == 0.0f);
  CHECK(t,
        isnan(f_of(as_k_exp_ref, NAN)) && isnan(f_of(as_k_erf_ref, NAN)) && isnan(f_of(as_k_gelu_ref, NAN)));
  CHECK(t, f_of(as_k_erf_ref, INFINITY) == 1.0f && f_of(as_k_erf_ref, -INFINITY) == -1.0f);
  CHECK(t, bits(f_of(as_k_relu_ref, -0.0f)) == 0 && bits(f_of(as_k_relu_ref, -5.0f)) == 0);
  CHECK(t, isnan(f_of(as_k_relu_ref, NAN)) && f_of(as_k_relu_ref, INFINITY) == INFINITY);
  const float row[3] = {1.0f, NAN, 2.0f};
  float out[3];
  as_k_softmax_ref(1, 3, 1.0f, row, 3, out, 3);
  CHECK(t, isnan(out[0]) && isnan(out[1]) && isnan(out[2]));
  const float zero[2] = {0.0f, 0.0f};
  as_k_l2norm_ref(2, zero, out);
  CHECK(t, out[0] == 0.0f && out[1] == 0.0f);
}

/* A chain whose value is known: 2^24 + 1 + 1 loses both ones in float, and a fused product keeps the low
 * half that a separate multiplication would round away. */
static void chain_order(as_test *t) {
  float a[3] = {0x1p24f, 1.0f, 1.0f}, out[2] = {0, 0};
  float *b = as_calloc(3 * AS_NR, 4, NULL);
  for (size_t k = 0; k < 3; k++) b[k * AS_NR] = 1.0f;
  b[1] = 0x1p-24f, b[AS_NR + 1] = 1.0f, b[2 * AS_NR + 1] = -2.0f;
  const float *pa = a;
  const size_t off = 0;
  as_gemm_args g = {0};
  g.m = 1, g.n = 2, g.k = 3, g.nseg = 1, g.a = &pa, g.b_off = &off, g.b = b, g.c = out, g.ldc = 2;
  as_k_gemm_ref(&g);
  CHECK(t, out[0] == 0x1p24f);
  CHECK(t, bits(out[1]) == 0); /* 1 + 1 - 2 */
  a[0] = 1.0f + 0x1p-12f, a[1] = 1.0f, a[2] = 0.0f;
  b[0] = 1.0f + 0x1p-12f, b[AS_NR] = -(1.0f + 0x1p-11f);
  as_k_gemm_ref(&g);
  CHECK(t, out[0] == 0.0f); /* the chain rounds (1 + 2^-12)^2 once, then subtracts */
  const float bias[AS_NR] = {-(1.0f + 0x1p-11f)};
  g.bias = bias, g.k = 1;
  as_k_gemm_ref(&g);
  CHECK(t, out[0] == 0x1p-24f); /* fused: the low half of the product survives */
  as_free(b);
}

/* The emulated fused step against fmaf: random bits, results near the halfway points of floats, denormal
 * results, cancellation, specials. */
static void soft_fma(as_test *t) {
  const as_rng r = as_rng_make(5, 5);
  size_t bad = 0;
  for (uint64_t i = 0; i < 1500000 && bad < 5; i++) {
    const uint64_t u = as_rng_bits(r, 3 * i), v = as_rng_bits(r, 3 * i + 1), w = as_rng_bits(r, 3 * i + 2);
    uint32_t x[3] = {(uint32_t)u, (uint32_t)(u >> 32), (uint32_t)v};
    float f[3];
    if (i % 5 &&
        i % 10 != 2) /* comparable exponents: near 1, or so that the product is near or below 2^-126 */
      for (size_t k = 0; k < 3; k++)
        x[k] = (x[k] & 0x807fffffu) | (127 + x[k] % 3 - (i % 5 == 2 ? k == 2 ? 126 : 63 : 0)) << 23;
    if (i % 10 == 2) { /* a product of half the last denormal place and a little, on a denormal c */
      x[0] = (127u - 75) << 23 | (uint32_t)(u % 4);
      x[1] = ((uint32_t)(w >> 8) % 2 ? (127u - 75) << 23 | (uint32_t)(v >> 60)
                                     : (127u - 76) << 23 | (0x7fffffu - (uint32_t)(v >> 60)));
      x[2] = (x[2] & 0x807fffffu) | (uint32_t)(w % 2) << 23;
    }
    if (i % 5 == 3) x[0] &= 0xfffff000u, x[1] &= 0xffff0000u; /* few bits: many ties */
    memcpy(f, x, sizeof f);
    if (i % 5 == 4) { /* c = a float near the product times a power of two: cancellation and half units */
      f[2] = -f[0] * f[1] * ldexpf(1.0f, (int)(w % 60) - 30);
      if (w % 7 == 0) f[2] = -(f[0] * f[1]);
    }
    if (i % 97 == 0) f[w % 3] = value(SPECIAL);
    const float got = as_softfma(f[0], f[1], f[2]), want = fmaf(f[0], f[1], f[2]);
    if (same(got, want)) continue;
    bad++;
    as_test_fail(t, __FILE__, __LINE__, "fma(%a, %a, %a) is %a, not %a", (double)f[0], (double)f[1],
                 (double)f[2], (double)got, (double)want);
  }
}

/* ---- rates ---- */

static double now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static void bench(void) {
  const as_kernel_info *e;
  const size_t n = as_tensor_kernels(&e);
  float *a = as_calloc(1 << 18, 4, NULL), *b = as_calloc(1 << 18, 4, NULL), *c = as_calloc(1 << 18, 4, NULL);
  for (size_t i = 0; i < n; i++) {
    if (e[i].needs & ~as_cpu_detected()) continue;
    const int gemm = strcmp(e[i].op, "gemm") == 0, packt = strcmp(e[i].op, "packt") == 0;
    const int three = strcmp(e[i].op, "add") == 0, ln = strcmp(e[i].op, "layernorm") == 0;
    const int sm = strcmp(e[i].op, "softmax") == 0, win = strstr(e[i].op, "win") && e[i].op[0] == 'm';
    const int wi = strcmp(e[i].op, "wino_in") == 0, wo = strcmp(e[i].op, "wino_out") == 0;
    const int map = strstr("relu gelu silu exp erf", e[i].op) != NULL;
    if (!(gemm || packt || three || ln || sm || win || wi || wo || map)) continue;
    for (size_t m = gemm ? 1 : AS_MR; m <= AS_MR; m++) {
      const float *pa = a;
      const size_t off = 0;
      as_gemm_args g = {0};
      g.m = m, g.n = AS_NR, g.k = 128, g.nseg = 1, g.a = &pa, g.b_off = &off, g.b = b, g.lda = 144, g.c = c,
      g.ldc = 48;
      const as_window_args w = {a, 3, 3, 20 * 80, 80, 64, 9.0f, c};
      const as_wino_in_args wa = {a, 20 * 80, 80, 0, 6, 0, 6, 64, c, 80};
      as_wino_out_args wb = {0};
      wb.m = a, wb.pos = 32, wb.n = 32, wb.bias = b, wb.c = c, wb.row = 4 * 48, wb.ld = 48, wb.h = wb.w = 4;
      double work = 768, best = 1e9;
      const char *unit = "floats/ns";
      if (gemm) work = 2.0 * (double)m * 32 * 128, unit = "GFLOP/s";
      if (win) work = 9 * 64;
      if (wi) work = 36 * 64;
      if (wo) work = 36 * 32;
      if (packt) work = 32 * 64;
      const int reps = strcmp(e[i].variant, "ref") == 0 ? 50 : 3000;
      for (int round = 0; round < 5; round++) {
        const double t0 = now();
        for (int r = 0; r < reps; r++) {
          if (gemm)
            ((as_fn_gemm *)e[i].fn)(&g);
          else if (wi)
            ((as_fn_wino_in *)e[i].fn)(&wa);
          else if (wo)
            ((as_fn_wino_out *)e[i].fn)(&wb);
          else if (win)
            ((as_fn_maxwin *)e[i].fn)(&w);
          else if (packt)
            ((as_fn_packt *)e[i].fn)(32, 64, a, 1168, c);
          else if (three)
            ((as_fn_add *)e[i].fn)(768, a, b, c);
          else if (ln)
            ((as_fn_layernorm *)e[i].fn)(768, a, b, b, 1e-6f, c);
          else if (sm)
            ((as_fn_softmax *)e[i].fn)(1, 768, 1.0f, a, 768, c, 768);
          else
            ((as_fn_relu *)e[i].fn)(768, a, c);
        }
        const double each = (now() - t0) / reps;
        if (each < best) best = each;
      }
      char rows[16] = "";
      if (gemm) snprintf(rows, sizeof rows, " %zux32", m);
      printf("%-10s %-9s%-7s %8.2f %s\n", e[i].op, e[i].variant, rows, work / best * 1e-9, unit);
    }
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"gemm: all tails, segments and epilogues", gemm_exact},
      {"wino_in: boxes and channel tails", wino_in_exact},
      {"wino_out: cut tiles and channel tails", wino_out_exact},
      {"maxwin, meanwin", window_exact},
      {"rows and elements", rows_exact},
      {"functions over the range of float", functions_exact},
      {"packt", packt_exact},
      {"functions: error bounds", accuracy_bounds},
      {"functions: special values", specials},
      {"gemm: one fused chain in order", chain_order},
      {"gemm: two panels at once", pair_exact},
      {"portable: the fused step", soft_fma},
  };
  (void)as_init(NULL, NULL); /* strikes off instructions that do not do what they should */
  if (argc == 2 && strcmp(argv[1], "--bench") == 0) {
    bench();
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "--sweep") == 0) {
    const accuracy a = measure(61, true);
    printf("exp %.3f ulp, erf %.3f ulp, gelu %.3g absolute (|x| <= 6), %.3f ulp (x > 0), silu %.3f ulp\n",
           a.exp_ulp, a.erf_ulp, a.gelu_abs, a.gelu_ulp_pos, a.silu_ulp);
    return 0;
  }
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
