/* What a run reads: sets opened, models tried, every file hashed. */
#include <stdio.h>
#include <string.h>

#include "eval/run/prints.h"
#include "eval/run/run_int.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/md5.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

bool as_inputs_excuse(as_inputs *in, as_status s, const as_err *err, char **why) {
  if (!in->opts->partial || (s != AS_E_INPUT && s != AS_E_USAGE)) return false;
  if (in->excused.n++ == 0) {
    in->excused.first = *err;
    in->excused.first.status = AS_E_INPUT;
  }
  as_log_line(AS_LOG_WARN, "left out: %s", err->msg);
  as_free(*why);
  return (*why = as_plan_portable(in->plan, err->msg, NULL)) != NULL;
}

as_status as_inputs_init(as_inputs *in, const as_plan *plan, const as_run_opts *opts, as_err *err) {
  *in = (as_inputs){.plan = plan, .opts = opts};
  in->set = as_calloc(plan->n_datasets, sizeof *in->set, err);
  in->datasets = as_calloc(plan->n_datasets, sizeof *in->datasets, err);
  in->models = as_calloc(plan->n_models, sizeof *in->models, err);
  in->choice = as_calloc(plan->n_models * plan->n_datasets, sizeof *in->choice, err);
  if (!in->set || !in->datasets || !in->models || !in->choice) return AS_E_ENV;
  for (size_t i = 0; i < plan->n_datasets; i++)
    in->set[i] = (as_run_set){.plan = &plan->datasets[i], .record = &in->datasets[i]};
  return AS_OK;
}

as_status as_inputs_open_set(as_inputs *in, size_t i, as_err *err) {
  as_run_set *s = &in->set[i];
  as_dataset_opts o = as_plan_dataset_opts(s->plan);
  as_status st = as_dataset_open(&s->ds, &o, err);
  if (st != AS_OK) return as_fail_in(err, "dataset %s", s->plan->name), st;
  s->record->images = as_dataset_count(s->ds);
  s->record->classes = as_dataset_classes(s->ds);
  return (s->record->task = as_strdup(as_dataset_task(s->ds), err)) ? AS_OK : AS_E_ENV;
}

as_status as_inputs_open(as_inputs *in, const as_plan *plan, const as_run_opts *opts, as_err *err) {
  as_status s = as_inputs_init(in, plan, opts, err);
  for (size_t i = 0; s == AS_OK && i < plan->n_datasets; i++) {
    s = as_inputs_open_set(in, i, err);
    if (s != AS_OK && as_inputs_excuse(in, s, err, &in->datasets[i].why)) s = AS_OK;
  }
  return s;
}

void as_inputs_clear(as_inputs *in) {
  for (size_t i = 0; in->set && i < in->plan->n_datasets; i++) {
    as_dataset_close(&in->set[i].ds);
    as_free(in->set[i].print);
  }
  for (size_t i = 0; in->datasets && i < in->plan->n_datasets; i++) as_dataset_record_clear(&in->datasets[i]);
  for (size_t i = 0; in->models && i < in->plan->n_models; i++) as_model_record_clear(&in->models[i]);
  for (size_t i = 0; in->choice && i < in->plan->n_models * in->plan->n_datasets; i++)
    as_free(in->choice[i].can);
  as_free(in->choice);
  as_free(in->set);
  as_free(in->datasets);
  as_free(in->models);
  memset(in, 0, sizeof *in);
}

/* ---- models ------------------------------------------------------------------------------------------- */

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

as_status as_open_model_make(as_open_model *o, const as_plan_model *p, as_err *err) {
  as_backbone_opts b = {
      .weights = p->weights.at, .recipe = p->recipe.at, .arch = p->arch, .preset = p->preset, .digest = true};
  memset(o, 0, sizeof *o);
  as_status s = as_backbone_open(&o->bb, &b, err);
  if (s == AS_OK && p->hash) s = check_hash(p, o->bb.state, err);
  if (s == AS_OK && p->kind == AS_HEAD_OWN) s = as_linhead_own(&o->head, &o->bb, err);
  if (s == AS_OK && p->kind == AS_HEAD_FILE)
    s = as_linhead_file(&o->head, p->head_file.at, (size_t)as_model_embed_dim(o->bb.model), err);
  if (s != AS_OK) {
    as_fail_in(err, "model %s", p->name);
    as_open_model_clear(o);
  }
  return s;
}

void as_open_model_clear(as_open_model *o) {
  as_linhead_clear(&o->head);
  as_backbone_clear(&o->bb);
}

