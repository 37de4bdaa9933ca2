/* The drivers of tensor/ but convolution against the numerics rules written out plainly, for every instruction set of
 * this CPU and for 1 and 3 threads, bit for bit. */
#include <math.h>
#include <string.h>

#include "tensor/attention.h"
#include "tensor/base/math/rng.h"
#include "tensor/kern/kernels.h"
#include "tensor/linear.h"
#include "tensor/norm.h"
#include "tensor/outer.h"
#include "tensor/pool.h"
#include "tests/unit/tensor_cases.h"

static void linears(as_test *t, const char *cpu) {
  as_err err;
  static const struct {
    size_t rows;
    int n, k;
    int mode;
    as_act act;
  } cases[] = {{1, 1, 1, 0, AS_ACT_NONE},       {3, 33, 7, 0, AS_ACT_RELU},
               {197, 96, 65, 0, AS_ACT_GELU},   {29, 48, 64, 1, AS_ACT_NONE},
               {31, 70, 30, 2, AS_ACT_NONE},    {15, 1000, 256, 0, AS_ACT_NONE},
               {430, 448, 512, 0, AS_ACT_SILU}, {430, 417, 512, 2, AS_ACT_NONE}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const size_t rows = cases[i].rows, n = (size_t)cases[i].n, k = (size_t)cases[i].k, ldo = n + 5,
                 lda = k + 3;
    float *a = random_floats(rows * lda, 4), *w = random_floats(n * k, 5), *b = random_floats(n, 6);
    float *res = random_floats(rows * ldo, 8), *gamma = random_floats(n, 9), *out = filled(rows * ldo);
    as_linear *l;
    CHECK_OK(t, as_linear_create(&l, cases[i].n, cases[i].k, w, b, &err), err);
    as_linear_args args = {
        .in = a, .ld_in = lda, .rows = rows, .act = cases[i].act, .out = out, .ld_out = ldo};
    if (cases[i].mode) args.residual = res, args.ld_res = ldo;
    if (cases[i].mode == 2) args.gamma = gamma;
    as_linear_run(l, &args);
    size_t bad = 0;
    float *row = as_alloc(n, sizeof *row, NULL);
    for (size_t r = 0; r<rows; r += rows> 100 ? 13 : 1) {
      for (size_t j = 0; j < n; j++) {
        float acc = b[j];
        for (size_t q = 0; q < k; q++) acc = fmaf(a[r * lda + q], w[j * k + q], acc);
        acc += 0.0f;
        if (args.gamma) acc = gamma[j] * acc;
        if (args.residual) acc = res[r * ldo + j] + acc;
        row[j] = args.act == AS_ACT_RELU ? relu(acc) : acc;
      }
      if (args.act == AS_ACT_GELU || args.act == AS_ACT_SILU) as_activate(args.act, n, row, row);
      bad += memcmp(row, out + r * ldo, n * sizeof *row) != 0;
      for (size_t j = n; j < ldo; j++) bad += out[r * ldo + j] != -12345.0f;
    }
    /* A run of columns: the same numbers, and no other one touched. */
    if (n > 32) {
      float *some = filled(rows * ldo);
      args.out = some;
      args.first = n / 2 / 32 * 32;
      args.end = n - 3;
      as_linear_run(l, &args);
      for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < ldo; j++)
          bad += some[r * ldo + j] != (j < args.first || j >= args.end ? -12345.0f : out[r * ldo + j]);
      as_free(some);
    }
    if (bad) as_test_fail(t, __FILE__, __LINE__, "%s linear case %zu: %zu rows differ", cpu, i, bad);
    as_linear_destroy(&l);
    as_free(a), as_free(w), as_free(b), as_free(res), as_free(gamma), as_free(out), as_free(row);
  }
}
static void linear_bits(as_test *t) {
  each_cpu(t, linears);
}

