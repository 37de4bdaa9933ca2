/* gemm and the panel packing, as defined. */
#include <math.h>

#include "tensor/kern/ref/variant_ref.h"

void AS_VARIANT(gemm)(const as_gemm_args *g) {
  for (size_t i = 0; i < g->m; i++) {
    float acc[AS_NR];
    for (size_t j = 0; j < AS_NR; j++)
      acc[j] = g->acc_in ? g->acc_in[i * AS_NR + j] : g->bias ? g->bias[j] : 0.0f;
    for (size_t s = 0; s < g->nseg; s++) {
      const float *a = g->a[s] + i * g->lda;
      const float *b = g->b + g->b_off[s];
      for (size_t k = 0; k < g->k; k++)
        for (size_t j = 0; j < AS_NR; j++) acc[j] = AS_FMAF(a[k], b[k * AS_NR + j], acc[j]);
    }
    if (g->acc_out) {
      for (size_t j = 0; j < AS_NR; j++) g->acc_out[i * AS_NR + j] = acc[j];
      continue;
    }
    for (size_t j = 0; j < g->n; j++) {
      float t = acc[j] + 0.0f;
      if (g->gamma) t = g->gamma[j] * t;
      if (g->residual) t = g->residual[i * g->ldr + j] + t;
      if (g->relu && t <= 0.0f) t = 0.0f;
      g->c[i * g->ldc + j] = t;
    }
  }
}

void AS_VARIANT(pair)(const as_gemm_args *g) {
  for (size_t p = 0; p < 2; p++) {
    as_gemm_args one = *g;
    one.n = AS_NR, one.b += p * g->k * AS_NR, one.c += p * AS_NR;
    if (g->bias) one.bias += p * AS_NR;
    if (g->residual) one.residual += p * AS_NR;
    AS_VARIANT(gemm)(&one);
  }
}

void AS_VARIANT(packt)(size_t n, size_t k, const float *in, size_t ld, float *out) {
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < AS_NR; j++) out[i * AS_NR + j] = j < n ? in[j * ld + i] : 0.0f;
}
