/* What a model's cells and head depend on, and whether they are there already. */
#include <stdio.h>
#include <string.h>

#include "eval/run/record_read.h"
#include "eval/run/run_int.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"

/* A fitted head: the rows that it learned from, their labels, and how. Another one: the file that it is in. */
static void make_head_key(as_job *j, const as_inputs *in) {
  const as_plan *plan = in->plan;
  const as_plan_model *p = &plan->models[j->m];
  const as_model_record *rec = &in->models[j->m];
  const size_t train = as_plan_train_index(in->plan, j->m);
  as_str t = {0};
  if (train == SIZE_MAX) {
    as_str_printf(&t, "head/1\n%s\n%s\n%s\n", rec->weights_sha256, rec->recipe_digest, rec->head_sha256);
    if (rec->head_file_sha256)
      as_str_printf(&t, "%s\n", rec->head_file_sha256); /* it names its classes, too */
  } else {
    const as_run_place *place = &j->groups.place[train];
    const as_dataset_record *d = &in->datasets[train];
    as_str_printf(&t, "fitted/1\n%s\n%s\n%s\n", j->groups.group[place->group].key, d->images_sha256,
                  d->labels_sha256);
    as_str_printf(&t, "%s\n%s\n%s\n%s\n", p->head, as_plan_protocol(plan, p), p->c ? p->c : "", rec->recipe);
    const as_knn_opts knn = as_knn_resolve(as_plan_knn(p));
    as_str_printf(&t, "%d\n%d\n%.17g\n%lld\n%d\n", p->max_iter, knn.k, knn.temperature, (long long)plan->seed,
                  plan->crops);
  }
  as_sha256_of(as_str_c(&t), t.n, j->head_key);
  as_str_clear(&t);
}

static void make_cell_key(as_job *j, as_cell_job *c, const as_inputs *in) {
  const as_plan_dataset *p = &in->plan->datasets[c->set];
  const as_dataset_record *d = &in->datasets[c->set];
  const as_run_group *g = &j->groups.group[j->groups.place[c->set].group];
  as_str t = {0};
  as_str_printf(&t, "cell/1\n%s\n%s\n%s\n%s\n", j->head_key, g->key, d->images_sha256, d->labels_sha256);
  as_str_printf(&t, "%s\n%s\n%s\n%s\n", d->task, p->subset.said ? p->subset.said : "", d->subset_file,
                d->real_file);
  if (as_inputs_among(in, j->m, c->set)) as_str_printf(&t, "among\n%s\n", d->common_sha256);
  as_sha256_of(as_str_c(&t), t.n, c->key);
  as_str_clear(&t);
}

/* ---- what is there ------------------------------------------------------------------------------------ */

/* An element of the finished run's record, if it says that it was made by this build from the same. */
static const as_json *standing(const as_run_folder *folder, const as_inputs *in, const as_json *e,
                               const char *member, const char *key) {
  const char *have = e ? as_rec_digits(e, member) : NULL;
  return have && strcmp(have, key) == 0 && as_receipt_same_build(folder->old.root, &in->opts->build) ? e
                                                                                                     : NULL;
}

static const as_json *standing_model(const as_run_folder *folder, const as_inputs *in, const as_job *j) {
  const char *name = in->plan->models[j->m].name;
  if (!folder->stands) return NULL;
  return standing(folder, in, as_rec_find(&folder->old, "models", "name", name, NULL, NULL), "head_key",
                  j->head_key);
}

const as_json *as_job_cell_json(const as_job *j, size_t k, const as_inputs *in, const as_run_folder *folder,
                                as_json_doc **doc) {
  const as_cell_job *c = &j->cell[k];
  const char *model = in->plan->models[j->m].name, *set = in->plan->datasets[c->set].name;
  char name[200];
  *doc = NULL;
  if (c->from == AS_CELL_STANDING && folder->stands)
    return standing(folder, in, as_rec_find(&folder->old, "cells", "model", model, "dataset", set), "key",
                    c->key);
  snprintf(name, sizeof name, "cells/%s--%s.tsv", model, set);
  return c->from == AS_CELL_WORK ? as_receipt_open(doc, folder, &in->opts->build, c->key, name) : NULL;
}

/* The finished run first: its files need not be moved. */
static void find_cell(as_job *j, size_t k, const as_inputs *in, const as_run_folder *folder) {
  as_cell_job *c = &j->cell[k];
  as_json_doc *doc;
  c->from = AS_CELL_STANDING;
  if (as_job_cell_json(j, k, in, folder, &doc) &&
      as_run_folder_has(folder, "cells/%s--%s.tsv", in->plan->models[j->m].name,
                        in->plan->datasets[c->set].name))
    return;
  c->from = AS_CELL_WORK;
  if (!as_job_cell_json(j, k, in, folder, &doc)) c->from = AS_CELL_TODO;
  as_json_free(&doc);
}

