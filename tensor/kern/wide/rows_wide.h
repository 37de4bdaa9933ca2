/* Row and elementwise kernels written once for all instruction sets, on a type v16 of 16 float lanes
 * (one, two or four registers). The includer defines v16 and the v16_* functions (see any
 * lanes_*.h) and AS_WIDE(op), the name of a kernel. Bits: kern/ref/rows_ref.c and fmath_ref.h. */
#include "tensor/kern/kernels.h"

AS_ALWAYS_INLINE v16 wide_exp(v16 x) {
  x = v16_min(v16_set1(89.0f), x);
  x = v16_max(v16_set1(-104.0f), x);
  const v16 magic = v16_set1(0x1.8p23f);
  const v16 n = v16_sub(v16_fma(x, v16_set1(0x1.715476p0f), magic), magic);
  v16 r = v16_fma(n, v16_set1(-0x1.62e4p-1f), x);
  r = v16_fma(n, v16_set1(-0x1.7f7d1cp-20f), r);
  v16 q = v16_set1(0x1.6a23cep-10f);
  q = v16_fma(q, r, v16_set1(0x1.123a2p-7f));
  q = v16_fma(q, r, v16_set1(0x1.5558f2p-5f));
  q = v16_fma(q, r, v16_set1(0x1.555492p-3f));
  q = v16_fma(q, r, v16_set1(0x1.fffffcp-2f));
  return v16_scale(v16_add(v16_fma(v16_mul(r, r), q, r), v16_set1(1.0f)), n);
}

AS_ALWAYS_INLINE v16 wide_erf(v16 x) {
  const v16 s = v16_mul(x, x), limit = v16_set1(0.921875f);
  v16 p = v16_set1(-0x1.382606p-11f);
  p = v16_fma(p, s, v16_set1(0x1.46c248p-8f));
  p = v16_fma(p, s, v16_set1(-0x1.b676cep-6f));
  p = v16_fma(p, s, v16_set1(0x1.ce1904p-4f));
  p = v16_fma(p, s, v16_set1(-0x1.8126dcp-2f));
  p = v16_fma(p, s, v16_set1(0x1.06eba6p-3f));
  p = v16_fma(p, x, x);
  const v16 a = v16_abs(x), t = v16_min(v16_set1(4.0f), a);
  v16 q = v16_set1(-0x1.c0c24ep-13f);
  q = v16_fma(q, t, v16_set1(0x1.a56404p-9f));
  q = v16_fma(q, t, v16_set1(-0x1.770778p-6f));
  q = v16_fma(q, t, v16_set1(0x1.af270ap-4f));
  q = v16_fma(q, t, v16_set1(0x1.457cdep-1f));
  q = v16_fma(q, t, v16_set1(0x1.07328ap-3f));
  const v16 e = wide_exp(v16_fnms(q, t, t));
  const v16 y = v16_sub(v16_set1(1.0f), e);
  return v16_select_le(a, limit, p, v16_copysign(y, x));
}

AS_ALWAYS_INLINE v16 wide_gelu(v16 x) {
  const v16 h = v16_mul(v16_set1(0.5f), x);
  return v16_fma(h, wide_erf(v16_mul(x, v16_set1(0x1.6a09e6p-1f))), h);
}

AS_ALWAYS_INLINE v16 wide_silu(v16 x) {
  return v16_div(x, v16_add(v16_set1(1.0f), wide_exp(v16_neg(x))));
}

AS_ALWAYS_INLINE v16 wide_relu(v16 x) {
  return v16_relu(x);
}

#define AS_WIDE_MAP(op)                                                           \
  void AS_WIDE(op)(size_t n, const float *in, float *out) {                       \
    size_t i = 0;                                                                 \
    for (; i + 16 <= n; i += 16) v16_store(out + i, wide_##op(v16_load(in + i))); \
    if (i < n) v16_storen(out + i, n - i, wide_##op(v16_loadn(in + i, n - i)));   \
  }
AS_WIDE_MAP(exp)
AS_WIDE_MAP(erf)
AS_WIDE_MAP(gelu)
AS_WIDE_MAP(silu)
AS_WIDE_MAP(relu)
#undef AS_WIDE_MAP

void AS_WIDE(add)(size_t n, const float *a, const float *b, float *out) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) v16_store(out + i, v16_add(v16_load(a + i), v16_load(b + i)));
  if (i < n) v16_storen(out + i, n - i, v16_add(v16_loadn(a + i, n - i), v16_loadn(b + i, n - i)));
}

