/* Random views of an image for pre-training: crop and resize, flip, colour jitter, grey, blur, solarise.
 *
 * The crop is torchvision's RandomResizedCrop, resized by our own Pillow-exact resampler on 8 bits. What follows works in
 * float on [0, 1] as torchvision's functional_tensor does: jitter (four steps in a drawn order, factors drawn once),
 * grey, solarise. The blur is a true Gaussian, separable, cut at radius ceil(3 sigma), edges replicated. Then
 * (x - mean) / std.
 *
 * Dice (NUMERICS rule T6): draw d of view v of image i is number (i * 16 + v) * 128 + d of the stream of (seed, epoch):
 * a view depends on nothing else, and a crop that is rejected costs a fixed range of numbers. */
#ifndef AS_DATA_AUGMENT_AUGMENT_H
#define AS_DATA_AUGMENT_AUGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "data/image/preset.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/status.h"

typedef struct as_augment {
  double crop_lo, crop_hi; /* share of the area; 0, 0: no crop, the whole image resized */
  as_filter filter;
  double flip; /* probabilities ... */
  double jitter;
  double brightness, contrast, saturation, hue; /* ... and strengths */
  double grey;
  double blur, sigma_lo, sigma_hi; /* pixels */
  double solarise;
  float mean[3], std[3];
} as_augment;

/* A name ("simclr", "byol-2", "dino-local", "none", ...) with overrides, or keys alone:
 *   crop=LO:HI, filter=bilinear|bicubic, flip=P, jitter=P:B:C:S:H, grey=P, blur=P:LO:HI, solarise=P
 * mean and std become ImageNet's. AS_E_USAGE: an unknown name or key (the nearest is named), an impossible value. */
as_status as_augment_parse(as_augment *out, const char *text, as_err *err);
const char *const *as_augment_names(void); /* NULL-terminated */

/* Where the dice of one epoch come from. */
as_rng as_augment_dice(uint64_t seed, uint64_t epoch);

/* Which view of what: view v (0..15) of image number `image`, whose pixels are rgb [h, w, 3]. */
typedef struct as_augment_of {
  as_rng dice;
  uint64_t image;
  unsigned view;
  const uint8_t *rgb;
  int w, h;
} as_augment_of;
/* Memory of one thread, and the resize plans of crop sizes that it has met; for views of up to side x side pixels. */
typedef struct as_augment_room as_augment_room;
as_status as_augment_room_create(as_augment_room **out, int side, as_err *err);
void as_augment_room_destroy(as_augment_room **room);

/* Where it goes: side x side pixels of 3 floats, rows `row` floats apart. */
typedef struct as_augment_to {
  int side;
  float *out;
  size_t row;
  as_augment_room *room;
} as_augment_to;
/* AS_E_ENV when memory is short. */
as_status as_augment_view(const as_augment *a, const as_augment_of *of, const as_augment_to *to, as_err *err);

/* torchvision's RandomResizedCrop.get_params: a box of LO..HI of the area, ratio 3/4 to 4/3; after ten rejected tries the
 * centre. *at: the first number of the dice, advanced by what was drawn (at most 40). */
typedef struct as_crop_box {
  int x, y, w, h;
} as_crop_box;
as_crop_box as_crop_choose(int w, int h, double lo, double hi, as_rng dice, uint64_t *at);

#endif
