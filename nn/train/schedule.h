/* What a quantity is at a step: rates, weight decay, momenta of teachers, temperatures. In double, from the step number
 * alone (NUMERICS rule T5): the cosine is our own. */
#ifndef AS_NN_TRAIN_SCHEDULE_H
#define AS_NN_TRAIN_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum as_schedule_kind {
  AS_SCHEDULE_CONSTANT, /* start */
  AS_SCHEDULE_COSINE,   /* end + (start - end) (1 + cos(pi t / T)) / 2 */
  AS_SCHEDULE_STEPS,    /* start, times 0.1 from 60 % and again from 80 % of the steps on (MoCo v1, PCL) */
  AS_SCHEDULE_LINEAR    /* start + (end - start) t / (T - 1), end included */
} as_schedule_kind;

typedef struct as_train_schedule {
  as_schedule_kind kind;
  double start, end;
  size_t steps;     /* T: steps of the whole training, the warm-up included */
  size_t per_epoch; /* steps of an epoch; used with by_epoch */
  bool
      by_epoch; /* constant within an epoch: t is the epoch, T the epochs (MoCo v1 and v2, PCL, SimSiam, OBoW) */
  size_t warm_up;   /* steps W that rise to `start` first; then t counts from W and T is what is left */
  double warm_from; /* the value of step 0 of the warm-up */
  bool
      warm_includes_end; /* step W - 1 has the full value (numpy's linspace: SwAV, DINO); else step W has it */
} as_train_schedule;

double as_schedule_at(const as_train_schedule *s, size_t step);

#endif
