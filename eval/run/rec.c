#include "eval/run/rec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "eval/run/rec_pack.h"
#include "tensor/base/mem.h"

static const struct {
  const char *file, *schema;
  const char *list[3];
} kinds[] = {
    [AS_REC_RUN] = {"record.json", "assay.record/1", {"models", "datasets", "cells"}},
    [AS_REC_SHARD] = {"shard.json", "assay.shard/1", {"models", "datasets", "groups"}},
};

char *as_rec_path(const char *path, as_rec_kind kind, as_err *err) {
  return as_path_kind_of(path) == AS_PATH_DIR ? as_path_join(path, kinds[kind].file, err)
                                              : as_strdup(path, err);
}

char *as_rec_dir(const char *path, as_err *err) {
  return as_path_kind_of(path) == AS_PATH_DIR ? as_strdup(path, err) : as_path_dir(path, err);
}

const char *as_rec_text(const as_json *object, const char *key) {
  const as_json *v = as_json_get(object, key);
  return v && v->type == AS_JSON_STRING && strlen(v->text) == v->text_len ? v->text : NULL;
}

const char *as_rec_digits(const as_json *object, const char *key) {
  const char *text = as_rec_text(object, key);
  return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64 ? text : NULL;
}

bool as_rec_count(const as_json *object, const char *key, int64_t *out) {
  const as_json *v = as_json_get(object, key);
  int64_t n;
  if (!v || !as_json_i64(v, &n) || n < 0 || n > INT64_C(1) << 40) return false;
  *out = n;
  return true;
}

const as_json *as_rec_list(const as_rec *r, const char *key) {
  const as_json *v = as_json_get(r->root, key);
  return v && v->type == AS_JSON_ARRAY ? v->child : NULL;
}

const as_json *as_rec_find(const as_rec *r, const char *key, const char *a, const char *x, const char *b,
                           const char *y) {
  for (const as_json *e = as_rec_list(r, key); e; e = e->next) {
    const char *p = as_rec_text(e, a), *q = b ? as_rec_text(e, b) : NULL;
    if (p && strcmp(p, x) == 0 && (!b || (q && strcmp(q, y) == 0))) return e;
  }
  return NULL;
}

/* The names by which an element of a list is found; they become parts of file names. */
static as_status check_names(const as_rec *r, const char *list, const as_json *e, as_err *err) {
  static const char *const single[] = {"name", NULL}, *const pair[] = {"model", "dataset", NULL};
  bool thing = strcmp(list, "models") == 0 || strcmp(list, "datasets") == 0;
  if (e->type != AS_JSON_OBJECT)
    return as_fail(err, AS_E_INPUT, "%s: %s: found an element that is no object", r->path, list);
  for (const char *const *key = thing ? single : pair; *key; key++) {
    const char *name = as_rec_text(e, *key);
    if (!name || !as_plan_is_name(name))
      return as_fail(err, AS_E_INPUT, "%s: %s: found %s \"%.80s\", wanted a name as plans have them", r->path,
                     list, *key, name ? name : "");
  }
  return AS_OK;
}

static as_status check_members(const as_rec *r, as_rec_kind kind, as_err *err) {
  static const char *const texts[] = {"profile", "plan", "plan_file"};
  const char *schema = as_rec_text(r->root, "schema");
  if (!schema || strcmp(schema, kinds[kind].schema) != 0)
    return as_fail(err, AS_E_INPUT, "%s: found schema \"%s\", wanted \"%s\"", r->path,
                   schema ? schema : "none", kinds[kind].schema);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (!as_rec_text(r->root, texts[i]))
      return as_fail(err, AS_E_INPUT, "%s: found no text \"%s\", wanted one", r->path, texts[i]);
  for (size_t i = 0; i < 3; i++) {
    const char *list = kinds[kind].list[i];
    const as_json *v = as_json_get(r->root, list);
    if (!v || v->type != AS_JSON_ARRAY)
      return as_fail(err, AS_E_INPUT, "%s: found no list \"%s\", wanted one", r->path, list);
    for (const as_json *e = v->child; e; e = e->next) {
      as_status s = check_names(r, list, e, err);
      if (s != AS_OK) return s;
    }
  }
  return AS_OK;
}

