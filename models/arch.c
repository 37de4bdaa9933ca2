#include "models/arch.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- keys: one table per family drives parsing and printing ---- */

typedef enum key_kind { KEY_INT, KEY_ENUM, KEY_STAGES, KEY_EPS } key_kind;

typedef struct arch_key {
  const char *name;
  key_kind kind;
  size_t offset;         /* in the configuration */
  int min, max;          /* KEY_INT */
  const char *values[7]; /* KEY_ENUM, in enum order, NULL-terminated */
} arch_key;

#define AT(field) offsetof(as_resnet_cfg, field)
static const arch_key resnet_keys[] = {
    {"block", KEY_ENUM, AT(block), 0, 0, {"basic", "bottleneck"}},
    {"blocks", KEY_STAGES, AT(stages), 0, 0, {NULL}},
    {"base", KEY_INT, AT(base), 1, 1024, {NULL}},
    {"width", KEY_INT, AT(width), 1, 16, {NULL}},
    {"inner", KEY_INT, AT(inner), 1, 16, {NULL}},
    {"stem", KEY_ENUM, AT(stem), 0, 0, {"7x7", "deep", "3x3", "3x3s2"}},
    {"down", KEY_ENUM, AT(down), 0, 0, {"conv", "avg"}},
    {"stride", KEY_ENUM, AT(stride), 0, 0, {"v1.5", "v1"}},
    {"pad", KEY_ENUM, AT(pad), 0, 0, {"torch", "same", "same-pool"}},
    {"sk", KEY_INT, AT(sk), 0, 1, {NULL}},
    {"eps", KEY_EPS, AT(eps), 0, 0, {NULL}},
};
#undef AT
#define AT(field) offsetof(as_vit_cfg, field)
static const arch_key vit_keys[] = {
    {"patch", KEY_INT, AT(patch), 1, 256, {NULL}},
    {"dim", KEY_INT, AT(dim), 1, 16384, {NULL}},
    {"depth", KEY_INT, AT(depth), 1, 256, {NULL}},
    {"heads", KEY_INT, AT(heads), 1, 1024, {NULL}},
    {"mlp", KEY_INT, AT(mlp), 1, 65536, {NULL}},
    {"ffn", KEY_ENUM, AT(ffn), 0, 0, {"gelu", "swiglu"}},
    {"eps", KEY_EPS, AT(eps), 0, 0, {NULL}},
    {"cls", KEY_INT, AT(cls), 0, 1, {NULL}},
    {"poscls", KEY_INT, AT(poscls), 0, 1, {NULL}},
    {"reg", KEY_INT, AT(reg), 0, 64, {NULL}},
    {"ls", KEY_INT, AT(ls), 0, 1, {NULL}},
    {"qkvbias", KEY_INT, AT(qkvbias), 0, 1, {NULL}},
    {"posgrid", KEY_INT, AT(posgrid), 0, 256, {NULL}},
    {"resize", KEY_ENUM, AT(resize), 0, 0, {"none", "scale", "exact"}},
    {"norm", KEY_ENUM, AT(norm), 0, 0, {"final", "fc", "none"}},
    {"features",
     KEY_ENUM,
     AT(features),
     0,
     0,
     {"cls", "mean", "cls4", "cls+mean", "cls+mean-interleaved", "cls4+mean"}},
};
#undef AT

enum {
  N_RESNET_KEYS = sizeof resnet_keys / sizeof *resnet_keys,
  N_VIT_KEYS = sizeof vit_keys / sizeof *vit_keys
};

/* ---- names ---- */

typedef struct resnet_row {
  const char *name;
  as_block block;
  as_stages stages;
  int base, inner;
  as_stem stem;
  int size;
} resnet_row;

