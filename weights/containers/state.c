/* The store: tensors by name, remarks, metadata and the memory that they lie in, whatever the container. The readers
 * fill it, state_open.c closes it. */
#include "weights/containers/state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/containers/state_int.h"

as_status as_state_add(as_state *s, const char *name, size_t n, const as_view *view, as_err *err) {
  assert(view->rank >= 0 && view->rank <= AS_MAX_RANK);
  if (n > AS_STATE_MAX_NAME)
    return as_fail(err, AS_E_INPUT, "%s: a tensor's name has %zu bytes; at most %d are read", s->path, n,
                   AS_STATE_MAX_NAME);
  if (memchr(name, 0, n)) return as_fail(err, AS_E_INPUT, "%s: a tensor's name holds a NUL byte", s->path);
  if (s->n >= AS_STATE_MAX_ENTRIES)
    return as_fail(err, AS_E_INPUT, "%s: more than %d tensors", s->path, AS_STATE_MAX_ENTRIES);
  as_status st = as_grow(&s->entries, &s->cap, s->n + 1, sizeof *s->entries, err);
  if (st != AS_OK) return st;
  char *copy = as_strndup(name, n, err);
  if (!copy) return AS_E_ENV;
  s->entries[s->n].name = copy;
  s->entries[s->n].plain = s->entries[s->n].bare = copy;
  s->entries[s->n].view = *view;
  s->entries[s->n].opaque = NULL;
  s->n++;
  return AS_OK;
}

as_status as_state_add_opaque(as_state *s, const char *name, size_t n, int rank, const int64_t *shape,
                              const char *what, as_err *err) {
  as_view v = {.data = "", .dtype = AS_OPAQUE, .rank = rank};
  for (int i = 0; i < rank; i++) v.shape[i] = shape[i];
  as_view_set_contiguous(&v);
  char *copy = as_strdup(what, err);
  as_status st = copy ? as_state_keep(s, copy, err) : AS_E_ENV;
  if (st == AS_OK) st = as_state_add(s, name, n, &v, err);
  if (st == AS_OK) s->entries[s->n - 1].opaque = copy;
  return st;
}

static as_status push_text(char ***list, size_t *n, size_t *cap, const char *text, as_err *err) {
  as_status st = as_grow(list, cap, *n + 1, sizeof **list, err);
  if (st != AS_OK) return st;
  char *copy = as_strdup(text, err);
  if (!copy) return AS_E_ENV;
  (*list)[(*n)++] = copy;
  return AS_OK;
}

