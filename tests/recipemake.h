/* A file of ckptmake.h through the choice of its recipe. */
#ifndef AS_TESTS_RECIPEMAKE_H
#define AS_TESTS_RECIPEMAKE_H

#include <stdlib.h>

#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/recipe/mapping.h"
#include "weights/recipe/recipe.h"

static const int mk_one_each[4] = {1, 1, 1, 1};

typedef struct mk_choice {
  mk_st st;
  char *file;
  as_state *s;
  const as_recipe *r;
  as_recipe *owned;
  as_status status;
  as_err err;
  char assumed[AS_RECIPE_ASSUMED], arch[AS_RECIPE_ARCH];
} mk_choice;

/* The choice and the architecture for st's file. */
static inline void mk_choose(as_test *t, mk_choice *m, const as_recipe_wish *wish) {
  size_t n = 0;
  m->file = mk_st_file(&m->st, &n);
  m->err = (as_err){AS_OK, ""};
  m->arch[0] = 0;
  CHECK_OK(t, as_state_open_bytes(&m->s, m->file, n, "x.pth", &m->err), m->err);
  if (!m->s) return;
  m->status = as_recipe_choose(&m->r, &m->owned, m->s, wish, m->assumed, &m->err);
  if (m->status == AS_OK && !(wish && wish->arch))
    m->status = as_recipe_resolve_arch(m->r, m->s, 224, m->arch, sizeof m->arch, &m->err);
}

static inline void mk_choice_drop(mk_choice *m) {
  as_recipe_destroy(&m->owned);
  as_state_close(&m->s);
  free(m->file);
}

static inline void mk_lacks(as_test *t, int line, const char *text, const char *want) {
  if (!strstr(text, want)) as_test_fail(t, __FILE__, line, "\"%s\" lacks \"%s\"", text, want);
}
#define HAS(text, want) mk_lacks(t, __LINE__, text, want)

/* The raw name of the tensor that becomes `name` in the network. */
static inline const char *mk_origin(const mk_choice *m, as_mapping *map, const char *name) {
  if (as_recipe_map(map, m->r, m->s, NULL) != AS_OK) return "(not mapped)";
  const as_mapped *hit = as_mapping_find(map, name);
  return hit && hit->from ? hit->from->name : "(none)";
}

#endif
