/* Unaligned loads and stores in a stated byte order, and a bounded cursor over untrusted bytes. */
#ifndef AS_TENSOR_BASE_BYTES_H
#define AS_TENSOR_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t as_le16(const uint8_t *p) {
  return (uint16_t)(p[0] | (unsigned)p[1] << 8);
}
static inline uint32_t as_le32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t as_le64(const uint8_t *p) {
  return (uint64_t)as_le32(p) | (uint64_t)as_le32(p + 4) << 32;
}
static inline uint16_t as_be16(const uint8_t *p) {
  return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}
static inline uint32_t as_be32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}
static inline uint64_t as_be64(const uint8_t *p) {
  return (uint64_t)as_be32(p) << 32 | (uint64_t)as_be32(p + 4);
}
static inline void as_put_le16(uint8_t *p, uint16_t v) {
  p[0] = (uint8_t)v;
  p[1] = (uint8_t)(v >> 8);
}
static inline void as_put_le32(uint8_t *p, uint32_t v) {
  as_put_le16(p, (uint16_t)v);
  as_put_le16(p + 2, (uint16_t)(v >> 16));
}
static inline void as_put_le64(uint8_t *p, uint64_t v) {
  as_put_le32(p, (uint32_t)v);
  as_put_le32(p + 4, (uint32_t)(v >> 32));
}
static inline void as_put_be16(uint8_t *p, uint16_t v) {
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}
static inline void as_put_be32(uint8_t *p, uint32_t v) {
  as_put_be16(p, (uint16_t)(v >> 16));
  as_put_be16(p + 2, (uint16_t)v);
}

/* The bits of a float and back, without aliasing. */
static inline uint32_t as_f32_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}
static inline float as_bits_f32(uint32_t u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}
static inline uint64_t as_f64_bits(double f) {
  uint64_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}
static inline double as_bits_f64(uint64_t u) {
  double f;
  memcpy(&f, &u, sizeof f);
  return f;
}

/* Cursor over [data, data + size). Every take checks; a failed one changes nothing. */
typedef struct as_reader {
  const uint8_t *data; /* borrowed */
  size_t size;
  size_t pos; /* always <= size */
} as_reader;

static inline size_t as_rd_left(const as_reader *r) {
  return r->size - r->pos;
}

/* The next n bytes, or NULL when fewer are left. */
static inline const uint8_t *as_rd_take(as_reader *r, size_t n) {
  if (n > r->size - r->pos) return NULL;
  const uint8_t *p = r->data + r->pos;
  r->pos += n;
  return p;
}

#endif
