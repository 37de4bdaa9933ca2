/* Every key of a plan in four tables, and how its value is read. */
#include <string.h>

#include "eval/run/plan_int.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* What a key's value is, and by which C type it is kept. */
typedef enum as_value_kind {
  V_TEXT,         /* char * */
  V_PATH,         /* as_plan_path */
  V_NAME_OR_PATH, /* as_plan_path; a built-in name unless it looks like a path */
  V_INT,          /* int */
  V_I64,          /* int64_t */
  V_REAL,         /* double */
  V_RANGE,        /* int64_t, and the next one: A:B */
  V_FLAG          /* bool: which of two words it is */
} as_value_kind;

typedef struct as_plan_key {
  const char *name;
  as_value_kind kind;
  size_t offset;
  int64_t min, max;           /* V_INT, V_I64 */
  double low, high;           /* V_REAL */
  const char *first, *second; /* V_FLAG */
  bool first_means;           /* V_FLAG: what the first one says */
} as_plan_key;

/* The offset of a field whose type is exactly `ctype`: a key that says V_INT over an int64_t does not compile. */
#define FIELD(ctype, type, field) _Generic(&((type *)0)->field, ctype * : offsetof(type, field))
#define TEXT(name, type, field) \
  { name, V_TEXT, FIELD(char *, type, field), 0, 0, 0, 0, NULL, NULL, false }
#define PATH(name, type, field) \
  { name, V_PATH, FIELD(as_plan_path, type, field), 0, 0, 0, 0, NULL, NULL, false }
#define NAME_OR_PATH(name, type, field) \
  { name, V_NAME_OR_PATH, FIELD(as_plan_path, type, field), 0, 0, 0, 0, NULL, NULL, false }
#define INT(name, type, field, min, max) \
  { name, V_INT, FIELD(int, type, field), min, max, 0, 0, NULL, NULL, false }
#define I64(name, type, field, min, max) \
  { name, V_I64, FIELD(int64_t, type, field), min, max, 0, 0, NULL, NULL, false }
#define REAL(name, type, field, low, high) \
  { name, V_REAL, FIELD(double, type, field), 0, 0, low, high, NULL, NULL, false }
#define RANGE(name, type, field) \
  { name, V_RANGE, FIELD(int64_t, type, field), 0, 0, 0, 0, NULL, NULL, false }
#define FLAG(name, type, field, first, second, means) \
  { name, V_FLAG, FIELD(bool, type, field), 0, 0, 0, 0, first, second, means }

static const as_plan_key benchmark_keys[] = {
    TEXT("name", as_plan, name),
    TEXT("unified", as_plan, unified),
    TEXT("base", as_plan, base),
    TEXT("remark", as_plan, remark),
    TEXT("protocol", as_plan, protocol),
    I64("seed", as_plan, seed, 0, INT64_MAX),
    FLAG("crops", as_plan, crops, "yes", "no", true),
    FLAG("features", as_plan, half, "float32", "float16", false),
};
static const as_plan_key dataset_keys[] = {
    TEXT("task", as_plan_dataset, task),
    PATH("path", as_plan_dataset, path),
    PATH("labels", as_plan_dataset, labels),
    PATH("real", as_plan_dataset, real),
    PATH("classes", as_plan_dataset, classes),
    NAME_OR_PATH("subset", as_plan_dataset, subset),
    TEXT("flavour", as_plan_dataset, flavour),
    TEXT("preset", as_plan_dataset, preset),
    I64("limit", as_plan_dataset, limit, 1, INT64_MAX),
    RANGE("per-class", as_plan_dataset, per_class[0]),
    FLAG("role", as_plan_dataset, train, "train", "test", true),
    TEXT("where", as_plan_dataset, where),
    TEXT("real-where", as_plan_dataset, real_where),
};
static const as_plan_key model_keys[] = {
    PATH("weights", as_plan_model, weights),
    NAME_OR_PATH("recipe", as_plan_model, recipe),
    TEXT("arch", as_plan_model, arch),
    TEXT("preset", as_plan_model, preset),
    TEXT("head", as_plan_model, head),
    TEXT("train", as_plan_model, train),
    TEXT("note", as_plan_model, note),
    REAL("published", as_plan_model, published, 1e-3, 100),
    TEXT("published-on", as_plan_model, published_on),
    TEXT("source", as_plan_model, source),
    TEXT("where", as_plan_model, where),
    TEXT("head-where", as_plan_model, head_where),
    TEXT("hash", as_plan_model, hash),
    TEXT("c", as_plan_model, c),
    TEXT("protocol", as_plan_model, protocol),
    INT("max-iter", as_plan_model, max_iter, 1, 1000000),
    INT("k", as_plan_model, k, 1, 1000000),
    REAL("temperature", as_plan_model, temperature, 1e-6, 1e6),
};

