/* Huffman codes (T.81 annexes C and F): the tables that the fast loops look into, and the slow way round them.
 *
 * Canonical codes. A DHT segment gives, for each length 1..16, how many codes have it, and the symbols in order.
 * Codes are counted up: the first code of a length is twice (the last code of the length before, plus one). So the
 * codes of one length are consecutive numbers, and `code + offset[length]` is the index of their symbol. When the
 * bits that come next are read as numbers of growing length, the first that is not above maxcode[length] is the code.
 * as_jpeg_slow_symbol does just that.
 *
 * One lookup. Nearly all codes have at most J_LOOK = 10 bits. The next 10 bits of the stream index a table: a code of
 * n bits fills the 2^(10 - n) entries that begin with it. In JPEG a symbol (run, size) is followed by `size` bits of
 * value, whose place is known as soon as the code is; an entry therefore holds not the symbol but what the loop does
 * with it: how many bits code and value take together, how many the code alone, by how much the coefficient index
 * moves. Nothing else depends on the symbol, so the loop has no branch on it. Two symbols are special:
 * (0, 0), the end of a block, moves the index by J_EOB_SKIP = 80, past every real index, so that "index > 63" ends the
 * loop for both reasons; (15, 0), sixteen zeros, has no value bits and is left to the slow way (entry without advance).
 *
 * Two symbols per lookup. A lookup has to wait for the shift of the one before, and that for the table: a chain of
 * latencies with little arithmetic in it. A second table, over the next J_PAIR = 10 bits, holds two symbols at once where
 * both codes and the first value lie within those bits, which they mostly do: a frequent symbol such as (0, 1) takes 2 + 1
 * bits. The value of the second may reach past the 10 bits, since only its place and size are needed. One wait then
 * serves two coefficients. If the first symbol ends the block, the second belongs to another table and is not taken.
 *
 * The bit buffer (j_bits in jpeg_int.h). The next bit is the top bit of a 64-bit word. j_refill ORs the next 8 bytes in
 * below the n valid bits, and advances the pointer by the whole bytes that fitted, (63 - n) / 8; 56 to 63 bits are then
 * valid. Bits below them came along already and are ORed in again, unchanged, by the next refill. No branch, no loop
 * over bytes. 56 bits are enough for two pairs (2 x (10 + 15)), or for one slow symbol (17 + 15) and more. */
#include <string.h>

#include "data/image/jpeg_block_int.h"
#include "data/image/jpeg_int.h"
#include "data/image/jpeg_tables.h"

as_status as_jpeg_table_build(const as_jpeg *j, j_table *t, const j_dht *dht, bool dc, as_err *err) {
  if (!dht->present) return as_jpeg_bad(j, err, "a scan uses a Huffman table that the file does not define");
  memset(t->look, 0, sizeof t->look);
  memcpy(t->val, dht->val, sizeof t->val);
  int32_t code = 0;
  int k = 0;
  bool started = false;
  for (int len = 1; len <= 16; len++) {
    t->offset[len] = k - code;
    for (int i = 0; i < dht->bits[len]; i++, k++, code++) {
      if (k > 255 || code >= 1 << len) return as_jpeg_bad(j, err, "a Huffman table has more codes than fit");
      int sym = dht->val[k];
      if (dc && sym > 15)
        return as_jpeg_bad(j, err, "a DC Huffman table holds the value %d, at most 15 is legal", sym);
      if (len > J_LOOK) continue;
      int run = dc ? 0 : sym >> 4, size = sym & 15;
      int advance = dc || size ? run + 1 : run == 15 ? 0 : J_EOB_SKIP;
      uint32_t e = (uint32_t)(len + size) | (uint32_t)len << 8 | (uint32_t)((64 - size) & 63) << 16 |
                   (uint32_t)advance << 24;
      for (int f = 0; f < 1 << (J_LOOK - len); f++) t->look[(code << (J_LOOK - len)) + f] = e;
    }
    t->maxcode[len] = dht->bits[len] ? code - 1 : -1;
    started = started || dht->bits[len];
    /* No code is all ones (T.81 C.2); this also finds tables with too many codes. */
    if (started && dht->bits[len] && code >= 1 << len)
      return as_jpeg_bad(j, err, "a Huffman table has more codes than fit");
    code <<= 1;
  }
  t->maxcode[17] = INT32_MAX;
  return AS_OK;
}

_Static_assert(J_PAIR >= J_LOOK && J_PAIR <= 15, "entries have four bits for where values begin");
void as_jpeg_pair_build(j_pair *pair, const j_table *ac) {
  const uint32_t *look = ac->look;
  for (uint32_t i = 0; i < 1u << J_PAIR; i++) {
    const uint32_t a = look[i >> (J_PAIR - J_LOOK)], used = a & 255, code = a >> 8 & 255;
    pair[i] = 0;
    if (a >> 24 == 0) continue;
    uint32_t b = 0; /* the second symbol */
    if (a >> 24 < J_EOB_SKIP && used < J_PAIR) {
      b = look[(i << used & ((1u << J_PAIR) - 1)) >> (J_PAIR - J_LOOK)];
      if (b >> 24 == 0 || (b >> 8 & 255) > J_PAIR - used) b = 0;
    }
    const uint32_t both = used + (b & 255), from = b ? used + (b >> 8 & 255) : code;
    pair[i] = both | a >> 24 << J_PAIR_A | b >> 24 << J_PAIR_B | code << J_PAIR_FROM_A |
              (used - code) << J_PAIR_SIZE_A | from << J_PAIR_FROM_B;
  }
}

int as_jpeg_slow_symbol(as_jpeg *j, const j_table *t, j_bits *b) {
  for (int len = 1; len <= 16; len++) {
    int32_t code = (int32_t)(b->buf >> (64 - len));
    if (code <= t->maxcode[len]) {
      j_drop(b, len);
      return t->val[(code + t->offset[len]) & 255];
    }
  }
  j_drop(b, 17); /* as libjpeg: it has read one bit more than the longest code */
  j->bad_code = true;
  return 0;
}

int as_jpeg_slow_ac(as_jpeg *j, const j_table *t, j_bits *b, int k, int16_t *coef) {
  int sym = as_jpeg_slow_symbol(j, t, b), run = sym >> 4, size = sym & 15;
  if (size == 0) return run == 15 ? k + 16 : k + J_EOB_SKIP;
  int v = j_extend(j_take(b, size), size);
  k += run;
  if (coef) coef[as_jpeg_natural[k]] = (int16_t)v;
  return k + 1;
}
