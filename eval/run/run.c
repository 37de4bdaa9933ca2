#include "eval/run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/learn/score.h"
#include "eval/run/prints.h"
#include "eval/run/run_int.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/md5.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

bool as_run_excuse(as_run_state *r, as_status s, const as_err *err, char **why) {
  if (!r->opts->partial || (s != AS_E_INPUT && s != AS_E_USAGE)) return false;
  if (r->n_excused++ == 0) {
    r->first = *err;
    r->first.status = AS_E_INPUT;
  }
  as_log_line(AS_LOG_WARN, "left out: %s", err->msg);
  as_free(*why);
  return (*why = as_strdup(err->msg, NULL)) != NULL;
}

as_status as_run_open_sets(as_run_state *r, as_err *err) {
  size_t n = r->plan->n_datasets, m = r->plan->n_models;
  r->sets = as_calloc(n, sizeof *r->sets, err);
  r->places = as_calloc(n, sizeof *r->places, err);
  r->groups = as_calloc(n, sizeof *r->groups, err);
  r->dataset_records = as_calloc(n, sizeof *r->dataset_records, err);
  r->model_records = as_calloc(m, sizeof *r->model_records, err);
  if (!r->sets || !r->places || !r->groups || !r->dataset_records || !r->model_records) return AS_E_ENV;
  for (size_t i = 0; i < n; i++) {
    as_run_set *s = &r->sets[i];
    s->plan = &r->plan->datasets[i];
    s->record = &r->dataset_records[i];
    as_dataset_opts o = as_plan_dataset_opts(s->plan);
    as_status st = as_dataset_open(&s->ds, &o, err);
    if (st != AS_OK) {
      as_fail_in(err, "dataset %s", s->plan->name);
      if (!as_run_excuse(r, st, err, &s->record->why)) return st;
      continue;
    }
    s->record->images = as_dataset_count(s->ds);
    s->record->classes = as_dataset_classes(s->ds);
    if (!(s->record->task = as_strdup(as_dataset_task(s->ds), err))) return AS_E_ENV;
  }
  return AS_OK;
}

/* Is it the file that the plan means? */
static as_status check_hash(const as_plan_model *p, as_state *state, as_err *err) {
  const char *want = strchr(p->hash, ':') + 1;
  char got[65];
  if (p->hash[0] == 's') {
    snprintf(got, sizeof got, "%s", as_state_sha256(state));
  } else {
    as_file f = {0};
    as_status s = as_file_open(&f, p->weights.at, err);
    if (s != AS_OK) return s;
    as_md5_of(f.data, f.size, got);
    as_file_close(&f);
  }
  if (strncmp(got, want, strlen(want)) == 0) return AS_OK;
  return as_fail(err, AS_E_INPUT, "%s: found %.*s%s, wanted %s", p->weights.at, (int)(want - p->hash),
                 p->hash, got, p->hash);
}

as_status as_run_open_model(as_run_state *r, size_t m, as_err *err) {
  const as_plan_model *p = &r->plan->models[m];
  as_backbone_opts o = {
      .weights = p->weights.at, .recipe = p->recipe.at, .arch = p->arch, .preset = p->preset};
  as_status s = as_backbone_open(&r->bb, &o, err);
  if (s == AS_OK && p->hash) s = check_hash(p, r->bb.state, err);
  if (s == AS_OK && p->kind == AS_HEAD_OWN) s = as_linhead_own(&r->head, &r->bb, err);
  if (s == AS_OK && p->kind == AS_HEAD_FILE)
    s = as_linhead_file(&r->head, p->head_file.at, (size_t)as_model_embed_dim(r->bb.model), err);
  if (s != AS_OK) {
    as_fail_in(err, "model %s", p->name);
    as_run_close_model(r);
  }
  return s;
}

void as_run_close_model(as_run_state *r) {
  for (size_t i = 0; i < r->n_groups; i++) as_features_clear(&r->groups[i].f);
  r->n_groups = 0;
  as_linhead_clear(&r->head);
  as_backbone_clear(&r->bb);
}

