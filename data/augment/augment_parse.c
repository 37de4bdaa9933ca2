/* Augmentations by name and in words. */
#include <string.h>

#include "data/augment/augment.h"
#include "tensor/base/text.h"

/* What the authors use (crops and strengths from their repositories; the blur in pixels of a 32-pixel view, where the
 * published sigma of 0.1 to 2 at 224 pixels would be nothing: 0.3 to 1). */
static const struct {
  const char *name, *text;
} named[] = {
    {"none", ""},
    {"supervised", "crop=.2:1,flip=.5"},
    {"simclr", "crop=.2:1,flip=.5,jitter=.8:.4:.4:.4:.1,grey=.2,blur=.5:.3:1"},
    {"moco", "crop=.2:1,flip=.5,jitter=.8:.4:.4:.4:.1,grey=.2,blur=.5:.3:1"},
    {"byol-1", "crop=.2:1,filter=bicubic,flip=.5,jitter=.8:.4:.4:.2:.1,grey=.2,blur=.5:.3:1"},
    {"byol-2", "crop=.2:1,filter=bicubic,flip=.5,jitter=.8:.4:.4:.2:.1,grey=.2,blur=.1:.3:1,solarise=.2"},
    {"swav", "crop=.2:1,flip=.5,jitter=.8:.8:.8:.8:.2,grey=.2,blur=.5:.3:1"},
    {"swav-local", "crop=.1:.3,flip=.5,jitter=.8:.8:.8:.8:.2,grey=.2,blur=.5:.3:1"},
    {"dino-1", "crop=.3:1,filter=bicubic,flip=.5,jitter=.8:.4:.4:.2:.1,grey=.2,blur=.5:.3:1"},
    {"dino-2", "crop=.3:1,filter=bicubic,flip=.5,jitter=.8:.4:.4:.2:.1,grey=.2,blur=.1:.3:1,solarise=.2"},
    {"dino-local", "crop=.1:.3,filter=bicubic,flip=.5,jitter=.8:.4:.4:.2:.1,grey=.2,blur=.5:.3:1"},
};
enum { NAMED = sizeof named / sizeof *named };

const char *const *as_augment_names(void) {
  static const char *names[NAMED + 1];
  for (size_t i = 0; i < NAMED; i++) names[i] = named[i].name;
  return names;
}

/* Numbers with ':' between them; exactly n, each within 0..most. */
static bool read_numbers(const char *text, size_t len, size_t n, double most, double *to) {
  for (size_t i = 0; i < n; i++) {
    char word[32];
    const char *colon = memchr(text, ':', len);
    const size_t part = colon && i + 1 < n ? (size_t)(colon - text) : len;
    if (part == 0 || part >= sizeof word) return false;
    memcpy(word, text, part);
    word[part] = '\0';
    if (!as_parse_f64(word, &to[i]) || !(to[i] >= 0.0 && to[i] <= most)) return false;
    if (i + 1 < n) {
      if (!colon) return false;
      text += part + 1, len -= part + 1;
    }
  }
  return true;
}

static bool set_key(as_augment *a, const char *key, const char *v, size_t n) {
  double x[5];
  if (strcmp(key, "crop") == 0 && read_numbers(v, n, 2, 1.0, x) && x[0] <= x[1]) {
    a->crop_lo = x[0], a->crop_hi = x[1];
  } else if (strcmp(key, "filter") == 0 && n == 8 && memcmp(v, "bilinear", 8) == 0) {
    a->filter = AS_FILTER_BILINEAR;
  } else if (strcmp(key, "filter") == 0 && n == 7 && memcmp(v, "bicubic", 7) == 0) {
    a->filter = AS_FILTER_BICUBIC;
  } else if (strcmp(key, "flip") == 0 && read_numbers(v, n, 1, 1.0, x)) {
    a->flip = x[0];
  } else if (strcmp(key, "jitter") == 0 && read_numbers(v, n, 5, 2.0, x) && x[0] <= 1.0 && x[4] <= 0.5) {
    a->jitter = x[0], a->brightness = x[1], a->contrast = x[2], a->saturation = x[3], a->hue = x[4];
  } else if (strcmp(key, "grey") == 0 && read_numbers(v, n, 1, 1.0, x)) {
    a->grey = x[0];
  } else if (strcmp(key, "blur") == 0 && read_numbers(v, n, 3, 8.0, x) && x[0] <= 1.0 && 0.0 < x[1] &&
             x[1] <= x[2]) {
    a->blur = x[0], a->sigma_lo = x[1], a->sigma_hi = x[2];
  } else if (strcmp(key, "solarise") == 0 && read_numbers(v, n, 1, 1.0, x)) {
    a->solarise = x[0];
  } else {
    return false;
  }
  return true;
}

static as_status apply(as_augment *a, const char *text, as_err *err) {
  static const char *const keys[] = {"crop", "filter", "flip", "jitter", "grey", "blur", "solarise"};
  while (*text) {
    const char *end = strchr(text, ','), *eq = strchr(text, '=');
    const size_t len = end ? (size_t)(end - text) : strlen(text);
    const size_t name = eq && (size_t)(eq - text) < len ? (size_t)(eq - text) : len;
    char key[32];
    if (name >= sizeof key)
      return as_fail(err, AS_E_USAGE, "augmentation: unknown key \"%.*s\"", (int)name, text);
    memcpy(key, text, name);
    key[name] = '\0';
    size_t k = 0;
    while (k < sizeof keys / sizeof *keys && strcmp(keys[k], key) != 0) k++;
    if (k == sizeof keys / sizeof *keys) {
      const char *near = as_nearest(key, keys, k);
      return as_fail(err, AS_E_USAGE, "augmentation: unknown key \"%s\"%s%s", key, near ? "; nearest: " : "",
                     near ? near : "");
    }
    if (name == len || !set_key(a, key, text + name + 1, len - name - 1))
      return as_fail(err, AS_E_USAGE, "augmentation: impossible value in \"%.*s\"", (int)len, text);
    text += len + (end != NULL);
  }
  return AS_OK;
}

as_status as_augment_parse(as_augment *out, const char *text, as_err *err) {
  *out = (as_augment){
      .filter = AS_FILTER_BILINEAR, .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};
  const size_t first = strcspn(text, ",=");
  if (text[first] == '=' || *text == '\0') return apply(out, text, err);
  for (size_t i = 0; i < NAMED; i++)
    if (strlen(named[i].name) == first && memcmp(named[i].name, text, first) == 0) {
      const as_status s = apply(out, named[i].text, err);
      return s == AS_OK && text[first] ? apply(out, text + first + 1, err) : s;
    }
  char name[32];
  const size_t n = first < sizeof name ? first : sizeof name - 1;
  memcpy(name, text, n);
  name[n] = '\0';
  const char *near = as_nearest(name, as_augment_names(), NAMED);
  return as_fail(err, AS_E_USAGE, "no augmentation is called \"%s\"%s%s", name, near ? "; nearest: " : "",
                 near ? near : "");
}
