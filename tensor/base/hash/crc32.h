/* CRC-32 as in zip, gzip and PNG (ISO 3309, polynomial 0xEDB88320 reflected). */
#ifndef AS_TENSOR_BASE_HASH_CRC32_H
#define AS_TENSOR_BASE_HASH_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Start with crc = 0; feed the result back in to go on. */
uint32_t as_crc32(uint32_t crc, const void *p, size_t n);

#endif
