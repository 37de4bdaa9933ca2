#include "tensor/base/math/rng.h"

#include <math.h>
#include <string.h>

#include "tensor/base/hash/sha256.h"
#include "tensor/base/math/dmath.h"

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

static uint64_t mix(uint64_t z) {
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

as_rng as_rng_make(uint64_t seed, uint64_t stream) {
  as_rng r = {mix(seed + GOLDEN * (stream + 1))};
  return r;
}

uint64_t as_rng_stream(const char *name) {
  as_sha256 s;
  uint8_t d[32];
  uint64_t v = 0;
  as_sha256_init(&s);
  as_sha256_update(&s, name, strlen(name));
  as_sha256_final(&s, d);
  for (int i = 0; i < 8; i++) v = v << 8 | d[i];
  return v;
}

uint64_t as_rng_bits(as_rng r, uint64_t index) {
  return mix(r.key + GOLDEN * (index + 1));
}

double as_rng_uniform(as_rng r, uint64_t index) {
  return (double)(as_rng_bits(r, index) >> 11) * 0x1p-53;
}

uint64_t as_rng_below(as_rng r, uint64_t index, uint64_t n) {
  /* High 64 bits of a 64 x 64 product from 32-bit halves. */
  uint64_t b = as_rng_bits(r, index);
  uint64_t bl = b & 0xffffffffu, bh = b >> 32, nl = n & 0xffffffffu, nh = n >> 32;
  uint64_t mid = bh * nl + (bl * nl >> 32);
  uint64_t mid2 = bl * nh + (mid & 0xffffffffu);
  return bh * nh + (mid >> 32) + (mid2 >> 32);
}

double as_rng_normal(as_rng r, uint64_t index) {
  const double two_pi = 6.283185307179586476925;
  uint64_t p = index & ~UINT64_C(1);
  double radius = sqrt(-2.0 * as_log(1.0 - as_rng_uniform(r, p)));
  double angle = two_pi * as_rng_uniform(r, p + 1);
  return radius * (index & 1 ? as_sin(angle) : as_cos(angle));
}

void as_rng_permutation(as_rng r, uint32_t *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (uint32_t)i;
  for (size_t i = 0; i + 1 < n; i++) {
    size_t j = i + (size_t)as_rng_below(r, i, n - i);
    uint32_t t = out[i];
    out[i] = out[j];
    out[j] = t;
  }
}
