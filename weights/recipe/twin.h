/* The other network of a checkpoint. Self-supervised training keeps two copies of a network (query and momentum
 * encoder, student and teacher, online and target network, weights and their moving average); the recipe takes the
 * one that the authors evaluate, and the file often holds both. */
#ifndef AS_WEIGHTS_RECIPE_TWIN_H
#define AS_WEIGHTS_RECIPE_TWIN_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"
#include "weights/containers/state.h"
#include "weights/recipe/recipe.h"

enum { AS_TWIN_MAX = 8, AS_TWIN_NAME = 256 };

typedef struct as_twin {
  char used[AS_TWIN_NAME];  /* as the file calls the network that the recipe takes: "encoder_q" */
  char other[AS_TWIN_NAME]; /* and the one that it leaves: "encoder_k" */
  bool place; /* the names are places: what the tensors' names begin with ("state_dict/", "ema.") */
} as_twin;

/* The twins of `r` that `s` holds, as many as are filled in: complete networks of the same architecture, each of which
 * as_recipe_twin can read. */
size_t as_recipe_twins(as_twin out[AS_TWIN_MAX], const as_recipe *r, const as_state *s);

/* The recipe that reads the other network; the caller destroys it. It goes by the name of `r`.
 * AS_E_INPUT: `t` is not one of r's twins; AS_E_ENV: memory. */
as_status as_recipe_twin(as_recipe **out, const as_recipe *r, const as_twin *t, as_err *err);

/* For this room: the places where all names of the network occur once more, with their shapes. */
size_t as_twins_by_place(as_twin out[AS_TWIN_MAX], const as_recipe *r, const as_state *s);
/* Does the state hold a copy of the network under squeezed names, which no recipe reads? `place` gets the name of one of
 * its tensors. */
bool as_twin_squeezed(char place[AS_TWIN_NAME], const as_recipe *r, const as_state *s);

#endif
