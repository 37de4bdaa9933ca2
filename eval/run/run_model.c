/* One model: features of the images that are wanted, its head, its cells. */
#include <stdio.h>
#include <string.h>

#include "eval/learn/crops.h"
#include "eval/learn/keep.h"
#include "eval/learn/probe_path.h"
#include "eval/learn/protocol.h"
#include "eval/learn/score.h"
#include "eval/run/run_int.h"
#include "tensor/base/file.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

/* What is at hand while a model runs. */
typedef struct as_model_run {
  const as_inputs *in;
  const as_job *job;
  const as_run_folder *folder;
  const as_plan_model *plan;
  as_open_model open;
  as_features *features; /* [job->groups.n]; those that are not wanted stay empty */
  as_voter voter;
  as_labelled neighbours;  /* of k-NN */
  int *train_label;        /* owned */
  const char **train_name; /* [classes of the training set] borrowed names; owned */
} as_model_run;

static const as_features *features_of(const as_model_run *r, size_t set) {
  return &r->features[r->job->groups.place[set].group];
}

/* ---- features ----------------------------------------------------------------------------------------- */

/* Is there a cell to be computed, or a head to be fitted, from the rows of this group? */
static bool is_wanted(const as_model_run *r, size_t group) {
  const as_job *j = r->job;
  const size_t train = as_plan_train_index(r->in->plan, j->m);
  for (size_t k = 0; k < j->n_cells; k++)
    if (j->cell[k].from == AS_CELL_TODO && j->groups.place[j->cell[k].set].group == group) return true;
  if (train == SIZE_MAX || j->groups.place[train].group != group) return false;
  return r->plan->kind == AS_HEAD_KNN || j->head == AS_CELL_TODO;
}

static as_status run_backbone(as_model_run *r, as_err *err) {
  as_status s = AS_OK;
  for (size_t g = 0; s == AS_OK && g < r->job->groups.n; g++) {
    const as_run_group *group = &r->job->groups.group[g];
    if (!is_wanted(r, g)) continue;
    char key[65];
    as_rows_key(key, group, r->in->opts);
    char *log = as_run_folder_rows(r->folder, key, err);
    as_group_work work = {.log = log, .key = key};
    s = log ? as_groups_features(&r->features[g], r->in, r->job->m, &r->open, group, &work, err) : AS_E_ENV;
    as_free(log);
  }
  return s;
}

/* ---- the head ----------------------------------------------------------------------------------------- */

/* Labels of the training set's rows; failed images and those with several answers teach nothing. */
static int *train_labels(const as_model_run *r, size_t train, as_err *err) {
  const as_dataset *ds = r->in->set[train].ds;
  const as_features *f = features_of(r, train);
  const size_t *rows = r->job->groups.place[train].rows;
  int *y = as_alloc(f->n ? f->n : 1, sizeof *y, err);
  if (!y) return NULL;
  for (size_t i = 0; i < f->n; i++) y[i] = -1;
  for (size_t i = 0; i < as_dataset_count(ds); i++) {
    size_t row = rows ? rows[i] : i;
    as_item item = as_dataset_item(ds, i);
    if (!f->failed[row] && !item.labels) y[row] = item.label;
  }
  return y;
}

/* Through the backbone, on new crops in every epoch. */
static as_status fit_crops(as_model_run *r, size_t train, const as_protocol *how, as_err *err) {
  const as_run_opts *opts = r->in->opts;
  size_t failed = 0;
  as_crops_opts o = {.seed = (uint64_t)r->in->plan->seed,
                     .batch = opts->batch,
                     .lenient = opts->lenient,
                     .watch = opts->watch};
  const as_run_group *g = &r->job->groups.group[r->job->groups.place[train].group];
  as_status s = as_backbone_use_preset(&r->open.bb, g->preset, err);
  if (s == AS_OK)
    s = as_linhead_crops(&r->open.head, how, &r->open.bb, r->in->set[train].ds, &o, &failed, err);
  if (s == AS_OK && failed)
    as_log_line(AS_LOG_WARN, "%s: %zu images of %s could not be read and taught nothing", r->plan->name,
                failed, r->in->plan->datasets[train].name);
  return s;
}

