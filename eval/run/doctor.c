#include "eval/run/doctor.h"

#include <stdio.h>
#include <string.h>

#include "data/sets/check.h"
#include "eval/run/doctor_int.h"
#include "eval/run/run.h"
#include "eval/stats/metrics.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* Counts, classes and labels against what the set's task is known to be. */
static as_status check_set(as_doc_ctx *d, const as_plan_dataset *p, as_err *err) {
  as_findings f = {0};
  as_dataset_opts o = as_plan_dataset_opts(p);
  as_status s = as_dataset_check(&f, &o, false, err);
  for (size_t i = 0; s == AS_OK && i < f.n; i++) {
    if (f.item[i].level != AS_FINDING_WRONG && f.item[i].level != AS_FINDING_DAMAGED) continue;
    as_str_printf(d->out, "set %s\n", p->name);
    as_doc_cause(d, "data: %s", f.item[i].text);
  }
  as_findings_clear(&f);
  return s;
}

static void put_recorded(as_doc_ctx *d, const as_plan_model *m, const as_plan_dataset *set,
                         const as_json *cell, const as_json *model) {
  int64_t k = 0, n = 0, own = 0, classes = 0;
  as_rec_count(cell, "top1_correct", &k);
  as_rec_count(cell, "n_used", &n);
  as_str_printf(d->out, "%s on %s\n", m->name, set->name);
  if (as_rec_count(cell, "own_correct", &own)) {
    char what[80];
    as_rec_count(as_json_get(cell, "among"), "classes", &classes);
    snprintf(what, sizeof what, "recorded, over the %lld classes that all models know", (long long)classes);
    as_doc_rate(d, what, k, n, "");
    as_rec_count(as_json_get(cell, "own"), "classes", &classes);
    snprintf(what, sizeof what, "recorded, over all %lld of its own", (long long)classes);
    as_doc_rate(d, what, k = own, n, ""); /* what may be held against the published figure */
  } else {
    as_doc_rate(d, "recorded", k, n, "");
  }
  if (m->published > 0 && m->published_on && strcmp(m->published_on, set->name) == 0 && n > 0) {
    double lo, hi;
    as_wilson(k, n, 0.95, &lo, &hi);
    bool inside = m->published / 100 >= lo - 0.002 && m->published / 100 <= hi + 0.002;
    as_str_printf(d->out, "    %-58s %5.1f %%  %s\n", "published", m->published,
                  inside ? "(within the interval)" : "(OUTSIDE the interval)");
  }
  const char *assumed = as_rec_text(model, "assumed");
  if (assumed) as_str_printf(d->out, "  assumed: %s\n", assumed);
}

/* Mean confidence from which a network counts as sure. Heads that meet another kind of picture than they were fitted on
 * (the demo's sketches) are wrong at 0.5 and a little above without any fault of the labels. */
static const double SURE = 0.6;

/* A network that is sure of its answers and nearly always wrong is not a weak one: what it answers and what the labels
 * say do not speak of the same classes. (A network that sees nothing useful is unsure.) */
static void put_sure_and_wrong(as_doc_ctx *d, const as_doc_case *c, const as_json *cell) {
  int64_t k = 0, n = 0;
  double lo = 0, hi = 1;
  as_rec_count(cell, "top1_correct", &k);
  as_rec_count(cell, "n_used", &n);
  if (n < 10 || !(c->cell->sure >= SURE)) return;
  as_wilson(k, n, 0.95, &lo, &hi);
  if (hi >= 0.1) return;
  as_doc_cause(
      d,
      "labels or classes: %lld of %lld are right, and the mean confidence is %.2f; a network that is so sure "
      "and so wrong answers in other classes than the labels are in (another list, order or numbering), "
      "or its head belongs to another backbone",
      (long long)k, (long long)n, c->cell->sure);
}

/* One cell: its labels, and then, unless these are wrong, which would make any counter-test meaningless, what was
 * done to its images. */
static as_status examine_cell(as_doc_ctx *d, const as_doc_case *c, bool *tested, as_err *err) {
  const bool fitted = c->model->kind == AS_HEAD_PROBE || c->model->kind == AS_HEAD_KNN;
  const size_t before = *d->causes;
  as_status s = as_doc_labels(d, c, err);
  if (s == AS_OK && fitted)
    as_str_put(d->out,
               "  its head is fitted on the same features: wrong preprocessing would be learnt along, and is "
               "not counter-tested\n");
  if (s == AS_OK && !fitted && *d->causes == before) s = as_doc_mask(d, c, err);
  if (s == AS_OK && !fitted && *d->causes == before && !*tested) {
    s = as_doc_input(d, c, err);
    *tested = true;
  }
  return s;
}

