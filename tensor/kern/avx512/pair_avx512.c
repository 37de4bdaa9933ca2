/* gemm over two panels for short chains: runs of up to 6 rows by 64 columns, 24 accumulators, 4 registers of weights, 1 broadcast.
 *
 * Per k 10 loads for 24 multiply-adds, where the tile of 14 x 32 has 22 for 28. Where rows and results pass through L1 once for each
 * 64 k, what comes and goes wants the ports that loads take (Cascade Lake; MEASURED.md). */
#include "tensor/kern/kernels.h"

#if AS_HAVE_X86
#include "tensor/kern/target.h"
AS_TARGET_PUSH_AVX512
#include <immintrin.h>

#define FMA(acc, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b))
#define PIN(p) __asm__("" : "+r"(p))
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define EACH(X, i) X(i, e, 0) X(i, f, 16) X(i, h, 32) X(i, l, 48)

/* MR rows from row `from`; ahead: k lines that are called into L2. Long because the accumulators must stay in registers. */
AS_ALWAYS_INLINE void pair_rows(const as_gemm_args *g, size_t from, const float *ahead, const int MR) {
  const size_t lda = g->lda, ldc = g->ldc, ldr = g->ldr;
  const __m512 zero = _mm512_setzero_ps();
  const float *p0 = g->a[0] + from * lda, *p3 = MR > 3 ? p0 + 3 * lda : p0;
  const float *x = g->b + g->b_off[0], *y = x + g->k * AS_NR, *bias = g->bias;
  const float *r = g->residual ? g->residual + from * ldr : NULL;
  float *to = g->c + from * ldc;
#define DECL(i, s, at) __m512 s##i = MR > i && bias ? _mm512_loadu_ps(bias + at) : zero;
#define WARM(i, s, at) \
  if (MR > i) __builtin_prefetch(to + i * ldc + at, 1, 3);
#define WARM_RES(i, s, at) \
  if (MR > i) __builtin_prefetch(r + i * ldr + at, 0, 3);
#define ROW(i) EACH(DECL, i)
  ROWS(ROW)
#undef ROW
#define ROW(i) EACH(WARM, i)
  ROWS(ROW)
#undef ROW
  if (r && r != to) {
#define ROW(i) EACH(WARM_RES, i)
    ROWS(ROW)
#undef ROW
  }
#define ADDR0 p0[at]
#define ADDR1 p0[lda + at]
#define ADDR2 p0[2 * lda + at]
#define ADDR3 p3[at]
#define ADDR4 p3[lda + at]
#define ADDR5 p3[2 * lda + at]
#define ROW(i)                                 \
  if (MR > i) {                                \
    const __m512 av = _mm512_set1_ps(ADDR##i); \
    FMA(e##i, av, b0);                         \
    FMA(f##i, av, b1);                         \
    FMA(h##i, av, b2);                         \
    FMA(l##i, av, b3);                         \
  }
#define STEP(u)                                                                         \
  {                                                                                     \
    const size_t at = u;                                                                \
    const __m512 b0 = _mm512_load_ps(x + 32 * u), b1 = _mm512_load_ps(x + 32 * u + 16); \
    const __m512 b2 = _mm512_load_ps(y + 32 * u), b3 = _mm512_load_ps(y + 32 * u + 16); \
    _mm_prefetch((const char *)(ahead + 16 * u), _MM_HINT_T1);                          \
    ROWS(ROW)                                                                           \
  }
#define STEPS(n)                                               \
  p0 += n, p3 += n, x += 32 * n, y += 32 * n, ahead += 16 * n; \
  PIN(p0);                                                     \
  PIN(p3);                                                     \
  PIN(x);                                                      \
  PIN(y);                                                      \
  PIN(ahead);
  size_t k = g->k;
  for (; k >= 2; k -= 2) {
    STEP(0) STEP(1) STEPS(2)
  }
  if (k) STEP(0)
#undef ROW
#define NORM(i, s, at) \
  if (MR > i) s##i = _mm512_add_ps(s##i, zero);
#define RES(i, s, at) \
  if (MR > i) s##i = _mm512_add_ps(_mm512_loadu_ps(r + i * ldr + at), s##i);
#define CLIP(i, s, at) \
  if (MR > i) s##i = _mm512_max_ps(zero, s##i);
#define STORE(i, s, at) \
  if (MR > i) _mm512_storeu_ps(to + i * ldc + at, s##i);
#define ROW(i) EACH(NORM, i)
  ROWS(ROW)
#undef ROW
  if (r) {
#define ROW(i) EACH(RES, i)
    ROWS(ROW)
#undef ROW
  }
  if (g->relu) { /* NaN stays: gemm_avx512.c */
#define ROW(i) EACH(CLIP, i)
    ROWS(ROW)
#undef ROW
  }
#define ROW(i) EACH(STORE, i)
  ROWS(ROW)
#undef ROW
}

#define RUN(mr)                                                                  \
  static void run_##mr(const as_gemm_args *g, size_t from, const float *ahead) { \
    pair_rows(g, from, ahead, mr);                                               \
  }
RUN(1)
RUN(2)
RUN(3)
RUN(4)
RUN(5)
RUN(6)

/* 14 rows are 5 + 5 + 4. */
void as_k_pair_avx512(const as_gemm_args *g) {
  typedef void run_fn(const as_gemm_args *g, size_t from, const float *ahead);
  static run_fn *const runs[6] = {run_1, run_2, run_3, run_4, run_5, run_6};
  const size_t m = g->m, step = m <= 6 ? m : m <= 12 ? (m + 1) / 2 : (m + 2) / 3;
  const float *ahead = g->ahead ? g->ahead : g->b;
  for (size_t from = 0; from < m; from += step, ahead = g->b)
    runs[(m - from < step ? m - from : step) - 1](g, from, ahead);
}

AS_TARGET_POP
#endif