static const as_plan_key pretrain_keys[] = {
    TEXT("method", as_plan_pretrain, method),
    PATH("data", as_plan_pretrain, data),
    PATH("labels", as_plan_pretrain, labels),
    PATH("classes", as_plan_pretrain, classes),
    I64("limit", as_plan_pretrain, limit, 1, INT64_MAX),
    RANGE("per-class", as_plan_pretrain, per_class[0]),
    TEXT("arch", as_plan_pretrain, arch),
    I64("size", as_plan_pretrain, size, 16, 512),
    I64("batch", as_plan_pretrain, batch, 2, 4096),
    I64("epochs", as_plan_pretrain, epochs, 1, 100000),
    I64("seed", as_plan_pretrain, seed, 0, INT64_MAX),
    TEXT("set", as_plan_pretrain, set),
    TEXT("preset", as_plan_pretrain, preset),
    FLAG("precision", as_plan_pretrain, half, "float16", "float32", true),
};

enum { MAX_KEYS = 32 }; /* as many as as_plan_reader.seen has bits */
_Static_assert(sizeof model_keys / sizeof *model_keys <= MAX_KEYS, "a bit per key");

typedef struct as_key_list {
  const as_plan_key *key;
  size_t n;
} as_key_list;

static as_key_list keys_of(as_plan_section section) {
  if (section == AS_PLAN_BENCHMARK)
    return (as_key_list){benchmark_keys, sizeof benchmark_keys / sizeof *benchmark_keys};
  if (section == AS_PLAN_DATASET)
    return (as_key_list){dataset_keys, sizeof dataset_keys / sizeof *dataset_keys};
  if (section == AS_PLAN_PRETRAIN)
    return (as_key_list){pretrain_keys, sizeof pretrain_keys / sizeof *pretrain_keys};
  return (as_key_list){model_keys, sizeof model_keys / sizeof *model_keys};
}

as_status as_plan_put_path(const as_plan_reader *r, as_plan_path *path, const char *value) {
  const char *dir = strcmp(r->plan->dir, ".") == 0 ? NULL : r->plan->dir;
  char *joined = as_path_join(dir, value, r->err);
  path->said = as_strdup(value, r->err);
  path->at = as_roots_map(r->roots, value, r->err);
  if (!path->at && joined) path->at = as_roots_map(r->roots, joined, r->err);
  if (path->at)
    as_free(joined);
  else
    path->at = joined;
  return path->said && path->at ? AS_OK : AS_E_ENV;
}

static bool looks_like_path(const char *v) {
  if (v[strcspn(v, "@/")] == '@')
    return false; /* vit@state_dict/model: a recipe, and where its network stands */
  return strchr(v, '/') || as_ends_with(v, ".recipe") || as_ends_with(v, ".txt");
}

/* A:B with 0 <= A < B, into two numbers. */
static as_status read_range(const as_plan_reader *r, const char *key, char *value, int64_t *pair) {
  char *colon = strchr(value, ':');
  if (colon) *colon = 0;
  if (colon && as_parse_i64(value, 0, INT64_MAX, &pair[0]) &&
      as_parse_i64(colon + 1, 1, INT64_MAX, &pair[1]) && pair[0] < pair[1])
    return AS_OK;
  return as_plan_fail(r, "%s: found '%s%s%s', wanted A:B with 0 <= A < B", key, value, colon ? ":" : "",
                      colon ? colon + 1 : "");
}

