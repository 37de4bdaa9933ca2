/* MD5 (RFC 1321): only to compare downloads with published sums. */
#ifndef AS_TENSOR_BASE_HASH_MD5_H
#define AS_TENSOR_BASE_HASH_MD5_H

#include <stddef.h>
#include <stdint.h>

typedef struct as_md5 {
  uint32_t h[4];
  uint64_t n;
  uint8_t part[64]; /* n % 64 bytes that make no block yet */
} as_md5;
void as_md5_init(as_md5 *m);
void as_md5_update(as_md5 *m, const void *p, size_t n);
/* 32 lower-case hex digits and a NUL. */
void as_md5_hex(const as_md5 *m, char hex[33]);
void as_md5_of(const void *p, size_t n, char hex[33]);

#endif
