/* Which recipe a file wants: CLI.md's rule, "Finding the recipe". */
#include <stdio.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"

enum { MAX_CANDIDATES = 64 };

typedef struct candidate {
  const as_recipe *r;
  char arch[AS_RECIPE_ARCH];
} candidate;

typedef struct choice {
  candidate fit[MAX_CANDIDATES];
  size_t n;
  /* the recipe that came nearest, for the message */
  const as_recipe *near;
  size_t near_offenders;
  char near_first[256];
} choice;

/* "module.queue[128,65536]": a pattern, and a shape in which '*' is any size. */
static bool needle(const char *pattern, const char *name, const as_view *v) {
  char glob[256];
  const char *shape = strchr(pattern, '[');
  size_t n = shape ? (size_t)(shape - pattern) : strlen(pattern);
  if (n >= sizeof glob) return false;
  memcpy(glob, pattern, n);
  glob[n] = 0;
  if (!as_glob(glob, name, NULL, NULL)) return false;
  if (!shape) return true;
  const char *p = shape + 1;
  int k = 0;
  while (*p && *p != ']') {
    char number[24];
    size_t len = strcspn(p, ",]");
    int64_t want = 0;
    if (k >= v->rank || len >= sizeof number) return false;
    memcpy(number, p, len);
    number[len] = 0;
    if (strcmp(number, "*") != 0 && (!as_parse_i64(number, 0, INT64_MAX, &want) || want != v->shape[k]))
      return false;
    k++;
    p += len;
    if (*p == ',') p++;
  }
  return k == v->rank;
}

static bool any(const as_state *s, const char *root, const char *pattern) {
  const as_state_entry *e = as_state_entries(s);
  for (size_t i = 0; i < as_state_count(s); i++) {
    const char *name = as_under_root(e[i].name, root);
    if (name && needle(pattern, name, &e[i].view)) return true;
  }
  return false;
}

bool as_recipe_needs_hold(const as_recipe *r, const as_state *s, const char *root) {
  for (size_t i = 0; i < r->need.n; i++)
    if (!any(s, root, r->need.item[i])) return false;
  for (size_t i = 0; i < r->never.n; i++)
    if (any(s, root, r->never.item[i])) return false;
  return true;
}

/* A recipe from what safetensors written by assay say of themselves, or NULL. */
static as_status recipe_from_meta(as_recipe **out, const as_state *s, as_err *err) {
  const char *arch = as_state_meta(s, "assay.arch"), *preset = as_state_meta(s, "assay.preset");
  const char *head = as_state_meta(s, "assay.head"), *name = as_state_meta(s, "assay.recipe");
  *out = NULL;
  if (!arch || !preset || strchr(arch, '\n') || strchr(preset, '\n') || (head && strchr(head, '\n')))
    return AS_OK;
  as_str text = {0};
  as_str_printf(&text, "title = as assay wrote it\narch = %s\npreset = %s\n", arch, preset);
  if (head && *head) as_str_printf(&text, "head = %s?\n", head);
  as_status st = as_str_status(&text, err);
  if (st == AS_OK) st = as_recipe_parse(out, as_str_c(&text), text.n, name && *name ? name : "metadata", err);
  as_str_clear(&text);
  return st;
}

static as_status consider(choice *c, const as_recipe *r, const as_state *s, as_err *err) {
  const char *root = as_recipe_root(r, s);
  if (!root || !as_recipe_needs_hold(r, s, root)) return AS_OK;
  as_mapping m;
  as_err why = {AS_OK, ""};
  as_status st = as_recipe_map(&m, r, s, &why);
  if (st == AS_E_ENV) return as_fail(err, st, "%s", why.msg);
  if (st != AS_OK) return AS_OK; /* its transforms do not fit */
  const char *offender = NULL;
  size_t n = 0;
  char arch[AS_RECIPE_ARCH];
  if (as_recipe_family_fits(r, &m, &offender, &n) &&
      as_recipe_arch_of(r, &m, as_state_path(s), arch, sizeof arch, &why) == AS_OK && c->n < MAX_CANDIDATES) {
    c->fit[c->n].r = r;
    memcpy(c->fit[c->n++].arch, arch, sizeof arch);
  } else if (m.n_kept > n && n > 0 && (!c->near || n < c->near_offenders)) {
    c->near = r;
    c->near_offenders = n;
    snprintf(c->near_first, sizeof c->near_first, "%.250s", offender);
  }
  as_mapping_clear(&m);
  return AS_OK;
}

static const as_recipe *known_recipe(as_state *s) {
  const char *sha = NULL;
  for (size_t i = 0; i < as_recipe_builtin_count(); i++) {
    const as_recipe *r = as_recipe_builtin(i);
    for (size_t k = 0; r && k < r->known.n; k++) {
      if (!sha) sha = as_state_sha256(s);
      if (as_starts_with(sha, r->known.item[k])) return r;
    }
  }
  return NULL;
}

