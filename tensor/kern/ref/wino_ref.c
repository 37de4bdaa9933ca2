/* F(4x4, 3x3) tile transforms, as defined. Interpolation points 0, +-3/4, +-3/2, infinity: every
 * constant is exact in float, and the error is half that of 0, +-1, +-2. */
#include <math.h>

#include "tensor/kern/ref/variant_ref.h"

/* One 1-d input transform of d[0], d[step], ... in place. */
static void input_1d(float *d, size_t step) {
  const float d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const float e = AS_FMAF(-2.25f, d2, d4), o = AS_FMAF(-2.25f, d1, d3);
  const float e2 = AS_FMAF(-0.5625f, d2, d4), o2 = AS_FMAF(-0.5625f, d1, d3);
  d[0] = AS_FMAF(1.265625f, d0, AS_FMAF(-2.8125f, d2, d4));
  d[step] = AS_FMAF(0.75f, o, e);
  d[2 * step] = AS_FMAF(-0.75f, o, e);
  d[3 * step] = AS_FMAF(1.5f, o2, e2);
  d[4 * step] = AS_FMAF(-1.5f, o2, e2);
  d[5 * step] = AS_FMAF(1.265625f, d1, AS_FMAF(-2.8125f, d3, d5));
}

void AS_VARIANT(wino_in)(const as_wino_in_args *w) {
  for (size_t ch = 0; ch < w->c; ch++) {
    float t[36];
    for (int y = 0; y < 6; y++)
      for (int x = 0; x < 6; x++) {
        const int inside = y >= w->y0 && y < w->y1 && x >= w->x0 && x < w->x1;
        t[6 * y + x] = inside ? w->in[(size_t)(y - w->y0) * w->row + (size_t)(x - w->x0) * w->ld + ch] : 0.0f;
      }
    for (size_t x = 0; x < 6; x++) input_1d(t + x, 6);
    for (size_t y = 0; y < 6; y++) input_1d(t + 6 * y, 1);
    for (size_t p = 0; p < 36; p++) w->v[p * w->pos + ch] = t[p];
  }
}

/* m[0], m[step], .. m[5 step] to y[0], y[out], y[2 out], y[3 out]. */
static void output_1d(const float *m, size_t step, float *y, size_t out) {
  const float m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step], m4 = m[4 * step], m5 = m[5 * step];
  const float s = m1 + m2, d = m1 - m2, s2 = m3 + m4, d2 = m3 - m4;
  y[0] = (m0 + s) + s2;
  y[out] = AS_FMAF(1.5f, d2, 0.75f * d);
  y[2 * out] = AS_FMAF(2.25f, s2, 0.5625f * s);
  y[3 * out] = AS_FMAF(3.375f, d2, 0.421875f * d) + m5;
}

void AS_VARIANT(wino_out)(const as_wino_out_args *w) {
  for (size_t j = 0; j < w->n; j++) {
    float m[36], t[24], y[16];
    for (size_t p = 0; p < 36; p++) m[p] = w->m[p * w->pos + j];
    for (size_t x = 0; x < 6; x++) output_1d(m + x, 6, t + x, 6);
    for (size_t r = 0; r < 4; r++) output_1d(t + 6 * r, 1, y + 4 * r, 1);
    for (int r = 0; r < w->h; r++)
      for (int x = 0; x < w->w; x++) {
        float v = (y[4 * r + x] + w->bias[j]) + 0.0f;
        if (w->residual) v = w->residual[(size_t)r * w->res_row + (size_t)x * w->res_ld + j] + v;
        if (w->relu && v <= 0.0f) v = 0.0f;
        w->c[(size_t)r * w->row + (size_t)x * w->ld + j] = v;
      }
  }
}
