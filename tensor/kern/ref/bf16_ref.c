/* gemm16 and tobf16 as defined. No fused multiply-add of the machine is used: this is the text for every
 * CPU without AVX2. */
#include "tensor/kern/ref/bf16_ref.h"

#include "tensor/kern/kernels.h"

/* Element e of a row of pairs. */
static uint16_t element(const float *pairs, size_t e) {
  uint16_t u;
  memcpy(&u, (const unsigned char *)pairs + 2 * e, 2);
  return u;
}

void as_k_gemm16_ref(const as_gemm_args *g) {
  as_gemm_args last = *g;
  float acc[AS_MR * AS_NR];
  for (size_t i = 0; i < g->m; i++) {
    float *row = acc + i * AS_NR;
    for (size_t j = 0; j < AS_NR; j++)
      row[j] = g->acc_in ? g->acc_in[i * AS_NR + j] : g->bias ? g->bias[j] : 0.0f;
    for (size_t s = 0; s < g->nseg; s++) {
      const float *a = g->a[s] + i * g->lda, *b = g->b + g->b_off[s];
      for (size_t k = 0; k < g->k; k++)
        for (size_t odd = 2; odd-- > 0;) {
          const float x = as_bf16_value(element(a + k, odd));
          for (size_t j = 0; j < AS_NR; j++)
            row[j] = as_bf16_step(x, as_bf16_value(element(b + k * AS_NR + j, odd)), row[j]);
        }
    }
  }
  last.nseg = 0; /* the epilogue */
  last.acc_in = acc;
  as_k_gemm_ref(&last);
}

void as_k_tobf16_ref(size_t rows, size_t n, const float *in, size_t ld, uint16_t *out, size_t ldo) {
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < n; i++) {
      const uint16_t b = as_bf16_of(in[r * ld + i]);
      memcpy(out + r * ldo + i, &b, 2); /* by bytes: the memory is read as floats again, a pair in each */
    }
}
