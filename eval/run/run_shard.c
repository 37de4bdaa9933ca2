/* A part of a run: the feature rows of some of the images. as_merge puts the parts together. */
#include <stdio.h>
#include <string.h>

#include "eval/run/run_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"

/* First image of a part, the same for every count: floor(n * i / of) without a product that overflows. */
static size_t first_of(size_t n, int64_t i, int64_t of) {
  size_t k = (size_t)i, parts = (size_t)of;
  return n / parts * k + n % parts * k / parts;
}

static void put(as_jsonw *w, const char *key, const char *value) {
  as_jsonw_key(w, key);
  as_jsonw_str(w, value);
}

static void put_n(as_jsonw *w, const char *key, size_t value) {
  as_jsonw_key(w, key);
  as_jsonw_u64(w, value);
}

static void put_head(as_jsonw *w, const as_run_state *r, int64_t shard, int64_t shards) {
  char hex[65];
  as_sha256_of(r->plan->text, r->plan->text_n, hex);
  put(w, "schema", "assay.shard/1");
  put_n(w, "shard", (size_t)shard);
  put_n(w, "shards", (size_t)shards);
  put(w, "profile", as_profile_name());
  put(w, "lenient", r->opts->lenient ? "yes" : "no");
  put(w, "plan_file", r->plan->path);
  put(w, "plan_sha256", hex);
  put(w, "plan", r->plan->text);
  as_jsonw_key(w, "datasets");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->plan->n_datasets; i++) {
    as_jsonw_object(w);
    put(w, "name", r->plan->datasets[i].name);
    put(w, "images_sha256", r->dataset_records[i].images_sha256);
    put(w, "labels_sha256", r->dataset_records[i].labels_sha256);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  as_jsonw_key(w, "models");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->plan->n_models; i++) {
    as_jsonw_object(w);
    put(w, "name", r->plan->models[i].name);
    put(w, "weights_sha256", r->model_records[i].weights_sha256);
    put(w, "arch", r->model_records[i].arch);
    put(w, "recipe", r->model_records[i].recipe);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}

/* The rows of one group that fall to this shard, and a line about them. */
static as_status shard_group(as_run_state *r, size_t m, size_t g, int64_t shard, int64_t shards, as_jsonw *w,
                             size_t *failed, as_err *err) {
  const as_run_group *group = &r->groups[g];
  size_t n = as_dataset_count(r->sets[group->lead].ds);
  size_t from = first_of(n, shard, shards), to = first_of(n, shard + 1, shards);
  char key[65], file[160];
  as_str log = {0};
  as_run_group_key(r, g, key);
  snprintf(file, sizeof file, "%.32s.%lld-%lld.rows", key, (long long)shard, (long long)shards);
  as_str_printf(&log, "%s/rows/%s", r->opts->dir, file);
  as_status s = as_str_status(&log, err);
  if (s == AS_OK && to > from) s = as_run_group_features(r, m, g, as_str_c(&log), from, to, err);
  as_str_clear(&log);
  if (s != AS_OK) return s;
  as_jsonw_object(w);
  put(w, "model", r->plan->models[m].name);
  put(w, "dataset", r->plan->datasets[group->lead].name);
  put(w, "preset", group->preset);
  put(w, "key", key);
  put_n(w, "images", n);
  put_n(w, "from", from);
  put_n(w, "to", to);
  put_n(w, "features", (size_t)as_model_embed_dim(r->bb.model));
  put_n(w, "failed", group->f.n_failed);
  put(w, "file", file);
  as_jsonw_end(w);
  *failed += group->f.n_failed;
  return AS_OK;
}

static as_status shard_model(as_run_state *r, size_t m, int64_t shard, int64_t shards, as_jsonw *w,
                             size_t *failed, as_err *err) {
  as_status s = as_run_open_model(r, m, err);
  if (s == AS_OK) s = as_run_record_model(r, m, err);
  if (s == AS_OK) s = as_run_plan_groups(r, m, err);
  for (size_t g = 0; s == AS_OK && g < r->n_groups; g++) {
    s = shard_group(r, m, g, shard, shards, w, failed, err);
    as_features_clear(&r->groups[g].f);
  }
  as_run_close_model(r);
  return s;
}

static as_status write_shard(const as_run_state *r, int64_t shard, int64_t shards, const as_str *groups,
                             as_err *err) {
  as_str text = {0};
  as_jsonw w;
  as_jsonw_init(&w, &text, false);
  as_jsonw_object(&w);
  put_head(&w, r, shard, shards);
  as_jsonw_end(&w);
  /* The groups were written while they ran, as one list; it becomes the last member. */
  size_t end = text.n;
  while (end > 0 && text.s && text.s[end - 1] != '}') end--;
  as_str whole = {0};
  if (end > 2) as_str_putn(&whole, text.s, end - 2);
  as_str_printf(&whole, ",\n  \"groups\": %s\n}\n", as_str_c(groups));
  as_status s = as_str_status(&text, err);
  if (s == AS_OK) s = as_str_status(&whole, err);
  char *path = s == AS_OK ? as_path_join(r->opts->dir, "shard.json", err) : NULL;
  if (s == AS_OK) s = path ? as_file_write(path, as_str_c(&whole), whole.n, err) : AS_E_ENV;
  as_free(path);
  as_str_clear(&whole);
  as_str_clear(&text);
  return s;
}

static as_status make_place(const char *dir, as_err *err) {
  static const char *const parts[] = {"rows", "prints"};
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < 2; i++) {
    char *path = as_path_join(dir, parts[i], err);
    s = path ? as_make_dirs(path, err) : AS_E_ENV;
    if (s == AS_OK) as_out_sweep(path);
    as_free(path);
  }
  as_out_sweep(dir);
  char *old = s == AS_OK ? as_path_join(dir, "shard.json", err) : NULL;
  if (old) remove(old); /* it says finished */
  as_free(old);
  return s;
}

as_status as_run_shard(const as_plan *plan, const as_run_opts *opts, int64_t shard, int64_t shards,
                       as_err *err) {
  as_run_state r = {.plan = plan, .opts = opts};
  as_str groups = {0};
  as_jsonw w;
  size_t failed = 0;
  if (opts->partial)
    return as_fail(err, AS_E_USAGE, "--partial is not for --shard: every part needs all files");
  as_jsonw_init(&w, &groups, false);
  as_status s = as_run_open_sets(&r, err);
  if (s == AS_OK) s = as_run_try_models(&r, err);
  if (s == AS_OK) s = make_place(opts->dir, err);
  for (size_t i = 0; s == AS_OK && i < plan->n_datasets; i++) {
    as_watch_progress(opts->watch, "reading the images", i, plan->n_datasets);
    s = as_run_print_set(&r, i, err);
  }
  if (s == AS_OK) as_watch_progress(opts->watch, "reading the images", plan->n_datasets, plan->n_datasets);
  as_jsonw_array(&w);
  for (size_t m = 0; s == AS_OK && m < plan->n_models; m++)
    s = shard_model(&r, m, shard, shards, &w, &failed, err);
  if (s == AS_OK) {
    as_jsonw_end(&w);
    if ((s = as_str_status(&groups, err)) == AS_OK) s = write_shard(&r, shard, shards, &groups, err);
  }
  as_str_clear(&groups);
  as_run_close(&r);
  if (s == AS_OK && failed && !opts->lenient)
    return as_fail(err, AS_E_INPUT, "%zu images failed; the rows are in %s and count them", failed,
                   opts->dir);
  return s;
}
