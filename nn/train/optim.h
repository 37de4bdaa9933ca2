/* Optimisers over a store, one step at a time (NUMERICS rule T5).
 *
 *   sgd    torch.optim.SGD: decay enters the momentum, the rate does not; Nesterov by wish
 *   lars   as in BYOL, MoCo v3, Barlow Twins, VICReg and DINO: tensors of more than one dimension take
 *          d = g + wd p, scaled by eta |p| / |d|; the others neither decay nor scaling; then momentum, then the rate
 *   larc   apex's LARC without clipping, as SwAV and DeepCluster-v2 use it: every tensor
 *          a = eta |p| / (|g| + wd |p| + 1e-8), d = a (g + wd p); where a norm is 0 neither; then SGD without decay
 *   adamw  torch.optim.AdamW: decay beside the moments
 *
 * A tensor marked `absent` is passed over whole: it keeps its momentum and its count of steps. */
#ifndef AS_NN_TRAIN_OPTIM_H
#define AS_NN_TRAIN_OPTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/train/store.h"
#include "tensor/base/status.h"

typedef enum as_optim_kind { AS_OPTIM_SGD, AS_OPTIM_LARS, AS_OPTIM_LARC, AS_OPTIM_ADAMW } as_optim_kind;

typedef struct as_optim_cfg {
  as_optim_kind kind;
  double momentum;          /* sgd, lars, larc */
  bool nesterov;            /* sgd */
  double eta;               /* lars, larc: the trust coefficient, 0.001 */
  double beta1, beta2, eps; /* adamw */
  bool
      decay_all; /* sgd, adamw: biases and norms decay too (torch's default); else tensors of one dimension do not */
} as_optim_cfg;

typedef struct as_optim {
  as_optim_cfg cfg;
  as_store *store; /* borrowed */
  float *m, *v;    /* [store->floats] momentum, or both moments; v NULL except for adamw */
  uint32_t *steps; /* [store->n] steps that each tensor has taken */
} as_optim;

/* The store must have been made. */
as_status as_optim_init(as_optim *o, const as_optim_cfg *cfg, as_store *store, as_err *err);
void as_optim_clear(as_optim *o);
/* One step from the store's gradients, which lars and larc overwrite. lr, decay: of this step, rounded once. */
void as_optim_step(as_optim *o, double lr, double decay);

#endif