static void gemms(as_test *t, const char *cpu) {
  static const size_t shapes[][3] = {{1, 1, 1},      {14, 32, 3}, {50, 77, 40},
                                     {5, 3000, 900}, {3, 4, 0},   {421, 130, 512}};
  for (size_t i = 0; i < 6; i++) {
    const size_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
    float *a = random_floats(m * k + 1, 1), *b = random_floats(n * k + 1, 2), *c = filled(m * n);
    void *pack = as_alloc(as_gemm_scratch(n, k), 1, NULL);
    as_gemm_nt(&(as_product){m, n, k, a, k, b, k, c, n}, pack);
    size_t bad = 0;
    for (size_t r = 0; r < m; r++)
      for (size_t j = 0; j<n; j += n> 100 ? 7 : 1) {
        float acc = 0.0f;
        for (size_t q = 0; q < k; q++) acc = fmaf(a[r * k + q], b[j * k + q], acc);
        acc += 0.0f;
        bad += memcmp(&acc, c + r * n + j, 4) != 0;
      }
    if (bad) as_test_fail(t, __FILE__, __LINE__, "%s gemm_nt %zu %zu %zu: %zu differ", cpu, m, n, k, bad);
    float *turned = random_floats(n * k + 1, 3), *d = filled(m * n);
    for (size_t j = 0; j < n; j++)
      for (size_t q = 0; q < k; q++) turned[q * n + j] = b[j * k + q];
    as_gemm_nn(&(as_product){m, n, k, a, k, turned, n, d, n}, pack);
    if (memcmp(c, d, m * n * sizeof *c))
      as_test_fail(t, __FILE__, __LINE__, "%s gemm_nn %zu %zu %zu: differs from gemm_nt", cpu, m, n, k);
    as_free(a), as_free(b), as_free(c), as_free(turned), as_free(d), as_free(pack);
  }
}
static void gemm_bits(as_test *t) {
  each_cpu(t, gemms);
}

/* Sums over rows against chains of fmaf by chunks of 256; whole and handed over in pieces. */
enum { OUTER_ROWS = 600, OUTER_M = 37, OUTER_N = 75 };
static float outer_a[OUTER_ROWS][OUTER_M + 3], outer_b[OUTER_ROWS][OUTER_N + 5];

static void take_piece(void *ctx, size_t i, size_t j, size_t m, size_t n, const double *piece) {
  double *to = ctx;
  for (size_t r = 0; r < m; r++)
    for (size_t c = 0; c < n; c++) to[(i + r) * OUTER_N + j + c] = piece[r * AS_OUTER_PANEL + c];
}

static void outers(as_test *t, const char *cpu) {
  as_err err;
  const as_rng g = as_rng_make(5, 1);
  const float least = 0.01f;
  double *all = as_calloc(OUTER_M * OUTER_N, sizeof *all, &err),
         *part = as_alloc(as_outer_part_doubles(), 8, &err);
  for (size_t r = 0; r < OUTER_ROWS; r++) {
    for (size_t i = 0; i < OUTER_M; i++) outer_a[r][i] = (float)as_rng_normal(g, r * 100 + i);
    for (size_t j = 0; j < OUTER_N; j++) outer_b[r][j] = (float)as_rng_normal(g, 100000 + r * 100 + j);
  }
  as_outer o = {.rows = OUTER_ROWS, .m = OUTER_M, .n = OUTER_N};
  o.a = as_alloc(as_outer_a_floats(o.rows, o.m), sizeof *o.a, &err);
  o.b = as_alloc(as_outer_b_floats(o.rows, o.n), sizeof *o.b, &err);
  o.total = as_alloc(as_outer_doubles(o.m, o.n), sizeof *o.total, &err);
  for (size_t r = 0; r < OUTER_ROWS; r += 8) { /* 8 divides 256 */
    as_outer_place_a(&o, r, 8, outer_a[r], OUTER_M + 3, least);
    as_outer_place_b(&o, r, 8, outer_b[r], OUTER_N + 5, 0.0f);
  }
  as_outer_add(&o, true);
  as_outer_add(&o, false);
  as_outer pieces = o;
  pieces.total = part;
  as_outer_each(&pieces, take_piece, all);
  size_t wrong = 0;
  for (size_t i = 0; i < OUTER_M; i++)
    for (size_t j = 0; j < OUTER_N; j++) {
      double once = 0, twice = 0;
      for (int k = 0; k < 2; k++)
        for (size_t first = 0; first < OUTER_ROWS; first += AS_OUTER_ROWS) {
          float chain = 0;
          for (size_t r = first; r < OUTER_ROWS && r < first + AS_OUTER_ROWS; r++)
            chain = fmaf(fabsf(outer_a[r][i]) < least ? 0.0f : outer_a[r][i], outer_b[r][j], chain);
          if (k == 0) once += (double)chain;
          twice += (double)chain;
        }
      wrong += all[i * OUTER_N + j] != once;
      wrong += as_outer_at(&o, i, j / AS_OUTER_PANEL)[j % AS_OUTER_PANEL] != twice;
    }
  if (wrong) as_test_fail(t, __FILE__, __LINE__, "%s: %zu sums differ", cpu, wrong);
  void *blocks[] = {all, part, o.a, o.b, o.total};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) as_free(blocks[i]);
}

