/* Shards of a run, put together: checks that they belong together, joins their rows to the logs that an
 * undivided run would have kept, and lets as_run finish from those. */
#include <stdio.h>
#include <string.h>

#include "eval/features/rowlog.h"
#include "eval/run/rec.h"
#include "eval/run/run_int.h"
#include "tensor/base/mem.h"

typedef struct as_shard {
  as_rec rec;
  int64_t shard, shards;
} as_shard;

static as_status open_shard(as_shard *s, const char *path, as_err *err) {
  static const char *const texts[] = {"lenient", "plan_sha256"};
  as_status st = as_rec_open(&s->rec, path, AS_REC_SHARD, err);
  if (st != AS_OK) return st;
  const as_json *root = s->rec.root;
  bool good = as_rec_count(root, "shard", &s->shard) && as_rec_count(root, "shards", &s->shards) &&
              s->shard < s->shards;
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) good = good && as_rec_text(root, texts[k]);
  return good ? AS_OK : as_fail(err, AS_E_INPUT, "%s: found no shard's description", s->rec.path);
}

/* Member by member of two lists of named objects: the first text that differs. */
static as_status same_list(const as_shard *a, const as_shard *b, const char *list, as_err *err) {
  const as_json *x = as_json_get(a->rec.root, list), *y = as_json_get(b->rec.root, list);
  if (x->count != y->count)
    return as_fail(err, AS_E_INPUT, "%s: found %zu %s, %s has %zu", b->rec.path, y->count, list, a->rec.path,
                   x->count);
  x = x->child;
  y = y->child;
  for (; x && y; x = x->next, y = y->next)
    for (const as_json *v = x->child; v; v = v->next) {
      const char *other = v->type == AS_JSON_STRING ? as_rec_text(y, v->key) : v->text;
      if (v->type != AS_JSON_STRING || (other && strcmp(other, v->text) == 0)) continue;
      return as_fail(err, AS_E_INPUT, "%s: %s %s: found %s %.80s, %s has %.80s", b->rec.path, list,
                     as_rec_text(x, "name") ? as_rec_text(x, "name") : "", v->key, other ? other : "none",
                     a->rec.path, v->text);
    }
  return AS_OK;
}

static as_status check_together(as_shard *s, size_t n, const as_shard **at, as_err *err) {
  static const char *const keys[] = {"profile", "lenient", "plan_sha256"};
  for (size_t i = 0; i < n; i++) {
    if (s[i].shards != s[0].shards)
      return as_fail(err, AS_E_INPUT, "%s: found a shard of %lld, %s is one of %lld", s[i].rec.path,
                     (long long)s[i].shards, s[0].rec.path, (long long)s[0].shards);
    for (size_t k = 0; k < 3; k++)
      if (strcmp(as_rec_text(s[i].rec.root, keys[k]), as_rec_text(s[0].rec.root, keys[k])) != 0)
        return as_fail(err, AS_E_INPUT, "%s: found %s %s, %s has %s", s[i].rec.path, keys[k],
                       as_rec_text(s[i].rec.root, keys[k]), s[0].rec.path,
                       as_rec_text(s[0].rec.root, keys[k]));
    as_status st = same_list(&s[0], &s[i], "datasets", err);
    if (st == AS_OK) st = same_list(&s[0], &s[i], "models", err);
    if (st != AS_OK) return st;
  }
  for (size_t i = 0; i < n; i++) {
    const as_shard **place = &at[s[i].shard];
    if (*place)
      return as_fail(err, AS_E_INPUT, "shard %lld/%lld is given twice: %s and %s", (long long)s[i].shard,
                     (long long)s[i].shards, (*place)->rec.path, s[i].rec.path);
    *place = &s[i];
  }
  return AS_OK;
}

static as_status check_missing(const as_shard *const *at, size_t shards, as_err *err) {
  as_str list = {0};
  size_t missing = 0;
  for (size_t i = 0; i < shards; i++)
    if (!at[i] && missing++ < 20) as_str_printf(&list, "%s%zu/%zu", missing > 1 ? ", " : "", i, shards);
  as_status s = AS_OK;
  if (missing)
    s = as_fail(err, AS_E_INPUT, "missing: shard%s %s%s", missing > 1 ? "s" : "", as_str_c(&list),
                missing > 20 ? ", ..." : "");
  as_str_clear(&list);
  return s;
}

/* The group of that key in a shard. */
static const as_json *group_of(const as_shard *s, const char *key) {
  for (const as_json *g = as_json_get(s->rec.root, "groups")->child; g; g = g->next) {
    const char *k = as_rec_text(g, "key");
    if (k && strcmp(k, key) == 0) return g;
  }
  return NULL;
}

static void pass_on(void *log, size_t row, const float *x, const char *why) {
  (void)row;
  as_rowlog_put(log, x, why);
}

static void no_row(void *ctx, size_t row, const float *x, const char *why) {
  (void)ctx, (void)row, (void)x, (void)why;
}

/* The rows that follow in a group's log. */
typedef struct as_joining {
  const char *key;      /* of the group */
  int64_t images, d;    /* of the group */
  int64_t done;         /* rows put so far */
  const char *about[2]; /* model and set, for messages */
  as_rowlog log;
} as_joining;

