#include "eval/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/prints.h"
#include "eval/run_int.h"
#include "eval/score.h"
#include "tensor/base/file.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

as_dataset_opts as_plan_dataset_opts(const as_plan_dataset *p) {
  return (as_dataset_opts){.path = p->path,
                           .task = p->task,
                           .classes = p->classes,
                           .labels = p->labels,
                           .real = p->real,
                           .subset = p->subset,
                           .flavour = p->flavour,
                           .limit = p->limit,
                           .per_class_from = p->per_from,
                           .per_class_to = p->per_to};
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
    if (st != AS_OK) return as_fail_in(err, "dataset %s", s->plan->name), st;
    s->record->images = as_dataset_count(s->ds);
    s->record->classes = as_dataset_classes(s->ds);
    if (!(s->record->task = as_strdup(as_dataset_task(s->ds), err))) return AS_E_ENV;
  }
  return AS_OK;
}

as_status as_run_open_model(as_run_state *r, size_t m, as_err *err) {
  const as_plan_model *p = &r->plan->models[m];
  as_backbone_opts o = {p->weights, p->recipe, p->arch, p->preset};
  as_status s = as_backbone_open(&r->bb, &o, err);
  if (s == AS_OK && p->kind == AS_HEAD_OWN) s = as_linhead_own(&r->head, &r->bb, err);
  if (s == AS_OK && p->kind == AS_HEAD_FILE)
    s = as_linhead_file(&r->head, p->head, (size_t)as_model_embed_dim(r->bb.model), err);
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

static as_status copy(char **to, const char *from, as_err *err) {
  as_free(*to);
  return (*to = as_strdup(from, err)) ? AS_OK : AS_E_ENV;
}

static as_status print_path(const as_run_state *r, const char *kind, const char *name, as_str *path,
                            as_err *err) {
  as_str_clear(path);
  as_str_printf(path, "%s/prints/%s-%s.tsv", r->opts->dir, kind, name);
  return as_str_status(path, err);
}

static as_status record_model(as_run_state *r, size_t m, as_err *err) {
  as_model_record *rec = &r->model_records[m];
  const as_backbone *b = &r->bb;
  as_status s = copy(&rec->weights_sha256, as_state_sha256(b->state), err);
  if (s == AS_OK) s = copy(&rec->container, as_state_container(b->state), err);
  if (s == AS_OK) s = copy(&rec->recipe, as_recipe_name(b->recipe), err);
  if (s == AS_OK) s = copy(&rec->arch, as_model_arch(b->model), err);
  if (s == AS_OK) s = copy(&rec->preset, b->preset_text, err);
  if (s == AS_OK) s = copy(&rec->assumed, b->assumed, err);
  rec->used = b->used;
  rec->renamed = b->renamed;
  rec->dropped = b->dropped;
  rec->embed_dim = (size_t)as_model_embed_dim(b->model);
  rec->gflop = as_model_gflop(b->model);
  if (s == AS_OK) s = as_file_sha256(r->plan->models[m].recipe, rec->recipe_sha256, err);
  as_str path = {0};
  if (s == AS_OK) s = print_path(r, "model", r->plan->models[m].name, &path, err);
  if (s == AS_OK) s = as_prints_tensors(b->state, as_str_c(&path), err);
  if (s == AS_OK && r->plan->models[m].kind == AS_HEAD_FILE) {
    as_state *st = NULL;
    if ((s = as_state_open(&st, r->plan->models[m].head, err)) == AS_OK)
      s = copy(&rec->head_file_sha256, as_state_sha256(st), err);
    if (s == AS_OK) s = print_path(r, "head", r->plan->models[m].name, &path, err);
    if (s == AS_OK) s = as_prints_tensors(st, as_str_c(&path), err);
    as_state_close(&st);
  }
  as_str_clear(&path);
  return s;
}

/* Labels of a training set's rows; failed images and those with several answers teach nothing. */
static int *train_labels(const as_dataset *ds, const as_features *f, const size_t *rows, as_err *err) {
  size_t n = as_dataset_count(ds);
  int *y = as_alloc(f->n ? f->n : 1, sizeof *y, err);
  if (!y) return NULL;
  for (size_t i = 0; i < f->n; i++) y[i] = -1;
  for (size_t i = 0; i < n; i++) {
    size_t row = rows ? rows[i] : i;
    as_item item = as_dataset_item(ds, i);
    if (!f->failed[row] && !item.labels) y[row] = item.label;
  }
  return y;
}

/* Fits the probe or prepares the neighbours of model m from its training set. */
static as_status learn(as_run_state *r, size_t m, as_voter *v, int **labels, as_err *err) {
  const as_plan_model *p = &r->plan->models[m];
  const as_plan_dataset *t = as_plan_train_set(r->plan, p);
  size_t set = (size_t)(t - r->plan->datasets);
  const as_run_place *place = &r->places[set];
  const as_features *f = &r->groups[place->group].f;
  const as_dataset *ds = r->sets[set].ds;
  as_model_record *rec = &r->model_records[m];
  char text[160];
  if (as_dataset_classes(ds) < 2)
    return as_fail(err, AS_E_INPUT, "dataset %s: found no class labels, wanted them for head = %s", t->name,
                   p->head);
  if (!(*labels = train_labels(ds, f, place->rows, err))) return AS_E_ENV;
  if (p->kind == AS_HEAD_PROBE) {
    as_probe_opts o = {.c = p->c, .max_iter = p->max_iter};
    as_probe_result res;
    as_watch_progress(r->opts->watch, "fitting the probe", 0, 1);
    as_status s = as_linhead_fit(&r->head, f->x, *labels, f->n, f->d, as_dataset_classes(ds), &o, &res, err);
    if (s != AS_OK) return as_fail_in(err, "model %s", p->name), s;
    if (!res.converged) as_log_line(AS_LOG_WARN, "%s: %s", p->name, r->head.source);
    v->head = &r->head;
    if ((s = copy(&rec->head_sha256, r->head.sha256, err)) != AS_OK) return s;
    return copy(&rec->head, r->head.source, err);
  }
  v->train = f;
  v->train_label = *labels;
  v->train_classes = as_dataset_classes(ds);
  v->k = p->k;
  v->temperature = p->temperature;
  snprintf(text, sizeof text, "k-NN: k %d, T %g, training set %s", p->k ? p->k : 20,
           p->temperature > 0 ? p->temperature : 0.07, t->name);
  return copy(&rec->head, text, err);
}

static as_status score_set(as_run_state *r, size_t m, size_t set, as_voter *v, as_cell *cell, as_err *err) {
  const as_plan_model *p = &r->plan->models[m];
  const as_plan_dataset *t = as_plan_train_set(r->plan, p);
  const as_run_place *place = &r->places[set];
  const as_features *f = &r->groups[place->group].f;
  as_dataset *ds = r->sets[set].ds;
  int *map = NULL, same = 1;
  as_scores sc = {0};
  as_str path = {0};
  as_status s = AS_OK;
  /* Classes learnt from one set are found in another by name. */
  if (t) s = as_class_map(r->sets[t - r->plan->datasets].ds, ds, &map, &same, err);
  v->to_class = same ? NULL : map;
  if (s == AS_OK) s = as_score(&sc, ds, f, place->rows, v, err);
  as_str_printf(&path, "%s/cells/%s--%s.tsv", r->opts->dir, p->name, r->plan->datasets[set].name);
  if (s == AS_OK) s = as_str_status(&path, err);
  if (s == AS_OK) s = as_scores_write(&sc, ds, f, place->rows, as_str_c(&path), err);
  as_str_clear(&path);
  if (s == AS_OK) {
    *cell = sc.cell;
    sc.cell = (as_cell){0}; /* its arrays moved to the results */
  } else {
    as_fail_in(err, "model %s on %s", p->name, r->plan->datasets[set].name);
  }
  as_scores_clear(&sc);
  as_free(map);
  return s;
}

static as_status run_model(as_run_state *r, size_t m, as_results *res, as_err *err) {
  as_voter v = {0};
  int *labels = NULL;
  char key[65];
  as_status s = as_run_open_model(r, m, err);
  if (s == AS_OK) s = record_model(r, m, err);
  if (s == AS_OK) s = as_run_plan_groups(r, m, err);
  for (size_t g = 0; s == AS_OK && g < r->n_groups; g++) {
    as_str log = {0};
    as_run_group_key(r, g, key);
    as_str_printf(&log, "%s/work/%.32s.rows", r->opts->dir, key);
    if ((s = as_str_status(&log, err)) == AS_OK) s = as_run_group_features(r, m, g, as_str_c(&log), err);
    as_str_clear(&log);
  }
  if (s == AS_OK && as_plan_train_set(r->plan, &r->plan->models[m])) {
    s = learn(r, m, &v, &labels, err);
  } else if (s == AS_OK) {
    v.head = &r->head;
    s = copy(&r->model_records[m].head, r->head.source, err);
    if (s == AS_OK) s = copy(&r->model_records[m].head_sha256, r->head.sha256, err);
  }
  for (size_t set = 0, at = 0; s == AS_OK && set < r->plan->n_datasets; set++) {
    if (r->plan->datasets[set].train) continue;
    s = score_set(r, m, set, &v, as_results_cell(res, m, at++), err);
  }
  as_free(labels);
  as_run_close_model(r);
  return s;
}

static as_status name_results(as_run_state *r, as_results *res, as_err *err) {
  const as_plan *p = r->plan;
  size_t n_sets = 0, at = 0;
  for (size_t i = 0; i < p->n_datasets; i++) n_sets += !p->datasets[i].train;
  as_status s = as_results_init(res, p->name, p->n_models, n_sets, err);
  for (size_t i = 0; s == AS_OK && i < p->n_datasets; i++) {
    const as_plan_dataset *d = &p->datasets[i];
    if (d->train) continue;
    as_dataset *ds = r->sets[i].ds;
    const uint8_t *mask = as_dataset_mask(ds);
    size_t classes = as_dataset_classes(ds), open = 0;
    char rule[160];
    for (size_t c = 0; c < classes; c++) open += !mask || mask[c];
    if (d->real)
      snprintf(rule, sizeof rule, "any of the ReaL labels, %zu classes; images without label are left out",
               classes);
    else if (mask)
      snprintf(rule, sizeof rule, "top-1 over %zu of %zu classes", open, classes);
    else
      snprintf(rule, sizeof rule, "top-1 over %zu classes", classes);
    as_results_set *set = &res->sets[at];
    set->classes = open;
    if (p->base && strcmp(p->base, d->name) == 0) res->base = at;
    set->name = as_strdup(d->name, err);
    set->rule = as_strdup(rule, err);
    if (!set->name || !set->rule) s = AS_E_ENV;
    if (s == AS_OK) s = as_score_describe(set, ds, err);
    at++;
  }
  for (size_t i = 0; s == AS_OK && i < p->n_models; i++) {
    res->models[i].name = as_strdup(p->models[i].name, err);
    res->models[i].note = as_strdup(p->models[i].note ? p->models[i].note : "", err);
    if (!res->models[i].name || !res->models[i].note) s = AS_E_ENV;
  }
  if (s == AS_OK && p->remark) s = as_results_remark(res, p->remark, err);
  return s;
}

/* What the files could not tell must stand under the table. */
static as_status add_remarks(const as_run_state *r, as_results *res, as_err *err) {
  for (size_t i = 0; i < r->plan->n_models; i++) {
    const char *a = r->model_records[i].assumed;
    char text[768];
    if (!a || !*a) continue;
    snprintf(text, sizeof text, "%s: %s", r->plan->models[i].name, a);
    as_status s = as_results_remark(res, text, err);
    if (s != AS_OK) return s;
  }
  return AS_OK;
}

static as_status write_one(const char *dir, const char *name, const as_str *text, as_err *err) {
  char *path = as_path_join(dir, name, err);
  if (!path) return AS_E_ENV;
  as_status s = as_file_write(path, as_str_c(text), text->n, err);
  as_free(path);
  return s;
}

static as_status write_outputs(const as_run_state *r, const as_results *res, as_err *err) {
  as_record rec = {r->plan, &r->opts->build, r->model_records, r->dataset_records, res, r->opts->lenient};
  /* Files are for any reader and any width of terminal; the printed table follows the terminal. */
  as_report_opts file = {.seed = r->opts->report.seed, .resamples = r->opts->report.resamples};
  as_str text = {0}, csv = {0}, html = {0}, json = {0}, summary = {0};
  as_record_summary(&summary, &rec);
  as_status s = as_report_text(&text, res, &file, err);
  if (s == AS_OK) s = as_report_csv(&csv, res, &file, err);
  if (s == AS_OK) s = as_report_html(&html, res, &file, as_str_c(&summary), err);
  if (s == AS_OK) s = as_record_json(&json, &rec, err);
  for (size_t k = 0; s == AS_OK && k < res->n_sets; k++) {
    as_str path = {0};
    as_str_printf(&path, "%s/cells/%s.classes", r->opts->dir, res->sets[k].name);
    if ((s = as_str_status(&path, err)) == AS_OK)
      s = as_score_write_classes(&res->sets[k], as_str_c(&path), err);
    as_str_clear(&path);
  }
  if (s == AS_OK) s = write_one(r->opts->dir, "table.txt", &text, err);
  if (s == AS_OK) s = write_one(r->opts->dir, "table.csv", &csv, err);
  if (s == AS_OK) s = write_one(r->opts->dir, "report.html", &html, err);
  if (s == AS_OK) s = write_one(r->opts->dir, "record.json", &json, err); /* last: it says complete */
  as_str_clear(&text);
  as_str_clear(&csv);
  as_str_clear(&html);
  as_str_clear(&json);
  as_str_clear(&summary);
  return s;
}

/* An older record would pass for this run's until the new one is written. */
static as_status remove_record(const char *dir, as_err *err) {
  char *path = as_path_join(dir, "record.json", err);
  if (!path) return AS_E_ENV;
  remove(path);
  as_free(path);
  return AS_OK;
}

/* The logs have done their duty once record.json stands. */
static void remove_logs(const char *dir) {
  char *work = as_path_join(dir, "work", NULL);
  as_names names = {0};
  if (work && as_dir_list(&names, work, NULL) == AS_OK) {
    for (size_t i = 0; i < names.n; i++) {
      char *path = as_ends_with(names.name[i], ".rows") ? as_path_join(work, names.name[i], NULL) : NULL;
      if (path) remove(path);
      as_free(path);
    }
    as_names_clear(&names);
    remove(work);
  }
  as_free(work);
}

static as_status make_dirs(const char *dir, as_err *err) {
  static const char *const parts[] = {"cells", "work", "prints"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    char *path = as_path_join(dir, parts[i], err);
    as_status s = path ? as_make_dirs(path, err) : AS_E_ENV;
    if (s == AS_OK) as_out_sweep(path); /* of a run that was killed while it wrote */
    as_free(path);
    if (s != AS_OK) return s;
  }
  as_out_sweep(dir);
  return AS_OK;
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
static as_status print_set(as_run_state *r, size_t i, as_err *err) {
  const as_plan_dataset *p = &r->plan->datasets[i];
  as_dataset_record *d = &r->dataset_records[i];
  as_str path = {0};
  as_status s = print_path(r, "dataset", p->name, &path, err);
  if (s == AS_OK)
    s = as_fingerprint(r->sets[i].ds, r->opts->watch, as_str_c(&path), d->images_sha256, d->labels_sha256,
                       err);
  if (s == AS_OK) s = as_file_sha256(p->labels, d->labels_file, err);
  if (s == AS_OK) s = as_file_sha256(p->real, d->real_file, err);
  if (s == AS_OK) s = as_file_sha256(p->classes, d->classes_file, err);
  if (s == AS_OK) s = as_file_sha256(p->subset, d->subset_file, err);
  as_str_clear(&path);
  return s;
}

as_status as_run(const as_plan *plan, const as_run_opts *opts, as_results *results, as_err *err) {
  as_run_state r = {.plan = plan, .opts = opts};
  memset(results, 0, sizeof *results);
  as_status s = as_run_open_sets(&r, err);
  /* Whatever does not fit is told before hours of work, not after. */
  for (size_t m = 0; s == AS_OK && m < plan->n_models; m++) {
    s = as_run_open_model(&r, m, err);
    if (s == AS_OK) s = as_run_plan_groups(&r, m, err);
    as_run_close_model(&r);
  }
  if (s == AS_OK) s = name_results(&r, results, err);
  if (s == AS_OK) s = make_dirs(opts->dir, err);
  if (s == AS_OK) s = remove_record(opts->dir, err);
  for (size_t i = 0; s == AS_OK && i < plan->n_datasets; i++) {
    as_watch_progress(opts->watch, "reading the images", i, plan->n_datasets);
    s = print_set(&r, i, err);
  }
  if (s == AS_OK) as_watch_progress(opts->watch, "reading the images", plan->n_datasets, plan->n_datasets);
  for (size_t m = 0; s == AS_OK && m < plan->n_models; m++) s = run_model(&r, m, results, err);
  if (s == AS_OK) s = add_remarks(&r, results, err);
  if (s == AS_OK) {
    results->complete = true;
    s = write_outputs(&r, results, err);
  }
  if (s == AS_OK) remove_logs(opts->dir);
  as_run_close(&r);
  if (s != AS_OK) return s;
  size_t cells;
  int64_t failed = count_failed(results, &cells);
  if (failed > 0 && !opts->lenient)
    return as_fail(err, AS_E_INPUT, "%lld images failed in %zu cells; the results are in %s and count them",
                   (long long)failed, cells, opts->dir);
  return AS_OK;
}
