/* Twins: a recipe names its network by a word ("encoder_q") and says by other lines what becomes of the twin
 * ("drop = ^encoder_k.*"). Exchanging the two words in its text gives the recipe of the twin, drops and all. */
#include "weights/recipe/twin.h"

#include <stdio.h>
#include <string.h>

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
  if (!*t->used || !*t->other || !strstr(r->source, t->used))
    return as_fail(err, AS_E_INPUT, "recipe %s: speaks of no network called \"%s\"", r->name, t->used);
  as_str text = {0};
  put_exchanged(&text, r->source, t->used, t->other);
  as_status st = as_str_status(&text, err);
  if (st == AS_OK) st = as_recipe_parse(out, as_str_c(&text), text.n, r->name, err);
  as_str_clear(&text);
  return st;
}

static bool holds_word(const as_state *s, const char *word) {
  for (size_t i = 0; i < as_state_count(s); i++)
    if (strstr(as_state_entries(s)[i].name, word)) return true;
  return false;
}

/* Does the recipe find a network of this architecture? */
static bool finds_arch(const as_recipe *r, const as_state *s, const char *arch) {
  char got[AS_RECIPE_ARCH];
  as_mapping m;
  const char *offender = NULL;
  size_t offenders = 0;
  if (!as_recipe_root(r, s) || as_recipe_map(&m, r, s, NULL) != AS_OK) return false;
  const bool fits = as_recipe_family_fits(r, &m, &offender, &offenders) &&
                    as_recipe_arch_of(r, &m, as_state_path(s), got, sizeof got, NULL) == AS_OK &&
                    strcmp(got, arch) == 0;
  as_mapping_clear(&m);
  return fits;
}

size_t as_recipe_twins(as_twin out[AS_TWIN_MAX], const as_recipe *r, const as_state *s) {
  char arch[AS_RECIPE_ARCH];
  size_t n = 0;
  if (as_recipe_resolve_arch(r, s, arch, sizeof arch, NULL) != AS_OK) return 0;
  for (size_t i = 0; i < sizeof twin_words / sizeof *twin_words && n < AS_TWIN_MAX; i++)
    for (int way = 0; way < 2; way++) {
      as_twin *t = &out[n];
      as_recipe *twin = NULL;
      snprintf(t->used, sizeof t->used, "%s", twin_words[i][way]);
      snprintf(t->other, sizeof t->other, "%s", twin_words[i][!way]);
      if (!strstr(r->source, t->used) || !holds_word(s, t->other)) continue;
      const bool complete = as_recipe_twin(&twin, r, t, NULL) == AS_OK && finds_arch(twin, s, arch);
      as_recipe_destroy(&twin);
      if (!complete) continue;
      n++;
      break;
    }
  return n;
}
