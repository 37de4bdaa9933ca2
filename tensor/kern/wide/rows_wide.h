/* Row and elementwise kernels written once for all instruction sets, on a type v16 of 16 float lanes
 * (one, two or four registers). The includer defines v16 and the v16_* functions (see any
 * lanes_*.h) and AS_WIDE(op), the name of a kernel. Bits: kern/ref/rows_ref.c and fmath_ref.h. */
#include <stdbool.h>

#include "tensor/kern/kernels.h"

#define LANES v16
#define LANES_(op) v16_##op
#define FMATH(op) wide_##op
#include "tensor/kern/wide/fmath_wide.h"
#undef LANES
#undef LANES_
#undef FMATH
/* AVX-512, whose v16 is one register, takes four at a time; what is two or four registers is side by side already. */
#ifdef AS_WIDE_FOUR
#include "tensor/kern/wide/four_wide.h"
#define LANES v64
#define LANES_(op) v64_##op
#define FMATH(op) four_##op
#include "tensor/kern/wide/fmath_wide.h"
#undef LANES
#undef LANES_
#undef FMATH
#define AS_WIDE_MAP_FOUR(op) \
  for (; i + 64 <= n; i += 64) v64_store(out + i, four_##op(v64_load(in + i)));
#else
#define AS_WIDE_MAP_FOUR(op)
#endif

AS_ALWAYS_INLINE v16 wide_relu(v16 x) {
  return v16_relu(x);
}

#define AS_WIDE_MAP(op, FOUR)                                                     \
  void AS_WIDE(op)(size_t n, const float *in, float *out) {                       \
    size_t i = 0;                                                                 \
    FOUR(op)                                                                      \
    for (; i + 16 <= n; i += 16) v16_store(out + i, wide_##op(v16_load(in + i))); \
    if (i < n) v16_storen(out + i, n - i, wide_##op(v16_loadn(in + i, n - i)));   \
  }
#define AS_WIDE_NO_FOUR(op)
AS_WIDE_MAP(exp, AS_WIDE_MAP_FOUR)
AS_WIDE_MAP(erf, AS_WIDE_MAP_FOUR)
AS_WIDE_MAP(gelu, AS_WIDE_MAP_FOUR)
AS_WIDE_MAP(silu, AS_WIDE_MAP_FOUR)
AS_WIDE_MAP(relu, AS_WIDE_NO_FOUR)
#undef AS_WIDE_MAP
#undef AS_WIDE_MAP_FOUR
#undef AS_WIDE_NO_FOUR

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

/* The largest of a row in all lanes; in `least` lanes of which one is the least. NaN counts or not. Chains side by side hide the
 * latency of a step. */
AS_ALWAYS_INLINE v16 wide_range(size_t c, const float *in, v16 *least) {
  v16 a0 = v16_set1(in[0]), a1 = a0, b0 = a0, b1 = a0;
  size_t i = 0;
  for (; i + 32 <= c; i += 32) {
    const v16 x0 = v16_load(in + i), x1 = v16_load(in + i + 16);
    a0 = v16_min(a0, x0), b0 = v16_max(b0, x0);
    a1 = v16_min(a1, x1), b1 = v16_max(b1, x1);
  }
  for (; i + 16 <= c; i += 16) a0 = v16_min(a0, v16_load(in + i)), b0 = v16_max(b0, v16_load(in + i));
  if (i < c) {
    const v16 x = v16_keepn(v16_loadn(in + i, c - i), c - i, v16_set1(in[0]));
    a1 = v16_min(a1, x), b1 = v16_max(b1, x);
  }
  *least = v16_min(a0, a1);
  return v16_foldmax(v16_max(b0, b1));
}

/* exp(scale x - m) to out; returns the lanes of their sum. */
#define AS_WIDE_EXP_ROW(exp_row, EXP, FOUR)                                               \
  AS_ALWAYS_INLINE v16 exp_row(size_t c, v16 scale, v16 m, const float *in, float *out) { \
    v16 l = v16_set1(0.0f);                                                               \
    size_t i = 0;                                                                         \
    FOUR for (; i + 16 <= c; i += 16) {                                                   \
      const v16 e = EXP(v16_sub(v16_mul(scale, v16_load(in + i)), m));                    \
      v16_store(out + i, e);                                                              \
      l = v16_add(l, e);                                                                  \
    }                                                                                     \
    if (i < c) {                                                                          \
      const v16 e = EXP(v16_sub(v16_mul(scale, v16_loadn(in + i, c - i)), m));            \
      v16_storen(out + i, c - i, e);                                                      \
      l = v16_add(l, v16_keepn(e, c - i, v16_set1(0.0f)));                                \
    }                                                                                     \
    return l;                                                                             \
  }
#ifdef AS_WIDE_FOUR
#define AS_WIDE_EXP_FOUR                                                           \
  const v64 scales = {scale, scale, scale, scale}, most = {m, m, m, m};            \
  for (; i + 64 <= c; i += 64) {                                                   \
    const v64 e = four_exp_near(v64_sub(v64_mul(scales, v64_load(in + i)), most)); \
    v64_store(out + i, e);                                                         \
    l = v16_add(v16_add(v16_add(v16_add(l, e.a), e.b), e.c), e.d);                 \
  }
#else
#define AS_WIDE_EXP_FOUR
#endif
AS_WIDE_EXP_ROW(wide_exp_row, wide_exp, )
AS_WIDE_EXP_ROW(wide_exp_row_near, wide_exp_near, AS_WIDE_EXP_FOUR)
#undef AS_WIDE_EXP_ROW
#undef AS_WIDE_EXP_FOUR

/* e / sum for 2^-96 <= e <= 1 <= sum or NaN, correctly rounded, without a division: y is 1 / sum rounded once and z the rest,
 * so that q is the quotient but for its own rounding and 2^-45; from there a step whose remainder is exact gives the
 * rounded quotient (Markstein, IBM J. Res. Dev. 34, 1990). It is exact as none of its bits is below 2^-149. */
AS_ALWAYS_INLINE v16 wide_share(v16 e, v16 sum, v16 y, v16 z) {
  const v16 q = v16_fma(e, y, v16_mul(e, z));
  return v16_fma(v16_fma(q, v16_neg(sum), e), y, q);
}

AS_ALWAYS_INLINE void wide_share_row(size_t c, float *x, v16 sum, v16 y) {
  const v16 z = v16_mul(v16_fma(v16_neg(sum), y, v16_set1(1.0f)), y);
  size_t i = 0;
  for (; i + 16 <= c; i += 16) v16_store(x + i, wide_share(v16_load(x + i), sum, y, z));
  if (i < c) v16_storen(x + i, c - i, wide_share(v16_loadn(x + i, c - i), sum, y, z));
}

AS_ALWAYS_INLINE void wide_div_row(size_t c, float *x, v16 sum) {
  for (size_t i = 0, n; i < c; i += n) {
    n = c - i < 16 ? c - i : 16;
    v16_put(x + i, n, v16_div(v16_get(x + i, n), sum));
  }
}

/* Rows whose scores differ by less than 66 have exponentials above 2^-96, far from denormals: no bounds to see to. A NaN may
 * be missed in the range of its row; then it is in the sum. Step by step over a few rows at a time: of one row each step waits for
 * the end of the one before. */
void AS_WIDE(softmax)(size_t rows, size_t c, float scale, const float *in, size_t ld, float *out,
                      size_t ldo) {
  enum { TOGETHER = 16 };
  const v16 sc = v16_set1(scale), one = v16_set1(1.0f);
  v16 m[TOGETHER], l[TOGETHER], sum[TOGETHER], y[TOGETHER];
  bool near[TOGETHER];
  for (size_t first = 0, n; first < rows; first += n, in += n * ld, out += n * ldo) {
    n = rows - first < TOGETHER ? rows - first : TOGETHER;
    for (size_t r = 0; r < n; r++) {
      v16 least;
      m[r] = v16_mul(sc, wide_range(c, in + r * ld, &least)); /* rounding keeps the order of products */
      near[r] = v16_all_ge(v16_sub(v16_mul(sc, least), m[r]), v16_set1(-66.0f));
    }
    for (size_t r = 0; r < n; r++)
      l[r] = near[r] ? wide_exp_row_near(c, sc, m[r], in + r * ld, out + r * ldo)
                     : wide_exp_row(c, sc, m[r], in + r * ld, out + r * ldo);
    for (size_t r = 0; r < n; r++) sum[r] = v16_set1(v16_fold(l[r])), y[r] = v16_div(one, sum[r]);
    for (size_t r = 0; r < n; r++) {
      if (near[r])
        wide_share_row(c, out + r * ldo, sum[r], y[r]);
      else
        wide_div_row(c, out + r * ldo, sum[r]);
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
