/* Block functions of SHA-256, for sha256.c. */
#ifndef AS_TENSOR_BASE_HASH_SHA256_INT_H
#define AS_TENSOR_BASE_HASH_SHA256_INT_H

#include <stddef.h>
#include <stdint.h>

extern const uint32_t as_sha256_k[64]; /* FIPS 180-4 section 4.2.2 */

/* n 64-byte blocks at p into the state h. */
typedef void as_sha256_blocks(uint32_t h[8], const uint8_t *p, size_t n);

/* The SHA extensions of x86, or NULL where the CPU or the compiler has none. */
as_sha256_blocks *as_sha256_blocks_x86(void);

#endif
