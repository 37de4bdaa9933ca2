#include "data/image/preset_tf.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

enum { TABLE = 1024 };

typedef struct taps {
  int at[4];
  float w[4];
} taps;

/* Weights at distance i / 1024: [2 i] for the near two taps, [2 i + 1] for the far two. In double,
 * stored as float, as TensorFlow does. */
static void fill_table(float *t, double a) {
  for (int i = 0; i <= TABLE; i++) {
    float x = (float)(i * 1.0 / TABLE);
    t[2 * i] = (float)(((a + 2) * x - (a + 3)) * x * x + 1);
    x = (float)(x + 1.0);
    t[2 * i + 1] = (float)(((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
  }
}

static void find_taps(const float *table, float scale, int x, int limit, int half_pixel, taps *t) {
  float at = half_pixel ? ((float)x + 0.5f) * scale - 0.5f : (float)x * scale;
  int base = (int)floor((double)at);
  float delta = at - (float)base;
  int o = (int)as_rint((double)(delta * (float)TABLE)), r = TABLE - o;
  const float w[4] = {table[2 * o + 1], table[2 * o], table[2 * r], table[2 * r + 1]};
  for (int i = 0; i < 4; i++) {
    int k = base - 1 + i, b = k < 0 ? 0 : k > limit - 1 ? limit - 1 : k;
    t->at[i] = b;
    t->w[i] = half_pixel && b != k ? 0.0f : w[i];
  }
  if (!half_pixel) return;
  float sum = t->w[0] + t->w[1] + t->w[2] + t->w[3];
  if (fabs((double)sum) < 1000.0 * (double)FLT_MIN) return;
  float one = 1.0f / sum;
  for (int i = 0; i < 4; i++) t->w[i] *= one;
}

as_status as_tf_resize(const uint8_t *rgb, size_t stride, int w, int h, int out_w, int out_h, int half_pixel,
                       float unit, float *out, as_err *err) {
  float *table = as_alloc(2 * (TABLE + 1), sizeof *table, err);
  taps *tx = table ? as_alloc((size_t)out_w, sizeof *tx, err) : NULL;
  if (!tx) {
    as_free(table);
    return AS_E_ENV;
  }
  fill_table(table, half_pixel ? -0.5 : -0.75);
  const float scale_x = (float)w / (float)out_w, scale_y = (float)h / (float)out_h;
  for (int x = 0; x < out_w; x++) find_taps(table, scale_x, x, w, half_pixel, &tx[x]);
  for (int y = 0; y < out_h; y++) {
    taps ty;
    find_taps(table, scale_y, y, h, half_pixel, &ty);
    const uint8_t *rows[4];
    for (int i = 0; i < 4; i++) rows[i] = rgb + (size_t)ty.at[i] * stride;
    for (int x = 0; x < out_w; x++) {
      for (int ch = 0; ch < 3; ch++) {
        float col[4];
        for (int i = 0; i < 4; i++) {
          size_t at = (size_t)tx[x].at[i] * 3 + (size_t)ch;
          float v[4];
          for (int r = 0; r < 4; r++) v[r] = (float)rows[r][at] * unit;
          col[i] = v[0] * ty.w[0] + v[1] * ty.w[1] + v[2] * ty.w[2] + v[3] * ty.w[3];
        }
        *out++ = col[0] * tx[x].w[0] + col[1] * tx[x].w[1] + col[2] * tx[x].w[2] + col[3] * tx[x].w[3];
      }
    }
  }
  as_free(table);
  as_free(tx);
  return AS_OK;
}

as_status as_tf_bicubic(const as_image *im, float fraction, int side, int half_pixel, float *out,
                        as_err *err) {
  /* SimCLR rounds the crop's side (tf.rint), BYOL truncates it; both put the odd pixel before. */
  int small = im->w < im->h ? im->w : im->h;
  float f = fraction * (float)small;
  int c = half_pixel ? (int)f : (int)as_rint((double)f);
  if (c < 1) return as_fail(err, AS_E_INPUT, "image: %d x %d pixels leave nothing to crop", im->w, im->h);
  const size_t x0 = (size_t)(im->w - c + 1) / 2, y0 = (size_t)(im->h - c + 1) / 2, stride = (size_t)im->w * 3;
  as_status s = as_tf_resize(im->rgb + y0 * stride + x0 * 3, stride, c, c, side, side, half_pixel,
                             half_pixel ? 1.0f : (float)(1.0 / 255), out, err);
  const size_t n = (size_t)side * (size_t)side * 3;
  for (size_t i = 0; s == AS_OK && i < n; i++) {
    float v = half_pixel ? out[i] / 255.0f : out[i];
    out[i] = v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
  }
  return s;
}
