/* CRC-32C (Castagnoli), the checksum of TensorFlow's tables: reflected polynomial 0x82F63B78. */
#ifndef AS_TENSOR_BASE_HASH_CRC32C_H
#define AS_TENSOR_BASE_HASH_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Start with 0; feed the result back in to go on. */
uint32_t as_crc32c(uint32_t crc, const void *p, size_t n);
/* As leveldb stores it: rotated right by 15, plus 0xa282ead8 (util/crc32c.h). */
static inline uint32_t as_crc32c_mask(uint32_t crc) {
  return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

#endif