/* Depths: He et al. 2016, table 1; 200 = [3, 24, 36, 3] (He et al. 2016b, and VICReg's resnet200x2). */
static const resnet_row resnet_rows[] = {
    {"resnet18", AS_BLOCK_BASIC, {4, {2, 2, 2, 2}}, 64, 1, AS_STEM_7X7, 224},
    {"resnet34", AS_BLOCK_BASIC, {4, {3, 4, 6, 3}}, 64, 1, AS_STEM_7X7, 224},
    {"resnet50", AS_BLOCK_BOTTLENECK, {4, {3, 4, 6, 3}}, 64, 1, AS_STEM_7X7, 224},
    {"resnet101", AS_BLOCK_BOTTLENECK, {4, {3, 4, 23, 3}}, 64, 1, AS_STEM_7X7, 224},
    {"resnet152", AS_BLOCK_BOTTLENECK, {4, {3, 8, 36, 3}}, 64, 1, AS_STEM_7X7, 224},
    {"resnet200", AS_BLOCK_BOTTLENECK, {4, {3, 24, 36, 3}}, 64, 1, AS_STEM_7X7, 224},
    {"wide_resnet50_2", AS_BLOCK_BOTTLENECK, {4, {3, 4, 6, 3}}, 64, 2, AS_STEM_7X7, 224},
    {"resnet_demo", AS_BLOCK_BOTTLENECK, {4, {1, 1, 1, 1}}, 16, 1, AS_STEM_3X3, 64},
};

typedef struct vit_row {
  const char *name;
  int patch, dim, depth, heads, size;
} vit_row;

/* Sizes: Touvron et al. 2021 (tiny, small), Dosovitskiy et al. 2021, Zhai et al. 2022 via DINOv2 (giant). */
static const vit_row vit_rows[] = {
    {"vit_tiny", 16, 192, 12, 3, 224},   {"vit_small", 16, 384, 12, 6, 224},
    {"vit_base", 16, 768, 12, 12, 224},  {"vit_large", 16, 1024, 24, 16, 224},
    {"vit_huge", 14, 1280, 32, 16, 224}, {"vit_giant", 14, 1536, 40, 24, 224},
    {"vits16", 16, 384, 12, 6, 224},     {"vits8", 8, 384, 12, 6, 224},
    {"vits14", 14, 384, 12, 6, 224},     {"vitb16", 16, 768, 12, 12, 224},
    {"vitb8", 8, 768, 12, 12, 224},      {"vitb14", 14, 768, 12, 12, 224},
    {"vitl16", 16, 1024, 24, 16, 224},   {"vitl14", 14, 1024, 24, 16, 224},
    {"vith14", 14, 1280, 32, 16, 224},   {"vit_demo", 8, 96, 4, 3, 64},
};

enum { N_RESNET = sizeof resnet_rows / sizeof *resnet_rows, N_VIT = sizeof vit_rows / sizeof *vit_rows };

static const char *const names[] = {"resnet18",  "resnet34",        "resnet50",    "resnet101", "resnet152",
                                    "resnet200", "wide_resnet50_2", "resnet_demo", "vit_tiny",  "vit_small",
                                    "vit_base",  "vit_large",       "vit_huge",    "vit_giant", "vits16",
                                    "vits8",     "vits14",          "vitb16",      "vitb8",     "vitb14",
                                    "vitl16",    "vitl14",          "vith14",      "vit_demo",  NULL};

const char *const *as_arch_names(void) {
  return names;
}

static bool arch_named(as_arch *a, const char *name) {
  memset(a, 0, sizeof *a);
  for (size_t i = 0; i < N_RESNET; i++) {
    const resnet_row *r = &resnet_rows[i];
    if (strcmp(r->name, name) != 0) continue;
    a->family = AS_FAMILY_RESNET;
    a->name = r->name;
    a->resnet = (as_resnet_cfg){.block = (int)r->block,
                                .stem = (int)r->stem,
                                .stages = r->stages,
                                .base = r->base,
                                .width = 1,
                                .inner = r->inner,
                                .size = r->size,
                                .eps = 1e-5};
    return true;
  }
  for (size_t i = 0; i < N_VIT; i++) {
    const vit_row *r = &vit_rows[i];
    if (strcmp(r->name, name) != 0) continue;
    a->family = AS_FAMILY_VIT;
    a->name = r->name;
    a->vit = (as_vit_cfg){.patch = r->patch,
                          .dim = r->dim,
                          .depth = r->depth,
                          .heads = r->heads,
                          .cls = 1,
                          .poscls = 1,
                          .qkvbias = 1,
                          .size = r->size,
                          .eps = 1e-6};
    return true;
  }
  return false;
}

