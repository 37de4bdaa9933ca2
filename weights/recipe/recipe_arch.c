/* What names and shapes tell of an architecture. The strings are those of models/README.md: a name,
 * then only those keys that differ from what the name stands for, then the recipe's own keys. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"

static const char *const resnet_names[] = {"conv1.weight",   "conv1.%.*",
                                           "bn1.*",          "layer%.%.conv%.weight",
                                           "layer%.%.bn%.*", "layer%.%.downsample.%.*",
                                           "layer%.%.sk.*"};
static const char *const vit_names[] = {"cls_token",
                                        "pos_embed",
                                        "register_tokens",
                                        "patch_embed.proj.*",
                                        "blocks.%.norm1.*",
                                        "blocks.%.norm2.*",
                                        "blocks.%.attn.qkv.*",
                                        "blocks.%.attn.proj.*",
                                        "blocks.%.mlp.fc1.*",
                                        "blocks.%.mlp.fc2.*",
                                        "blocks.%.mlp.w12.*",
                                        "blocks.%.mlp.w3.*",
                                        "blocks.%.ls1.gamma",
                                        "blocks.%.ls2.gamma",
                                        "norm.*",
                                        "fc_norm.*"};

static bool is_vit(const as_recipe *r) {
  return as_starts_with(r->arch, "vit");
}

static bool under(const char *name, const char *prefix) {
  size_t n = strlen(prefix);
  return n > 0 && strncmp(name, prefix, n) == 0 && name[n] == '.';
}

const char *as_recipe_headnorm(const as_recipe *r, double *eps) {
  *eps = r->headnorm_eps;
  return r->headnorm;
}

bool as_recipe_is_head(const as_recipe *r, const char *name) {
  return under(name, r->head) || under(name, r->headnorm);
}

bool as_recipe_family_fits(const as_recipe *r, const as_mapping *m, const char **offender,
                           size_t *n_offenders) {
  const char *const *names = is_vit(r) ? vit_names : resnet_names;
  size_t n = is_vit(r) ? sizeof vit_names / sizeof *vit_names : sizeof resnet_names / sizeof *resnet_names;
  *offender = NULL;
  *n_offenders = 0;
  for (size_t i = 0; i < m->n_kept; i++) {
    const char *name = m->by_name[i]->name;
    bool known = as_recipe_is_head(r, name) || as_ends_with(name, ".num_batches_tracked");
    for (size_t k = 0; k < n && !known; k++) known = as_glob(names[k], name, NULL, NULL);
    if (known) continue;
    if (!*offender) *offender = m->by_name[i]->from ? m->by_name[i]->from->name : name;
    ++*n_offenders;
  }
  for (size_t i = 0; i < m->n; i++)
    if (m->item[i].fate == AS_FATE_FOREIGN) {
      if (!*offender) *offender = m->item[i].from->name;
      ++*n_offenders;
    }
  char head[128];
  snprintf(head, sizeof head, "%.100s.weight", r->head);
  if (*r->head && !r->head_optional && !as_mapping_find(m, head)) return false;
  bool essentials = is_vit(r)
                        ? as_mapping_find(m, "patch_embed.proj.weight") && as_mapping_find(m, "pos_embed") &&
                              as_mapping_find(m, "blocks.0.attn.qkv.weight")
                        : (as_mapping_find(m, "conv1.weight") || as_mapping_find(m, "conv1.0.weight")) &&
                              as_mapping_find(m, "bn1.weight") && as_mapping_find(m, "layer1.0.conv1.weight");
  return essentials && *n_offenders == 0;
}

static int64_t dim(const as_mapping *m, const char *name, int axis) {
  const as_mapped *t = as_mapping_find(m, name);
  return t && axis < t->view.rank ? t->view.shape[axis] : 0;
}

static bool has(const as_mapping *m, const char *name) {
  return as_mapping_find(m, name) != NULL;
}

static as_status resnet_arch(const as_mapping *m, const char *label, as_str *out, as_err *err) {
  static const struct {
    const char *name;
    bool bottleneck;
    int blocks[4];
  } known[] = {{"resnet18", false, {2, 2, 2, 2}},  {"resnet34", false, {3, 4, 6, 3}},
               {"resnet50", true, {3, 4, 6, 3}},   {"resnet101", true, {3, 4, 23, 3}},
               {"resnet152", true, {3, 8, 36, 3}}, {"resnet200", true, {3, 24, 36, 3}}};
  int blocks[8] = {0}, stages = 0;
  char name[64];
  for (; stages < 8; stages++) {
    for (; blocks[stages] < 200; blocks[stages]++) {
      snprintf(name, sizeof name, "layer%d.%d.conv1.weight", stages + 1, blocks[stages]);
      if (!has(m, name)) break;
    }
    if (blocks[stages] == 0) break;
  }
  bool bottleneck = has(m, "layer1.0.conv3.weight"), deep = has(m, "conv1.0.weight");
  int64_t stem = dim(m, "bn1.weight", 0), inner = dim(m, "layer1.0.conv1.weight", 0);
  int64_t kernel = deep ? 3 : dim(m, "conv1.weight", 2);
  if (stages == 0 || stem <= 0 || stem > 65536 || inner <= 0)
    return as_fail(err, AS_E_INPUT, "%s: no ResNet: found %d stages, %lld stem channels", label, stages,
                   (long long)stem);
  if (stages == 4 && blocks[0] == 1 && blocks[1] == 1 && blocks[2] == 1 && blocks[3] == 1 && stem == 16 &&
      kernel == 3 && bottleneck && !deep && inner == stem) {
    as_str_put(out, "resnet_demo");
    return AS_OK;
  }
  const char *base = bottleneck ? "resnet50" : "resnet18";
  bool exact = false;
  for (size_t i = 0; i < sizeof known / sizeof *known && !exact; i++)
    if (known[i].bottleneck == bottleneck && stages == 4 &&
        memcmp(known[i].blocks, blocks, sizeof known[i].blocks) == 0) {
      base = known[i].name;
      exact = true;
    }
  as_str_put(out, base);
  char sep = ':';
  if (!exact) {
    for (int i = 0; i < stages; i++) as_str_printf(out, "%s%d", i ? "-" : ":blocks=", blocks[i]);
    sep = ',';
  }
  int64_t width = stem % 64 == 0 ? stem / 64 : 1;
  if (stem % 64 != 0) as_str_printf(out, "%cbase=%lld", sep, (long long)stem), sep = ',';
  if (width != 1) as_str_printf(out, "%cwidth=%lld", sep, (long long)width), sep = ',';
  if (bottleneck && inner != stem) {
    if (inner % stem != 0)
      return as_fail(err, AS_E_INPUT, "%s: a ResNet whose first block is %lld wide behind %lld stem channels",
                     label, (long long)inner, (long long)stem);
    as_str_printf(out, "%cinner=%lld", sep, (long long)(inner / stem)), sep = ',';
  }
  if (deep)
    as_str_printf(out, "%cstem=deep", sep), sep = ',';
  else if (kernel == 3)
    as_str_printf(out, "%cstem=3x3", sep), sep = ',';
  const as_mapped *down = as_mapping_find(m, "layer2.0.downsample.1.weight");
  if (down && down->view.rank == 4) as_str_printf(out, "%cdown=avg", sep), sep = ',';
  if (has(m, "layer1.0.sk.fc1.weight")) as_str_printf(out, "%csk=1", sep);
  return AS_OK;
}

static int64_t root_of(int64_t n) {
  int64_t r = 0;
  while (r < 1024 && r * r < n) r++;
  return r * r == n ? r : 0;
}

static as_status vit_arch(const as_mapping *m, const char *label, as_str *out, as_err *err) {
  static const struct {
    const char *name;
    int dim, depth, patch, side;
  } known[] = {{"vit_tiny", 192, 12, 16, 224},  {"vit_small", 384, 12, 16, 224},
               {"vit_base", 768, 12, 16, 224},  {"vit_large", 1024, 24, 16, 224},
               {"vit_huge", 1280, 32, 14, 224}, {"vit_giant", 1536, 40, 14, 224},
               {"vit_demo", 96, 4, 8, 64}};
  int64_t width = dim(m, "patch_embed.proj.weight", 0), patch = dim(m, "patch_embed.proj.weight", 2);
  int depth = 0;
  char name[64];
  for (; depth < 256; depth++) {
    snprintf(name, sizeof name, "blocks.%d.attn.qkv.weight", depth);
    if (!has(m, name)) break;
  }
  bool cls = has(m, "cls_token");
  const as_mapped *pos = as_mapping_find(m, "pos_embed");
  int64_t rows = pos && pos->view.rank == 3 ? pos->view.shape[1] : 0;
  bool poscls = cls && root_of(rows - 1) > 0;
  int64_t grid = root_of(poscls ? rows - 1 : rows);
  if (width <= 0 || patch <= 0 || patch > 256 || depth == 0 || grid <= 0)
    return as_fail(err, AS_E_INPUT,
                   "%s: no ViT that assay knows: width %lld, patch %lld, %d blocks, pos_embed of %lld rows",
                   label, (long long)width, (long long)patch, depth, (long long)rows);
  size_t k = 0, n = sizeof known / sizeof *known;
  while (k < n && (known[k].dim != width || known[k].depth != depth || (k == n - 1 && patch != 8))) k++;
  int side = k < n ? known[k].side : 224;
  if (k < n)
    as_str_put(out, known[k].name);
  else
    as_str_put(out, "vit_base");
  as_str_printf(out, ":patch=%lld", (long long)patch);
  if (k == n) /* heads of 64, but for the four widths that were published with 16 heads */
    as_str_printf(out, ",dim=%lld,depth=%d,heads=%lld", (long long)width, depth,
                  (long long)(width == 1152 || width == 1280 || width == 1408 || width == 1664 ? 16
                              : width >= 64                                                    ? width / 64
                                                                                               : 1));
  int64_t mlp = dim(m, "blocks.0.mlp.fc1.weight", 0);
  if (has(m, "blocks.0.mlp.w12.weight")) {
    as_str_printf(out, ",ffn=swiglu,mlp=%lld", (long long)dim(m, "blocks.0.mlp.w3.weight", 1));
  } else if (mlp != 4 * width) {
    as_str_printf(out, ",mlp=%lld", (long long)mlp);
  }
  if (!cls)
    as_str_put(out, ",cls=0,poscls=0");
  else if (!poscls)
    as_str_put(out, ",poscls=0");
  if (has(m, "register_tokens")) as_str_printf(out, ",reg=%lld", (long long)dim(m, "register_tokens", 1));
  if (has(m, "blocks.0.ls1.gamma")) as_str_put(out, ",ls=1");
  if (!has(m, "blocks.0.attn.qkv.bias")) as_str_put(out, ",qkvbias=0");
  if (grid != side / patch) as_str_printf(out, ",posgrid=%lld", (long long)grid);
  if (has(m, "fc_norm.weight"))
    as_str_put(out, ",norm=fc");
  else if (!has(m, "norm.weight"))
    as_str_put(out, ",norm=none");
  return AS_OK;
}