static as_status read_number(const as_plan_reader *r, const as_plan_key *k, const char *value, int64_t *n) {
  if (as_parse_i64(value, k->min, k->max, n)) return AS_OK;
  if (k->max == INT64_MAX)
    return as_plan_fail(r, "%s: found '%s', wanted a whole number of at least %lld", k->name, value,
                        (long long)k->min);
  return as_plan_fail(r, "%s: found '%s', wanted a whole number from %lld to %lld", k->name, value,
                      (long long)k->min, (long long)k->max);
}

static as_status read_value(const as_plan_reader *r, const as_plan_key *k, void *section, char *value) {
  void *at = (char *)section + k->offset;
  int64_t n = 0;
  double v;
  as_status s;
  char mean[AS_MEAN_MAX];
  switch (k->kind) {
    case V_NAME_OR_PATH: {
      as_plan_path *name = at;
      if (looks_like_path(value)) return as_plan_put_path(r, at, value);
      name->said = as_strdup(value, r->err);
      name->at = as_strdup(value, r->err);
      return name->said && name->at ? AS_OK : AS_E_ENV;
    }
    case V_PATH:
      return as_plan_put_path(r, at, value);
    case V_TEXT:
      return (*(char **)at = as_strdup(value, r->err)) ? AS_OK : AS_E_ENV;
    case V_INT:
      s = read_number(r, k, value, &n);
      *(int *)at = (int)n;
      return s;
    case V_I64:
      return read_number(r, k, value, at);
    case V_REAL:
      if (!as_parse_f64(value, &v) || v < k->low || v > k->high)
        return as_plan_fail(r, "%s: found '%s', wanted a number from %g to %g", k->name, value, k->low,
                            k->high);
      *(double *)at = v;
      return AS_OK;
    case V_RANGE:
      return read_range(r, k->name, value, at);
    case V_FLAG:
      if (strcmp(value, k->first) != 0 && strcmp(value, k->second) != 0)
        return as_plan_fail(r, "%s: found '%s', wanted %s or %s%s", k->name, value, k->first, k->second,
                            as_did_you_mean(mean, value, (const char *const[]){k->first, k->second}, 2));
      *(bool *)at = k->first_means == (strcmp(value, k->first) == 0);
      return AS_OK;
  }
  return AS_OK;
}

as_status as_plan_set_key(as_plan_reader *r, const char *key, char *value) {
  as_plan *p = r->plan;
  const as_key_list list = keys_of(r->section);
  const char *names[MAX_KEYS];
  if (r->section == AS_PLAN_NO_SECTION) return as_plan_fail(r, "found '%s' before the first section", key);
  void *section = r->section == AS_PLAN_DATASET    ? (void *)&p->datasets[p->n_datasets - 1]
                  : r->section == AS_PLAN_MODEL    ? (void *)&p->models[p->n_models - 1]
                  : r->section == AS_PLAN_PRETRAIN ? (void *)&p->pretrain[p->n_pretrain - 1]
                                                   : (void *)p;
  for (size_t i = 0; i < list.n; i++) {
    names[i] = list.key[i].name;
    if (strcmp(names[i], key) != 0) continue;
    if (r->seen & 1u << i) return as_plan_fail(r, "%s is given twice in this section", key);
    r->seen |= 1u << i;
    if (!*value) return as_plan_fail(r, "%s has no value", key);
    return read_value(r, &list.key[i], section, value);
  }
  const char *near = as_nearest(key, names, list.n);
  return near ? as_plan_fail(r, "unknown key '%s'; did you mean '%s'?", key, near)
              : as_plan_fail(r, "unknown key '%s'", key);
}

void as_plan_free_keys(as_plan_section which, void *section) {
  const as_key_list list = keys_of(which);
  for (size_t i = 0; i < list.n; i++) {
    void *at = (char *)section + list.key[i].offset;
    as_plan_path *path = at;
    if (list.key[i].kind == V_TEXT) as_free(*(char **)at);
    if (list.key[i].kind != V_PATH && list.key[i].kind != V_NAME_OR_PATH) continue;
    as_free(path->said);
    as_free(path->at);
  }
}
