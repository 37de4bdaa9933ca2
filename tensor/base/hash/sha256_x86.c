/* SHA-256 by the SHA extensions of x86 (Intel SDM, SHA256RNDS2, SHA256MSG1, SHA256MSG2), and, for CPUs before them, by
 * the rotations of BMI2: a checkpoint's digest is part of every record, and at 0.1 GB it is half of the start. */
#include "tensor/base/hash/sha256_int.h"

#if AS_HAVE_X86
#include <immintrin.h>

/* The unit keeps the state as the two vectors (A B E F) and (C D G H), highest lane first, and each
 * SHA256RNDS2 does two rounds. Four message words at a time; written out, since with the words in registers
 * it takes half the time of a loop. */

/* Rounds 4 i .. 4 i + 3 on the words w. */
#define ROUNDS(i, w)                                                                                 \
  {                                                                                                  \
    const __m128i x = _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)(const void *)(k + 4 * i))); \
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, x);                                                     \
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(x, 0x0e));                            \
  }
/* W[t] = s1(W[t-2]) + W[t-7] + s0(W[t-15]) + W[t-16], four at once: the next words, in place of the oldest. */
#define NEXT(w0, w1, w2, w3) \
  w0 = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3);
#define FOUR(i)      \
  NEXT(a, b, c, d)   \
  ROUNDS(i, a)       \
  NEXT(b, c, d, a)   \
  ROUNDS((i + 1), b) \
  NEXT(c, d, a, b)   \
  ROUNDS((i + 2), c) \
  NEXT(d, a, b, c)   \
  ROUNDS((i + 3), d)

__attribute__((target("sha,sse4.1,ssse3"))) void as_sha256_blocks_x86(uint32_t h[8], const uint8_t *p,
                                                                      size_t n, const uint32_t k[64]) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)h);
  __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)(h + 4));
  __m128i badc = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
  __m128i abef = _mm_alignr_epi8(badc, efgh, 8), cdgh = _mm_blend_epi16(efgh, badc, 0xf0);
  for (; n; n--, p += 64) {
    const __m128i abef0 = abef, cdgh0 = cdgh, *v = (const __m128i *)(const void *)p;
    __m128i a = _mm_shuffle_epi8(_mm_loadu_si128(v), swap),
            b = _mm_shuffle_epi8(_mm_loadu_si128(v + 1), swap);
    __m128i c = _mm_shuffle_epi8(_mm_loadu_si128(v + 2), swap);
    __m128i d = _mm_shuffle_epi8(_mm_loadu_si128(v + 3), swap);
    ROUNDS(0, a)
    ROUNDS(1, b)
    ROUNDS(2, c)
    ROUNDS(3, d)
    FOUR(4)
    FOUR(8)
    FOUR(12)
    abef = _mm_add_epi32(abef, abef0);
    cdgh = _mm_add_epi32(cdgh, cdgh0);
  }
  __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

__attribute__((target("bmi,bmi2"))) void as_sha256_blocks_bmi(uint32_t h[8], const uint8_t *p, size_t n,
                                                              const uint32_t k[64]) {
  as_sha256_text(h, p, n, k);
}

/* ---- AVX2: the message schedule does not depend on the state, so that those of eight blocks can be made at once, a lane
 * each; the rounds, one long chain, then do nothing else. Half as fast again as the text with BMI2 alone. ---- */

#define AVX2 __attribute__((target("avx2,bmi,bmi2")))
enum { LANES = 8 };

/* Eight words of each block, from byte `at` on: word i of all blocks to w[i]. */
AVX2 static inline void turn_words(const uint8_t *p, size_t at, __m256i w[LANES]) {
  const __m256i swap = _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
  __m256i r[LANES], s[LANES];
  for (size_t b = 0; b < LANES; b++)
    r[b] = _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)(const void *)(p + 64 * b + at)), swap);
  for (size_t b = 0; b < LANES; b += 2) { /* pairs of words: 0 1 4 5 of two blocks, 2 3 6 7 */
    s[b] = _mm256_unpacklo_epi32(r[b], r[b + 1]);
    s[b + 1] = _mm256_unpackhi_epi32(r[b], r[b + 1]);
  }
  for (size_t b = 0; b < LANES; b += 4) { /* words 0 4, 1 5, 2 6, 3 7 of four blocks */
    r[b] = _mm256_unpacklo_epi64(s[b], s[b + 2]);
    r[b + 1] = _mm256_unpackhi_epi64(s[b], s[b + 2]);
    r[b + 2] = _mm256_unpacklo_epi64(s[b + 1], s[b + 3]);
    r[b + 3] = _mm256_unpackhi_epi64(s[b + 1], s[b + 3]);
  }
  for (size_t i = 0; i < 4; i++) {
    w[i] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x20);
    w[i + 4] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x31);
  }
}

AVX2 static inline __m256i turn_right(__m256i x, int n) {
  return _mm256_or_si256(_mm256_srli_epi32(x, n), _mm256_slli_epi32(x, 32 - n));
}
AVX2 static inline __m256i sum_of_turns(__m256i x, int a, int b, int shift) {
  const __m256i turned = _mm256_xor_si256(turn_right(x, a), turn_right(x, b));
  return _mm256_xor_si256(turned, _mm256_srli_epi32(x, shift));
}

/* words[t][lane] = k[t] + W[t] of eight blocks */
AVX2 static void make_schedules(const uint8_t *p, const uint32_t k[64], uint32_t words[64][LANES]) {
  __m256i w[16];
  turn_words(p, 0, w);
  turn_words(p, 32, w + LANES);
  for (size_t t = 0; t < 64; t++) {
    if (t >= 16) {
      const __m256i a = sum_of_turns(w[(t + 1) & 15], 7, 18, 3),
                    b = sum_of_turns(w[(t + 14) & 15], 17, 19, 10);
      const __m256i c = _mm256_add_epi32(w[t & 15], w[(t + 9) & 15]);
      w[t & 15] = _mm256_add_epi32(_mm256_add_epi32(a, b), c);
    }
    _mm256_storeu_si256((__m256i *)(void *)words[t],
                        _mm256_add_epi32(w[t & 15], _mm256_set1_epi32((int)k[t])));
  }
}

AVX2 void as_sha256_blocks_avx2(uint32_t h[8], const uint8_t *p, size_t n, const uint32_t k[64]) {
  uint32_t words[64][LANES];
  for (; n >= LANES; n -= LANES, p += 64 * LANES) {
    make_schedules(p, k, words);
    for (size_t lane = 0; lane < LANES; lane++) {
      uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], x = h[7];
      uint32_t ab, bc = b ^ c;
#define WORD(t, i) words[t][lane]
      for (int t = 0; t < 64; t += 16) {
        AS_SHA256_EIGHT(t, 0, WORD)
        AS_SHA256_EIGHT(t + 8, 8, WORD)
      }
#undef WORD
      h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += x;
    }
  }
  as_sha256_text(h, p, n, k);
}
#endif
