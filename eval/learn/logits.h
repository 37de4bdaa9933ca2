/* What the heads that are trained do to a row of logits. */
#ifndef AS_EVAL_LEARN_LOGITS_H
#define AS_EVAL_LEARN_LOGITS_H

#include <stddef.h>

/* z[k] += b[k]. Returns the largest of them, and the smallest in *low; which counts where one is no number is not said. */
float as_logits_add(size_t k, const float *b, float *z, float *low);
/* The first place that holds no less than `most`. */
size_t as_logits_find(size_t k, const float *z, float most);

#endif
