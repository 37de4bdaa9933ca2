#include "eval/run/record_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/tasks.h"
#include "eval/run/record.h"
#include "eval/stats/metrics.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"

/* One opened record. */
typedef struct as_rec {
  char *path, *dir;
  as_file file;
  as_json_doc *doc;
  const as_json *root;
} as_rec;

static const char *text_in(const as_json *o, const char *key) {
  const as_json *v = as_json_get(o, key);
  return v && v->type == AS_JSON_STRING ? v->text : NULL;
}

static as_status open_record(as_rec *r, const char *path, as_err *err) {
  bool folder = as_path_kind_of(path) == AS_PATH_DIR;
  r->path = folder ? as_path_join(path, "record.json", err) : as_strdup(path, err);
  r->dir = folder ? as_strdup(path, err) : as_path_dir(path, err);
  if (!r->path || !r->dir) return AS_E_ENV;
  as_status s = as_file_open(&r->file, r->path, err);
  if (s != AS_OK) return s;
  if ((s = as_json_parse(&r->doc, (const char *)r->file.data, r->file.size, err)) != AS_OK)
    return as_fail_in(err, "%s", r->path), s;
  r->root = as_json_root(r->doc);
  const char *schema = r->root->type == AS_JSON_OBJECT ? text_in(r->root, "schema") : NULL;
  if (!schema || strcmp(schema, "assay.record/1") != 0)
    return as_fail(err, AS_E_INPUT, "%s: found schema \"%s\", wanted \"assay.record/1\"", r->path,
                   schema ? schema : "none");
  static const char *const lists[] = {"models", "datasets", "cells"};
  for (size_t i = 0; i < 3; i++) {
    const as_json *v = as_json_get(r->root, lists[i]);
    if (!v || v->type != AS_JSON_ARRAY)
      return as_fail(err, AS_E_INPUT, "%s: found no list \"%s\", wanted one", r->path, lists[i]);
    for (const as_json *e = v->child; e; e = e->next)
      if (e->type != AS_JSON_OBJECT || (i < 2 && !text_in(e, "name")))
        return as_fail(err, AS_E_INPUT, "%s: %s: found an element without name", r->path, lists[i]);
  }
  return AS_OK;
}

static void close_record(as_rec *r) {
  as_json_free(&r->doc);
  as_file_close(&r->file);
  as_free(r->path);
  as_free(r->dir);
}

static const as_json *list(const as_rec *r, const char *key) {
  return as_json_get(r->root, key)->child;
}

static bool scored(const as_json *dataset) {
  const char *role = text_in(dataset, "role");
  return !role || strcmp(role, "train") != 0;
}

/* The entry of the set called `name` in the first record that has it. */
static const as_json *find_set(const as_rec *recs, size_t n, const char *name, size_t *which) {
  for (size_t i = 0; i < n; i++)
    for (const as_json *d = list(&recs[i], "datasets"); d; d = d->next)
      if (scored(d) && strcmp(text_in(d, "name"), name) == 0) {
        *which = i;
        return d;
      }
  return NULL;
}

static bool same_text(const as_json *a, const as_json *b, const char *key) {
  const char *x = text_in(a, key), *y = text_in(b, key);
  return x && y && strcmp(x, y) == 0;
}

static as_status count_sets(const as_rec *recs, size_t n, size_t *n_sets, as_err *err) {
  static const char *const keys[] = {"images_sha256", "labels_sha256"};
  for (size_t i = 0; i < n; i++)
    for (const as_json *d = list(&recs[i], "datasets"); d; d = d->next) {
      size_t which;
      if (!scored(d)) continue;
      const as_json *first = find_set(recs, n, text_in(d, "name"), &which);
      if (first == d) ++*n_sets;
      for (size_t k = 0; k < 2; k++)
        if (!same_text(first, d, keys[k]))
          return as_fail(err, AS_E_INPUT, "%s: dataset %s: found another %s than in %s, wanted the same set",
                         recs[i].path, text_in(d, "name"), keys[k], recs[which].path);
    }
  return AS_OK;
}

static bool take_count(const as_json *cell, const char *key, int64_t *out) {
  const as_json *v = as_json_get(cell, key);
  return v && as_json_i64(v, out) && *out >= 0;
}

