/* Twins by word: a recipe names its network by a word ("encoder_q") and says by other lines what becomes of the twin
 * ("drop = ^encoder_k.*"); exchanging the two words in its text gives the recipe of the twin, drops and all. */
#include "weights/recipe/twin.h"

#include <stdio.h>
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

/* Does `twin` read a network of this architecture ("": one whose shapes leave a question), and other tensors than `r`? */
static bool reads_another(const as_recipe *twin, const as_recipe *r, const as_state *s, const char *arch) {
  char got[AS_RECIPE_ARCH];
  as_mapping m, own;
  const char *offender = NULL;
  size_t offenders = 0;
  if (!as_recipe_root(twin, s) || as_recipe_map(&m, twin, s, NULL) != AS_OK) return false;
  if (as_recipe_arch_of(twin, &m, as_state_path(s), got, sizeof got, NULL) != AS_OK) got[0] = 0;
  bool another = as_recipe_family_fits(twin, &m, &offender, &offenders) && strcmp(got, arch) == 0;
  if (another && as_recipe_map(&own, r, s, NULL) == AS_OK) {
    for (size_t i = 0; i < m.n_kept && another; i++) {
      const as_mapped *mine = as_mapping_find(&own, m.by_name[i]->name);
      another = !mine || !mine->from || mine->from != m.by_name[i]->from;
    }
    as_mapping_clear(&own);
  }
  as_mapping_clear(&m);
  return another;
}

/* Can the twin be read, and is it the same kind of network? */
static bool is_whole(const as_twin *t, const as_recipe *r, const as_state *s, const char *arch) {
  as_recipe *twin = NULL;
  const bool whole = as_recipe_twin(&twin, r, t, NULL) == AS_OK && reads_another(twin, r, s, arch);
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

size_t as_recipe_twins(as_twin out[AS_TWIN_MAX], const as_recipe *r, const as_state *s) {
  char arch[AS_RECIPE_ARCH];
  size_t n = 0;
  if (as_recipe_resolve_arch(r, s, 0, arch, sizeof arch, NULL) != AS_OK) arch[0] = 0;
  const size_t places = as_twins_by_place(out, r, s);
  for (size_t i = 0; i < places; i++)
    if (is_whole(&out[i], r, s, arch)) out[n++] = out[i];
  return twins_by_word(out, n, r, s, arch);
}
