/* What a run reports: models and sets by the plan, cells from the files that it leaves. What is reported is what is
 * written, and `assay report` on the folder finds the same. */
#include <stdio.h>
#include <string.h>

#include "eval/learn/score.h"
#include "eval/run/record_read.h"
#include "eval/run/run_int.h"
#include "eval/run/thumbs.h"
#include "tensor/base/mem.h"

/* One line: over what argmax ran and what counts as right. */
static void rule_of(const as_plan_dataset *d, const as_dataset *ds, size_t *open, char *rule, size_t size) {
  const uint8_t *mask = as_dataset_mask(ds);
  size_t classes = as_dataset_classes(ds);
  *open = 0;
  for (size_t c = 0; c < classes; c++) *open += !mask || mask[c];
  if (d->real.at)
    snprintf(rule, size, "any of the ReaL labels, %zu classes; images without label are left out", classes);
  else if (mask)
    snprintf(rule, size, "top-1 over %zu of %zu classes", *open, classes);
  else
    snprintf(rule, size, "top-1 over %zu classes", classes);
}

/* Which of the set's images are scored. */
static as_status place_images(as_results_set *set, const as_dataset *ds, as_err *err) {
  size_t n = as_dataset_count(ds), at = 0;
  set->image = as_alloc(n ? n : 1, sizeof *set->image, err);
  if (!set->image) return AS_E_ENV;
  set->n_images = n;
  for (size_t i = 0; i < n; i++) {
    as_item item = as_dataset_item(ds, i);
    if (item.labels ? item.n_labels > 0 : item.label >= 0) set->image[at++] = (uint32_t)i;
  }
  return AS_OK;
}

static as_status name_set(const as_inputs *in, as_results *res, size_t k, size_t i, as_err *err) {
  const as_plan_dataset *d = &in->plan->datasets[i];
  as_results_set *set = &res->sets[k];
  char rule[160] = "could not be opened";
  as_status s = AS_OK;
  if (in->set[i].ds) rule_of(d, in->set[i].ds, &set->classes, rule, sizeof rule);
  if (in->plan->base && strcmp(in->plan->base, d->name) == 0) res->base = k;
  set->name = as_strdup(d->name, err);
  set->rule = as_strdup(rule, err);
  if (!set->name || !set->rule) return AS_E_ENV;
  if (in->set[i].ds) s = as_score_describe(set, in->set[i].ds, err);
  if (s == AS_OK) s = as_results_set_task(set, d->task, d->flavour, d->subset.said, d->path.said, err);
  if (s == AS_OK && in->set[i].ds) s = place_images(set, in->set[i].ds, err);
  /* Sets of the very same images (val and ReaL): statistics draw them once for all. */
  for (size_t e = 0, j = 0; e < i && set->images_of == k; e++) {
    if (in->plan->datasets[e].train) continue;
    if (in->set[i].ds && strcmp(in->datasets[e].images_sha256, in->datasets[i].images_sha256) == 0)
      set->images_of = j;
    j++;
  }
  return s;
}

static as_status name_model(const as_inputs *in, as_results_model *m, size_t i, as_err *err) {
  const as_plan_model *p = &in->plan->models[i];
  m->name = as_strdup(p->name, err);
  m->note = as_strdup(p->note ? p->note : "", err);
  if (!m->name || !m->note) return AS_E_ENV;
  const as_model_record *rec = &in->models[i];
  if (as_results_trained(m, rec->method, rec->family, rec->train_seed, err) != AS_OK) return AS_E_ENV;
  as_str protocol = {0};
  as_plan_put_head(&protocol, in->plan, p);
  const as_rec_network network = {p->weights.said, rec->weights_sha256, rec->recipe, rec->arch,
                                  as_str_c(&protocol)};
  as_status s = as_str_status(&protocol, err);
  if (s == AS_OK) s = as_rec_backbone(m, &network, err);
  as_str_clear(&protocol);
  if (s != AS_OK) return s;
  m->probe = in->models[i].probe;
  if (m->probe.train && !(m->probe.train = as_strdup(m->probe.train, err))) return AS_E_ENV;
  if (!(p->published > 0)) return AS_OK;
  m->published = p->published / 100;
  m->published_on = as_strdup(p->published_on, err);
  m->published_source = as_strdup(p->source ? p->source : "", err);
  return m->published_on && m->published_source ? AS_OK : AS_E_ENV;
}

