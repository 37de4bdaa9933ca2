/* A state seen through a recipe: what each tensor is called in the network, or why it has no place there. */
#ifndef AS_WEIGHTS_RECIPE_MAPPING_H
#define AS_WEIGHTS_RECIPE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"
#include "tensor/base/view.h"
#include "weights/containers/state.h"
#include "weights/recipe/recipe.h"

typedef enum as_name_fate {
  AS_FATE_KEPT,
  AS_FATE_OUTSIDE, /* not under the unwrapped key */
  AS_FATE_FOREIGN, /* not under the prefix, and no rule about it: unexpected */
  AS_FATE_DROPPED, /* by a drop rule */
  AS_FATE_FUSED    /* became part of another */
} as_name_fate;

typedef struct as_mapped {
  const as_state_entry *from; /* NULL for a fused tensor */
  char *name;                 /* new name when kept; else the name as far as it got */
  as_view view;
  as_name_fate fate;
  const char *why; /* dropped: the rule's reason or pattern */
} as_mapped;

typedef struct as_mapping {
  as_mapped *item;
  size_t n, cap;
  as_mapped **by_name; /* the kept ones, names ascending */
  size_t n_kept;
  const char *root;   /* unwrapped key, "." = none */
  const char *prefix; /* stripped prefix, "" = none */
  void **block;       /* fused tensors */
  size_t n_blocks, cap_blocks;
} as_mapping;

/* Never AS_E_INPUT for a name: unknown names are simply kept. AS_E_INPUT: a transform that does not
 * fit a tensor's shape, two tensors that end under one name. */
as_status as_recipe_map(as_mapping *out, const as_recipe *r, const as_state *s, as_err *err);
void as_mapping_clear(as_mapping *m);
const as_mapped *as_mapping_find(const as_mapping *m, const char *name);

/* Counters that training and profilers leave beside the weights (num_batches_tracked, total_ops, n_averaged): why they
 * are left out, or NULL for any other name. */
const char *as_name_counts(const char *name);
/* NAME.* of the classifier or of the BatchNorm before it. */
bool as_recipe_is_head(const as_recipe *r, const char *name);
/* The BatchNorm without scale and shift that stands before the classifier (MAE's linear probe): its name after the
 * renames, or "" for none, and its epsilon. */
const char *as_recipe_headnorm(const as_recipe *r, double *eps);

#endif
