/* SHA-256 (FIPS 180-4). */
#ifndef AS_TENSOR_BASE_HASH_SHA256_H
#define AS_TENSOR_BASE_HASH_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct as_sha256 {
  uint32_t h[8];
  uint64_t length; /* bytes so far */
  uint8_t block[64];
} as_sha256;

void as_sha256_init(as_sha256 *s);
void as_sha256_update(as_sha256 *s, const void *p, size_t n);
void as_sha256_final(as_sha256 *s, uint8_t digest[32]);
/* Final digest as 64 lower-case hex digits and a NUL. */
void as_sha256_hex(as_sha256 *s, char hex[65]);
/* One buffer in one call. */
void as_sha256_of(const void *p, size_t n, char hex[65]);
/* Floats as little-endian words, so that the digest is the same on every host; NaN as 7fc00000. */
void as_sha256_update_f32(as_sha256 *s, const float *x, size_t n);

#endif
