/* The list that every reader of a source adds to: its boxes, images and names. */
#define _POSIX_C_SOURCE 200809L
#include <fnmatch.h>
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

bool as_name_is_image(const char *name) {
  static const char *const suffix[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp",
                                       ".gif", ".webp", ".ppm", ".pgm",  ".tif", ".tiff"};
  const char *base = as_path_base(name), *dot = strrchr(base, '.');
  if (!dot || base[0] == '.') return false; /* hidden files, and the "._" twins that macOS leaves */
  for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
    if (as_same_letters(dot, suffix[i])) return true;
  }
  return false;
}

as_status as_source_add_box(as_source *s, const char *path, uint32_t *index, as_err *err) {
  void *p = s->box;
  if (s->n_boxes >= UINT32_MAX) return as_fail(err, AS_E_INPUT, "%s: too many archives", s->path);
  as_status st = as_grow(&p, &s->box_cap, s->n_boxes + 1, sizeof *s->box, err);
  if (st != AS_OK) return st;
  s->box = p;
  as_box *b = &s->box[s->n_boxes];
  memset(b, 0, sizeof *b);
  b->disk.fd = -1;
  b->path = as_strdup(path, err);
  if (!b->path) return AS_E_ENV;
  *index = (uint32_t)s->n_boxes++;
  return AS_OK;
}

/* n bytes into the pool, and a NUL; *at is where they are. */
static as_status add_text(as_source *s, const char *text, size_t n, size_t *at, as_err *err) {
  void *p = s->pool;
  as_status st = as_grow(&p, &s->pool_cap, s->pool_n + n + 1, 1, err);
  s->pool = p;
  if (st != AS_OK) return st;
  *at = s->pool_n;
  memcpy(s->pool + s->pool_n, text, n);
  s->pool[s->pool_n + n] = '\0';
  s->pool_n += n + 1;
  return AS_OK;
}

static bool is_plain_name(const char *name) {
  for (; *name; name++) {
    if (*name < ' ' || *name > '~' || *name == '\\') return false;
  }
  return true;
}

bool as_source_wants(const as_source *s, const char *prefix, const char *name) {
  char path[8192]; /* names are at most 4096 bytes, prefixes are names of archives */
  if (!s->inner) return true;
  size_t a = prefix ? strlen(prefix) : 0, b = strlen(name), n = 0;
  if (a + b + 2 > sizeof path) return false;
  if (a > 0) {
    memcpy(path, prefix, a);
    path[a] = '/';
    n = a + 1;
  }
  memcpy(path + n, name, b + 1);
  /* all of it, or any folder above it; with or without the folder around all */
  char *second = strchr(path, '/');
  for (char *end = path + n + b; end;) {
    *end = '\0';
    if (fnmatch(s->inner, path, FNM_PATHNAME) == 0) return true;
    if (second && end > second && fnmatch(s->inner, second + 1, FNM_PATHNAME) == 0) return true;
    end = strrchr(path, '/');
  }
  return false;
}

as_status as_source_add_text(as_source *s, const char *text, as_err *err) {
  size_t at;
  return add_text(s, text, strlen(text), &at, err);
}

as_status as_source_show(as_source *s, as_entry *e, as_err *err) {
  e->shown = e->name;
  if (is_plain_name(s->pool + e->name)) return AS_OK;
  as_str shown = {0};
  as_str_put_escaped(&shown, s->pool + e->name);
  as_status st = as_str_status(&shown, err);
  if (st == AS_OK && strcmp(as_str_c(&shown), s->pool + e->name) != 0)
    st = add_text(s, shown.s, shown.n, &e->shown, err);
  as_str_clear(&shown);
  return st;
}

/* An entry with its name in the pool. */
static as_status make_entry(as_source *s, as_entry *e, const char *prefix, const char *name, as_err *err) {
  as_status st = add_text(s, prefix ? prefix : "", prefix ? strlen(prefix) : 0, &e->name, err);
  if (st != AS_OK) return st;
  s->pool_n--; /* the name goes on where the prefix ends */
  if (s->pool_n > e->name) s->pool[s->pool_n++] = '/';
  size_t behind;
  st = add_text(s, name, strlen(name), &behind, err);
  return st == AS_OK ? as_source_show(s, e, err) : st;
}

as_status as_source_add(as_source *s, const char *prefix, const char *name, uint32_t box, uint64_t at,
                        uint64_t size, as_err *err) {
  void *p = s->entry;
  if (!as_source_wants(s, prefix, name)) {
    if (s->skipped++ > 0) return AS_OK;
    s->first_skipped = as_strdup(name, err);
    return s->first_skipped ? AS_OK : AS_E_ENV;
  }
  as_status st = as_grow(&p, &s->cap, s->n + 1, sizeof *s->entry, err);
  s->entry = p;
  if (st != AS_OK) return st;
  as_entry e = {.at = at, .size = size, .box = box, .label = AS_NO_LABEL};
  st = make_entry(s, &e, prefix, name, err);
  if (st == AS_OK) s->entry[s->n++] = e;
  return st;
}

as_status as_source_ignore(as_source *s, const char *prefix, const char *name, uint32_t box, uint64_t at,
                           uint64_t size, as_err *err) {
  if (strcmp(as_path_base(name), "val_annotations.txt") == 0 && !s->has_side) {
    s->side = (as_entry){.at = at, .size = size, .box = box, .label = AS_NO_LABEL};
    s->has_side = true;
    return make_entry(s, &s->side, prefix, name, err);
  }
  if (s->ignored++ == 0) {
    s->first_ignored = as_strdup(name, err);
    if (!s->first_ignored) return AS_E_ENV;
  }
  return AS_OK;
}
