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

/* Test images of the sets that small studies use: CIFAR (Krizhevsky 2009), STL-10 (Coates, Lee and Ng 2011),
 * ImageNet-100 (100 classes of val, 50 images each), Imagenette's second version (fast.ai). */
static const as_set_facts by_word[] = {
    {"cifar10", "cifar-10", 10000, 10, "top-1; by its name on CIFAR-10's test images"},
    {"cifar100", "cifar-100", 10000, 100, "top-1; by its name on CIFAR-100's test images"},
    {"stl10", "stl-10", 8000, 10, "top-1; by its name on STL-10's test images"},
    {"in100", "imagenet-100", 5000, 100, "top-1; by its name on ImageNet-100's images of val"},
    {"imagenet100", "imagenet-100", 5000, 100, "top-1; by its name on ImageNet-100's images of val"},
    {"imagenette", "imagenette", 3925, 10, "top-1; by its name on Imagenette's validation images"},
    {"in1k", "imagenet-val", 50000, 1000, "top-1; by its name on ImageNet's validation images"},
    {"imagenet1k", "imagenet-val", 50000, 1000, "top-1; by its name on ImageNet's validation images"},
};

const as_set_facts *as_set_facts_like(const char *name) {
  static const char *const others[] = {"train", "c", "lt", "subset"}; /* other images than those */
  const as_set_facts *f = as_set_facts_find(name);
  bool other = false;
  for (const char *p = name; !f && *p; p += strspn(p, "_- ")) {
    size_t n = strcspn(p, "_- ");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
      other = other || (strlen(others[i]) == n && memcmp(p, others[i], n) == 0);
    p += n;
  }
  for (const char *p = name; !f && !other && *p; p += strspn(p, "_- ")) {
    size_t n = strcspn(p, "_- ");
    for (size_t i = 0; !f && i < sizeof by_word / sizeof *by_word; i++)
      if (strlen(by_word[i].name) == n && memcmp(p, by_word[i].name, n) == 0) f = &by_word[i];
    p += n;
  }
  return f;
}

bool as_set_facts_share(const as_set_facts *a, const as_set_facts *b) {
  static const char *const of_val[] = {"imagenet-val", "imagenet-real", "imagenet-val-r", "imagenet-val-a",
                                       "imagenet-100"};
  bool x = false, y = false;
  if (!a || !b) return false;
  for (size_t i = 0; i < sizeof of_val / sizeof *of_val; i++) {
    x = x || strcmp(a->task, of_val[i]) == 0;
    y = y || strcmp(b->task, of_val[i]) == 0;
  }
  return (x && y) || strcmp(a->task, b->task) == 0;
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