/* The rows of the group that are in shard s. */
static as_status join_part(as_joining *j, const as_shard *s, as_err *err) {
  const as_json *g = group_of(s, j->key);
  const char *file = g ? as_rec_text(g, "file") : NULL;
  int64_t from = 0, to = 0;
  size_t rows = 0;
  if (!file || strchr(file, '/') || !as_rec_count(g, "from", &from) || !as_rec_count(g, "to", &to) ||
      from != j->done || to < from || to > j->images)
    return as_fail(err, AS_E_INPUT, "%s: %s on %s: found images %lld to %lld, wanted them from %lld on",
                   s->rec.path, j->about[0], j->about[1], (long long)from, (long long)to, (long long)j->done);
  j->done = to;
  if (to == from) return AS_OK;
  as_str path = {0};
  as_str_printf(&path, "%s/rows/%s", s->rec.dir, file);
  as_status st = as_str_status(&path, err);
  if (st == AS_OK)
    st = as_rowlog_read(as_str_c(&path), j->key, (size_t)j->d, (size_t)(to - from), pass_on, &j->log, &rows,
                        err);
  if (st == AS_OK && rows != (size_t)(to - from))
    st = as_fail(err, AS_E_INPUT, "%s: found %zu whole rows, wanted %lld", as_str_c(&path), rows,
                 (long long)(to - from));
  as_str_clear(&path);
  return st;
}

/* One group's rows from all shards, in order, into DIR/work/KEY.rows. */
static as_status join_group(const as_shard *const *at, size_t shards, const as_json *first,
                            const as_run_folder *folder, as_err *err) {
  const char *model = as_rec_text(first, "model"), *set = as_rec_text(first, "dataset");
  as_joining j = {.key = as_rec_digits(first, "key"), .about = {model, set}};
  as_str path = {0};
  if (!j.key || !as_rec_count(first, "images", &j.images) || !as_rec_count(first, "features", &j.d))
    return as_fail(err, AS_E_INPUT, "%s: groups: found one without key and counts", at[0]->rec.path);
  as_str_printf(&path, "%s/%.32s.rows", folder->work, j.key);
  as_status s = as_str_status(&path, err);
  if (s == AS_OK) remove(as_str_c(&path)); /* of a merge that was cut off */
  if (s == AS_OK)
    s = as_rowlog_open(&j.log, as_str_c(&path), j.key, (size_t)j.d, (size_t)j.images, no_row, NULL, err);
  for (size_t i = 0; s == AS_OK && i < shards; i++) s = join_part(&j, at[i], err);
  if (s == AS_OK && j.done != j.images)
    s = as_fail(err, AS_E_INPUT, "%s on %s: found %lld images in all shards, wanted %lld", model, set,
                (long long)j.done, (long long)j.images);
  if (j.log.f) {
    as_err writing = {0};
    as_status w = as_rowlog_flush(&j.log, 1, &writing);
    as_rowlog_close(&j.log);
    if (s == AS_OK && w != AS_OK) {
      s = w;
      *err = writing;
    }
  }
  as_str_clear(&path);
  return s;
}

static as_status join_all(const as_shard *const *at, size_t shards, const as_run_folder *folder,
                          as_err *err) {
  as_status s = AS_OK;
  for (const as_json *g = as_rec_list(&at[0]->rec, "groups"); s == AS_OK && g; g = g->next) {
    const char *key = as_rec_text(g, "key");
    if (key && group_of(at[0], key) != g) continue; /* models of the same weights share their rows */
    s = join_group(at, shards, g, folder, err);
  }
  return s;
}

/* The run that the shards are parts of, from their rows. */
static as_status run_joined(const as_shard *const *at, size_t shards, const as_run_opts *opts,
                            as_results *results, as_err *err) {
  const as_shard *first = at[0];
  as_run_folder folder = {.lock = -1};
  as_plan plan = {0};
  as_run_opts o = *opts;
  o.lenient = strcmp(as_rec_text(first->rec.root, "lenient"), "yes") == 0;
  o.replay = true;
  o.partial = false;
  as_status s = as_rec_plan(&first->rec, o.roots, &plan, NULL, err);
  if (s == AS_OK) s = as_run_folder_open(&folder, o.dir, o.start, err);
  if (s == AS_OK) s = join_all(at, shards, &folder, err);
  if (s == AS_OK) s = as_run_in(&plan, &o, &folder, results, err);
  as_run_folder_close(&folder);
  as_plan_clear(&plan);
  return s;
}

as_status as_merge(const char *const *paths, size_t n, const as_run_opts *opts, as_results *results,
                   as_err *err) {
  as_shard *s = as_calloc(n ? n : 1, sizeof *s, err);
  const as_shard **at = NULL;
  memset(results, 0, sizeof *results);
  if (!s) return AS_E_ENV;
  as_status st = n ? AS_OK : as_fail(err, AS_E_USAGE, "found no shards");
  for (size_t i = 0; st == AS_OK && i < n; i++) st = open_shard(&s[i], paths[i], err);
  if (st == AS_OK && s[0].shards > 1000000)
    st = as_fail(err, AS_E_INPUT, "%s: found a shard of %lld", s[0].rec.path, (long long)s[0].shards);
  size_t shards = st == AS_OK ? (size_t)s[0].shards : 0;
  if (st == AS_OK && !(at = as_calloc(shards, sizeof *at, err))) st = AS_E_ENV;
  if (st == AS_OK) st = check_together(s, n, at, err);
  if (st == AS_OK) st = check_missing(at, shards, err);
  if (st == AS_OK) st = run_joined(at, shards, opts, results, err);
  for (size_t i = 0; i < n; i++) as_rec_close(&s[i].rec);
  as_free(s);
  as_free(at);
  return st;
}