/* The names of a run's files are those that a run writes: in its folder, or one below. */
static bool is_file_name(const char *name) {
  static const char *const folders[] = {"cells/", "heads/", "prints/"};
  const char *base = name;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
    if (as_starts_with(name, folders[i])) base = name + strlen(folders[i]);
  return *base && *base != '.' && !strchr(base, '/');
}

static as_status check_files(const as_rec *r, as_err *err) {
  for (const as_json *e = as_rec_list(r, "files"); e; e = e->next) {
    const char *name = as_rec_text(e, "name");
    if (!name || !is_file_name(name) || !as_rec_digits(e, "sha256"))
      return as_fail(err, AS_E_INPUT, "%s: files: found \"%.80s\", wanted a file of this run and its SHA-256",
                     r->path, name ? name : "");
  }
  return AS_OK;
}

/* A run that is finished, but whose files were not all moved to their places, is read where they are. */
static as_status find_work(as_rec *r, as_err *err) {
  char *work = as_path_join(r->dir, "work", err),
       *path = work ? as_path_join(work, "record.json", err) : NULL;
  if (!work || !path) {
    as_free(work);
    return AS_E_ENV;
  }
  if (as_path_kind_of(path) == AS_PATH_FILE) {
    as_free(r->path);
    r->path = path;
    r->work = work;
    return AS_OK;
  }
  as_free(path);
  as_free(work);
  return AS_OK;
}

/* The record of a run in the archive that is open as its file. */
static as_status open_pack(as_rec *r, as_err *err) {
  as_status s = as_rec_pack_open(&r->pack, r->path, err);
  if (s != AS_OK) return s;
  as_file_close(&r->file);
  as_rec_pack_find(r->pack, "record.json", &r->file);
  as_str name = {0};
  const char *folder = as_rec_pack_folder(r->pack);
  as_str_printf(&name, "%s:%s%srecord.json", r->path, folder, *folder ? "/" : "");
  as_free(r->path);
  r->path = as_strdup(as_str_c(&name), err);
  s = as_str_status(&name, err);
  as_str_clear(&name);
  return r->path ? s : AS_E_ENV;
}

as_status as_rec_open(as_rec *r, const char *path, as_rec_kind kind, as_err *err) {
  const bool folder = as_path_kind_of(path) == AS_PATH_DIR;
  memset(r, 0, sizeof *r);
  r->path = as_rec_path(path, kind, err);
  r->dir = as_rec_dir(path, err);
  if (!r->path || !r->dir) return AS_E_ENV;
  if (folder && kind == AS_REC_RUN && find_work(r, err) != AS_OK) return AS_E_ENV;
  if (folder && as_path_kind_of(r->path) != AS_PATH_FILE)
    return as_fail(err, AS_E_INPUT, "%s: found no %s, wanted a finished %s", path, kinds[kind].file,
                   kind == AS_REC_RUN ? "run" : "shard");
  as_status s = as_file_open(&r->file, r->path, err);
  if (s == AS_OK && !folder && kind == AS_REC_RUN && as_rec_pack_is(r->file.data, r->file.size))
    s = open_pack(r, err);
  if (s != AS_OK) return s;
  if (r->file.size == 0 ||
      !memchr(r->file.data, '{', r->file.size < 16 ? r->file.size : 16)) /* a BOM, white space */
    return as_fail(err, AS_E_INPUT,
                   "%s: this is no record of a run: wanted its folder, record.json or an archive", r->path);
  if ((s = as_json_parse(&r->doc, (const char *)r->file.data, r->file.size, err)) != AS_OK)
    return as_fail_in(err, "%s", r->path), s;
  r->root = as_json_root(r->doc);
  s = check_members(r, kind, err);
  return s == AS_OK ? check_files(r, err) : s;
}