/* The n-th tab-separated field of a line, or an empty one. */
static size_t field(const char *line, const char *end, int which, const char **out) {
  for (; which > 0 && line < end; which--) {
    const char *tab = memchr(line, '\t', (size_t)(end - line));
    line = tab ? tab + 1 : end;
  }
  const char *tab = memchr(line, '\t', (size_t)(end - line));
  *out = line;
  return (size_t)((tab ? tab : end) - line);
}

/* Is the first number of `top` one of the comma-joined numbers of `label`? */
static bool first_is_in(const char *top, size_t n_top, const char *label, size_t n_label) {
  const char *comma = memchr(top, ',', n_top);
  size_t n = comma ? (size_t)(comma - top) : n_top;
  for (const char *p = label, *end = label + n_label; n > 0 && p < end;) {
    const char *c = memchr(p, ',', (size_t)(end - p));
    size_t m = (size_t)((c ? c : end) - p);
    if (m == n && memcmp(p, top, n) == 0) return true;
    p = c ? c + 1 : end;
  }
  return false;
}

static as_status take_failure(as_cell *c, const char *name, size_t n_name, const char *status, size_t n,
                              as_err *err) {
  static const char lead[] = "failed: ";
  if (n >= sizeof lead - 1 && memcmp(status, lead, sizeof lead - 1) == 0) {
    status += sizeof lead - 1;
    n -= sizeof lead - 1;
  }
  char *image = as_strndup(name, n_name, err), *why = as_strndup(status, n, err);
  as_status s = image && why ? as_cell_failure(c, image, why, err) : AS_E_ENV;
  as_free(image);
  as_free(why);
  return s;
}

/* The confidence column of a line; NaN where it is empty. false: no number. */
static bool take_confidence(const char *p, size_t n, float *out) {
  char text[32];
  double v = NAN;
  if (n >= sizeof text) return false;
  memcpy(text, p, n);
  text[n] = 0;
  if (n > 0 && (!as_parse_f64(text, &v) || v < 0.0 || v > 1.0)) return false;
  *out = (float)v;
  return true;
}

/* Right or wrong per image from the cell's table; what does not agree with the counts is refused. The
 * first table of a set also says which class each image has. */
static as_status read_images(as_cell *c, as_results_set *set, const char *path, as_err *err) {
  as_file f = {0};
  as_status s = as_file_open(&f, path, err);
  if (s != AS_OK) return s;
  int64_t at = 0, right = 0, failed = 0;
  const char *p = (const char *)f.data, *stop = p + f.size;
  c->correct1 = as_alloc((size_t)c->n_expected, 1, err);
  c->confidence = as_alloc((size_t)c->n_expected, sizeof *c->confidence, err);
  uint32_t *labels = as_alloc((size_t)c->n_expected, sizeof *labels, err);
  uint32_t *image = as_alloc((size_t)c->n_expected, sizeof *image, err), row = 0;
  bool confident = true;
  if (!c->correct1 || !c->confidence || !labels || !image) s = AS_E_ENV;
  for (size_t line = 0; s == AS_OK && p < stop; line++) {
    const char *nl = memchr(p, '\n', (size_t)(stop - p)), *end = nl ? nl : stop;
    const char *name, *label, *top, *status, *sure;
    size_t n_name = field(p, end, 0, &name), n_label = field(p, end, 1, &label),
           n_top = field(p, end, 2, &top), n_status = field(p, end, 4, &status),
           n_sure = field(p, end, 5, &sure);
    p = nl ? nl + 1 : stop;
    if (line == 0) confident = n_sure > 0; /* tables of older versions have no such column */
    if (line > 0) row++;
    if (line == 0 || n_label == 0) continue; /* header; images without an answer are in no count */
    if (at == c->n_expected) {
      at++;
      break;
    }
    bool ok = n_status == 2 && memcmp(status, "ok", 2) == 0;
    c->correct1[at] = !ok ? 2 : first_is_in(top, n_top, label, n_label);
    right += c->correct1[at] == 1;
    failed += !ok;
    image[at] = row - 1;
    labels[at] = 0;
    for (const char *d = label; d < label + n_label && *d >= '0' && *d <= '9' && labels[at] < 100000000; d++)
      labels[at] = 10 * labels[at] + (uint32_t)(*d - '0');
    if (confident && !take_confidence(sure, n_sure, &c->confidence[at]))
      s = as_fail(err, AS_E_INPUT, "%s: line %zu: found no confidence from 0 to 1", path, line + 1);
    if (!ok && s == AS_OK) s = take_failure(c, name, n_name, status, n_status, err);
    at++;
  }
  as_file_close(&f);
  if (!confident) {
    as_free(c->confidence);
    c->confidence = NULL;
  }
  if (s == AS_OK && (at != c->n_expected || right != c->top1_correct || failed != c->n_failed))
    s = as_fail(err, AS_E_INPUT,
                "%s: found %lld images, %lld right, %lld failed; the record says %lld, %lld, %lld", path,
                (long long)at, (long long)right, (long long)failed, (long long)c->n_expected,
                (long long)c->top1_correct, (long long)c->n_failed);
  if (s == AS_OK && !set->image) {
    set->image = image;
    set->n_images = row;
  } else {
    as_free(image);
  }
  if (s == AS_OK && !set->label) {
    set->label = labels;
    set->n_scored = (size_t)c->n_expected;
    return s;
  }
  as_free(labels);
  return s;
}

