/* Which recipe a file wants: CLI.md's rule, "Finding the recipe". */
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"
#include "weights/recipe/twin.h"

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

static bool reads(const as_recipe *r, const as_state *s) {
  const char *offender = NULL;
  size_t n = 0;
  as_mapping m;
  if (!as_recipe_root(r, s) || as_recipe_map(&m, r, s, NULL) != AS_OK) return false;
  const bool fits = as_recipe_family_fits(r, &m, &offender, &n);
  as_mapping_clear(&m);
  return fits;
}

/* ---- known files ----
 *
 * The digest of all bytes takes longer than the rest of the start where the CPU has no instructions for it, so it is asked
 * last: a zip's directory tells a known file, and a file that a recipe cannot read is none of those that it knows. */

static const as_recipe *recipe_of_directory(const as_state *s) {
  for (size_t i = 0; i < as_recipe_builtin_count(); i++) {
    const as_recipe *r = as_recipe_builtin(i);
    for (size_t k = 0; r && k < r->known.n; k++)
      if (*r->known_directory.item[k] && strcmp(r->known_directory.item[k], as_state_directory(s)) == 0)
        return r;
  }
  return NULL;
}

/* Does it know a file by its digest alone that might be this one? */
static bool may_know(const as_recipe *r, const as_state *s) {
  for (size_t k = 0; k < r->known.n; k++)
    if (!*r->known_directory.item[k]) return reads(r, s);
  return false;
}

static bool knows(const as_recipe *r, const char *sha256) {
  for (size_t k = 0; k < r->known.n; k++)
    if (as_starts_with(sha256, r->known.item[k])) return true;
  return false;
}

bool as_recipe_wants_digest(const as_state *s) {
  if (recipe_of_directory(s)) return false;
  for (size_t i = 0; i < as_recipe_builtin_count(); i++) {
    const as_recipe *r = as_recipe_builtin(i);
    if (r && may_know(r, s)) return true;
  }
  return false;
}

static const as_recipe *known_recipe(as_state *s) {
  const as_recipe *found = recipe_of_directory(s);
  for (size_t i = 0; i < as_recipe_builtin_count() && !found; i++) {
    const as_recipe *r = as_recipe_builtin(i);
    if (r && may_know(r, s) && knows(r, as_state_sha256(s))) found = r;
  }
  return found;
}

/* A guess at it: the recipe that is known by a digest and lists a file of this name. */
static const as_recipe *recipe_of_name(const as_state *s) {
  const char *base = as_path_base(as_state_path(s));
  const size_t n = strlen(base);
  for (size_t i = 0; i < as_recipe_builtin_count(); i++) {
    const as_recipe *r = as_recipe_builtin(i);
    for (size_t k = 0; r && r->known.n && k < r->published.n; k++) {
      const char *item = r->published.item[k];
      if (strncmp(item, base, n) == 0 && (item[n] == ' ' || item[n] == 0)) return r;
    }
  }
  return NULL;
}

/* ---- refusals ---- */

/* A layout that is known and not computed, by name. */
static as_status refuse_known(const as_state *s, as_err *err) {
  for (size_t i = 0; i < as_recipe_builtin_count(); i++) {
    const as_recipe *r = as_recipe_builtin(i);
    const char *root = r && *r->refuse ? as_recipe_root(r, s) : NULL;
    if (root && as_recipe_needs_hold(r, s, root))
      return as_fail(err, AS_E_INPUT, "%s: %s", as_state_path(s), r->refuse);
  }
  return AS_OK;
}

/* Tensors that say of themselves why no recipe can read them. */
static as_status refuse_tensors(const as_state *s, as_err *err) {
  const as_state_entry *e = as_state_entries(s);
  for (size_t i = 0; i < as_state_count(s); i++) {
    if (e[i].opaque)
      return as_fail(err, AS_E_INPUT, "%s: tensor %s is %s, wanted a dense float tensor", as_state_path(s),
                     e[i].name, e[i].opaque);
    if (strstr(e[i].name, "flat_param"))
      return as_fail(
          err, AS_E_INPUT,
          "%s: tensor %s holds the parameters of several layers in one (FSDP); save the model with a "
          "full state_dict (StateDictType.FULL_STATE_DICT)",
          as_state_path(s), e[i].name);
  }
  return AS_OK;
}