void as_rec_close(as_rec *r) {
  as_json_free(&r->doc);
  as_file_close(&r->file);
  as_rec_pack_close(&r->pack);
  as_free(r->path);
  as_free(r->dir);
  as_free(r->work);
  memset(r, 0, sizeof *r);
}

/* Is any file of the plan that it names by a relative path in its place? Without such, any folder will do. */
static bool finds_files(const as_plan *p) {
  size_t relative = 0;
  for (size_t i = 0; i < p->n_datasets; i++) {
    if (as_path_kind_of(p->datasets[i].path.at) != AS_PATH_NONE) return true;
    relative += p->datasets[i].path.said[0] != '/';
  }
  for (size_t i = 0; i < p->n_models; i++) {
    if (as_path_kind_of(p->models[i].weights.at) != AS_PATH_NONE) return true;
    relative += p->models[i].weights.said[0] != '/';
  }
  return relative == 0;
}

static const char place_schema[] = "assay.place/1";

as_status as_place_write(const char *dir, const as_plan *plan, as_err *err) {
  char *seen = as_path_between(dir, plan->dir, err), *real = seen ? as_path_real(plan->dir, err) : NULL;
  char *path = real ? as_path_join(dir, "place.json", err) : NULL;
  as_status s = path ? AS_OK : err ? err->status : AS_E_ENV;
  as_str text = {0};
  as_jsonw w;
  as_file old = {0};
  if (s == AS_OK) {
    as_jsonw_init(&w, &text, false);
    as_jsonw_object(&w);
    as_jsonw_put_str(&w, "schema", place_schema);
    as_jsonw_put_str(&w, "plan_folder", seen);
    as_jsonw_put_str(&w, "plan_folder_absolute", real);
    as_jsonw_end(&w);
    s = as_str_status(&text, err);
  }
  bool same = s == AS_OK && as_path_kind_of(path) == AS_PATH_FILE &&
              as_file_open(&old, path, NULL) == AS_OK && old.size == text.n &&
              memcmp(old.data, text.s, text.n) == 0;
  as_file_close(&old);
  if (s == AS_OK && !same) s = as_file_write(path, as_str_c(&text), text.n, err);
  as_str_clear(&text);
  as_free(path);
  as_free(seen);
  as_free(real);
  return s;
}

/* A folder as seen from the run in an archive: as if it were unpacked where it lies. A run's folder need not be there,
 * so that each ".." takes away one of the archive's own folders first. */
static char *beside_pack(const as_rec *r, const char *seen) {
  as_str path = {0};
  const char *folder = as_rec_pack_folder(r->pack);
  size_t n = strlen(folder);
  while (n > 0 && as_starts_with(seen, "..") && (seen[2] == '/' || !seen[2])) {
    while (n > 0 && folder[n - 1] != '/') n--;
    n -= n > 0;
    seen += seen[2] ? 3 : 2;
  }
  as_str_printf(&path, "%s/%.*s/%s", r->dir, (int)n, folder, *seen ? seen : ".");
  char *out = path.failed ? NULL : as_strdup(as_str_c(&path), NULL);
  as_str_clear(&path);
  return out;
}

/* The two folders that place.json names, absolute, NULL where there is none. */
static void read_place(const as_rec *r, char *dirs[2]) {
  as_file f = {0};
  as_json_doc *doc = NULL;
  dirs[0] = dirs[1] = NULL;
  if (as_rec_has_file(r, "place.json") && as_rec_file(r, &f, NULL, "place.json") == AS_OK &&
      as_json_parse(&doc, (const char *)f.data, f.size, NULL) == AS_OK) {
    const as_json *root = as_json_root(doc);
    const char *schema = as_rec_text(root, "schema"), *seen = as_rec_text(root, "plan_folder");
    const char *absolute = as_rec_text(root, "plan_folder_absolute");
    if (schema && strcmp(schema, place_schema) == 0 && seen && absolute) {
      char *beside = r->pack ? beside_pack(r, seen) : as_path_join(r->dir, seen, NULL);
      dirs[0] = beside ? as_path_real(beside, NULL) : NULL;
      dirs[1] = as_strdup(absolute, NULL);
      as_free(beside);
    }
  }
  as_json_free(&doc);
  as_file_close(&f);
}

