/* Block functions of SHA-256, for sha256.c. */
#ifndef AS_TENSOR_BASE_HASH_SHA256_INT_H
#define AS_TENSOR_BASE_HASH_SHA256_INT_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/cpu.h"

/* n 64-byte blocks at p into the state h; k: the constants of FIPS 180-4 section 4.2.2. */
typedef void as_sha256_blocks(uint32_t h[8], const uint8_t *p, size_t n, const uint32_t k[64]);

enum { AS_SHA256_X86_NEEDS = AS_CPU_SHA };
#if AS_HAVE_X86
as_sha256_blocks as_sha256_blocks_x86;
#endif

/* The one in use, or NULL: plain C. */
as_sha256_blocks *as_sha256_blocks_chosen(void);

#endif
