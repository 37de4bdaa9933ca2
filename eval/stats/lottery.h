/* Would other sets have crowned another model? The sets of a benchmark are a choice, too: they are drawn again, and each
 * is left out once.
 *
 * Bootstrap over sets (Efron 1979, the sets as units): K sets drawn with replacement from the K that there are, the
 * mean of top-1 over them. Where all K^K draws are at most 10,000 (5 sets: 3,125) they are counted, otherwise 10,000 are
 * drawn, whose shares are known to half a point. Jackknife: each set left out once. Both treat the sets as a sample of
 * sets like them; with few of them, that are alike, the shares describe these sets more than any others. */
#ifndef AS_EVAL_STATS_LOTTERY_H
#define AS_EVAL_STATS_LOTTERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

typedef struct as_set_lottery {
  size_t models, sets;
  size_t winner; /* by the mean over all sets; of equal ones the first */
  size_t draws;  /* of the bootstrap */
  bool exact;    /* they are all there are */
  double *first; /* [models] share of the draws in which the model is first; ties share */
  size_t
      *without; /* [sets] who is first without the set: the winner where it still is, of others the first */
  double *lead; /* [sets] its mean there minus the winner's, 0 where that is first */
} as_set_lottery;
/* acc[models * sets], row = model, no NaN. AS_E_USAGE below 2 models or 2 sets. Work is spent only on models that none is
 * better than on every set: the others cannot be first. */
as_status as_set_lottery_run(const double *acc, size_t models, size_t sets, uint64_t seed,
                             as_set_lottery *out, as_err *err);
void as_set_lottery_clear(as_set_lottery *l);

#endif