/* Adding the +0 of absent lanes changes no sum: lanes start at +0 and never become -0. */
void AS_WIDE(layernorm)(size_t c, const float *in, const float *gamma, const float *beta, float eps,
                        float *out) {
  const size_t whole = c / 16 * 16, rest = c - whole;
  v16 l = v16_set1(0.0f);
  for (size_t i = 0; i < whole; i += 16) l = v16_add(l, v16_load(in + i));
  if (rest) l = v16_add(l, v16_loadn(in + whole, rest));
  const v16 mean = v16_set1(v16_fold(l) / (float)c);
  l = v16_set1(0.0f);
  for (size_t i = 0; i < whole; i += 16) {
    const v16 d = v16_sub(v16_load(in + i), mean);
    l = v16_fma(d, d, l);
  }
  if (rest) {
    const v16 d = v16_keepn(v16_sub(v16_loadn(in + whole, rest), mean), rest, v16_set1(0.0f));
    l = v16_fma(d, d, l);
  }
  const float var = v16_fold(l) / (float)c;
  const v16 rstd = v16_set1(1.0f / sqrtf(var + eps));
  for (size_t i = 0; i < whole; i += 16) {
    const v16 d = v16_mul(v16_sub(v16_load(in + i), mean), rstd);
    v16_store(out + i, v16_fma(d, v16_load(gamma + i), v16_load(beta + i)));
  }
  if (rest) {
    const v16 d = v16_mul(v16_sub(v16_loadn(in + whole, rest), mean), rstd);
    v16_storen(out + whole, rest, v16_fma(d, v16_loadn(gamma + whole, rest), v16_loadn(beta + whole, rest)));
  }
}

/* e / sum for 0 <= e <= 1 <= sum, correctly rounded, without a division: y is 1 / sum rounded once. e y is within two units
 * of the last place, one step of correction brings it within one, and from there a step whose remainder is exact gives
 * the rounded quotient (Markstein, IBM J. Res. Dev. 34, 1990). Remainders are exact while e is so large that none of their bits
 * is below 2^-149; smaller ones, and NaN, are divided. */
AS_ALWAYS_INLINE v16 wide_share(v16 e, v16 sum, v16 y) {
  if (!v16_all_ge(e, v16_set1(0x1p-96f))) return v16_div(e, sum);
  const v16 minus_e = v16_neg(e), minus_y = v16_neg(y);
  v16 q = v16_mul(e, y);
  q = v16_fma(v16_fma(q, sum, minus_e), minus_y, q);
  return v16_fma(v16_fma(q, sum, minus_e), minus_y, q);
}

/* Four chains of the maximum hide the latency of its two steps. */
AS_ALWAYS_INLINE v16 wide_max_scaled(size_t c, v16 sc, const float *in) {
  v16 m0 = v16_mul(sc, v16_set1(in[0])), m1 = m0, m2 = m0, m3 = m0;
  size_t i = 0;
  for (; i + 64 <= c; i += 64) {
    m0 = v16_maxnan(m0, v16_mul(sc, v16_load(in + i))),
    m1 = v16_maxnan(m1, v16_mul(sc, v16_load(in + i + 16)));
    m2 = v16_maxnan(m2, v16_mul(sc, v16_load(in + i + 32))),
    m3 = v16_maxnan(m3, v16_mul(sc, v16_load(in + i + 48)));
  }
  for (; i + 16 <= c; i += 16) m1 = v16_maxnan(m1, v16_mul(sc, v16_load(in + i)));
  if (i < c) m2 = v16_maxnan(m2, v16_keepn(v16_mul(sc, v16_loadn(in + i, c - i)), c - i, m2));
  return v16_foldmax(v16_maxnan(v16_maxnan(m0, m1), v16_maxnan(m2, m3)));
}

/* exp(scale x - m) to out; the lanes of their sum. */
AS_ALWAYS_INLINE v16 wide_exp_row(size_t c, v16 sc, v16 m, const float *in, float *out) {
  v16 l = v16_set1(0.0f);
  size_t i = 0;
  for (; i + 16 <= c; i += 16) {
    const v16 e = wide_exp(v16_sub(v16_mul(sc, v16_load(in + i)), m));
    v16_store(out + i, e);
    l = v16_add(l, e);
  }
  if (i < c) {
    const v16 e = wide_exp(v16_sub(v16_mul(sc, v16_loadn(in + i, c - i)), m));
    v16_storen(out + i, c - i, e);
    l = v16_add(l, v16_keepn(e, c - i, v16_set1(0.0f)));
  }
  return l;
}

