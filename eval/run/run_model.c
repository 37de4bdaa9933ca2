/* One model over all sets: features, head, cells. */
#include <stdio.h>
#include <string.h>

#include "eval/learn/crops.h"
#include "eval/learn/probe_path.h"
#include "eval/learn/protocol.h"
#include "eval/learn/score.h"
#include "eval/run/prints.h"
#include "eval/run/run_int.h"
#include "tensor/base/file.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

static as_status copy(char **to, const char *from, as_err *err) {
  as_free(*to);
  return (*to = as_strdup(from, err)) ? AS_OK : AS_E_ENV;
}

as_status as_run_print_path(const as_run_state *r, const char *kind, const char *name, as_str *path,
                            as_err *err) {
  as_str_clear(path);
  as_str_printf(path, "%s/prints/%s-%s.tsv", r->opts->dir, kind, name);
  return as_str_status(path, err);
}

as_status as_run_record_model(as_run_state *r, size_t m, as_err *err) {
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
  if (s == AS_OK) s = as_file_sha256(r->plan->models[m].recipe.at, rec->recipe_sha256, err);
  as_str path = {0};
  if (s == AS_OK) s = as_run_print_path(r, "model", r->plan->models[m].name, &path, err);
  if (s == AS_OK) s = as_prints_tensors(b->state, as_str_c(&path), err);
  if (s == AS_OK && r->plan->models[m].kind == AS_HEAD_FILE) {
    as_state *st = NULL;
    if ((s = as_state_open(&st, r->plan->models[m].head_file.at, err)) == AS_OK)
      s = copy(&rec->head_file_sha256, as_state_sha256(st), err);
    if (s == AS_OK) s = as_run_print_path(r, "head", r->plan->models[m].name, &path, err);
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

/* Through the backbone, on new crops in every epoch. */
static as_status fit_crops(as_run_state *r, size_t m, const as_protocol *how, as_err *err) {
  const as_plan_dataset *t = as_plan_train_set(r->plan, &r->plan->models[m]);
  size_t set = (size_t)(t - r->plan->datasets), failed = 0;
  as_crops_opts o = {.seed = (uint64_t)r->plan->seed,
                     .batch = r->opts->batch,
                     .lenient = r->opts->lenient,
                     .watch = r->opts->watch};
  as_status s = as_backbone_use_preset(&r->bb, r->groups[r->places[set].group].preset, err);
  if (s == AS_OK) s = as_linhead_crops(&r->head, how, &r->bb, r->sets[set].ds, &o, &failed, err);
  if (s == AS_OK && failed)
    as_log_line(AS_LOG_WARN, "%s: %zu images of %s could not be read and taught nothing",
                r->plan->models[m].name, failed, t->name);
  return s;
}

/* The head of model m by the plan's protocol. */
static as_status fit(as_run_state *r, size_t m, const as_features *f, const int *y, size_t classes,
                     as_err *err) {
  const as_plan_model *p = &r->plan->models[m];
  const char *name = as_plan_protocol(r->plan, p);
  if (strcmp(name, "lbfgs") != 0) {
    bool own = strcmp(name, "per-framework") == 0;
    const as_protocol *how =
        own ? as_protocol_of_recipe(as_recipe_name(r->bb.recipe)) : as_protocol_named(name);
    if (!how)
      return as_fail(err, AS_E_INPUT, "no probe protocol is known for recipe %s; say protocol = NAME",
                     as_recipe_name(r->bb.recipe));
    if (r->plan->crops && how->crops) return fit_crops(r, m, how, err);
    return as_linhead_protocol(&r->head, how, f->x, y, f->n, f->d, classes, (uint64_t)r->plan->seed, err);
  }
  as_probe_opts o = {.max_iter = p->max_iter};
  as_path_opts path = {.seed = (uint64_t)r->plan->seed, .max_iter = p->max_iter};
  as_status s = p->c ? as_path_parse(p->c, &o.c, &path, err) : AS_OK;
  bool converged = true;
  if (s == AS_OK && path.count > 0) {
    as_path_result res = {0};
    s = as_linhead_path(&r->head, f->x, y, f->n, f->d, classes, &path, &res, err);
    converged = s != AS_OK || res.fit.converged;
    as_path_clear(&res);
  } else if (s == AS_OK) {
    as_probe_result res;
    s = as_linhead_fit(&r->head, f->x, y, f->n, f->d, classes, &o, &res, err);
    converged = s != AS_OK || res.converged;
  }
  if (!converged) as_log_line(AS_LOG_WARN, "%s: %s", p->name, r->head.source);
  return s;
}

/* Fits the probe or prepares the neighbours of model m from its training set. */
static as_status learn(as_run_state *r, size_t m, as_voter *v, as_labelled *rows, int **labels, as_err *err) {
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
    as_watch_progress(r->opts->watch, "fitting the probe", 0, 1);
    as_status s = fit(r, m, f, *labels, as_dataset_classes(ds), err);
    if (s != AS_OK) return as_fail_in(err, "model %s", p->name), s;
    v->head = &r->head;
    if ((s = copy(&rec->head_sha256, r->head.sha256, err)) != AS_OK) return s;
    return copy(&rec->head, r->head.source, err);
  }
  *rows = (as_labelled){.x = f->x, .y = *labels, .n = f->n, .d = f->d, .classes = as_dataset_classes(ds)};
  v->train = rows;
  v->knn = (as_knn_opts){.k = p->k, .temperature = p->temperature};
  char knn[64];
  snprintf(text, sizeof text, "k-NN: %s, training set %s", as_knn_text(v->knn, knn), t->name);
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
  if (s == AS_OK) s = as_score(&sc, ds, f, place->rows, v, NULL, err);
  as_str_printf(&path, "%s/cells/%s--%s.tsv", r->opts->dir, p->name, r->plan->datasets[set].name);
  if (s == AS_OK) s = as_str_status(&path, err);
  if (s == AS_OK) s = as_scores_write(&sc, ds, f, place->rows, as_str_c(&path), err);
  as_str_clear(&path);
  const char *preset = r->groups[place->group].preset, *usual = r->model_records[m].preset;
  if (s == AS_OK) {
    *cell = sc.cell;
    sc.cell = (as_cell){0}; /* its arrays moved to the results */
    if (strcmp(preset, usual) != 0 && !(cell->preset = as_strdup(preset, err))) s = AS_E_ENV;
  } else {
    as_fail_in(err, "model %s on %s", p->name, r->plan->datasets[set].name);
  }
  as_scores_clear(&sc);
  as_free(map);
  return s;
}

as_status as_run_model(as_run_state *r, size_t m, as_results *res, as_err *err) {
  as_voter v = {0};
  as_labelled neighbours = {0};
  int *labels = NULL;
  char key[65];
  as_status s = as_run_open_model(r, m, err);
  if (s == AS_OK) s = as_run_record_model(r, m, err);
  if (s == AS_OK) s = as_run_plan_groups(r, m, err);
  for (size_t g = 0; s == AS_OK && g < r->n_groups; g++) {
    as_str log = {0};
    as_run_group_key(r, g, key);
    as_str_printf(&log, "%s/work/%.32s.rows", r->opts->dir, key);
    if ((s = as_str_status(&log, err)) == AS_OK)
      s = as_run_group_features(r, m, g, as_str_c(&log), 0, 0, err);
    as_str_clear(&log);
  }
  if (s == AS_OK && as_plan_train_set(r->plan, &r->plan->models[m])) {
    s = learn(r, m, &v, &neighbours, &labels, err);
  } else if (s == AS_OK) {
    v.head = &r->head;
    s = copy(&r->model_records[m].head, r->head.source, err);
    if (s == AS_OK) s = copy(&r->model_records[m].head_sha256, r->head.sha256, err);
  }
  for (size_t set = 0, at = 0; s == AS_OK && set < r->plan->n_datasets; set++) {
    if (r->plan->datasets[set].train) continue;
    as_cell *cell = as_results_cell(res, m, at++);
    if (!r->sets[set].ds) continue; /* its reason is filled in at the end */
    s = score_set(r, m, set, &v, cell, err);
    if (s != AS_OK && as_run_excuse(r, s, err, &cell->why)) s = AS_OK;
  }
  as_free(labels);
  as_run_close_model(r);
  return s;
}
