/* gemm for NEON: at most 6 x 16 accumulators (24 of 32 registers), 4 for B, 1 for a row's four k.
 *
 * A tile of 14 x 32 is done as two half panels by runs of 5 + 5 + 4 rows. */
#include "tensor/kern/kernels.h"

#if AS_HAVE_NEON
#include <arm_neon.h>

#include "tensor/kern/target.h"

enum { MOST = 6 };

/* Rows r0..r0+MR-1, columns col..col+15 of the tile. MR is a constant in every call. */
AS_ALWAYS_INLINE void tile(const as_gemm_args *g, size_t r0, size_t col, const int MR) {
  float32x4_t acc[MOST][4];
#pragma GCC unroll 6
  for (int i = 0; i < MR; i++)
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      const size_t at = col + 4 * (size_t)j;
      acc[i][j] = g->acc_in ? vld1q_f32(g->acc_in + (r0 + (size_t)i) * AS_NR + at)
                  : g->bias ? vld1q_f32(g->bias + at)
                            : vdupq_n_f32(0.0f);
    }
  for (size_t s = 0; s < g->nseg; s++) {
    const float *a = g->a[s] + r0 * g->lda, *b = g->b + g->b_off[s] + col;
    for (size_t k = 0; k < g->k; k++, b += AS_NR) {
      const float32x4_t b0 = vld1q_f32(b), b1 = vld1q_f32(b + 4), b2 = vld1q_f32(b + 8),
                        b3 = vld1q_f32(b + 12);
#pragma GCC unroll 6 /* the accumulators must not be indexed at run time */
      for (int i = 0; i < MR; i++) {
        const float av = a[(size_t)i * g->lda + k];
        acc[i][0] = vfmaq_n_f32(acc[i][0], b0, av);
        acc[i][1] = vfmaq_n_f32(acc[i][1], b1, av);
        acc[i][2] = vfmaq_n_f32(acc[i][2], b2, av);
        acc[i][3] = vfmaq_n_f32(acc[i][3], b3, av);
      }
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < MR; i++) {
    const size_t row = r0 + (size_t)i;
    if (g->acc_out) {
#pragma GCC unroll 4
      for (size_t j = 0; j < 4; j++) vst1q_f32(g->acc_out + row * AS_NR + col + 4 * j, acc[i][j]);
      continue;
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++) {
      const size_t at = col + 4 * j;
      if (at >= g->n) break;
      const size_t n = g->n - at < 4 ? g->n - at : 4;
      float *c = g->c + row * g->ldc + at;
      float32x4_t t = vaddq_f32(acc[i][j], vdupq_n_f32(0.0f));
      if (g->gamma) t = vmulq_f32(vld1q_f32(g->gamma + at), t);
      if (g->residual) {
        const float *r = g->residual + row * g->ldr + at;
        float q[4] = {0};
        for (size_t l = 0; l < n; l++) q[l] = r[l];
        t = vaddq_f32(n == 4 ? vld1q_f32(r) : vld1q_f32(q), t);
      }
      if (g->relu) /* +0 where t <= 0, NaN stays */
        t = vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(t), vcleq_f32(t, vdupq_n_f32(0.0f))));
      if (n == 4) {
        vst1q_f32(c, t);
      } else {
        float q[4];
        vst1q_f32(q, t);
        for (size_t l = 0; l < n; l++) c[l] = q[l];
      }
    }
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

void as_k_gemm_neon(const as_gemm_args *g) {
  static run_fn *const runs[MOST] = {run_1, run_2, run_3, run_4, run_5, run_6};
  const size_t pieces = (g->m + MOST - 1) / MOST;
  for (size_t col = 0; col < AS_NR; col += 16) {
    if (col >= g->n && !g->acc_out) break; /* acc_out is full rows of 32 */
    for (size_t i = 0; i < pieces; i++) {
      const size_t r0 = g->m * i / pieces;
      runs[g->m * (i + 1) / pieces - r0 - 1](g, r0, col);
    }
  }
}
#endif
