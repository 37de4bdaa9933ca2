#include "tensor/base/hash/sha256.h"

#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/hash/sha256_int.h"

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void as_sha256_init(as_sha256 *s) {
  static const uint32_t h0[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(s->h, h0, sizeof h0);
  s->length = 0;
}

void as_sha256_blocks_ref(uint32_t h[8], const uint8_t *p, size_t n, const uint32_t k[64]) {
  as_sha256_text(h, p, n, k);
}

as_sha256_blocks *as_sha256_blocks_chosen(void) {
#if AS_HAVE_X86
  if (as_cpu_has(AS_SHA256_X86_NEEDS)) return as_sha256_blocks_x86;
  if (as_cpu_has(AS_SHA256_AVX2_NEEDS)) return as_sha256_blocks_avx2;
  if (as_cpu_has(AS_SHA256_BMI_NEEDS)) return as_sha256_blocks_bmi;
#endif
  return as_sha256_blocks_ref;
}

void as_sha256_update(as_sha256 *s, const void *p, size_t n) {
  const uint8_t *b = p;
  size_t fill = (size_t)(s->length & 63);
  s->length += n;
  if (fill) {
    size_t take = n < 64 - fill ? n : 64 - fill;
    memcpy(s->block + fill, b, take);
    b += take;
    n -= take;
    if (fill + take < 64) return;
    as_sha256_blocks_chosen()(s->h, s->block, 1, constants);
  }
  if (n >= 64) {
    as_sha256_blocks_chosen()(s->h, b, n / 64, constants);
    b += n / 64 * 64;
    n %= 64;
  }
  if (n) memcpy(s->block, b, n);
}

void as_sha256_final(as_sha256 *s, uint8_t digest[32]) {
  uint64_t bits = s->length * 8;
  uint8_t pad[72] = {0x80}, size[8];
  size_t fill = (size_t)(s->length & 63);
  as_sha256_update(s, pad, fill < 56 ? 56 - fill : 120 - fill);
  as_put_be32(size, (uint32_t)(bits >> 32));
  as_put_be32(size + 4, (uint32_t)bits);
  as_sha256_update(s, size, 8);
  for (int i = 0; i < 8; i++) as_put_be32(digest + 4 * i, s->h[i]);
}

void as_sha256_hex(as_sha256 *s, char hex[65]) {
  uint8_t d[32];
  as_sha256_final(s, d);
  for (int i = 0; i < 32; i++) {
    hex[2 * i] = "0123456789abcdef"[d[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[d[i] & 15];
  }
  hex[64] = '\0';
}

void as_sha256_of(const void *p, size_t n, char hex[65]) {
  as_sha256 s;
  as_sha256_init(&s);
  as_sha256_update(&s, p, n);
  as_sha256_hex(&s, hex);
}

void as_sha256_update_f32(as_sha256 *s, const float *x, size_t n) {
  uint8_t buf[1024];
  while (n) {
    size_t m = n < sizeof buf / 4 ? n : sizeof buf / 4;
    for (size_t i = 0; i < m; i++) {
      uint32_t u = as_f32_bits(x[i]);
      if ((u & 0x7fffffffu) > 0x7f800000u) u = 0x7fc00000u;
      as_put_le32(buf + 4 * i, u);
    }
    as_sha256_update(s, buf, 4 * m);
    x += m;
    n -= m;
  }
}
