/* Presets: names, their one-line form, and the pipeline itself. */
#include "data/image/preset.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image/jpeg.h"
#include "data/image/preset_tf.h"
#include "data/image/resize.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { GEO_TORCHVISION = 0, GEO_TF1 = 1, GEO_TF2 = 2, GEO_SQUASH = 3, GEO_ROUND = 4, N_GEO = 5 };

#define IMAGENET              \
  {0.485f, 0.456f, 0.406f}, { \
    0.229f, 0.224f, 0.225f    \
  }

/* What each method's own evaluation code does; data/image/README.md tells where each comes from. */
static const as_preset presets[] = {
    {"imagenet-bilinear", 256, AS_FILTER_BILINEAR, 224, 0, GEO_TORCHVISION, 0, IMAGENET},
    {"imagenet-bicubic", 256, AS_FILTER_BICUBIC, 224, 0, GEO_TORCHVISION, 0, IMAGENET},
    {"swav",
     256,
     AS_FILTER_BILINEAR,
     224,
     0,
     GEO_TORCHVISION,
     0,
     {0.485f, 0.456f, 0.406f},
     {0.228f, 0.224f, 0.225f}},
    {"simclr", 256, AS_FILTER_BICUBIC, 224, 0, GEO_TF1, 0, {0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}},
    {"byol", 256, AS_FILTER_BICUBIC, 224, 0, GEO_TF2, 0, IMAGENET},
    {"timm-half", 248, AS_FILTER_BICUBIC, 224, 0, GEO_TORCHVISION, 0, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}},
    {"torchvision-v2", 232, AS_FILTER_BILINEAR, 224, 0, GEO_TORCHVISION, 0, IMAGENET},
    {"caffe",
     256,
     AS_FILTER_BILINEAR,
     224,
     0,
     GEO_ROUND,
     1,
     {123.68f, 116.779f, 103.939f},
     {1.0f, 1.0f, 1.0f}},
    {"imagenet-c", 0, AS_FILTER_BILINEAR, 224, 0, GEO_TORCHVISION, 0, IMAGENET},
    {"objectnet", 224, AS_FILTER_BILINEAR, 224, 2, GEO_TORCHVISION, 0, IMAGENET},
};
enum { N_PRESETS = sizeof presets / sizeof *presets };

static const char *const names[] = {
    "imagenet-bilinear", "imagenet-bicubic", "swav", "simclr", "byol", "timm-half", "torchvision-v2", "caffe",
    "imagenet-c",        "objectnet",        NULL};
static const char *const filter_names[] = {"box", "bilinear", "bicubic", "lanczos"};
static const char *const geometry_names[] = {"torchvision", "tf1", "tf2", "squash", "round"};

const char *const *as_preset_names(void) {
  return names;
}

static bool same_pipeline(const as_preset *a, const as_preset *b) {
  bool same = a->resize == b->resize && a->filter == b->filter && a->crop == b->crop && a->trim == b->trim &&
              a->geometry == b->geometry && a->caffe == b->caffe;
  for (int i = 0; i < 3; i++) same = same && !(a->mean[i] != b->mean[i]) && !(a->std[i] != b->std[i]);
  return same;
}

/* Shortest decimal that reads back as the same float. */
static void float_text(float v, char buf[32]) {
  for (int digits = 1; digits <= 9; digits++) {
    double back;
    snprintf(buf, 32, "%.*g", digits, (double)v);
    if (as_parse_f64(buf, &back) && (float)back >= v && (float)back <= v) return;
  }
}

char *as_preset_text(const as_preset *p, char *buf, size_t size) {
  char m[3][32], s[3][32], extra[80] = "";
  for (int i = 0; i < 3; i++) {
    float_text(p->mean[i], m[i]);
    float_text(p->std[i], s[i]);
  }
  if (p->trim) snprintf(extra, sizeof extra, ",trim=%d", p->trim);
  size_t n = strlen(extra);
  if (p->geometry) snprintf(extra + n, sizeof extra - n, ",geometry=%s", geometry_names[p->geometry % N_GEO]);
  n = strlen(extra);
  if (p->caffe) snprintf(extra + n, sizeof extra - n, ",caffe=1");
  snprintf(buf, size, "%s,resize=%d,filter=%s,crop=%d%s,mean=%s:%s:%s,std=%s:%s:%s", p->name, p->resize,
           filter_names[p->filter & 3], p->crop, extra, m[0], m[1], m[2], s[0], s[1], s[2]);
  return buf;
}

