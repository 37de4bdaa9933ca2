/* The innermost loop of the decoder, one baseline block. It is compiled twice: as plain C
 * (jpeg_huff.c) and for CPUs with BMI2, whose three-operand shifts it is made of (jpeg_x86.c). */
#ifndef AS_DATA_JPEG_BLOCK_INT_H
#define AS_DATA_JPEG_BLOCK_INT_H

#include "data/jpeg_int.h"

#if defined(__GNUC__) || defined(__clang__)
#define J_INLINE static inline __attribute__((always_inline))
#else
#define J_INLINE static inline
#endif

/* The coefficient value whose bits follow the code of entry e at the top of buf. With size bits b:
 * b when the first bit is set, else b - (2^size - 1). For size 0 the result is meaningless. */
J_INLINE int16_t j_value(uint64_t buf, uint32_t e) {
  const uint64_t from = buf << (e >> 8 & 63);
  const unsigned shift = e >> 16 & 63; /* 64 - size */
  const uint64_t positive = 0 - (from >> 63);
  return (int16_t)(uint16_t)((from >> shift) - (~positive & (~(uint64_t)0 >> shift)));
}

/* So many zero bytes follow a segment that one block cannot use them up; between blocks the reader
 * is moved back among them. */
J_INLINE void j_clamp(const as_jpeg *j, j_bits *b) {
  const uint8_t *limit = j->seg + j->seg_n + J_SLACK;
  if (b->p > limit) b->p = limit;
}

J_INLINE int j_dc_difference(as_jpeg *j, const j_table *t, j_bits *b) {
  uint32_t e = t->look[b->buf >> (64 - J_LOOK)];
  if (e) {
    int v = (e >> 16 & 63) ? j_value(b->buf, e) : 0;
    j_drop(b, (int)(e & 255));
    return v;
  }
  j_bits copy = *b; /* so that b itself stays in registers */
  int size = j_slow_symbol(j, t, &copy), v = j_extend(j_take(&copy, size), size);
  *b = copy;
  return v;
}

/* One block into coef, which is zeroed and followed by one more element that may be overwritten with
 * zero (the next block's, which has not come yet). Returns the index after the last coefficient.
 * With at least 56 bits in the buffer two table entries of at most 10 + 15 bits fit between refills.
 * End of block is handled like a coefficient that lands on element 64. */
J_INLINE int j_block(as_jpeg *j, const j_table *dc, const j_table *ac, j_bits *bits, int *pred,
                     int16_t *coef) {
  j_bits b = *bits;
  j_refill(&b);
  *pred = (int)((unsigned)*pred + (unsigned)j_dc_difference(j, dc, &b));
  coef[0] = (int16_t)*pred;
  const uint32_t *look = ac->look;
  size_t k = 1, last;
  do {
    j_refill(&b);
    uint32_t e = look[b.buf >> (64 - J_LOOK)];
    last = k;
    if (e < 1u << 24) {
      j_bits copy = b;
      k = (size_t)j_slow_ac(j, ac, &copy, (int)k, coef);
      b = copy;
      continue;
    }
    k += e >> 24;
    coef[j_natural_after[k]] = j_value(b.buf, e);
    j_drop(&b, (int)(e & 255));
    if (k > 63) break;
    e = look[b.buf >> (64 - J_LOOK)];
    if (e < 1u << 24) continue;
    last = k;
    k += e >> 24;
    coef[j_natural_after[k]] = j_value(b.buf, e);
    j_drop(&b, (int)(e & 255));
  } while (k < 64);
  coef[64] = 0;
  j_clamp(j, &b);
  *bits = b;
  return k >= J_EOB_SKIP ? (int)last : 64;
}

/* The same for a block that no wanted pixel depends on: only the DC value matters, for the next one. */
J_INLINE void j_skip_block(as_jpeg *j, const j_table *dc, const j_table *ac, j_bits *bits, int *pred) {
  j_bits b = *bits;
  j_refill(&b);
  *pred = (int)((unsigned)*pred + (unsigned)j_dc_difference(j, dc, &b));
  const uint32_t *look = ac->look;
  unsigned k = 1;
  do {
    j_refill(&b);
    uint32_t e = look[b.buf >> (64 - J_LOOK)];
    if (e < 1u << 24) {
      j_bits copy = b;
      k = (unsigned)j_slow_ac(j, ac, &copy, (int)k, NULL);
      b = copy;
      continue;
    }
    k += e >> 24;
    j_drop(&b, (int)(e & 255));
    if (k > 63) break;
    e = look[b.buf >> (64 - J_LOOK)];
    if (e < 1u << 24) continue;
    k += e >> 24;
    j_drop(&b, (int)(e & 255));
  } while (k < 64);
  j_clamp(j, &b);
  *bits = b;
}

#endif
