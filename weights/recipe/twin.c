/* Twins by word: a recipe names its network by a word ("encoder_q") and says by other lines what becomes of the twin
 * ("drop = ^encoder_k.*"); exchanging the two words in its text gives the recipe of the twin, drops and all. Twins by
 * place: whatever they are called, all names of the network occur once more under another beginning. */
#include "weights/recipe/twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"

/* The words of the field, either of which may be the one that a recipe takes. */
static const char *const twin_words[][2] = {
    {"encoder_q", "encoder_k"}, {"base_encoder", "momentum_encoder"}, {"teacher", "student"},
    {"online_", "target_"},     {"base_model", "ema_model"},          {"backbone", "momentum_backbone"},
    {"model_ema", "model"},     {"target_encoder", "encoder"},
};

/* text with each a as b and each b as a. Where one word begins with the other, the longer is meant. */
static void put_exchanged(as_str *out, const char *text, const char *a, const char *b) {
  const size_t na = strlen(a), nb = strlen(b);
  for (const char *p = text; *p;) {
    const bool is_a = strncmp(p, a, na) == 0, is_b = strncmp(p, b, nb) == 0;
    if (is_a && (!is_b || na >= nb)) {
      as_str_put(out, b);
      p += na;
    } else if (is_b) {
      as_str_put(out, a);
      p += nb;
    } else {
      as_str_putc(out, *p++);
    }
  }
}

as_status as_recipe_twin(as_recipe **out, const as_recipe *r, const as_twin *t, as_err *err) {
  *out = NULL;
  if (t->place) return as_recipe_variant(out, r, t->other, true, err);
  if (!*t->used || !*t->other || !strstr(r->source, t->used))
    return as_fail(err, AS_E_INPUT, "recipe %s: speaks of no network called \"%s\"", r->name, t->used);
  as_str text = {0};
  put_exchanged(&text, r->source, t->used, t->other);
  as_status st = as_str_status(&text, err);
  if (st == AS_OK) st = as_recipe_parse(out, as_str_c(&text), text.n, r->name, err);
  as_str_clear(&text);
  if (st != AS_OK) return st;
  (*out)->bare = r->bare;
  (*out)->at = r->at ? as_strdup(r->at, err) : NULL;
  if (!r->at || (*out)->at) return AS_OK;
  as_recipe_destroy(out);
  return AS_E_ENV;
}

static bool holds_word(const as_state *s, const char *word) {
  for (size_t i = 0; i < as_state_count(s); i++)
    if (strstr(as_state_entries(s)[i].name, word)) return true;
  return false;
}

/* Does the recipe find a network of this architecture ("": one whose shapes leave a question)? */
static bool finds_arch(const as_recipe *r, const as_state *s, const char *arch) {
  char got[AS_RECIPE_ARCH];
  as_mapping m;
  const char *offender = NULL;
  size_t offenders = 0;
  if (!as_recipe_root(r, s) || as_recipe_map(&m, r, s, NULL) != AS_OK) return false;
  if (as_recipe_arch_of(r, &m, as_state_path(s), got, sizeof got, NULL) != AS_OK) got[0] = 0;
  const bool fits = as_recipe_family_fits(r, &m, &offender, &offenders) && strcmp(got, arch) == 0;
  as_mapping_clear(&m);
  return fits;
}

/* Can the twin be read, and is it the same kind of network? */
static bool is_whole(const as_twin *t, const as_recipe *r, const as_state *s, const char *arch) {
  as_recipe *twin = NULL;
  const bool whole = as_recipe_twin(&twin, r, t, NULL) == AS_OK && finds_arch(twin, s, arch);
  as_recipe_destroy(&twin);
  return whole;
}

/* Is the twin in the list already, by a name that holds one of its words? */
static bool spoken_of(const as_twin *list, size_t n, const as_twin *t) {
  for (size_t i = 0; i < n; i++)
    if (strstr(list[i].other, t->other) || strstr(list[i].other, t->used)) return true;
  return false;
}

static size_t twins_by_word(as_twin out[AS_TWIN_MAX], size_t n, const as_recipe *r, const as_state *s,
                            const char *arch) {
  for (size_t i = 0; i < sizeof twin_words / sizeof *twin_words; i++)
    for (int way = 0; way < 2 && n < AS_TWIN_MAX; way++) {
      as_twin *t = &out[n];
      memset(t, 0, sizeof *t);
      snprintf(t->used, sizeof t->used, "%s", twin_words[i][way]);
      snprintf(t->other, sizeof t->other, "%s", twin_words[i][!way]);
      if (!strstr(r->source, t->used) || !holds_word(s, t->other) || spoken_of(out, n, t)) continue;
      if (!is_whole(t, r, s, arch)) continue;
      n++;
      break;
    }
  return n;
}

