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
    bool known = as_recipe_is_head(r, name) || as_name_counts(name);
    for (size_t k = 0; k < n && !known; k++) known = as_glob(names[k], name, NULL, NULL);
    if (known) continue;
    if (!*offender) *offender = m->by_name[i]->from ? m->by_name[i]->from->name : name;
    ++*n_offenders;
  }
  for (size_t i = 0; i < m->n; i++)
    if (m->item[i].fate == AS_FATE_FOREIGN && !as_name_counts(m->item[i].name)) {
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

/* ---- ResNet ---- */

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

/* ---- ViT ---- */

/* The sizes that have a name. Their heads are the field's; vit_demo is told from an unnamed ViT by its patch. */
static const struct vit_size {
  const char *name;
  int dim, depth, heads, side;
} vit_sizes[] = {{"vit_tiny", 192, 12, 3, 224},   {"vit_small", 384, 12, 6, 224},
                 {"vit_base", 768, 12, 12, 224},  {"vit_large", 1024, 24, 16, 224},
                 {"vit_huge", 1280, 32, 16, 224}, {"vit_giant", 1536, 40, 24, 224},
                 {"vit_demo", 96, 4, 3, 64}};
enum { VIT_SIZES = sizeof vit_sizes / sizeof *vit_sizes, VIT_DEMO_PATCH = 8 };

static int64_t root_of(int64_t n) {
  int64_t r = 0;
  while (r < 1024 && r * r < n) r++;
  return r * r == n ? r : 0;
}

static as_status refuse_shape(const as_mapped *t, const char *label, const char *wanted, as_err *err) {
  char found[96];
  return as_fail(err, AS_E_INPUT, "%s: tensor %s: found %s, wanted %s", label,
                 t->from ? t->from->name : t->name,
                 as_shape_text(t->view.shape, t->view.rank, found, sizeof found), wanted);
}

/* Side of the stored position grid; *poscls: it has a row for the class token. */
static as_status vit_grid(const as_mapping *m, int64_t width, bool cls, int64_t *grid, bool *poscls,
                          const char *label, as_err *err) {
  const as_mapped *pos = as_mapping_find(m, "pos_embed");
  const int64_t rows = pos->view.rank == 3 ? pos->view.shape[1] : 0;
  char wanted[192];
  *poscls = cls && root_of(rows - 1) > 0;
  *grid = root_of(*poscls ? rows - 1 : rows);
  if (*grid > 0 && pos->view.shape[0] == 1 && pos->view.shape[2] == width) return AS_OK;
  snprintf(wanted, sizeof wanted,
           "[1, rows, %lld] with a row per patch of a square grid%s; other position embeddings (rectangular "
           "grids, "
           "rows for registers, [d, h, w]) are not read",
           (long long)width, cls ? ", with or without one for the class token" : "");
  return refuse_shape(pos, label, wanted, err);
}

/* Heads of 64, but for the four widths that were published with 16 of them. 0: neither, so the file does not tell. */
static int64_t vit_heads(int64_t width) {
  if (width == 1152 || width == 1280 || width == 1408 || width == 1664) return 16;
  return width % 64 == 0 ? width / 64 : 0;
}

/* Asks for the head count, with an architecture in which only that is open. */
static as_status ask_heads(const as_mapping *m, int64_t width, const char *arch, const char *label,
                           as_err *err) {
  const as_mapped *t = as_mapping_find(m, "patch_embed.proj.weight");
  as_str some = {0};
  int n = 0;
  for (int64_t h = 1; h <= width && n < 8; h++)
    if (width % h == 0) as_str_printf(&some, "%s%lld", n++ ? ", " : "", (long long)h);
  as_status st = as_fail(
      err, AS_E_INPUT,
      "%s: tensor %s is %lld wide, no multiple of 64: the number of attention heads is not in the file; "
      "give --arch %s,heads=N with the N of its training (%s, ..)",
      label, t->from ? t->from->name : t->name, (long long)width, arch, as_str_c(&some));
  as_str_clear(&some);
  return st;
}

/* `given`: keys that the recipe says itself and the caller appends, or NULL; they are not said twice. */
static as_status vit_arch(const as_mapping *m, const char *given, const char *label, as_str *out,
                          as_err *err) {
  const as_mapped *stem = as_mapping_find(m, "patch_embed.proj.weight");
  if (!stem || !has(m, "pos_embed"))
    return as_fail(err, AS_E_INPUT, "%s: no ViT: tensor %s is missing", label,
                   stem ? "pos_embed" : "patch_embed.proj.weight");
  const int64_t width = stem->view.rank == 4 ? stem->view.shape[0] : 0,
                patch = width ? stem->view.shape[2] : 0;
  int depth = 0;
  char name[64];
  for (; depth < 256; depth++) {
    snprintf(name, sizeof name, "blocks.%d.attn.qkv.weight", depth);
    if (!has(m, name)) break;
  }
  if (width <= 0 || patch <= 0 || patch > 256 || stem->view.shape[3] != patch || depth == 0)
    return refuse_shape(stem, label, "[d, 3, p, p] of square patches", err);
  const bool cls = has(m, "cls_token");
  bool poscls = false;
  int64_t grid = 0;
  as_status st = vit_grid(m, width, cls, &grid, &poscls, label, err);
  if (st != AS_OK) return st;
  size_t k = 0;
  while (k < VIT_SIZES && (vit_sizes[k].dim != width || vit_sizes[k].depth != depth ||
                           (k == VIT_SIZES - 1 && patch != VIT_DEMO_PATCH)))
    k++;
  const int64_t heads = k < VIT_SIZES ? 0 : vit_heads(width);
  as_str_printf(out, "%s:patch=%lld", k < VIT_SIZES ? vit_sizes[k].name : "vit_base", (long long)patch);
  if (k == VIT_SIZES) as_str_printf(out, ",dim=%lld,depth=%d", (long long)width, depth);
  if (heads) as_str_printf(out, ",heads=%lld", (long long)heads);
  const int64_t mlp = dim(m, "blocks.0.mlp.fc1.weight", 0);
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
  if (grid != (k < VIT_SIZES ? vit_sizes[k].side : 224) / patch)
    as_str_printf(out, ",posgrid=%lld", (long long)grid);
  const bool norm = given && strstr(given, "norm="), pooled = given && strstr(given, "features=");
  if (!norm && has(m, "fc_norm.weight"))
    as_str_put(out, ",norm=fc");
  else if (!norm && !has(m, "norm.weight"))
    as_str_put(out, ",norm=none");
  /* timm makes an fc_norm exactly where the patch tokens are averaged (vision_transformer.py, use_fc_norm); without a
   * class token nothing else is left. */
  if (!pooled && (has(m, "fc_norm.weight") || !cls)) as_str_put(out, ",features=mean");
  if (k == VIT_SIZES && heads == 0) return ask_heads(m, width, as_str_c(out), label, err);
  return AS_OK;
}

static int64_t arch_number(const char *arch, const char *key) {
  const char *at = strstr(arch, key);
  int64_t v = 0;
  char digits[16] = "";
  if (at)
    snprintf(digits, sizeof digits, "%.*s", (int)strspn(at + strlen(key), "0123456789"), at + strlen(key));
  return as_parse_i64(digits, 1, 1 << 20, &v) ? v : 0;
}

void as_recipe_say_shapes(const char *arch, as_str *out) {
  int64_t width = arch_number(arch, "dim="), heads = arch_number(arch, "heads=");
  for (size_t k = 0; k < VIT_SIZES; k++)
    if (!width && as_starts_with(arch, vit_sizes[k].name)) {
      width = vit_sizes[k].dim;
      heads = vit_sizes[k].heads;
    }
  if (width == 64 * heads)
    as_str_put(out, "heads of 64");
  else
    as_str_printf(out, "%lld heads", (long long)heads);
  if (strstr(arch, "features=cls+mean"))
    as_str_put(out, ", the class token and the mean of the patch tokens as feature");
  else if (strstr(arch, "features=mean"))
    as_str_put(out, ", the mean of the patch tokens as feature");
  else
    as_str_put(out, ", the class token as feature");
  if (strstr(arch, "norm=none")) as_str_put(out, ", no final norm (the file holds none)");
}

as_status as_recipe_arch_of(const as_recipe *r, const as_mapping *m, const char *label, char *buf,
                            size_t size, as_err *err) {
  as_str out = {0};
  as_status st = AS_OK;
  const char *keys = strchr(r->arch, ':');
  size_t stem = keys ? (size_t)(keys - r->arch) : strlen(r->arch);
  if (stem > 0 && r->arch[stem - 1] == '*') {
    st = is_vit(r) ? vit_arch(m, keys, label, &out, err) : resnet_arch(m, label, &out, err);
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

/* A position grid for another input than the preset's `side` needs a rule by which it is resampled, which the file does
 * not tell; what works is said as it is to be typed. */
static as_status check_grid(const as_recipe *r, const as_mapping *m, int side, const char *arch,
                            const char *label, as_err *err) {
  const as_mapped *stem = as_mapping_find(m, "patch_embed.proj.weight"),
                  *pos = as_mapping_find(m, "pos_embed");
  int64_t grid = 0;
  bool poscls = false;
  if (!stem || !pos || stem->view.rank != 4 || strstr(arch, "resize=")) return AS_OK;
  const int64_t patch = stem->view.shape[2];
  if (vit_grid(m, stem->view.shape[0], has(m, "cls_token"), &grid, &poscls, label, NULL) != AS_OK)
    return AS_OK;
  if (patch <= 0 || side % patch != 0 || grid * patch == side) return AS_OK;
  char stored[32] = ""; /* where the name of the architecture stands for the grid of 224 */
  if (!strstr(arch, "posgrid=")) snprintf(stored, sizeof stored, ",posgrid=%lld", (long long)grid);
  return as_fail(
      err, AS_E_INPUT,
      "%s: tensor %s holds %lld x %lld positions, those of images of %lld at patch %lld; the preset takes "
      "%d: "
      "give --preset %s,resize=%lld,crop=%lld, or resample them: --arch %s%s,resize=exact (resize=scale as "
      "DINO does)",
      label, pos->from ? pos->from->name : pos->name, (long long)grid, (long long)grid,
      (long long)(grid * patch), (long long)patch, side, r->preset, (long long)(grid * patch),
      (long long)(grid * patch), arch, stored);
}

as_status as_recipe_resolve_arch(const as_recipe *r, const as_state *s, int side, char *buf, size_t size,
                                 as_err *err) {
  as_mapping m;
  as_status st = as_recipe_map(&m, r, s, err);
  if (st != AS_OK) return as_fail_in(err, "%s", as_state_path(s));
  st = as_recipe_arch_of(r, &m, as_state_path(s), buf, size, err);
  if (st == AS_OK && side > 0 && is_vit(r)) st = check_grid(r, &m, side, buf, as_state_path(s), err);
  as_mapping_clear(&m);
  return st;
}
