/* Checked arithmetic on sizes. Every product or sum of numbers that come from a file goes through
 * these; each returns false and leaves *out alone when the result does not fit. */
#ifndef AS_TENSOR_BASE_CHECKED_H
#define AS_TENSOR_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool as_mul_size(size_t a, size_t b, size_t *out) {
  if (a != 0 && b > SIZE_MAX / a) return false;
  *out = a * b;
  return true;
}

static inline bool as_add_size(size_t a, size_t b, size_t *out) {
  if (b > SIZE_MAX - a) return false;
  *out = a + b;
  return true;
}

static inline bool as_mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
  if (a != 0 && b > UINT64_MAX / a) return false;
  *out = a * b;
  return true;
}

static inline bool as_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
  if (b > UINT64_MAX - a) return false;
  *out = a + b;
  return true;
}

/* Operands must not be negative. */
static inline bool as_mul_i64(int64_t a, int64_t b, int64_t *out) {
  if (a < 0 || b < 0 || (a != 0 && b > INT64_MAX / a)) return false;
  *out = a * b;
  return true;
}

static inline bool as_add_i64(int64_t a, int64_t b, int64_t *out) {
  if (a < 0 || b < 0 || b > INT64_MAX - a) return false;
  *out = a + b;
  return true;
}

static inline bool as_u64_to_size(uint64_t v, size_t *out) {
  if (v > SIZE_MAX) return false;
  *out = (size_t)v;
  return true;
}

#endif