/* The classes over which the models of a set were compared, where these know different ones; NULL: all of its own. */
static as_status read_among(uint8_t **among, const as_rec *rec, const as_plan_dataset *set,
                            const as_dataset *ds, as_err *err) {
  const as_json *of = as_rec_find(rec, "datasets", "name", set->name, NULL, NULL),
                *list = as_json_get(of, "compared_over");
  const size_t classes = as_dataset_classes(ds);
  *among = NULL;
  if (!list || list->type != AS_JSON_ARRAY || classes == 0) return AS_OK;
  if (!(*among = as_calloc(classes, 1, err))) return AS_E_ENV;
  for (const as_json *e = list->child; e; e = e->next)
    for (size_t c = 0; e->type == AS_JSON_STRING && c < classes; c++)
      if (strcmp(as_dataset_class_name(ds, c), e->text) == 0) (*among)[c] = 1;
  return AS_OK;
}

static as_status examine_model(as_doc_ctx *d, const as_plan *plan, const as_plan_model *p, const as_rec *rec,
                               as_err *err) {
  const as_json *model = as_rec_find(rec, "models", "name", p->name, NULL, NULL);
  const char *preset = model ? as_rec_text(model, "preset") : NULL;
  bool tested = false;
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < plan->n_datasets; i++) {
    const as_plan_dataset *set = &plan->datasets[i];
    const as_json *cell = as_rec_find(rec, "cells", "model", p->name, "dataset", set->name);
    if (set->train || !cell || !preset) continue;
    if (as_rec_text(cell, "why")) {
      as_str_printf(d->out, "%s on %s: not measured: %s\n", p->name, set->name, as_rec_text(cell, "why"));
      continue;
    }
    as_doc_cell c = {0};
    as_dataset *ds = NULL;
    as_dataset_opts o = as_plan_dataset_opts(set);
    const char *own = as_rec_text(cell, "preset");
    const size_t before = *d->causes;
    put_recorded(d, p, set, cell, model);
    as_doc_training_images(d, cell);
    s = as_doc_read(&c, rec, p->name, set->name, err);
    if (s == AS_OK) s = as_dataset_open(&ds, &o, err);
    uint8_t *among = NULL;
    if (s == AS_OK) s = read_among(&among, rec, set, ds, err);
    as_doc_case at = {p, own ? own : preset, &c, ds, among};
    if (s == AS_OK) s = examine_cell(d, &at, &tested, err);
    if (s == AS_OK && *d->causes == before) put_sure_and_wrong(d, &at, cell);
    if (s != AS_OK) as_fail_in(err, "%s on %s", p->name, set->name);
    as_free(among);
    as_dataset_close(&ds);
    as_doc_clear(&c);
  }
  return s;
}

static as_status no_such_model(const as_plan *plan, const char *name, const char *record, as_err *err) {
  const char **names = as_alloc(plan->n_models + 1, sizeof *names, err);
  char mean[AS_MEAN_MAX];
  if (!names) return AS_E_ENV;
  for (size_t i = 0; i < plan->n_models; i++) names[i] = plan->models[i].name;
  as_fail(err, AS_E_USAGE, "found no model '%s' in %s%s", name, record,
          as_did_you_mean(mean, name, names, plan->n_models));
  as_free(names);
  return AS_E_USAGE;
}

as_status as_doctor(const char *record, const as_doctor_opts *opts, as_str *out, size_t *causes,
                    as_err *err) {
  as_rec rec = {0};
  as_plan plan = {0};
  as_doc_ctx d = {opts, out, causes};
  bool any = false;
  *causes = 0;
  as_status s = as_rec_open(&rec, record, AS_REC_RUN, err);
  if (s == AS_OK) s = as_rec_plan(&rec, opts->roots, &plan, NULL, err);
  for (size_t i = 0; s == AS_OK && i < plan.n_datasets; i++) {
    const as_json *set = as_rec_find(&rec, "datasets", "name", plan.datasets[i].name, NULL, NULL);
    if (!set || !as_rec_text(set, "why"))
      s = check_set(&d, &plan.datasets[i], err); /* else it was left out */
  }
  if (s == AS_OK) as_doc_twins(&d, &rec);
  for (size_t m = 0; s == AS_OK && m < plan.n_models; m++) {
    if (opts->model && strcmp(opts->model, plan.models[m].name) != 0) continue;
    any = true;
    s = examine_model(&d, &plan, &plan.models[m], &rec, err);
  }
  if (s == AS_OK && !any) s = no_such_model(&plan, opts->model, rec.path, err);
  if (s == AS_OK && *causes == 0)
    as_str_put(out, "nothing found: the numbers stand, as far as these tests can tell\n");
  as_plan_clear(&plan);
  as_rec_close(&rec);
  return s != AS_OK ? s : as_str_status(out, err);
}
