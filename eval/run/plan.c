#include "eval/run/plan.h"

#include <string.h>

#include "eval/learn/probe_path.h"
#include "eval/learn/protocol.h"
#include "eval/run/plans.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* What a key's value is, and where it goes. */
typedef enum as_value_kind {
  V_TEXT,
  V_PATH,
  V_NAME_OR_PATH,
  V_COUNT,
  V_REAL,
  V_RANGE,
  V_ROLE,
  V_STORE,
  V_YES
} as_value_kind;

typedef struct as_plan_key {
  const char *name;
  as_value_kind kind;
  size_t offset;
  double min, max;
} as_plan_key;

#define AT(type, field) offsetof(type, field)
static const as_plan_key benchmark_keys[] = {
    {"name", V_TEXT, AT(as_plan, name), 0, 0},         {"unified", V_TEXT, AT(as_plan, unified), 0, 0},
    {"base", V_TEXT, AT(as_plan, base), 0, 0},         {"remark", V_TEXT, AT(as_plan, remark), 0, 0},
    {"protocol", V_TEXT, AT(as_plan, protocol), 0, 0}, {"seed", V_COUNT, AT(as_plan, seed), 0, 9e18},
    {"crops", V_YES, AT(as_plan, crops), 0, 0},        {"features", V_STORE, AT(as_plan, half), 0, 0},
};
static const as_plan_key dataset_keys[] = {
    {"task", V_TEXT, AT(as_plan_dataset, task), 0, 0},
    {"path", V_PATH, AT(as_plan_dataset, path), 0, 0},
    {"labels", V_PATH, AT(as_plan_dataset, labels), 0, 0},
    {"real", V_PATH, AT(as_plan_dataset, real), 0, 0},
    {"classes", V_PATH, AT(as_plan_dataset, classes), 0, 0},
    {"subset", V_NAME_OR_PATH, AT(as_plan_dataset, subset), 0, 0},
    {"flavour", V_TEXT, AT(as_plan_dataset, flavour), 0, 0},
    {"preset", V_TEXT, AT(as_plan_dataset, preset), 0, 0},
    {"limit", V_COUNT, AT(as_plan_dataset, limit), 1, 9e18},
    {"per-class", V_RANGE, AT(as_plan_dataset, per_from), 0, 0},
    {"role", V_ROLE, AT(as_plan_dataset, train), 0, 0},
    {"where", V_TEXT, AT(as_plan_dataset, where), 0, 0},
};
static const as_plan_key model_keys[] = {
    {"weights", V_PATH, AT(as_plan_model, weights), 0, 0},
    {"recipe", V_NAME_OR_PATH, AT(as_plan_model, recipe), 0, 0},
    {"arch", V_TEXT, AT(as_plan_model, arch), 0, 0},
    {"preset", V_TEXT, AT(as_plan_model, preset), 0, 0},
    {"head", V_TEXT, AT(as_plan_model, head), 0, 0},
    {"train", V_TEXT, AT(as_plan_model, train), 0, 0},
    {"note", V_TEXT, AT(as_plan_model, note), 0, 0},
    {"published", V_REAL, AT(as_plan_model, published), 1e-3, 100},
    {"published-on", V_TEXT, AT(as_plan_model, published_on), 0, 0},
    {"source", V_TEXT, AT(as_plan_model, source), 0, 0},
    {"where", V_TEXT, AT(as_plan_model, where), 0, 0},
    {"head-where", V_TEXT, AT(as_plan_model, head_where), 0, 0},
    {"hash", V_TEXT, AT(as_plan_model, hash), 0, 0},
    {"c", V_TEXT, AT(as_plan_model, c), 0, 0},
    {"protocol", V_TEXT, AT(as_plan_model, protocol), 0, 0},
    {"max-iter", V_COUNT, AT(as_plan_model, max_iter), 1, 1e6},
    {"k", V_COUNT, AT(as_plan_model, k), 1, 1e6},
    {"temperature", V_REAL, AT(as_plan_model, temperature), 1e-6, 1e6},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef enum as_section { S_NONE, S_BENCHMARK, S_DATASET, S_MODEL } as_section;

typedef struct as_plan_reader {
  as_plan *plan;
  char *dir; /* of the plan */
  as_section section;
  size_t cap_datasets, cap_models;
  int line;
  unsigned seen; /* keys of this section so far, a bit each */
  bool seen_benchmark;
  as_err *err;
} as_plan_reader;

#define BAD(r, ...) as_plan_fail((r), __VA_ARGS__)
static as_status as_plan_fail(const as_plan_reader *r, const char *fmt, ...) AS_PRINTF(2, 3);

#include <stdarg.h>
#include <stdio.h>
static as_status as_plan_fail(const as_plan_reader *r, const char *fmt, ...) {
  char text[768];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return as_fail(r->err, AS_E_INPUT, "%s:%d: %s", r->plan->path, r->line, text);
}

/* Names become file names: letters, digits and . _ + - only, not starting with a dot. */
static bool good_name(const char *s) {
  size_t n = strlen(s);
  if (n == 0 || n > 80 || s[0] == '.') return false;
  for (size_t i = 0; i < n; i++) {
    char c = s[i];
    bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '_' || c == '+' || c == '-';
    if (!ok) return false;
  }
  return strstr(s, "--") == NULL; /* "--" parts model from dataset in cells/MODEL--DATASET.tsv */
}

static as_status open_section(as_plan_reader *r, char *head) {
  static const char *const kinds[] = {"benchmark", "dataset", "model"};
  as_plan *p = r->plan;
  size_t n = strlen(head);
  if (head[n - 1] != ']') return BAD(r, "found '%s', wanted a section like [model NAME]", head);
  head[n - 1] = 0;
  head++;
  char *name = strchr(head, ' ');
  if (name) {
    *name++ = 0;
    while (*name == ' ' || *name == '\t') name++;
  }
  r->seen = 0;
  if (strcmp(head, "benchmark") == 0) {
    if (name) return BAD(r, "[benchmark] takes no name, found '%s'", name);
    if (r->seen_benchmark) return BAD(r, "[benchmark] is given twice");
    r->seen_benchmark = true;
    r->section = S_BENCHMARK;
    return AS_OK;
  }
  bool dataset = strcmp(head, "dataset") == 0;
  if (!dataset && strcmp(head, "model") != 0) {
    const char *near = as_nearest(head, kinds, COUNT(kinds));
    return near ? BAD(r, "unknown section [%s]; did you mean [%s]?", head, near)
                : BAD(r, "unknown section [%s], wanted benchmark, dataset or model", head);
  }
  if (!name || !good_name(name))
    return BAD(r, "[%s %s]: wanted a name of letters, digits and . _ + - (no \"--\")", head,
               name ? name : "");
  if (dataset) {
    for (size_t i = 0; i < p->n_datasets; i++)
      if (strcmp(p->datasets[i].name, name) == 0) return BAD(r, "[dataset %s] is given twice", name);
    as_status s =
        as_grow((void **)&p->datasets, &r->cap_datasets, p->n_datasets + 1, sizeof *p->datasets, r->err);
    if (s != AS_OK) return s;
    as_plan_dataset *d = &p->datasets[p->n_datasets++];
    memset(d, 0, sizeof *d);
    d->line = r->line;
    if (!(d->name = as_strdup(name, r->err))) return AS_E_ENV;
    r->section = S_DATASET;
  } else {
    for (size_t i = 0; i < p->n_models; i++)
      if (strcmp(p->models[i].name, name) == 0) return BAD(r, "[model %s] is given twice", name);
    as_status s = as_grow((void **)&p->models, &r->cap_models, p->n_models + 1, sizeof *p->models, r->err);
    if (s != AS_OK) return s;
    as_plan_model *m = &p->models[p->n_models++];
    memset(m, 0, sizeof *m);
    m->line = r->line;
    if (!(m->name = as_strdup(name, r->err))) return AS_E_ENV;
    r->section = S_MODEL;
  }
  return AS_OK;
}

static as_status put_text(as_plan_reader *r, char **where, const char *value) {
  return (*where = as_strdup(value, r->err)) ? AS_OK : AS_E_ENV;
}

static as_status put_path(as_plan_reader *r, char **where, const char *value) {
  return (*where = as_path_join(strcmp(r->dir, ".") == 0 ? NULL : r->dir, value, r->err)) ? AS_OK : AS_E_ENV;
}

static bool looks_like_path(const char *v) {
  return strchr(v, '/') || as_ends_with(v, ".recipe") || as_ends_with(v, ".txt");
}

static as_status put_value(as_plan_reader *r, const as_plan_key *k, void *base, char *value) {
  char *at = (char *)base + k->offset;
  switch (k->kind) {
    case V_TEXT:
      return put_text(r, (char **)(void *)at, value);
    case V_PATH:
      return put_path(r, (char **)(void *)at, value);
    case V_NAME_OR_PATH:
      return looks_like_path(value) ? put_path(r, (char **)(void *)at, value)
                                    : put_text(r, (char **)(void *)at, value);
    case V_COUNT: {
      int64_t n, hi = k->max > 9.1e18 ? INT64_MAX : (int64_t)k->max;
      if (!as_parse_i64(value, (int64_t)k->min, hi, &n))
        return BAD(r, "%s: found '%s', wanted a whole number of at least %d", k->name, value, (int)k->min);
      if (k->max <= 1e6)
        *(int *)(void *)at = (int)n;
      else
        *(int64_t *)(void *)at = n;
      return AS_OK;
    }
    case V_REAL: {
      double v;
      if (!as_parse_f64(value, &v) || v < k->min || v > k->max)
        return BAD(r, "%s: found '%s', wanted a number from %g to %g", k->name, value, k->min, k->max);
      *(double *)(void *)at = v;
      return AS_OK;
    }
    case V_RANGE: {
      char *colon = strchr(value, ':');
      int64_t *pair = (int64_t *)(void *)at; /* per_from, per_to */
      if (colon) *colon = 0;
      if (!colon || !as_parse_i64(value, 0, INT64_MAX, &pair[0]) ||
          !as_parse_i64(colon + 1, 1, INT64_MAX, &pair[1]) || pair[0] >= pair[1])
        return BAD(r, "%s: found '%s%s%s', wanted A:B with 0 <= A < B", k->name, value, colon ? ":" : "",
                   colon ? colon + 1 : "");
      return AS_OK;
    }
    case V_ROLE:
      if (strcmp(value, "train") != 0 && strcmp(value, "test") != 0)
        return BAD(r, "role: found '%s', wanted train or test", value);
      *(bool *)(void *)at = value[1] == 'r';
      return AS_OK;
    case V_YES:
      if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return BAD(r, "%s: found '%s', wanted yes or no", k->name, value);
      *(bool *)(void *)at = value[0] == 'y';
      return AS_OK;
    case V_STORE:
      if (strcmp(value, "float32") != 0 && strcmp(value, "float16") != 0)
        return BAD(r, "features: found '%s', wanted float32 or float16", value);
      *(bool *)(void *)at = strcmp(value, "float16") == 0;
      return AS_OK;
  }
  return AS_OK;
}

static as_status set_key(as_plan_reader *r, const char *key, char *value) {
  as_plan *p = r->plan;
  const as_plan_key *keys = benchmark_keys;
  size_t n = COUNT(benchmark_keys);
  void *base = p;
  const char *names[32]; /* as many as `seen` has bits */
  if (r->section == S_NONE) return BAD(r, "found '%s' before the first section", key);
  if (r->section == S_DATASET) {
    keys = dataset_keys;
    n = COUNT(dataset_keys);
    base = &p->datasets[p->n_datasets - 1];
  } else if (r->section == S_MODEL) {
    keys = model_keys;
    n = COUNT(model_keys);
    base = &p->models[p->n_models - 1];
  }
  for (size_t i = 0; i < n; i++) {
    names[i] = keys[i].name;
    if (strcmp(keys[i].name, key) != 0) continue;
    if (r->seen & 1u << i) return BAD(r, "%s is given twice in this section", key);
    r->seen |= 1u << i;
    if (!*value) return BAD(r, "%s has no value", key);
    return put_value(r, &keys[i], base, value);
  }
  const char *near = as_nearest(key, names, n);
  return near ? BAD(r, "unknown key '%s'; did you mean '%s'?", key, near) : BAD(r, "unknown key '%s'", key);
}

/* Cuts blanks from both ends, in place. */
static char *trim(char *s) {
  while (*s == ' ' || *s == '\t') s++;
  size_t n = strlen(s);
  while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r')) s[--n] = 0;
  return s;
}

static as_status read_line(as_plan_reader *r, char *line) {
  /* A comment starts at '#' at the beginning of the line or after a blank, so that names may hold it. */
  for (char *c = line; *c; c++)
    if (*c == '#' && (c == line || c[-1] == ' ' || c[-1] == '\t')) *c = 0;
  line = trim(line);
  if (!*line) return AS_OK;
  if (*line == '[') return open_section(r, line);
  char *eq = strchr(line, '=');
  if (!eq) return BAD(r, "found '%s', wanted key = value", line);
  *eq = 0;
  return set_key(r, trim(line), trim(eq + 1));
}

const as_plan_dataset *as_plan_train_set(const as_plan *plan, const as_plan_model *m) {
  if (m->kind != AS_HEAD_PROBE && m->kind != AS_HEAD_KNN) return NULL;
  const as_plan_dataset *found = NULL;
  for (size_t i = 0; i < plan->n_datasets; i++) {
    const as_plan_dataset *d = &plan->datasets[i];
    if (!d->train) continue;
    if (m->train ? strcmp(d->name, m->train) == 0 : !found) found = d;
  }
  return found;
}

static bool good_hash(const char *h) {
  size_t max = as_starts_with(h, "sha256:") ? 64 : as_starts_with(h, "md5:") ? 32 : 0;
  const char *digits = max ? strchr(h, ':') + 1 : h;
  size_t n = strspn(digits, "0123456789abcdef");
  return max && !digits[n] && n >= 8 && n <= max;
}

const char *as_plan_protocol(const as_plan *plan, const as_plan_model *m) {
  return m->protocol ? m->protocol : plan->protocol ? plan->protocol : "lbfgs";
}

static as_status check_protocol(const as_plan_reader *r, const char *where, const char *name) {
  const char *names[64] = {"lbfgs", "per-framework"};
  size_t n = 2;
  if (!name || strcmp(name, names[0]) == 0 || strcmp(name, names[1]) == 0 || as_protocol_named(name))
    return AS_OK;
  for (size_t i = 0; i < as_protocol_count() && n < COUNT(names); i++) names[n++] = as_protocol_at(i)->name;
  const char *near = as_nearest(name, names, n);
  return near ? BAD(r, "%s: protocol '%s' is not known; did you mean %s?", where, name, near)
              : BAD(r, "%s: protocol '%s' is not known (assay probe -h lists them)", where, name);
}

/* What a fitted probe is told must make sense together. */
static as_status check_probe(const as_plan_reader *r, const as_plan_model *m) {
  as_path_opts path = {0};
  double c = 0;
  as_err e = {0};
  char where[120];
  bool lbfgs = strcmp(as_plan_protocol(r->plan, m), "lbfgs") == 0;
  snprintf(where, sizeof where, "[model %s]", m->name);
  if ((m->protocol || m->c) && m->kind != AS_HEAD_PROBE)
    return BAD(r, "%s: %s is for head = probe", where, m->c ? "c" : "protocol");
  if ((m->c || m->max_iter) && !lbfgs)
    return BAD(r, "%s: c and max-iter are for protocol = lbfgs, found %s", where,
               as_plan_protocol(r->plan, m));
  if (m->c && as_path_parse(m->c, &c, &path, &e) != AS_OK) return BAD(r, "%s: %s", where, e.msg);
  return check_protocol(r, where, m->protocol);
}

/* A published figure must belong to a set that the plan scores; without a word it is the base set's. */
static as_status check_published(as_plan_reader *r, as_plan_model *m, const char *const *names, size_t n) {
  as_plan *p = r->plan;
  if (m->hash && !good_hash(m->hash))
    return BAD(r, "[model %s]: hash: found '%s', wanted sha256: or md5: and 8 or more hex digits", m->name,
               m->hash);
  if (m->published_on && !(m->published > 0))
    return BAD(r, "[model %s]: published-on without published", m->name);
  if (!(m->published > 0)) return AS_OK;
  if (!m->published_on) {
    m->published_on = as_strdup(p->base ? p->base : names[0], r->err);
    return m->published_on ? AS_OK : AS_E_ENV;
  }
  for (size_t i = 0; i < n; i++)
    if (strcmp(names[i], m->published_on) == 0) return AS_OK;
  const char *near = as_nearest(m->published_on, names, n);
  return near ? BAD(r, "[model %s]: published-on = %s is no scored dataset; did you mean %s?", m->name,
                    m->published_on, near)
              : BAD(r, "[model %s]: published-on = %s is no scored dataset", m->name, m->published_on);
}

/* What can only be judged when the whole file is read. */
static as_status check_whole(as_plan_reader *r) {
  as_plan *p = r->plan;
  size_t scored = 0, training = 0;
  const char *names[256];
  size_t n_names = 0;
  for (size_t i = 0; i < p->n_datasets; i++) {
    as_plan_dataset *d = &p->datasets[i];
    r->line = d->line;
    if (!d->path) return BAD(r, "[dataset %s] has no path", d->name);
    if (d->train)
      training++;
    else
      scored++;
    if (!d->train && n_names < COUNT(names)) names[n_names++] = d->name;
  }
  for (size_t i = 0; i < p->n_models; i++) {
    as_plan_model *m = &p->models[i];
    r->line = m->line;
    if (!m->weights) return BAD(r, "[model %s] has no weights", m->name);
    if (!m->head || strcmp(m->head, "own") == 0)
      m->kind = AS_HEAD_OWN;
    else if (strcmp(m->head, "probe") == 0)
      m->kind = AS_HEAD_PROBE;
    else if (strcmp(m->head, "knn") == 0)
      m->kind = AS_HEAD_KNN;
    else {
      m->kind = AS_HEAD_FILE;
      char *joined = NULL;
      as_status s = put_path(r, &joined, m->head);
      if (s != AS_OK) return s;
      as_free(m->head);
      m->head = joined;
    }
    if (m->kind != AS_HEAD_PROBE && m->kind != AS_HEAD_KNN) {
      if (m->train) return BAD(r, "[model %s]: train is for head = probe and head = knn", m->name);
      continue;
    }
    if (!as_plan_train_set(p, m))
      return m->train ? BAD(r, "[model %s]: train = %s is no dataset with role = train", m->name, m->train)
                      : BAD(r, "[model %s]: head = %s wants a dataset with role = train", m->name, m->head);
    if (!m->train && training > 1)
      return BAD(r, "[model %s]: the plan has %zu training sets; say which with train = NAME", m->name,
                 training);
  }
  r->line = 1;
  as_status known = check_protocol(r, "[benchmark]", p->protocol);
  if (known != AS_OK) return known;
  if (p->n_models == 0) return BAD(r, "found no [model NAME], wanted at least one");
  if (scored == 0) return BAD(r, "found no dataset to score, wanted at least one");
  if (p->unified && strcmp(p->unified, "mean-top1") != 0)
    return BAD(r, "unified: found '%s', wanted mean-top1", p->unified);
  if (p->base) {
    bool found = false;
    for (size_t i = 0; i < n_names; i++) found |= strcmp(names[i], p->base) == 0;
    if (!found) {
      const char *near = as_nearest(p->base, names, n_names);
      return near ? BAD(r, "base: found '%s'; did you mean '%s'?", p->base, near)
                  : BAD(r, "base: found '%s', which is no scored dataset of this plan", p->base);
    }
  }
  for (size_t i = 0; i < p->n_models; i++) {
    r->line = p->models[i].line;
    as_status s = check_published(r, &p->models[i], names, n_names);
    if (s == AS_OK) s = check_probe(r, &p->models[i]);
    if (s != AS_OK) return s;
  }
  if (!p->unified && !(p->unified = as_strdup("mean-top1", r->err))) return AS_E_ENV;
  if (!p->name) {
    const char *file = as_path_base(p->path), *dot = strrchr(file, '.');
    p->name = as_strndup(file, dot && dot != file ? (size_t)(dot - file) : strlen(file), r->err);
    if (!p->name) return AS_E_ENV;
  }
  return AS_OK;
}

as_status as_plan_parse(as_plan *out, const char *text, size_t n, const char *path, as_err *err) {
  as_plan_reader r = {.plan = out, .err = err};
  as_status s = AS_OK;
  memset(out, 0, sizeof *out);
  out->path = as_strdup(path, err);
  out->text = as_strndup(text, n, err);
  out->text_n = n;
  r.dir = as_path_dir(path, err);
  char *copy = as_strndup(text, n, err);
  if (!out->path || !out->text || !r.dir || !copy) {
    s = AS_E_ENV;
  } else if (memchr(text, 0, n) || !as_is_utf8(text, n)) {
    s = as_fail(err, AS_E_INPUT, "%s: found bytes that are no UTF-8 text, wanted a plan", path);
  }
  for (char *line = copy; s == AS_OK && line;) {
    char *end = strchr(line, '\n');
    if (end) *end = 0;
    r.line++;
    s = read_line(&r, line);
    line = end ? end + 1 : NULL;
  }
  if (s == AS_OK) s = check_whole(&r);
  as_free(copy);
  as_free(r.dir);
  if (s != AS_OK) as_plan_clear(out);
  return s;
}

as_status as_plan_read(as_plan *out, const char *path, as_err *err) {
  as_file f = {0};
  memset(out, 0, sizeof *out);
  as_status s = as_file_open(&f, path, err);
  if (s != AS_OK) return s;
  if (f.size > 1 << 20)
    s = as_fail(err, AS_E_INPUT, "%s: found %zu bytes, wanted a plan of at most 1 MiB", path, f.size);
  else
    s = as_plan_parse(out, (const char *)f.data, f.size, path, err);
  as_file_close(&f);
  return s;
}

as_status as_plan_open(as_plan *out, const char *name, as_err *err) {
  const as_embedded *e = as_embedded_find(as_plan_files, as_plan_files_count, name);
  memset(out, 0, sizeof *out);
  if (as_path_kind_of(name) == AS_PATH_FILE || (!e && strpbrk(name, "./")))
    return as_plan_read(out, name, err);
  if (!e) {
    const char *names[32], *near;
    size_t n = 0;
    for (; n < as_plan_files_count && n < COUNT(names); n++) names[n] = as_plan_files[n].name;
    near = as_nearest(name, names, n);
    return as_fail(err, AS_E_INPUT, "%s: no such file, and no built-in plan of that name (%s)", name,
                   near ? near : names[0]);
  }
  size_t n;
  char *text = as_embedded_text(e, &n, err);
  as_str path = {0};
  as_str_printf(&path, "%s.plan", name);
  as_status s = text ? as_str_status(&path, err) : AS_E_ENV;
  if (s == AS_OK) s = as_plan_parse(out, text, n, as_str_c(&path), err);
  as_str_clear(&path);
  as_free(text);
  return s;
}

void as_plan_clear(as_plan *p) {
  for (size_t i = 0; i < p->n_datasets; i++) {
    as_plan_dataset *d = &p->datasets[i];
    char *texts[] = {d->name,    d->task,   d->path,    d->labels, d->real,
                     d->classes, d->subset, d->flavour, d->preset, d->where};
    for (size_t k = 0; k < COUNT(texts); k++) as_free(texts[k]);
  }
  for (size_t i = 0; i < p->n_models; i++) {
    as_plan_model *m = &p->models[i];
    char *texts[] = {m->name,  m->weights, m->recipe,     m->arch,   m->preset,
                     m->head,  m->note,    m->train,      m->source, m->published_on,
                     m->where, m->hash,    m->head_where, m->c,      m->protocol};
    for (size_t k = 0; k < COUNT(texts); k++) as_free(texts[k]);
  }
  as_free(p->datasets);
  as_free(p->models);
  as_free(p->path);
  as_free(p->text);
  as_free(p->name);
  as_free(p->unified);
  as_free(p->base);
  as_free(p->remark);
  as_free(p->protocol);
  memset(p, 0, sizeof *p);
}
