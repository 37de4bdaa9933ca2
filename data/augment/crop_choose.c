#include <math.h>

#include "data/augment/augment.h"
#include "tensor/base/math/dmath.h"

as_crop_box as_crop_choose(int w, int h, double lo, double hi, as_rng dice, uint64_t *at) {
  enum { TRIES = 10 };
  const double log_low = as_log(3.0 / 4.0), log_high = as_log(4.0 / 3.0);
  const double area = (double)w * (double)h;
  for (int i = 0; i < TRIES; i++) {
    const double target = area * (lo + (hi - lo) * as_rng_uniform(dice, (*at)++));
    const double ratio = as_exp(log_low + (log_high - log_low) * as_rng_uniform(dice, (*at)++));
    const double bw = as_rint(sqrt(target * ratio)), bh = as_rint(sqrt(target / ratio));
    if (bw < 1.0 || bh < 1.0 || bw > (double)w || bh > (double)h) continue;
    as_crop_box b = {.w = (int)bw, .h = (int)bh};
    b.y = (int)(as_rng_uniform(dice, (*at)++) * (double)(h - b.h + 1));
    b.x = (int)(as_rng_uniform(dice, (*at)++) * (double)(w - b.w + 1));
    return b;
  }
  const double ratio = (double)w / (double)h;
  as_crop_box b = {.w = w, .h = h};
  if (ratio < 3.0 / 4.0)
    b.h = (int)as_rint((double)w / (3.0 / 4.0));
  else if (ratio > 4.0 / 3.0)
    b.w = (int)as_rint((double)h * (4.0 / 3.0));
  b.y = (h - b.h) / 2;
  b.x = (w - b.w) / 2;
  return b;
}