/* The names of a set's classes, where the run left them. */
static as_status read_classes(as_results_set *set, const char *path, as_err *err) {
  as_file f = {0};
  as_status s = as_file_open(&f, path, err);
  if (s != AS_OK) return s;
  size_t n = 0, cap = 0;
  const char *p = (const char *)f.data, *stop = p + f.size;
  while (s == AS_OK && p < stop) {
    const char *nl = memchr(p, '\n', (size_t)(stop - p)), *end = nl ? nl : stop;
    s = as_grow(&set->class_name, &cap, n + 1, sizeof *set->class_name, err);
    if (s == AS_OK && !(set->class_name[n] = as_strndup(p, (size_t)(end - p), err))) s = AS_E_ENV;
    if (s == AS_OK) set->n_class_names = ++n;
    p = nl ? nl + 1 : stop;
  }
  as_file_close(&f);
  return s;
}

/* "corruption_error": {name: [error at severity 1, ..., 5]}; null = no such images. */
static as_status read_corruptions(as_cell *c, const as_rec *r, const as_json *cell, as_err *err) {
  const as_json *all = as_json_get(cell, "corruption_error");
  if (!all || all->type != AS_JSON_OBJECT) return AS_OK;
  c->corruption_error = as_alloc(AS_CORRUPTIONS * AS_SEVERITIES, sizeof(double), err);
  if (!c->corruption_error) return AS_E_ENV;
  for (int k = 0; k < AS_CORRUPTIONS; k++) {
    const as_json *of = as_json_get(all, as_corruptions[k].name);
    const as_json *v = of && of->type == AS_JSON_ARRAY && of->count == AS_SEVERITIES ? of->child : NULL;
    for (int i = 0; i < AS_SEVERITIES; i++) {
      if (!v || (v->type != AS_JSON_NULL && !(v->type == AS_JSON_NUMBER && v->number >= 0 && v->number <= 1)))
        return as_fail(err, AS_E_INPUT, "%s: corruption_error of %s: found no five errors from 0 to 1",
                       r->path, as_corruptions[k].name);
      c->corruption_error[k * AS_SEVERITIES + i] = v->type == AS_JSON_NUMBER ? v->number : (double)NAN;
      v = v->next;
    }
  }
  return AS_OK;
}

