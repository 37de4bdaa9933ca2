/* The long part of a CRC-32 by carry-less multiplication, for crc32.c. */
#ifndef AS_TENSOR_BASE_HASH_CRC32_INT_H
#define AS_TENSOR_BASE_HASH_CRC32_INT_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/cpu.h"

/* Reduces n >= 64 bytes (a multiple of 64) with the inverted state crc to 16 bytes that have the same CRC
 * when one starts on them from an inverted state of 0. */
typedef void as_crc32_fold(uint32_t crc, const uint8_t *p, size_t n, uint8_t out[16]);

enum { AS_CRC32_X86_NEEDS = AS_CPU_PCLMUL };
#if AS_HAVE_X86
as_crc32_fold as_crc32_fold_x86;
#endif

/* The one in use, or NULL: tables all the way. */
as_crc32_fold *as_crc32_fold_chosen(void);

#endif