static as_status refuse_unknown(const as_recipe_candidates *c, const as_state *s, as_err *err) {
  as_status st = refuse_tensors(s, err);
  if (st != AS_OK) return st;
  if (*as_state_trouble(s)) return as_fail(err, AS_E_INPUT, "%s: %s", as_state_path(s), as_state_trouble(s));
  const int convs = as_simclr_convs(s, ".");
  if (convs > 0)
    return as_fail(
        err, AS_E_INPUT,
        "%s: found a SimCLR network of %d convolutions, wanted that of ResNet-50 (53; with selective "
        "kernels 87), 101 (104; 172) or 152 (155; 257)",
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

/* ---- several that fit ---- */

static as_status refuse_several(const as_recipe_candidates *c, const as_state *s, bool same_arch,
                                as_err *err) {
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

/* Adds a clause to a sentence of several. */
static void put_clause(as_str *said) {
  if (said->n) as_str_put(said, "; ");
}

/* Of the recipes that fit the one that is taken, and what that leaves to say. */
static as_status decide(const as_recipe_candidates *c, size_t *taken, const as_state *s, const char *preset,
                        as_str *said, as_err *err) {
  bool same_arch = true, same_preset = true;
  size_t first = c->n;
  for (size_t i = 0; i < c->n; i++) {
    if (strcmp(c->fit[i].arch, c->fit[0].arch) != 0) same_arch = false;
    if (strcmp(c->fit[i].r->preset, c->fit[0].r->preset) != 0) same_preset = false;
    if (preset && first == c->n && strcmp(c->fit[i].r->preset, preset) == 0) first = i;
  }
  if (!same_arch) return refuse_several(c, s, false, err);
  if (!same_preset && !preset) return refuse_several(c, s, true, err);
  if (first == c->n) first = 0;
  /* Among the generic ones the more special says nothing new: resnet50 is a resnet. */
  for (size_t i = 0; i < c->n && c->fit[0].r->generic; i++)
    if (!strchr(c->fit[i].r->arch, '*')) first = i;
  *taken = first;
  if (c->n == 1 || c->fit[first].r->generic) return AS_OK;
  put_clause(said);
  as_str_printf(said, "recipe %s is assumed; ", c->fit[first].r->name);
  for (size_t i = 0, listed = 0; i < c->n; i++)
    if (i != first) as_str_printf(said, "%s%s", listed++ ? ", " : "", c->fit[i].r->name);
  as_str_printf(said, " fit%s the keys as well, with the same architecture%s (--recipe NAME)",
                c->n == 2 ? "s" : "", same_preset ? " and preset" : "");
  return AS_OK;
}

/* Of the networks in a file the one that is taken: the only one that is no copy of another. */
static as_status decide_place(const as_network *net, size_t n, size_t *taken, const as_recipe_candidates *c,
                              const as_state *s, as_err *err) {
  size_t originals = 0;
  *taken = 0;
  for (size_t i = 0; i < n; i++)
    if (!as_place_is_copy(net[i].at) && originals++ == 0) *taken = i;
  if (n == 1 || originals == 1) return AS_OK;
  as_str text = {0};
  for (size_t i = 0; i < n; i++)
    as_str_printf(&text, "%s%s", i ? ", " : "", *net[i].at ? net[i].at : "(top)");
  as_str_printf(&text, "; give --recipe NAME@PLACE, as resnet@%s", net[0].at);
  if (c->near && !c->near->generic)
    as_str_printf(&text, " (the recipe %s does not know %s)", c->near->name, c->near_first);
  as_status st = as_fail(err, AS_E_INPUT, "%s: %zu whole networks stand in it, under %s", as_state_path(s), n,
                         as_str_c(&text));
  as_str_clear(&text);
  return st;
}

/* ---- what is said ---- */

/* The recipe's own line, with what the shapes told in the place of {shapes}. */
static void say_assumed(const as_recipe *r, const char *arch, as_str *said) {
  const char *hole = strstr(r->assume, "{shapes}");
  if (!*r->assume) return;
  put_clause(said);
  if (!hole) {
    as_str_put(said, r->assume);
    return;
  }
  const char *rest = hole + strlen("{shapes}");
  as_str_putn(said, r->assume, (size_t)(hole - r->assume));
  if (arch)
    as_recipe_say_shapes(arch, said);
  else
    rest += strspn(rest, ", "); /* the architecture was given: nothing of it is assumed */
  as_str_put(said, rest);
}

/* "state_dict/" -> "state_dict": places as they are shown and taken back. */
static int place_length(const char *at) {
  size_t n = strlen(at);
  return (int)(n > 0 && (at[n - 1] == '/' || at[n - 1] == '.') ? n - 1 : n);
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* word[0, n) as a whole word of the text. */
static bool has_word(const char *text, const char *word, size_t n) {
  for (const char *p = text; *p; p++)
    if (strncmp(p, word, n) == 0 && (p == text || !is_letter(p[-1])) && !is_letter(p[n])) return true;
  return false;
}

/* Does the recipe's own line speak of this twin? By one of the words in which the two names differ. */
static bool speaks_of(const as_recipe *r, const as_twin *t) {
  for (const char *p = t->other; *p;) {
    const size_t n = strcspn(p, "./");
    if (n > 0 && !has_word(t->used, p, n) && has_word(r->assume, p, n)) return true;
    p += n + (p[n] != 0);
  }
  return false;
}

/* Second networks. */
static void say_twins(const as_recipe *r, const as_state *s, as_str *said) {
  as_twin twin[AS_TWIN_MAX];
  const size_t n = as_recipe_twins(twin, r, s);
  for (size_t i = 0; i < n; i++) {
    const as_twin *t = &twin[i];
    if (speaks_of(r, t)) continue;
    put_clause(said);
    as_str_printf(said, "%.*s is used; %.*s, a complete network, is left out",
                  *t->used ? place_length(t->used) : 5, *t->used ? t->used : "(top)", place_length(t->other),
                  t->other);
    if (t->place) as_str_printf(said, " (--recipe %s@%.*s)", r->name, place_length(t->other), t->other);
  }
  char copy[AS_TWIN_NAME];
  if (n == 0 && as_twin_squeezed(copy, r, s)) {
    put_clause(said);
    as_str_printf(said, "a copy of the network (a moving average?) under names like %s is left out", copy);
  }
}

static as_status say_all(const as_recipe *r, const as_state *s, const as_recipe_wish *wish, as_str *said,
                         char assumed[AS_RECIPE_ASSUMED], as_err *err) {
  char arch[AS_RECIPE_ARCH];
  const bool told = !wish->arch && as_recipe_resolve_arch(r, s, 0, arch, sizeof arch, NULL) == AS_OK;
  say_assumed(r, told ? arch : NULL, said);
  if (told && strstr(arch, "stem=3x3")) { /* the kernel is in the file, its stride is not */
    put_clause(said);
    as_str_put(said, "a stem of stride 1 without a max-pool is assumed (--arch ..,stem=3x3s2 has stride 2)");
  }
  say_twins(r, s, said);
  as_status st = as_str_status(said, err);
  if (st == AS_OK) snprintf(assumed, AS_RECIPE_ASSUMED, "%s", as_str_c(said));
  return st;
}

/* ---- choosing ---- */

/* By keys, as published, then with wrappers counting for nothing, then anywhere. *owned stays NULL where the built-in
 * recipe itself reads the file. */
static as_status by_keys(const as_recipe **out, as_recipe **owned, const as_state *s,
                         const as_recipe_wish *wish, as_recipe_candidates *c, as_str *said, as_err *err) {
  static const struct {
    const char *at;
    bool bare;
  } looks[] = {{NULL, false}, {"", true}, {NULL, true}};
  as_network net[AS_NETWORKS];
  const char *at = NULL;
  bool bare = false;
  size_t n = 0, taken = 0;
  as_status st = AS_OK;
  c->n = 0;
  for (size_t i = 0; i < sizeof looks / sizeof *looks && c->n == 0 && st == AS_OK; i++) {
    at = looks[i].at;
    bare = looks[i].bare;
    st = as_recipe_candidates_find(c, s, at, bare, err);
  }
  if (st == AS_OK && c->n == 0) st = refuse_known(s, err);
  if (st == AS_OK && c->n == 0) {
    st = as_networks_find(net, &n, c, s, err);
    if (st == AS_OK && n == 0) st = refuse_unknown(c, s, err);
    if (st == AS_OK) st = decide_place(net, n, &taken, c, s, err);
    if (st != AS_OK) return st;
    at = net[taken].at;
    bare = true;
    st = as_recipe_candidates_find(c, s, at, bare, err);
    as_str_printf(said, "the network under %.*s is used", place_length(at), at);
  }
  if (st == AS_OK) st = decide(c, &taken, s, wish->preset, said, err);
  if (st != AS_OK) return st;
  *out = c->fit[taken].r;
  if (!bare) return AS_OK;
  st = as_recipe_variant(owned, *out, at, bare, err);
  *out = *owned;
  return st;
}

/* The recipe that was named, moved to where its network stands if that is not where it looks. */
static as_status by_name(const as_recipe **out, as_recipe **owned, const as_state *s,
                         const as_recipe_wish *wish, as_recipe_candidates *c, as_str *said, as_err *err) {
  as_status st = as_recipe_named(out, owned, wish->name, err);
  if (st != AS_OK || (*out)->at || reads(*out, s)) return st;
  as_network net[AS_NETWORKS];
  as_recipe *moved = NULL;
  size_t n = 0, taken = 0;
  st = as_recipe_variant(&moved, *out, NULL, true, err);
  if (st == AS_OK && !reads(moved, s)) {
    as_recipe_destroy(&moved);
    st = as_networks_find(net, &n, c, s, err);
    if (st == AS_OK && n > 0) st = decide_place(net, n, &taken, c, s, err);
    if (st == AS_OK && n > 0) st = as_recipe_variant(&moved, *out, net[taken].at, true, err);
    if (moved && !reads(moved, s))
      as_recipe_destroy(&moved);
    else if (moved)
      as_str_printf(said, "the network under %.*s is used", place_length(net[taken].at), net[taken].at);
  }
  if (!moved) return st; /* matching says what is missing where the recipe looks */
  as_recipe_destroy(owned);
  *out = *owned = moved;
  return AS_OK;
}

as_status as_recipe_choose(const as_recipe **out, as_recipe **owned, as_state *s, const as_recipe_wish *wish,
                           char assumed[AS_RECIPE_ASSUMED], as_err *err) {
  static const as_recipe_wish nothing = {0};
  if (!wish) wish = &nothing;
  assumed[0] = 0;
  *owned = NULL;
  *out = wish->name ? NULL : wish->unhashed ? recipe_of_name(s) : known_recipe(s);
  if (*out) return AS_OK;
  as_status st = wish->name ? AS_OK : recipe_from_meta(owned, s, err);
  if (st != AS_OK) return as_fail_in(err, "%s", as_state_path(s));
  *out = *owned;
  if (*owned) return AS_OK;
  as_recipe_candidates *c = as_calloc(1, sizeof *c, err);
  if (!c) return AS_E_ENV;
  as_str said = {0};
  st = (wish->name ? by_name : by_keys)(out, owned, s, wish, c, &said, err);
  if (st == AS_OK) st = say_all(*out, s, wish, &said, assumed, err);
  if (st != AS_OK) as_recipe_destroy(owned);
  as_str_clear(&said);
  as_free(c);
  return st;
}
