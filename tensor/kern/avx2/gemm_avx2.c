/* gemm for AVX2 + FMA: at most 6 x 16 accumulators (12 registers), 2 for B, 1 for the broadcast.
 *
 * A tile of m x 32 is done as two half panels by runs of at most 6 rows (12 = 6 + 6, 14 = 5 + 5 + 4): each run streams its half
 * of the panel, one whole cache line per k. Full runs are the best: a k takes 8 loads and a prefetch for 12 multiply-adds, which
 * leaves the decoders (4 operations a cycle, 2 where a neighbour shares the core) little to spare. So drivers that may choose
 * give tiles of 12 rows (as_k.rows), a step of 8 k moves one index for all rows and one pointer, and the length of a run is found
 * without a division. */
#include "tensor/kern/kernels.h"

#if AS_HAVE_X86
#include "tensor/kern/target.h"
AS_TARGET_PUSH_AVX2
#include <immintrin.h>

#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define PIN(p) __asm__("" : "+r"(p))
/* Accumulates in place. From the intrinsic gcc 12 makes the forms that overwrite a factor, and keeps three of the 12
 * accumulators in memory. */
#define FMA(acc, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b))

AS_ALWAYS_INLINE __m256i first_n(size_t n, size_t at) { /* lanes at.. < n, all ones */
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - (int)at), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Rows r0..r0+MR-1, columns col..col+15 of the tile. MR is a constant in every call. Long because the accumulators must
 * stay in registers from the first load to the last store. */
