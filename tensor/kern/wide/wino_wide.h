/* The F(4x4, 3x3) tile transforms on 16 channels at a time; includer as for rows_wide.h. */
#include "tensor/kern/kernels.h"

/* The first or the last three of the six values of a 1-d transform: they need d0..d4 and d1..d5, and share
 * no step, so that a tile can be done in two halves of 18 values that stay in registers. */
AS_ALWAYS_INLINE void wide_input_low(v16 d0, v16 d1, v16 d2, v16 d3, v16 d4, v16 *v0, v16 *v1, v16 *v2) {
  const v16 e = v16_fma(v16_set1(-2.25f), d2, d4), o = v16_fma(v16_set1(-2.25f), d1, d3);
  *v0 = v16_fma(v16_set1(1.265625f), d0, v16_fma(v16_set1(-2.8125f), d2, d4));
  *v1 = v16_fma(v16_set1(0.75f), o, e);
  *v2 = v16_fma(v16_set1(-0.75f), o, e);
}

AS_ALWAYS_INLINE void wide_input_high(v16 d1, v16 d2, v16 d3, v16 d4, v16 d5, v16 *v3, v16 *v4, v16 *v5) {
  const v16 e = v16_fma(v16_set1(-0.5625f), d2, d4), o = v16_fma(v16_set1(-0.5625f), d1, d3);
  *v3 = v16_fma(v16_set1(1.5f), o, e);
  *v4 = v16_fma(v16_set1(-1.5f), o, e);
  *v5 = v16_fma(v16_set1(1.265625f), d1, v16_fma(v16_set1(-2.8125f), d3, d5));
}

AS_ALWAYS_INLINE void wide_input_row(v16 d0, v16 d1, v16 d2, v16 d3, v16 d4, v16 d5, float *to, size_t step,
                                     size_t n) {
  v16 v0, v1, v2;
  wide_input_low(d0, d1, d2, d3, d4, &v0, &v1, &v2);
  v16_put(to, n, v0);
  v16_put(to + step, n, v1);
  v16_put(to + 2 * step, n, v2);
  wide_input_high(d1, d2, d3, d4, d5, &v0, &v1, &v2);
  v16_put(to + 3 * step, n, v0);
  v16_put(to + 4 * step, n, v1);
  v16_put(to + 5 * step, n, v2);
}

AS_ALWAYS_INLINE v16 wide_pixel(const as_wino_in_args *w, const float *in, int y, int x, size_t n) {
  if (y < w->y0 || y >= w->y1 || x < w->x0 || x >= w->x1) return v16_set1(0.0f);
  return v16_get(in + (size_t)(y - w->y0) * w->row + (size_t)(x - w->x0) * w->ld, n);
}