/* The training set's rows with the labels of this model's classes. */
static as_labelled rows_of(const as_model_run *r, size_t train) {
  const as_features *f = features_of(r, train);
  return (as_labelled){.x = f->x,
                       .y = r->train_label,
                       .n = f->n,
                       .d = f->d,
                       .classes = as_dataset_classes(r->in->set[train].ds),
                       .class_name = r->train_name};
}

/* By the protocol of a framework. */
static as_status fit_protocol(as_model_run *r, size_t train, const char *name, as_keep *keep, as_err *err) {
  const as_labelled rows = rows_of(r, train);
  const char *recipe = as_recipe_name(r->open.bb.recipe);
  const as_protocol *how =
      strcmp(name, "per-framework") == 0 ? as_protocol_of_recipe(recipe) : as_protocol_named(name);
  if (!how)
    return as_fail(err, AS_E_INPUT, "no probe protocol is known for recipe %s; say protocol = NAME", recipe);
  if (r->in->plan->crops && how->crops) return fit_crops(r, train, how, err);
  return as_linhead_protocol(&r->open.head, &rows, how, (uint64_t)r->in->plan->seed, keep, err);
}

/* By L-BFGS, at one C or at the best of a path. */
static as_status fit_lbfgs(as_model_run *r, size_t train, as_keep *keep, as_probe_facts *facts, as_err *err) {
  const as_plan_model *p = r->plan;
  const as_labelled rows = rows_of(r, train);
  as_probe_opts o = {.max_iter = p->max_iter, .keep = keep};
  as_path_opts path = {.seed = (uint64_t)r->in->plan->seed, .max_iter = p->max_iter, .keep = keep};
  as_path_result tried = {0};
  as_probe_result res = {0};
  as_status s = p->c ? as_path_parse(p->c, &o.c, &path, err) : AS_OK;
  if (s == AS_OK && path.count > 0) {
    s = as_linhead_path(&r->open.head, &rows, &path, &tried, err);
    res = tried.fit;
    if (s == AS_OK) o.c = tried.point[tried.best].c;
    as_path_clear(&tried);
  } else if (s == AS_OK) {
    s = as_linhead_fit(&r->open.head, &rows, &o, &res, err);
  }
  if (s != AS_OK) return s;
  if (!res.converged) as_log_line(AS_LOG_WARN, "%s: %s", p->name, r->open.head.source);
  *facts = (as_probe_facts){.known = true,
                            .c = as_probe_resolve(o).c,
                            .loss = res.loss,
                            .bound = res.bound,
                            .gradient = res.gradient,
                            .iterations = res.iterations,
                            .converged = res.converged};
  for (size_t i = 0; i < rows.n; i++) facts->n_train += r->train_label[i] >= 0;
  return AS_OK;
}

/* What the record will say of a fitted head. */
typedef struct as_head_note {
  const as_linhead *head;
  const as_probe_facts *facts;
} as_head_note;

static void put_head_note(as_jsonw *w, const void *ctx) {
  const as_head_note *n = ctx;
  char hex[65];
  as_linhead_sha256(n->head, hex);
  as_jsonw_object(w);
  as_record_head(w, n->head->source, hex, n->facts);
  as_jsonw_end(w);
}