static void outer_bits(as_test *t) {
  each_cpu(t, outers);
}

static void attentions(as_test *t, const char *cpu) {
  static const int cases[][3] = {{17, 2, 32}, {50, 3, 192}, {65, 1, 40}, {197, 2, 128}};
  for (size_t i = 0; i < 4; i++) {
    const int tokens = cases[i][0], heads = cases[i][1], d = cases[i][2], dh = d / heads, n = 2;
    const size_t T = (size_t)tokens, D = (size_t)d, ld = as_tensor_ld(3 * d), ldo = as_tensor_ld(d);
    as_tensor qkv = {random_floats((size_t)n * T * ld, 1), n, tokens, 1, 3 * d, ld};
    as_tensor out = {filled((size_t)n * T * ldo), n, tokens, 1, d, ldo};
    const as_team team = team_with(as_attention_scratch(tokens, heads, d, as_par_threads()));
    as_attention_run(&qkv, heads, tokens, &out, &team);
    const float scale = (float)(1.0 / sqrt((double)dh));
    float *s = filled(T);
    size_t bad = 0;
    for (size_t im = 0; im < (size_t)n; im++)
      for (size_t h = 0; h < (size_t)heads; h++)
        for (size_t q = 0; q<T; q += T> 60 ? 9 : 1) {
          const float *base = qkv.data + im * T * ld + h * (size_t)dh, *qr = base + q * ld;
          for (size_t k = 0; k < T; k++) {
            float acc = 0.0f;
            for (size_t e = 0; e < (size_t)dh; e++) acc = fmaf(qr[e], base[k * ld + D + e], acc);
            s[k] = scale * (acc + 0.0f);
          }
          as_softmax(1, tokens, s, T, s, T);
          for (size_t e = 0; e < (size_t)dh; e++) {
            float acc = 0.0f;
            for (size_t k = 0; k < T; k++) acc = fmaf(s[k], base[k * ld + 2 * D + e], acc);
            acc += 0.0f;
            bad += memcmp(&acc, out.data + (im * T + q) * ldo + h * (size_t)dh + e, 4) != 0;
          }
        }
    /* The first tokens alone: the same rows, and no other one touched. */
    as_tensor few = {filled((size_t)n * T * ldo), n, tokens, 1, d, ldo};
    for (int queries = 1; queries <= 15; queries += 14) {
      as_attention_run(&qkv, heads, queries, &few, &team);
      for (size_t r = 0; r < (size_t)n * T; r++)
        for (size_t e = 0; e < D; e++)
          bad += few.data[r * ldo + e] != (r % T < (size_t)queries ? out.data[r * ldo + e] : -12345.0f);
    }
    if (bad)
      as_test_fail(t, __FILE__, __LINE__, "%s attention %d %d %d: %zu differ", cpu, tokens, heads, d, bad);
    as_free(qkv.data), as_free(out.data), as_free(few.data), as_free(team.scratch), as_free(s);
  }
}
static void attention_bits(as_test *t) {
  each_cpu(t, attentions);
}