static int find(const char *s, const char *const *list, int n) {
  for (int i = 0; i < n; i++)
    if (strcmp(s, list[i]) == 0) return i;
  return -1;
}

/* "a:b:c", or one number for all three. */
static bool three_floats(char *s, float v[3]) {
  for (int i = 0; i < 3; i++) {
    char *end = strchr(s, ':');
    if (end) *end = 0;
    double d;
    if (!as_parse_f64(s, &d)) return false;
    v[i] = (float)d;
    if (i == 0 && !end) {
      v[1] = v[2] = v[0];
      return true;
    }
    if (i == 2) return !end;
    if (!end) return false;
    s = end + 1;
  }
  return false;
}

static as_status set_key(as_preset *p, const char *key, char *value, as_err *err) {
  int64_t v = 0;
  bool ok = true;
  if (strcmp(key, "resize") == 0) {
    ok = as_parse_i64(value, 0, 8192, &v);
    p->resize = (int)v;
  } else if (strcmp(key, "crop") == 0) {
    ok = as_parse_i64(value, 1, 4096, &v);
    p->crop = (int)v;
  } else if (strcmp(key, "trim") == 0) {
    ok = as_parse_i64(value, 0, 1000, &v);
    p->trim = (int)v;
  } else if (strcmp(key, "caffe") == 0) {
    ok = as_parse_i64(value, 0, 1, &v);
    p->caffe = (int)v;
  } else if (strcmp(key, "filter") == 0) {
    v = find(value, filter_names, 4);
    ok = v >= 0;
    if (ok) p->filter = (as_filter)v;
  } else if (strcmp(key, "geometry") == 0) {
    p->geometry = find(value, geometry_names, N_GEO);
    ok = p->geometry >= 0;
  } else if (strcmp(key, "mean") == 0) {
    ok = three_floats(value, p->mean);
  } else if (strcmp(key, "std") == 0) {
    ok = three_floats(value, p->std);
    for (int i = 0; ok && i < 3; i++) ok = p->std[i] > 0;
  } else {
    return as_fail(err, AS_E_USAGE,
                   "preset: no key '%s'; resize, filter, crop, trim, geometry, caffe, mean, std are known",
                   key);
  }
  return ok ? AS_OK : as_fail(err, AS_E_USAGE, "preset: '%s' is no possible value of %s", value, key);
}

static as_status unknown(const char *name, as_err *err) {
  const char *near = as_nearest(name, names, N_PRESETS);
  if (near) return as_fail(err, AS_E_USAGE, "preset '%s' is not known; did you mean '%s'?", name, near);
  return as_fail(err, AS_E_USAGE,
                 "preset '%s' is not known; known: imagenet-bilinear, imagenet-bicubic, swav, simclr, byol, "
                 "timm-half, torchvision-v2, caffe, imagenet-c, objectnet",
                 name);
}

