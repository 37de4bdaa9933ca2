/* The loops over pixels with AVX2, eight pixels at a time: the operations of colour.c in their order, so the same bits.
 * Clamps are max and min whose operands stand as in the C condition: max(a, b) is a > b ? a : b. What is left over
 * goes through the C form. */
#include "data/augment/colour_int.h"

#if AS_HAVE_X86
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((target("avx2"), always_inline))

enum { LANES = 8 };

AVX2_INLINE __m256 add(__m256 a, __m256 b) {
  return _mm256_add_ps(a, b);
}
AVX2_INLINE __m256 sub(__m256 a, __m256 b) {
  return _mm256_sub_ps(a, b);
}
AVX2_INLINE __m256 mul(__m256 a, __m256 b) {
  return _mm256_mul_ps(a, b);
}
AVX2_INLINE __m256 all(float x) {
  return _mm256_set1_ps(x);
}
AVX2_INLINE __m256 magnitude(__m256 x) {
  return _mm256_andnot_ps(all(-0.0f), x);
}
AVX2_INLINE __m256 clamp01(__m256 x) {
  return _mm256_min_ps(all(1.0f), _mm256_max_ps(_mm256_setzero_ps(), x));
}
/* colour.c's ramp: half of x + |x| is max(x, 0) without rounding. */
AVX2_INLINE __m256 ramp(__m256 x) {
  const __m256 zero = _mm256_setzero_ps(), one = all(1.0f);
  return sub(one, _mm256_max_ps(sub(one, _mm256_max_ps(x, zero)), zero));
}
AVX2_INLINE __m256 grey_of(__m256 r, __m256 g, __m256 b) {
  return add(add(mul(all(0.2989f), r), mul(all(0.587f), g)), mul(all(0.114f), b));
}

AVX2 static void scale(size_t n, float f, float plus, float *x) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    _mm256_storeu_ps(x + i, clamp01(add(mul(all(f), _mm256_loadu_ps(x + i)), all(plus))));
  as_colour_scale_c(n - i, f, plus, x + i);
}

AVX2 static void saturate(size_t n, float f, float rest, float *r, float *g, float *b) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    const __m256 x = _mm256_loadu_ps(r + i), y = _mm256_loadu_ps(g + i), z = _mm256_loadu_ps(b + i);
    const __m256 v = mul(all(rest), grey_of(x, y, z));
    _mm256_storeu_ps(r + i, clamp01(add(mul(all(f), x), v)));
    _mm256_storeu_ps(g + i, clamp01(add(mul(all(f), y), v)));
    _mm256_storeu_ps(b + i, clamp01(add(mul(all(f), z), v)));
  }
  as_colour_saturate_c(n - i, f, rest, r + i, g + i, b + i);
}

AVX2 static void hue(size_t n, float turn, float *r, float *g, float *b) {
  const __m256 one = all(1.0f), huge = all(1e30f), six = all(6.0f);
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    const __m256 x = _mm256_loadu_ps(r + i), y = _mm256_loadu_ps(g + i), z = _mm256_loadu_ps(b + i);
    const __m256 most = _mm256_max_ps(_mm256_max_ps(x, y), z),
                 c = sub(most, _mm256_min_ps(_mm256_min_ps(x, y), z));
    const __m256 red = ramp(add(mul(sub(x, most), huge), one));
    const __m256 green = mul(sub(one, red), ramp(add(mul(sub(y, most), huge), one)));
    const __m256 blue = sub(sub(one, red), green);
    const __m256 over = add(add(mul(red, sub(y, z)), mul(green, sub(z, x))), mul(blue, sub(x, y)));
    const __m256 share = _mm256_div_ps(over, add(c, ramp(sub(one, mul(c, huge)))));
    const __m256 moved = add(add(add(mul(all(2.0f), green), mul(all(4.0f), blue)), share), all(turn));
    const __m256 up = add(moved, mul(six, ramp(mul(moved, all(-1e30f)))));
    const __m256 at = sub(up, mul(six, ramp(add(mul(sub(up, six), huge), one))));
    const __m256 wr = ramp(sub(magnitude(sub(at, all(3.0f))), one));
    const __m256 wg = ramp(sub(all(2.0f), magnitude(sub(at, all(2.0f)))));
    const __m256 wb = ramp(sub(all(2.0f), magnitude(sub(at, all(4.0f)))));
    _mm256_storeu_ps(r + i, ramp(sub(most, mul(c, sub(one, wr)))));
    _mm256_storeu_ps(g + i, ramp(sub(most, mul(c, sub(one, wg)))));
    _mm256_storeu_ps(b + i, ramp(sub(most, mul(c, sub(one, wb)))));
  }
  as_colour_hue_c(n - i, turn, r + i, g + i, b + i);
}