static as_status copy_text(char **to, const char *from, as_err *err) {
  as_free(*to);
  return (*to = as_strdup(from, err)) ? AS_OK : AS_E_ENV;
}

/* How a checkpoint of assay pretrain came about, as it says itself; nothing of others. */
static as_status record_training(as_model_record *rec, const as_state *state, as_err *err) {
  const struct {
    const char *key;
    char **to;
  } told[] = {{"assay.method", &rec->method},
              {"assay.family", &rec->family},
              {"assay.seed", &rec->train_seed},
              {"assay.command", &rec->training}};
  for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
    const char *text = as_state_meta(state, told[i].key);
    as_str shown = {0};
    if (!text || !as_state_meta(state, "assay.method")) continue;
    as_str_put_escaped(&shown, text);
    as_status s = as_str_status(&shown, err);
    if (s == AS_OK) s = copy_text(told[i].to, as_str_c(&shown), err);
    as_str_clear(&shown);
    if (s != AS_OK) return s;
  }
  return AS_OK;
}

/* What is in force for an open model, into its record. */
static as_status record_model(as_model_record *rec, const as_plan *plan, const as_plan_model *p,
                              const as_open_model *o, as_err *err) {
  const as_backbone *b = &o->bb;
  as_status s = copy_text(&rec->weights_sha256, as_state_sha256(b->state), err);
  if (s == AS_OK) s = copy_text(&rec->container, as_state_container(b->state), err);
  if (s == AS_OK) s = copy_text(&rec->recipe, as_recipe_name(b->recipe), err);
  if (s == AS_OK) s = copy_text(&rec->arch, as_model_arch(b->model), err);
  if (s == AS_OK) s = copy_text(&rec->preset, b->preset_text, err);
  if (s == AS_OK) s = copy_text(&rec->assumed, b->assumed, err);
  if (s == AS_OK) s = record_training(rec, b->state, err);
  as_recipe_digest(b->recipe, rec->recipe_digest);
  rec->used = b->used;
  rec->renamed = b->renamed;
  rec->dropped = b->dropped;
  rec->embed_dim = (size_t)as_model_embed_dim(b->model);
  rec->gflop = as_model_gflop(b->model);
  if (s == AS_OK) s = as_file_sha256(p->recipe.at, rec->recipe_sha256, err);
  if (s != AS_OK || !o->head.packed) return s;
  as_free(rec->head);
  rec->head = as_plan_portable(plan, o->head.source, err);
  char hex[65];
  as_linhead_sha256(&o->head, hex);
  s = rec->head ? copy_text(&rec->head_sha256, hex, err) : AS_E_ENV;
  if (s != AS_OK || p->kind != AS_HEAD_FILE) return s;
  as_state *st = NULL;
  if ((s = as_state_open(&st, p->head_file.at, err)) == AS_OK)
    s = copy_text(&rec->head_file_sha256, as_state_sha256(st), err);
  as_state_close(&st);
  return s;
}

as_status as_inputs_try_model(as_inputs *in, size_t m, as_open_model *o, as_groups *g, as_err *err) {
  const as_plan_model *p = &in->plan->models[m];
  const size_t train = as_plan_train_index(in->plan, m);
  memset(g, 0, sizeof *g);
  as_status s = as_open_model_make(o, p, err);
  if (s != AS_OK) return s;
  s = record_model(&in->models[m], in->plan, p, o, err);
  if (s == AS_OK && train != SIZE_MAX && !in->set[train].ds)
    s = as_fail(err, AS_E_INPUT, "model %s: its training set %s cannot be opened%s%s", p->name,
                in->plan->datasets[train].name, in->datasets[train].why ? ": " : "",
                in->datasets[train].why ? in->datasets[train].why : "");
  if (s == AS_OK) s = as_groups_plan(g, in, m, err); /* its presets are read */
  if (s != AS_OK) {
    as_groups_clear(g);
    as_open_model_clear(o);
  }
  return s;
}

as_status as_inputs_try_models(as_inputs *in, as_err *err) {
  for (size_t m = 0; m < in->plan->n_models; m++) {
    as_open_model o;
    as_groups g;
    as_status s = as_inputs_try_model(in, m, &o, &g, err);
    if (s != AS_OK && !as_inputs_excuse(in, s, err, &in->models[m].why)) return s;
    if (s != AS_OK) continue;
    for (size_t i = 0; s == AS_OK && i < in->plan->n_datasets; i++) {
      s = as_inputs_choose(in, m, i, &o, err);
      if (s == AS_E_INPUT && in->opts->partial) s = AS_OK; /* the cell will say why it is absent */
    }
    as_groups_clear(&g);
    as_open_model_clear(&o);
    if (s != AS_OK) return s;
  }
  return as_inputs_find_common(in, err);
}

