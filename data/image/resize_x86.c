/* The inner loops of resize with AVX2, the same bits as in C.
 *
 * A 22-bit coefficient does not fit the 16-bit multiplier, so it is split, k = 2048 high + low with
 * 0 <= low < 2048; both halves meet the pixels in _mm256_madd_epi16, which adds two taps at once, and
 * 2048 x (sum of high) + (sum of low) is the C sum modulo 2^32. */
#include "data/image/resize_int.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((target("avx2"), always_inline))
#define LOAD128(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define STORE128(p, v) _mm_storeu_si128((__m128i *)(void *)(p), v)
#define LOAD256(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))

/* One output pixel as four 32-bit sums (R, G, B, padding), rounding half included. `k`: per step of
 * four taps 32 words, as resize.c lays them out. */
AVX2_INLINE __m128i one_pixel(const uint8_t *p, const int16_t *k, int steps) {
  /* pixels 0, 1 to the low half and 2, 3 to the high half, as words R0 R1 G0 G1 B0 B1 x x */
  const __m256i spread = _mm256_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1, 8, -1, 12,
                                          -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1);
  __m256i low = _mm256_setzero_si256(), high = low;
  for (int s = 0; s < steps; s++, p += 16, k += 32) {
    __m256i px = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(LOAD128(p)), spread);
    low = _mm256_add_epi32(low, _mm256_madd_epi16(px, LOAD256(k)));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(px, LOAD256(k + 16)));
  }
  __m256i sum = _mm256_add_epi32(low, _mm256_slli_epi32(high, 11));
  __m128i v = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  return _mm_srai_epi32(_mm_add_epi32(v, _mm_set1_epi32(1 << 21)), 22);
}

/* Every output takes the same number of steps; coefficients past its own are zero. */
AVX2_INLINE void row_steps(const as_resize_axis *a, const uint8_t *in, uint8_t *out, int steps) {
  const __m128i pack3 = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  const size_t words = (size_t)a->taps * 8;
  __m128i v[4];
  for (int i = 0; i < a->count; i += 4, out += 12) {
    for (int k = 0; k < 4; k++) {
      int at = i + k < a->count ? i + k : a->count - 1;
      v[k] = one_pixel(in + (size_t)(a->first[at] - a->lo) * 4, a->split + (size_t)at * words, steps);
    }
    __m128i p = _mm_packus_epi16(_mm_packs_epi32(v[0], v[1]), _mm_packs_epi32(v[2], v[3]));
    STORE128(out, _mm_shuffle_epi8(p, pack3)); /* past the last pixel: the caller's 16 bytes of room */
  }
}

AVX2 static void row(const as_resize_axis *a, const uint8_t *in, uint8_t *out) {
  if (a->taps == 4)
    row_steps(a, in, out, 1);
  else if (a->taps == 8)
    row_steps(a, in, out, 2);
  else
    row_steps(a, in, out, a->taps / 4);
}

/* 16 columns; two rows at a time. */
AVX2_INLINE void columns16(const uint8_t *p, size_t stride, const int32_t *k, int n, uint8_t *out) {
  __m256i low0 = _mm256_setzero_si256(), low1 = low0, high0 = low0, high1 = low0;
  const __m128i none = _mm_setzero_si128();
  for (int t = 0; t < n; t += 2, p += 2 * stride) {
    const bool pair = t + 1 < n;
    __m128i a = LOAD128(p), b = pair ? LOAD128(p + stride) : none;
    int32_t ka = k[t], kb = pair ? k[t + 1] : 0;
    __m256i kl = _mm256_set1_epi32((ka & 2047) | (kb & 2047) << 16);
    /* k / 2048 rounded down is what is left above the low part */
    __m256i kh = _mm256_set1_epi32(
        (int)((uint16_t)((ka - (ka & 2047)) / 2048) | (uint32_t)(uint16_t)((kb - (kb & 2047)) / 2048) << 16));
    __m256i w0 = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)),
            w1 = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
    low0 = _mm256_add_epi32(low0, _mm256_madd_epi16(w0, kl));
    low1 = _mm256_add_epi32(low1, _mm256_madd_epi16(w1, kl));
    high0 = _mm256_add_epi32(high0, _mm256_madd_epi16(w0, kh));
    high1 = _mm256_add_epi32(high1, _mm256_madd_epi16(w1, kh));
  }
  const __m256i half = _mm256_set1_epi32(1 << 21);
  __m256i s0 = _mm256_add_epi32(_mm256_add_epi32(low0, half), _mm256_slli_epi32(high0, 11));
  __m256i s1 = _mm256_add_epi32(_mm256_add_epi32(low1, half), _mm256_slli_epi32(high1, 11));
  __m256i v = _mm256_packs_epi32(_mm256_srai_epi32(s0, 22), _mm256_srai_epi32(s1, 22));
  v = _mm256_permute4x64_epi64(v, 0xd8);
  STORE128(out, _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

AVX2 static void column(const uint8_t *rows, size_t stride, const int32_t *k, int n, size_t bytes,
                        uint8_t *out) {
  size_t i = 0;
  for (; i + 16 <= bytes; i += 16) columns16(rows + i, stride, k, n, out + i);
  if (i == bytes) return;
  if (bytes >= 16)
    columns16(rows + bytes - 16, stride, k, n, out + bytes - 16); /* again, the same values */
  else
    as_resize_column_c(rows, stride, k, n, bytes, out);
}

const as_resize_kernels *as_resize_kernels_x86(void) {
  static const as_resize_kernels k = {row, column};
  return &k;
}

#else
const as_resize_kernels *as_resize_kernels_x86(void) {
  return NULL;
}
#endif