AVX2 static void weigh(size_t n, const float *x, size_t step, const float *k, int radius, float *out) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    const float *before = x + i, *after = x + i;
    __m256 sum = mul(all(k[0]), _mm256_loadu_ps(x + i));
    for (int t = 1; t <= radius; t++) {
      before -= step, after += step;
      sum = add(sum, mul(all(k[t]), add(_mm256_loadu_ps(before), _mm256_loadu_ps(after))));
    }
    _mm256_storeu_ps(out + i, sum);
  }
  as_colour_weigh_c(n - i, x + i, step, k, radius, out + i);
}

/* Channel c of the eight pixels at p, as they stand (first: 0, by: 3) or backwards. p has 24 bytes. */
AVX2_INLINE __m256 channel(__m128i low, __m128i high, __m128i from_low, __m128i from_high) {
  const __m128i v = _mm_or_si128(_mm_shuffle_epi8(low, from_low), _mm_shuffle_epi8(high, from_high));
  return _mm256_div_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(v)), all(255.0f));
}

/* Where byte `at` of 24 is found: in the first 16 or in the last 16 of them; -1: elsewhere. */
#define LOW(at) (char)((at) < 16 ? (at) : -1)
#define HIGH(at) (char)((at) < 16 ? -1 : (at)-8)
#define PICK8(WHERE, a, by)                                                                                 \
  _mm_setr_epi8(WHERE(a), WHERE((a) + (by)), WHERE((a) + 2 * (by)), WHERE((a) + 3 * (by)),                  \
                WHERE((a) + 4 * (by)), WHERE((a) + 5 * (by)), WHERE((a) + 6 * (by)), WHERE((a) + 7 * (by)), \
                -1, -1, -1, -1, -1, -1, -1, -1)

AVX2 static void split(size_t n, const uint8_t *rgb, bool flip, float *r, float *g, float *b) {
  const __m128i ahead[6] = {PICK8(LOW, 0, 3),  PICK8(LOW, 1, 3),  PICK8(LOW, 2, 3),
                            PICK8(HIGH, 0, 3), PICK8(HIGH, 1, 3), PICK8(HIGH, 2, 3)};
  const __m128i back[6] = {PICK8(LOW, 21, -3),  PICK8(LOW, 22, -3),  PICK8(LOW, 23, -3),
                           PICK8(HIGH, 21, -3), PICK8(HIGH, 22, -3), PICK8(HIGH, 23, -3)};
  const __m128i *at = flip ? back : ahead;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    const uint8_t *p = rgb + 3 * (flip ? n - LANES - i : i);
    const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(p + 8));
    _mm256_storeu_ps(r + i, channel(low, high, at[0], at[3]));
    _mm256_storeu_ps(g + i, channel(low, high, at[1], at[4]));
    _mm256_storeu_ps(b + i, channel(low, high, at[2], at[5]));
  }
  as_colour_split_c(n - i, flip ? rgb : rgb + 3 * i, flip, r + i, g + i, b + i);
}

/* Three vectors r, g, b to r0 g0 b0 r1 ...: one permutation each puts every channel where it stands in all of the three
 * results, two blends a result choose. */
AVX2 static void join(const as_planes *p, const float mean[3], const float std[3], float *out) {
  const __m256i to_r = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5),
                to_g = _mm256_setr_epi32(5, 0, 3, 6, 1, 4, 7, 2),
                to_b = _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7);
  enum { FIRST = 0x49, SECOND = 0x92, THIRD = 0x24 }; /* lanes 0 3 6, 1 4 7, 2 5 */
  size_t i = 0;
  for (; i + LANES <= p->n; i += LANES, out += 3 * LANES) {
    __m256 r = _mm256_div_ps(sub(_mm256_loadu_ps(p->r + i), all(mean[0])), all(std[0]));
    __m256 g = _mm256_div_ps(sub(_mm256_loadu_ps(p->g + i), all(mean[1])), all(std[1]));
    __m256 b = _mm256_div_ps(sub(_mm256_loadu_ps(p->b + i), all(mean[2])), all(std[2]));
    r = _mm256_permutevar8x32_ps(r, to_r);
    g = _mm256_permutevar8x32_ps(g, to_g);
    b = _mm256_permutevar8x32_ps(b, to_b);
    _mm256_storeu_ps(out, _mm256_blend_ps(_mm256_blend_ps(r, g, SECOND), b, THIRD));
    _mm256_storeu_ps(out + 8, _mm256_blend_ps(_mm256_blend_ps(r, g, THIRD), b, FIRST));
    _mm256_storeu_ps(out + 16, _mm256_blend_ps(_mm256_blend_ps(r, g, FIRST), b, SECOND));
  }
  const as_planes rest = {p->r + i, p->g + i, p->b + i, p->n - i};
  as_colour_join_c(&rest, mean, std, out);
}

const as_colour_kernels *as_colour_kernels_x86(void) {
  static const as_colour_kernels k = {scale, saturate, hue, weigh, split, join};
  return &k;
}

#else
const as_colour_kernels *as_colour_kernels_x86(void) {
  return NULL;
}
#endif
