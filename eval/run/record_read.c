#include "eval/run/record_read.h"

#include <string.h>

#include "eval/run/record.h"
#include "eval/run/thumbs.h"
#include "tensor/base/mem.h"

static bool is_scored(const as_json *dataset) {
  const char *role = as_rec_text(dataset, "role");
  return !role || strcmp(role, "train") != 0;
}

/* The entry of the set called `name` in the first record that has it. */
static const as_json *find_set(const as_rec *recs, size_t n, const char *name, size_t *which) {
  for (size_t i = 0; i < n; i++)
    for (const as_json *d = as_rec_list(&recs[i], "datasets"); d; d = d->next)
      if (is_scored(d) && strcmp(as_rec_text(d, "name"), name) == 0) {
        *which = i;
        return d;
      }
  return NULL;
}

static bool same_text(const as_json *a, const as_json *b, const char *key) {
  const char *x = as_rec_text(a, key), *y = as_rec_text(b, key);
  return x && y && strcmp(x, y) == 0;
}

static as_status count_sets(const as_rec *recs, size_t n, size_t *n_sets, as_err *err) {
  static const char *const keys[] = {"images_sha256", "labels_sha256"};
  for (size_t i = 0; i < n; i++)
    for (const as_json *d = as_rec_list(&recs[i], "datasets"); d; d = d->next) {
      size_t which;
      if (!is_scored(d)) continue;
      const as_json *first = find_set(recs, n, as_rec_text(d, "name"), &which);
      if (first == d) ++*n_sets;
      for (size_t k = 0; k < 2; k++)
        if (!same_text(first, d, keys[k]))
          return as_fail(err, AS_E_INPUT, "%s: dataset %s: found another %s than in %s, wanted the same set",
                         recs[i].path, as_rec_text(d, "name"), keys[k], recs[which].path);
    }
  return AS_OK;
}

static as_status read_published(as_results_model *m, const as_json *j, as_err *err) {
  const as_json *v = as_json_get(j, "published");
  const char *on = as_rec_text(j, "published_on"), *source = as_rec_text(j, "source");
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
      const char *hash = as_rec_text(d, "images_sha256");
      if (e && hash && *hash && same_text(d, e, "images_sha256")) out->sets[k].images_of = j;
    }
  }
}

