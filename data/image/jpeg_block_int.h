/* The innermost loop of the decoder, one baseline block. It is compiled twice: as plain C
 * (jpeg_huff.c) and for CPUs with BMI2, whose three-operand shifts it is made of (jpeg_x86.c). */
#ifndef AS_DATA_IMAGE_JPEG_BLOCK_INT_H
#define AS_DATA_IMAGE_JPEG_BLOCK_INT_H

#include "data/image/jpeg_int.h"
#include "data/image/jpeg_tables.h"

#if defined(__GNUC__) || defined(__clang__)
#define J_INLINE static inline __attribute__((always_inline))
#else
#define J_INLINE static inline
#endif

/* The coefficient value whose `size` bits begin `from` bits below the top of buf: those bits b when the first is
 * set, else b - (2^size - 1). For size 0 the result is meaningless. */
J_INLINE int16_t j_value(uint64_t buf, unsigned from, unsigned size) {
  const uint64_t at = buf << (from & 63);
  const unsigned shift = (0 - size) & 63; /* 64 - size */
  const uint64_t positive = 0 - (at >> 63);
  return (int16_t)(uint16_t)((at >> shift) - (~positive & (~(uint64_t)0 >> shift)));
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
    /* without a branch for size 0: it comes often, and as if by chance */
    const unsigned rest = (63 + (e >> 16 & 63)) & 63; /* 63 - size */
    const uint64_t at = b->buf << (e >> 8 & 63), positive = 0 - (at >> 63);
    j_drop(b, (int)(e & 255));
    return (int)(unsigned)((at >> 1 >> rest) - (~positive & (~(uint64_t)0 >> 1 >> rest)));
  }
  j_bits copy = *b; /* so that b itself stays in registers */
  int size = as_jpeg_slow_symbol(j, t, &copy), v = j_extend(j_take(&copy, size), size);
  *b = copy;
  return v;
}

/* Takes the symbols of a pair; true when the block is over. A block that ends with its coefficient 63 has no
 * end-of-block code: what follows then is the next block's, and the pair's second symbol is left. */
J_INLINE bool j_store_pair(j_bits *b, j_pair e, size_t *k, int16_t *coef) {
  const unsigned both = e & 63, from_a = e >> J_PAIR_FROM_A & 15, size_a = e >> J_PAIR_SIZE_A & 15;
  const unsigned from_b = e >> J_PAIR_FROM_B;
  const size_t first = *k + (e >> J_PAIR_A & 127);
  if (coef) coef[as_jpeg_natural_after[first]] = j_value(b->buf, from_a, size_a);
  if (first - 64 < 16) {
    *k = first;
    j_drop(b, (int)(from_a + size_a));
    return true;
  }
  *k = first + (e >> J_PAIR_B & 127);
  if (coef) coef[as_jpeg_natural_after[*k]] = j_value(b->buf, from_b, both - from_b);
  j_drop(b, (int)both);
  return *k > 63;
}

/* The entry for what comes next, or 0. */
J_INLINE j_pair j_look_pair(const j_pair *pair, const j_bits *b) {
  return pair[b->buf >> (64 - J_PAIR)];
}

/* One block into coef, which is zeroed and followed by one more element that may be overwritten with
 * zero (the next block's, which has not come yet). Returns the index after the last coefficient.
 * With at least 56 bits in the buffer two pairs of at most 10 + 15 bits fit between refills.
 * End of block is handled like a coefficient that lands on element 64. Nothing in the loop waits for a value: a
 * pair's length and advances come from its entry, so that one lookup's latency is paid per two coefficients. */
J_INLINE int j_block(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits,
                     int *pred, int16_t *coef) {
  j_bits b = *bits;
  j_refill(&b);
  *pred = (int)((unsigned)*pred + (unsigned)j_dc_difference(j, dc, &b));
  coef[0] = (int16_t)*pred;
  size_t k = 1;
  do {
    j_refill(&b);
    j_pair e = j_look_pair(pair, &b);
    if (e == 0) {
      j_bits copy = b;
      k = (size_t)as_jpeg_slow_ac(j, ac, &copy, (int)k, coef);
      b = copy;
      continue;
    }
    if (j_store_pair(&b, e, &k, coef)) break;
    e = j_look_pair(pair, &b);
    if (e == 0) continue;
    if (j_store_pair(&b, e, &k, coef)) break;
  } while (k < 64);
  coef[64] = 0;
  j_clamp(j, &b);
  *bits = b;
  return k >= J_EOB_SKIP ? (int)(k - J_EOB_SKIP) : 64;
}

/* The same for a block that no wanted pixel depends on: only the DC value matters, for the next one. */
J_INLINE void j_skip_block(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits,
                           int *pred) {
  j_bits b = *bits;
  j_refill(&b);
  *pred = (int)((unsigned)*pred + (unsigned)j_dc_difference(j, dc, &b));
  size_t k = 1;
  do {
    j_refill(&b);
    j_pair e = j_look_pair(pair, &b);
    if (e == 0) {
      j_bits copy = b;
      k = (size_t)as_jpeg_slow_ac(j, ac, &copy, (int)k, NULL);
      b = copy;
      continue;
    }
    if (j_store_pair(&b, e, &k, NULL)) break;
    e = j_look_pair(pair, &b);
    if (e == 0) continue;
    if (j_store_pair(&b, e, &k, NULL)) break;
  } while (k < 64);
  j_clamp(j, &b);
  *bits = b;
}

#endif