static as_status read_cell(as_cell *c, as_results_set *of, const as_rec *r, const as_json *j, as_err *err) {
  const char *model = text_in(j, "model"), *set = text_in(j, "dataset"), *why = text_in(j, "why");
  if (why) return (c->why = as_strdup(why, err)) ? AS_OK : AS_E_ENV;
  bool ok = take_count(j, "n_expected", &c->n_expected) && take_count(j, "n_used", &c->n_used) &&
            take_count(j, "n_failed", &c->n_failed) && take_count(j, "top1_correct", &c->top1_correct) &&
            take_count(j, "top5_correct", &c->top5_correct);
  ok = ok && c->n_expected <= 1 << 30 && c->n_used <= c->n_expected &&
       c->n_failed == c->n_expected - c->n_used && c->top1_correct <= c->top5_correct &&
       c->top5_correct <= c->n_used;
  if (!ok)
    return as_fail(err, AS_E_INPUT, "%s: cell %s on %s: found counts that do not add up", r->path, model,
                   set);
  c->present = c->has_top5 = true;
  if (c->n_used > 0) {
    c->top1 = (double)c->top1_correct / (double)c->n_used;
    c->top5 = (double)c->top5_correct / (double)c->n_used;
    as_wilson(c->top1_correct, c->n_used, 0.95, &c->top1_lo, &c->top1_hi);
  }
  const char *f = text_in(j, "features_sha256"), *l = text_in(j, "logits_sha256");
  snprintf(c->features_sha256, sizeof c->features_sha256, "%s", f ? f : "");
  snprintf(c->logits_sha256, sizeof c->logits_sha256, "%s", l ? l : "");
  as_str path = {0};
  as_status s = read_corruptions(c, r, j, err);
  const char *preset = text_in(j, "preset");
  if (s == AS_OK && preset && !(c->preset = as_strdup(preset, err))) s = AS_E_ENV;
  as_str_printf(&path, "%s/cells/%s--%s.tsv", r->dir, model, set);
  if (s == AS_OK) s = as_str_status(&path, err);
  /* A record that travels alone still has its counts. */
  if (s == AS_OK && as_path_kind_of(as_str_c(&path)) == AS_PATH_FILE)
    s = read_images(c, of, as_str_c(&path), err);
  as_str_clear(&path);
  as_str_printf(&path, "%s/cells/%s.classes", r->dir, set);
  if (s == AS_OK) s = as_str_status(&path, err);
  if (s == AS_OK && !of->class_name && as_path_kind_of(as_str_c(&path)) == AS_PATH_FILE)
    s = read_classes(of, as_str_c(&path), err);
  as_str_clear(&path);
  return s;
}

static as_status take_published(as_results_model *m, const as_json *j, as_err *err) {
  const as_json *v = as_json_get(j, "published");
  const char *on = text_in(j, "published_on"), *source = text_in(j, "source");
  if (!v || v->type != AS_JSON_NUMBER || !(v->number >= 0 && v->number <= 1) || !on) return AS_OK;
  m->published = v->number;
  m->published_on = as_strdup(on, err);
  m->published_source = as_strdup(source ? source : "", err);
  return m->published_on && m->published_source ? AS_OK : AS_E_ENV;
}

/* Sets of the very same images (val and ReaL). */
static void share_images(as_results *out, const as_rec *recs, size_t n) {
  for (size_t k = 0; k < out->n_sets; k++) {
    size_t which;
    const as_json *d = find_set(recs, n, out->sets[k].name, &which);
    for (size_t j = 0; d && j < k && out->sets[k].images_of == k; j++) {
      const as_json *e = find_set(recs, n, out->sets[j].name, &which);
      const char *hash = text_in(d, "images_sha256");
      if (e && hash && *hash && same_text(d, e, "images_sha256")) out->sets[k].images_of = j;
    }
  }
}

/* twice: models of one name in different records are different models. */
static as_status fill_names(as_results *out, const as_rec *recs, size_t n, bool twice, as_err *err) {
  size_t m = 0, k = 0;
  for (size_t i = 0; i < n; i++) {
    for (const as_json *j = list(&recs[i], "models"); j; j = j->next) {
      const char *note = text_in(j, "note"), *name = text_in(j, "name");
      for (size_t q = 0; q < m && !twice; q++)
        if (strcmp(out->models[q].name, name) == 0)
          return as_fail(err, AS_E_INPUT, "%s: model %s is in another record, too; wanted each once",
                         recs[i].path, name);
      out->models[m].name = as_strdup(name, err);
      out->models[m].note = as_strdup(note ? note : "", err);
      if (!out->models[m].name || !out->models[m].note) return AS_E_ENV;
      if (take_published(&out->models[m], j, err) != AS_OK) return AS_E_ENV;
      m++;
    }
    for (const as_json *d = list(&recs[i], "datasets"); d; d = d->next) {
      size_t which;
      int64_t classes = 0;
      const char *rule = text_in(d, "rule");
      const as_json *base = as_json_get(d, "base");
      if (!scored(d) || find_set(recs, n, text_in(d, "name"), &which) != d) continue;
      out->sets[k].name = as_strdup(text_in(d, "name"), err);
      out->sets[k].rule = as_strdup(rule ? rule : "", err);
      if (!out->sets[k].name || !out->sets[k].rule) return AS_E_ENV;
      as_status st = as_results_set_task(&out->sets[k], text_in(d, "task"), text_in(d, "flavour"),
                                         text_in(d, "subset"), text_in(d, "path"), err);
      if (st != AS_OK) return st;
      if (take_count(d, "scored_classes", &classes)) out->sets[k].classes = (size_t)classes;
      if (i == 0 && base && base->boolean) out->base = k;
      k++;
    }
  }
  share_images(out, recs, n);
  return AS_OK;
}

