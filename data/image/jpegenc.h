/* JPEG writer: baseline, YCbCr, 4:2:0 or 4:4:4, standard tables. Integer arithmetic only, so that the
 * same pixels give the same bytes on every machine. */
#ifndef AS_DATA_IMAGE_JPEGENC_H
#define AS_DATA_IMAGE_JPEGENC_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

typedef enum as_jpeg_chroma { AS_JPEG_444, AS_JPEG_420 } as_jpeg_chroma;

/* rgb: [h, w, 3]; quality 1..100 on libjpeg's scale. *out (*n bytes) is owned by the caller: as_free.
 * AS_E_USAGE: a side outside 1..65500 or a quality outside 1..100. */
as_status as_jpeg_encode(uint8_t **out, size_t *n, const uint8_t *rgb, int w, int h, int quality,
                         as_jpeg_chroma chroma, as_err *err);

#endif
