/* gemm for AVX-512: 14 x 32 accumulators in 28 registers, 2 for B, 1 for the broadcast.
 *
 * Per k: 2 loads of B, m broadcasts, 2m multiply-adds; with one 512-bit FMA per cycle the load ports
 * are half idle from m = 6 on. A slim tile loads once per multiply-add, so that it has no slot left for prefetches where
 * there are two FMA pipes (Cascade Lake, m = 8 and 14: 116 and 125 GFLOP/s without them, 98 and 111 with); of the wide
 * ones, those that are given nothing to call ahead do without that prefetch (2 to 5 % there). Rows are addressed as {p, p + lda, p + 2 lda} from five pointers, so
 * that pointers, lda, b and the counter fit into 15 integer registers. Tails of n go through masks:
 * nothing outside a column 0..n-1 is touched. */
#include "tensor/kern/kernels.h"

#if AS_HAVE_X86
#include "tensor/kern/target.h"

/* gemm16_avx512bf16.c compiles this text a second time, with pairs of bf16 in the place of floats. */
#ifndef AS_GEMM_NAME
#define AS_GEMM_NAME as_k_gemm_avx512
#define AS_GEMM_TARGET AS_TARGET_PUSH_AVX512
/* Written out, since gcc makes of some an operation that overwrites a factor, and then needs a copy. */
#define AS_GEMM_STEP(a, b, acc) __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b))
#define AS_GEMM_FUSED(i) (i % 3 == 0 && i < 12)
#endif

AS_GEMM_TARGET
#include <immintrin.h>

#ifndef AS_GEMM_FUSED
#define AS_GEMM_FUSED(i) 0
#endif
/* A broadcast from memory inside of the multiply-add is one operation less for the decoders and one load more where two
 * vectors need it. They stay one operation only without an index register: rows 0, 3, 6, 9 and 12. Four of them are the
 * quickest on Cascade Lake, as to loads and to operations, of which a core that two threads share issues two a cycle. Two steps a turn of
 * the loop are quicker there than four or eight. */
#define FMA_FROM(acc, b, x) __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(acc) : "v"(b), "m"(x))
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)

/* Keeps the compiler from folding the five row pointers into fourteen. */
#define PIN(p) __asm__("" : "+r"(p))

/* MR, WIDE and AHEAD are constants in every call: the branches vanish. WIDE: two vectors per row, else one. Long because the
 * accumulators must stay in registers from the first load to the last store: a helper would have to be given 28. */
