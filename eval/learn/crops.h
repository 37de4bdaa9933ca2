/* Training views of images, as the frameworks' probes see them: RandomResizedCrop and a horizontal flip. */
#ifndef AS_EVAL_LEARN_CROPS_H
#define AS_EVAL_LEARN_CROPS_H

#include <stdint.h>

#include "data/image/image.h"
#include "data/image/preset.h"
#include "data/sets/dataset.h"
#include "eval/features/backbone.h"
#include "eval/learn/protocol.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/status.h"
#include "tensor/base/watch.h"

/* torchvision's RandomResizedCrop (area low to 1 of the image, ratio 3/4 to 4/3, ten tries, then the whole
 * image within those ratios), Pillow's resize to side x side, and a flip with probability 1/2. The random
 * numbers are as_rng_uniform of r at view * 64 + 0, 1, ...: per try area, log ratio, row, column (the last two
 * only where the box fits), then the flip. out: [side, side, 3]. AS_E_ENV: memory. */
as_status as_crop_view(const as_image *im, int side, double low, as_filter filter, as_rng r, uint64_t view,
                       uint8_t *out, as_err *err);

typedef struct as_crops_opts {
  uint64_t seed; /* start weights, order of samples, and crops: stream "probe.crop" + epoch, view = image */
  int batch;     /* images per forward pass; 0: as_features_batch; changes no result */
  int lenient;
  const as_watch *watch;
} as_crops_opts;

/* What it learns from. Borrowed. */
typedef struct as_crops_images {
  const as_dataset *ds;
  const int *y;   /* [images of ds] output of each image, -1 = left out */
  size_t classes; /* outputs */
} as_crops_images;

/* Trains a protocol's head through the backbone: every epoch sees new crops of every labelled image. An image that cannot be read is left out and counted in *failed;
 * nothing stands in for it. The preset gives side and normalisation. AS_E_INPUT: the loss is not finite, no
 * image can be read; AS_E_STOPPED. as_linhead_crops makes a head of it. */
as_status as_crops_fit(const as_protocol *p, as_backbone *b, const as_crops_images *images,
                       const as_crops_opts *opts, float *weight, float *bias, size_t *failed, as_err *err);

#endif
