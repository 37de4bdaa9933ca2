/* Four kinds of damage at five severities each, standing for ImageNet-C: sensor noise, blur, contrast, JPEG. Strengths lie
 * between those that Hendrycks and Dietterich chose for 224 pixels and for 32. Integers only, and the product's own JPEG. */
#include <stdio.h>
#include <string.h>

#include "data/image/image.h"
#include "data/image/jpegenc.h"
#include "data/world/world_int.h"
#include "tensor/base/mem.h"

enum { SEVERITIES = 5, KINDS = 4, DAMAGES = SEVERITIES * KINDS };

/* Noise near a bell: a sum of four uniform numbers has a standard deviation of 148; `amount` is the noise's. */
static void add_noise(as_canvas *c, as_rng dice, int amount) {
  for (int i = 0; i < 3 * c->size * c->size; i++) {
    uint64_t bits = as_rng_bits(dice, (uint64_t)i);
    int bell =
        (int)(bits & 255) + (int)(bits >> 8 & 255) + (int)(bits >> 16 & 255) + (int)(bits >> 24 & 255) - 510;
    int v = c->rgb[i] + bell * amount / 148;
    c->rgb[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
  }
}

/* 1 2 1 along rows and columns, again and again: each pass adds half a pixel^2 of variance. Edges are replicated. */
static void blur_times(as_canvas *c, int passes) {
  uint8_t line[3 * (AS_WORLD_SIDE + 2)];
  int n = c->size;
  for (int i = 0; i < 2 * passes; i++) {
    int step = i % 2 ? 3 * n : 3, across = i % 2 ? 3 : 3 * n;
    for (int k = 0; k < n; k++) {
      uint8_t *p = c->rgb + k * across;
      for (int j = 0; j < n; j++) memcpy(line + 3 * (j + 1), p + j * step, 3);
      memcpy(line, line + 3, 3);
      memcpy(line + 3 * (n + 1), line + 3 * n, 3);
      for (int j = 0; j < 3 * n; j++)
        p[j / 3 * step + j % 3] = (uint8_t)((line[j] + 2 * line[j + 3] + line[j + 6] + 2) / 4);
    }
  }
}

/* Towards the mean of each channel; `keep` per cent of the difference stay. */
static void lower_contrast(as_canvas *c, int keep) {
  int count = c->size * c->size;
  for (int ch = 0; ch < 3; ch++) {
    int64_t sum = 0;
    for (int i = 0; i < count; i++) sum += c->rgb[3 * i + ch];
    int mean = (int)(sum / count);
    for (int i = 0; i < count; i++)
      c->rgb[3 * i + ch] = (uint8_t)((mean * (100 - keep) + c->rgb[3 * i + ch] * keep + 50) / 100);
  }
}

static as_status through_jpeg(as_canvas *c, int quality, as_err *err) {
  uint8_t *jpeg = NULL;
  size_t n = 0;
  as_image im = {0};
  as_status s = as_jpeg_encode(&jpeg, &n, c->rgb, c->size, c->size, quality, AS_JPEG_420, err);
  if (s == AS_OK) s = as_image_decode(&im, jpeg, n, 0, NULL, err);
  if (s == AS_OK) memcpy(c->rgb, im.rgb, 3 * (size_t)c->size * (size_t)c->size);
  as_image_clear(&im);
  as_free(jpeg);
  return s;
}

void as_world_damage_name(int index, char name[32]) {
  static const char *const kinds[KINDS] = {"noise", "blur", "contrast", "jpeg"};
  snprintf(name, 32, "%s-%d", kinds[index % KINDS], index / KINDS % SEVERITIES + 1);
}

as_status as_world_corrupt(as_canvas *c, as_rng dice, int index, as_err *err) {
  static const int noise[SEVERITIES] = {12, 20, 30, 44, 62}, passes[SEVERITIES] = {1, 2, 4, 7, 12},
                   keep[SEVERITIES] = {70, 50, 35, 22, 13}, quality[SEVERITIES] = {25, 16, 10, 6, 3};
  int severity = index / KINDS % SEVERITIES, n = c->size;
  switch (index % KINDS) {
    case 0:
      add_noise(c, as_rng_make(dice.key, 78), noise[severity]);
      return AS_OK;
    case 1:
      blur_times(c, 1 + (passes[severity] * n * n - 1) / (48 * 48)); /* at 48 pixels as in the table */
      return AS_OK;
    case 2:
      lower_contrast(c, keep[severity]);
      return AS_OK;
    default:
      return through_jpeg(c, quality[severity], err);
  }
}
