/* A backbone ready to run: checkpoint + recipe -> model, matched strictly and loaded, with the
 * preprocessing that belongs to it. */
#ifndef AS_EVAL_FEATURES_BACKBONE_H
#define AS_EVAL_FEATURES_BACKBONE_H

#include <stddef.h>

#include "data/image/preset.h"
#include "models/model.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"
#include "weights/containers/state.h"
#include "weights/match.h"
#include "weights/recipe/recipe.h"

typedef struct as_backbone_opts {
  const char *weights;    /* checkpoint */
  const char *recipe;     /* name or file; NULL = found by SHA-256 or by keys */
  const char *arch;       /* instead of the recipe's; NULL = the recipe's, completed from the shapes */
  const char *preset;     /* instead of the recipe's */
  const as_recipe *given; /* the recipe parsed already (a twin's), borrowed; goes before the others */
  bool digest; /* as_state_sha256 will be asked for: a hint, to make it while the tensors are loaded */
} as_backbone_opts;

typedef struct as_backbone {
  as_state *state;         /* the open file: own heads are read from it */
  const as_recipe *recipe; /* borrowed from `owned` or built in */
  as_recipe *owned;
  as_model *model;
  char arch[512]; /* as the recipe and the shapes tell it */
  as_preset preset;
  char preset_text[256];           /* spelled out */
  char assumed[AS_RECIPE_ASSUMED]; /* what the file could not tell, or "" */
  as_str report;                   /* load report, a line per tensor that was not simply used */
  size_t used, renamed, dropped, missing, unexpected;
} as_backbone;

/* AS_E_INPUT: file, recipe or tensors do not fit; AS_E_USAGE: no such recipe, architecture or preset.
 * On failure the struct is clear but for `report`, which holds what the matching said. */
as_status as_backbone_open(as_backbone *b, const as_backbone_opts *opts, as_err *err);
void as_backbone_clear(as_backbone *b);

/* Another preprocessing; the model is made again when its input side differs. */
as_status as_backbone_use_preset(as_backbone *b, const char *preset, as_err *err);

/* Seeded weights for an architecture (nn/init.h has the formula) as a safetensors file with the
 * field's tensor names; __metadata__ says architecture, preset and seed, so that no recipe is needed. */
as_status as_backbone_write_seeded(const char *path, const char *arch, uint64_t seed, as_err *err);

#endif
