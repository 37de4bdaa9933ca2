/* bf16 arithmetic as VDPBF16PS and VCVTNEPS2BF16 do it (measured on AMD Zen 4, 5e7 cases), in plain C. */
#ifndef AS_TENSOR_KERN_REF_BF16_REF_H
#define AS_TENSOR_KERN_REF_BF16_REF_H

#include <stdint.h>
#include <string.h>

#include "tensor/kern/softfma.h"

/* To nearest even; denormals become zeros of their sign, a NaN keeps its upper bits and becomes quiet. */
static inline uint16_t as_bf16_of(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  const uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40u);
  if (magnitude < 0x00800000u) return (uint16_t)(u >> 16 & 0x8000u);
  return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

static inline float as_bf16_zero_denormal(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  if ((u & 0x7f800000u) == 0) u &= 0x80000000u;
  memcpy(&x, &u, 4);
  return x;
}

/* The value of a bf16; denormals count as zeros. */
static inline float as_bf16_value(uint16_t b) {
  const uint32_t u = (uint32_t)b << 16;
  float x;
  memcpy(&x, &u, 4);
  return as_bf16_zero_denormal(x);
}

/* One step of the chain; a and b from as_bf16_value. The product has 16 bits and is exact in double; the
 * sum, rounded to odd, still knows on which side of every boundary the exact value lies. Tiny is what
 * rounds below 2^-126 when the exponent is unbounded: less than 2^-126 (1 - 2^-25). */
static inline float as_bf16_step(float a, float b, float acc) {
  const double p = (double)a * (double)b, c = (double)as_bf16_zero_denormal(acc);
  const double s = as_round_odd(p, c, p + c);
  if (!(s < 0x1.ffffffp-127 && s > -0x1.ffffffp-127)) return (float)s;
  uint64_t u; /* by bits: clang 14 loses the sign in a choice between -0.0f, 0.0f and (float)s */
  memcpy(&u, &s, 8);
  const uint32_t zero = (uint32_t)(u >> 32) & 0x80000000u;
  float x;
  memcpy(&x, &zero, 4);
  return x;
}

#endif
