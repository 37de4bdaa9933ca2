/* Shards of a run, put together: checks that they belong together, joins their rows to the logs that an
 * undivided run would have kept, and lets as_run finish from those. */
#include <stdio.h>
#include <string.h>

#include "eval/features/rowlog.h"
#include "eval/run/run.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"

typedef struct as_shard {
  char *path, *dir;
  as_file file;
  as_json_doc *doc;
  const as_json *root;
  int64_t shard, shards;
} as_shard;

static const char *text_in(const as_json *o, const char *key) {
  const as_json *v = as_json_get(o, key);
  return v && v->type == AS_JSON_STRING ? v->text : NULL;
}

static bool count_in(const as_json *o, const char *key, size_t *out) {
  int64_t v = -1;
  const as_json *j = as_json_get(o, key);
  if (!j || !as_json_i64(j, &v) || v < 0 || v > INT64_C(1) << 40) return false;
  *out = (size_t)v;
  return true;
}

static as_status open_shard(as_shard *s, const char *path, as_err *err) {
  static const char *const texts[] = {"profile", "lenient", "plan_file", "plan_sha256", "plan"};
  static const char *const lists[] = {"datasets", "models", "groups"};
  bool folder = as_path_kind_of(path) == AS_PATH_DIR;
  s->path = folder ? as_path_join(path, "shard.json", err) : as_strdup(path, err);
  s->dir = folder ? as_strdup(path, err) : as_path_dir(path, err);
  if (!s->path || !s->dir) return AS_E_ENV;
  if (folder && as_path_kind_of(s->path) != AS_PATH_FILE)
    return as_fail(err, AS_E_INPUT, "%s: found no shard.json, wanted a finished shard", path);
  as_status st = as_file_open(&s->file, s->path, err);
  if (st != AS_OK) return st;
  if ((st = as_json_parse(&s->doc, (const char *)s->file.data, s->file.size, err)) != AS_OK)
    return as_fail_in(err, "%s", s->path), st;
  s->root = as_json_root(s->doc);
  const char *schema = text_in(s->root, "schema");
  size_t i = 0, of = 0;
  if (!schema || strcmp(schema, "assay.shard/1") != 0)
    return as_fail(err, AS_E_INPUT, "%s: found schema \"%s\", wanted \"assay.shard/1\"", s->path,
                   schema ? schema : "none");
  bool good = count_in(s->root, "shard", &i) && count_in(s->root, "shards", &of) && i < of;
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) good = good && text_in(s->root, texts[k]);
  for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
    const as_json *l = as_json_get(s->root, lists[k]);
    good = good && l && l->type == AS_JSON_ARRAY;
  }
  if (!good) return as_fail(err, AS_E_INPUT, "%s: found no shard's description", s->path);
  s->shard = (int64_t)i;
  s->shards = (int64_t)of;
  return AS_OK;
}

static void close_shard(as_shard *s) {
  as_json_free(&s->doc);
  as_file_close(&s->file);
  as_free(s->path);
  as_free(s->dir);
}

/* Member by member of two lists of named objects: the first text that differs. */
static as_status same_list(const as_shard *a, const as_shard *b, const char *list, as_err *err) {
  const as_json *x = as_json_get(a->root, list), *y = as_json_get(b->root, list);
  if (x->count != y->count)
    return as_fail(err, AS_E_INPUT, "%s: found %zu %s, %s has %zu", b->path, y->count, list, a->path,
                   x->count);
  x = x->child;
  y = y->child;
  for (; x && y; x = x->next, y = y->next)
    for (const as_json *v = x->child; v; v = v->next) {
      const char *other = v->type == AS_JSON_STRING ? text_in(y, v->key) : v->text;
      if (v->type != AS_JSON_STRING || (other && strcmp(other, v->text) == 0)) continue;
      return as_fail(err, AS_E_INPUT, "%s: %s %s: found %s %.80s, %s has %.80s", b->path, list,
                     text_in(x, "name") ? text_in(x, "name") : "", v->key, other ? other : "none", a->path,
                     v->text);
    }
  return AS_OK;
}

