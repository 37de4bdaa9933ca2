/* TensorFlow's bicubic resize (resize_bicubic_op.cc), in float: what SimCLR and BYOL were evaluated with. */
#ifndef AS_DATA_IMAGE_PRESET_TF_H
#define AS_DATA_IMAGE_PRESET_TF_H

#include <stdbool.h>

#include "data/image/preset_int.h"
#include "tensor/base/status.h"

typedef struct as_tf_plan {
  int w, h, out_w, out_h;
  bool
      half_pixel; /* false: TF1, a = -0.75, source = x * scale; true: TF2, a = -0.5, half-pixel centres, taps outside
                    * dropped */
  float unit; /* each value is multiplied by it first */
} as_tf_plan;

/* The resize alone: rows of w pixels from `next` to out, [out_h, out_w, 3]. Four rows are kept. */
as_status as_tf_resize(const as_tf_plan *p, as_row_fn *next, void *ctx, float *out, as_err *err);

/* The whole pipeline of a preset with geometry tf1 or tf2, for an image of w x h pixels: the centre square of side crop /
 * resize of the short side, resized, in 0..1, normalised. out: [crop, crop, 3]. */
as_status as_tf_tensor(const as_preset *p, int w, int h, as_pixel_source *src, float *out, as_err *err);

#endif
