/* PNG decoder: every colour type, bit depth and interlace method, to 8-bit RGB as Pillow 9.4's
 * convert("RGB") gives it (PNG specification, ISO/IEC 15948).
 *
 * Only IHDR, PLTE, tRNS, IDAT and IEND are read; other chunks are passed over after their CRC is
 * checked, and never inflated. Transparency is dropped, not composed. 16-bit colour keeps the high
 * byte; 16-bit grey is clipped at 255 (Pillow's mode "I"). */
#ifndef AS_DATA_IMAGE_PNG_H
#define AS_DATA_IMAGE_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "data/image/image.h"
#include "tensor/base/status.h"

enum { AS_PNG_MAX_SIDE = 65500 };
#define AS_PNG_MAX_PIXELS ((int64_t)1 << 26)

as_status as_png_decode(as_image *out, const uint8_t *p, size_t n, as_image_info *info, as_err *err);
as_status as_png_probe(as_image_info *info, const uint8_t *p, size_t n, as_err *err);

#endif
