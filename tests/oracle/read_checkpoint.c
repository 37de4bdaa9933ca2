/* read_checkpoint FILE OUT.safetensors [RECIPE]: opens a checkpoint as the library does, finds its recipe, and writes every
 * tensor that comes out under its final name. For tests/oracle/check_checkpoints.py.
 * Lines on stdout: container, recipe, arch, preset, assumed; with RECIPE "head": the lone head instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "weights/containers/safetensors.h"
#include "weights/containers/state.h"
#include "weights/match.h"
#include "weights/recipe/recipe.h"
#include "weights/recipe/recipe_int.h"

static int fail(const as_err *err) {
  printf("error\t%d\t%s\n", (int)err->status, err->msg);
  return (int)err->status;
}

static int head_only(as_state *s, const char *out, as_err *err) {
  as_view w, b;
  if (as_match_head(&w, &b, s, NULL, NULL, err) != AS_OK) return fail(err);
  as_named_view both[2] = {{"weight", w}, {"bias", b}};
  return as_safetensors_write(out, both, 2, NULL, 0, err) == AS_OK ? 0 : fail(err);
}

int main(int argc, char **argv) {
  as_err err = {AS_OK, ""};
  as_state *s = NULL;
  if (argc < 3) return 2;
  if (as_state_open(&s, argv[1], &err) != AS_OK) return fail(&err);
  printf("container\t%s\n", as_state_container(s));
  if (argc > 3 && strcmp(argv[3], "head") == 0) {
    int rc = head_only(s, argv[2], &err);
    as_state_close(&s);
    return rc;
  }
  const as_recipe *r = NULL;
  as_recipe *owned = NULL;
  char assumed[AS_RECIPE_ASSUMED] = "", arch[AS_RECIPE_ARCH];
  as_status st =
      as_recipe_choose(&r, &owned, s, &(as_recipe_wish){.name = argc > 3 ? argv[3] : NULL}, assumed, &err);
  if (st == AS_OK) st = as_recipe_resolve_arch(r, s, 0, arch, sizeof arch, &err);
  as_mapping m = {0};
  if (st == AS_OK) st = as_recipe_map(&m, r, s, &err);
  if (st == AS_OK) {
    printf("recipe\t%s\narch\t%s\npreset\t%s\nassumed\t%s\n", as_recipe_name(r), arch, as_recipe_preset(r),
           assumed);
    as_named_view *v = as_calloc(m.n_kept, sizeof *v, NULL);
    size_t n = 0;
    const bool folded = *r->headnorm != 0; /* the classifier with the BatchNorm before it, as one */
    for (size_t i = 0; v && i < m.n_kept; i++) {
      const char *name = m.by_name[i]->name;
      if (strstr(name, "num_batches_tracked") || (folded && as_recipe_is_head(r, name))) continue;
      v[n++] = (as_named_view){name, m.by_name[i]->view};
    }
    as_view w, b;
    if (v && folded && as_match_head(&w, &b, s, r, "head", &err) == AS_OK) {
      v[n++] = (as_named_view){"head.weight", w};
      v[n++] = (as_named_view){"head.bias", b};
    }
    st = v ? as_safetensors_write(argv[2], v, n, NULL, 0, &err) : AS_E_ENV;
    as_free(v);
  }
  as_mapping_clear(&m);
  as_recipe_destroy(&owned);
  as_state_close(&s);
  return st == AS_OK ? 0 : fail(&err);
}