as_status as_state_remark(as_state *s, as_err *err, const char *fmt, ...) {
  if (s->n_remarks >= AS_STATE_MAX_REMARKS) {
    s->more_remarks++;
    return AS_OK;
  }
  char line[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  for (char *p = line; *p; p++)
    if ((unsigned char)*p < 32 || *p == 127) *p = '?';
  return push_text(&s->remarks, &s->n_remarks, &s->cap_remarks, line, err);
}

as_status as_state_add_meta(as_state *s, const char *key, const char *value, as_err *err) {
  as_status st = push_text(&s->meta, &s->n_meta, &s->cap_meta, key, err);
  if (st != AS_OK) return st;
  st = push_text(&s->meta, &s->n_meta, &s->cap_meta, value, err);
  if (st != AS_OK) as_free(s->meta[--s->n_meta]);
  return st;
}

as_status as_state_keep(as_state *s, void *block, as_err *err) {
  as_status st = as_grow(&s->blocks, &s->cap_blocks, s->n_blocks + 1, sizeof *s->blocks, err);
  if (st != AS_OK) {
    as_free(block);
    return st;
  }
  s->blocks[s->n_blocks++] = block;
  return AS_OK;
}

as_status as_state_map(as_state *s, const char *path, const uint8_t **data, size_t *size, as_err *err) {
  if (s->n_files >= AS_STATE_MAX_FILES)
    return as_fail(err, AS_E_INPUT, "%s: more than %d shards", s->path, AS_STATE_MAX_FILES);
  as_status st = as_grow(&s->files, &s->cap_files, s->n_files + 1, sizeof *s->files, err);
  if (st != AS_OK) return st;
  as_file f = {0};
  st = as_file_open(&f, path, err);
  if (st != AS_OK) return st;
  s->files[s->n_files++] = f;
  *data = f.data;
  *size = f.size;
  return AS_OK;
}

static int by_entry_name(const void *a, const void *b) {
  return strcmp((*(const as_state_entry *const *)a)->name, (*(const as_state_entry *const *)b)->name);
}

as_status as_state_seal(as_state *s, as_err *err) {
  if (s->n == 0 && s->trouble[0]) return as_fail(err, AS_E_INPUT, "%s: %s", s->path, s->trouble);
  if (s->n == 0) return as_fail(err, AS_E_INPUT, "%s: %s, but holds no tensor", s->path, s->container);
  s->by_name = as_alloc(s->n, sizeof *s->by_name, err);
  if (!s->by_name) return AS_E_ENV;
  for (size_t i = 0; i < s->n; i++) s->by_name[i] = &s->entries[i];
  qsort(s->by_name, s->n, sizeof *s->by_name, by_entry_name);
  for (size_t i = 1; i < s->n; i++)
    if (strcmp(s->by_name[i - 1]->name, s->by_name[i]->name) == 0)
      return as_fail(err, AS_E_INPUT, "%s: tensor %s occurs twice", s->path, s->by_name[i]->name);
  if (s->more_remarks) {
    char line[64];
    snprintf(line, sizeof line, "(%zu further remarks left out)", s->more_remarks);
    return push_text(&s->remarks, &s->n_remarks, &s->cap_remarks, line, err);
  }
  return AS_OK;
}

as_status as_state_create(as_state **out, const char *path, as_err *err) {
  as_state *s = as_calloc(1, sizeof *s, err);
  if (!s) return AS_E_ENV;
  s->container = "unknown";
  s->path = as_strdup(path, err);
  if (!s->path) {
    as_free(s);
    return AS_E_ENV;
  }
  *out = s;
  return AS_OK;
}

void as_state_close(as_state **state) {
  as_state *s = *state;
  if (!s) return;
  *state = NULL;
  for (size_t i = 0; i < s->n; i++) as_free((void *)(uintptr_t)s->entries[i].name);
  for (size_t i = 0; i < s->n_remarks; i++) as_free(s->remarks[i]);
  for (size_t i = 0; i < s->n_meta; i++) as_free(s->meta[i]);
  for (size_t i = 0; i < s->n_blocks; i++) as_free(s->blocks[i]);
  for (size_t i = 0; i < s->n_files; i++) as_file_close(&s->files[i]);
  as_free(s->entries);
  as_free((void *)s->by_name);
  as_free(s->remarks);
  as_free(s->meta);
  as_free(s->blocks);
  as_free(s->files);
  if (s->file.map || s->file.owned) as_file_close(&s->file);
  as_free(s->path);
  as_free(s);
}

/* ---- reading ---- */

const char *as_state_path(const as_state *s) {
  return s->path;
}
const char *as_state_container(const as_state *s) {
  return s->container;
}
size_t as_state_count(const as_state *s) {
  return s->n;
}
const as_state_entry *as_state_entries(const as_state *s) {
  return s->entries;
}

static void release_in(const as_file *f, const as_view *view) {
  const uint8_t *p = view ? view->data : f->data;
  const uintptr_t at = (uintptr_t)p - (uintptr_t)f->data;
  if ((uintptr_t)p < (uintptr_t)f->data || at > f->size) return;
  const size_t left = f->size - (size_t)at;
  as_file_release(f, p, view && view->bytes < left ? view->bytes : left);
}

void as_state_release(const as_state *s, const as_view *view) {
  release_in(&s->file, view);
  for (size_t i = 0; i < s->n_files; i++) release_in(&s->files[i], view);
}

/* In pieces whose pages go again: a digest needs no second copy of the weights in memory. */
static void digest_file(as_sha256 *h, const as_file *f) {
  enum { PIECE = 4 << 20 };
  for (size_t at = 0; at < f->size; at += PIECE) {
    const size_t n = f->size - at < PIECE ? f->size - at : PIECE;
    as_sha256_update(h, f->data + at, n);
    as_file_release(f, f->data + at, n);
  }
}

/* A checkpoint of several files has the digest of their bytes one after the other. */
const char *as_state_sha256(as_state *s) {
  if (!s->sha256[0]) {
    as_sha256 h;
    as_sha256_init(&h);
    digest_file(&h, &s->file);
    for (size_t i = 0; i < s->n_files; i++) digest_file(&h, &s->files[i]);
    as_sha256_hex(&h, s->sha256);
  }
  return s->sha256;
}

const char *as_state_directory(const as_state *s) {
  return s->directory;
}

/* The hex digits in the file's name, *n of them, or NULL. */
static const char *promised_digits(const as_state *s, size_t *n) {
  const char *base = as_path_base(s->path);
  const char *dot = strchr(base, '.');
  const char *dash = NULL;
  for (const char *p = base; *p && (!dot || p < dot); p++)
    if (*p == '-') dash = p;
  if (!dash || !dot) return NULL;
  *n = (size_t)(dot - dash - 1);
  if (*n < 8 || *n > 64) return NULL;
  bool letter = false;
  for (const char *p = dash + 1; p < dot; p++) {
    if (!strchr("0123456789abcdef", *p)) return NULL;
    if (*p >= 'a') letter = true;
  }
  if (!letter && *n == 8 && strncmp(dash + 1, "20", 2) == 0) return NULL; /* a date, 20200729 */
  return dash + 1;
}

bool as_state_name_promises(const as_state *s) {
  size_t n;
  return promised_digits(s, &n) != NULL;
}

as_status as_state_check_name(as_state *s, int *checked, as_err *err) {
  size_t n = 0;
  const char *digits = promised_digits(s, &n);
  if (checked) *checked = digits != NULL;
  if (!digits) return AS_OK;
  const char *sha = as_state_sha256(s);
  if (strncmp(sha, digits, n) != 0)
    return as_fail(err, AS_E_INPUT, "%s: the name promises a SHA-256 that begins with %.*s, the file's is %s",
                   s->path, (int)n, digits, sha);
  return AS_OK;
}

const as_state_entry *as_state_find(const as_state *s, const char *name) {
  size_t lo = 0, hi = s->n;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    int c = strcmp(s->by_name[mid]->name, name);
    if (c == 0) return s->by_name[mid];
    if (c < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return NULL;
}

size_t as_state_remarks(const as_state *s, const char *const **lines) {
  *lines = (const char *const *)s->remarks;
  return s->n_remarks;
}

const char *as_state_trouble(const as_state *s) {
  return s->trouble;
}

const char *as_state_meta(const as_state *s, const char *key) {
  for (size_t i = 0; i + 1 < s->n_meta; i += 2)
    if (strcmp(s->meta[i], key) == 0) return s->meta[i + 1];
  return NULL;
}
