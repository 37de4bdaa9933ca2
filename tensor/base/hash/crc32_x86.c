/* CRC-32 by PCLMULQDQ: every 64 bytes are multiplied by x^512 modulo the polynomial and added to the next
 * 64 (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009;
 * the constants are theirs, reflected). A checkpoint of 0.1 GB takes a tenth of the tables' time. */
#include "tensor/base/hash/crc32_int.h"

#if AS_HAVE_X86
#include <immintrin.h>

/* a times the two constants of k, plus b */
__attribute__((target("pclmul,sse4.1"))) static inline __m128i step(__m128i a, __m128i k, __m128i b) {
  const __m128i lo = _mm_clmulepi64_si128(a, k, 0x00), hi = _mm_clmulepi64_si128(a, k, 0x11);
  return _mm_xor_si128(_mm_xor_si128(lo, hi), b);
}

__attribute__((target("pclmul,sse4.1"))) void as_crc32_fold_x86(uint32_t crc, const uint8_t *p, size_t n,
                                                                uint8_t out[16]) {
  const __m128i far = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);  /* 512 bits on */
  const __m128i near = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0); /* 128 bits on */
  const __m128i *v = (const __m128i *)(const void *)p;
  __m128i a = _mm_xor_si128(_mm_loadu_si128(v), _mm_cvtsi32_si128((int)crc));
  __m128i b = _mm_loadu_si128(v + 1), c = _mm_loadu_si128(v + 2), d = _mm_loadu_si128(v + 3);
  for (n -= 64, v += 4; n >= 64; n -= 64, v += 4) {
    a = step(a, far, _mm_loadu_si128(v));
    b = step(b, far, _mm_loadu_si128(v + 1));
    c = step(c, far, _mm_loadu_si128(v + 2));
    d = step(d, far, _mm_loadu_si128(v + 3));
  }
  a = step(a, near, b);
  a = step(a, near, c);
  a = step(a, near, d);
  _mm_storeu_si128((__m128i *)(void *)out, a);
}
#endif
