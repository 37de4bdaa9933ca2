/* gemmt for AVX-512: the tile of gemm_avx512.c, 14 x 32 accumulators in 28 registers. The 14 broadcasts of a row lie side by
 * side, in one cache line or two, so that one pointer does: per k 2 loads, m broadcasts, 2m multiply-adds, and every fourth time
 * a line of what comes next. Every fourth row is broadcast inside of its multiply-adds, which are written out, for the reasons
 * given there; a copy's rows lie NEAR floats apart, a distance that instructions hold. All of it saves a tenth of
 * the operations: 1.01 to 1.02 on a core of one's own, 1.06 to 1.14 beside a busy neighbour (Cascade Lake). */
#include "tensor/kern/kernels.h"

#if AS_HAVE_X86
#include "tensor/kern/target.h"
AS_TARGET_PUSH_AVX512
#include <immintrin.h>

#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)

enum { NEAR = 16 };
#define FMA(acc, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b))
#define FMA_FROM(acc, b, x) __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(acc) : "v"(b), "m"(x))

/* MR, WIDE and LDA are constants in every call. WIDE: two vectors per row, else one. LDA: NEAR, or 0 for any. */
AS_ALWAYS_INLINE void tile(const as_gemmt_args *g, const int MR, const int WIDE, const size_t LDA) {
#define DECL(i) __m512 l##i = _mm512_setzero_ps(), h##i = _mm512_setzero_ps();
  ROWS(DECL)
#undef DECL
  const size_t lda = LDA ? LDA : g->lda, ldb = g->ldb;
  const char *ahead = (const char *)(g->ahead ? (const void *)g->ahead : g->c);
  for (size_t s = 0; s < g->nseg; s++) {
    const float *a = g->a[s], *b = g->b[s];
    size_t k = g->k[s];
#define ROW(i)                                \
  if (MR > i) {                               \
    if (i % 4 == 0) {                         \
      FMA_FROM(l##i, bl, a[i]);               \
      if (WIDE) FMA_FROM(h##i, bh, a[i]);     \
    } else {                                  \
      const __m512 av = _mm512_set1_ps(a[i]); \
      FMA(l##i, av, bl);                      \
      if (WIDE) FMA(h##i, av, bh);            \
    }                                         \
  }
#define STEP                                \
  {                                         \
    const __m512 bl = _mm512_loadu_ps(b);   \
    __m512 bh = bl;                         \
    if (WIDE) bh = _mm512_loadu_ps(b + 16); \
    ROWS(ROW)                               \
    a += lda, b += ldb;                     \
  }
    for (; k >= 4; k -= 4) {
      STEP STEP STEP STEP __builtin_prefetch(ahead, 1, 3);
      ahead += 64;
    }
    for (; k > 0; k--) STEP
#undef STEP
#undef ROW
  }
  float *c = g->c;
#define KEEP(i)                                           \
  if (MR > i) {                                           \
    _mm512_storeu_ps(c + AS_NR * i, l##i);                \
    if (WIDE) _mm512_storeu_ps(c + AS_NR * i + 16, h##i); \
  }
  ROWS(KEEP)
#undef KEEP
}

#define TILE(mr)                                  \
  static void wide_##mr(const as_gemmt_args *g) { \
    tile(g, mr, 1, 0);                            \
  }                                               \
  static void near_##mr(const as_gemmt_args *g) { \
    tile(g, mr, 1, NEAR);                         \
  }                                               \
  static void slim_##mr(const as_gemmt_args *g) { \
    tile(g, mr, 0, 0);                            \
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

void as_k_gemmt_avx512(const as_gemmt_args *g) {
  static as_fn_gemmt *const tiles[3][AS_MR] = {{slim_1, slim_2, slim_3, slim_4, slim_5, slim_6, slim_7,
                                                slim_8, slim_9, slim_10, slim_11, slim_12, slim_13, slim_14},
                                               {wide_1, wide_2, wide_3, wide_4, wide_5, wide_6, wide_7,
                                                wide_8, wide_9, wide_10, wide_11, wide_12, wide_13, wide_14},
                                               {near_1, near_2, near_3, near_4, near_5, near_6, near_7,
                                                near_8, near_9, near_10, near_11, near_12, near_13, near_14}};
  tiles[g->n <= 16 ? 0 : g->lda == NEAR ? 2 : 1][g->m - 1](g);
}

AS_TARGET_POP
#endif
