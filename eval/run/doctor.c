#include "eval/run/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/check.h"
#include "eval/run/doctor_int.h"
#include "eval/run/run.h"
#include "eval/stats/metrics.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"

void as_doc_cause(as_doc_ctx *d, const char *fmt, ...) {
  char text[700];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  as_str_printf(d->out, "  LIKELY CAUSE  %s\n", text);
  ++*d->causes;
}

void as_doc_rate(as_doc_ctx *d, const char *what, int64_t right, int64_t n, const char *more) {
  double lo = 0, hi = 0;
  if (n > 0) as_wilson(right, n, 0.95, &lo, &hi);
  as_str_printf(d->out, "    %-58s %5.1f %%  (%.1f to %.1f; %lld of %lld)%s\n", what,
                n > 0 ? 100.0 * (double)right / (double)n : 0.0, 100 * lo, 100 * hi, (long long)right,
                (long long)n, more ? more : "");
}

/* ---- the recorded predictions ------------------------------------------------------------------------- */

static size_t field(const char *line, const char *end, int which, const char **out) {
  for (; which > 0 && line < end; which--) {
    const char *tab = memchr(line, '\t', (size_t)(end - line));
    line = tab ? tab + 1 : end;
  }
  const char *tab = memchr(line, '\t', (size_t)(end - line));
  *out = line;
  return (size_t)((tab ? tab : end) - line);
}

/* The number at the start of a field; -1 where there is none. */
static int number(const char *p, size_t n) {
  int v = 0;
  size_t i = 0;
  for (; i < n && p[i] >= '0' && p[i] <= '9' && v < 100000000; i++) v = 10 * v + (p[i] - '0');
  return i ? v : -1;
}

as_status as_doc_read(as_doc_cell *c, const char *path, as_err *err) {
  as_file f = {0};
  memset(c, 0, sizeof *c);
  as_status s = as_file_open(&f, path, err);
  if (s != AS_OK) return s;
  const char *p = (const char *)f.data, *stop = p + f.size;
  for (size_t line = 0; s == AS_OK && p < stop; line++) {
    const char *nl = memchr(p, '\n', (size_t)(stop - p)), *end = nl ? nl : stop, *name, *label, *top;
    size_t n_name = field(p, end, 0, &name), n_label = field(p, end, 1, &label),
           n_top = field(p, end, 2, &top);
    p = nl ? nl + 1 : stop;
    if (line == 0) continue;
    if ((s = as_grow(&c->image, &c->cap, c->n + 1, sizeof *c->image, err)) != AS_OK) break;
    as_doc_image *im = &c->image[c->n];
    im->name = as_strndup(name, n_name, err);
    im->label = number(label, n_label);
    im->top1 = number(top, n_top);
    c->several = c->several || memchr(label, ',', n_label);
    if (!im->name) s = AS_E_ENV;
    c->n++;
  }
  as_file_close(&f);
  if (s != AS_OK) as_doc_clear(c);
  return s;
}

void as_doc_clear(as_doc_cell *c) {
  for (size_t i = 0; i < c->n; i++) as_free(c->image[i].name);
  as_free(c->image);
  memset(c, 0, sizeof *c);
}

/* ---- one record --------------------------------------------------------------------------------------- */

static const char *text_in(const as_json *o, const char *key) {
  const as_json *v = as_json_get(o, key);
  return v && v->type == AS_JSON_STRING ? v->text : NULL;
}

static const as_json *named(const as_json *root, const char *list, const char *a, const char *x,
                            const char *b, const char *y) {
  const as_json *l = as_json_get(root, list);
  for (const as_json *e = l && l->type == AS_JSON_ARRAY ? l->child : NULL; e; e = e->next) {
    const char *p = text_in(e, a), *q = b ? text_in(e, b) : NULL;
    if (p && strcmp(p, x) == 0 && (!b || (q && strcmp(q, y) == 0))) return e;
  }
  return NULL;
}

/* Counts, classes and labels against what the set's task is known to be. */
static as_status check_set(as_doc_ctx *d, const as_plan_dataset *p, as_err *err) {
  as_findings f = {0};
  as_dataset_opts o = as_plan_dataset_opts(p);
  as_status s = as_dataset_check(&f, &o, false, err);
  for (size_t i = 0; s == AS_OK && i < f.n; i++) {
    if (f.item[i].level != AS_FINDING_WRONG) continue;
    as_str_printf(d->out, "set %s\n", p->name);
    as_doc_cause(d, "data: %s", f.item[i].text);
  }
  as_findings_clear(&f);
  return s;
}

