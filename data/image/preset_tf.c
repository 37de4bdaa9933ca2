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

static void find_taps(const float *table, float scale, int x, int limit, bool half_pixel, taps *t) {
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

as_status as_tf_resize(const as_tf_plan *p, as_row_fn *next, void *ctx, float *out, as_err *err) {
  const size_t row = (size_t)p->w * 4;
  float *table = as_alloc(2 * (TABLE + 1), sizeof *table, err);
  taps *tx = table ? as_alloc((size_t)p->out_w, sizeof *tx, err) : NULL;
  uint8_t *ring = tx ? as_alloc(row, 4, err) : NULL; /* source row y is row y modulo 4 */
  as_status s = ring ? AS_OK : AS_E_ENV;
  const float scale_x = (float)p->w / (float)p->out_w, scale_y = (float)p->h / (float)p->out_h;
  if (s == AS_OK) fill_table(table, p->half_pixel ? -0.5 : -0.75);
  for (int x = 0; s == AS_OK && x < p->out_w; x++) find_taps(table, scale_x, x, p->w, p->half_pixel, &tx[x]);
  for (int y = 0, came = 0; s == AS_OK && y < p->out_h; y++) {
    taps ty;
    find_taps(table, scale_y, y, p->h, p->half_pixel, &ty);
    while (s == AS_OK && came <= ty.at[3]) s = next(ctx, ring + (size_t)(came++ % 4) * row, err);
    if (s != AS_OK) break;
    for (int x = 0; x < p->out_w; x++) {
      for (int ch = 0; ch < 3; ch++) {
        float col[4];
        for (int i = 0; i < 4; i++) {
          const size_t at = (size_t)tx[x].at[i] * 4 + (size_t)ch;
          float v[4];
          for (int r = 0; r < 4; r++) v[r] = (float)ring[(size_t)(ty.at[r] % 4) * row + at] * p->unit;
          col[i] = v[0] * ty.w[0] + v[1] * ty.w[1] + v[2] * ty.w[2] + v[3] * ty.w[3];
        }
        *out++ = col[0] * tx[x].w[0] + col[1] * tx[x].w[1] + col[2] * tx[x].w[2] + col[3] * tx[x].w[3];
      }
    }
  }
  as_free(table);
  as_free(tx);
  as_free(ring);
  return s;
}

as_status as_tf_tensor(const as_preset *p, int w, int h, as_pixel_source *src, float *out, as_err *err) {
  const bool tf2 = p->geometry == GEO_TF2;
  /* SimCLR rounds the crop's side (tf.rint), BYOL truncates it; both put the odd pixel before. */
  const float f = (float)p->crop / (float)p->resize * (float)(w < h ? w : h);
  const int c = tf2 ? (int)f : (int)as_rint((double)f), x0 = (w - c + 1) / 2, y0 = (h - c + 1) / 2;
  if (c < 1) return as_fail(err, AS_E_INPUT, "image: %d x %d pixels leave nothing to crop", w, h);
  as_status s = as_pixel_source_window(src, x0, y0, x0 + c, y0 + c, err);
  /* SimCLR scales pixels to 0..1 first, BYOL afterwards. */
  const as_tf_plan plan = {c, c, p->crop, p->crop, tf2, tf2 ? 1.0f : (float)(1.0 / 255)};
  if (s == AS_OK) s = as_tf_resize(&plan, as_pixel_source_next, src, out, err);
  const size_t n = (size_t)p->crop * (size_t)p->crop * 3;
  for (size_t i = 0; s == AS_OK && i < n; i++) {
    float v = tf2 ? out[i] / 255.0f : out[i];
    v = v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
    v = v - p->mean[i % 3];
    out[i] = v / p->std[i % 3];
  }
  return s;
}
