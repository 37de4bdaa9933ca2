/* gemmt on 16 float lanes, at most 5 rows by 16 columns at a time: 10 accumulators, 2 of b and a broadcast of the 16 registers
 * of AVX2. See rows_wide.h for what the includer defines. Bits: kern/ref/train_ref.c. */

/* Rows i .. i + R - 1, columns j .. j + 15; R is a constant in every call. */
AS_ALWAYS_INLINE void wide_gemmt_rows(const as_gemmt_args *g, size_t i, size_t j, const int R) {
  v16 x0 = v16_set1(0.0f), x1 = x0, x2 = x0, x3 = x0, x4 = x0;
  for (size_t s = 0; s < g->nseg; s++) {
    const float *a = g->a[s] + i, *b = g->b[s] + j;
    for (size_t k = g->k[s]; k > 0; k--, a += g->lda, b += g->ldb) {
      const v16 y = v16_load(b);
      x0 = v16_fma(v16_set1(a[0]), y, x0);
      if (R > 1) x1 = v16_fma(v16_set1(a[1]), y, x1);
      if (R > 2) x2 = v16_fma(v16_set1(a[2]), y, x2);
      if (R > 3) x3 = v16_fma(v16_set1(a[3]), y, x3);
      if (R > 4) x4 = v16_fma(v16_set1(a[4]), y, x4);
    }
  }
  float *c = g->c + i * AS_NR + j;
  v16_store(c, x0);
  if (R > 1) v16_store(c + AS_NR, x1);
  if (R > 2) v16_store(c + 2 * AS_NR, x2);
  if (R > 3) v16_store(c + 3 * AS_NR, x3);
  if (R > 4) v16_store(c + 4 * AS_NR, x4);
}

void AS_WIDE(gemmt)(const as_gemmt_args *g) {
  const size_t strips = (g->m + 4) / 5;
  for (size_t j = 0; j < g->n; j += 16)
    for (size_t t = 0; t < strips; t++) {
      const size_t i = g->m * t / strips;
      switch (g->m * (t + 1) / strips - i) {
        case 1:
          wide_gemmt_rows(g, i, j, 1);
          break;
        case 2:
          wide_gemmt_rows(g, i, j, 2);
          break;
        case 3:
          wide_gemmt_rows(g, i, j, 3);
          break;
        case 4:
          wide_gemmt_rows(g, i, j, 4);
          break;
        default:
          wide_gemmt_rows(g, i, j, 5);
          break;
      }
    }
}