static as_status check_together(as_shard *s, size_t n, const as_shard **at, as_err *err) {
  static const char *const keys[] = {"profile", "lenient", "plan_sha256"};
  for (size_t i = 0; i < n; i++) {
    if (s[i].shards != s[0].shards)
      return as_fail(err, AS_E_INPUT, "%s: found a shard of %lld, %s is one of %lld", s[i].path,
                     (long long)s[i].shards, s[0].path, (long long)s[0].shards);
    for (size_t k = 0; k < 3; k++)
      if (strcmp(text_in(s[i].root, keys[k]), text_in(s[0].root, keys[k])) != 0)
        return as_fail(err, AS_E_INPUT, "%s: found %s %s, %s has %s", s[i].path, keys[k],
                       text_in(s[i].root, keys[k]), s[0].path, text_in(s[0].root, keys[k]));
    as_status st = same_list(&s[0], &s[i], "datasets", err);
    if (st == AS_OK) st = same_list(&s[0], &s[i], "models", err);
    if (st != AS_OK) return st;
  }
  for (size_t i = 0; i < n; i++) {
    const as_shard **place = &at[s[i].shard];
    if (*place)
      return as_fail(err, AS_E_INPUT, "shard %lld/%lld is given twice: %s and %s", (long long)s[i].shard,
                     (long long)s[i].shards, (*place)->path, s[i].path);
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
  for (const as_json *g = as_json_get(s->root, "groups")->child; g; g = g->next) {
    const char *k = text_in(g, "key");
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

/* One group's rows from all shards, in order, into DIR/work/KEY.rows. */
static as_status join_group(const as_shard *const *at, size_t shards, const as_json *first, const char *dir,
                            as_err *err) {
  const char *key = text_in(first, "key");
  size_t images = 0, d = 0, done = 0;
  as_rowlog log = {0};
  as_str path = {0};
  if (!key || strlen(key) != 64 || !count_in(first, "images", &images) || !count_in(first, "features", &d))
    return as_fail(err, AS_E_INPUT, "%s: groups: found one without key and counts", at[0]->path);
  as_str_printf(&path, "%s/work/%.32s.rows", dir, key);
  as_status s = as_str_status(&path, err);
  if (s == AS_OK) remove(as_str_c(&path)); /* of a merge that was cut off */
  if (s == AS_OK) s = as_rowlog_open(&log, as_str_c(&path), key, d, images, no_row, NULL, err);
  for (size_t i = 0; s == AS_OK && i < shards; i++) {
    const as_json *g = group_of(at[i], key);
    const char *file = g ? text_in(g, "file") : NULL;
    size_t from = 0, to = 0, rows = 0;
    if (!g || !file || strchr(file, '/') || !count_in(g, "from", &from) || !count_in(g, "to", &to) ||
        from != done || to < from || to > images) {
      s = as_fail(err, AS_E_INPUT, "%s: %s on %s: found images %zu to %zu, wanted them from %zu on",
                  at[i]->path, text_in(first, "model"), text_in(first, "dataset"), from, to, done);
      break;
    }
    as_str_clear(&path);
    as_str_printf(&path, "%s/rows/%s", at[i]->dir, file);
    if (to > from && (s = as_str_status(&path, err)) == AS_OK)
      s = as_rowlog_read(as_str_c(&path), key, d, to - from, pass_on, &log, &rows, err);
    if (s == AS_OK && rows != to - from)
      s = as_fail(err, AS_E_INPUT, "%s: found %zu whole rows, wanted %zu", as_str_c(&path), rows, to - from);
    done = to;
  }
  if (s == AS_OK && done != images)
    s = as_fail(err, AS_E_INPUT, "%s on %s: found %zu images in all shards, wanted %zu",
                text_in(first, "model"), text_in(first, "dataset"), done, images);
  if (log.f) {
    as_err writing = {0};
    as_status w = as_rowlog_flush(&log, 1, &writing);
    as_rowlog_close(&log);
    if (s == AS_OK && w != AS_OK) {
      s = w;
      *err = writing;
    }
  }
  as_str_clear(&path);
  return s;
}

static as_status join_all(const as_shard *const *at, size_t shards, const char *dir, as_err *err) {
  char *work = as_path_join(dir, "work", err);
  as_status s = work ? as_make_dirs(work, err) : AS_E_ENV;
  as_free(work);
  for (const as_json *g = as_json_get(at[0]->root, "groups")->child; s == AS_OK && g; g = g->next) {
    const char *key = text_in(g, "key");
    if (key && group_of(at[0], key) != g) continue; /* models of the same weights share their rows */
    s = join_group(at, shards, g, dir, err);
  }
  return s;
}

as_status as_merge(const char *const *paths, size_t n, const as_run_opts *opts, as_results *results,
                   as_err *err) {
  as_shard *s = as_calloc(n ? n : 1, sizeof *s, err);
  const as_shard **at = NULL;
  as_plan plan = {0};
  as_run_opts o = *opts;
  memset(results, 0, sizeof *results);
  if (!s) return AS_E_ENV;
  as_status st = n ? AS_OK : as_fail(err, AS_E_USAGE, "found no shards");
  for (size_t i = 0; st == AS_OK && i < n; i++) st = open_shard(&s[i], paths[i], err);
  if (st == AS_OK && s[0].shards > 1000000)
    st = as_fail(err, AS_E_INPUT, "%s: found a shard of %lld", s[0].path, (long long)s[0].shards);
  size_t shards = st == AS_OK ? (size_t)s[0].shards : 0;
  if (st == AS_OK && !(at = as_calloc(shards, sizeof *at, err))) st = AS_E_ENV;
  if (st == AS_OK) st = check_together(s, n, at, err);
  if (st == AS_OK) st = check_missing(at, shards, err);
  if (st == AS_OK) {
    const as_json *text = as_json_get(s[0].root, "plan");
    st = as_plan_parse(&plan, text->text, text->text_len, text_in(s[0].root, "plan_file"), err);
  }
  if (st == AS_OK) st = join_all(at, shards, o.dir, err);
  if (st == AS_OK) {
    o.lenient = strcmp(text_in(s[0].root, "lenient"), "yes") == 0;
    o.replay = true;
    o.partial = false;
    st = as_run(&plan, &o, results, err);
  }
  as_plan_clear(&plan);
  for (size_t i = 0; i < n; i++) close_shard(&s[i]);
  as_free(s);
  as_free(at);
  return st;
}
