/* A part of a run: the feature rows of some of the images. as_merge puts the parts together. */
#include <stdio.h>
#include <string.h>

#include "eval/run/run_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"

/* Which part, and where what is said of it goes. */
typedef struct as_shard_run {
  as_inputs in;
  as_run_folder folder;
  int64_t shard, shards;
  as_jsonw *w;   /* the groups, one after the other */
  size_t failed; /* images */
} as_shard_run;

/* First image of a part, the same for every count: floor(n * i / of) without a product that overflows. */
static size_t first_of(size_t n, int64_t i, int64_t of) {
  size_t k = (size_t)i, parts = (size_t)of;
  return n / parts * k + n % parts * k / parts;
}

static void put_description(as_jsonw *w, const as_shard_run *r) {
  const as_plan *plan = r->in.plan;
  as_jsonw_put_str(w, "schema", "assay.shard/1");
  as_jsonw_put_i64(w, "shard", r->shard);
  as_jsonw_put_i64(w, "shards", r->shards);
  as_jsonw_put_str(w, "profile", as_profile_name());
  as_jsonw_put_str(w, "lenient", r->in.opts->lenient ? "yes" : "no");
  as_record_plan(w, plan);
  as_jsonw_key(w, "datasets");
  as_jsonw_array(w);
  for (size_t i = 0; i < plan->n_datasets; i++) {
    as_jsonw_object(w);
    as_jsonw_put_str(w, "name", plan->datasets[i].name);
    as_jsonw_put_str(w, "images_sha256", r->in.datasets[i].images_sha256);
    as_jsonw_put_str(w, "labels_sha256", r->in.datasets[i].labels_sha256);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  as_jsonw_key(w, "models");
  as_jsonw_array(w);
  for (size_t i = 0; i < plan->n_models; i++) {
    as_jsonw_object(w);
    as_jsonw_put_str(w, "name", plan->models[i].name);
    as_jsonw_put_str(w, "weights_sha256", r->in.models[i].weights_sha256);
    as_jsonw_put_str(w, "arch", r->in.models[i].arch);
    as_jsonw_put_str(w, "recipe", r->in.models[i].recipe);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}

/* The rows of one group that fall to this shard, and an object about them. */
static as_status shard_group(as_shard_run *r, size_t m, as_open_model *o, const as_run_group *g,
                             as_err *err) {
  const size_t n = as_dataset_count(r->in.set[g->lead].ds);
  as_group_work work = {
      .key = g->key, .from = first_of(n, r->shard, r->shards), .to = first_of(n, r->shard + 1, r->shards)};
  as_features f = {0};
  char file[160];
  as_str log = {0};
  snprintf(file, sizeof file, "%.32s.%lld-%lld.rows", g->key, (long long)r->shard, (long long)r->shards);
  as_str_printf(&log, "%s/rows/%s", r->folder.dir, file);
  as_status s = as_str_status(&log, err);
  work.log = as_str_c(&log);
  if (s == AS_OK && work.to > work.from) s = as_groups_features(&f, &r->in, m, o, g, &work, err);
  as_str_clear(&log);
  if (s != AS_OK) return s;
  as_jsonw_object(r->w);
  as_jsonw_put_str(r->w, "model", r->in.plan->models[m].name);
  as_jsonw_put_str(r->w, "dataset", r->in.plan->datasets[g->lead].name);
  as_jsonw_put_str(r->w, "preset", g->preset);
  as_jsonw_put_str(r->w, "key", g->key);
  as_jsonw_put_u64(r->w, "images", n);
  as_jsonw_put_u64(r->w, "from", work.from);
  as_jsonw_put_u64(r->w, "to", work.to);
  as_jsonw_put_u64(r->w, "features", r->in.models[m].embed_dim);
  as_jsonw_put_u64(r->w, "failed", f.n_failed);
  as_jsonw_put_str(r->w, "file", file);
  as_jsonw_end(r->w);
  r->failed += f.n_failed;
  as_features_clear(&f);
  return AS_OK;
}

static as_status shard_model(as_shard_run *r, size_t m, as_err *err) {
  as_open_model o;
  as_groups g = {0};
  as_status s = as_open_model_make(&o, &r->in.plan->models[m], err);
  if (s != AS_OK) return s;
  s = as_groups_plan(&g, &r->in, m, err);
  if (s == AS_OK) as_groups_key(&g, &r->in, m);
  for (size_t i = 0; s == AS_OK && i < g.n; i++) s = shard_group(r, m, &o, &g.group[i], err);
  as_groups_clear(&g);
  as_open_model_clear(&o);
  return s;
}

static as_status write_shard(const as_shard_run *r, const as_str *groups, as_err *err) {
  as_str text = {0}, whole = {0};
  as_jsonw w;
  as_jsonw_init(&w, &text, false);
  as_jsonw_object(&w);
  put_description(&w, r);
  as_jsonw_end(&w);
  as_status s = as_str_status(&text, err);
  /* The groups were written while they ran, as one list; it becomes the last member. */
  size_t end = text.n;
  while (s == AS_OK && text.s[end - 1] != '}') end--;
  if (s == AS_OK) as_str_putn(&whole, text.s, end - 2);
  as_str_printf(&whole, ",\n  \"groups\": %s}\n", as_str_c(groups));
  if (s == AS_OK) s = as_str_status(&whole, err);
  char *path = s == AS_OK ? as_path_join(r->folder.dir, "shard.json", err) : NULL;
  if (s == AS_OK) s = path ? as_file_write(path, as_str_c(&whole), whole.n, err) : AS_E_ENV;
  as_free(path);
  as_str_clear(&whole);
  as_str_clear(&text);
  return s;
}

static as_status make_rows_folder(const char *dir, as_err *err) {
  char *path = as_path_join(dir, "rows", err);
  as_status s = path ? as_make_dirs(path, err) : AS_E_ENV;
  as_free(path);
  return s;
}

/* Tasks that start together would all train the same, into the same folder. */
static as_status want_trained(const as_plan *plan, as_err *err) {
  for (size_t i = 0; i < plan->n_pretrain; i++) {
    const as_plan_pretrain *p = &plan->pretrain[i];
    bool done = false;
    as_status s = as_train_state(&done, plan, p, err);
    if (s != AS_OK) return s;
    if (!done)
      return as_fail(err, AS_E_INPUT,
                     "%s: found no checkpoint of [pretrain %s]; wanted it before the parts start: assay "
                     "pretrain %s",
                     p->checkpoint, p->name, plan->path);
  }
  return AS_OK;
}

/* A folder is one part's: the description of another one would be lost. That of this part goes, until it is whole
 * again. */
static as_status take_folder(const as_shard_run *r, as_err *err) {
  char *path = as_path_join(r->folder.dir, "shard.json", err);
  as_rec old = {0};
  int64_t shard = r->shard, shards = r->shards;
  as_status s = path ? AS_OK : AS_E_ENV;
  if (path && as_rec_open(&old, path, AS_REC_SHARD, NULL) == AS_OK) {
    as_rec_count(old.root, "shard", &shard);
    as_rec_count(old.root, "shards", &shards);
  }
  as_rec_close(&old);
  if (s == AS_OK && (shard != r->shard || shards != r->shards))
    s = as_fail(err, AS_E_USAGE, "%s: found part %lld/%lld, wanted another folder for %lld/%lld (-o)",
                r->folder.dir, (long long)shard, (long long)shards, (long long)r->shard,
                (long long)r->shards);
  if (s == AS_OK) remove(path);
  as_free(path);
  return s;
}

as_status as_run_shard(const as_plan *plan, const as_run_opts *opts, int64_t shard, int64_t shards,
                       as_err *err) {
  as_shard_run r = {.folder = {.lock = -1}, .shard = shard, .shards = shards};
  as_str groups = {0};
  as_jsonw w;
  if (opts->partial)
    return as_fail(err, AS_E_USAGE, "--partial is not for --shard: every part needs all files");
  as_jsonw_init(&w, &groups, false);
  r.w = &w;
  as_status s = want_trained(plan, err);
  if (s == AS_OK) s = as_inputs_open(&r.in, plan, opts, err);
  if (s == AS_OK) s = as_inputs_try_models(&r.in, err);
  if (s == AS_OK) s = as_run_folder_open(&r.folder, opts->dir, opts->start, err);
  if (s == AS_OK) s = take_folder(&r, err);
  if (s == AS_OK) s = make_rows_folder(opts->dir, err);
  if (s == AS_OK) s = as_inputs_print_sets(&r.in, &r.folder, false, err);
  as_jsonw_array(&w);
  for (size_t m = 0; s == AS_OK && m < plan->n_models; m++) s = shard_model(&r, m, err);
  if (s == AS_OK) {
    as_jsonw_end(&w);
    if ((s = as_str_status(&groups, err)) == AS_OK) s = write_shard(&r, &groups, err);
  }
  if (s == AS_OK) s = as_place_write(r.folder.dir, plan, err);
  if (s == AS_OK) as_run_folder_discard(&r.folder); /* the tables of hashes: merge makes its own */
  as_str_clear(&groups);
  as_run_folder_close(&r.folder);
  as_inputs_clear(&r.in);
  if (s == AS_OK && r.failed && !opts->lenient)
    return as_fail(err, AS_E_INPUT, "%zu images failed; the rows are in %s and count them", r.failed,
                   opts->dir);
  return s;
}