static as_status none(const choice *c, const as_state *s, as_err *err) {
  for (size_t i = 0; i < as_recipe_builtin_count(); i++) {
    const as_recipe *r = as_recipe_builtin(i);
    const char *root = r && *r->refuse ? as_recipe_root(r, s) : NULL;
    if (root && as_recipe_needs_hold(r, s, root))
      return as_fail(err, AS_E_INPUT, "%s: %s", as_state_path(s), r->refuse);
  }
  int convs = as_simclr_convs(s, ".");
  if (convs > 0)
    return as_fail(err, AS_E_INPUT,
                   "%s: a SimCLR network of %d convolutions, which is none of ResNet-50 (53; with selective "
                   "kernels 87), 101 "
                   "(104; 172), 152 (155; 257)",
                   as_state_path(s), convs);
  if (c->near)
    return as_fail(
        err, AS_E_INPUT,
        "%s: no recipe fits its %zu tensors; nearest is %s, which does not know %s (and %zu more); give "
        "--recipe NAME or a .recipe file",
        as_state_path(s), as_state_count(s), c->near->name, c->near_first, c->near_offenders - 1);
  return as_fail(err, AS_E_INPUT,
                 "%s: no recipe fits its %zu tensors (the first is %s); give --recipe NAME or a .recipe file",
                 as_state_path(s), as_state_count(s), as_state_entries(s)[0].name);
}

static as_status several(const choice *c, const as_state *s, bool same_arch, as_err *err) {
  as_str text = {0};
  for (size_t i = 0; i < c->n; i++)
    as_str_printf(&text, "%s%s (%s%s%s)", i ? ", " : "", c->fit[i].r->name, same_arch ? "" : c->fit[i].arch,
                  same_arch ? "" : "; ", c->fit[i].r->preset);
  as_status st = as_fail(err, AS_E_INPUT,
                         "%s: its keys fit several recipes that differ in the %s: %s; give --recipe NAME%s",
                         as_state_path(s), same_arch ? "preset" : "architecture", as_str_c(&text),
                         same_arch ? " or --preset" : "");
  as_str_clear(&text);
  return st;
}

static as_status decide(const choice *c, const as_recipe **out, const as_state *s, const char *preset,
                        char assumed[AS_RECIPE_ASSUMED], as_err *err) {
  bool same_arch = true, same_preset = true;
  size_t first = c->n;
  for (size_t i = 0; i < c->n; i++) {
    if (strcmp(c->fit[i].arch, c->fit[0].arch) != 0) same_arch = false;
    if (strcmp(c->fit[i].r->preset, c->fit[0].r->preset) != 0) same_preset = false;
    if (preset && first == c->n && strcmp(c->fit[i].r->preset, preset) == 0) first = i;
  }
  if (!same_arch) return several(c, s, false, err);
  if (!same_preset && !preset) return several(c, s, true, err);
  if (first == c->n) first = 0;
  /* Among the generic ones the more special says nothing new: resnet50 is a resnet. */
  for (size_t i = 0; i < c->n && c->fit[0].r->generic; i++)
    if (!strchr(c->fit[i].r->arch, '*')) first = i;
  const as_recipe *r = c->fit[first].r;
  size_t at = 0;
  if (c->n > 1 && !r->generic) {
    as_str names = {0};
    for (size_t i = 0; i < c->n; i++)
      if (i != first) as_str_printf(&names, "%s%s", names.n ? ", " : "", c->fit[i].r->name);
    int n = snprintf(
        assumed, 512,
        "recipe %s is assumed; %s fit%s the keys as well, with the same architecture%s (--recipe NAME)",
        r->name, as_str_c(&names), c->n == 2 ? "s" : "", same_preset ? " and preset" : "");
    at = n < 0 ? 0 : n > 511 ? 511 : (size_t)n;
    as_str_clear(&names);
  }
  if (*r->assume) snprintf(assumed + at, 512 - at, "%s%s", at ? "; " : "", r->assume);
  *out = r;
  return AS_OK;
}

as_status as_recipe_choose(const as_recipe **out, as_recipe **owned, as_state *s, const char *preset,
                           char assumed[AS_RECIPE_ASSUMED], as_err *err) {
  assumed[0] = 0;
  *owned = NULL;
  *out = known_recipe(s);
  if (*out) return AS_OK;
  as_status st = recipe_from_meta(owned, s, err);
  if (st != AS_OK) return as_fail_in(err, "%s", as_state_path(s));
  *out = *owned;
  if (*owned) return AS_OK;
  choice *c = as_calloc(1, sizeof *c, err);
  if (!c) return AS_E_ENV;
  for (int generic = 0; generic <= 1 && st == AS_OK && c->n == 0; generic++)
    for (size_t i = 0; i < as_recipe_builtin_count() && st == AS_OK; i++) {
      const as_recipe *r = as_recipe_builtin(i);
      if (r && r->by_keys && !*r->refuse && r->generic == (generic != 0)) st = consider(c, r, s, err);
    }
  if (st == AS_OK) st = c->n ? decide(c, out, s, preset, assumed, err) : none(c, s, err);
  as_free(c);
  return st;
}
