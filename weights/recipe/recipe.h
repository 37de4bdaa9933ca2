/* Recipes: data files that say how a published checkpoint is to be read. */
#ifndef AS_WEIGHTS_RECIPE_RECIPE_H
#define AS_WEIGHTS_RECIPE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"
#include "weights/containers/state.h"

typedef struct as_recipe as_recipe; /* parsed; built-in ones live for ever */
enum { AS_RECIPE_ARCH = 512 };      /* bytes that hold any architecture string */

/* A text in the syntax of weights/recipe/README.md. `source` names it in messages. */
as_status as_recipe_parse(as_recipe **out, const char *text, size_t n, const char *source, as_err *err);
void as_recipe_destroy(as_recipe **recipe); /* not for built-in ones */

/* Built-in recipes, sorted by name. */
size_t as_recipe_builtin_count(void);
const as_recipe *as_recipe_builtin(size_t i);
/* By name; a name with a '/' or ending in ".recipe" is a file (owned by *owned, else NULL). NAME@PLACE is the built-in
 * recipe NAME for the network whose tensors' names begin with PLACE: "resnet@state_dict_ema", "vit@state_dict/model.". */
as_status as_recipe_named(const as_recipe **out, as_recipe **owned, const char *name, as_err *err);

/* What the user has said of a file. */
typedef struct as_recipe_wish {
  const char *name; /* a recipe as as_recipe_named takes it, or NULL: the file tells */
  const char *arch; /* an architecture instead of the one that the shapes tell, or NULL */
  const char
      *preset;   /* a preset instead of the recipe's, or NULL: then recipes that differ in it alone agree */
  bool unhashed; /* a guess, quickly: by the name of the file instead of its SHA-256 */
} as_recipe_wish;
enum { AS_RECIPE_ASSUMED = 1024 };

/* The recipe that reads `state`, by the rule of the command line:
 *   the one that the wish names; a recipe that lists the file's SHA-256, or its zip directory's; what the file's own metadata says (safetensors
 *   written by assay: assay.arch and assay.preset); the recipes that fit by keys, the special ones before the generic.
 * Where none reads the file as published, technical wrappers count for nothing ("module." in names, a key or prefix
 * around the network): the one place at which a whole network stands is taken. `assumed` gets one line that says what
 * was taken and what the file cannot tell, with the alternatives: further recipes that fit, a second complete network
 * (a moving average, a momentum twin), head counts. It is empty where nothing was assumed. *owned gets what the caller
 * destroys after the last use of *out, or NULL. AS_E_INPUT: no recipe fits, or several that differ, or several networks
 * stand in the file; the message names them. AS_E_USAGE: no recipe is called so. */
as_status as_recipe_choose(const as_recipe **out, as_recipe **owned, as_state *state,
                           const as_recipe_wish *wish, char assumed[AS_RECIPE_ASSUMED], as_err *err);

/* Whether as_recipe_choose will want the file's SHA-256, a wish for a recipe aside: some recipe that reads its keys knows
 * files by their digest, and its directory does not decide. */
bool as_recipe_wants_digest(const as_state *state);

const char *as_recipe_name(const as_recipe *r);
const char *as_recipe_title(const as_recipe *r);
const char *as_recipe_preset(const as_recipe *r); /* for as_preset_parse */
const char *as_recipe_place(
    const as_recipe *r); /* where it looks when that is not its own unwrap key, or "" */
/* SHA-256 of everything that decides how the recipe reads a file: for keys of caches. */
void as_recipe_digest(const as_recipe *r, char hex[65]);
const char *as_recipe_note(const as_recipe *r);  /* a line for people, or "" */
const char *as_recipe_head(const as_recipe *r);  /* own classifier's prefix ("fc", "head"), or "" */
const char *as_recipe_probe(const as_recipe *r); /* the framework's linear-probe protocol, one line, or "" */
/* Published numbers, a line each: "file | protocol | top-1 | top-5 or - | source". */
size_t as_recipe_published(const as_recipe *r, const char *const **lines);
/* The built-in recipe whose authors publish a file of this name (the last component of path; weights or a
 * head), and its address; NULL when none does. Two families call a file resnet50.pth: the first by name. */
enum { AS_RECIPE_URL = 256 };
const as_recipe *as_recipe_of_file(const char *path, char url[AS_RECIPE_URL]);
/* The architecture string with what the tensors' shapes tell filled in (depth, width, patch); buf gets it. side: of the
 * images that the preset makes, 0 = not known. AS_E_INPUT: shapes that no architecture here has, or that leave a
 * question (the number of heads; a position grid for images of another side): the message names file and tensor and
 * says what to give. */
as_status as_recipe_resolve_arch(const as_recipe *r, const as_state *s, int side, char *buf, size_t size,
                                 as_err *err);

#endif
