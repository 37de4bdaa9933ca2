#include "tensor/base/hash/crc32c.h"

/* Eight bytes per step through eight tables (Kounavis and Berry, "slicing-by-8"); the tables are made
 * per call, 2048 steps, which a tensor's bytes outweigh. */
uint32_t as_crc32c(uint32_t crc, const void *data, size_t n) {
  const uint8_t *p = data;
  uint32_t c = ~crc;
  if (n >= 4096) {
    uint32_t t[8][256];
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t v = i;
      for (int k = 0; k < 8; k++) v = v >> 1 ^ (v & 1 ? UINT32_C(0x82F63B78) : 0);
      t[0][i] = v;
    }
    for (uint32_t i = 0; i < 256; i++)
      for (int k = 1; k < 8; k++) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xff];
    for (; n >= 8; n -= 8, p += 8) {
      c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
      c = t[7][c & 0xff] ^ t[6][c >> 8 & 0xff] ^ t[5][c >> 16 & 0xff] ^ t[4][c >> 24] ^ t[3][p[4]] ^
          t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]];
    }
  }
  for (; n > 0; n--, p++) {
    c ^= *p;
    for (int k = 0; k < 8; k++) c = c >> 1 ^ (c & 1 ? UINT32_C(0x82F63B78) : 0);
  }
  return ~c;
}
