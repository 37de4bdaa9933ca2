/* Feature rows with their classes: what every head learns from. */
#ifndef AS_EVAL_LEARN_LABELLED_H
#define AS_EVAL_LEARN_LABELLED_H

#include <stddef.h>

/* All borrowed. */
typedef struct as_labelled {
  const float *x; /* [n, d] row by row */
  const int *y;   /* [n] class of each row, below `classes`; negative: the row is left out */
  size_t n, d, classes;
  const char *const *class_name; /* [classes] as a data set names them, or NULL: known by number alone */
} as_labelled;

/* A probability below this adds nothing to a gradient, beside those of a class's own rows; but products with numbers near
 * the end of float (2^-126) take a processor ten times as long, and where rows are sure, most probabilities are such. */
#define AS_PROBE_NOTHING 0x1p-110f

#endif
