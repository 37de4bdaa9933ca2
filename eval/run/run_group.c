/* Datasets that share images share one run of the backbone. */
#include <stdio.h>
#include <string.h>

#include "data/sets/tasks.h"
#include "eval/features/features_cache.h"
#include "eval/run/run_int.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"

bool as_run_needs(const as_run_state *r, size_t m, size_t set) {
  const as_plan_dataset *d = &r->plan->datasets[set];
  if (!r->sets[set].ds) return false;
  return !d->train || as_plan_train_set(r->plan, &r->plan->models[m]) == d;
}

/* A task that brings its own geometry (ImageNet-C is cropped already, ObjectNet has a border) keeps the
 * model's normalisation. */
static void by_task(as_preset *p, const as_preset *model) {
  p->caffe = model->caffe;
  memcpy(p->mean, model->mean, sizeof p->mean);
  memcpy(p->std, model->std, sizeof p->std);
}

/* The preset that a set is run with under the model at hand, spelled out: the plan's, the task's, or the
 * model's. */
static as_status preset_of(const as_run_state *r, size_t set, char text[256], as_err *err) {
  as_preset p;
  const char *own = r->plan->datasets[set].preset;
  const as_task *task = as_task_find(r->plan->datasets[set].task);
  bool tasks = !own && task && task->preset;
  if (!own && !tasks) {
    snprintf(text, 256, "%s", r->bb.preset_text);
    return AS_OK;
  }
  as_status s = as_preset_parse(&p, tasks ? task->preset : own, err);
  if (s != AS_OK) return as_fail_in(err, "%s:%d: preset", r->plan->path, r->plan->datasets[set].line), s;
  if (tasks) by_task(&p, &r->bb.preset);
  as_preset_text(&p, text, 256);
  return AS_OK;
}

/* Finds every image of `set` among those of `lead`, both in the order of their names. */
static bool rows_within(const as_run_state *r, size_t set, size_t lead, size_t *rows) {
  const as_dataset *a = r->sets[set].ds, *b = r->sets[lead].ds;
  size_t na = as_dataset_count(a), nb = as_dataset_count(b), at = 0;
  for (size_t i = 0; i < na; i++) {
    const char *name = as_dataset_item(a, i).name;
    while (at < nb && strcmp(as_dataset_item(b, at).name, name) != 0) at++;
    if (at == nb) return false;
    rows[i] = at++;
  }
  return true;
}

static as_status join_or_open(as_run_state *r, size_t set, const char *preset, as_err *err) {
  size_t n = as_dataset_count(r->sets[set].ds);
  as_run_place *place = &r->places[set];
  size_t *rows = as_alloc(n ? n : 1, sizeof *rows, err);
  if (!rows) return AS_E_ENV;
  for (size_t g = 0; g < r->n_groups; g++) {
    const as_run_group *have = &r->groups[g];
    if (strcmp(have->preset, preset) != 0) continue;
    if (strcmp(r->plan->datasets[have->lead].path.at, r->plan->datasets[set].path.at) != 0) continue;
    if (!rows_within(r, set, have->lead, rows)) continue;
    place->group = g;
    place->rows = rows;
    return AS_OK;
  }
  as_free(rows);
  as_run_group *g = &r->groups[r->n_groups];
  memset(g, 0, sizeof *g);
  g->lead = set;
  snprintf(g->preset, sizeof g->preset, "%s", preset);
  place->group = r->n_groups++;
  place->rows = NULL;
  return AS_OK;
}