static void put_head(as_doc_ctx *d, const as_plan_model *m, const as_plan_dataset *set, const as_json *cell,
                     const as_json *model) {
  int64_t k = 0, n = 0;
  const as_json *jk = as_json_get(cell, "top1_correct"), *jn = as_json_get(cell, "n_used");
  if (jk) as_json_i64(jk, &k);
  if (jn) as_json_i64(jn, &n);
  as_str_printf(d->out, "%s on %s\n", m->name, set->name);
  as_doc_rate(d, "recorded", k, n, "");
  if (m->published > 0 && m->published_on && strcmp(m->published_on, set->name) == 0 && n > 0) {
    double lo, hi;
    as_wilson(k, n, 0.95, &lo, &hi);
    bool inside = m->published / 100 >= lo - 0.002 && m->published / 100 <= hi + 0.002;
    as_str_printf(d->out, "    %-58s %5.1f %%  %s\n", "published", m->published,
                  inside ? "(within the interval)" : "(OUTSIDE the interval)");
  }
  const char *assumed = text_in(model, "assumed");
  if (assumed) as_str_printf(d->out, "  assumed: %s\n", assumed);
}

static as_status examine(as_doc_ctx *d, const as_plan *plan, size_t m, const as_json *root, const char *dir,
                         as_err *err) {
  const as_plan_model *p = &plan->models[m];
  const as_json *model = named(root, "models", "name", p->name, NULL, NULL);
  const char *preset = model ? text_in(model, "preset") : NULL;
  bool tested = false;
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < plan->n_datasets; i++) {
    const as_plan_dataset *set = &plan->datasets[i];
    const as_json *cell = named(root, "cells", "model", p->name, "dataset", set->name);
    if (set->train || !cell || !preset) continue;
    if (text_in(cell, "why")) {
      as_str_printf(d->out, "%s on %s: not measured: %s\n", p->name, set->name, text_in(cell, "why"));
      continue;
    }
    as_doc_cell c = {0};
    as_dataset *ds = NULL;
    as_str path = {0};
    as_dataset_opts o = as_plan_dataset_opts(set);
    size_t before = *d->causes;
    const char *own = text_in(cell, "preset"), *used = own ? own : preset;
    put_head(d, p, set, cell, model);
    as_str_printf(&path, "%s/cells/%s--%s.tsv", dir, p->name, set->name);
    s = as_str_status(&path, err);
    if (s == AS_OK) s = as_doc_read(&c, as_str_c(&path), err);
    if (s == AS_OK) s = as_dataset_open(&ds, &o, err);
    if (s == AS_OK) s = as_doc_labels(d, &c, ds, err);
    bool fitted = p->kind == AS_HEAD_PROBE || p->kind == AS_HEAD_KNN;
    /* Labels that are wrong would make any counter-test of the input meaningless. */
    if (s == AS_OK && !fitted && *d->causes == before) s = as_doc_mask(d, plan, m, used, &c, ds, err);
    if (s == AS_OK && !fitted && *d->causes == before && !tested) {
      s = as_doc_input(d, plan, m, used, &c, ds, err);
      tested = true;
    }
    if (s == AS_OK && fitted)
      as_str_put(
          d->out,
          "  its head is fitted on the same features: wrong preprocessing would be learnt along, and is "
          "not counter-tested\n");
    as_str_clear(&path);
    as_dataset_close(&ds);
    as_doc_clear(&c);
  }
  return s;
}

as_status as_doctor(const char *record, const as_doctor_opts *opts, as_str *out, size_t *causes,
                    as_err *err) {
  bool folder = as_path_kind_of(record) == AS_PATH_DIR;
  char *path = folder ? as_path_join(record, "record.json", err) : as_strdup(record, err);
  char *dir = folder ? as_strdup(record, err) : as_path_dir(record, err);
  as_file f = {0};
  as_json_doc *doc = NULL;
  as_plan plan = {0};
  as_doc_ctx d = {opts, out, causes};
  *causes = 0;
  as_status s = path && dir ? as_file_open(&f, path, err) : AS_E_ENV;
  if (s == AS_OK && (s = as_json_parse(&doc, (const char *)f.data, f.size, err)) != AS_OK)
    as_fail_in(err, "%s", path);
  const as_json *root = s == AS_OK ? as_json_root(doc) : NULL;
  const as_json *text = root ? as_json_get(root, "plan") : NULL;
  const char *file = root ? text_in(root, "plan_file") : NULL;
  if (s == AS_OK && (!text || text->type != AS_JSON_STRING || !file))
    s = as_fail(err, AS_E_INPUT, "%s: found no plan, wanted a record (assay.record/1)", path);
  if (s == AS_OK) s = as_plan_parse(&plan, text->text, text->text_len, file, err);
  bool any = false;
  for (size_t i = 0; s == AS_OK && i < plan.n_datasets; i++) s = check_set(&d, &plan.datasets[i], err);
  for (size_t m = 0; s == AS_OK && m < plan.n_models; m++) {
    if (opts->model && strcmp(opts->model, plan.models[m].name) != 0) continue;
    any = true;
    s = examine(&d, &plan, m, root, dir, err);
  }
  if (s == AS_OK && !any) s = as_fail(err, AS_E_USAGE, "found no model '%s' in %s", opts->model, path);
  if (s == AS_OK && *causes == 0)
    as_str_put(out, "nothing found: the numbers stand, as far as these tests can tell\n");
  as_plan_clear(&plan);
  as_json_free(&doc);
  as_file_close(&f);
  as_free(path);
  as_free(dir);
  return s != AS_OK ? s : as_str_status(out, err);
}
