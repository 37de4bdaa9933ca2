/* The built-in recipes, recipes by name, and what a recipe says. */
#include "weights/recipe/recipe.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/recipe/recipe_data.h"
#include "weights/recipe/recipe_int.h"

enum { MAX_BUILTIN = 128 };
static as_recipe *builtin[MAX_BUILTIN]; /* parsed on first use, by the main thread */

size_t as_recipe_builtin_count(void) {
  return as_recipe_files_count < MAX_BUILTIN ? as_recipe_files_count : MAX_BUILTIN;
}

/* The files come in the order of their paths, in which "a-b.recipe" stands before "a.recipe". */
static size_t nth_by_name(size_t i) {
  static size_t order[MAX_BUILTIN];
  static size_t sorted; /* how many of order are filled */
  for (; sorted < as_recipe_builtin_count(); sorted++) {
    size_t k = sorted;
    for (; k > 0 && strcmp(as_recipe_files[order[k - 1]].name, as_recipe_files[sorted].name) > 0; k--)
      order[k] = order[k - 1];
    order[k] = sorted;
  }
  return order[i];
}

/* NULL only when memory ends: the tests parse every one. */
const as_recipe *as_recipe_builtin(size_t i) {
  if (i >= as_recipe_builtin_count()) return NULL;
  i = nth_by_name(i);
  if (!builtin[i]) {
    size_t n = 0;
    char *text = as_embedded_text(&as_recipe_files[i], &n, NULL);
    if (text) (void)as_recipe_parse(&builtin[i], text, n, as_recipe_files[i].name, NULL);
    as_free(text);
  }
  return builtin[i];
}

as_status as_recipe_named(const as_recipe **out, as_recipe **owned, const char *name, as_err *err) {
  const char *place = strchr(name, '@');
  *owned = NULL;
  *out = NULL;
  if (place && !memchr(name, '/', (size_t)(place - name))) {
    char base[128];
    as_recipe *none = NULL;
    snprintf(base, sizeof base, "%.*s", (int)(place - name < 100 ? place - name : 100), name);
    as_status st = as_recipe_named(out, &none, base, err);
    if (st == AS_OK) st = as_recipe_variant(owned, *out, place + 1, true, err);
    *out = *owned;
    return st;
  }
  if (strchr(name, '/') || as_ends_with(name, ".recipe")) {
    char *text;
    size_t text_n;
    as_status st = as_text_load(&text, &text_n, name, 1 << 20, err);
    if (st == AS_OK) st = as_recipe_parse(owned, text, text_n, name, err);
    as_free(text);
    *out = *owned;
    return st;
  }
  const char *names[MAX_BUILTIN];
  size_t n = as_recipe_builtin_count();
  for (size_t i = 0; i < n; i++) {
    names[i] = as_recipe_files[nth_by_name(i)].name;
    if (strcmp(names[i], name) == 0) {
      *out = as_recipe_builtin(i);
      return *out ? AS_OK : as_fail(err, AS_E_ENV, "recipe %s: out of memory", name);
    }
  }
  const char *near = as_nearest(name, names, n);
  return as_fail(err, AS_E_USAGE, "no recipe is called \"%s\"%s%s", name, near ? "; nearest: " : "",
                 near ? near : "");
}

const char *as_recipe_name(const as_recipe *r) {
  return r->name;
}
const char *as_recipe_title(const as_recipe *r) {
  return r->title;
}
const char *as_recipe_preset(const as_recipe *r) {
  return r->preset;
}
void as_recipe_digest(const as_recipe *r, char hex[65]) {
  as_sha256 h;
  as_sha256_init(&h);
  as_sha256_update(&h, r->source, strlen(r->source) + 1);
  if (r->at) as_sha256_update(&h, r->at, strlen(r->at) + 1);
  as_sha256_update(&h, r->bare ? "bare" : "plain", 5);
  as_sha256_hex(&h, hex);
}

const char *as_recipe_note(const as_recipe *r) {
  return r->note;
}
const char *as_recipe_head(const as_recipe *r) {
  return r->head;
}
const char *as_recipe_probe(const as_recipe *r) {
  return r->probe;
}

size_t as_recipe_published(const as_recipe *r, const char *const **lines) {
  *lines = r->published.item;
  return r->published.n;
}

const as_recipe *as_recipe_of_file(const char *path, char url[AS_RECIPE_URL]) {
  const char *base = as_path_base(path);
  url[0] = 0;
  for (size_t i = 0; i < as_recipe_builtin_count(); i++) {
    const as_recipe *r = as_recipe_builtin(i);
    for (size_t k = 0; r && k < r->where.n; k++) {
      const char *line = r->where.item[k], *bar = strstr(line, " | ");
      char file[256];
      snprintf(file, sizeof file, "%.*s", (int)(bar - line), line);
      if (strcmp(as_path_base(file), base) != 0) continue;
      const char *end = strstr(bar + 3, " | ");
      snprintf(url, AS_RECIPE_URL, "%.*s", (int)(end ? end - bar - 3 : AS_RECIPE_URL), bar + 3);
      return r;
    }
  }
  return NULL;
}