as_status as_run_plan_groups(as_run_state *r, size_t m, as_err *err) {
  size_t n = r->plan->n_datasets;
  for (size_t i = 0; i < n; i++) as_free(r->places[i].rows);
  memset(r->places, 0, n * sizeof *r->places);
  r->n_groups = 0;
  /* Largest first, so that a part never leads; equal ones in the order of the plan. */
  for (size_t last = SIZE_MAX;;) {
    size_t size = 0;
    bool any = false;
    for (size_t i = 0; i < n; i++) {
      size_t c = as_run_needs(r, m, i) ? as_dataset_count(r->sets[i].ds) : 0;
      if (as_run_needs(r, m, i) && c < last && (!any || c > size)) {
        size = c;
        any = true;
      }
    }
    if (!any) return AS_OK;
    for (size_t i = 0; i < n; i++) {
      char preset[256];
      if (!as_run_needs(r, m, i) || as_dataset_count(r->sets[i].ds) != size) continue;
      as_status s = preset_of(r, i, preset, err);
      if (s == AS_OK) s = join_or_open(r, i, preset, err);
      if (s != AS_OK) return s;
    }
    last = size;
  }
}

void as_run_group_key(as_run_state *r, size_t group, char key[65]) {
  const as_run_group *g = &r->groups[group];
  as_str t = {0};
  char recipe[65]; /* its content: a name does not tell an edited file, nor which of two networks is read */
  as_recipe_digest(r->bb.recipe, recipe);
  as_str_printf(&t, "rows/2\n%s\n%s\n%s\n%s\n%s\n%s\n%d\n", as_profile_name(), as_state_sha256(r->bb.state),
                recipe, as_model_arch(r->bb.model), g->preset, r->sets[g->lead].record->images_sha256,
                r->opts->lenient);
  if (r->plan->half) as_str_put(&t, "f16\n");
  as_sha256_of(as_str_c(&t), t.n, key);
  as_str_clear(&t);
}

static void note_forgiven(as_run_set *set, const as_features *f) {
  size_t i = 0;
  while (i < f->n && (f->failed[i] || !f->why[i])) i++;
  if (f->n_warned == 0 || i == f->n) return;
  snprintf(set->forgiven, sizeof set->forgiven,
           "%.64s: %zu of %zu images %s damaged and used (--lenient), such as %.100s: %.100s",
           set->plan->name, f->n_warned, f->n, f->n_warned == 1 ? "is" : "are",
           as_dataset_item(set->ds, i).name, f->why[i]);
}

as_status as_run_group_features(as_run_state *r, size_t m, size_t group, const char *log, size_t from,
                                size_t to, as_err *err) {
  as_run_group *g = &r->groups[group];
  char key[65], what[192];
  as_status s = as_backbone_use_preset(&r->bb, g->preset, err);
  if (s != AS_OK) return s;
  as_run_group_key(r, group, key);
  snprintf(what, sizeof what, "%s on %s", r->plan->models[m].name, r->plan->datasets[g->lead].name);
  as_features_opts o = {.batch = r->opts->batch,
                        .lenient = r->opts->lenient,
                        .log = log,
                        .key = key,
                        .what = what,
                        .from = from,
                        .to = to,
                        .replay = r->opts->replay,
                        .watch = r->opts->watch};
  const char *cache = to ? NULL : r->opts->cache; /* a shard's rows are a part */
  bool found = false;
  if (cache)
    s = as_features_cache_get(&g->f, &found, cache, key, as_dataset_count(r->sets[g->lead].ds),
                              (size_t)as_model_embed_dim(r->bb.model), err);
  if (s == AS_OK && found) as_log_line(AS_LOG_INFO, "%s: features from the cache", what);
  if (s == AS_OK && !found)
    s = as_features_run(&g->f, r->bb.model, &r->bb.preset, r->sets[g->lead].ds, &o, err);
  if (s == AS_OK && !found && r->plan->half && !to) s = as_features_halve(&g->f, err);
  if (s == AS_OK && !found && cache) s = as_features_cache_put(&g->f, cache, key, err);
  if (s != AS_OK) return as_fail_in(err, "%s", what), s;
  note_forgiven(&r->sets[g->lead], &g->f);
  if (g->f.n_failed) as_log_line(AS_LOG_WARN, "%s: %zu of %zu images failed", what, g->f.n_failed, g->f.n);
  return AS_OK;
}