/* A cell from its table and what is said of it; one that is absent says why. */
static as_status read_cell(as_results *res, size_t k, const as_inputs *in, as_job *j,
                           const as_run_folder *folder, as_err *err) {
  as_cell_job *c = &j->cell[k];
  as_cell *cell = as_results_cell(res, j->m, k);
  if (c->from == AS_CELL_ABSENT) {
    const char *why = c->why                 ? c->why
                      : in->models[j->m].why ? in->models[j->m].why
                                             : in->datasets[c->set].why;
    cell->why = as_strdup(why ? why : "not computed", err);
    return cell->why ? AS_OK : AS_E_ENV;
  }
  as_json_doc *doc;
  const as_json *json = as_job_cell_json(j, k, in, folder, &doc);
  as_rec here = {.dir = folder->dir, .work = folder->work, .path = folder->work};
  as_status s = json ? as_rec_cell(cell, &res->sets[k], &here, json, err)
                     : as_fail(err, AS_E_ENV, "%s: the cell of %s on %s is gone", folder->work,
                               res->models[j->m].name, res->sets[k].name);
  const char *forgiven = json ? as_rec_text(json, "forgiven") : NULL;
  if (s == AS_OK && forgiven && !(c->forgiven = as_strdup(forgiven, err))) s = AS_E_ENV;
  as_json_free(&doc);
  return s;
}

/* What the files could not tell must stand under the table. */
static as_status add_remarks(const as_inputs *in, const as_job *jobs, as_results *res, as_err *err) {
  as_status s = in->plan->remark ? as_results_remark(res, in->plan->remark, err) : AS_OK;
  for (size_t i = 0; s == AS_OK && i < in->plan->n_models; i++) {
    const char *a = in->models[i].assumed;
    char text[768];
    if (!a || !*a) continue;
    snprintf(text, sizeof text, "%s: %s", in->plan->models[i].name, a);
    s = as_results_remark(res, text, err);
  }
  for (size_t k = 0; s == AS_OK && k < res->n_sets; k++)
    for (size_t m = 0; s == AS_OK && m < res->n_models; m++) {
      const char *text = jobs[m].cell[k].forgiven;
      bool said = !text;
      for (size_t i = 0; !said && i < res->n_remarks; i++) said = strcmp(res->remarks[i], text) == 0;
      if (!said) s = as_results_remark(res, text, err);
    }
  return s;
}

as_status as_run_results(as_results *res, as_inputs *in, as_job *jobs, const as_run_folder *folder,
                         as_err *err) {
  const as_plan *p = in->plan;
  size_t n_sets = 0, at = 0;
  for (size_t i = 0; i < p->n_datasets; i++) n_sets += !p->datasets[i].train;
  as_status s = as_results_init(res, p->name, p->n_models, n_sets, err);
  if (s == AS_OK) s = as_record_corruptions(res, err);
  for (size_t i = 0; s == AS_OK && i < p->n_datasets; i++)
    if (!p->datasets[i].train) s = name_set(in, res, at++, i, err);
  for (size_t i = 0; s == AS_OK && i < p->n_models; i++) s = name_model(in, &res->models[i], i, err);
  for (size_t m = 0; s == AS_OK && m < p->n_models; m++)
    for (size_t k = 0; s == AS_OK && k < n_sets; k++) s = read_cell(res, k, in, &jobs[m], folder, err);
  if (s == AS_OK) s = as_title_classes(res, err);
  if (s == AS_OK) s = as_run_overlaps(res, in, err);
  if (s == AS_OK) s = add_remarks(in, jobs, res, err);
  res->complete = in->excused.n == 0;
  return s;
}
