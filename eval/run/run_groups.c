/* Sets that share images share one run of the backbone. */
#include <stdio.h>
#include <string.h>

#include "data/sets/tasks.h"
#include "eval/features/features_cache.h"
#include "eval/run/run_int.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"

bool as_groups_needs(const as_inputs *in, size_t m, size_t set) {
  if (!in->set[set].ds) return false;
  return !in->plan->datasets[set].train || as_plan_train_index(in->plan, m) == set;
}

/* The preset that a set is run with under model m, spelled out: the plan's, the task's (which keeps the model's
 * normalisation: ImageNet-C is cropped already, ObjectNet has a border), or the model's. */
static as_status preset_of(const as_inputs *in, size_t m, size_t set, char text[256], as_err *err) {
  const as_plan_dataset *d = &in->plan->datasets[set];
  const as_task *task = as_task_find(d->task);
  const bool tasks = !d->preset && task && task->preset;
  as_preset p, model;
  if (!d->preset && !tasks) {
    snprintf(text, 256, "%s", in->models[m].preset);
    return AS_OK;
  }
  as_status s = as_preset_parse(&p, tasks ? task->preset : d->preset, err);
  if (s != AS_OK) return as_fail_in(err, "%s:%d: preset", in->plan->path, d->line), s;
  if (tasks && (s = as_preset_parse(&model, in->models[m].preset, err)) == AS_OK) {
    p.caffe = model.caffe;
    memcpy(p.mean, model.mean, sizeof p.mean);
    memcpy(p.std, model.std, sizeof p.std);
  }
  as_preset_text(&p, text, 256);
  return s;
}

/* Finds every image of `set` among those of `lead`, both in the order of their names. */
static bool rows_within(const as_inputs *in, size_t set, size_t lead, size_t *rows) {
  const as_dataset *a = in->set[set].ds, *b = in->set[lead].ds;
  size_t na = as_dataset_count(a), nb = as_dataset_count(b), at = 0;
  for (size_t i = 0; i < na; i++) {
    const char *name = as_dataset_item(a, i).name;
    while (at < nb && strcmp(as_dataset_item(b, at).name, name) != 0) at++;
    if (at == nb) return false;
    rows[i] = at++;
  }
  return true;
}

/* The set joins a group that has all its images, or leads a new one. */
static as_status join_or_lead(as_groups *g, const as_inputs *in, size_t set, const char *preset,
                              as_err *err) {
  size_t n = as_dataset_count(in->set[set].ds);
  as_run_place *place = &g->place[set];
  size_t *rows = as_alloc(n ? n : 1, sizeof *rows, err);
  if (!rows) return AS_E_ENV;
  for (size_t k = 0; k < g->n; k++) {
    const as_run_group *have = &g->group[k];
    if (strcmp(have->preset, preset) != 0) continue;
    if (strcmp(in->plan->datasets[have->lead].path.at, in->plan->datasets[set].path.at) != 0) continue;
    if (!rows_within(in, set, have->lead, rows)) continue;
    *place = (as_run_place){k, rows};
    return AS_OK;
  }
  as_free(rows);
  as_run_group *made = &g->group[g->n];
  *place = (as_run_place){g->n++, NULL};
  made->lead = set;
  snprintf(made->preset, sizeof made->preset, "%s", preset);
  return AS_OK;
}

as_status as_groups_plan(as_groups *g, const as_inputs *in, size_t m, as_err *err) {
  size_t n = in->plan->n_datasets;
  memset(g, 0, sizeof *g);
  g->group = as_calloc(n, sizeof *g->group, err);
  g->place = as_calloc(n, sizeof *g->place, err);
  if (!g->group || !g->place) return AS_E_ENV;
  g->n_places = n;
  /* Largest first, so that a part never leads; equal ones in the order of the plan. */
  for (size_t last = SIZE_MAX;;) {
    size_t size = 0;
    bool any = false;
    for (size_t i = 0; i < n; i++) {
      size_t c = as_groups_needs(in, m, i) ? as_dataset_count(in->set[i].ds) : 0;
      if (as_groups_needs(in, m, i) && c < last && (!any || c > size)) {
        size = c;
        any = true;
      }
    }
    if (!any) return AS_OK;
    for (size_t i = 0; i < n; i++) {
      char preset[256];
      if (!as_groups_needs(in, m, i) || as_dataset_count(in->set[i].ds) != size) continue;
      as_status s = preset_of(in, m, i, preset, err);
      if (s == AS_OK) s = join_or_lead(g, in, i, preset, err);
      if (s != AS_OK) return s;
    }
    last = size;
  }
}

