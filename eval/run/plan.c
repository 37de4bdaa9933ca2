#include "eval/run/plan.h"

#include <string.h>

#include "eval/run/plan_int.h"
#include "eval/run/plans.h"
#include "tensor/base/file.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

static as_status add_dataset(as_plan_reader *r, const char *name) {
  as_plan *p = r->plan;
  for (size_t i = 0; i < p->n_datasets; i++)
    if (strcmp(p->datasets[i].name, name) == 0) return as_plan_fail(r, "[dataset %s] is given twice", name);
  as_status s = as_grow(&p->datasets, &r->cap_datasets, p->n_datasets + 1, sizeof *p->datasets, r->err);
  if (s != AS_OK) return s;
  as_plan_dataset *d = &p->datasets[p->n_datasets++];
  memset(d, 0, sizeof *d);
  d->line = r->line;
  r->section = AS_PLAN_DATASET;
  return (d->name = as_strdup(name, r->err)) ? AS_OK : AS_E_ENV;
}

static as_status add_model(as_plan_reader *r, const char *name) {
  as_plan *p = r->plan;
  for (size_t i = 0; i < p->n_models; i++)
    if (strcmp(p->models[i].name, name) == 0) return as_plan_fail(r, "[model %s] is given twice", name);
  as_status s = as_grow(&p->models, &r->cap_models, p->n_models + 1, sizeof *p->models, r->err);
  if (s != AS_OK) return s;
  as_plan_model *m = &p->models[p->n_models++];
  memset(m, 0, sizeof *m);
  m->line = r->line;
  r->section = AS_PLAN_MODEL;
  return (m->name = as_strdup(name, r->err)) ? AS_OK : AS_E_ENV;
}

static as_status add_pretrain(as_plan_reader *r, const char *name) {
  as_plan *p = r->plan;
  for (size_t i = 0; i < p->n_pretrain; i++)
    if (strcmp(p->pretrain[i].name, name) == 0) return as_plan_fail(r, "[pretrain %s] is given twice", name);
  as_status s = as_grow(&p->pretrain, &r->cap_pretrain, p->n_pretrain + 1, sizeof *p->pretrain, r->err);
  if (s != AS_OK) return s;
  as_plan_pretrain *t = &p->pretrain[p->n_pretrain++];
  memset(t, 0, sizeof *t);
  t->line = r->line;
  r->section = AS_PLAN_PRETRAIN;
  return (t->name = as_strdup(name, r->err)) ? AS_OK : AS_E_ENV;
}

static as_status open_section(as_plan_reader *r, char *head) {
  static const char *const kinds[] = {"benchmark", "dataset", "model", "pretrain"};
  size_t n = strlen(head);
  if (head[n - 1] != ']') return as_plan_fail(r, "found '%s', wanted a section like [model NAME]", head);
  head[n - 1] = 0;
  head++;
  char *name = strchr(head, ' ');
  if (name) {
    *name++ = 0;
    while (*name == ' ' || *name == '\t') name++;
  }
  r->seen = 0;
  if (strcmp(head, "benchmark") == 0) {
    if (name) return as_plan_fail(r, "[benchmark] takes no name, found '%s'", name);
    if (r->seen_benchmark) return as_plan_fail(r, "[benchmark] is given twice");
    r->seen_benchmark = true;
    r->section = AS_PLAN_BENCHMARK;
    return AS_OK;
  }
  as_status (*add)(as_plan_reader * r, const char *name) = strcmp(head, "dataset") == 0    ? add_dataset
                                                           : strcmp(head, "model") == 0    ? add_model
                                                           : strcmp(head, "pretrain") == 0 ? add_pretrain
                                                                                           : NULL;
  if (!add) {
    const char *near = as_nearest(head, kinds, sizeof kinds / sizeof *kinds);
    return near ? as_plan_fail(r, "unknown section [%s]; did you mean [%s]?", head, near)
                : as_plan_fail(r, "unknown section [%s], wanted benchmark, dataset, model or pretrain", head);
  }
  if (!name || !as_plan_is_name(name))
    return as_plan_fail(r, "[%s %s]: wanted a name of letters, digits and . _ + - (no \"--\")", head,
                        name ? name : "");
  return add(r, name);
}

/* Cuts blanks from both ends, in place. */
static char *trim_blanks(char *s) {
  while (*s == ' ' || *s == '\t') s++;
  size_t n = strlen(s);
  while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r')) s[--n] = 0;
  return s;
}

