/* SimCLR's checkpoints number their layers in the order in which the graph made them; torchvision
 * names them by place. In the first block of each stage the shortcut comes before the block's own
 * convolutions (google-research/simclr resnet.py, bottleneck_block). Convolution k and BatchNorm k
 * belong together, except in the networks with selective kernels (sk1), whose mixing layers have a norm between
 * two convolutions (resnet.py, sk_conv2d). */
#include <stdio.h>
#include <string.h>

#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"

static const struct {
  int convs;  /* 1 + 3 per block + 4 shortcuts; with selective kernels 3 + 5 per block + 4 */
  bool mixed; /* selective kernels: a stem of three, two further layers per block, one of them normed */
  int blocks[4];
} depths[] = {{53, false, {3, 4, 6, 3}}, {104, false, {3, 4, 23, 3}}, {155, false, {3, 8, 36, 3}},
              {87, true, {3, 4, 6, 3}},  {172, true, {3, 4, 23, 3}},  {257, true, {3, 8, 36, 3}}};

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

/* Names of the layers in the order in which the graph makes them, without and with selective kernels. */
static const char *const conv_names[2][6] = {{"downsample.0", "conv1", "conv2", "conv3"},
                                             {"downsample.1", "conv1", "conv2", "sk.fc1", "sk.fc2", "conv3"}};
static const char *const norm_names[2][5] = {{"downsample.1", "bn1", "bn2", "bn3"},
                                             {"downsample.2", "bn1", "bn2", "sk.bn", "bn3"}};
static const char *const conv_stem[2][3] = {{"conv1"}, {"conv1.0", "conv1.3", "conv1.6"}};
static const char *const norm_stem[2][3] = {{"bn1"}, {"conv1.1", "conv1.4", "bn1"}};

/* The torchvision name of convolution (or norm) k of a network of `convs` convolutions. */
static bool layer_at(int k, int convs, bool norm, char *out, size_t size) {
  size_t d = 0;
  while (d < sizeof depths / sizeof *depths && depths[d].convs != convs) d++;
  if (d == sizeof depths / sizeof *depths) return false;
  const int mixed = depths[d].mixed, stem = mixed ? 3 : 1;
  if (k < stem) {
    snprintf(out, size, "%s", norm ? norm_stem[mixed][k] : conv_stem[mixed][k]);
    return true;
  }
  const char *const *names = norm ? norm_names[mixed] : conv_names[mixed];
  const int per_block = 3 + (mixed ? norm ? 1 : 2 : 0);
  int at = stem;
  for (int stage = 0; stage < 4; stage++)
    for (int b = 0; b < depths[d].blocks[stage]; b++) {
      const int first = b == 0 ? 0 : 1,
                n = per_block + 1 - first; /* the shortcut is in the first block alone */
      if (k < at + n) {
        snprintf(out, size, "layer%d.%d.%s", stage + 1, b, names[first + k - at]);
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
  char layer[64];
  const char *rest = NULL;
  if (!as_starts_with(name, "base_model/")) return false;
  name += strlen("base_model/");
  int k = layer_number(name, "conv2d", &rest);
  if (k >= 0 && strcmp(rest, "kernel") == 0 && layer_at(k, convs, false, layer, sizeof layer)) {
    snprintf(out, size, "%s.weight", layer);
    *t = AS_HWIO;
    return true;
  }
  k = layer_number(name, "batch_normalization", &rest);
  if (k < 0 || !layer_at(k, convs, true, layer, sizeof layer)) return false;
  for (size_t i = 0; i < sizeof stats / sizeof *stats; i++)
    if (strcmp(rest, stats[i].from) == 0) {
      snprintf(out, size, "%s.%s", layer, stats[i].to);
      *t = AS_AS_IS;
      return true;
    }
  return false;
}
