/* Lookup tables of canonical Huffman codes for inflate. */
#include <string.h>

#include "tensor/base/pack/inflate_int.h"

static const uint16_t len_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                      31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t len_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t dist_base[30] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                       33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                       1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static uint32_t lit_entry(unsigned sym, unsigned len) {
  if (sym < 256) return ENTRY(len, K_LITERAL, 0, sym);
  if (sym == 256) return ENTRY(len, K_END, 0, 0);
  if (sym > 285) return ENTRY(len, K_BAD, 0, 0); /* 286, 287 exist in the fixed code only */
  return ENTRY(len, K_BASE, len_extra[sym - 257], len_base[sym - 257]);
}
static uint32_t dist_entry(unsigned sym, unsigned len) {
  if (sym > 29) return ENTRY(len, K_BAD, 0, 0);
  return ENTRY(len, K_BASE, sym < 4 ? 0 : (sym >> 1) - 1, dist_base[sym]);
}
static uint32_t pre_entry(unsigned sym, unsigned len) {
  return ENTRY(len, K_LITERAL, 0, sym);
}

/* Lookup table of a canonical code; codes arrive least significant bit first, so indices are
 * bit-reversed codes. Codes longer than `root` go through a link to a sub-table that is as wide as
 * the longest code with that prefix. False: over-subscribed, or incomplete where that is not
 * allowed (a single one-bit code may be: `one_ok`), or no code at all (likewise `one_ok`: such a
 * table holds only bad entries and hurts when it is used). */
static bool build(uint32_t *table, size_t size, unsigned root, const uint8_t *lens, unsigned n, bool one_ok,
                  uint32_t (*entry)(unsigned sym, unsigned len)) {
  unsigned count[16] = {0}, first[16], max = 0;
  for (unsigned i = 0; i < n; i++) {
    count[lens[i]]++;
    if (lens[i] > max) max = lens[i];
  }
  long space = 1;
  unsigned code = 0;
  for (unsigned l = 1; l <= 15; l++) {
    space = space * 2 - (long)count[l];
    if (space < 0) return false;
    first[l] = code;
    code = (code + count[l]) << 1;
  }
  if (space > 0 && (max > 1 || !one_ok)) return false;
  for (size_t i = 0; i < (size_t)1 << root; i++) table[i] = ENTRY(1, K_BAD, 0, 0);
  size_t next = (size_t)1 << root;
  for (unsigned len = 1; len <= max; len++) {
    for (unsigned s = 0; s < n; s++) {
      if (lens[s] != len) continue;
      unsigned c = first[len]++, r = 0;
      count[len]--; /* from here on: codes not placed yet, what a sub-table may still receive */
      for (unsigned b = 0; b < len; b++) r |= (c >> b & 1u) << (len - 1 - b);
      if (len <= root) {
        uint32_t e = entry(s, len);
        for (size_t i = r; i < (size_t)1 << root; i += (size_t)1 << len) table[i] = e;
        continue;
      }
      size_t low = r & ((1u << root) - 1);
      if (E_KIND(table[low]) != K_LINK) {
        /* Symbols come in order of length, so this prefix's codes of length `len` and more fill
         * a sub-table; find how deep it must be. */
        unsigned deep = len - root;
        long open = 1L << deep;
        for (;;) {
          open -= (long)count[root + deep] + (root + deep == len); /* may still fall under this prefix */
          if (open <= 0 || root + deep >= max) break;
          deep++;
          open *= 2;
        }
        if (next + ((size_t)1 << deep) > size) return false;
        table[low] = ENTRY(root, K_LINK, deep, next);
        for (size_t i = 0; i < (size_t)1 << deep; i++) table[next + i] = ENTRY(1, K_BAD, 0, 0);
        next += (size_t)1 << deep;
      }
      unsigned deep = E_EXTRA(table[low]);
      if (len - root > deep) return false;
      uint32_t e = entry(s, len - root);
      for (size_t i = r >> root; i < (size_t)1 << deep; i += (size_t)1 << (len - root))
        table[E_VALUE(table[low]) + i] = e;
    }
  }
  return true;
}

bool as_inflate_build(as_inflate *s, as_inflate_code which, const uint8_t *lens, unsigned n, bool one_ok) {
  switch (which) {
    case AS_CODE_LIT:
      return build(s->lit, LIT_TABLE, LIT_BITS, lens, n, one_ok, lit_entry);
    case AS_CODE_DIST:
      return build(s->dist, DIST_TABLE, DIST_BITS, lens, n, one_ok, dist_entry);
    default:
      return build(s->pre, 128, 7, lens, n, one_ok, pre_entry);
  }
}
