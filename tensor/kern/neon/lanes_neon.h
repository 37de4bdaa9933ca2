/* v16 on NEON (aarch64): four registers. */
#ifndef AS_TENSOR_KERN_NEON_LANES_NEON_H
#define AS_TENSOR_KERN_NEON_LANES_NEON_H

#include <arm_neon.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "tensor/kern/target.h"

typedef struct v16 {
  float32x4_t q[4];
} v16;

/* r.q[i] = expression in i */
#define V16_EACH(e)                        \
  v16 r_;                                  \
  for (int i = 0; i < 4; i++) r_.q[i] = e; \
  return r_

AS_ALWAYS_INLINE v16 v16_set1(float x) {
  V16_EACH(vdupq_n_f32(x));
}
AS_ALWAYS_INLINE v16 v16_load(const float *p) {
  V16_EACH(vld1q_f32(p + 4 * i));
}
AS_ALWAYS_INLINE void v16_store(float *p, v16 x) {
  for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, x.q[i]);
}
/* Lanes n.. read as +0 and are not touched in memory. */
AS_ALWAYS_INLINE v16 v16_loadn(const float *p, size_t n) {
  float t[16] = {0};
  for (size_t i = 0; i < n; i++) t[i] = p[i];
  return v16_load(t);
}
AS_ALWAYS_INLINE void v16_storen(float *p, size_t n, v16 x) {
  float t[16];
  v16_store(t, x);
  for (size_t i = 0; i < n; i++) p[i] = t[i];
}
AS_ALWAYS_INLINE v16 v16_get(const float *p, size_t n) {
  return n == 16 ? v16_load(p) : v16_loadn(p, n);
}
AS_ALWAYS_INLINE void v16_put(float *p, size_t n, v16 x) {
  if (n == 16) {
    v16_store(p, x);
  } else {
    v16_storen(p, n, x);
  }
}
AS_ALWAYS_INLINE v16 v16_keepn(v16 x, size_t n, v16 o) {
  float t[16], u[16];
  v16_store(t, x);
  v16_store(u, o);
  for (size_t i = n; i < 16; i++) t[i] = u[i];
  return v16_load(t);
}
AS_ALWAYS_INLINE v16 v16_add(v16 a, v16 b) {
  V16_EACH(vaddq_f32(a.q[i], b.q[i]));
}
AS_ALWAYS_INLINE v16 v16_sub(v16 a, v16 b) {
  V16_EACH(vsubq_f32(a.q[i], b.q[i]));
}
AS_ALWAYS_INLINE v16 v16_mul(v16 a, v16 b) {
  V16_EACH(vmulq_f32(a.q[i], b.q[i]));
}
AS_ALWAYS_INLINE v16 v16_div(v16 a, v16 b) {
  V16_EACH(vdivq_f32(a.q[i], b.q[i]));
}
AS_ALWAYS_INLINE v16 v16_sqrt(v16 x) {
  V16_EACH(vsqrtq_f32(x.q[i]));
}
AS_ALWAYS_INLINE v16 v16_fma(v16 a, v16 b, v16 c) {
  V16_EACH(vfmaq_f32(c.q[i], a.q[i], b.q[i]));
}
/* -a * b - c with one rounding */
AS_ALWAYS_INLINE v16 v16_fnms(v16 a, v16 b, v16 c) {
  V16_EACH(vfmsq_f32(vnegq_f32(c.q[i]), a.q[i], b.q[i]));
}
/* min(c, x): c where c < x, else x, so a NaN in x stays; max likewise. */
AS_ALWAYS_INLINE v16 v16_min(v16 c, v16 x) {
  V16_EACH(vbslq_f32(vcltq_f32(c.q[i], x.q[i]), c.q[i], x.q[i]));
}
AS_ALWAYS_INLINE v16 v16_max(v16 c, v16 x) {
  V16_EACH(vbslq_f32(vcgtq_f32(c.q[i], x.q[i]), c.q[i], x.q[i]));
}
/* x where x > m or x is NaN, else m */
AS_ALWAYS_INLINE float32x4_t maxnan4(float32x4_t m, float32x4_t x) {
  return vbslq_f32(vorrq_u32(vcgtq_f32(x, m), vmvnq_u32(vceqq_f32(x, x))), x, m);
}
AS_ALWAYS_INLINE v16 v16_maxnan(v16 m, v16 x) {
  V16_EACH(maxnan4(m.q[i], x.q[i]));
}
/* All lanes: the largest of the 16, NaN if one is */
AS_ALWAYS_INLINE v16 v16_foldmax(v16 x) {
  float32x4_t m = maxnan4(maxnan4(x.q[0], x.q[1]), maxnan4(x.q[2], x.q[3]));
  m = maxnan4(m, vextq_f32(m, m, 2));
  m = maxnan4(m, vextq_f32(m, m, 1));
  V16_EACH(m);
}
AS_ALWAYS_INLINE int v16_all_ge(v16 x, v16 least) {
  uint32x4_t all = vcgeq_f32(x.q[0], least.q[0]);
  for (int i = 1; i < 4; i++) all = vandq_u32(all, vcgeq_f32(x.q[i], least.q[i]));
  return vminvq_u32(all) != 0;
}
AS_ALWAYS_INLINE float32x4_t relu4(float32x4_t x) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), vcleq_f32(x, vdupq_n_f32(0.0f))));
}
AS_ALWAYS_INLINE v16 v16_relu(v16 x) {
  V16_EACH(relu4(x.q[i]));
}
AS_ALWAYS_INLINE v16 v16_abs(v16 x) {
  V16_EACH(vabsq_f32(x.q[i]));
}
AS_ALWAYS_INLINE v16 v16_neg(v16 x) {
  V16_EACH(vnegq_f32(x.q[i]));
}
AS_ALWAYS_INLINE v16 v16_copysign(v16 mag, v16 sign) {
  V16_EACH(vbslq_f32(vdupq_n_u32(0x80000000u), sign.q[i], mag.q[i]));
}
/* a <= b ? x : y per lane; y where unordered */
AS_ALWAYS_INLINE v16 v16_select_le(v16 a, v16 b, v16 x, v16 y) {
  V16_EACH(vbslq_f32(vcleq_f32(a.q[i], b.q[i]), x.q[i], y.q[i]));
}
AS_ALWAYS_INLINE float32x4_t scale4(float32x4_t p, float32x4_t n) {
  const int32x4_t i = vcvtq_s32_f32(n), half = vshrq_n_s32(i, 1), one = vdupq_n_s32(127);
  const int32x4_t s1 = vshlq_n_s32(vaddq_s32(half, one), 23);
  const int32x4_t s2 = vshlq_n_s32(vaddq_s32(vsubq_s32(i, half), one), 23);
  return vmulq_f32(vmulq_f32(p, vreinterpretq_f32_s32(s1)), vreinterpretq_f32_s32(s2));
}
/* p * 2^n in two steps, n integral in -160..160 */
AS_ALWAYS_INLINE v16 v16_scale(v16 p, v16 n) {
  V16_EACH(scale4(p.q[i], n.q[i]));
}
AS_ALWAYS_INLINE float32x4_t near4(float32x4_t p, float32x4_t n) {
  return vmulq_f32(p, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23)));
}
/* The same in one step where p and the result are normal, or p is NaN */
AS_ALWAYS_INLINE v16 v16_scale_near(v16 p, v16 n) {
  V16_EACH(near4(p.q[i], n.q[i]));
}
/* to[0..15] += x, in double */
AS_ALWAYS_INLINE void v16_addd(double *to, v16 x) {
  for (int i = 0; i < 4; i++) {
    vst1q_f64(to + 4 * i, vaddq_f64(vld1q_f64(to + 4 * i), vcvt_f64_f32(vget_low_f32(x.q[i]))));
    vst1q_f64(to + 4 * i + 2, vaddq_f64(vld1q_f64(to + 4 * i + 2), vcvt_high_f64_f32(x.q[i])));
  }
}
/* Lanes to one: j += j + 8, then 4, 2, 1 */
AS_ALWAYS_INLINE float v16_fold(v16 l) {
  const float32x4_t a = vaddq_f32(vaddq_f32(l.q[0], l.q[2]), vaddq_f32(l.q[1], l.q[3]));
  const float32x2_t b = vadd_f32(vget_low_f32(a), vget_high_f32(a));
  return vget_lane_f32(b, 0) + vget_lane_f32(b, 1);
}

#endif
