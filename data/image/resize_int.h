/* The two inner loops of resize, in C (resize_rows.c) and with AVX2 (resize_x86.c). */
#ifndef AS_DATA_IMAGE_RESIZE_INT_H
#define AS_DATA_IMAGE_RESIZE_INT_H

#include "data/image/resize.h"

enum { AS_RESIZE_BITS = 22 }; /* of a coefficient: 32 less 8 of the pixel and 2 of head room */

typedef struct as_resize_kernels {
  /* Pixels [lo, hi) of 4 bytes (R, G, B, anything) to count pixels of 3 bytes. 4 taps + 16 readable bytes must follow the
   * input and 16 writable bytes the output. */
  void (*row)(const as_resize_axis *a, const uint8_t *in, uint8_t *out);
  /* out[i] = clip((2^21 + sum over t < n of rows[t * stride + i] * k[t]) >> 22) */
  void (*column)(const uint8_t *rows, size_t stride, const int32_t *k, int n, size_t bytes, uint8_t *out);
} as_resize_kernels;

/* resize_rows.c */
void as_resize_row_c(const as_resize_axis *a, const uint8_t *in, uint8_t *out);
void as_resize_column_c(const uint8_t *rows, size_t stride, const int32_t *k, int n, size_t bytes,
                        uint8_t *out);

/* resize_x86.c: AVX2, NULL off x86-64. */
const as_resize_kernels *as_resize_kernels_x86(void);

#endif