/* Fits the probe, and leaves it in work/heads; where it is stopped, what the next run goes on from. */
static as_status fit_probe(as_model_run *r, size_t train, as_err *err) {
  const char *protocol = as_plan_protocol(r->in->plan, r->plan);
  as_probe_facts facts = {0};
  char name[120];
  as_keep *keep = NULL;
  char *state = as_run_folder_new(r->folder, err, "heads/%s.state", r->plan->name);
  as_watch_progress(r->in->opts->watch, "fitting the probe", 0, 1);
  as_status s = state ? as_keep_create(&keep, state, r->in->opts->watch, err) : AS_E_ENV;
  if (s == AS_OK)
    s = strcmp(protocol, "lbfgs") == 0 ? fit_lbfgs(r, train, keep, &facts, err)
                                       : fit_protocol(r, train, protocol, keep, err);
  as_keep_destroy(&keep, s == AS_OK);
  as_free(state);
  if (s == AS_E_STOPPED) return as_fail(err, s, "model %s: stopped in the fit of its probe", r->plan->name);
  if (s != AS_OK) return as_fail_in(err, "model %s", r->plan->name), s;
  as_watch_progress(r->in->opts->watch, "fitting the probe", 1, 1);
  facts.train = r->in->plan->datasets[train].name;
  as_head_note note = {&r->open.head, &facts};
  snprintf(name, sizeof name, "heads/%s.safetensors", r->plan->name);
  char *path = as_run_folder_new(r->folder, err, "%s", name);
  s = path ? as_linhead_write(&r->open.head, path, err) : AS_E_ENV;
  if (s == AS_OK)
    s = as_receipt_write(r->folder, &r->in->opts->build, r->job->head_key, name, put_head_note, &note, err);
  as_free(path);
  return s;
}

/* The probe as it was fitted before. */
static as_status reload_probe(as_model_run *r, as_err *err) {
  const char *base = r->job->head == AS_CELL_STANDING ? r->folder->dir : r->folder->work;
  as_str path = {0};
  as_str_printf(&path, "%s/heads/%s.safetensors", base, r->plan->name);
  as_status s = as_str_status(&path, err);
  if (s == AS_OK)
    s = as_linhead_file(&r->open.head, as_str_c(&path), (size_t)as_model_embed_dim(r->open.bb.model), err);
  if (s == AS_OK && !r->open.head.name) s = as_linhead_name(&r->open.head, r->train_name, err);
  as_str_clear(&path);
  return s;
}

/* What votes: the head that is there, a probe, or neighbours among the training set. */
static as_status make_voter(as_model_run *r, as_err *err) {
  const size_t train = as_plan_train_index(r->in->plan, r->job->m);
  r->voter.head = &r->open.head;
  if (train == SIZE_MAX) return AS_OK;
  const as_dataset *ds = r->in->set[train].ds;
  if (as_dataset_classes(ds) < 2)
    return as_fail(err, AS_E_INPUT, "dataset %s: found no class labels, wanted them for head = %s",
                   r->in->plan->datasets[train].name, r->plan->head);
  if (!(r->train_name = as_alloc(as_dataset_classes(ds), sizeof *r->train_name, err))) return AS_E_ENV;
  for (size_t c = 0; c < as_dataset_classes(ds); c++) r->train_name[c] = as_dataset_class_name(ds, c);
  if (r->plan->kind == AS_HEAD_PROBE && r->job->head != AS_CELL_TODO) return reload_probe(r, err);
  if (!(r->train_label = train_labels(r, train, err))) return AS_E_ENV;
  if (r->plan->kind == AS_HEAD_PROBE) return fit_probe(r, train, err);
  r->voter.head = NULL;
  r->neighbours = rows_of(r, train);
  r->voter.train = &r->neighbours;
  r->voter.knn = as_plan_knn(r->plan);
  r->voter.knn.watch = r->in->opts->watch;
  return AS_OK;
}

/* ---- cells -------------------------------------------------------------------------------------------- */

