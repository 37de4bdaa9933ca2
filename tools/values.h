/* inspect --values: the numbers at a place of an image, an array or a checkpoint. */
#ifndef AS_TOOLS_VALUES_H
#define AS_TOOLS_VALUES_H

#include "data/image/image.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"
#include "tensor/base/view.h"

/* Appends the elements of the view whose first indices are `at` ("2,0": [2, 0, ...]; "" or "all": all), a line for each row of
 * the last axis, its indices before it: "2,0,1: 0.5 -1". %.9g tells any two floats apart. AS_E_USAGE: `at` is not a
 * list of indices, or names more axes or a higher index than there are; AS_E_INPUT: values that are no dense numbers. */
as_status as_values_put(as_str *out, const as_view *v, const char *at, as_err *err);
/* The same of the pixels of an image, [h, w, 3]. */
as_status as_values_put_pixels(as_str *out, const as_image *im, const char *at, as_err *err);

#endif
