/* Private to the presets: their geometries, and where rows of pixels come from. */
#ifndef AS_DATA_IMAGE_PRESET_INT_H
#define AS_DATA_IMAGE_PRESET_INT_H

#include "data/image/preset.h"
#include "data/image/resize.h"

/* as_preset.geometry */
enum { GEO_TORCHVISION, GEO_TF1, GEO_TF2, GEO_SQUASH, GEO_ROUND, N_GEO };

/* A part of an image, row by row (as_row_fn): of a decoded one, or of one that is being decoded. */
typedef struct as_pixel_source {
  const as_image *im;
  as_image_rows *rows; /* one of the two */
  int x, y, w;         /* of im: where the next row begins, its pixels */
} as_pixel_source;

/* From now on it gives the rows of [x0, x1) x [y0, y1). Once per source. */
as_status as_pixel_source_window(as_pixel_source *s, int x0, int y0, int x1, int y1, as_err *err);
as_status as_pixel_source_next(void *source, uint8_t *row, as_err *err);

#endif