/* Step by step over a few rows at a time: of one row each step waits for the end of the one before. */
void AS_WIDE(softmax)(size_t rows, size_t c, float scale, const float *in, size_t ld, float *out,
                      size_t ldo) {
  enum { TOGETHER = 16 };
  const v16 sc = v16_set1(scale), one = v16_set1(1.0f);
  v16 m[TOGETHER], l[TOGETHER], sum[TOGETHER], y[TOGETHER];
  for (size_t first = 0, n; first < rows; first += n, in += n * ld, out += n * ldo) {
    n = rows - first < TOGETHER ? rows - first : TOGETHER;
    for (size_t r = 0; r < n; r++) m[r] = wide_max_scaled(c, sc, in + r * ld);
    for (size_t r = 0; r < n; r++) l[r] = wide_exp_row(c, sc, m[r], in + r * ld, out + r * ldo);
    for (size_t r = 0; r < n; r++) sum[r] = v16_set1(v16_fold(l[r])), y[r] = v16_div(one, sum[r]);
    for (size_t r = 0; r < n; r++) {
      float *x = out + r * ldo;
      size_t i = 0;
      for (; i + 16 <= c; i += 16) v16_store(x + i, wide_share(v16_load(x + i), sum[r], y[r]));
      if (i < c)
        v16_storen(x + i, c - i, wide_share(v16_keepn(v16_loadn(x + i, c - i), c - i, one), sum[r], y[r]));
    }
  }
}

void AS_WIDE(l2norm)(size_t c, const float *in, float *out) {
  const size_t whole = c / 16 * 16, rest = c - whole;
  v16 l = v16_set1(0.0f);
  for (size_t i = 0; i < whole; i += 16) {
    const v16 x = v16_load(in + i);
    l = v16_fma(x, x, l);
  }
  if (rest) {
    const v16 x = v16_loadn(in + whole, rest);
    l = v16_fma(x, x, l);
  }
  float norm = sqrtf(v16_fold(l));
  if (norm < 1e-12f) norm = 1e-12f;
  const v16 d = v16_set1(norm);
  for (size_t i = 0; i < whole; i += 16) v16_store(out + i, v16_div(v16_load(in + i), d));
  if (rest) v16_storen(out + whole, rest, v16_div(v16_loadn(in + whole, rest), d));
}

/* Four chains at a time hide the latency of an addition. */
#define AS_WIDE_WINDOW(op, START, STEP, END)                                                                 \
  void AS_WIDE(op)(const as_window_args *w) {                                                                \
    size_t ch = 0;                                                                                           \
    for (; ch + 64 <= w->c; ch += 64) {                                                                      \
      const float *first = w->in + ch;                                                                       \
      v16 m0 = START(first), m1 = START(first + 16), m2 = START(first + 32), m3 = START(first + 48);         \
      for (size_t y = 0; y < w->rows; y++)                                                                   \
        for (size_t x = 0; x < w->cols; x++) {                                                               \
          const float *p = first + y * w->row + x * w->ld;                                                   \
          m0 = STEP(m0, v16_load(p)), m1 = STEP(m1, v16_load(p + 16));                                       \
          m2 = STEP(m2, v16_load(p + 32)), m3 = STEP(m3, v16_load(p + 48));                                  \
        }                                                                                                    \
      v16_store(w->out + ch, END(m0)), v16_store(w->out + ch + 16, END(m1));                                 \
      v16_store(w->out + ch + 32, END(m2)), v16_store(w->out + ch + 48, END(m3));                            \
    }                                                                                                        \
    for (; ch < w->c; ch += 16) {                                                                            \
      const size_t n = w->c - ch < 16 ? w->c - ch : 16;                                                      \
      v16 m = START##_N(w->in + ch, n);                                                                      \
      for (size_t y = 0; y < w->rows; y++)                                                                   \
        for (size_t x = 0; x < w->cols; x++) m = STEP(m, v16_loadn(w->in + y * w->row + x * w->ld + ch, n)); \
      v16_storen(w->out + ch, n, END(m));                                                                    \
    }                                                                                                        \
  }
#define ZERO(p) v16_set1(0.0f)
#define ZERO_N(p, n) v16_set1(0.0f)
#define FIRST(p) v16_load(p)
#define FIRST_N(p, n) v16_loadn(p, n)
#define SAME(m) (m)
#define MEAN(m) v16_div(m, v16_set1(w->count))
AS_WIDE_WINDOW(maxwin, FIRST, v16_maxnan, SAME)
AS_WIDE_WINDOW(meanwin, ZERO, v16_add, MEAN)
#undef AS_WIDE_WINDOW
#undef ZERO
#undef ZERO_N
#undef FIRST
#undef FIRST_N
#undef SAME
#undef MEAN
