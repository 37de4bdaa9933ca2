/* TensorFlow's bicubic resize (resize_bicubic_op.cc), in float: what SimCLR and BYOL were evaluated with. */
#ifndef AS_DATA_IMAGE_PRESET_TF_H
#define AS_DATA_IMAGE_PRESET_TF_H

#include "data/image/image.h"
#include "data/image/preset.h"
#include "tensor/base/status.h"

/* Centre square of side fraction * short side, resized to [side, side, 3], values in [0, 1], not
 * normalised. `half_pixel` 0: TF1, a = -0.75, source = x * scale (SimCLR; pixels are scaled first);
 * 1: TF2, a = -0.5, half-pixel centres, taps outside dropped (BYOL; pixels are scaled afterwards). */
as_status as_tf_bicubic(const as_image *im, float fraction, int side, int half_pixel, float *out,
                        as_err *err);

/* The resize alone: [h, w, 3] with `stride` bytes from row to row, each value times `unit`, to [out_h, out_w, 3]. */
as_status as_tf_resize(const uint8_t *rgb, size_t stride, int w, int h, int out_w, int out_h, int half_pixel,
                       float unit, float *out, as_err *err);

#endif