void as_run_close(as_run_state *r) {
  as_run_close_model(r);
  for (size_t i = 0; r->sets && i < r->plan->n_datasets; i++) {
    as_dataset_close(&r->sets[i].ds);
    as_dataset_record_clear(&r->dataset_records[i]);
    if (r->places) as_free(r->places[i].rows);
  }
  for (size_t i = 0; r->model_records && i < r->plan->n_models; i++)
    as_model_record_clear(&r->model_records[i]);
  as_free(r->sets);
  as_free(r->places);
  as_free(r->groups);
  as_free(r->dataset_records);
  as_free(r->model_records);
  memset(r, 0, sizeof *r);
}

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

/* Sets of the very same images (val and ReaL): statistics draw them once for all. */
static void share_images(const as_run_state *r, as_results *res) {
  size_t n = r->plan->n_datasets, k = 0;
  for (size_t i = 0; i < n; i++) {
    const char *hash = r->dataset_records[i].images_sha256;
    if (r->plan->datasets[i].train) continue;
    for (size_t e = 0, j = 0; *hash && e < i && res->sets[k].images_of == k; e++) {
      if (r->plan->datasets[e].train) continue;
      if (strcmp(r->dataset_records[e].images_sha256, hash) == 0) res->sets[k].images_of = j;
      j++;
    }
    k++;
  }
}

static as_status name_set(const as_run_state *r, as_results *res, size_t k, size_t i, as_err *err) {
  const as_plan_dataset *d = &r->plan->datasets[i];
  as_results_set *set = &res->sets[k];
  char rule[160] = "could not be opened";
  as_status s = AS_OK;
  if (r->sets[i].ds) rule_of(d, r->sets[i].ds, &set->classes, rule, sizeof rule);
  if (r->plan->base && strcmp(r->plan->base, d->name) == 0) res->base = k;
  set->name = as_strdup(d->name, err);
  set->rule = as_strdup(rule, err);
  if (!set->name || !set->rule) return AS_E_ENV;
  if (r->sets[i].ds) s = as_score_describe(set, r->sets[i].ds, err);
  if (s == AS_OK) s = as_results_set_task(set, d->task, d->flavour, d->subset.at, d->path.at, err);
  if (s == AS_OK && r->sets[i].ds) s = place_images(set, r->sets[i].ds, err);
  return s;
}

static as_status name_results(as_run_state *r, as_results *res, as_err *err) {
  const as_plan *p = r->plan;
  size_t n_sets = 0, at = 0;
  for (size_t i = 0; i < p->n_datasets; i++) n_sets += !p->datasets[i].train;
  as_status s = as_results_init(res, p->name, p->n_models, n_sets, err);
  if (s == AS_OK) s = as_record_corruptions(res, err);
  for (size_t i = 0; s == AS_OK && i < p->n_datasets; i++)
    if (!p->datasets[i].train) s = name_set(r, res, at++, i, err);
  for (size_t i = 0; s == AS_OK && i < p->n_models; i++) {
    res->models[i].name = as_strdup(p->models[i].name, err);
    res->models[i].note = as_strdup(p->models[i].note ? p->models[i].note : "", err);
    if (!res->models[i].name || !res->models[i].note) s = AS_E_ENV;
    if (!(p->models[i].published > 0)) continue;
    res->models[i].published = p->models[i].published / 100;
    res->models[i].published_on = as_strdup(p->models[i].published_on, err);
    res->models[i].published_source = as_strdup(p->models[i].source ? p->models[i].source : "", err);
    if (!res->models[i].published_on || !res->models[i].published_source) s = AS_E_ENV;
  }
  if (s == AS_OK && p->remark) s = as_results_remark(res, p->remark, err);
  return s;
}

static int64_t count_failed(const as_results *res, size_t *cells) {
  int64_t failed = 0;
  *cells = 0;
  for (size_t i = 0; i < res->n_models * res->n_sets; i++) {
    failed += res->cells[i].n_failed;
    *cells += res->cells[i].n_failed > 0;
  }
  return failed;
}

/* The hashes of one dataset's images, labels and side files. */
as_status as_run_print_set(as_run_state *r, size_t i, as_err *err) {
  const as_plan_dataset *p = &r->plan->datasets[i];
  as_dataset_record *d = &r->dataset_records[i];
  as_str path = {0};
  as_status s = as_run_print_path(r, "dataset", p->name, &path, err);
  if (s == AS_OK)
    s = as_fingerprint(r->sets[i].ds, r->opts->watch, as_str_c(&path), d->images_sha256, d->labels_sha256,
                       err);
  if (s == AS_OK) s = as_file_sha256(p->labels.at, d->labels_file, err);
  if (s == AS_OK) s = as_file_sha256(p->real.at, d->real_file, err);
  if (s == AS_OK) s = as_file_sha256(p->classes.at, d->classes_file, err);
  if (s == AS_OK) s = as_file_sha256(p->subset.at, d->subset_file, err);
  as_str_clear(&path);
  return s;
}

