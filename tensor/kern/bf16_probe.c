#include <string.h>

#include "tensor/kern/kernels.h"

bool as_bf16_agrees(as_fn_gemm16 *fn) {
  /* Sums that differ by order, by a rounding more or less, at the edge of the denormals, and with denormal
   * inputs; each value meets each other one. */
  static const float values[] = {1.0f,      -1.0f,     0x1.02p0f,  -0x1.02p0f,  0x1p-24f,    0x1.fep-25f,
                                 0x1p12f,   -0x1p12f,  0x1p-63f,   0x1.02p-63f, 0x1.fep-64f, -0x1p-63f,
                                 0x1p-127f, 0x1p-126f, -0x1p-126f, 0x1p-75f};
  enum { VALUES = sizeof values / sizeof *values, K = VALUES };
  static const float starts[] = {0.0f,      -0.0f,      1.0f,      -0x1p24f,
                                 0x1p-126f, -0x1p-126f, 0x1p-130f, 0x1.fffffep-126f};
  enum { STARTS = sizeof starts / sizeof *starts };
  _Alignas(64) float a[AS_MR * K], b[K * AS_NR], start[AS_MR * AS_NR], one[AS_MR * AS_NR], two[AS_MR * AS_NR];
  const size_t zero = 0;
  const float *rows = a;
  bool same = true;
  uint32_t dice = 1;
  for (int round = 0; round < 16; round++) {
    for (size_t i = 0; i < AS_MR * K + K * AS_NR; i++) {
      uint16_t w[2];
      for (int e = 0; e < 2; e++) {
        dice = dice * 1664525u + 1013904223u;
        uint32_t u;
        memcpy(&u, &values[dice >> 28], 4);
        w[e] = (uint16_t)(u >> 16); /* exact in bf16 */
      }
      memcpy(i < AS_MR * K ? &a[i] : &b[i - AS_MR * K], w, 4);
    }
    for (size_t i = 0; i < AS_MR * AS_NR; i++) start[i] = starts[(i + (size_t)round) % STARTS];
    as_gemm_args g = {0};
    g.m = AS_MR, g.n = AS_NR, g.nseg = 1, g.lda = K, g.a = &rows, g.b_off = &zero, g.b = b, g.acc_in = start;
    g.k = round % 2 ? K : 1;
    g.acc_out = one;
    fn(&g);
    g.acc_out = two;
    as_k_gemm16_ref(&g);
    same = same && memcmp(one, two, sizeof one) == 0;
  }
  return same;
}
