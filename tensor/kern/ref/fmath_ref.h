/* The float functions of NUMERICS rule 4, scalar: these texts define the bits.
 *
 * Only + - * / fma and integer operations on the bits. Coefficients: least-maximum fits made for this
 * project, rounded to float. Measured error bounds: tensor/NUMERICS.md.
 * AS_FMAF is fmaf, or its exact emulation where the CPU has none (kern/portable). */
#ifndef AS_TENSOR_KERN_REF_FMATH_REF_H
#define AS_TENSOR_KERN_REF_FMATH_REF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef AS_FMAF
#define AS_FMAF fmaf
#endif

static inline uint32_t as_bits(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return u;
}

static inline float as_from_bits(uint32_t u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}

/* e^x: x = n ln2 + r with |r| <= ln2 / 2; e^r = 1 + (r + r^2 q(r)); times 2^n in two exact steps and
 * one rounding, so that results below 2^-126 are rounded once. */
static inline float as_exp_f(float x) {
  if (!(x == x)) return x;
  if (x > 89.0f) x = 89.0f;      /* e^89 > FLT_MAX: becomes +Inf below */
  if (x < -104.0f) x = -104.0f;  /* e^-104 < 2^-150: becomes +0 below */
  const float magic = 0x1.8p23f; /* adding it rounds to an integer, ties to even */
  const float z = AS_FMAF(x, 0x1.715476p0f, magic);
  const float n = z - magic;
  float r = AS_FMAF(n, -0x1.62e4p-1f, x); /* ln2 in two parts: n times the first is exact */
  r = AS_FMAF(n, -0x1.7f7d1cp-20f, r);
  float q = 0x1.6a23cep-10f;
  q = AS_FMAF(q, r, 0x1.123a2p-7f);
  q = AS_FMAF(q, r, 0x1.5558f2p-5f);
  q = AS_FMAF(q, r, 0x1.555492p-3f);
  q = AS_FMAF(q, r, 0x1.fffffcp-2f);
  const float p = AS_FMAF(r * r, q, r) + 1.0f;
  const int32_t i = (int32_t)n;
  const int32_t i1 = (i + 1024) / 2 - 512; /* floor(i / 2) for i >= -1024 */
  const float s1 = as_from_bits((uint32_t)(i1 + 127) << 23);
  const float s2 = as_from_bits((uint32_t)(i - i1 + 127) << 23);
  return (p * s1) * s2;
}

/* erf: x + x P(x^2) for |x| <= 0.921875, else 1 - e^(-t - t Q(t)) with t = min(|x|, 4). */
static inline float as_erf_f(float x) {
  if (!(x == x)) return x;
  float t = fabsf(x);
  if (t <= 0.921875f) {
    const float s = x * x;
    float p = -0x1.382606p-11f;
    p = AS_FMAF(p, s, 0x1.46c248p-8f);
    p = AS_FMAF(p, s, -0x1.b676cep-6f);
    p = AS_FMAF(p, s, 0x1.ce1904p-4f);
    p = AS_FMAF(p, s, -0x1.8126dcp-2f);
    p = AS_FMAF(p, s, 0x1.06eba6p-3f);
    return AS_FMAF(p, x, x);
  }
  if (t > 4.0f) t = 4.0f;
  float q = -0x1.c0c24ep-13f;
  q = AS_FMAF(q, t, 0x1.a56404p-9f);
  q = AS_FMAF(q, t, -0x1.770778p-6f);
  q = AS_FMAF(q, t, 0x1.af270ap-4f);
  q = AS_FMAF(q, t, 0x1.457cdep-1f);
  q = AS_FMAF(q, t, 0x1.07328ap-3f);
  const float y = 1.0f - as_exp_f(AS_FMAF(-q, t, -t));
  return x < 0 ? -y : y;
}

/* x/2 + x/2 erf(x / sqrt 2); -Inf gives NaN as the formula does. */
static inline float as_gelu_f(float x) {
  const float h = 0.5f * x;
  return AS_FMAF(h, as_erf_f(x * 0x1.6a09e6p-1f), h);
}

static inline float as_silu_f(float x) {
  return x / (1.0f + as_exp_f(-x));
}

#endif