/* Pools and rows against plain loops; the row formulas themselves are checked in test_kernels.c. */
static void pools(as_test *t, const char *cpu) {
  (void)cpu;
  const as_pool_shape s = {3, 3, 2, 1, 1, 1, 1};
  const int h = 11, w = 9, c = 37;
  const size_t ld = as_tensor_ld(c);
  as_tensor in = {random_floats(2 * 99 * ld, 3), 2, h, w, c, ld};
  as_tensor out = {filled(2 * 30 * ld), 2, 6, 5, c, ld};
  in.data[5] = NAN;
  as_maxpool(&s, &in, &out);
  size_t bad = 0;
  for (int n = 0; n < 2; n++)
    for (int y = 0; y < 6; y++)
      for (int x = 0; x < 5; x++)
        for (int ch = 0; ch < c; ch++) {
          float m = -INFINITY;
          bool nan = false;
          for (int iy = y * 2 - 1; iy < y * 2 + 2; iy++)
            for (int ix = x * 2 - 1; ix < x * 2 + 2; ix++) {
              if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
              const float v = in.data[((size_t)(n * h + iy) * (size_t)w + (size_t)ix) * ld + (size_t)ch];
              nan = nan || v != v;
              if (v > m) m = v;
            }
          const float got = out.data[((size_t)(n * 6 + y) * 5 + (size_t)x) * ld + (size_t)ch];
          bad += nan ? got == got : got != m;
        }
  CHECK_INT(t, bad, 0);
  in.data[5] = 0.25f;
  float mean[80], sum = 0.0f, part = 0.0f;
  as_global_avgpool(&in, mean, 40);
  for (size_t p = 0; p < 99; p++) sum += in.data[(99 + p) * ld + 36];
  CHECK(t, mean[40 + 36] == sum / 99.0f);
  as_mean_tokens(&in, 1, mean, 37);
  for (size_t p = 1; p < 99; p++) part += in.data[p * ld + 2];
  CHECK(t, mean[2] == part / 98.0f);
  const as_pool_shape a = {2, 2, 2, 0, 0, 0, 0};
  as_tensor half = {filled(2 * 20 * ld), 2, 5, 4, c, ld};
  as_avgpool(&a, &in, &half);
  const float *p0 = in.data + (2 * 9 + 4) * (int)ld; /* output (1, 2) of image 0, channel 0 */
  CHECK(t, half.data[(4 + 2) * ld] == (((p0[0] + p0[ld]) + p0[9 * ld]) + p0[10 * ld]) / 4.0f);
  as_free(in.data), as_free(out.data), as_free(half.data);
}
static void pool_bits(as_test *t) {
  each_cpu(t, pools);
}

static void init_errors(as_test *t) {
  as_err err;
  as_init_opts o = {"pentium", 1, NULL};
  CHECK_STATUS(t, as_init(&o, &err), AS_E_USAGE);
  o.cpu = NULL, o.profile = "bf17";
  CHECK_STATUS(t, as_init(&o, &err), AS_E_USAGE);
#if !defined(__aarch64__)
  o.profile = NULL, o.cpu = "neon";
  CHECK_STATUS(t, as_init(&o, &err), AS_E_ENV);
#endif
  o.profile = "f32-1", o.cpu = "ref", o.threads = 2;
  CHECK_OK(t, as_init(&o, &err), err);
  CHECK_STR(t, as_cpu_name(), "ref");
  const as_kernel_info *rows;
  const size_t n = as_tensor_kernels(&rows);
  CHECK(t, n >= 15);
  for (size_t i = 0; i < n; i++)
    CHECK(t, as_kernel_in_use(rows, n, i) == (strcmp(rows[i].variant, "ref") == 0));
  CHECK_OK(t, as_init(NULL, &err), err);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"init: names and errors", init_errors}, {"linear: epilogues and tails", linear_bits},
      {"gemm_nt: blocks of B", gemm_bits},     {"outer: sums over rows", outer_bits},
      {"attention", attention_bits},           {"pooling", pool_bits},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