as_status as_preset_parse(as_preset *out, const char *text, as_err *err) {
  char copy[512];
  if (strlen(text) >= sizeof copy)
    return as_fail(err, AS_E_USAGE, "preset: the text is longer than %zu bytes", sizeof copy);
  memcpy(copy, text, strlen(text) + 1);
  as_preset p = presets[0];
  snprintf(p.name, sizeof p.name, "custom");
  bool first = true;
  for (char *item = copy, *next; item; item = next, first = false) {
    next = strchr(item, ',');
    if (next) *next++ = 0;
    while (*item == ' ') item++;
    char *value = strchr(item, '=');
    if (!value) {
      int i = find(item, names, N_PRESETS);
      if (!first || (i < 0 && strcmp(item, "custom") != 0)) return unknown(item, err);
      if (i >= 0) p = presets[i];
      continue;
    }
    *value++ = 0;
    as_status s = set_key(&p, item, value, err);
    if (s != AS_OK) return s;
  }
  if (p.geometry == GEO_TF1 || p.geometry == GEO_TF2) {
    if (p.resize < p.crop || p.filter != AS_FILTER_BICUBIC || p.caffe || p.trim)
      return as_fail(err, AS_E_USAGE,
                     "preset: geometry %s takes filter=bicubic and resize >= crop (the part of the short "
                     "side that is kept is crop / resize), no trim, no caffe",
                     geometry_names[p.geometry]);
  }
  if (p.geometry == GEO_SQUASH && p.resize == 0)
    return as_fail(err, AS_E_USAGE, "preset: geometry squash needs resize");
  /* A changed pipeline does not keep the name. */
  int i = find(p.name, names, N_PRESETS);
  if (i >= 0 && !same_pipeline(&p, &presets[i])) snprintf(p.name, sizeof p.name, "custom");
  *out = p;
  return AS_OK;
}

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

