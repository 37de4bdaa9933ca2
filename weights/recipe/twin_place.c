/* Twins by place: whatever the second network is called, all names of the first occur once more under another beginning,
 * with their shapes. And copies whose names were squeezed, which no recipe reads but which must not go unsaid. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"
#include "weights/recipe/twin.h"

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

size_t as_twins_by_place(as_twin out[AS_TWIN_MAX], const as_recipe *r, const as_state *s) {
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
    if (complete_under(&v, bare, at)) n++;
  }
  as_free((void *)v.entry);
  as_mapping_clear(&m);
  return n;
}

/* ---- squeezed copies ---- */

/* Averages that live in buffers of a module cannot keep dots in their names: LitEma leaves them out ("model_ema." and
 * "layer10conv1weight"), MMCV writes underscores ("ema_backbone_layer1_0_conv1_weight"). Both are compared without
 * either. Running statistics are no parameters and have no copy. */
static void squeeze(const char *name, char out[AS_TWIN_NAME]) {
  size_t n = 0;
  for (; *name && n + 1 < AS_TWIN_NAME; name++)
    if (*name != '.' && *name != '_' && *name != '/') out[n++] = *name;
  out[n] = 0;
}

typedef struct squeezed {
  char name[AS_TWIN_NAME];
  const as_state_entry *entry;
} squeezed;

static int by_squeezed(const void *a, const void *b) {
  return strcmp(((const squeezed *)a)->name, ((const squeezed *)b)->name);
}

/* Is every parameter of the network in the sorted list, behind `at` (squeezed)? */
static bool copied_behind(const inventory *v, const squeezed *list, const char *at, const as_mapped *first) {
  size_t found = 0;
  for (size_t i = 0; i < v->map->n; i++) {
    const as_mapped *t = &v->map->item[i];
    squeezed key;
    char tail[AS_TWIN_NAME];
    if (!is_member(v, t) || strstr(t->name, "running_")) continue;
    squeeze(t->from->bare + v->common, tail);
    if (snprintf(key.name, sizeof key.name, "%s%s", at, tail) >= (int)sizeof key.name) return false;
    const squeezed *hit = bsearch(&key, list, v->n, sizeof *list, by_squeezed);
    if (!hit || hit->entry == t->from || !same_shape(&hit->entry->view, &t->from->view)) return false;
    found++;
  }
  return found > 1 && first != NULL;
}

bool as_twin_squeezed(char place[AS_TWIN_NAME], const as_recipe *r, const as_state *s) {
  as_mapping m;
  inventory v = {.n = as_state_count(s), .map = &m, .r = r};
  bool found = false;
  char tail[AS_TWIN_NAME], at[AS_TWIN_NAME];
  if (as_recipe_map(&m, r, s, NULL) != AS_OK) return false;
  squeezed *list = as_alloc(v.n, sizeof *list, NULL);
  const as_mapped *first = list ? first_member(&v) : NULL;
  for (size_t i = 0; first && i < v.n; i++) {
    list[i].entry = &as_state_entries(s)[i];
    squeeze(list[i].entry->bare, list[i].name);
  }
  if (first) qsort(list, v.n, sizeof *list, by_squeezed);
  if (first) squeeze(first->from->bare + v.common, tail);
  for (size_t i = 0; first && i < v.n && !found; i++) {
    const size_t n = strlen(list[i].name), k = strlen(tail);
    if (n <= k || strcmp(list[i].name + n - k, tail) != 0 || list[i].entry == first->from) continue;
    snprintf(at, sizeof at, "%.*s", (int)(n - k), list[i].name);
    found = copied_behind(&v, list, at, first);
    if (found) snprintf(place, AS_TWIN_NAME, "%.*s", AS_TWIN_NAME - 1, list[i].entry->bare);
  }
  as_free(list);
  as_mapping_clear(&m);
  return found;
}
