/* Block functions of SHA-256, for sha256.c. */
#ifndef AS_TENSOR_BASE_HASH_SHA256_INT_H
#define AS_TENSOR_BASE_HASH_SHA256_INT_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/bytes.h"
#include "tensor/base/cpu.h"

/* n 64-byte blocks at p into the state h; k: the constants of FIPS 180-4 section 4.2.2. */
typedef void as_sha256_blocks(uint32_t h[8], const uint8_t *p, size_t n, const uint32_t k[64]);

as_sha256_blocks as_sha256_blocks_ref;
enum {
  AS_SHA256_BMI_NEEDS = AS_CPU_BMI,
  AS_SHA256_AVX2_NEEDS = AS_CPU_AVX2 | AS_CPU_BMI,
  AS_SHA256_X86_NEEDS = AS_CPU_SHA
};
#if AS_HAVE_X86
as_sha256_blocks as_sha256_blocks_bmi;  /* the text below with three-operand rotations */
as_sha256_blocks as_sha256_blocks_avx2; /* the same rounds, the schedules of eight blocks side by side */
as_sha256_blocks as_sha256_blocks_x86;  /* the SHA extensions */
#endif

as_sha256_blocks *as_sha256_blocks_chosen(void);

/* ---- the text of ref and bmi, FIPS 180-4 section 6.2.2 ----
 *
 * The eight words a..h move down by one in each round. Here the names move instead: eight rounds, written out, bring
 * every word back to its own place. Of the message schedule W[t], t = 0..63, the last 16 words are enough. */

static inline uint32_t as_sha256_rotr(uint32_t x, int n) {
  return x >> n | x << (32 - n);
}

/* Maj with fewer operations: `bc` is b ^ c, which this round's a ^ b is in the next. What takes longest is added last. */
#define AS_SHA256_ROUND(a, b, c, d, e, f, g, h, word)                        \
  h += (word);                                                               \
  h += e & f;                                                                \
  h += ~e & g;                                                               \
  h += as_sha256_rotr(e, 6) ^ as_sha256_rotr(e, 11) ^ as_sha256_rotr(e, 25); \
  d += h;                                                                    \
  ab = (a) ^ (b);                                                            \
  h += (b) ^ (ab & bc);                                                      \
  h += as_sha256_rotr(a, 2) ^ as_sha256_rotr(a, 13) ^ as_sha256_rotr(a, 22); \
  bc = ab;

/* W[t] with t = i modulo 16, in the place of W[t - 16]. */
static inline uint32_t as_sha256_next(uint32_t w[16], int i) {
  const uint32_t a = w[(i + 1) & 15], b = w[(i + 14) & 15];
  return w[i] += (as_sha256_rotr(a, 7) ^ as_sha256_rotr(a, 18) ^ a >> 3) + w[(i + 9) & 15] +
                 (as_sha256_rotr(b, 17) ^ as_sha256_rotr(b, 19) ^ b >> 10);
}
/* Rounds t..t+7; WORD(t, i) is the constant and the word of round t, whose place in a schedule of 16 is i. */
#define AS_SHA256_EIGHT(t, i, WORD)                               \
  AS_SHA256_ROUND(a, b, c, d, e, f, g, x, WORD((t), (i)))         \
  AS_SHA256_ROUND(x, a, b, c, d, e, f, g, WORD((t) + 1, (i) + 1)) \
  AS_SHA256_ROUND(g, x, a, b, c, d, e, f, WORD((t) + 2, (i) + 2)) \
  AS_SHA256_ROUND(f, g, x, a, b, c, d, e, WORD((t) + 3, (i) + 3)) \
  AS_SHA256_ROUND(e, f, g, x, a, b, c, d, WORD((t) + 4, (i) + 4)) \
  AS_SHA256_ROUND(d, e, f, g, x, a, b, c, WORD((t) + 5, (i) + 5)) \
  AS_SHA256_ROUND(c, d, e, f, g, x, a, b, WORD((t) + 6, (i) + 6)) \
  AS_SHA256_ROUND(b, c, d, e, f, g, x, a, WORD((t) + 7, (i) + 7))

#if defined(__GNUC__) || defined(__clang__)
__attribute__((always_inline))
#endif
static inline void
as_sha256_text(uint32_t h[8], const uint8_t *p, size_t n, const uint32_t k[64]) {
  for (; n; n--, p += 64) {
    uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], x = h[7];
    uint32_t ab, bc = b ^ c;
    for (int i = 0; i < 16; i++) w[i] = as_be32(p + 4 * i);
#define FIRST(t, i) k[t] + w[i]
#define NEXT(t, i) k[t] + as_sha256_next(w, i)
    AS_SHA256_EIGHT(0, 0, FIRST)
    AS_SHA256_EIGHT(8, 8, FIRST)
    for (int t = 16; t < 64; t += 16) {
      AS_SHA256_EIGHT(t, 0, NEXT)
      AS_SHA256_EIGHT(t + 8, 8, NEXT)
    }
#undef FIRST
#undef NEXT
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
    h[5] += f;
    h[6] += g;
    h[7] += x;
  }
}

#endif
