/* SimCLR's checkpoints number their layers in the order in which the graph made them; torchvision
 * names them by place. In the first block of each stage the shortcut comes before the block's own
 * convolutions (google-research/simclr resnet.py, bottleneck_block). Convolution k and BatchNorm k
 * belong together. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/text.h"
#include "weights/recipe_int.h"

static const struct {
  int convs; /* 1 + 3 per block + 4 shortcuts */
  int blocks[4];
} depths[] = {{53, {3, 4, 6, 3}}, {104, {3, 4, 23, 3}}, {155, {3, 8, 36, 3}}};

/* "conv2d_12/kernel" -> 12; "conv2d/kernel" -> 0; -1 otherwise. *rest gets what follows the slash. */
static int layer_number(const char *name, const char *kind, const char **rest) {
  size_t n = strlen(kind);
  if (strncmp(name, kind, n) != 0) return -1;
  int64_t k = 0;
  const char *p = name + n, *slash = strchr(p, '/');
  if (!slash) return -1;
  if (*p == '_') {
    char number[8];
    size_t len = (size_t)(slash - p - 1);
    if (len >= sizeof number) return -1;
    memcpy(number, p + 1, len);
    number[len] = 0;
    if (!as_parse_i64(number, 1, 100000, &k)) return -1;
  } else if (p != slash) {
    return -1;
  }
  *rest = slash + 1;
  return (int)k;
}

int as_simclr_convs(const as_state *s, const char *root) {
  const as_state_entry *e = as_state_entries(s);
  const char *rest = NULL;
  int convs = 0;
  for (size_t i = 0; i < as_state_count(s); i++) {
    const char *name = as_under_root(e[i].name, root);
    if (name && as_starts_with(name, "base_model/") && layer_number(name + 11, "conv2d", &rest) >= 0 &&
        strcmp(rest, "kernel") == 0)
      convs++;
  }
  return convs;
}

/* Where layer k of a network of `convs` convolutions stands: its torchvision prefix up to the layer's
 * own number, and that number (0 = shortcut). */
static bool place(int k, int convs, char *block, size_t size, int *conv) {
  size_t d = 0;
  while (d < sizeof depths / sizeof *depths && depths[d].convs != convs) d++;
  if (d == sizeof depths / sizeof *depths) return false;
  if (k == 0) {
    block[0] = 0;
    *conv = 1;
    return true;
  }
  int at = 1;
  for (int stage = 0; stage < 4; stage++)
    for (int b = 0; b < depths[d].blocks[stage]; b++) {
      int n = b == 0 ? 4 : 3;
      if (k < at + n) {
        snprintf(block, size, "layer%d.%d.", stage + 1, b);
        *conv = k - at + (b == 0 ? 0 : 1);
        return true;
      }
      at += n;
    }
  return false;
}

bool as_simclr_name(const char *name, int convs, char *out, size_t size, as_transform *t) {
  static const struct {
    const char *from, *to;
  } stats[] = {{"gamma", "weight"},
               {"beta", "bias"},
               {"moving_mean", "running_mean"},
               {"moving_variance", "running_var"}};
  char block[32];
  const char *rest = NULL;
  int conv = 0;
  if (!as_starts_with(name, "base_model/")) return false;
  name += strlen("base_model/");
  int k = layer_number(name, "conv2d", &rest);
  if (k >= 0 && strcmp(rest, "kernel") == 0 && place(k, convs, block, sizeof block, &conv)) {
    if (conv == 0)
      snprintf(out, size, "%sdownsample.0.weight", block);
    else
      snprintf(out, size, "%sconv%d.weight", block, conv);
    *t = AS_HWIO;
    return true;
  }
  k = layer_number(name, "batch_normalization", &rest);
  if (k < 0 || !place(k, convs, block, sizeof block, &conv)) return false;
  for (size_t i = 0; i < sizeof stats / sizeof *stats; i++)
    if (strcmp(rest, stats[i].from) == 0) {
      if (conv == 0)
        snprintf(out, size, "%sdownsample.1.%s", block, stats[i].to);
      else
        snprintf(out, size, "%sbn%d.%s", block, conv, stats[i].to);
      *t = AS_AS_IS;
      return true;
    }
  return false;
}