AS_ALWAYS_INLINE void tile(const as_gemm_args *g, size_t r0, size_t col, const int MR) {
  const size_t lda = g->lda;
#define DECL(i) __m256 l##i = _mm256_setzero_ps(), h##i = _mm256_setzero_ps();
  ROWS(DECL)
#undef DECL
  float *const c = g->acc_out ? g->acc_out + r0 * AS_NR + col : g->c + r0 * g->ldc + col;
  if (!g->acc_out) {
#define WARM(i) \
  if (MR > i) _mm_prefetch((const char *)(c + i * g->ldc), _MM_HINT_T0);
    ROWS(WARM)
#undef WARM
  }
  if (g->acc_in) {
    const float *p = g->acc_in + r0 * AS_NR + col;
#define LOAD(i) \
  if (MR > i) l##i = _mm256_loadu_ps(p + AS_NR * i), h##i = _mm256_loadu_ps(p + AS_NR * i + 8);
    ROWS(LOAD)
#undef LOAD
  } else if (g->bias) {
    const __m256 bl = _mm256_loadu_ps(g->bias + col), bh = _mm256_loadu_ps(g->bias + col + 8);
#define FILL(i) \
  if (MR > i) l##i = bl, h##i = bh;
    ROWS(FILL)
#undef FILL
  }
  for (size_t s = 0; s < g->nseg; s++) {
    /* Rows end where the steps of 8 do; i runs from there backwards to 0, then through the rest. */
    const size_t whole = g->k / 8 * 8;
    const float *a0 = g->a[s] + r0 * lda + whole, *a1 = a0, *a2 = a0, *a3 = a0, *a4 = a0, *a5 = a0;
    if (MR > 1) a1 = a0 + lda;
    if (MR > 2) a2 = a1 + lda;
    if (MR > 3) a3 = a2 + lda;
    if (MR > 4) a4 = a3 + lda;
    if (MR > 5) a5 = a4 + lda;
    const float *b = g->b + g->b_off[s] + col;
    ptrdiff_t i = -(ptrdiff_t)whole;
#define ROW(r)                                           \
  if (MR > r) {                                          \
    const __m256 av = _mm256_broadcast_ss(a##r + i + u); \
    FMA(l##r, av, bl);                                   \
    FMA(h##r, av, bh);                                   \
  }
    /* The empty volatile statement keeps the prefetches of 8 steps from being drawn together. */
#define STEP(at)                                                                             \
  {                                                                                          \
    const ptrdiff_t u = at;                                                                  \
    __asm__ volatile("");                                                                    \
    const __m256 bl = _mm256_load_ps(b + AS_NR * u), bh = _mm256_load_ps(b + AS_NR * u + 8); \
    _mm_prefetch((const char *)(b + AS_NR * u + 512), _MM_HINT_T0);                          \
    ROWS(ROW)                                                                                \
  }
    for (; i != 0; i += 8, b += 8 * AS_NR) {
      PIN(i);
      PIN(b);
      STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
    }
    for (; (size_t)i < g->k - whole; i++, b += AS_NR) STEP(0)
#undef STEP
#undef ROW
  }
  if (g->acc_out) {
#define KEEP(i) \
  if (MR > i) _mm256_storeu_ps(c + AS_NR * i, l##i), _mm256_storeu_ps(c + AS_NR * i + 8, h##i);
    ROWS(KEEP)
#undef KEEP
    return;
  }
  const __m256 zero = _mm256_setzero_ps();
  const __m256i ml = first_n(g->n, col), mh = first_n(g->n, col + 8);
#define NORM(i) \
  if (MR > i) l##i = _mm256_add_ps(l##i, zero), h##i = _mm256_add_ps(h##i, zero);
  ROWS(NORM)
#undef NORM
  if (g->gamma) {
    const __m256 gl = _mm256_loadu_ps(g->gamma + col), gh = _mm256_loadu_ps(g->gamma + col + 8);
#define SCALE(i) \
  if (MR > i) l##i = _mm256_mul_ps(gl, l##i), h##i = _mm256_mul_ps(gh, h##i);
    ROWS(SCALE)
#undef SCALE
  }
  if (g->residual) {
    const float *r = g->residual + r0 * g->ldr + col;
    const size_t ldr = g->ldr;
#define RES(i)                                                           \
  if (MR > i) {                                                          \
    l##i = _mm256_add_ps(_mm256_maskload_ps(r + i * ldr, ml), l##i);     \
    h##i = _mm256_add_ps(_mm256_maskload_ps(r + i * ldr + 8, mh), h##i); \
  }
    ROWS(RES)
#undef RES
  }
  if (g->relu) { /* max(0, x): the second operand where unordered, so NaN stays; x is never -0 here */
#define CLIP(i) \
  if (MR > i) l##i = _mm256_max_ps(zero, l##i), h##i = _mm256_max_ps(zero, h##i);
    ROWS(CLIP)
#undef CLIP
  }
  const size_t ldc = g->ldc;
  if (g->n >= col + 16) {
#define STORE(i) \
  if (MR > i) _mm256_storeu_ps(c + i * ldc, l##i), _mm256_storeu_ps(c + i * ldc + 8, h##i);
    ROWS(STORE)
#undef STORE
  } else {
#define STORE(i) \
  if (MR > i) _mm256_maskstore_ps(c + i * ldc, ml, l##i), _mm256_maskstore_ps(c + i * ldc + 8, mh, h##i);
    ROWS(STORE)
#undef STORE
  }
}

typedef void run_fn(const as_gemm_args *g, size_t r0, size_t col);
#define RUN(mr)                                                        \
  static void run_##mr(const as_gemm_args *g, size_t r0, size_t col) { \
    tile(g, r0, col, mr);                                              \
  }
RUN(1)
RUN(2)
RUN(3)
RUN(4)
RUN(5)
RUN(6)

void as_k_gemm_avx2(const as_gemm_args *g) {
  static run_fn *const runs[6] = {run_1, run_2, run_3, run_4, run_5, run_6};
  for (size_t col = 0; col < AS_NR; col += 16) {
    if (col >= g->n && !g->acc_out) break; /* acc_out is full rows of 32 */
    for (size_t r0 = 0, left = g->m > 12 ? 3 : g->m > 6 ? 2 : 1; left > 0; left--) {
      const size_t rest = g->m - r0, rows = left == 3 ? (rest + 2) / 3 : left == 2 ? (rest + 1) / 2 : rest;
      runs[rows - 1](g, r0, col);
      r0 += rows;
    }
  }
}

AS_TARGET_POP
#endif
