#include "eval/run/rec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

as_status as_rec_open(as_rec *r, const char *path, as_rec_kind kind, as_err *err) {
  memset(r, 0, sizeof *r);
  r->path = as_rec_path(path, kind, err);
  r->dir = as_rec_dir(path, err);
  if (!r->path || !r->dir) return AS_E_ENV;
  if (as_path_kind_of(path) == AS_PATH_DIR && as_path_kind_of(r->path) != AS_PATH_FILE)
    return as_fail(err, AS_E_INPUT, "%s: found no %s, wanted a finished %s", path, kinds[kind].file,
                   kind == AS_REC_RUN ? "run" : "shard");
  as_status s = as_file_open(&r->file, r->path, err);
  if (s != AS_OK) return s;
  if ((s = as_json_parse(&r->doc, (const char *)r->file.data, r->file.size, err)) != AS_OK)
    return as_fail_in(err, "%s", r->path), s;
  r->root = as_json_root(r->doc);
  return check_members(r, kind, err);
}

void as_rec_close(as_rec *r) {
  as_json_free(&r->doc);
  as_file_close(&r->file);
  as_free(r->path);
  as_free(r->dir);
  memset(r, 0, sizeof *r);
}

as_status as_rec_plan(const as_rec *r, as_plan *out, as_err *err) {
  const as_json *text = as_json_get(r->root, "plan");
  return as_plan_parse(out, text->text, text->text_len, as_rec_text(r->root, "plan_file"), NULL, err);
}

/* DIR/FORMAT */
static char *path_beside(const as_rec *r, const char *fmt, va_list ap, as_err *err) {
  char name[512];
  vsnprintf(name, sizeof name, fmt, ap);
  return as_path_join(r->dir, name, err);
}

as_status as_rec_file(const as_rec *r, as_file *f, as_err *err, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char *path = path_beside(r, fmt, ap, err);
  va_end(ap);
  as_status s = path ? as_file_open(f, path, err) : AS_E_ENV;
  as_free(path);
  return s;
}

bool as_rec_has(const as_rec *r, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char *path = path_beside(r, fmt, ap, NULL);
  va_end(ap);
  bool there = path && as_path_kind_of(path) == AS_PATH_FILE;
  as_free(path);
  return there;
}
