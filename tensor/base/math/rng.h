/* Counter-based random numbers: a value is a function of (seed, stream, index) and of nothing else,
 * so order of use, threads and restarts do not matter.
 *
 *   mix(z):  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;  z = (z ^ z >> 27) * 0x94D049BB133111EB;
 *            return z ^ z >> 31                             (finaliser of splitmix64, all mod 2^64)
 *   key    = mix(seed + 0x9E3779B97F4A7C15 * (stream + 1))
 *   bits   = mix(key  + 0x9E3779B97F4A7C15 * (index  + 1))
 *
 * For a fixed key this is the splitmix64 sequence (Steele, Lea, Flood 2014) with random access. */
#ifndef AS_TENSOR_BASE_MATH_RNG_H
#define AS_TENSOR_BASE_MATH_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct as_rng {
  uint64_t key;
} as_rng;

as_rng as_rng_make(uint64_t seed, uint64_t stream);

/* A stream number from a name: the first 8 bytes of its SHA-256, big-endian. */
uint64_t as_rng_stream(const char *name);

uint64_t as_rng_bits(as_rng r, uint64_t index);
/* [0, 1): the top 53 bits times 2^-53. */
double as_rng_uniform(as_rng r, uint64_t index);
/* Integer in [0, n), n > 0: high half of bits * n (bias below n / 2^64). */
uint64_t as_rng_below(as_rng r, uint64_t index, uint64_t n);
/* Standard normal by Box-Muller in double: pair p = index / 2, u1 = 1 - uniform(2p), u2 =
 * uniform(2p + 1); even index: sqrt(-2 ln u1) cos(2 pi u2), odd: the sine. */
double as_rng_normal(as_rng r, uint64_t index);
/* Fisher-Yates permutation of 0..n-1 into out, drawing indices 0..n-2. */
void as_rng_permutation(as_rng r, uint32_t *out, size_t n);

#endif