enum { ALIAS_MAX = 64, MAX_NAMES = 128 };

/* By a name of timm's or torchvision's; a tag behind a dot says how it was trained. */
static bool arch_alias(as_arch *a, const char *name) {
  const size_t n = strcspn(name, ".");
  for (size_t i = 0; as_arch_alias_at(i); i++) {
    const as_arch_alias *known = as_arch_alias_at(i);
    if (strlen(known->name) != n || memcmp(known->name, name, n) != 0) continue;
    if (as_arch_parse(a, known->arch, NULL) != AS_OK) return false; /* the tests parse every one */
    *(a->family == AS_FAMILY_VIT ? &a->vit.size : &a->resnet.size) = known->size;
    return true;
  }
  if (!name[n] || n >= ALIAS_MAX) return false; /* resnet50.tv_in1k: a name of ours with a tag */
  char stem[ALIAS_MAX];
  memcpy(stem, name, n);
  stem[n] = 0;
  return arch_named(a, stem);
}

static const char *nearest_name(const char *name) {
  const char *all[MAX_NAMES];
  size_t n = 0;
  for (; names[n]; n++) all[n] = names[n];
  for (size_t i = 0; as_arch_alias_at(i) && n < MAX_NAMES; i++) all[n++] = as_arch_alias_at(i)->name;
  return as_nearest(name, all, n);
}

/* ---- parsing ---- */

static as_status bad_value(const arch_key *k, const char *value, as_err *err) {
  as_str want = {0};
  if (k->kind == KEY_INT) as_str_printf(&want, "an integer from %d to %d", k->min, k->max);
  if (k->kind == KEY_EPS) as_str_put(&want, "a number above 0 and below 1");
  if (k->kind == KEY_STAGES) as_str_printf(&want, "1 to %d counts from 1 to 200, as 3-4-6-3", AS_MAX_STAGES);
  if (k->kind == KEY_ENUM)
    for (int i = 0; k->values[i]; i++) as_str_printf(&want, "%s%s", i ? " | " : "", k->values[i]);
  as_status st = as_fail(err, AS_E_USAGE, "architecture key %s: found \"%s\", wanted %s", k->name, value,
                         as_str_c(&want));
  as_str_clear(&want);
  return st;
}

static bool parse_stages(as_stages *out, const char *value) {
  as_stages s = {0, {0}};
  while (*value) {
    char digits[8];
    size_t n = strcspn(value, "-");
    int64_t v;
    if (n == 0 || n >= sizeof digits || s.n == AS_MAX_STAGES) return false;
    memcpy(digits, value, n);
    digits[n] = '\0';
    if (!as_parse_i64(digits, 1, 200, &v)) return false;
    s.blocks[s.n++] = (int)v;
    value += n;
    if (*value == '-' && !*++value) return false; /* nothing after the dash */
  }
  if (s.n == 0) return false;
  *out = s;
  return true;
}

static bool parse_key_value(const arch_key *k, unsigned char *cfg, const char *value) {
  int64_t v;
  double e;
  switch (k->kind) {
    case KEY_INT:
      if (!as_parse_i64(value, k->min, k->max, &v)) return false;
      *(int *)(void *)(cfg + k->offset) = (int)v;
      return true;
    case KEY_ENUM:
      for (int i = 0; k->values[i]; i++) {
        if (strcmp(k->values[i], value) != 0) continue;
        *(int *)(void *)(cfg + k->offset) = i;
        return true;
      }
      return false;
    case KEY_STAGES:
      return parse_stages((as_stages *)(void *)(cfg + k->offset), value);
    case KEY_EPS:
      if (!as_parse_f64(value, &e) || !(e > 0 && e < 1)) return false;
      *(double *)(void *)(cfg + k->offset) = e;
      return true;
  }
  return false;
}