/* ---- twins by place: the same names and shapes once more, under another beginning ---- */

typedef struct inventory {
  const as_state_entry **entry; /* by bare name */
  size_t n;
  const as_mapping *map;
  const as_recipe *r;
  size_t
      common; /* bytes that the bare names of the network's tensors begin with alike, cut behind a '/' or '.' */
} inventory;

static int by_bare(const void *a, const void *b) {
  return strcmp((*(const as_state_entry *const *)a)->bare, (*(const as_state_entry *const *)b)->bare);
}

/* A tensor of the network that the recipe takes; its classifier and its counters may differ. */
static bool is_member(const inventory *v, const as_mapped *t) {
  return t->from && (t->fate == AS_FATE_KEPT || t->fate == AS_FATE_FUSED) &&
         !as_recipe_is_head(v->r, t->name) && !as_name_counts(t->name);
}

static const as_mapped *first_member(inventory *v) {
  const as_mapped *first = NULL;
  for (size_t i = 0; i < v->map->n; i++) {
    const as_mapped *t = &v->map->item[i];
    if (!is_member(v, t)) continue;
    if (!first) {
      first = t;
      v->common = strlen(t->from->bare);
    }
    size_t k = 0;
    while (k < v->common && first->from->bare[k] == t->from->bare[k]) k++;
    while (k > 0 && first->from->bare[k - 1] != '/' && first->from->bare[k - 1] != '.') k--;
    v->common = k;
  }
  return first;
}

static bool same_shape(const as_view *a, const as_view *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}

/* Does every tensor of the network stand under `at`, with its shape? */
static bool complete_under(const inventory *v, const char *at, size_t len) {
  char name[2 * AS_TWIN_NAME];
  for (size_t i = 0; i < v->map->n; i++) {
    const as_mapped *t = &v->map->item[i];
    if (!is_member(v, t)) continue;
    const int n = snprintf(name, sizeof name, "%.*s%s", (int)len, at, t->from->bare + v->common);
    if (n < 0 || n >= (int)sizeof name) return false;
    const as_state_entry key = {.bare = name}, *k = &key;
    const as_state_entry **hit = bsearch(&k, v->entry, v->n, sizeof *v->entry, by_bare);
    if (!hit || !same_shape(&(*hit)->view, &t->from->view)) return false;
  }
  return true;
}

static size_t twins_by_place(as_twin out[AS_TWIN_MAX], const as_recipe *r, const as_state *s,
                             const char *arch) {
  size_t n = 0;
  as_mapping m;
  inventory v = {.n = as_state_count(s), .map = &m, .r = r};
  if (as_recipe_map(&m, r, s, NULL) != AS_OK) return n;
  v.entry = as_alloc(v.n, sizeof *v.entry, NULL);
  const as_mapped *first = v.entry ? first_member(&v) : NULL;
  for (size_t i = 0; first && i < v.n; i++) v.entry[i] = &as_state_entries(s)[i];
  if (first) qsort((void *)v.entry, v.n, sizeof *v.entry, by_bare);
  for (size_t i = 0; first && i < v.n && n < AS_TWIN_MAX; i++) {
    const char *bare = v.entry[i]->bare, *tail = first->from->bare + v.common;
    const size_t len = strlen(bare), k = strlen(tail), at = len - k;
    if (len < k || strcmp(bare + at, tail) != 0 || at >= AS_TWIN_NAME || v.entry[i] == first->from) continue;
    if (at > 0 && bare[at - 1] != '/' && bare[at - 1] != '.') continue;
    as_twin *t = &out[n];
    memset(t, 0, sizeof *t);
    t->place = true;
    snprintf(t->used, sizeof t->used, "%.*s", (int)v.common, first->from->bare);
    snprintf(t->other, sizeof t->other, "%.*s", (int)at, bare);
    if (complete_under(&v, bare, at) && is_whole(t, r, s, arch)) n++;
  }
  as_free((void *)v.entry);
  as_mapping_clear(&m);
  return n;
}

size_t as_recipe_twins(as_twin out[AS_TWIN_MAX], const as_recipe *r, const as_state *s) {
  char arch[AS_RECIPE_ARCH];
  if (as_recipe_resolve_arch(r, s, 0, arch, sizeof arch, NULL) != AS_OK) arch[0] = 0;
  return twins_by_word(out, twins_by_place(out, r, s, arch), r, s, arch);
}
