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
  unsigned warnings; /* damage that libjpeg would decode with a warning */
  /* Some of it is such that decoders, or versions of one, give different pixels; no pixels are the right ones. */
  bool decoder_dependent;
  char detail[160]; /* "progressive, 4:2:0, 3 components"; or the first warning, or why decoder_dependent */
} as_image_info;

/* Sniffs by magic, never by name. With lenient == 0 any warning is an error (AS_E_INPUT, byte offset
 * in the message); with 1 it is counted in info. info may be NULL. */
as_status as_image_decode(as_image *out, const uint8_t *p, size_t n, int lenient, as_image_info *info,
                          as_err *err);
/* Header only. */
as_status as_image_probe(as_image_info *info, const uint8_t *p, size_t n, as_err *err);
void as_image_clear(as_image *im);

#endif