/* n channels at ch: 16, a constant in the main call, or the tail. inside: no padding in the tile. */
AS_ALWAYS_INLINE void wide_input(const as_wino_in_args *w, size_t ch, size_t n, int inside) {
  const float *in = w->in + ch;
  const size_t r = w->row, ld = w->ld, step = w->pos;
  float *v = w->v + ch;
#define AS_PIXEL(y, x) (inside ? v16_get(in + y * r + x * ld, n) : wide_pixel(w, in, y, x, n))
#define AS_LOW(x)                                                                                       \
  wide_input_low(AS_PIXEL(0, x), AS_PIXEL(1, x), AS_PIXEL(2, x), AS_PIXEL(3, x), AS_PIXEL(4, x), &a##x, \
                 &b##x, &c##x);
#define AS_HIGH(x)                                                                                       \
  wide_input_high(AS_PIXEL(1, x), AS_PIXEL(2, x), AS_PIXEL(3, x), AS_PIXEL(4, x), AS_PIXEL(5, x), &a##x, \
                  &b##x, &c##x);
  v16 a0, a1, a2, a3, a4, a5, b0, b1, b2, b3, b4, b5, c0, c1, c2, c3, c4, c5;
  AS_LOW(0)
  AS_LOW(1) AS_LOW(2) AS_LOW(3) AS_LOW(4) AS_LOW(5) wide_input_row(a0, a1, a2, a3, a4, a5, v, step, n);
  wide_input_row(b0, b1, b2, b3, b4, b5, v + 6 * step, step, n);
  wide_input_row(c0, c1, c2, c3, c4, c5, v + 12 * step, step, n);
  AS_HIGH(0)
  AS_HIGH(1)
  AS_HIGH(2) AS_HIGH(3) AS_HIGH(4) AS_HIGH(5) wide_input_row(a0, a1, a2, a3, a4, a5, v + 18 * step, step, n);
  wide_input_row(b0, b1, b2, b3, b4, b5, v + 24 * step, step, n);
  wide_input_row(c0, c1, c2, c3, c4, c5, v + 30 * step, step, n);
#undef AS_PIXEL
#undef AS_LOW
#undef AS_HIGH
}

void AS_WIDE(wino_in)(const as_wino_in_args *w) {
  const int inside = w->y0 == 0 && w->y1 == 6 && w->x0 == 0 && w->x1 == 6;
  size_t ch = 0;
  if (inside) {
    for (; ch + 16 <= w->c; ch += 16) wide_input(w, ch, 16, 1);
  } else {
    for (; ch + 16 <= w->c; ch += 16) wide_input(w, ch, 16, 0);
  }
  if (ch < w->c) wide_input(w, ch, w->c - ch, 0);
}

AS_ALWAYS_INLINE void wide_output_1d(v16 m0, v16 m1, v16 m2, v16 m3, v16 m4, v16 m5, v16 *y0, v16 *y1,
                                     v16 *y2, v16 *y3) {
  const v16 s = v16_add(m1, m2), d = v16_sub(m1, m2), s2 = v16_add(m3, m4), d2 = v16_sub(m3, m4);
  *y0 = v16_add(v16_add(m0, s), s2);
  *y1 = v16_fma(v16_set1(1.5f), d2, v16_mul(v16_set1(0.75f), d));
  *y2 = v16_fma(v16_set1(2.25f), s2, v16_mul(v16_set1(0.5625f), s));
  *y3 = v16_add(v16_fma(v16_set1(3.375f), d2, v16_mul(v16_set1(0.421875f), d)), m5);
}

AS_ALWAYS_INLINE void wide_output_row(const as_wino_out_args *w, size_t ch, size_t n, int r, v16 m0, v16 m1,
                                      v16 m2, v16 m3, v16 m4, v16 m5) {
  if (r >= w->h) return;
  v16 y0, y1, y2, y3;
  wide_output_1d(m0, m1, m2, m3, m4, m5, &y0, &y1, &y2, &y3);
  const v16 bias = v16_get(w->bias + ch, n), zero = v16_set1(0.0f);
  float *c = w->c + (size_t)r * w->row + ch;
  const float *res = w->residual ? w->residual + (size_t)r * w->res_row + ch : 0;
#define AS_FINISH(x)                                          \
  if (x < w->w) {                                             \
    v16 t = v16_add(v16_add(y##x, bias), zero);               \
    if (res) t = v16_add(v16_get(res + x * w->res_ld, n), t); \
    if (w->relu) t = v16_relu(t);                             \
    v16_put(c + x * w->ld, n, t);                             \
  }
  AS_FINISH(0) AS_FINISH(1) AS_FINISH(2) AS_FINISH(3)
#undef AS_FINISH
}

AS_ALWAYS_INLINE void wide_output(const as_wino_out_args *w, size_t ch, size_t n) {
  const float *m = w->m + ch;
  const size_t q = w->pos;
#define AS_COLUMN(x)                                                                                       \
  v16 a##x, b##x, c##x, d##x;                                                                              \
  wide_output_1d(v16_get(m + x * q, n), v16_get(m + (x + 6) * q, n), v16_get(m + (x + 12) * q, n),         \
                 v16_get(m + (x + 18) * q, n), v16_get(m + (x + 24) * q, n), v16_get(m + (x + 30) * q, n), \
                 &a##x, &b##x, &c##x, &d##x);
  AS_COLUMN(0)
  AS_COLUMN(1)
  AS_COLUMN(2)
  AS_COLUMN(3)
  AS_COLUMN(4)
  AS_COLUMN(5)
#undef AS_COLUMN
  wide_output_row(w, ch, n, 0, a0, a1, a2, a3, a4, a5);
  wide_output_row(w, ch, n, 1, b0, b1, b2, b3, b4, b5);
  wide_output_row(w, ch, n, 2, c0, c1, c2, c3, c4, c5);
  wide_output_row(w, ch, n, 3, d0, d1, d2, d3, d4, d5);
}

void AS_WIDE(wino_out)(const as_wino_out_args *w) {
  size_t ch = 0;
  for (; ch + 16 <= w->n; ch += 16) wide_output(w, ch, 16);
  if (ch < w->n) wide_output(w, ch, w->n - ch);
}
