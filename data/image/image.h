/* Encoded image bytes to 8-bit RGB, exactly as Pillow's Image.open(f).convert("RGB"). */
#ifndef AS_DATA_IMAGE_IMAGE_H
#define AS_DATA_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

typedef struct as_image {
  uint8_t *rgb; /* [h, w, 3], owned (as_free) */
  int w, h;
} as_image;

typedef struct as_image_info {
  const char *format; /* "jpeg", "png" */
  int w, h, components;
  unsigned warnings; /* damage that Pillow decodes nevertheless */
  /* Some of it is such that decoders, or versions of one, give different pixels; no pixels are the right ones. */
  bool decoder_dependent;
  char detail[160]; /* "progressive, 4:2:0, 3 components"; or the first warning, or why decoder_dependent */
} as_image_info;

/* Sniffs by magic, never by name; other formats are refused by theirs. With lenient == 0 any warning is an error
 * (AS_E_INPUT, byte offset in the message); with 1 it is counted in info. info may be NULL. */
as_status as_image_decode(as_image *out, const uint8_t *p, size_t n, int lenient, as_image_info *info,
                          as_err *err);
/* Header only. */
as_status as_image_probe(as_image_info *info, const uint8_t *p, size_t n, as_err *err);
void as_image_clear(as_image *im);

/* The same row by row, for who does not need the whole. What is kept is a few rows where the format allows it: of a JPEG
 * of one scan and a PNG without interlacing. Order of calls: open, window, row for each row of it, finish, close. */
typedef struct as_image_rows as_image_rows;

/* Reads the header; `p` is borrowed until close. info (never NULL) gets what the header says. */
as_status as_image_rows_open(as_image_rows **out, const uint8_t *p, size_t n, int lenient,
                             as_image_info *info, as_err *err);
void as_image_rows_close(as_image_rows **rows);
/* Only [x0, x1) x [y0, y1) is wanted: pixels outside are not computed. */
as_status as_image_rows_window(as_image_rows *rows, int x0, int y0, int x1, int y1, as_err *err);
/* The next row of the window, x1 - x0 pixels of 3 bytes (R, G, B), or of 4 with a zero byte (`pixel` = 3 or 4). */
as_status as_image_rows_next(as_image_rows *rows, int pixel, uint8_t *out, as_err *err);
/* Reads the rest: damage anywhere is found. info (may be NULL) is final, also when this or a row has failed. */
as_status as_image_rows_finish(as_image_rows *rows, as_image_info *info, as_err *err);

#endif
