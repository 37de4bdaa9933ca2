#include "tensor/base/hash/md5.h"

#include <string.h>

#include "tensor/base/bytes.h"

/* floor(2^32 |sin(i + 1)|), RFC 1321 section 3.4. */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static void block(uint32_t h[4], const uint8_t *p) {
  uint32_t a = h[0], b = h[1], c = h[2], d = h[3], w[16];
  for (int i = 0; i < 16; i++) w[i] = as_le32(p + 4 * i);
  for (int i = 0; i < 64; i++) {
    uint32_t f, t;
    int k, s = turns[i / 16][i % 4];
    if (i < 16) {
      f = (b & c) | (~b & d);
      k = i;
    } else if (i < 32) {
      f = (d & b) | (~d & c);
      k = (5 * i + 1) % 16;
    } else if (i < 48) {
      f = b ^ c ^ d;
      k = (3 * i + 5) % 16;
    } else {
      f = c ^ (b | ~d);
      k = 7 * i % 16;
    }
    t = a + f + sines[i] + w[k];
    a = d;
    d = c;
    c = b;
    b += t << s | t >> (32 - s);
  }
  h[0] += a;
  h[1] += b;
  h[2] += c;
  h[3] += d;
}

void as_md5_init(as_md5 *m) {
  *m = (as_md5){.h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void as_md5_update(as_md5 *m, const void *data, size_t n) {
  const uint8_t *p = data;
  while (n > 0) {
    size_t have = (size_t)(m->n % 64), take = n < 64 - have ? n : 64 - have;
    if (take == 64) {
      block(m->h, p);
    } else {
      memcpy(m->part + have, p, take);
      if (have + take == 64) block(m->h, m->part);
    }
    m->n += take;
    p += take;
    n -= take;
  }
}

void as_md5_hex(const as_md5 *m, char hex[33]) {
  static const char digits[] = "0123456789abcdef";
  as_md5 end = *m;
  static const uint8_t pad[64] = {0x80};
  uint8_t bits[8];
  as_put_le64(bits, m->n * 8);
  as_md5_update(&end, pad, 1 + (size_t)((119 - m->n % 64) % 64));
  as_md5_update(&end, bits, sizeof bits);
  for (int i = 0; i < 16; i++) {
    unsigned byte = end.h[i / 4] >> 8 * (i % 4) & 255;
    hex[2 * i] = digits[byte >> 4];
    hex[2 * i + 1] = digits[byte & 15];
  }
  hex[32] = '\0';
}

void as_md5_of(const void *data, size_t n, char hex[33]) {
  as_md5 m;
  as_md5_init(&m);
  as_md5_update(&m, data, n);
  as_md5_hex(&m, hex);
}
