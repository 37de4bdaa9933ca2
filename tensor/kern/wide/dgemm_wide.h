/* dgemm on registers of AS_WIDE_BYTES bytes, which the includer defines beside AS_WIDE: a tile of AS_WIDE_BYTES / 8 rows by
 * 8 columns, so that it has 8 accumulators everywhere: product and sum of one are two instructions of 4 cycles, of which two
 * begin in each. No fused step: the chain is that of kern/ref/gemm_ref.c. GNU's vectors, as there is nothing to it but + and *. */
#include <string.h>

enum { DLANES = AS_WIDE_BYTES / 8, DPER_ROW = AS_ND / DLANES };
typedef double dlanes __attribute__((vector_size(AS_WIDE_BYTES)));

void AS_WIDE(dgemm)(size_t m, size_t k, const double *a, size_t lda, const double *b, double *c, size_t ldc) {
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
  for (size_t i = 0; i < m; i += DLANES) {
    /* where fewer rows are left, the last one is done more than once, to the same result */
#define ROW(r)                                       \
  const size_t i##r = i + r < m - 1 ? i + r : m - 1; \
  const double *a##r = a + i##r * lda;               \
  double *c##r = c + i##r * ldc;
    EACH(ROW)
#undef ROW
    const double *const from[] = {a0, a1, a2, a3, a4, a5, a6, a7};
    double *const to[] = {c0, c1, c2, c3, c4, c5, c6, c7};
#define AT(n) (to[n / DPER_ROW] + n % DPER_ROW * DLANES)
#define LOAD(n) \
  dlanes s##n;  \
  memcpy(&s##n, AT(n), sizeof s##n);
    EACH(LOAD)
    for (size_t l = 0; l < k; l++) {
#define STEP(n)                                                  \
  {                                                              \
    dlanes w;                                                    \
    memcpy(&w, b + l * AS_ND + n % DPER_ROW * DLANES, sizeof w); \
    s##n += from[n / DPER_ROW][l] * w;                           \
  }
      EACH(STEP)
    }
#define KEEP(n) memcpy(AT(n), &s##n, sizeof s##n);
    EACH(KEEP)
  }
#undef AT
#undef LOAD
#undef STEP
#undef KEEP
#undef EACH
}