/* ---- hashes ------------------------------------------------------------------------------------------- */

/* Images of the same path are the same files: the prints of a set that was read before serve. */
static bool copy_prints(as_inputs *in, size_t i) {
  as_run_set *to = &in->set[i];
  const size_t n = as_dataset_count(to->ds);
  for (size_t e = 0; e < i; e++) {
    const as_run_set *from = &in->set[e];
    if (!from->print || strcmp(from->plan->path.at, to->plan->path.at) != 0) continue;
    size_t at = 0, k = 0, have = as_dataset_count(from->ds);
    for (; k < n; k++) {
      const char *name = as_dataset_item(to->ds, k).name;
      while (at < have && strcmp(as_dataset_item(from->ds, at).name, name) != 0) at++;
      if (at == have) break;
      to->print[k] = from->print[at++];
    }
    if (k == n) return true;
  }
  return false;
}

/* The hashes of one set's images, labels and side files. */
static as_status print_set(as_inputs *in, size_t i, const as_run_folder *folder, bool pixels, as_err *err) {
  as_run_set *set = &in->set[i];
  const as_plan_dataset *p = set->plan;
  as_dataset_record *d = set->record;
  const size_t n = as_dataset_count(set->ds);
  char what[160];
  snprintf(what, sizeof what, "reading %s", p->name);
  if (!(set->print = as_calloc(n ? n : 1, sizeof *set->print, err))) return AS_E_ENV;
  char *older = as_run_folder_has(folder, "prints/dataset-%s.tsv", p->name)
                    ? as_rec_file_path(&folder->old, err, "prints/dataset-%s.tsv", p->name)
                    : NULL;
  char *path = as_run_folder_new(folder, err, "prints/dataset-%s.tsv", p->name);
  as_status s = path ? AS_OK : AS_E_ENV;
  if (s == AS_OK && !copy_prints(in, i))
    s = as_prints_images(set->print, set->ds, pixels, older, in->opts->watch, what, err);
  if (s == AS_OK) s = as_prints_set(set->ds, set->print, path, d->images_sha256, d->labels_sha256, err);
  if (s == AS_OK) s = as_file_sha256(p->labels.at, d->labels_file, err);
  if (s == AS_OK) s = as_file_sha256(p->real.at, d->real_file, err);
  if (s == AS_OK) s = as_file_sha256(p->classes.at, d->classes_file, err);
  if (s == AS_OK) s = as_file_sha256(p->subset.at, d->subset_file, err);
  as_free(older);
  as_free(path);
  return s;
}

as_status as_inputs_print_sets(as_inputs *in, const as_run_folder *folder, bool pixels, as_err *err) {
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < in->plan->n_datasets; i++)
    if (in->set[i].ds) s = print_set(in, i, folder, pixels, err);
  return s;
}

static as_status print_tensors(const char *file, const as_run_folder *folder, const char *kind,
                               const char *name, as_err *err) {
  as_state *st = NULL;
  char *path = as_run_folder_new(folder, err, "prints/%s-%s.tsv", kind, name);
  as_status s = path ? as_state_open(&st, file, err) : AS_E_ENV;
  if (s == AS_OK) s = as_prints_tensors(st, path, err);
  as_state_close(&st);
  as_free(path);
  return s;
}

as_status as_inputs_print_model(const as_inputs *in, size_t m, const as_run_folder *folder, as_err *err) {
  const as_plan_model *p = &in->plan->models[m];
  const as_json *old =
      folder->stands ? as_rec_find(&folder->old, "models", "name", p->name, NULL, NULL) : NULL;
  const char *weights = old ? as_rec_digits(old, "weights_sha256") : NULL;
  const char *head = old ? as_rec_digits(old, "head_file_sha256") : NULL;
  as_status s = AS_OK;
  if (!weights || strcmp(weights, in->models[m].weights_sha256) != 0 ||
      !as_run_folder_has(folder, "prints/model-%s.tsv", p->name))
    s = print_tensors(p->weights.at, folder, "model", p->name, err);
  if (s != AS_OK || p->kind != AS_HEAD_FILE) return s;
  if (!head || strcmp(head, in->models[m].head_file_sha256) != 0 ||
      !as_run_folder_has(folder, "prints/head-%s.tsv", p->name))
    s = print_tensors(p->head_file.at, folder, "head", p->name, err);
  return s;
}