as_status as_recipe_arch_of(const as_recipe *r, const as_mapping *m, const char *label, char *buf,
                            size_t size, as_err *err) {
  as_str out = {0};
  as_status st = AS_OK;
  const char *keys = strchr(r->arch, ':');
  size_t stem = keys ? (size_t)(keys - r->arch) : strlen(r->arch);
  if (stem > 0 && r->arch[stem - 1] == '*') {
    st = is_vit(r) ? vit_arch(m, label, &out, err) : resnet_arch(m, label, &out, err);
    if (st == AS_OK && keys) as_str_printf(&out, "%c%s", strchr(as_str_c(&out), ':') ? ',' : ':', keys + 1);
  } else {
    as_str_put(&out, r->arch);
  }
  if (st == AS_OK) st = as_str_status(&out, err);
  if (st == AS_OK && out.n >= size)
    st = as_fail(err, AS_E_INPUT, "%s: architecture string of %zu bytes", label, out.n);
  if (st == AS_OK) memcpy(buf, as_str_c(&out), out.n + 1);
  as_str_clear(&out);
  return st;
}

as_status as_recipe_resolve_arch(const as_recipe *r, const as_state *s, char *buf, size_t size, as_err *err) {
  as_mapping m;
  as_status st = as_recipe_map(&m, r, s, err);
  if (st != AS_OK) return as_fail_in(err, "%s", as_state_path(s));
  st = as_recipe_arch_of(r, &m, as_state_path(s), buf, size, err);
  as_mapping_clear(&m);
  return st;
}
