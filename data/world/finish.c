/* The last step of a picture: what a camera, a press, a brush or a chisel does to it. */
#include <string.h>

#include "data/world/scene.h"

static int clamp255(int v) {
  return v < 0 ? 0 : v > 255 ? 255 : v;
}

static int luma(const uint8_t *p) {
  return (77 * p[0] + 150 * p[1] + 29 * p[2]) >> 8;
}

/* Three-pixel box blur along rows, then along columns. */
static void blur(as_canvas *c) {
  uint8_t line[3 * 512];
  int n = c->size;
  for (int pass = 0; pass < 2; pass++) {
    int step = pass ? 3 * n : 3, across = pass ? 3 : 3 * n;
    for (int i = 0; i < n; i++) {
      uint8_t *p = c->rgb + i * across;
      for (int k = 0; k < n; k++) memcpy(line + 3 * k, p + k * step, 3);
      for (int k = 1; k + 1 < n; k++) {
        for (int ch = 0; ch < 3; ch++)
          p[k * step + ch] =
              (uint8_t)((line[3 * k - 3 + ch] + 2 * line[3 * k + ch] + line[3 * k + 3 + ch] + 2) / 4);
      }
    }
  }
}

/* Exposure, white balance, vignette, blur and sensor noise. */
static void photo(as_canvas *c, as_dice *d, int harder) {
  int exposure = harder ? as_dice_between(d, 175, 325) : as_dice_between(d, 230, 315);
  int gain[3], n = c->size, dark = as_dice_between(d, 0, 50);
  int noise = harder ? as_dice_between(d, 2, 14) : as_dice_between(d, 0, 8);
  for (int ch = 0; ch < 3; ch++) gain[ch] = exposure * as_dice_between(d, 236, 276) / 256;
  if (as_dice_percent(d, harder ? 45 : 25)) blur(c);
  as_rng grain = as_rng_make(d->rng.key, 77);
  for (int y = 0; y < n; y++) {
    for (int x = 0; x < n; x++) {
      uint8_t *p = c->rgb + 3 * (y * n + x);
      int dx = 2 * x - n, dy = 2 * y - n, edge = 256 - dark * (dx * dx + dy * dy) / (n * n);
      uint64_t bits = as_rng_bits(grain, (uint64_t)(y * n + x));
      for (int ch = 0; ch < 3; ch++) {
        int bell = (int)(bits & 255) + (int)(bits >> 8 & 255) - 255; /* -255..255, a triangle */
        bits >>= 16;
        p[ch] = (uint8_t)clamp255((p[ch] * gain[ch] >> 8) * edge / 256 + bell * noise / 128);
      }
    }
  }
}

static void poster(as_canvas *c, as_dice *d) {
  int levels = as_dice_between(d, 3, 5);
  for (int i = 0; i < 3 * c->size * c->size; i++)
    c->rgb[i] = (uint8_t)((c->rgb[i] * (levels - 1) + 127) / 255 * 255 / (levels - 1));
}

static void mosaic(as_canvas *c, as_dice *d) {
  int n = c->size, tile = as_dice_between(d, 3, 4) * n / 80;
  if (tile < 3) tile = 3;
  for (int y0 = 0; y0 < n; y0 += tile) {
    for (int x0 = 0; x0 < n; x0 += tile) {
      int sum[3] = {0}, count = 0, glint = as_dice_between(d, 225, 285);
      for (int y = y0; y < y0 + tile && y < n; y++) {
        for (int x = x0; x < x0 + tile && x < n; x++, count++) {
          for (int ch = 0; ch < 3; ch++) sum[ch] += c->rgb[3 * (y * n + x) + ch];
        }
      }
      for (int y = y0; y < y0 + tile && y < n; y++) {
        for (int x = x0; x < x0 + tile && x < n; x++) {
          for (int ch = 0; ch < 3; ch++) {
            int v = clamp255(sum[ch] / count * glint / 256);
            c->rgb[3 * (y * n + x) + ch] = (uint8_t)(x == x0 || y == y0 ? (v + 3 * 70) / 4 : v);
          }
        }
      }
    }
  }
}

/* Kuwahara filter: the mean of the calmest of the four quadrants around each pixel. c->ink is too
 * small to hold a copy, so rows behind the window are kept aside. */
static void painting(as_canvas *c, as_dice *d) {
  enum { R = 2, MAX = 512 };
  static const int corner[4][2] = {{-R, -R}, {0, -R}, {-R, 0}, {0, 0}};
  uint8_t rows[R + 1][3 * MAX]; /* filtered rows not yet written back */
  int n = c->size, vivid = as_dice_between(d, 300, 380);
  for (int y = 0; y < n + R + 1; y++) {
    if (y > R) memcpy(c->rgb + 3 * n * (y - R - 1), rows[y % (R + 1)], (size_t)(3 * n));
    if (y >= n) continue;
    for (int x = 0; x < n; x++) {
      int best[3] = {0};
      int64_t least = INT64_MAX;
      for (int q = 0; q < 4; q++) {
        int sum[3] = {0}, light = 0, squares = 0, count = 0;
        for (int yy = y + corner[q][1]; yy <= y + corner[q][1] + R; yy++) {
          for (int xx = x + corner[q][0]; xx <= x + corner[q][0] + R; xx++) {
            if (yy < 0 || yy >= n || xx < 0 || xx >= n) continue;
            const uint8_t *p = c->rgb + 3 * (yy * n + xx);
            int v = luma(p);
            for (int ch = 0; ch < 3; ch++) sum[ch] += p[ch];
            light += v;
            squares += v * v;
            count++;
          }
        }
        int64_t spread = ((int64_t)squares * count - (int64_t)light * light) * 100 / (count * count);
        if (spread < least) {
          least = spread;
          for (int ch = 0; ch < 3; ch++) best[ch] = sum[ch] / count;
        }
      }
      int grey = (best[0] + best[1] + best[2]) / 3, weave = ((x ^ y) & 1) * 10 + (x & 1) * 4;
      for (int ch = 0; ch < 3; ch++)
        rows[y % (R + 1)][3 * x + ch] = (uint8_t)clamp255(grey + (best[ch] - grey) * vivid / 256 - weave);
    }
  }
}

static void woodcut(as_canvas *c, as_dice *d) {
  as_color ink = as_dice_color(d, 0, 1535, 0, 200, 15, 70);
  as_color paper = as_dice_color(d, 60, 300, 10, 90, 215, 250);
  int n = c->size, period = 4 * n / 80 > 3 ? 4 * n / 80 : 4, lean = as_dice_between(d, 0, 1) ? 1 : -1;
  for (int y = 0; y < n; y++) {
    for (int x = 0; x < n; x++) {
      uint8_t *p = c->rgb + 3 * (y * n + x);
      int hatch = (x + lean * y + 4 * n) % period * 2 < period;
      int v = luma(p), cut = v > 165 ? 1 : v < 70 ? 0 : hatch;
      as_color to = cut ? paper : ink;
      p[0] = to.r;
      p[1] = to.g;
      p[2] = to.b;
    }
  }
}

void as_scene_finish(as_canvas *c, as_dice *d, as_finish finish, int harder) {
  switch (finish) {
    case AS_PHOTO:
      photo(c, d, harder);
      break;
    case AS_POSTER:
      poster(c, d);
      break;
    case AS_MOSAIC:
      mosaic(c, d);
      break;
    case AS_PAINTING:
      painting(c, d);
      break;
    case AS_WOODCUT:
      woodcut(c, d);
      break;
    case AS_NEON:
    case AS_PENCIL:
      break;
  }
}
