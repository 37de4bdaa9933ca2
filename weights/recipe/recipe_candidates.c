/* Which recipes read a file by its keys. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"

/* "module.queue[128,65536]": a pattern, and a shape in which '*' is any size. */
static bool fits_need(const char *pattern, const char *name, const as_view *v) {
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

static bool holds(const as_recipe *r, const as_state *s, const char *root, const char *pattern) {
  const as_state_entry *e = as_state_entries(s);
  for (size_t i = 0; i < as_state_count(s); i++) {
    const char *name = as_recipe_sees(r, &e[i], root);
    if (name && fits_need(pattern, name, &e[i].view)) return true;
  }
  return false;
}

bool as_recipe_needs_hold(const as_recipe *r, const as_state *s, const char *root) {
  for (size_t i = 0; i < r->need.n; i++)
    if (!holds(r, s, root, r->need.item[i])) return false;
  for (size_t i = 0; i < r->never.n; i++)
    if (holds(r, s, root, r->never.item[i])) return false;
  return true;
}

/* `r`: as it looks at the file; `from`: the built-in recipe that it is or was made from. */
static as_status consider(as_recipe_candidates *c, const as_recipe *r, const as_recipe *from,
                          const as_state *s, as_err *err) {
  const char *root = as_recipe_root(r, s);
  if (!root || !as_recipe_needs_hold(r, s, root)) return AS_OK;
  as_mapping m;
  as_err why = {AS_OK, ""};
  as_status st = as_recipe_map(&m, r, s, &why);
  if (st == AS_E_ENV) return as_fail(err, st, "%s", why.msg);
  if (st != AS_OK) return AS_OK; /* its transforms do not fit */
  const char *offender = NULL;
  size_t n = 0;
  if (as_recipe_family_fits(r, &m, &offender, &n) && c->n < AS_CANDIDATES) {
    as_candidate *fit = &c->fit[c->n++];
    fit->r = from;
    /* A question that the shapes leave is asked when the architecture is wanted: the user may bring it. */
    if (as_recipe_arch_of(r, &m, as_state_path(s), fit->arch, sizeof fit->arch, &why) != AS_OK)
      fit->arch[0] = 0;
  } else if (!r->at && m.n_kept > n && n > 0 && (!c->near || n < c->near_offenders)) {
    c->near = from;
    c->near_offenders = n;
    snprintf(c->near_first, sizeof c->near_first, "%.250s", offender);
  }
  as_mapping_clear(&m);
  return AS_OK;
}

static bool reads_flat_files(const as_recipe *r) {
  for (size_t i = 0; i < r->unwrap.n; i++)
    if (strcmp(r->unwrap.item[i], ".") == 0) return true;
  return false;
}

as_status as_recipe_candidates_find(as_recipe_candidates *c, const as_state *s, const char *at, bool bare,
                                    as_err *err) {
  char place[AS_PLACE];
  snprintf(place, sizeof place, "%s", at ? at : "");
  c->n = 0;
  for (unsigned generic = 0; generic <= 1 && c->n == 0; generic++)
    for (size_t i = 0; i < as_recipe_builtin_count(); i++) {
      const as_recipe *r = as_recipe_builtin(i);
      as_status st = AS_OK;
      if (!r) continue;
      const bool elsewhere = (at && !reads_flat_files(r)) || (bare && r->needs_module);
      if (!r->by_keys || *r->refuse || r->generic != (generic != 0) || elsewhere) continue;
      if (bare && !at && strstr(r->source, "module.")) {
        as_recipe *other = NULL;
        st = as_recipe_variant(&other, r, NULL, true, err);
        if (st == AS_OK) st = consider(c, other, r, s, err);
        as_recipe_destroy(&other);
      } else {
        as_recipe seen = *r; /* shares everything; never destroyed */
        seen.at = at ? place : NULL;
        seen.bare = bare;
        st = consider(c, &seen, r, s, err);
      }
      if (st != AS_OK) return st;
    }
  return AS_OK;
}