/* twice: models of one name in different records are different models. */
static as_status fill_names(as_results *out, const as_rec *recs, size_t n, bool twice, as_err *err) {
  size_t m = 0, k = 0;
  for (size_t i = 0; i < n; i++) {
    for (const as_json *j = as_rec_list(&recs[i], "models"); j; j = j->next) {
      const char *note = as_rec_text(j, "note"), *name = as_rec_text(j, "name");
      for (size_t q = 0; q < m && !twice; q++)
        if (strcmp(out->models[q].name, name) == 0)
          return as_fail(err, AS_E_INPUT,
                         "%s: model %s is in another record, too; wanted each once (assay compare A B "
                         "pairs two records of the same models)",
                         recs[i].path, name);
      out->models[m].name = as_strdup(name, err);
      out->models[m].note = as_strdup(note ? note : "", err);
      if (!out->models[m].name || !out->models[m].note) return AS_E_ENV;
      if (as_results_trained(&out->models[m], as_rec_text(j, "method"), as_rec_text(j, "family"),
                             as_rec_text(j, "seed"), err) != AS_OK)
        return AS_E_ENV;
      const as_rec_network network = {as_rec_text(j, "weights"), as_rec_text(j, "weights_sha256"),
                                      as_rec_text(j, "recipe"), as_rec_text(j, "arch"),
                                      as_rec_text(j, "protocol")};
      if (as_rec_backbone(&out->models[m], &network, err) != AS_OK) return AS_E_ENV;
      if (read_published(&out->models[m], j, err) != AS_OK) return AS_E_ENV;
      if (as_rec_probe(&out->models[m].probe, j, err) != AS_OK) return AS_E_ENV;
      m++;
    }
    for (const as_json *d = as_rec_list(&recs[i], "datasets"); d; d = d->next) {
      size_t which;
      int64_t classes = 0;
      const char *rule = as_rec_text(d, "rule");
      const as_json *base = as_json_get(d, "base");
      if (!is_scored(d) || find_set(recs, n, as_rec_text(d, "name"), &which) != d) continue;
      out->sets[k].name = as_strdup(as_rec_text(d, "name"), err);
      out->sets[k].rule = as_strdup(rule ? rule : "", err);
      if (!out->sets[k].name || !out->sets[k].rule) return AS_E_ENV;
      as_status st = as_results_set_task(&out->sets[k], as_rec_text(d, "task"), as_rec_text(d, "flavour"),
                                         as_rec_text(d, "subset"), as_rec_text(d, "path"), err);
      if (st != AS_OK) return st;
      if (as_rec_count(d, "scored_classes", &classes)) out->sets[k].classes = (size_t)classes;
      if ((st = as_rec_shared(&out->sets[k].twice, d, "twice", err)) != AS_OK) return st;
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
    for (const as_json *j = as_rec_list(&recs[i], "cells"); s == AS_OK && j; j = j->next) {
      const char *model = as_rec_text(j, "model"), *set = as_rec_text(j, "dataset");
      size_t m = from, k = 0;
      while (m < out->n_models && strcmp(out->models[m].name, model) != 0) m++;
      while (k < out->n_sets && strcmp(out->sets[k].name, set) != 0) k++;
      if (m == out->n_models || k == out->n_sets)
        return as_fail(err, AS_E_INPUT, "%s: found a cell of %s on %s, which the record does not list",
                       recs[i].path, model, set);
      as_cell *c = as_results_cell(out, m, k);
      if (c->present || c->why)
        return as_fail(err, AS_E_INPUT, "%s: the cell of %s on %s is given twice", recs[i].path, model, set);
      s = as_rec_cell(c, &out->sets[k], &recs[i], j, err);
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

static size_t set_named(const as_results *out, const char *name) {
  size_t k = 0;
  while (name && k < out->n_sets && strcmp(out->sets[k].name, name) != 0) k++;
  return name ? k : out->n_sets;
}

/* Pairs of sets that share images, once each. */
static as_status fill_overlaps(as_results *out, const as_rec *recs, size_t n, as_err *err) {
  as_status s = AS_OK;
  for (size_t i = 0; i < n; i++)
    for (const as_json *o = as_rec_list(&recs[i], "overlaps"); s == AS_OK && o; o = o->next) {
      const size_t b = set_named(out, as_rec_text(o, "dataset")), a = set_named(out, as_rec_text(o, "other"));
      as_shared shared = {0};
      bool known = a >= out->n_sets || b >= out->n_sets;
      for (size_t k = 0; k < out->n_overlaps; k++)
        known = known || (out->overlaps[k].a == a && out->overlaps[k].b == b);
      if (known) continue;
      s = as_rec_shared(&shared, o, "shared", err);
      if (s == AS_OK) s = as_results_overlap(out, a, b, &shared, err);
      as_shared_clear(&shared);
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
  for (size_t i = 0; s == AS_OK && i < n; i++) s = as_rec_open(&recs[i], paths[i], AS_REC_RUN, err);
  for (size_t i = 0; s == AS_OK && i < n; i++) n_models += as_json_get(recs[i].root, "models")->count;
  if (s == AS_OK) s = count_sets(recs, n, &n_sets, err);
  if (s == AS_OK && (n_models == 0 || n_sets == 0))
    s = as_fail(err, AS_E_INPUT, "%s: found %zu models and %zu sets, wanted at least one of each",
                recs[0].path, n_models, n_sets);
  const char *title = s == AS_OK ? as_rec_text(recs[0].root, "name") : NULL;
  if (s == AS_OK) s = as_results_init(out, n == 1 && title ? title : "joined runs", n_models, n_sets, err);
  if (s == AS_OK) s = as_record_corruptions(out, err);
  if (s == AS_OK) {
    out->complete = true;
    s = fill_names(out, recs, n, twice, err);
    if (s == AS_OK && n_first) *n_first = as_json_get(recs[0].root, "models")->count;
  }
  if (s == AS_OK) s = fill_cells(out, recs, n, err);
  if (s == AS_OK) s = as_title_classes(out, err);
  if (s == AS_OK) s = fill_overlaps(out, recs, n, err);
  if (s == AS_OK) s = fill_remarks(out, recs, n, err);
  for (size_t i = 0; i < n; i++) as_rec_close(&recs[i]);
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
