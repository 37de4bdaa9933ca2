/* Curves of a training over its epochs, as an SVG file. */
#ifndef AS_EVAL_REPORT_CURVES_H
#define AS_EVAL_REPORT_CURVES_H

#include <stddef.h>

#include "tensor/base/text.h"

typedef struct as_curve {
  const char *name; /* what it is, with its unit: "k-NN top-1, %" */
  const double *v;  /* [epochs]; NaN where it was not measured */
} as_curve;

/* A panel for each curve that has a value, two in a row. Memory that ends sets
 * out->failed. */
void as_curves_svg(as_str *out, const char *title, const as_curve *curve, size_t n, size_t epochs);

#endif