static as_status parse_pair(as_arch *a, char *pair, as_err *err) {
  const bool resnet = a->family == AS_FAMILY_RESNET;
  const arch_key *keys = resnet ? resnet_keys : vit_keys;
  const size_t n = resnet ? N_RESNET_KEYS : N_VIT_KEYS;
  unsigned char *cfg = resnet ? (unsigned char *)&a->resnet : (unsigned char *)&a->vit;
  char *eq = strchr(pair, '=');
  if (!eq) return as_fail(err, AS_E_USAGE, "architecture %s: found \"%s\", wanted key=value", a->name, pair);
  *eq = '\0';
  const char *known[N_VIT_KEYS > N_RESNET_KEYS ? N_VIT_KEYS : N_RESNET_KEYS];
  for (size_t i = 0; i < n; i++) {
    known[i] = keys[i].name;
    if (strcmp(keys[i].name, pair) == 0)
      return parse_key_value(&keys[i], cfg, eq + 1) ? AS_OK : bad_value(&keys[i], eq + 1, err);
  }
  const char *near = as_nearest(pair, known, n);
  return as_fail(err, AS_E_USAGE, "architecture %s has no key \"%s\"%s%s", a->name, pair,
                 near ? "; nearest: " : "", near ? near : "");
}

as_status as_arch_parse(as_arch *out, const char *text, as_err *err) {
  char buf[512];
  size_t len = strlen(text);
  if (len >= sizeof buf)
    return as_fail(err, AS_E_USAGE, "architecture: found %zu bytes, wanted under %zu", len, sizeof buf);
  memcpy(buf, text, len + 1);
  char *rest = strchr(buf, ':');
  if (rest) *rest++ = '\0';
  if (!arch_named(out, buf) && !arch_alias(out, buf)) {
    const char *near = nearest_name(buf);
    return as_fail(err, AS_E_USAGE, "no architecture \"%s\"%s%s", buf, near ? "; nearest: " : "",
                   near ? near : "");
  }
  while (rest) {
    char *next = strchr(rest, ',');
    if (next) *next++ = '\0';
    as_status st = parse_pair(out, rest, err);
    if (st != AS_OK) return st;
    rest = next;
  }
  if (out->family == AS_FAMILY_VIT) {
    if (out->vit.mlp == 0) out->vit.mlp = 4 * out->vit.dim;
    if (!out->vit.cls) out->vit.poscls = 0;
  }
  return AS_OK;
}

/* ---- printing ---- */

void as_arch_print(const as_arch *a, as_str *out) {
  const bool resnet = a->family == AS_FAMILY_RESNET;
  const arch_key *keys = resnet ? resnet_keys : vit_keys;
  const size_t n = resnet ? N_RESNET_KEYS : N_VIT_KEYS;
  const unsigned char *cfg = resnet ? (const unsigned char *)&a->resnet : (const unsigned char *)&a->vit;
  as_str_put(out, a->name);
  for (size_t i = 0; i < n; i++) {
    const void *at = cfg + keys[i].offset;
    char eps[32];
    as_str_printf(out, "%c%s=", i ? ',' : ':', keys[i].name);
    switch (keys[i].kind) {
      case KEY_INT:
        as_str_printf(out, "%d", *(const int *)at);
        break;
      case KEY_ENUM:
        as_str_put(out, keys[i].values[*(const int *)at]);
        break;
      case KEY_STAGES:
        for (int s = 0; s < ((const as_stages *)at)->n; s++)
          as_str_printf(out, "%s%d", s ? "-" : "", ((const as_stages *)at)->blocks[s]);
        break;
      case KEY_EPS:
        as_f64_text(*(const double *)at, eps);
        as_str_put(out, eps);
        break;
    }
  }
}
