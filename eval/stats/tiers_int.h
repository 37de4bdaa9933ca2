/* What the two definitions of tiers share. */
#ifndef AS_EVAL_STATS_TIERS_INT_H
#define AS_EVAL_STATS_TIERS_INT_H

#include "eval/stats/stats_order.h"
#include "eval/stats/tiers.h"

/* Room for n models; nothing has a value yet. */
as_status as_tiers_init(as_tiers *t, size_t n, as_err *err);
/* Puts a model into a tier. */
void as_tiers_place(as_tiers *t, size_t model, size_t tier);

#endif
