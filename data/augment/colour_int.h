/* The inner loops of colour, in C (colour.c) and with AVX2 (colour_x86.c), the same bits. */
#ifndef AS_DATA_AUGMENT_COLOUR_INT_H
#define AS_DATA_AUGMENT_COLOUR_INT_H

#include "data/augment/colour.h"

enum { AS_COLOUR_X86_NEEDS = AS_CPU_AVX2 };

typedef struct as_colour_kernels {
  /* x = clamp(f x + add, 0, 1) */
  void (*scale)(size_t n, float f, float add, float *x);
  /* c = clamp(f c + rest grey, 0, 1) */
  void (*saturate)(size_t n, float f, float rest, float *r, float *g, float *b);
  void (*hue)(size_t n, float turn, float *r, float *g, float *b); /* turn: sixths of the circle */
  /* out = k[0] x[0] + sum k[t] (x[-t step] + x[t step]), n of them side by side */
  void (*weigh)(size_t n, const float *x, size_t step, const float *k, int radius, float *out);
  void (*split)(size_t n, const uint8_t *rgb, bool flip, float *r, float *g, float *b);
  void (*join)(const as_planes *p, const float mean[3], const float std[3], float *out);
} as_colour_kernels;

void as_colour_scale_c(size_t n, float f, float add, float *x);
void as_colour_saturate_c(size_t n, float f, float rest, float *r, float *g, float *b);
void as_colour_hue_c(size_t n, float turn, float *r, float *g, float *b);
void as_colour_weigh_c(size_t n, const float *x, size_t step, const float *k, int radius, float *out);
void as_colour_split_c(size_t n, const uint8_t *rgb, bool flip, float *r, float *g, float *b);
void as_colour_join_c(const as_planes *p, const float mean[3], const float std[3], float *out);

/* NULL off x86-64. */
const as_colour_kernels *as_colour_kernels_x86(void);

#endif
