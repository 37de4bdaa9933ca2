/* v64: four v16 side by side, one step of all four before the next. A function is a chain of 15 to 40 steps of 4 cycles each; given
 * one v16 at a time, a CPU of two vector units would have to look some 200 steps ahead to keep both busy. */
typedef struct v64 {
  v16 a, b, c, d;
} v64;

#define AS_FOUR(op, params, A, B, C, D)                             \
  AS_ALWAYS_INLINE v64 v64_##op params {                            \
    const v64 r = {v16_##op A, v16_##op B, v16_##op C, v16_##op D}; \
    return r;                                                       \
  }
#define AS_FOUR_1(op) AS_FOUR(op, (v64 x), (x.a), (x.b), (x.c), (x.d))
#define AS_FOUR_2(op) AS_FOUR(op, (v64 x, v64 y), (x.a, y.a), (x.b, y.b), (x.c, y.c), (x.d, y.d))
#define AS_FOUR_3(op) \
  AS_FOUR(op, (v64 x, v64 y, v64 z), (x.a, y.a, z.a), (x.b, y.b, z.b), (x.c, y.c, z.c), (x.d, y.d, z.d))
AS_FOUR(set1, (float x), (x), (x), (x), (x))
AS_FOUR(load, (const float *p), (p), (p + 16), (p + 32), (p + 48))
AS_FOUR_1(abs)
AS_FOUR_1(neg)
AS_FOUR_2(add)
AS_FOUR_2(sub)
AS_FOUR_2(mul)
AS_FOUR_2(div)
AS_FOUR_2(min)
AS_FOUR_2(max)
AS_FOUR_2(copysign)
AS_FOUR_2(scale)
AS_FOUR_2(scale_near)
AS_FOUR_3(fma)
AS_FOUR_3(fnms)
AS_FOUR(select_le, (v64 x, v64 y, v64 z, v64 w), (x.a, y.a, z.a, w.a), (x.b, y.b, z.b, w.b),
        (x.c, y.c, z.c, w.c), (x.d, y.d, z.d, w.d))
#undef AS_FOUR
#undef AS_FOUR_1
#undef AS_FOUR_2
#undef AS_FOUR_3

AS_ALWAYS_INLINE void v64_store(float *p, v64 x) {
  v16_store(p, x.a), v16_store(p + 16, x.b), v16_store(p + 32, x.c), v16_store(p + 48, x.d);
}