static as_status fill_cells(as_results *out, const as_rec *recs, size_t n, as_err *err) {
  as_status s = AS_OK;
  for (size_t i = 0, from = 0; s == AS_OK && i < n; from += as_json_get(recs[i++].root, "models")->count)
    for (const as_json *j = list(&recs[i], "cells"); s == AS_OK && j; j = j->next) {
      const char *model = text_in(j, "model"), *set = text_in(j, "dataset");
      size_t m = from, k = 0;
      while (model && m < out->n_models && strcmp(out->models[m].name, model) != 0) m++;
      while (set && k < out->n_sets && strcmp(out->sets[k].name, set) != 0) k++;
      if (!model || !set || m == out->n_models || k == out->n_sets)
        return as_fail(err, AS_E_INPUT, "%s: found a cell of %s on %s, which the record does not list",
                       recs[i].path, model ? model : "nothing", set ? set : "nothing");
      as_cell *c = as_results_cell(out, m, k);
      if (c->present || c->why)
        return as_fail(err, AS_E_INPUT, "%s: the cell of %s on %s is given twice", recs[i].path, model, set);
      s = read_cell(c, &out->sets[k], &recs[i], j, err);
    }
  for (size_t i = 0; s == AS_OK && i < out->n_models * out->n_sets; i++)
    if (!out->cells[i].present && !out->cells[i].why &&
        !(out->cells[i].why = as_strdup("not in its record", err)))
      s = AS_E_ENV;
  return s;
}

static as_status fill_remarks(as_results *out, const as_rec *recs, size_t n, as_err *err) {
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < n; i++) {
    const as_json *list_of = as_json_get(recs[i].root, "remarks"),
                  *done = as_json_get(recs[i].root, "complete");
    if (!done || done->type != AS_JSON_BOOL || !done->boolean) out->complete = false;
    for (const as_json *r = list_of ? list_of->child : NULL; s == AS_OK && r; r = r->next) {
      bool known = r->type != AS_JSON_STRING;
      for (size_t k = 0; k < out->n_remarks; k++) known = known || strcmp(out->remarks[k], r->text) == 0;
      if (!known) s = as_results_remark(out, r->text, err);
    }
  }
  return s;
}

static as_status read_all(as_results *out, const char *const *paths, size_t n, bool twice, size_t *n_first,
                          as_err *err) {
  as_rec *recs = as_calloc(n, sizeof *recs, err);
  size_t n_models = 0, n_sets = 0;
  memset(out, 0, sizeof *out);
  if (!recs) return AS_E_ENV;
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < n; i++) s = open_record(&recs[i], paths[i], err);
  for (size_t i = 0; s == AS_OK && i < n; i++) n_models += as_json_get(recs[i].root, "models")->count;
  if (s == AS_OK) s = count_sets(recs, n, &n_sets, err);
  if (s == AS_OK && (n_models == 0 || n_sets == 0))
    s = as_fail(err, AS_E_INPUT, "%s: found %zu models and %zu sets, wanted at least one of each",
                recs[0].path, n_models, n_sets);
  const char *title = s == AS_OK ? text_in(recs[0].root, "name") : NULL;
  if (s == AS_OK) s = as_results_init(out, n == 1 && title ? title : "joined runs", n_models, n_sets, err);
  if (s == AS_OK) s = as_record_corruptions(out, err);
  if (s == AS_OK) {
    out->complete = true;
    s = fill_names(out, recs, n, twice, err);
    if (s == AS_OK && n_first) *n_first = as_json_get(recs[0].root, "models")->count;
  }
  if (s == AS_OK) s = fill_cells(out, recs, n, err);
  if (s == AS_OK) s = fill_remarks(out, recs, n, err);
  for (size_t i = 0; i < n; i++) close_record(&recs[i]);
  as_free(recs);
  if (s != AS_OK) as_results_clear(out);
  return s;
}

as_status as_records_read(as_results *out, const char *const *paths, size_t n, as_err *err) {
  return read_all(out, paths, n, false, NULL, err);
}

as_status as_records_read_two(as_results *out, const char *a, const char *b, size_t *n_first, as_err *err) {
  const char *const paths[2] = {a, b};
  return read_all(out, paths, 2, true, n_first, err);
}