/* With --lenient: how many images of a run of the backbone are damaged and were used. "" for none. */
static void say_forgiven(const as_model_run *r, size_t group, char text[400]) {
  const as_features *f = &r->features[group];
  const as_run_set *set = &r->in->set[r->job->groups.group[group].lead];
  size_t i = 0;
  text[0] = 0;
  while (i < f->n && (f->failed[i] || !f->why[i])) i++;
  if (f->n_warned == 0 || i == f->n) return;
  snprintf(text, 400, "%.64s: %zu of %zu images %s damaged and used (--lenient), such as %.100s: %.100s",
           set->plan->name, f->n_warned, f->n, f->n_warned == 1 ? "is" : "are",
           as_dataset_item(set->ds, i).name, f->why[i]);
}

typedef struct as_cell_note {
  const char *model, *set;
  const as_cell *cell;
  as_cell_origin origin;
} as_cell_note;

static void put_cell_note(as_jsonw *w, const void *ctx) {
  const as_cell_note *n = ctx;
  as_record_cell(w, n->model, n->set, n->cell, &n->origin);
}

/* Scores a set, and leaves its table in work/cells. */
static as_status score_set(as_model_run *r, const as_cell_job *c, as_err *err) {
  const char *set = r->in->plan->datasets[c->set].name;
  const as_run_place *place = &r->job->groups.place[c->set];
  const as_features *f = features_of(r, c->set);
  const as_dataset *ds = r->in->set[c->set].ds;
  const uint8_t *among = as_inputs_among(r->in, r->job->m, c->set);
  as_scores sc = {0};
  char name[200];
  snprintf(name, sizeof name, "cells/%s--%s.tsv", r->plan->name, set);
  char *path = as_run_folder_new(r->folder, err, "%s", name);
  as_status s = path ? AS_OK : AS_E_ENV;
  if (s == AS_OK) s = as_score(&sc, ds, f, place->rows, &r->voter, among, err);
  if (s == AS_OK) s = as_scores_write(&sc, ds, f, place->rows, path, err);
  const char *preset = r->job->groups.group[place->group].preset;
  if (s == AS_OK && strcmp(preset, r->in->models[r->job->m].preset) != 0 &&
      !(sc.cell.preset = as_strdup(preset, err)))
    s = AS_E_ENV;
  char forgiven[400];
  say_forgiven(r, place->group, forgiven);
  as_cell_note note = {
      r->plan->name, set, &sc.cell, {.key = c->key, .forgiven = forgiven, .classes = as_dataset_classes(ds)}};
  if (s == AS_OK)
    s = as_receipt_write(r->folder, &r->in->opts->build, c->key, name, put_cell_note, &note, err);
  if (s != AS_OK) as_fail_in(err, "model %s on %s", r->plan->name, set);
  as_scores_clear(&sc);
  as_free(path);
  return s;
}

as_status as_run_model(as_inputs *in, as_job *job, const as_run_folder *folder, as_err *err) {
  as_model_run r = {.in = in, .job = job, .folder = folder, .plan = &in->plan->models[job->m]};
  as_status s = as_open_model_make(&r.open, r.plan, err);
  if (s != AS_OK) return s;
  r.features = as_calloc(job->groups.n, sizeof *r.features, err);
  if (!r.features) s = AS_E_ENV;
  if (s == AS_OK) s = run_backbone(&r, err);
  if (s == AS_OK) s = make_voter(&r, err);
  if (s == AS_OK && job->head == AS_CELL_TODO) job->head = AS_CELL_WORK;
  for (size_t k = 0; s == AS_OK && k < job->n_cells; k++) {
    as_cell_job *c = &job->cell[k];
    if (c->from != AS_CELL_TODO) continue;
    s = score_set(&r, c, err);
    c->from = AS_CELL_WORK;
    if (s == AS_OK || !as_inputs_excuse(in, s, err, &c->why)) continue;
    c->from = AS_CELL_ABSENT;
    s = AS_OK;
  }
  for (size_t g = 0; r.features && g < job->groups.n; g++) as_features_clear(&r.features[g]);
  as_free(r.features);
  as_free(r.train_label);
  as_free(r.train_name);
  as_open_model_clear(&r.open);
  return s;
}
