/* A parsed recipe, its patterns, and the parts of choosing one. */
#ifndef AS_WEIGHTS_RECIPE_RECIPE_INT_H
#define AS_WEIGHTS_RECIPE_RECIPE_INT_H

#include <stdbool.h>

#include "tensor/base/text.h"
#include "tensor/base/view.h"
#include "weights/recipe/mapping.h"
#include "weights/recipe/recipe.h"

enum { AS_RECIPE_MAX_RULES = 64, AS_RECIPE_MAX_CAPTURES = 4, AS_RECIPE_MAX_PARTS = 8 };

/* How a tensor is seen under its new name; all but FUSE are a change of strides. */
typedef enum as_transform {
  AS_AS_IS,
  AS_HWIO,     /* [h, w, in, out] -> [out, in, h, w] */
  AS_IO,       /* [in, out] -> [out, in] */
  AS_IN_REST,  /* [in, a, b] -> [a b, in] */
  AS_REST_OUT, /* [a, b, out] -> [out, a b] */
  AS_FLAT,     /* [a, b] -> [a b] */
  AS_SQUEEZE   /* axes of length 1 go away */
} as_transform;

typedef struct as_recipe_rule {
  enum { AS_RULE_DROP, AS_RULE_RENAME } kind;
  const char *from, *to; /* patterns; to: rename only */
  bool whole;            /* ^: sees the name before the prefix is stripped, also without the prefix */
  as_transform transform;
  const char *why; /* drop: the reason given in the report, or "" */
} as_recipe_rule;

typedef struct as_fuse {
  const char *to;
  const char *part[AS_RECIPE_MAX_PARTS]; /* names after the renames, with {i} for i = 0, 1, .. */
  int n;
} as_fuse;

typedef struct as_recipe_list {
  const char **item;
  size_t n, cap;
} as_recipe_list;

struct as_recipe {
  char *source; /* the text as it was given */
  char *text;   /* the same cut up; all strings below point into it */
  const char *name, *title, *arch, *preset, *note, *head, *probe, *assume, *map;
  const char *rest;     /* why tensors outside the prefix are left out; "" = they are unexpected */
  const char *headnorm; /* BatchNorm before the classifier: its name after the renames, or "" */
  double headnorm_eps;
  const char *refuse; /* a layout that is known and not read: why, and what to take instead; or "" */
  bool head_optional; /* head = fc? */
  bool generic;       /* found by keys only where no other recipe fits */
  bool by_keys;       /* keys = no: found by hash or by name alone */
  bool needs_module;  /* bare = no: "module." alone tells it from other layouts, and is not to be read past */
  char *at;  /* instead of unwrap: what the network's names begin with ("state_dict/model."), or NULL */
  bool bare; /* sees the bare names of the entries, else the plain ones */
  as_recipe_list unwrap, prefix, need, never, published, where;
  as_recipe_list known,
      known_directory; /* hex digits of files; beside each those of its zip directory, or "" */
  as_recipe_rule rules[AS_RECIPE_MAX_RULES];
  size_t n_rules;
  as_fuse fuse[4];
  size_t n_fuse;
};

/* name against a glob: '*' any run of bytes, '%' a run of digits; both capture. caps may be NULL. */
typedef struct as_capture {
  const char *p;
  size_t n;
} as_capture;
bool as_glob(const char *pattern, const char *name, as_capture *caps, int *n_caps);
/* `to` with {1} and {2+1} filled in from n captures. False: it does not fit into size bytes, or adds to a capture that
 * is not a number. */
bool as_glob_expand(const char *to, const as_capture *caps, int n, char *out, size_t size);

/* r->map "simclr": TensorFlow's numbered layers to torchvision's names (map_simclr.c). Returns false
 * when the name is none of them. depth: convolutions counted in the state. */
bool as_simclr_name(const char *name, int convs, char *out, size_t size, as_transform *transform);
int as_simclr_convs(const as_state *s, const char *root);

/* Does the mapping look like the recipe's family: everything kept known to it, the essentials there?
 * offender: the first name that is not, or NULL. */
bool as_recipe_family_fits(const as_recipe *r, const as_mapping *m, const char **offender,
                           size_t *n_offenders);
/* Architecture string from the recipe's template and the shapes. */
as_status as_recipe_arch_of(const as_recipe *r, const as_mapping *m, const char *label, char *buf,
                            size_t size, as_err *err);
/* need and never against the names under the recipe's root. */
bool as_recipe_needs_hold(const as_recipe *r, const as_state *s, const char *root);
/* The place of the recipe, or the first of its unwrap keys under which tensors stand, or NULL. */
const char *as_recipe_root(const as_recipe *r, const as_state *s);
/* The part of a name under an unwrapped key ("." = the top), or NULL when it stands elsewhere. */
const char *as_under_root(const char *name, const char *root);
/* An entry's name as the recipe sees it: under root, or NULL. Where the recipe was sent to a place, or takes the top as the
 * last of several roots, dictionaries beside the network's tensors are elsewhere. */
const char *as_recipe_sees(const as_recipe *r, const as_state_entry *e, const char *root);

/* A copy of `r` for another place (`at`, or NULL for its own) and, with `bare`, without "module." in names and
 * patterns. The caller destroys it. */
as_status as_recipe_variant(as_recipe **out, const as_recipe *r, const char *at, bool bare, as_err *err);
/* What the shapes told and what they could not tell of a ViT, for {shapes} in an `assume` line: "heads of 64, the class
 * token as feature". */
void as_recipe_say_shapes(const char *arch, as_str *out);

/* ---- choosing ---- */

enum { AS_CANDIDATES = 64 };
typedef struct as_candidate {
  const as_recipe *r;
  char arch[AS_RECIPE_ARCH]; /* "" where the shapes leave a question; as_recipe_resolve_arch says which */
} as_candidate;

typedef struct as_recipe_candidates {
  as_candidate fit[AS_CANDIDATES];
  size_t n;
  /* the recipe that came nearest, for the message */
  const as_recipe *near;
  size_t near_offenders;
  char near_first[256];
} as_recipe_candidates;

/* The built-in recipes that read `s` without any tensor left over: the special ones, or where none does the
 * generic ones. at NULL: wherever each recipe looks. Else those of flat files alone, as if the tensors whose
 * names begin with `at` were the whole file. bare: "module." counts for nothing, in names and patterns. */
as_status as_recipe_candidates_find(as_recipe_candidates *c, const as_state *s, const char *at, bool bare,
                                    as_err *err);

/* A whole network somewhere in a file. */
enum { AS_NETWORKS = 16, AS_PLACE = 256 };
typedef struct as_network {
  char at[AS_PLACE]; /* its names begin so: "state_dict/model.", or "" */
} as_network;
/* Every place at which a whole network stands that some recipe of flat files reads, in file order; the outermost of
 * places within each other. `c` is scratch. */
as_status as_networks_find(as_network out[AS_NETWORKS], size_t *n, as_recipe_candidates *c, const as_state *s,
                           as_err *err);
/* Is this place by its name that of a copy (moving average, momentum twin), which nobody takes unasked? */
bool as_place_is_copy(const char *at);

#endif
