/* Strict matching of a checkpoint's tensors with what a model wants, and the load report. */
#ifndef AS_WEIGHTS_MATCH_H
#define AS_WEIGHTS_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"
#include "tensor/base/text.h"
#include "tensor/base/view.h"
#include "weights/containers/state.h"
#include "weights/recipe/recipe.h"

typedef struct as_match {
  as_view *views; /* [n_specs]; data NULL where an optional tensor is absent */
  size_t n_views;
  size_t used, renamed, dropped, missing, unexpected;
  size_t nonfinite; /* 0 until as_match_nonfinite */
  as_str report;    /* a line per tensor that was not simply used */
  void *map;        /* private: names and joined tensors that views may point into */
} as_match;

/* Applies the recipe's unwrap, prefixes, drops and renames, then matches strictly: every required
 * spec present with exactly its shape, nothing unexpected left over that the recipe does not drop.
 * AS_E_INPUT otherwise; the message names the first offender and counts the rest, and the report is
 * filled all the same. */
as_status as_match_params(as_match *out, const as_state *s, const as_recipe *r, const as_param_spec *specs,
                          size_t n_specs, as_err *err);
/* Reads every value that was matched, adds NaN and infinities to m->nonfinite and a line for each tensor that has some
 * to the report. Whoever loads a model need not ask: as_model_load refuses them. */
as_status as_match_nonfinite(as_match *m, const as_param_spec *specs, as_err *err);
void as_match_clear(as_match *m);

/* The file's own classifier after the same renames: NAME.weight [classes, d] and NAME.bias
 * [classes]; a BatchNorm in front of it (MAE's linear probe) is folded in, and the state keeps the new arrays.
 * AS_E_INPUT when there is none. For files that hold nothing but a head (module.linear.*,
 * linear.*, weight / bias) pass name NULL. */
as_status as_match_head(as_view *weight, as_view *bias, as_state *s, const as_recipe *r, const char *name,
                        as_err *err);

/* Does the state hold a classifier and nothing else that could be a network's? What an optimizer keeps (under a key that
 * says so), vectors and scalars do not count. */
bool as_match_only_head(const as_state *s);

#endif
