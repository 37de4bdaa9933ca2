/* One backbone under several protocols: does the choice of the protocol decide who is first?
 *
 * Two models are the same backbone where the same network is read from the same file (as_results_model.backbone, a hash), and
 * their protocols differ where what turns features into answers does (as_results_model.protocol): k-NN, a probe at some C,
 * the recipe of a framework. Names of models say nothing here.
 *
 * Only like is compared: the protocols are taken in the order of how many backbones have them, as long as two backbones
 * have all that were taken; those backbones are ranked under each of them. Two choices are then tried: another protocol for
 * all, and one protocol for each backbone, as where everybody publishes by a protocol of their own (all combinations, alike
 * probable; exact, see seeds.h). */
#ifndef AS_EVAL_STATS_PROTOCOLS_H
#define AS_EVAL_STATS_PROTOCOLS_H

#include <stddef.h>

#include "eval/stats/results.h"
#include "tensor/base/status.h"

typedef struct as_protocols {
  size_t n,
      backbones; /* protocols and backbones that are compared; n = 0: no two of each, nothing below exists */
  const char **name;     /* [n] of a protocol, borrowed from the results */
  const char **backbone; /* [backbones] likewise: of the file, or, where two share that, of the first model */
  size_t *entry;         /* [backbones * n] which model it is */
  double *rank;          /* [backbones * n] among these backbones under one protocol, 1 = best; ties share */
  size_t winner, chosen; /* backbone and protocol of the highest value; of equal ones the first */
  double *other; /* [backbones] share of the protocols other than `chosen` by which it is first; ties share */
  double *mixed; /* [backbones] share of the choices of one protocol for each backbone; ties share */
  size_t left;   /* models whose backbone has several protocols, which are not compared */
} as_protocols;

/* v[r->n_models]: the value by which models are ranked; a model with NaN takes no part, nor the second one of the same
 * backbone and protocol. */
as_status as_protocols_find(as_protocols *p, const as_results *r, const double *v, as_err *err);
void as_protocols_clear(as_protocols *p);

#endif
