/* PNG decoder: every colour type, bit depth and interlace method, to 8-bit RGB as Pillow 9.4's
 * convert("RGB") gives it (PNG specification, ISO/IEC 15948).
 *
 * Only IHDR, PLTE, IDAT and IEND are read; other chunks are passed over after their CRC is checked, and never inflated.
 * Transparency is dropped, not composed. 16-bit colour keeps the high byte; 16-bit grey is clipped at 255 (Pillow's mode
 * "I"). A palette index beyond PLTE is grey of that value, as in Pillow. */
#ifndef AS_DATA_IMAGE_PNG_H
#define AS_DATA_IMAGE_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "data/image/image.h"
#include "tensor/base/status.h"

enum { AS_PNG_MAX_SIDE = 65500 };
#define AS_PNG_MAX_PIXELS ((int64_t)1 << 26)

typedef struct as_png as_png;

/* As in jpeg.h: open reads the header, `p` is borrowed until close, rows of a window come in order and one by one.
 * Without interlacing two rows of the image are all that is kept. `lenient`: damage on which no pixel depends is
 * counted instead of refused (CRCs of IDAT and of what follows the pixels, the stream's check value, a missing IEND). */
as_status as_png_open(as_png **out, const uint8_t *p, size_t n, int lenient, as_err *err);
void as_png_close(as_png **png);
void as_png_info(const as_png *png, as_image_info *info);
as_status as_png_window(as_png *png, int x0, int y0, int x1, int y1, as_err *err);
as_status as_png_row(as_png *png, int pixel, uint8_t *out, as_err *err);
as_status as_png_finish(as_png *png, as_err *err);

#endif
