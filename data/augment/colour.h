/* Changes of colour on three planes of floats in [0, 1], as torchvision's functional_tensor has them, and the blur. */
#ifndef AS_DATA_AUGMENT_COLOUR_H
#define AS_DATA_AUGMENT_COLOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/cpu.h"

enum { AS_BLUR_RADIUS = 24 }; /* largest */

/* n floats each; they do not overlap. */
typedef struct as_planes {
  float *r, *g, *b;
  size_t n;
} as_planes;

/* A row of n 8-bit pixels to three rows, x / 255; flip: from its other end. */
void as_colour_split(size_t n, const uint8_t *rgb, bool flip, float *r, float *g, float *b);
/* Planes to p->n pixels of three floats, (x - mean) / std. */
void as_colour_join(const as_planes *p, const float mean[3], const float std[3], float *out);

/* blend(a, b, f) = clamp(f a + (1 - f) b, 0, 1); grey = .2989 r + .587 g + .114 b.
 * brightness: b = 0; contrast: b = the mean of grey over the image; saturation: b = grey of the pixel. */
void as_colour_brightness(const as_planes *p, double f);
void as_colour_contrast(const as_planes *p, double f);
void as_colour_saturation(const as_planes *p, double f);
/* The hue turned by `turn` of the circle, -0.5..0.5. */
void as_colour_hue(const as_planes *p, double turn);
void as_colour_grey(const as_planes *p);
void as_colour_solarise(const as_planes *p); /* x >= 0.5 becomes 1 - x */

/* A Gaussian of that sigma (pixels) on square planes, cut at ceil(3 sigma), its weights summing to 1; edges are
 * replicated. scratch: (side + 2 * AS_BLUR_RADIUS) * side floats. */
void as_colour_blur(const as_planes *p, int side, double sigma, float *scratch);

/* The kernels of this room for `info --kernels`: returns how many; *rows is static. */
size_t as_augment_kernels(const as_kernel_info **rows);

#endif