static span place(int resized, int crop, int geometry) {
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

/* Where 4-byte rows of the (trimmed) source come from: a decoded image, or a JPEG decoder whose
 * window begins at (x0, y0). */
typedef struct source {
  const as_image *im;
  as_jpeg *jpeg;
  int x0, y0;
} source;

typedef struct plan {
  int trim;
  span x, y;
  as_resize_axis ax, ay;
} plan;

/* The long side after Resize(size). torchvision: int(size * long / short); round: Python's
 * round(size * long / short), half to even. */
static int long_side(int size, int long_in, int short_in, int geometry) {
  int64_t n = (int64_t)size * long_in, q = n / short_in, twice = 2 * (n % short_in);
  if (geometry == GEO_ROUND && (twice > short_in || (twice == short_in && q % 2 == 1))) q++;
  return (int)q;
}

static as_status make_plan(plan *g, const as_preset *p, int w, int h, as_err *err) {
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
  g->x = place(rw, p->crop, p->geometry);
  g->y = place(rh, p->crop, p->geometry);
  as_status s = as_resize_axis_init(&g->ax, w, rw, g->x.from, g->x.n, p->filter, err);
  if (s == AS_OK) s = as_resize_axis_init(&g->ay, h, rh, g->y.from, g->y.n, p->filter, err);
  if (s != AS_OK) as_resize_axis_clear(&g->ax);
  return s;
}

static void clear_plan(plan *g) {
  as_resize_axis_clear(&g->ax);
  as_resize_axis_clear(&g->ay);
}

static as_status run_plan(const plan *g, const as_preset *p, const source *src, uint8_t *out, as_err *err) {
  const int width = g->ax.hi - g->ax.lo, height = g->ay.hi - g->ay.lo;
  const size_t bytes = (size_t)g->x.n * 3, stride = bytes + 16;
  const size_t slack = (size_t)g->ax.taps * 4 + 64;
  uint8_t *row = as_alloc((size_t)width * 4 + slack, 1, err), *mid = NULL;
  if (row) mid = as_alloc(stride * (size_t)height + 64, 1, err);
  if (!mid) {
    as_free(row);
    return AS_E_ENV;
  }
  memset(row + (size_t)width * 4, 0, slack);
  for (int y = 0; y < height; y++) {
    if (src->jpeg) {
      as_jpeg_row(src->jpeg, y + g->ay.lo + g->trim - src->y0, 4, row);
    } else {
      const as_image *im = src->im;
      const uint8_t *in =
          im->rgb + ((size_t)(y + g->ay.lo + g->trim) * (size_t)im->w + (size_t)(g->ax.lo + g->trim)) * 3;
      for (int x = 0; x < width; x++) {
        memcpy(row + (size_t)x * 4, in + (size_t)x * 3, 3);
        row[(size_t)x * 4 + 3] = 0;
      }
    }
    as_resize_row(&g->ax, row, mid + (size_t)y * stride);
  }
  const size_t pitch = (size_t)p->crop * 3;
  if (g->x.n < p->crop || g->y.n < p->crop) memset(out, 0, pitch * (size_t)p->crop);
  for (int y = 0; y < g->y.n; y++)
    as_resize_column(&g->ay, y, mid, stride, bytes,
                     out + (size_t)(g->y.before + y) * pitch + (size_t)g->x.before * 3);
  as_free(row);
  as_free(mid);
  return AS_OK;
}

as_status as_preset_pixels(const as_preset *p, const as_image *im, uint8_t *out, as_err *err) {
  if (p->geometry == GEO_TF1 || p->geometry == GEO_TF2)
    return as_fail(err, AS_E_USAGE, "preset %s: TensorFlow's resize gives floats, there are no 8-bit pixels",
                   p->name);
  plan g;
  as_status s = make_plan(&g, p, im->w, im->h, err);
  if (s != AS_OK) return s;
  s = run_plan(&g, p, &(source){im, NULL, 0, 0}, out, err);
  clear_plan(&g);
  return s;
}

static as_status tf_tensor(const as_preset *p, const as_image *im, float *out, as_err *err) {
  as_status s =
      as_tf_bicubic(im, (float)p->crop / (float)p->resize, p->crop, p->geometry == GEO_TF2, out, err);
  size_t n = (size_t)p->crop * (size_t)p->crop;
  for (size_t i = 0; s == AS_OK && i < n * 3; i++) {
    float x = out[i] - p->mean[i % 3];
    out[i] = x / p->std[i % 3];
  }
  return s;
}

as_status as_preset_tensor(const as_preset *p, const as_image *im, float *out, as_err *err) {
  if (p->geometry == GEO_TF1 || p->geometry == GEO_TF2) return tf_tensor(p, im, out, err);
  uint8_t *pixels = as_alloc((size_t)p->crop * (size_t)p->crop, 3, err);
  if (!pixels) return AS_E_ENV;
  as_status s = as_preset_pixels(p, im, pixels, err);
  if (s == AS_OK) as_preset_normalize(p, pixels, out);
  as_free(pixels);
  return s;
}

/* JPEG: the plan is made from the header, and only the window that it needs is turned into pixels. */
static as_status load_jpeg(const as_preset *p, const uint8_t *bytes, size_t n, int lenient, float *out,
                           as_image_info *info, as_err *err) {
  as_jpeg *j;
  plan g;
  as_image_info head;
  as_status s = as_jpeg_open(&j, bytes, n, lenient, err);
  if (s != AS_OK) return s;
  as_jpeg_info(j, &head);
  if (info) *info = head;
  s = make_plan(&g, p, head.w, head.h, err);
  if (s != AS_OK) {
    as_jpeg_close(&j);
    return s;
  }
  source src = {NULL, j, g.ax.lo + g.trim, g.ay.lo + g.trim};
  uint8_t *pixels = as_alloc((size_t)p->crop * (size_t)p->crop, 3, err);
  s = pixels ? as_jpeg_decode(j, src.x0, src.y0, g.ax.hi + g.trim, g.ay.hi + g.trim, err) : AS_E_ENV;
  if (info) as_jpeg_info(j, info);
  if (s == AS_OK) s = run_plan(&g, p, &src, pixels, err);
  if (s == AS_OK) as_preset_normalize(p, pixels, out);
  as_free(pixels);
  clear_plan(&g);
  as_jpeg_close(&j);
  return s;
}

as_status as_preset_load(const as_preset *p, const uint8_t *bytes, size_t n, int lenient, float *out,
                         as_image_info *info, as_err *err) {
  bool tf = p->geometry == GEO_TF1 || p->geometry == GEO_TF2;
  if (info) memset(info, 0, sizeof *info);
  if (!tf && n >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
    return load_jpeg(p, bytes, n, lenient, out, info, err);
  as_image im;
  as_status s = as_image_decode(&im, bytes, n, lenient, info, err);
  if (s != AS_OK) return s;
  s = as_preset_tensor(p, &im, out, err);
  as_image_clear(&im);
  return s;
}
