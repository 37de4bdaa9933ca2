/* exp, erf, GELU and SiLU on a type LANES, whose operations are LANES_(set1), LANES_(fma), ...; FMATH(name) names the functions. Included
 * once per type. Bits: kern/ref/fmath_ref.h. */

/* exp(x) = p 2^n for -104 <= x <= 89 and NaN: returns p, which is between 0.7 and 1.42. */
AS_ALWAYS_INLINE LANES FMATH(exp_parts)(LANES x, LANES *n) {
  const LANES magic = LANES_(set1)(0x1.8p23f);
  *n = LANES_(sub)(LANES_(fma)(x, LANES_(set1)(0x1.715476p0f), magic), magic);
  LANES r = LANES_(fma)(*n, LANES_(set1)(-0x1.62e4p-1f), x);
  r = LANES_(fma)(*n, LANES_(set1)(-0x1.7f7d1cp-20f), r);
  LANES q = LANES_(set1)(0x1.6a23cep-10f);
  q = LANES_(fma)(q, r, LANES_(set1)(0x1.123a2p-7f));
  q = LANES_(fma)(q, r, LANES_(set1)(0x1.5558f2p-5f));
  q = LANES_(fma)(q, r, LANES_(set1)(0x1.555492p-3f));
  q = LANES_(fma)(q, r, LANES_(set1)(0x1.fffffcp-2f));
  return LANES_(add)(LANES_(fma)(LANES_(mul)(r, r), q, r), LANES_(set1)(1.0f));
}

AS_ALWAYS_INLINE LANES FMATH(exp)(LANES x) {
  LANES n;
  x = LANES_(max)(LANES_(set1)(-104.0f), LANES_(min)(LANES_(set1)(89.0f), x));
  const LANES p = FMATH(exp_parts)(x, &n);
  return LANES_(scale)(p, n);
}

/* The same where -87 <= x <= 87 or NaN. */
AS_ALWAYS_INLINE LANES FMATH(exp_near)(LANES x) {
  LANES n;
  const LANES p = FMATH(exp_parts)(x, &n);
  return LANES_(scale_near)(p, n);
}

AS_ALWAYS_INLINE LANES FMATH(erf)(LANES x) {
  const LANES s = LANES_(mul)(x, x), limit = LANES_(set1)(0.921875f);
  LANES p = LANES_(set1)(-0x1.382606p-11f);
  p = LANES_(fma)(p, s, LANES_(set1)(0x1.46c248p-8f));
  p = LANES_(fma)(p, s, LANES_(set1)(-0x1.b676cep-6f));
  p = LANES_(fma)(p, s, LANES_(set1)(0x1.ce1904p-4f));
  p = LANES_(fma)(p, s, LANES_(set1)(-0x1.8126dcp-2f));
  p = LANES_(fma)(p, s, LANES_(set1)(0x1.06eba6p-3f));
  p = LANES_(fma)(p, x, x);
  const LANES a = LANES_(abs)(x), t = LANES_(min)(LANES_(set1)(4.0f), a);
  LANES q = LANES_(set1)(-0x1.c0c24ep-13f);
  q = LANES_(fma)(q, t, LANES_(set1)(0x1.a56404p-9f));
  q = LANES_(fma)(q, t, LANES_(set1)(-0x1.770778p-6f));
  q = LANES_(fma)(q, t, LANES_(set1)(0x1.af270ap-4f));
  q = LANES_(fma)(q, t, LANES_(set1)(0x1.457cdep-1f));
  q = LANES_(fma)(q, t, LANES_(set1)(0x1.07328ap-3f));
  const LANES e = FMATH(exp_near)(LANES_(fnms)(q, t, t)); /* t <= 4: above -18 */
  const LANES y = LANES_(sub)(LANES_(set1)(1.0f), e);
  return LANES_(select_le)(a, limit, p, LANES_(copysign)(y, x));
}

AS_ALWAYS_INLINE LANES FMATH(gelu)(LANES x) {
  const LANES h = LANES_(mul)(LANES_(set1)(0.5f), x);
  return LANES_(fma)(h, FMATH(erf)(LANES_(mul)(x, LANES_(set1)(0x1.6a09e6p-1f))), h);
}

AS_ALWAYS_INLINE LANES FMATH(silu)(LANES x) {
  return LANES_(div)(x, LANES_(add)(LANES_(set1)(1.0f), FMATH(exp)(LANES_(neg)(x))));
}