void as_groups_clear(as_groups *g) {
  for (size_t i = 0; i < g->n_places; i++) as_free(g->place[i].rows);
  as_free(g->place);
  as_free(g->group);
  memset(g, 0, sizeof *g);
}

void as_groups_key(as_groups *g, const as_inputs *in, size_t m) {
  const as_model_record *rec = &in->models[m];
  for (size_t i = 0; i < g->n; i++) {
    as_str t = {0};
    as_str_printf(&t, "rows/2\n%s\n%s\n%s\n%s\n%s\n%s\n%d\n", as_profile_name(), rec->weights_sha256,
                  rec->recipe_digest, rec->arch, g->group[i].preset,
                  in->datasets[g->group[i].lead].images_sha256, in->opts->lenient);
    if (in->plan->half) as_str_put(&t, "f16\n");
    as_sha256_of(as_str_c(&t), t.n, g->group[i].key);
    as_str_clear(&t);
  }
}

void as_rows_key(char key[65], const as_run_group *g, const as_run_opts *opts) {
  as_str t = {0};
  memcpy(key, g->key, 65);
  if (opts->start != AS_RUN_REDO) return;
  as_str_printf(&t, "redo/1\n%s\n%s\n%s\n", g->key, opts->build.version, opts->build.commit);
  as_sha256_of(as_str_c(&t), t.n, key);
  as_str_clear(&t);
}

as_status as_groups_features(as_features *f, const as_inputs *in, size_t m, as_open_model *o,
                             const as_run_group *g, const as_group_work *work, as_err *err) {
  const as_run_opts *opts = in->opts;
  const as_dataset *ds = in->set[g->lead].ds;
  char what[192];
  snprintf(what, sizeof what, "%s on %s", in->plan->models[m].name, in->plan->datasets[g->lead].name);
  as_status s = as_backbone_use_preset(&o->bb, g->preset, err);
  if (s != AS_OK) return s;
  as_features_opts fo = {.batch = opts->batch,
                         .lenient = opts->lenient,
                         .log = work->log,
                         .key = work->key,
                         .what = what,
                         .from = work->from,
                         .to = work->to,
                         .replay = opts->replay,
                         .watch = in->share ? as_share_watch(in->share, in, m, g) : opts->watch};
  const char *cache = work->to ? NULL : opts->cache; /* a shard's rows are a part */
  bool found = false;
  if (cache)
    s = as_features_cache_get(f, &found, cache, g->key, as_dataset_count(ds),
                              (size_t)as_model_embed_dim(o->bb.model), err);
  if (s == AS_OK && found) as_log_line(AS_LOG_INFO, "%s: features from the cache", what);
  if (s == AS_OK && !found) s = as_features_run(f, o->bb.model, &o->bb.preset, ds, &fo, err);
  if (s == AS_OK && !found && f->n_replayed && !opts->replay)
    as_log_line(AS_LOG_INFO, "%s: %zu of %zu feature rows taken over", what, f->n_replayed, f->n);
  if (s == AS_OK && !found && in->plan->half && !work->to) s = as_features_halve(f, err);
  if (s == AS_OK && !found && cache) s = as_features_cache_put(f, cache, g->key, err);
  if (s != AS_OK) return as_fail_in(err, "%s", what), s;
  if (f->n_failed) as_log_line(AS_LOG_WARN, "%s: %zu of %zu images failed", what, f->n_failed, f->n);
  return AS_OK;
}
