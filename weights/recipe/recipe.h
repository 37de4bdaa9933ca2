/* Recipes: data files that say how a published checkpoint is to be read. */
#ifndef AS_WEIGHTS_RECIPE_RECIPE_H
#define AS_WEIGHTS_RECIPE_RECIPE_H

#include <stddef.h>

#include "tensor/base/status.h"
#include "weights/containers/state.h"

typedef struct as_recipe as_recipe; /* parsed; built-in ones live for ever */
enum { AS_RECIPE_ARCH = 512 };      /* bytes that hold any architecture string */

/* A text in the syntax of weights/README.md. `source` names it in messages. */
as_status as_recipe_parse(as_recipe **out, const char *text, size_t n, const char *source, as_err *err);
void as_recipe_destroy(as_recipe **recipe); /* not for built-in ones */

/* Built-in recipes, sorted by name. */
size_t as_recipe_builtin_count(void);
const as_recipe *as_recipe_builtin(size_t i);
/* By name; a name with a '/' or ending in ".recipe" is a file (owned by *owned, else NULL). */
as_status as_recipe_named(const as_recipe **out, as_recipe **owned, const char *name, as_err *err);

/* The rule of the command line: a recipe that lists the file's SHA-256; else what the file's own
 * metadata says (safetensors written by assay: the keys assay.arch and assay.preset); else the recipes
 * that fit by keys. Several that agree on architecture, feature rule and preset give the first, and
 * `assumed` says in one line what was assumed and what the alternatives are (empty when nothing was).
 * Where the caller brings a `preset` (else NULL) recipes that differ in the preset alone are no
 * contradiction. *owned gets what the caller destroys, or NULL. AS_E_INPUT: no recipe fits, or several
 * that differ; the message names them. */
enum { AS_RECIPE_ASSUMED = 1024 };
as_status as_recipe_choose(const as_recipe **out, as_recipe **owned, as_state *state, const char *preset,
                           char assumed[AS_RECIPE_ASSUMED], as_err *err);

const char *as_recipe_name(const as_recipe *r);
const char *as_recipe_title(const as_recipe *r);
const char *as_recipe_arch(const as_recipe *r); /* for as_model_create; may depend on the state, see below */
const char *as_recipe_preset(const as_recipe *r); /* for as_preset_parse */
const char *as_recipe_note(const as_recipe *r);   /* one line: source, published accuracy; or "" */
const char *as_recipe_head(const as_recipe *r);   /* own classifier's prefix ("fc", "head"), or "" */
const char *as_recipe_probe(const as_recipe *r);  /* the framework's linear-probe protocol, one line, or "" */
const char *as_recipe_assume(const as_recipe *r); /* what the file cannot tell, with the alternative, or "" */
/* Published numbers, a line each: "file | protocol | top-1 | top-5 or - | source". */
size_t as_recipe_published(const as_recipe *r, const char *const **lines);
/* Where the authors publish it, a line each: "FILE | URL" or "FILE | URL | remark" (a hash, what a head
 * file belongs to). */
size_t as_recipe_where(const as_recipe *r, const char *const **lines);
/* The built-in recipe whose authors publish a file of this name (the last component of path; weights or a
 * head), and its address; NULL when none does. Two families call a file resnet50.pth: the first by name. */
enum { AS_RECIPE_URL = 256 };
const as_recipe *as_recipe_of_file(const char *path, char url[AS_RECIPE_URL]);
/* The architecture string with what the tensors' shapes tell filled in (depth, width, patch);
 * buf gets it. */
as_status as_recipe_resolve_arch(const as_recipe *r, const as_state *s, char *buf, size_t size, as_err *err);

#endif
