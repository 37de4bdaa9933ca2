/* What is known of the published sets by their names. */
#include <string.h>

#include "eval/stats/table.h"

static const as_set_facts known[] = {
    {"val", "imagenet-val", 50000, 1000, "top-1"},
    {"imagenet", "imagenet-val", 50000, 1000, "top-1"},
    {"imagenet-val", "imagenet-val", 50000, 1000, "top-1"},
    {"imagenet-real", "imagenet-real", 46837, 1000, "any of the ReaL labels; images without one left out"},
    {"imagenetv2-matched-frequency", "imagenet-v2", 10000, 1000, "top-1, matched-frequency flavour"},
    {"imagenetv2-matched-frequency-format-val", "imagenet-v2", 10000, 1000,
     "top-1, matched-frequency flavour"},
    {"imagenetv2-threshold0.7", "imagenet-v2-threshold", 10000, 1000, "top-1, threshold-0.7 flavour"},
    {"imagenetv2-threshold-0.7-format-val", "imagenet-v2-threshold", 10000, 1000,
     "top-1, threshold-0.7 flavour"},
    {"imagenetv2-topimages", "imagenet-v2-top", 10000, 1000, "top-1, top-images flavour"},
    {"imagenetv2-top-images-format-val", "imagenet-v2-top", 10000, 1000, "top-1, top-images flavour"},
    {"imagenet-r", "imagenet-r", 30000, 200, "top-1 over the 200 classes of ImageNet-R"},
    {"imagenet-r-clean", "imagenet-val-r", 10000, 200, "top-1 on val over the 200 classes of ImageNet-R"},
    {"val-on-imagenet-r-classes", "imagenet-val-r", 10000, 200,
     "top-1 on val over the 200 classes of ImageNet-R"},
    {"imagenet-a", "imagenet-a", 7500, 200, "top-1 over the 200 classes of ImageNet-A"},
    {"imagenet-a-clean", "imagenet-val-a", 10000, 200, "top-1 on val over the 200 classes of ImageNet-A"},
    {"val-on-imagenet-a-classes", "imagenet-val-a", 10000, 200,
     "top-1 on val over the 200 classes of ImageNet-A"},
    {"sketch", "imagenet-sketch", 50889, 1000, "top-1"},
    {"imagenet-sketch", "imagenet-sketch", 50889, 1000, "top-1"},
};

const as_set_facts *as_set_facts_find(const char *name) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(known[i].name, name) == 0) return &known[i];
  return NULL;
}

const as_set_facts *as_set_facts_of(const as_results *r, size_t k) {
  const as_results_set *set = &r->sets[k];
  const as_set_facts *f = set->name ? as_set_facts_find(set->name) : NULL;
  for (size_t i = 0; set->task && i < sizeof known / sizeof *known; i++)
    if (strcmp(known[i].task, set->task) == 0) f = &known[i];
  if (!f || set->classes != f->classes) return NULL;
  for (size_t m = 0; m < r->n_models; m++) {
    const as_cell *c = as_results_cell(r, m, k);
    if (c->present && c->n_expected != f->images) return NULL;
  }
  return f;
}
