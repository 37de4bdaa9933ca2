/* JPEG decoder: baseline and progressive, 8 bits, Huffman coded; 1, 3 or 4 components.
 *
 * The pixels are those of libjpeg-turbo's SIMD code with Pillow's settings (accurate integer IDCT, "fancy"
 * chroma upsampling) and then Pillow's convert("RGB"): integer arithmetic, the same bits everywhere.
 * Pure over (bytes, length): no files, no globals, all memory owned by the decoder.
 * Standard: ITU-T T.81; file conventions: JFIF 1.02, Adobe APP14. */
#ifndef AS_DATA_IMAGE_JPEG_H
#define AS_DATA_IMAGE_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/image/image.h"
#include "tensor/base/status.h"

/* Limits, all refused with a message: side, pixels, scans of one file. */
enum { AS_JPEG_MAX_SIDE = 65500, AS_JPEG_MAX_SCANS = 100 };
#define AS_JPEG_MAX_PIXELS ((int64_t)1 << 26)

typedef struct as_jpeg as_jpeg;

/* Reads the header up to the first scan. `p` is borrowed until close; `lenient` as in image.h. */
as_status as_jpeg_open(as_jpeg **out, const uint8_t *p, size_t n, int lenient, as_err *err);
void as_jpeg_close(as_jpeg **j);
/* Format, size, components, warnings so far, one-line detail. */
void as_jpeg_info(const as_jpeg *j, as_image_info *info);

/* Once per decoder: the rows that follow are those of the window [x0, x1) x [y0, y1) of the image. Pixels outside are
 * not computed. Where the file allows it (one scan), nothing is decoded yet and a few rows are all that is ever kept. */
as_status as_jpeg_window(as_jpeg *j, int x0, int y0, int x1, int y1, as_err *err);
/* The next row of the window: x1 - x0 pixels of 3 bytes (R, G, B), or of 4 with a zero byte (`pixel` = 3 or 4). */
as_status as_jpeg_row(as_jpeg *j, int pixel, uint8_t *out, as_err *err);
/* After the last row, or any: decodes what is left, so that damage anywhere is found. as_jpeg_info is final then. */
as_status as_jpeg_finish(as_jpeg *j, as_err *err);

#endif