static const as_json *head_json(const as_job *j, const as_inputs *in, const as_run_folder *folder,
                                as_json_doc **doc) {
  char name[120];
  *doc = NULL;
  if (j->head == AS_CELL_STANDING) return standing_model(folder, in, j);
  snprintf(name, sizeof name, "heads/%s.safetensors", in->plan->models[j->m].name);
  return j->head == AS_CELL_WORK ? as_receipt_open(doc, folder, &in->opts->build, j->head_key, name) : NULL;
}

static void find_head(as_job *j, const as_inputs *in, const as_run_folder *folder) {
  const as_plan_model *p = &in->plan->models[j->m];
  as_json_doc *doc;
  j->head = AS_CELL_STANDING;
  if (head_json(j, in, folder, &doc) && as_run_folder_has(folder, "heads/%s.safetensors", p->name)) return;
  j->head = AS_CELL_WORK;
  if (!head_json(j, in, folder, &doc)) j->head = AS_CELL_TODO;
  as_json_free(&doc);
}

as_status as_job_plan(as_job *j, const as_inputs *in, size_t m, const as_run_folder *folder, as_err *err) {
  const as_plan *plan = in->plan;
  size_t found = 0;
  memset(j, 0, sizeof *j);
  j->m = m;
  j->head = AS_CELL_ABSENT;
  j->cell = as_calloc(plan->n_datasets, sizeof *j->cell, err);
  if (!j->cell) return AS_E_ENV;
  for (size_t i = 0; i < plan->n_datasets; i++)
    if (!plan->datasets[i].train) j->cell[j->n_cells++] = (as_cell_job){.set = i, .from = AS_CELL_ABSENT};
  if (in->models[m].why) return AS_OK;
  as_status s = as_groups_plan(&j->groups, in, m, err);
  if (s != AS_OK) return s;
  as_groups_key(&j->groups, in, m);
  make_head_key(j, in);
  if (plan->models[m].kind == AS_HEAD_PROBE) find_head(j, in, folder);
  for (size_t k = 0; k < j->n_cells; k++) {
    if (!in->set[j->cell[k].set].ds) continue;
    make_cell_key(j, &j->cell[k], in);
    find_cell(j, k, in, folder);
    found += j->cell[k].from != AS_CELL_TODO;
  }
  if (found)
    as_log_line(AS_LOG_INFO, "%s: %zu of %zu cells taken over", plan->models[m].name, found,
                found + as_job_todo(j));
  return AS_OK;
}

as_status as_job_record_head(as_inputs *in, const as_job *j, const as_run_folder *folder, as_err *err) {
  const as_plan_model *p = &in->plan->models[j->m];
  as_model_record *rec = &in->models[j->m];
  const size_t train = as_plan_train_index(in->plan, j->m);
  if (train == SIZE_MAX) return AS_OK; /* it was read with the model */
  if (p->kind == AS_HEAD_KNN) {
    char text[200], knn[64];
    snprintf(text, sizeof text, "k-NN: %s, training set %s", as_knn_text(as_plan_knn(p), knn),
             in->plan->datasets[train].name);
    return (rec->head = as_strdup(text, err)) ? AS_OK : AS_E_ENV;
  }
  as_json_doc *doc;
  const as_json *json = head_json(j, in, folder, &doc);
  const char *head = json ? as_rec_text(json, "head") : NULL,
             *sha = json ? as_rec_digits(json, "head_sha256") : NULL;
  as_status s =
      head && sha ? AS_OK : as_fail(err, AS_E_ENV, "%s: the head of %s is gone", folder->dir, p->name);
  if (s == AS_OK) s = as_rec_probe(&rec->probe, json, NULL);
  if (s == AS_OK) {
    as_free(rec->probe.train);
    rec->probe.train = rec->probe.known ? in->plan->datasets[train].name : NULL;
    snprintf(rec->head_key, sizeof rec->head_key, "%s", j->head_key);
    rec->head = as_strdup(head, err);
    rec->head_sha256 = as_strdup(sha, err);
    if (!rec->head || !rec->head_sha256) s = AS_E_ENV;
  }
  as_json_free(&doc);
  return s;
}

size_t as_job_todo(const as_job *j) {
  size_t n = j->head == AS_CELL_TODO;
  for (size_t k = 0; k < j->n_cells; k++) n += j->cell[k].from == AS_CELL_TODO;
  return n;
}

void as_job_clear(as_job *j) {
  for (size_t k = 0; k < j->n_cells; k++) {
    as_free(j->cell[k].why);
    as_free(j->cell[k].forgiven);
  }
  as_free(j->cell);
  as_groups_clear(&j->groups);
  memset(j, 0, sizeof *j);
}
