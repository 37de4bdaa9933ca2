/* Pillow's image resize (src/libImaging/Resample.c), 8 bits per channel, bit for bit.
 *
 * Separable, horizontal first; each pass weighs up to `taps` source samples with 22-bit fixed-point
 * coefficients and rounds to 8 bits. An axis plan holds the coefficients of the outputs that are
 * wanted, so that a crop costs only its own pixels. */
#ifndef AS_DATA_IMAGE_RESIZE_H
#define AS_DATA_IMAGE_RESIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/image/preset.h"
#include "tensor/base/status.h"

typedef struct as_resize_axis {
  int in, out;     /* whole sizes */
  int from, count; /* outputs wanted: [from, from + count) */
  bool copy;       /* in == out: Pillow skips the pass */
  int lo, hi;      /* inputs that they need: [lo, hi) */
  int taps;        /* coefficients stored per output, a multiple of 4, zero-filled */
  int32_t *first;  /* [count] first input of each output */
  int32_t *n;      /* [count] inputs of each output */
  int32_t *k;      /* [count, taps] coefficients times 2^22 */
  int16_t *split;  /* [count, taps / 4, 32] the same for the SIMD rows, see resize.c */
} as_resize_axis;

/* 1 <= in, out; 0 <= from, from + count <= out. AS_E_ENV when memory is short. */
as_status as_resize_axis_init(as_resize_axis *a, int in, int out, int from, int count, as_filter filter,
                              as_err *err);
void as_resize_axis_clear(as_resize_axis *a);

/* Gives the next row of a source: its pixels as 4 bytes (R, G, B, 0). */
typedef as_status as_row_fn(void *ctx, uint8_t *row, as_err *err);

/* Both passes. `next` gives the source's rows [ay->lo, ay->hi) one after the other, of each the pixels [ax->lo, ax->hi).
 * out: ay->count rows of ax->count pixels of 3 bytes, `pitch` bytes apart. Only the rows that one output needs are kept. Errors: those of next; AS_E_ENV. */
as_status as_resize_rows(const as_resize_axis *ax, const as_resize_axis *ay, as_row_fn *next, void *ctx,
                         uint8_t *out, size_t pitch, as_err *err);

/* A whole image, [h, w, 3] to [out_h, out_w, 3]. */
as_status as_resize_rgb(const uint8_t *in, int w, int h, as_filter filter, uint8_t *out, int out_w, int out_h,
                        as_err *err);

#endif
