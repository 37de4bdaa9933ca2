/* fmaf(a, b, c) from double arithmetic, exact for every input.
 *
 * The product of two floats is exact in double. s = RN53(a b + c) converted to float rounds twice; that
 * is wrong only if s lies exactly between two floats while a b + c does not. In the normal range these s
 * have the low 29 bits 10...0; below 2^-126 floats are coarser. In those cases s is first rounded to odd
 * (Boldo and Melquiond 2008): with 53 >= 24 + 2 bits the conversion is then correctly rounded. */
#ifndef AS_TENSOR_KERN_SOFTFMA_H
#define AS_TENSOR_KERN_SOFTFMA_H

#include <stdint.h>
#include <string.h>

/* s rounded to odd, where s = RN(p + c) */
static inline double as_round_odd(double p, double c, double s) {
  if (!(s - s == 0.0)) return s; /* Inf, NaN */
  const double part = s - p;
  const double error = (p - (s - part)) + (c - part); /* p + c - s, exact (Knuth's TwoSum) */
  uint64_t u;
  memcpy(&u, &s, 8);
  if (error != 0.0 && (u & 1) == 0) {
    u += (error > 0.0) == (s > 0.0) ? 1 : (uint64_t)-1; /* away from zero or towards it */
    memcpy(&s, &u, 8);
  }
  return s;
}

static inline float as_softfma(float a, float b, float c) {
  const double p = (double)a * (double)b, s = p + (double)c;
  uint64_t u;
  memcpy(&u, &s, 8);
  const uint64_t exponent = u >> 52 & 0x7ff;
  if ((u & 0x1fffffff) == 0x10000000 || exponent < 1023 - 126) return (float)as_round_odd(p, (double)c, s);
  return (float)s;
}

#endif