AS_ALWAYS_INLINE void tile(const as_gemm_args *g, const int MR, const int WIDE, const int AHEAD) {
  const size_t lda = g->lda;
#define DECL(i) __m512 l##i = _mm512_setzero_ps(), h##i = _mm512_setzero_ps();
  ROWS(DECL)
#undef DECL
  if (!g->acc_out) {
    float *c = g->c;
#define WARM(i)                                              \
  if (MR > i) {                                              \
    __builtin_prefetch(c + i * g->ldc, 1, 3);                \
    if (WIDE) __builtin_prefetch(c + i * g->ldc + 16, 1, 3); \
  }
    ROWS(WARM)
#undef WARM
    if (g->residual && g->residual != g->c) {
      const float *r = g->residual;
#define WARM(i)                                              \
  if (MR > i) {                                              \
    __builtin_prefetch(r + i * g->ldr, 0, 3);                \
    if (WIDE) __builtin_prefetch(r + i * g->ldr + 16, 0, 3); \
  }
      ROWS(WARM)
#undef WARM
    }
  }
  if (g->acc_in) {
    const float *p = g->acc_in;
#define LOAD(i)                                        \
  if (MR > i) {                                        \
    l##i = _mm512_loadu_ps(p + 32 * i);                \
    if (WIDE) h##i = _mm512_loadu_ps(p + 32 * i + 16); \
  }
    ROWS(LOAD)
#undef LOAD
  } else if (g->bias) {
    const __m512 bl = _mm512_loadu_ps(g->bias), bh = _mm512_loadu_ps(g->bias + 16);
#define FILL(i) \
  if (MR > i) { \
    l##i = bl;  \
    h##i = bh;  \
  }
    ROWS(FILL)
#undef FILL
  }
  /* Weights are asked for about 450 cycles ahead of their use: a k takes 2 MR of them. */
  const size_t far = 32 * (MR >= 10 ? 16 : MR >= 5 ? 32 : 64);
  const float *ahead = g->ahead;
  for (size_t s = 0; s < g->nseg; s++) {
    const float *p0 = g->a[s], *p3 = p0, *p6 = p0, *p9 = p0, *p12 = p0;
    if (MR > 3) p3 = p0 + 3 * lda;
    if (MR > 6) p6 = p0 + 6 * lda;
    if (MR > 9) p9 = p0 + 9 * lda;
    if (MR > 12) p12 = p0 + 12 * lda;
    const float *b = g->b + g->b_off[s];
    size_t k = g->k;
#define ADDR0 p0[at]
#define ADDR1 p0[lda + at]
#define ADDR2 p0[2 * lda + at]
#define ADDR3 p3[at]
#define ADDR4 p3[lda + at]
#define ADDR5 p3[2 * lda + at]
#define ADDR6 p6[at]
#define ADDR7 p6[lda + at]
#define ADDR8 p6[2 * lda + at]
#define ADDR9 p9[at]
#define ADDR10 p9[lda + at]
#define ADDR11 p9[2 * lda + at]
#define ADDR12 p12[at]
#define ADDR13 p12[lda + at]
#define ROW(i)                                   \
  if (MR > i) {                                  \
    if (AS_GEMM_FUSED(i)) {                      \
      FMA_FROM(l##i, bl, ADDR##i);               \
      if (WIDE) FMA_FROM(h##i, bh, ADDR##i);     \
    } else {                                     \
      const __m512 av = _mm512_set1_ps(ADDR##i); \
      AS_GEMM_STEP(av, bl, l##i);                \
      if (WIDE) AS_GEMM_STEP(av, bh, h##i);      \
    }                                            \
  }
#define STEP(u)                                                             \
  {                                                                         \
    const size_t at = u;                                                    \
    const __m512 bl = _mm512_load_ps(b + 32 * u);                           \
    __m512 bh = bl;                                                         \
    if (WIDE) {                                                             \
      bh = _mm512_load_ps(b + 32 * u + 16);                                 \
      __builtin_prefetch(b + 32 * u + far, 0, 3);                           \
      if (AHEAD) _mm_prefetch((const char *)(ahead + 16 * u), _MM_HINT_T1); \
      __builtin_prefetch(b + 32 * u + far + 16, 0, 3);                      \
    }                                                                       \
    ROWS(ROW)                                                               \
  }
    for (; k >= 2; k -= 2) {
      STEP(0) STEP(1) if (AHEAD) {
        ahead += 32;
        PIN(ahead);
      }
      p0 += 2;
      PIN(p0);
      if (MR > 3) {
        p3 += 2;
        PIN(p3);
      }
      if (MR > 6) {
        p6 += 2;
        PIN(p6);
      }
      if (MR > 9) {
        p9 += 2;
        PIN(p9);
      }
      if (MR > 12) {
        p12 += 2;
        PIN(p12);
      }
      b += 64;
    }
    for (; k > 0; k--) {
      STEP(0)
      p0++, p3++, p6++, p9++, p12++;
      b += 32;
    }
#undef STEP
#undef ROW
  }
  if (g->acc_out) {
    float *p = g->acc_out;
#define KEEP(i)                                        \
  if (MR > i) {                                        \
    _mm512_storeu_ps(p + 32 * i, l##i);                \
    if (WIDE) _mm512_storeu_ps(p + 32 * i + 16, h##i); \
  }
    ROWS(KEEP)
#undef KEEP
    return;
  }
  const __m512 zero = _mm512_setzero_ps();
  const size_t n = g->n;
  const __mmask16 ml = (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1);
  const __mmask16 mh = (__mmask16)(n >= 32 ? 0xffff : n > 16 ? (1u << (n - 16)) - 1 : 0);
#define NORM(i)                                 \
  if (MR > i) {                                 \
    l##i = _mm512_add_ps(l##i, zero);           \
    if (WIDE) h##i = _mm512_add_ps(h##i, zero); \
  }
  ROWS(NORM)
#undef NORM
  if (g->gamma) {
    const __m512 gl = _mm512_loadu_ps(g->gamma), gh = _mm512_loadu_ps(g->gamma + 16);
#define SCALE(i)                              \
  if (MR > i) {                               \
    l##i = _mm512_mul_ps(gl, l##i);           \
    if (WIDE) h##i = _mm512_mul_ps(gh, h##i); \
  }
    ROWS(SCALE)
#undef SCALE
  }
  if (g->residual) {
    const float *r = g->residual;
    const size_t ldr = g->ldr;
#define RES(i)                                                                         \
  if (MR > i) {                                                                        \
    l##i = _mm512_add_ps(_mm512_maskz_loadu_ps(ml, r + i * ldr), l##i);                \
    if (WIDE) h##i = _mm512_add_ps(_mm512_maskz_loadu_ps(mh, r + i * ldr + 16), h##i); \
  }
    ROWS(RES)
#undef RES
  }
  if (g->relu) { /* max(0, x): the second operand where unordered, so NaN stays; x is never -0 here */
#define CLIP(i)                                 \
  if (MR > i) {                                 \
    l##i = _mm512_max_ps(zero, l##i);           \
    if (WIDE) h##i = _mm512_max_ps(zero, h##i); \
  }
    ROWS(CLIP)
#undef CLIP
  }
  float *c = g->c;
  const size_t ldc = g->ldc;
  if (WIDE && n == 32) {
#define STORE(i)                              \
  if (MR > i) {                               \
    _mm512_storeu_ps(c + i * ldc, l##i);      \
    _mm512_storeu_ps(c + i * ldc + 16, h##i); \
  }
    ROWS(STORE)
#undef STORE
  } else {
#define STORE(i)                                                 \
  if (MR > i) {                                                  \
    _mm512_mask_storeu_ps(c + i * ldc, ml, l##i);                \
    if (WIDE) _mm512_mask_storeu_ps(c + i * ldc + 16, mh, h##i); \
  }
    ROWS(STORE)
#undef STORE
  }
}

#define TILE(mr)                                 \
  static void wide_##mr(const as_gemm_args *g) { \
    tile(g, mr, 1, 0);                           \
  }                                              \
  static void far_##mr(const as_gemm_args *g) {  \
    tile(g, mr, 1, 1);                           \
  }                                              \
  static void slim_##mr(const as_gemm_args *g) { \
    tile(g, mr, 0, 0);                           \
  }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
TILE(7)
TILE(8)
TILE(9)
TILE(10)
TILE(11)
TILE(12)
TILE(13)
TILE(14)

void AS_GEMM_NAME(const as_gemm_args *g) {
  static as_fn_gemm *const tiles[3][AS_MR] = {{slim_1, slim_2, slim_3, slim_4, slim_5, slim_6, slim_7, slim_8,
                                               slim_9, slim_10, slim_11, slim_12, slim_13, slim_14},
                                              {wide_1, wide_2, wide_3, wide_4, wide_5, wide_6, wide_7, wide_8,
                                               wide_9, wide_10, wide_11, wide_12, wide_13, wide_14},
                                              {far_1, far_2, far_3, far_4, far_5, far_6, far_7, far_8, far_9,
                                               far_10, far_11, far_12, far_13, far_14}};
  /* acc_in and acc_out are full rows of 32: the slim tile would leave half of them untouched. */
  const size_t kind = g->n <= 16 && !g->acc_out ? 0 : g->ahead ? 2 : 1;
  tiles[kind][g->m - 1](g);
}

AS_TARGET_POP
#endif
