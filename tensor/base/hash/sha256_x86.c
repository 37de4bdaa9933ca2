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
#endif
