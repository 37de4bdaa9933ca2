/* Row operations and pooling windows, as defined. */
#include <math.h>

#include "tensor/kern/ref/fmath_ref.h"
#include "tensor/kern/ref/variant_ref.h"

/* The end of every sum along a row: 16 lanes to one, halves first. */
static float fold16(float *l) {
  for (size_t s = 8; s > 0; s /= 2)
    for (size_t j = 0; j < s; j++) l[j] += l[j + s];
  return l[0];
}

void AS_VARIANT(layernorm)(size_t c, const float *in, const float *gamma, const float *beta, float eps,
                           float *out) {
  float l[16] = {0};
  for (size_t i = 0; i < c; i++) l[i % 16] += in[i];
  const float mean = fold16(l) / (float)c;
  for (size_t j = 0; j < 16; j++) l[j] = 0.0f;
  for (size_t i = 0; i < c; i++) {
    const float d = in[i] - mean;
    l[i % 16] = AS_FMAF(d, d, l[i % 16]);
  }
  const float var = fold16(l) / (float)c;
  const float rstd = 1.0f / sqrtf(var + eps);
  for (size_t i = 0; i < c; i++) out[i] = AS_FMAF((in[i] - mean) * rstd, gamma[i], beta[i]);
}

static void softmax_row(size_t c, float scale, const float *in, float *out) {
  float max = scale * in[0], l[16] = {0};
  for (size_t i = 0; i < c; i++) {
    const float s = scale * in[i];
    if (s > max || s != s) max = s;
  }
  for (size_t i = 0; i < c; i++) {
    out[i] = as_exp_f(scale * in[i] - max);
    l[i % 16] += out[i];
  }
  const float sum = fold16(l);
  for (size_t i = 0; i < c; i++) out[i] = out[i] / sum;
}

void AS_VARIANT(softmax)(size_t rows, size_t c, float scale, const float *in, size_t ld, float *out,
                         size_t ldo) {
  for (size_t i = 0; i < rows; i++) softmax_row(c, scale, in + i * ld, out + i * ldo);
}

void AS_VARIANT(l2norm)(size_t c, const float *in, float *out) {
  float l[16] = {0};
  for (size_t i = 0; i < c; i++) l[i % 16] = AS_FMAF(in[i], in[i], l[i % 16]);
  float norm = sqrtf(fold16(l));
  if (norm < 1e-12f) norm = 1e-12f;
  for (size_t i = 0; i < c; i++) out[i] = in[i] / norm;
}

void AS_VARIANT(relu)(size_t n, const float *in, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = in[i] <= 0.0f ? 0.0f : in[i];
}

void AS_VARIANT(gelu)(size_t n, const float *in, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = as_gelu_f(in[i]);
}

void AS_VARIANT(silu)(size_t n, const float *in, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = as_silu_f(in[i]);
}

void AS_VARIANT(exp)(size_t n, const float *in, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = as_exp_f(in[i]);
}

void AS_VARIANT(erf)(size_t n, const float *in, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = as_erf_f(in[i]);
}

void AS_VARIANT(add)(size_t n, const float *a, const float *b, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

void AS_VARIANT(maxwin)(const as_window_args *w) {
  for (size_t ch = 0; ch < w->c; ch++) {
    float m = w->in[ch];
    for (size_t y = 0; y < w->rows; y++)
      for (size_t x = 0; x < w->cols; x++) {
        const float v = w->in[y * w->row + x * w->ld + ch];
        if (v > m || v != v) m = v;
      }
    w->out[ch] = m;
  }
}

void AS_VARIANT(meanwin)(const as_window_args *w) {
  for (size_t ch = 0; ch < w->c; ch++) {
    float sum = 0.0f;
    for (size_t y = 0; y < w->rows; y++)
      for (size_t x = 0; x < w->cols; x++) sum += w->in[y * w->row + x * w->ld + ch];
    w->out[ch] = sum / w->count;
  }
}
