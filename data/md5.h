/* MD5 (RFC 1321): only to compare downloads with published sums. */
#ifndef AS_DATA_MD5_H
#define AS_DATA_MD5_H

#include <stddef.h>
#include <stdint.h>

/* 32 lower-case hex digits and a NUL. */
void as_md5_of(const void *p, size_t n, char hex[33]);

#endif
