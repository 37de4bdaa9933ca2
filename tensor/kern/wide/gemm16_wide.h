/* gemm16 on the fused multiply-add of CPUs without VDPBF16PS: with flush-to-zero and denormals-are-zero
 * set, each fma is one step of the chain (x86 finds tininess after rounding, as the instruction does).
 * Include after lanes_*.h, with AS_WIDE and AS_WIDE_GEMM (the variant's own gemm, for the epilogue). */

/* acc[m][32], 2 rows at a time. Not inlined: nothing of it may leave the place between the two settings
 * of the control register. */
__attribute__((noinline)) static void chain16(const as_gemm_args *g, float *acc) {
  for (size_t i = 0; i < g->m; i += 2) {
    const size_t more = i + 1 < g->m ? 1 : 0; /* an odd last row is done twice */
    float *to = acc + i * AS_NR, *to2 = to + more * AS_NR;
    v16 l = v16_load(to), h = v16_load(to + 16), l2 = v16_load(to2), h2 = v16_load(to2 + 16);
    for (size_t s = 0; s < g->nseg; s++) {
      const float *a = g->a[s] + i * g->lda, *a2 = a + more * g->lda, *b = g->b + g->b_off[s];
      for (size_t k = 0; k < g->k; k++, b += AS_NR) {
        const v16 bl = v16_load(b), bh = v16_load(b + 16), x = v16_set1(a[k]), x2 = v16_set1(a2[k]);
        const v16 xo = v16_odd16(x), xo2 = v16_odd16(x2), xe = v16_even16(x), xe2 = v16_even16(x2);
        const v16 blo = v16_odd16(bl), bho = v16_odd16(bh), ble = v16_even16(bl), bhe = v16_even16(bh);
        l = v16_fma(xe, ble, v16_fma(xo, blo, l));
        h = v16_fma(xe, bhe, v16_fma(xo, bho, h));
        l2 = v16_fma(xe2, ble, v16_fma(xo2, blo, l2));
        h2 = v16_fma(xe2, bhe, v16_fma(xo2, bho, h2));
      }
    }
    v16_store(to, l), v16_store(to + 16, h), v16_store(to2, l2), v16_store(to2 + 16, h2);
  }
}

void AS_WIDE(gemm16)(const as_gemm_args *g) {
  enum { FLUSH = 0x8000, ZERO_DENORMALS = 0x0040 };
  float acc[AS_MR * AS_NR];
  for (size_t i = 0; i < g->m; i++)
    for (size_t j = 0; j < AS_NR; j++)
      acc[i * AS_NR + j] = g->acc_in ? g->acc_in[i * AS_NR + j] : g->bias ? g->bias[j] : 0.0f;
  if (g->nseg && g->k) {
    const unsigned csr = _mm_getcsr();
    _mm_setcsr(csr | FLUSH | ZERO_DENORMALS);
    chain16(g, acc);
    _mm_setcsr(csr);
  }
  as_gemm_args last = *g;
  last.nseg = 0;
  last.acc_in = acc;
  AS_WIDE_GEMM(&last);
}