static as_status read_line(as_plan_reader *r, char *line) {
  /* A comment is a line that begins with '#', or what follows a '#' with blanks on both sides: "runs/#3", "my #3 set"
   * are names. */
  line = trim_blanks(line);
  if (!*line || *line == '#') return AS_OK;
  for (char *c = line + 1; *c; c++)
    if (*c == '#' && (c[-1] == ' ' || c[-1] == '\t') && (!c[1] || c[1] == ' ' || c[1] == '\t')) *c = 0;
  line = trim_blanks(line);
  if (*line == '[') return open_section(r, line);
  char *eq = strchr(line, '=');
  if (!eq) return as_plan_fail(r, "found '%s', wanted key = value", line);
  *eq = 0;
  return as_plan_set_key(r, trim_blanks(line), trim_blanks(eq + 1));
}

as_status as_plan_parse(as_plan *out, const char *text, size_t n, const char *path, const char *dir,
                        const as_roots *roots, as_err *err) {
  as_plan_reader r = {.plan = out, .roots = roots, .err = err};
  as_status s = AS_OK;
  memset(out, 0, sizeof *out);
  out->path = as_strdup(path, err);
  out->dir = dir ? as_strdup(dir, err) : as_path_dir(path, err);
  out->text = as_strndup(text, n, err);
  out->text_n = n;
  char *copy = as_strndup(text, n, err);
  if (!out->path || !out->dir || !out->text || !copy) {
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
  if (s == AS_OK) s = as_plan_check(&r);
  as_free(copy);
  if (s != AS_OK) as_plan_clear(out);
  return s;
}

as_status as_plan_read(as_plan *out, const char *path, as_err *err) {
  char *text;
  size_t n;
  memset(out, 0, sizeof *out);
  as_status s = as_text_load(&text, &n, path, 1 << 20, err);
  if (s != AS_OK) return s;
  s = as_plan_parse(out, text, n, path, NULL, NULL, err);
  as_free(text);
  return s;
}

static as_status no_such_plan(const char *name, as_err *err) {
  const char **names = as_alloc(as_plan_files_count, sizeof *names, err);
  char mean[AS_MEAN_MAX];
  if (!names) return AS_E_ENV;
  for (size_t i = 0; i < as_plan_files_count; i++) names[i] = as_plan_files[i].name;
  as_did_you_mean(mean, name, names, as_plan_files_count);
  as_fail(err, AS_E_INPUT, "%s: no such file, and no built-in plan of that name (such as %s)%s", name,
          names[0], mean);
  as_free(names);
  return AS_E_INPUT;
}

as_status as_plan_open(as_plan *out, const char *name, as_err *err) {
  const as_embedded *e = as_embedded_find(as_plan_files, as_plan_files_count, name);
  memset(out, 0, sizeof *out);
  if (as_path_kind_of(name) == AS_PATH_FILE || (!e && strpbrk(name, "./")))
    return as_plan_read(out, name, err);
  if (!e) return no_such_plan(name, err);
  size_t n;
  char *text = as_embedded_text(e, &n, err);
  as_str path = {0};
  as_str_printf(&path, "%s.plan", name);
  as_status s = text ? as_str_status(&path, err) : AS_E_ENV;
  if (s == AS_OK) s = as_plan_parse(out, text, n, as_str_c(&path), NULL, NULL, err);
  as_str_clear(&path);
  as_free(text);
  return s;
}

void as_plan_clear(as_plan *p) {
  for (size_t i = 0; i < p->n_datasets; i++) {
    as_plan_free_keys(AS_PLAN_DATASET, &p->datasets[i]);
    as_free(p->datasets[i].name);
  }
  for (size_t i = 0; i < p->n_models; i++) {
    as_plan_free_keys(AS_PLAN_MODEL, &p->models[i]);
    as_free(p->models[i].name);
    as_free(p->models[i].head_file.said);
    as_free(p->models[i].head_file.at);
  }
  for (size_t i = 0; i < p->n_pretrain; i++) {
    as_plan_free_keys(AS_PLAN_PRETRAIN, &p->pretrain[i]);
    as_free(p->pretrain[i].name);
    as_free(p->pretrain[i].dir);
    as_free(p->pretrain[i].checkpoint);
  }
  as_plan_free_keys(AS_PLAN_BENCHMARK, p);
  as_free(p->datasets);
  as_free(p->models);
  as_free(p->pretrain);
  as_free(p->path);
  as_free(p->dir);
  as_free(p->text);
  memset(p, 0, sizeof *p);
}
