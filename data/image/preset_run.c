/* The pipelines: from rows of pixels to the crop, and to the tensor. Rows are pulled as they are needed, so that an image
 * is never whole in memory when its decoder does not keep it so. */
#include <string.h>

#include "data/image/preset_int.h"
#include "data/image/preset_tf.h"
#include "tensor/base/mem.h"

void as_preset_normalize(const as_preset *p, const uint8_t *pixels, float *out) {
  float table[3][256];
  for (int c = 0; c < 3; c++)
    for (int v = 0; v < 256; v++) {
      float x = (float)v;
      if (p->caffe) {
        table[c][v] = x - p->mean[c];
        continue;
      }
      x = x / 255.0f;
      x = x - p->mean[c];
      table[c][v] = x / p->std[c];
    }
  size_t n = (size_t)p->crop * (size_t)p->crop;
  for (size_t i = 0; i < n; i++, pixels += 3, out += 3) {
    out[0] = table[0][pixels[0]];
    out[1] = table[1][pixels[1]];
    out[2] = table[2][pixels[2]];
  }
}

/* One axis of Resize + CenterCrop: where the crop's samples come from. */
typedef struct span {
  int resized; /* size after Resize */
  int from, n; /* of it, what the crop shows */
  int before;  /* zeros before (small images are padded) */
} span;

static span crop_span(int resized, int crop, int geometry) {
  span s = {resized, 0, resized, 0};
  if (crop > resized) {
    s.before = (crop - resized) / 2; /* the odd zero comes after */
    return s;
  }
  int gap = resized - crop, half = gap / 2;
  if (geometry != GEO_ROUND && gap % 2 == 1 && half % 2 == 1) half++; /* Python's round: half to even */
  s.from = half;
  s.n = crop;
  return s;
}

typedef struct crop_plan {
  int trim;
  span x, y;
  as_resize_axis ax, ay;
} crop_plan;

/* The long side after Resize(size). torchvision: int(size * long / short); round: Python's
 * round(size * long / short), half to even. */
static int long_side(int size, int long_in, int short_in, int geometry) {
  int64_t n = (int64_t)size * long_in, q = n / short_in, twice = 2 * (n % short_in);
  if (geometry == GEO_ROUND && (twice > short_in || (twice == short_in && q % 2 == 1))) q++;
  return (int)q;
}

static as_status make_plan(crop_plan *g, const as_preset *p, int w, int h, as_err *err) {
  memset(g, 0, sizeof *g);
  g->trim = p->trim;
  w -= 2 * p->trim;
  h -= 2 * p->trim;
  if (w < 1 || h < 1)
    return as_fail(err, AS_E_INPUT, "image: nothing is left of it after %d pixels are cut from every side",
                   p->trim);
  int rw = w, rh = h;
  if (p->geometry == GEO_SQUASH) {
    rw = rh = p->resize;
  } else if (p->resize > 0) {
    if (w <= h)
      rw = p->resize, rh = long_side(p->resize, h, w, p->geometry);
    else
      rh = p->resize, rw = long_side(p->resize, w, h, p->geometry);
  }
  g->x = crop_span(rw, p->crop, p->geometry);
  g->y = crop_span(rh, p->crop, p->geometry);
  as_status s = as_resize_axis_init(&g->ax, w, rw, g->x.from, g->x.n, p->filter, err);
  if (s == AS_OK) s = as_resize_axis_init(&g->ay, h, rh, g->y.from, g->y.n, p->filter, err);
  if (s != AS_OK) as_resize_axis_clear(&g->ax);
  return s;
}

static void clear_plan(crop_plan *g) {
  as_resize_axis_clear(&g->ax);
  as_resize_axis_clear(&g->ay);
}

as_status as_pixel_source_window(as_pixel_source *s, int x0, int y0, int x1, int y1, as_err *err) {
  s->x = x0;
  s->y = y0;
  s->w = x1 - x0;
  return s->rows ? as_image_rows_window(s->rows, x0, y0, x1, y1, err) : AS_OK;
}

as_status as_pixel_source_next(void *source, uint8_t *row, as_err *err) {
  as_pixel_source *s = source;
  if (s->rows) return as_image_rows_next(s->rows, 4, row, err);
  const uint8_t *in = s->im->rgb + ((size_t)s->y++ * (size_t)s->im->w + (size_t)s->x) * 3;
  for (int x = 0; x < s->w; x++) {
    memcpy(row + (size_t)x * 4, in + (size_t)x * 3, 3);
    row[(size_t)x * 4 + 3] = 0;
  }
  return AS_OK;
}

/* The crop's pixels of a w x h image; no TensorFlow geometry. */
static as_status crop_pixels(const as_preset *p, int w, int h, as_pixel_source *src, uint8_t *out,
                             as_err *err) {
  crop_plan g;
  as_status s = make_plan(&g, p, w, h, err);
  if (s != AS_OK) return s;
  const size_t pitch = (size_t)p->crop * 3;
  if (g.x.n < p->crop || g.y.n < p->crop) memset(out, 0, pitch * (size_t)p->crop);
  s = as_pixel_source_window(src, g.ax.lo + g.trim, g.ay.lo + g.trim, g.ax.hi + g.trim, g.ay.hi + g.trim,
                             err);
  if (s == AS_OK)
    s = as_resize_rows(&g.ax, &g.ay, as_pixel_source_next, src,
                       out + (size_t)g.y.before * pitch + (size_t)g.x.before * 3, pitch, err);
  clear_plan(&g);
  return s;
}

static bool is_tf(const as_preset *p) {
  return p->geometry == GEO_TF1 || p->geometry == GEO_TF2;
}

static as_status tensor_of(const as_preset *p, int w, int h, as_pixel_source *src, float *out, as_err *err) {
  if (is_tf(p)) return as_tf_tensor(p, w, h, src, out, err);
  uint8_t *pixels = as_alloc((size_t)p->crop * (size_t)p->crop, 3, err);
  if (!pixels) return AS_E_ENV;
  as_status s = crop_pixels(p, w, h, src, pixels, err);
  if (s == AS_OK) as_preset_normalize(p, pixels, out);
  as_free(pixels);
  return s;
}

as_status as_preset_pixels(const as_preset *p, const as_image *im, uint8_t *out, as_err *err) {
  if (is_tf(p))
    return as_fail(err, AS_E_USAGE, "preset %s: TensorFlow's resize gives floats, there are no 8-bit pixels",
                   p->name);
  return crop_pixels(p, im->w, im->h, &(as_pixel_source){.im = im}, out, err);
}

as_status as_preset_tensor(const as_preset *p, const as_image *im, float *out, as_err *err) {
  return tensor_of(p, im->w, im->h, &(as_pixel_source){.im = im}, out, err);
}

as_status as_preset_load(const as_preset *p, const uint8_t *bytes, size_t n, int lenient, float *out,
                         as_image_info *info, as_err *err) {
  as_pixel_source src = {0};
  as_image_info head;
  as_status s = as_image_rows_open(&src.rows, bytes, n, lenient, &head, err);
  if (s == AS_OK) s = tensor_of(p, head.w, head.h, &src, out, err);
  if (s == AS_OK) s = as_image_rows_finish(src.rows, &head, err);
  as_image_rows_close(&src.rows);
  if (info) *info = head;
  return s;
}