as_status as_rec_plan(const as_rec *r, const as_roots *roots, as_plan *out, bool *moved, as_err *err) {
  enum { DIRS = 4 };
  const as_json *text = as_json_get(r->root, "plan");
  const char *file = as_rec_text(r->root, "plan_file");
  char *dirs[DIRS] = {NULL}, *above = as_path_join(r->dir, "..", err), *older = as_path_dir(file, err);
  as_status s = above && older ? AS_OK : AS_E_ENV;
  if (moved) *moved = false;
  read_place(r, dirs);
  /* Records of older versions say the plan's path as it was given. */
  if (!dirs[1] && strchr(file, '/')) dirs[0] = as_strdup(older, NULL);
  dirs[2] = as_path_real(r->dir, NULL);
  dirs[3] = above ? as_path_real(above, NULL) : NULL;
  int first = -1, found = -1;
  for (int i = 0; s == AS_OK && found < 0 && i < DIRS; i++) {
    if (!dirs[i]) continue;
    if (first < 0) first = i;
    s = as_plan_parse(out, text->text, text->text_len, as_path_base(file), dirs[i], roots, err);
    if (s == AS_OK && finds_files(out)) found = i;
    if (s == AS_OK && found < 0) as_plan_clear(out);
  }
  if (s == AS_OK && found < 0)
    s = as_fail(err, AS_E_INPUT, "%s: found none of the plan's files in %s%s%s; wanted --root OLD=NEW",
                r->path, first < 0 ? "its folder" : dirs[first], first == 0 && dirs[1] ? " or " : "",
                first == 0 && dirs[1] ? dirs[1] : "");
  if (moved) *moved = found == 1 && (!dirs[0] || strcmp(dirs[0], dirs[1]) != 0);
  for (int i = 0; i < DIRS; i++) as_free(dirs[i]);
  as_free(above);
  as_free(older);
  return s;
}

/* DIR/FORMAT, or work/FORMAT where that is what stands. */
static char *path_beside(const as_rec *r, const char *fmt, va_list ap, as_err *err) {
  char name[512];
  vsnprintf(name, sizeof name, fmt, ap);
  char *path = r->work ? as_path_join(r->work, name, err) : NULL;
  if (path && as_path_kind_of(path) == AS_PATH_FILE) return path;
  as_free(path);
  return as_path_join(r->dir, name, err);
}

char *as_rec_file_path(const as_rec *r, as_err *err, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char *path = path_beside(r, fmt, ap, err);
  va_end(ap);
  return path;
}

as_status as_rec_file(const as_rec *r, as_file *f, as_err *err, const char *fmt, ...) {
  char name[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  if (r->pack && as_rec_pack_find(r->pack, name, f)) return AS_OK;
  if (r->pack) return as_fail(err, AS_E_INPUT, "%s: found no %s beside it", r->path, name);
  char *path = as_rec_file_path(r, err, "%s", name);
  as_status s = path ? as_file_open(f, path, err) : AS_E_ENV;
  as_free(path);
  return s;
}

bool as_rec_has_file(const as_rec *r, const char *fmt, ...) {
  char name[512];
  as_file f;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  if (r->pack) return as_rec_pack_find(r->pack, name, &f);
  char *path = as_rec_file_path(r, NULL, "%s", name);
  const bool there = path && as_path_kind_of(path) == AS_PATH_FILE;
  as_free(path);
  return there;
}
