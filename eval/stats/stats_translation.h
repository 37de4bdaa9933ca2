/* The translation curve: of the pairs of models whose accuracies on the base set differ by g, how many
 * keep their order on a variant? This is the study's question as one number per gap. */
#ifndef AS_EVAL_STATS_STATS_TRANSLATION_H
#define AS_EVAL_STATS_STATS_TRANSLATION_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

typedef struct as_translation_bin {
  double gap_lo, gap_hi; /* fractions; gap_lo <= g < gap_hi */
  int64_t pairs;         /* pairs with a base gap in this bin and both values on the variant */
  int64_t kept, tied;    /* same order on the variant; equal on the variant */
  int64_t models;        /* that take part in at least one of the pairs */
  double share;          /* (kept + tied / 2) / pairs; NaN when pairs = 0 */
  double lo, hi;         /* interval at the asked confidence: pairs that share a model are not
                            independent, so the variance is the jackknife's over models, and the
                            interval Wilson's at the sample size of equal variance */
} as_translation_bin;

/* Borders of the default bins in fractions: 0, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 100 points. */
enum { AS_TRANSLATION_BINS = 9 };
extern const double as_translation_edges[AS_TRANSLATION_BINS + 1];

/* base, shift: [n] accuracies (fractions), NaN = missing. Pairs that tie on the base are left out.
 * edges: [bins + 1] increasing. out: [bins]. O(n (sqrt(n) + bins)) steps. */
as_status as_translation(const double *base, const double *shift, size_t n, const double *edges, size_t bins,
                         double confidence, as_translation_bin *out, as_err *err);

#endif
