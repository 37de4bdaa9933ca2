/* The F(4x4, 3x3) tile transforms on 16 channels at a time; includer as for rows_wide.h. The 36 values
 * of a tile pass once through a block on the stack between the column and the row transforms. */
#include "tensor/kernels.h"

AS_ALWAYS_INLINE void wide_input_1d(v16 d0, v16 d1, v16 d2, v16 d3, v16 d4, v16 d5, float *to, size_t step,
                                    size_t n) {
  const v16 e = v16_fma(v16_set1(-2.25f), d2, d4), o = v16_fma(v16_set1(-2.25f), d1, d3);
  const v16 e2 = v16_fma(v16_set1(-0.5625f), d2, d4), o2 = v16_fma(v16_set1(-0.5625f), d1, d3);
  const v16 c = v16_set1(1.265625f), b = v16_set1(-2.8125f);
  v16_put(to, n, v16_fma(c, d0, v16_fma(b, d2, d4)));
  v16_put(to + step, n, v16_fma(v16_set1(0.75f), o, e));
  v16_put(to + 2 * step, n, v16_fma(v16_set1(-0.75f), o, e));
  v16_put(to + 3 * step, n, v16_fma(v16_set1(1.5f), o2, e2));
  v16_put(to + 4 * step, n, v16_fma(v16_set1(-1.5f), o2, e2));
  v16_put(to + 5 * step, n, v16_fma(c, d1, v16_fma(b, d3, d5)));
}

AS_ALWAYS_INLINE v16 wide_pixel(const as_wino_in_args *w, const float *in, int y, int x, size_t n) {
  if (y < w->y0 || y >= w->y1 || x < w->x0 || x >= w->x1) return v16_set1(0.0f);
  return v16_get(in + (size_t)(y - w->y0) * w->row + (size_t)(x - w->x0) * w->ld, n);
}

/* n channels at ch: 16, a constant in the main call, or the tail. */
AS_ALWAYS_INLINE void wide_input(const as_wino_in_args *w, size_t ch, size_t n, int inside) {
  _Alignas(64) float t[36 * 16];
  const float *in = w->in + ch;
  if (inside) {
    for (size_t x = 0; x < 6; x++) {
      const float *p = in + x * w->ld;
      const size_t r = w->row;
      wide_input_1d(v16_get(p, n), v16_get(p + r, n), v16_get(p + 2 * r, n), v16_get(p + 3 * r, n),
                    v16_get(p + 4 * r, n), v16_get(p + 5 * r, n), t + x * 16, 96, 16);
    }
  } else {
    for (int x = 0; x < 6; x++)
      wide_input_1d(wide_pixel(w, in, 0, x, n), wide_pixel(w, in, 1, x, n), wide_pixel(w, in, 2, x, n),
                    wide_pixel(w, in, 3, x, n), wide_pixel(w, in, 4, x, n), wide_pixel(w, in, 5, x, n),
                    t + x * 16, 96, 16);
  }
  for (size_t y = 0; y < 6; y++) {
    const float *p = t + y * 96;
    wide_input_1d(v16_load(p), v16_load(p + 16), v16_load(p + 32), v16_load(p + 48), v16_load(p + 64),
                  v16_load(p + 80), w->v + 6 * y * w->pos + ch, w->pos, n);
  }
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

AS_ALWAYS_INLINE void wide_output_1d(v16 m0, v16 m1, v16 m2, v16 m3, v16 m4, v16 m5, v16 y[4]) {
  const v16 s = v16_add(m1, m2), d = v16_sub(m1, m2), s2 = v16_add(m3, m4), d2 = v16_sub(m3, m4);
  y[0] = v16_add(v16_add(m0, s), s2);
  y[1] = v16_fma(v16_set1(1.5f), d2, v16_mul(v16_set1(0.75f), d));
  y[2] = v16_fma(v16_set1(2.25f), s2, v16_mul(v16_set1(0.5625f), s));
  y[3] = v16_add(v16_fma(v16_set1(3.375f), d2, v16_mul(v16_set1(0.421875f), d)), m5);
}

AS_ALWAYS_INLINE void wide_output(const as_wino_out_args *w, size_t ch, size_t n) {
  _Alignas(64) float t[24 * 16];
  const float *m = w->m + ch;
  const size_t q = w->pos;
  for (size_t x = 0; x < 6; x++) {
    const float *p = m + x * q;
    v16 y[4];
    wide_output_1d(v16_get(p, n), v16_get(p + 6 * q, n), v16_get(p + 12 * q, n), v16_get(p + 18 * q, n),
                   v16_get(p + 24 * q, n), v16_get(p + 30 * q, n), y);
    v16_store(t + x * 16, y[0]);
    v16_store(t + (6 + x) * 16, y[1]);
    v16_store(t + (12 + x) * 16, y[2]);
    v16_store(t + (18 + x) * 16, y[3]);
  }
  const v16 bias = v16_get(w->bias + ch, n), zero = v16_set1(0.0f);
  for (int r = 0; r < w->h; r++) {
    const float *p = t + (size_t)r * 96;
    v16 y[4];
    wide_output_1d(v16_load(p), v16_load(p + 16), v16_load(p + 32), v16_load(p + 48), v16_load(p + 64),
                   v16_load(p + 80), y);
    float *c = w->c + (size_t)r * w->row + ch;
    const float *res = w->residual ? w->residual + (size_t)r * w->res_row + ch : 0;
    for (int x = 0; x < 4; x++) {
      if (x >= w->w) break;
      v16 v = v16_add(v16_add(y[x], bias), zero);
      if (res) v = v16_add(v16_get(res + (size_t)x * w->res_ld, n), v);
      if (w->relu) v = v16_relu(v);
      v16_put(c + (size_t)x * w->ld, n, v);
    }
  }
}

void AS_WIDE(wino_out)(const as_wino_out_args *w) {
  size_t ch = 0;
  for (; ch + 16 <= w->n; ch += 16) wide_output(w, ch, 16);
  if (ch < w->n) wide_output(w, ch, w->n - ch);
}
