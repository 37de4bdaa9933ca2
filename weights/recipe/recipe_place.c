/* Where whole networks stand in a file.
 *
 * A file is a tree of dictionaries; people put a network's state_dict under a key ("model_state_dict", DeepSpeed's
 * "module"), inside a module ("model.", "net.", a number of a Sequential), or both. Whatever the key or prefix, the
 * network's first convolution is there under one of a few names; so each tensor that could be one is looked at, and the
 * beginnings of its name, the shortest first, are tried as the place of the network. */
#include <stdio.h>
#include <string.h>

#include "weights/recipe/recipe_int.h"

/* What the first convolution is called: torchvision, its deep stems, timm, torchvision's ViT, Hugging Face's ViTs and
 * ResNets, and a ResNet's children in a Sequential. */
static const char *const first_tensors[] = {"conv1.weight",
                                            "conv1.0.weight",
                                            "patch_embed.proj.weight",
                                            "conv_proj.weight",
                                            "patch_embeddings.projection.weight",
                                            "embedder.embedder.convolution.weight",
                                            "0.weight"};

/* Bytes of the entry's bare name before that of a first convolution on three channels, or -1. */
static ptrdiff_t before_first(const as_state_entry *e) {
  const size_t n = strlen(e->bare);
  if (e->view.rank != 4 || e->view.shape[1] != 3) return -1;
  for (size_t i = 0; i < sizeof first_tensors / sizeof *first_tensors; i++) {
    const size_t k = strlen(first_tensors[i]);
    if (n < k || strcmp(e->bare + n - k, first_tensors[i]) != 0) continue;
    if (n == k || e->bare[n - k - 1] == '.' || e->bare[n - k - 1] == '/') return (ptrdiff_t)(n - k);
  }
  return -1;
}

static bool listed(const as_network *list, size_t n, const char *at, size_t len) {
  for (size_t i = 0; i < n; i++)
    if (strlen(list[i].at) == len && memcmp(list[i].at, at, len) == 0) return true;
  return false;
}

/* The shortest beginning of name[0, len), cut at a '/' or '.', under which some recipe reads everything. */
static as_status place_of(as_network *out, bool *found, as_recipe_candidates *c, const as_state *s,
                          const char *name, size_t len, as_err *err) {
  *found = false;
  for (size_t k = 0; k <= len; k++) {
    if (k > 0 && name[k - 1] != '.' && name[k - 1] != '/') continue;
    snprintf(out->at, sizeof out->at, "%.*s", (int)k, name);
    as_status st = as_recipe_candidates_find(c, s, out->at, true, err);
    if (st != AS_OK) return st;
    *found = c->n > 0;
    if (*found) return AS_OK;
  }
  return AS_OK;
}

as_status as_networks_find(as_network out[AS_NETWORKS], size_t *n, as_recipe_candidates *c, const as_state *s,
                           as_err *err) {
  const as_state_entry *e = as_state_entries(s);
  *n = 0;
  for (size_t i = 0; i < as_state_count(s) && *n < AS_NETWORKS; i++) {
    const ptrdiff_t before = before_first(&e[i]);
    bool found = false;
    if (before < 0 || before >= AS_PLACE) continue;
    as_status st = place_of(&out[*n], &found, c, s, e[i].bare, (size_t)before, err);
    if (st != AS_OK) return st;
    if (found && !listed(out, *n, out[*n].at, strlen(out[*n].at))) ++*n;
  }
  return AS_OK;
}

bool as_place_is_copy(const char *at) {
  static const char *const words[] = {"ema",    "swa",    "avg",    "average", "averaged",
                                      "moving", "shadow", "target", "momentum"};
  for (const char *p = at; *p;) {
    const size_t n = strcspn(p, "._/-");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
      if (strlen(words[i]) == n && memcmp(p, words[i], n) == 0) return true;
    p += n + (p[n] != 0);
  }
  return false;
}
