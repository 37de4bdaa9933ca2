/* Preprocessing: named or spelled-out pipelines from an 8-bit image to a normalised float tensor. */
#ifndef AS_DATA_IMAGE_PRESET_H
#define AS_DATA_IMAGE_PRESET_H

#include <stddef.h>

#include "data/image/image.h"
#include "tensor/base/status.h"

typedef enum as_filter { AS_FILTER_BOX, AS_FILTER_BILINEAR, AS_FILTER_BICUBIC, AS_FILTER_LANCZOS } as_filter;

typedef struct as_preset {
  char name[64]; /* "imagenet-bilinear", or "custom" */
  int resize;    /* short side; 0 = no resize */
  as_filter filter;
  int crop;     /* side of the centre crop = side of the tensor */
  int trim;     /* pixels cut from every side first (ObjectNet) */
  int geometry; /* 0 torchvision; further pipelines (tf1, tf2, squash, round) as data/image/README.md lists */
  int caffe;    /* 1: x - mean in 0..255, no division */
  float mean[3], std[3];
} as_preset;

/* text: a name, a name with overrides ("imagenet-bilinear,crop=96"), or the spelled-out line.
 * AS_E_USAGE: unknown name (nearest named) or impossible value. */
as_status as_preset_parse(as_preset *out, const char *text, as_err *err);
/* The whole pipeline on one line, which as_preset_parse reads back to an equal preset. */
char *as_preset_text(const as_preset *p, char *buf, size_t size);
const char *const *as_preset_names(void); /* NULL-terminated */

/* The crop's 8-bit pixels, [crop, crop, 3], as Pillow and torchvision give them; out owned by the
 * caller, crop * crop * 3 bytes. */
as_status as_preset_pixels(const as_preset *p, const as_image *im, uint8_t *out, as_err *err);
/* Pixels to normalised float, [crop, crop, 3], channels fastest. */
void as_preset_normalize(const as_preset *p, const uint8_t *pixels, float *out);

/* A decoded image to the tensor, [crop, crop, 3]. With geometry torchvision this is the two calls
 * above; tf1 and tf2 have no 8-bit stage, so as_preset_pixels refuses them (AS_E_USAGE). */
as_status as_preset_tensor(const as_preset *p, const as_image *im, float *out, as_err *err);

/* Encoded bytes to the tensor: what a loader calls. The same bits as as_image_decode followed by
 * as_preset_tensor, but pixels that cannot reach the crop are never computed. Damage anywhere in the
 * file is still found (values too large for the inverse DCT: where a wanted pixel needs them). `lenient`
 * and `info` as in as_image_decode. Thread-safe. */
as_status as_preset_load(const as_preset *p, const uint8_t *bytes, size_t n, int lenient, float *out,
                         as_image_info *info, as_err *err);

#endif
