#include "data/augment/augment.h"

#include <math.h>
#include <string.h>

#include "data/augment/colour.h"
#include "data/image/resize.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

/* The numbers of a view: a crop takes 0..39 at most. */
enum {
  DRAW_FLIP = 64,
  DRAW_JITTER,
  DRAW_ORDER,
  DRAW_BRIGHTNESS,
  DRAW_CONTRAST,
  DRAW_SATURATION,
  DRAW_HUE,
  DRAW_GREY,
  DRAW_BLUR,
  DRAW_SIGMA,
  DRAW_SOLARISE,
  DRAWS = 128,
  VIEWS = 16
};

as_rng as_augment_dice(uint64_t seed, uint64_t epoch) {
  return as_rng_make(seed, as_rng_stream("augment") + epoch);
}

typedef struct dice {
  as_rng r;
  uint64_t base;
} dice;

static double draw(const dice *d, unsigned k) {
  return as_rng_uniform(d->r, d->base + k);
}
static double between(const dice *d, unsigned k, double lo, double hi) {
  return lo + (hi - lo) * draw(d, k);
}
/* A factor around 1: U(max(0, 1 - s), 1 + s). */
static double factor(const dice *d, unsigned k, double s) {
  return between(d, k, s < 1.0 ? 1.0 - s : 0.0, 1.0 + s);
}

/* The order is permutation number `draw of 24`, digits of the factorial base. */
static void jitter(const as_augment *a, const dice *d, const as_planes *p) {
  int left[4] = {0, 1, 2, 3}, n = 4;
  uint64_t code = as_rng_below(d->r, d->base + DRAW_ORDER, 24);
  while (n > 0) {
    const int at = (int)(code % (uint64_t)n), step = left[at];
    code /= (uint64_t)n;
    for (int i = at; i + 1 < n; i++) left[i] = left[i + 1];
    n--;
    if (step == 0 && a->brightness > 0.0) as_colour_brightness(p, factor(d, DRAW_BRIGHTNESS, a->brightness));
    if (step == 1 && a->contrast > 0.0) as_colour_contrast(p, factor(d, DRAW_CONTRAST, a->contrast));
    if (step == 2 && a->saturation > 0.0) as_colour_saturation(p, factor(d, DRAW_SATURATION, a->saturation));
    if (step == 3 && a->hue > 0.0) as_colour_hue(p, between(d, DRAW_HUE, -a->hue, a->hue));
  }
}

/* The crop as 8-bit pixels [side, side, 3] in `to`. */
static as_status crop(const as_augment *a, const dice *d, const as_augment_of *of, int side, uint8_t *to,
                      as_err *err) {
  const uint8_t *rgb = of->rgb;
  const int w = of->w, h = of->h;
  uint64_t at = d->base;
  as_crop_box b = {0, 0, w, h};
  if (a->crop_hi > 0.0) b = as_crop_choose(w, h, a->crop_lo, a->crop_hi, d->r, &at);
  if (b.w == w)
    return as_resize_rgb(rgb + (size_t)b.y * (size_t)w * 3, w, b.h, a->filter, to, side, side, err);
  uint8_t *part = as_alloc((size_t)b.w * (size_t)b.h, 3, err);
  if (!part) return AS_E_ENV;
  for (int y = 0; y < b.h; y++)
    memcpy(part + (size_t)y * (size_t)b.w * 3, rgb + ((size_t)(b.y + y) * (size_t)w + (size_t)b.x) * 3,
           (size_t)b.w * 3);
  const as_status s = as_resize_rgb(part, b.w, b.h, a->filter, to, side, side, err);
  as_free(part);
  return s;
}

/* Three planes, one with edges, 8-bit pixels with what the resampler may write behind them. */
size_t as_augment_floats(int side) {
  const size_t n = (size_t)side * (size_t)side;
  return 3 * n + (size_t)(side + 2 * AS_BLUR_RADIUS) * (size_t)side + (3 * n + 64) / sizeof(float) + 1;
}

as_status as_augment_view(const as_augment *a, const as_augment_of *of, const as_augment_to *to,
                          as_err *err) {
  const int side = to->side;
  const dice d = {of->dice, (of->image * VIEWS + of->view) * DRAWS};
  const size_t n = (size_t)side * (size_t)side;
  const as_planes p = {to->scratch, to->scratch + n, to->scratch + 2 * n, n};
  float *line = to->scratch + 3 * n;
  uint8_t *pixels = (uint8_t *)(line + (size_t)(side + 2 * AS_BLUR_RADIUS) * (size_t)side);
  const as_status s = crop(a, &d, of, side, pixels, err);
  if (s != AS_OK) return s;
  const bool flip = draw(&d, DRAW_FLIP) < a->flip;
  for (size_t y = 0; y < (size_t)side; y++)
    for (size_t x = 0; x < (size_t)side; x++) {
      const uint8_t *from = pixels + (y * (size_t)side + (flip ? (size_t)side - 1 - x : x)) * 3;
      const size_t i = y * (size_t)side + x;
      p.r[i] = (float)from[0] / 255.0f, p.g[i] = (float)from[1] / 255.0f, p.b[i] = (float)from[2] / 255.0f;
    }
  if (draw(&d, DRAW_JITTER) < a->jitter) jitter(a, &d, &p);
  if (draw(&d, DRAW_GREY) < a->grey) as_colour_grey(&p);
  if (draw(&d, DRAW_BLUR) < a->blur)
    as_colour_blur(&p, side, between(&d, DRAW_SIGMA, a->sigma_lo, a->sigma_hi), line);
  if (draw(&d, DRAW_SOLARISE) < a->solarise) as_colour_solarise(&p);
  for (size_t y = 0; y < (size_t)side; y++) {
    float *at = to->out + y * to->row;
    for (size_t i = y * (size_t)side; i < (y + 1) * (size_t)side; i++, at += 3) {
      at[0] = (p.r[i] - a->mean[0]) / a->std[0];
      at[1] = (p.g[i] - a->mean[1]) / a->std[1];
      at[2] = (p.b[i] - a->mean[2]) / a->std[2];
    }
  }
  return AS_OK;
}
