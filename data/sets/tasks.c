#include "data/sets/tasks.h"

#include <string.h>

static const as_task tasks[] = {
    {"folder", false, NULL, AS_RULE_ONE, 0, 0, 0, 0, NULL, "any labelled images"},
    {"imagenet-val", true, NULL, AS_RULE_ONE, 50000, 50000, 1000, 50, NULL,
     "ILSVRC2012 validation set (Russakovsky et al. 2015)"},
    {"imagenet-real", true, NULL, AS_RULE_ANY, 50000, 46837, 1000, 50, NULL,
     "val with reassessed labels (Beyer et al. 2020): images with an empty set are not scored"},
    {"imagenet-v2", true, NULL, AS_RULE_ONE, 10000, 10000, 1000, 10, NULL,
     "a fresh draw (Recht et al. 2019); folders 0..999 are class numbers"},
    {"imagenet-r", true, "imagenet-r", AS_RULE_ONE, 30000, 30000, 200, 0, NULL,
     "renditions (Hendrycks et al. 2021): argmax over the 200 classes"},
    {"imagenet-a", true, "imagenet-a", AS_RULE_ONE, 7500, 7500, 200, 0, NULL,
     "natural adversarial examples (Hendrycks et al. 2021): argmax over the 200 classes"},
    {"imagenet-sketch", true, NULL, AS_RULE_ONE, 50889, 50889, 1000, 0, NULL,
     "sketches (Wang et al. 2019); the README says 50,000, the released set has 50,889"},
    {"imagenet-c", true, NULL, AS_RULE_ONE, 3750000, 3750000, 1000, 3750, "imagenet-c",
     "15 corruptions x 5 severities of val (Hendrycks and Dietterich 2019); 224 x 224 already, no resize"},
    {"objectnet", true, NULL, AS_RULE_MAX, 18574, 18574, 113, 0, "objectnet",
     "113 classes shared with ImageNet (Barbu et al. 2019); the red border is cut off"},
    {"imagenet-hard", true, NULL, AS_RULE_ANY, 10980, 10980, 0, 0, NULL,
     "any of several labels counts (Taesiri et al. 2023); 10,980 images since its last revision"},
};
enum { TASKS = sizeof tasks / sizeof *tasks };

const as_task *as_task_list(size_t *n) {
  *n = TASKS;
  return tasks;
}

const char *const *as_task_names(void) {
  static const char *const names[] = {
      "folder",          "imagenet-val", "imagenet-real", "imagenet-v2",   "imagenet-r", "imagenet-a",
      "imagenet-sketch", "imagenet-c",   "objectnet",     "imagenet-hard", NULL};
  _Static_assert(sizeof names / sizeof *names == TASKS + 1, "a name per task");
  return names;
}

const as_task *as_task_find(const char *name) {
  if (!name || !*name) return &tasks[0];
  for (size_t i = 0; i < TASKS; i++) {
    if (strcmp(tasks[i].name, name) == 0) return &tasks[i];
  }
  return NULL;
}

/* google-research/augmix imagenet.py, ALEXNET_ERR, in its order. */
const as_corruption as_corruptions[AS_CORRUPTIONS] = {
    {"gaussian_noise", .886428},
    {"shot_noise", .894468},
    {"impulse_noise", .922640},
    {"defocus_blur", .819880},
    {"glass_blur", .826268},
    {"motion_blur", .785948},
    {"zoom_blur", .798360},
    {"snow", .866816},
    {"frost", .826572},
    {"fog", .819324},
    {"brightness", .564592},
    {"contrast", .853204},
    {"elastic_transform", .646056},
    {"pixelate", .717840},
    {"jpeg_compression", .606500},
};

int as_corruption_of(const char *name, int *severity) {
  static const char *const extra[] = {"gaussian_blur", "saturate", "spatter", "speckle_noise"};
  for (const char *p = name, *slash; (slash = strchr(p, '/')) != NULL; p = slash + 1) {
    size_t len = (size_t)(slash - p);
    if (slash[1] < '1' || slash[1] > '0' + AS_SEVERITIES || slash[2] != '/') continue;
    *severity = slash[1] - '0';
    for (int i = 0; i < AS_CORRUPTIONS; i++) {
      if (strncmp(as_corruptions[i].name, p, len) == 0 && as_corruptions[i].name[len] == '\0') return i;
    }
    for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
      if (strncmp(extra[i], p, len) == 0 && extra[i][len] == '\0') return AS_CORRUPTIONS;
    }
  }
  return -1;
}
