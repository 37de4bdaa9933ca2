#include "tensor/base/hash/crc32.h"

#include <stdatomic.h>

#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32_int.h"

/* Slicing by eight (Kounavis and Berry 2005): t[0] is the bytewise table, t[k][b] the CRC of byte b
 * followed by k zero bytes, so eight table look-ups advance the CRC by eight bytes. The first caller
 * derives the tables; others that arrive meanwhile wait for it. */
static uint32_t t[8][256];
static atomic_int tables; /* 0 = none, 1 = being made, 2 = ready */

static void make_tables(void) {
  int none = 0;
  if (!atomic_compare_exchange_strong(&tables, &none, 1)) {
    while (atomic_load(&tables) != 2) continue;
    return;
  }
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t c = b;
    for (int i = 0; i < 8; i++) c = c >> 1 ^ (0xEDB88320u & (0u - (c & 1u)));
    t[0][b] = c;
  }
  for (int k = 1; k < 8; k++)
    for (int b = 0; b < 256; b++) t[k][b] = t[k - 1][b] >> 8 ^ t[0][t[k - 1][b] & 255u];
  atomic_store(&tables, 2);
}

/* crc is the inverted state. */
static uint32_t by_tables(uint32_t crc, const uint8_t *s, size_t n) {
  for (; n >= 8; n -= 8, s += 8) {
    uint32_t a = as_le32(s) ^ crc, b = as_le32(s + 4);
    crc = t[7][a & 255] ^ t[6][a >> 8 & 255] ^ t[5][a >> 16 & 255] ^ t[4][a >> 24] ^ t[3][b & 255] ^
          t[2][b >> 8 & 255] ^ t[1][b >> 16 & 255] ^ t[0][b >> 24];
  }
  for (; n; n--, s++) crc = crc >> 8 ^ t[0][(crc ^ *s) & 255u];
  return crc;
}

as_crc32_fold *as_crc32_fold_chosen(void) {
#if AS_HAVE_X86
  if (as_cpu_has(AS_CRC32_X86_NEEDS)) return as_crc32_fold_x86;
#endif
  return NULL;
}

uint32_t as_crc32(uint32_t crc, const void *p, size_t n) {
  const uint8_t *s = p;
  if (atomic_load_explicit(&tables, memory_order_acquire) != 2) make_tables();
  crc = ~crc;
  if (n >= 64) {
    as_crc32_fold *fold = as_crc32_fold_chosen();
    if (fold) {
      uint8_t rest[16];
      const size_t whole = n / 64 * 64;
      fold(crc, s, whole, rest);
      crc = by_tables(0, rest, sizeof rest);
      s += whole;
      n -= whole;
    }
  }
  return ~by_tables(crc, s, n);
}