/* Cells of models and sets that were left out say why. */
static as_status fill_absent(const as_run_state *r, as_results *res, as_err *err) {
  for (size_t m = 0; m < res->n_models; m++)
    for (size_t i = 0, k = 0; i < r->plan->n_datasets; i++) {
      if (r->plan->datasets[i].train) continue;
      as_cell *c = as_results_cell(res, m, k++);
      const char *why = r->model_records[m].why ? r->model_records[m].why : r->dataset_records[i].why;
      if (c->present || c->why || !why) continue;
      if (!(c->why = as_strdup(why, err))) return AS_E_ENV;
    }
  return AS_OK;
}

/* Whatever does not fit is told before hours of work, not after. */
as_status as_run_try_models(as_run_state *r, as_err *err) {
  for (size_t m = 0; m < r->plan->n_models; m++) {
    const as_plan_dataset *t = as_plan_train_set(r->plan, &r->plan->models[m]);
    as_status s = as_run_open_model(r, m, err);
    if (s == AS_OK && t && !r->sets[t - r->plan->datasets].ds)
      s = as_fail(err, AS_E_INPUT, "model %s: %s", r->plan->models[m].name,
                  r->dataset_records[t - r->plan->datasets].why);
    if (s == AS_OK) s = as_run_plan_groups(r, m, err);
    as_run_close_model(r);
    if (s != AS_OK && !as_run_excuse(r, s, err, &r->model_records[m].why)) return s;
  }
  return AS_OK;
}

/* The end of a run whose results are written: what they lack is an error all the same. */
static as_status judge(const as_run_state *r, const as_results *res, as_err *err) {
  size_t cells;
  int64_t failed = count_failed(res, &cells);
  if (r->n_excused)
    return as_fail(err, AS_E_INPUT, "%zu models or sets are left out, the first: %s; the results are in %s",
                   r->n_excused, r->first.msg, r->opts->dir);
  if (failed > 0 && !r->opts->lenient)
    return as_fail(err, AS_E_INPUT, "%lld images failed in %zu cells; the results are in %s and count them",
                   (long long)failed, cells, r->opts->dir);
  return AS_OK;
}

as_status as_run(const as_plan *plan, const as_run_opts *opts, as_results *results, as_err *err) {
  as_run_state r = {.plan = plan, .opts = opts};
  memset(results, 0, sizeof *results);
  as_status s = as_run_open_sets(&r, err);
  if (s == AS_OK) s = as_run_try_models(&r, err);
  if (s == AS_OK) s = name_results(&r, results, err);
  if (s == AS_OK) s = as_run_make_dirs(opts->dir, err);
  if (s == AS_OK) s = as_run_remove_record(opts->dir, err);
  for (size_t i = 0; s == AS_OK && i < plan->n_datasets; i++) {
    as_watch_progress(opts->watch, "reading the images", i, plan->n_datasets);
    if (r.sets[i].ds) s = as_run_print_set(&r, i, err);
  }
  if (s == AS_OK) as_watch_progress(opts->watch, "reading the images", plan->n_datasets, plan->n_datasets);
  if (s == AS_OK) share_images(&r, results);
  for (size_t m = 0; s == AS_OK && m < plan->n_models; m++) {
    if (r.model_records[m].why) continue;
    s = as_run_model(&r, m, results, err);
    if (s != AS_OK && as_run_excuse(&r, s, err, &r.model_records[m].why)) s = AS_OK;
  }
  if (s == AS_OK) s = as_run_add_remarks(&r, results, err);
  if (s == AS_OK) s = fill_absent(&r, results, err);
  if (s == AS_OK) {
    results->complete = r.n_excused == 0;
    s = as_run_write_outputs(&r, results, err);
  }
  if (s == AS_OK && r.n_excused == 0) as_run_remove_logs(opts->dir);
  if (s == AS_OK)
    s = judge(&r, results, err);
  else
    as_results_clear(results);
  as_run_close(&r);
  return s;
}
