/* Presets: names and their one-line form. */
#include "data/image/preset.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image/preset_int.h"
#include "tensor/base/text.h"

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

static int index_of(const char *s, const char *const *list, int n) {
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
    v = index_of(value, filter_names, 4);
    ok = v >= 0;
    if (ok) p->filter = (as_filter)v;
  } else if (strcmp(key, "geometry") == 0) {
    p->geometry = index_of(value, geometry_names, N_GEO);
    ok = p->geometry >= 0;
  } else if (strcmp(key, "mean") == 0) {
    ok = three_floats(value, p->mean);
  } else if (strcmp(key, "std") == 0) {
    ok = three_floats(value, p->std);
    for (int i = 0; ok && i < 3; i++) ok = p->std[i] > 0;
  } else {
    static const char *const keys[] = {"resize",   "filter", "crop", "trim",
                                       "geometry", "caffe",  "mean", "std"};
    const char *near = as_nearest(key, keys, sizeof keys / sizeof *keys);
    if (near) return as_fail(err, AS_E_USAGE, "preset: no key '%s'; did you mean '%s'?", key, near);
    return as_fail(err, AS_E_USAGE,
                   "preset: no key '%s'; resize, filter, crop, trim, geometry, caffe, mean, std are known",
                   key);
  }
  return ok ? AS_OK : as_fail(err, AS_E_USAGE, "preset: '%s' is no possible value of %s", value, key);
}

static as_status unknown_preset(const char *name, as_err *err) {
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
      int i = index_of(item, names, N_PRESETS);
      if (!first || (i < 0 && strcmp(item, "custom") != 0)) return unknown_preset(item, err);
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
  int i = index_of(p.name, names, N_PRESETS);
  if (i >= 0 && !same_pipeline(&p, &presets[i])) snprintf(p.name, sizeof p.name, "custom");
  *out = p;
  return AS_OK;
}
