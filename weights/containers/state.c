/* The state: entries, remarks, memory; and telling containers apart by content. */
#include "weights/containers/state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/bytes.h"
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
  s->entries[s->n].view = *view;
  s->n++;
  return AS_OK;
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

/* ---- opening ---- */

typedef struct foreign {
  const char *magic;
  size_t n;
  const char *what;
} foreign;

static const foreign foreign_files[] = {
    {"\x89HDF\r\n\x1a\n", 8, "an HDF5 (Keras) file"},
    {"\x1f\x8b", 2, "gzip-compressed; unpack it first"},
    {"BZh", 3, "bzip2-compressed; unpack it first"},
    {"\xfd"
     "7zXZ",
     5, "xz-compressed; unpack it first"},
    {"\x28\xb5\x2f\xfd", 4, "zstd-compressed; unpack it first"},
    {"\xff\xd8\xff", 3, "a JPEG image"},
    {"\x89PNG", 4, "a PNG image"},
    {"GGUF", 4, "a GGUF file"},
    {"\x93NUMPY", 6, "a .npy array, not a set of named tensors"},
    {"<!DOCTYPE", 9, "an HTML page (a failed download?)"},
    {"<html", 5, "an HTML page (a failed download?)"},
    {"version https://git-lfs", 23, "a git-lfs pointer, not the file itself"},
};

/* Torch's legacy magic 0x1950a86a20f9469cfc6c as LONG1 writes it; stands at byte 2, or behind the
 * frame header of protocols 4 and 5 at byte 11. */
static bool is_torch_legacy(const uint8_t *d, size_t n) {
  static const uint8_t magic[12] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  if (n < 2 || d[0] != 0x80) return false;
  return (n >= 14 && memcmp(d + 2, magic, 12) == 0) || (n >= 23 && memcmp(d + 11, magic, 12) == 0);
}

static bool is_safetensors(const uint8_t *d, size_t n) {
  if (n < 9) return false;
  size_t p = 8;
  while (p < n && p < 4096 && (d[p] == ' ' || d[p] == '\n' || d[p] == '\t' || d[p] == '\r')) p++;
  /* A torch pickle's bytes 2.. never read as a header of less than 2^40 bytes that opens with '{'. */
  return p < n && d[p] == '{' && as_le64(d) < UINT64_C(1) << 40;
}

static bool is_shard_index(const uint8_t *d, size_t n) {
  size_t p = 0;
  while (p < n && (d[p] == ' ' || d[p] == '\n' || d[p] == '\t' || d[p] == '\r')) p++;
  return p < n && d[p] == '{';
}

/* Opcodes with which pickles of protocols 0 and 1 begin: a mark, a container, a global. */
static bool is_old_pickle(const uint8_t *d, size_t n) {
  return n >= 2 && d[n - 1] == '.' && d[0] != 0 && strchr("(]})c", d[0]);
}

as_status as_state_read_bytes(as_state *s, const uint8_t *d, size_t n, const char *label, int depth,
                              as_err *err) {
  if (n == 0) return as_fail(err, AS_E_INPUT, "%s: the file is empty", label);
  if (n >= 4 && d[0] == 'P' && d[1] == 'K' && ((d[2] == 3 && d[3] == 4) || (d[2] == 5 && d[3] == 6)))
    return as_state_read_zip(s, d, n, label, depth, err);
  if (is_torch_legacy(d, n)) return as_state_read_legacy(s, d, n, label, err);
  if (n >= 512 && memcmp(d + 257, "ustar", 5) == 0) return as_state_read_torch_tar(s, d, n, label, err);
  if (n >= 2 && d[0] == 0x80 && d[1] >= 2 && d[1] <= 5 && !is_safetensors(d, n))
    return as_state_read_pickle(s, d, n, label, err);
  if (as_tf_is_index(d, n)) {
    if (depth > 0)
      return as_fail(err, AS_E_INPUT, "%s: a TensorFlow checkpoint inside an archive; unpack it first",
                     label);
    return as_state_read_tf_bundle(s, d, n, s->path, err);
  }
  if (is_safetensors(d, n)) return as_state_read_safetensors(s, d, n, label, err);
  for (size_t i = 0; i < sizeof foreign_files / sizeof *foreign_files; i++) {
    const foreign *f = &foreign_files[i];
    if (n >= f->n && memcmp(d, f->magic, f->n) == 0)
      return as_fail(err, AS_E_INPUT,
                     "%s: this is %s; wanted a checkpoint (torch, safetensors, npz, pickle, "
                     "TensorFlow V2)",
                     label, f->what);
  }
  if (depth == 0 && is_shard_index(d, n)) return as_state_read_shards(s, d, n, s->path, err);
  if (is_old_pickle(d, n)) return as_state_read_pickle(s, d, n, label, err);
  return as_fail(
      err, AS_E_INPUT,
      "%s: first bytes %02x %02x %02x %02x are no checkpoint's that assay reads (torch, safetensors, "
      "npz, pickle, TensorFlow V2)",
      label, d[0], n > 1 ? d[1] : 0u, n > 2 ? d[2] : 0u, n > 3 ? d[3] : 0u);
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(const as_state_entry *const *)a)->name, (*(const as_state_entry *const *)b)->name);
}

/* Sorts the index and refuses a name that stands twice. */
static as_status seal(as_state *s, as_err *err) {
  if (s->n == 0) return as_fail(err, AS_E_INPUT, "%s: %s, but holds no tensor", s->path, s->container);
  s->by_name = as_alloc(s->n, sizeof *s->by_name, err);
  if (!s->by_name) return AS_E_ENV;
  for (size_t i = 0; i < s->n; i++) s->by_name[i] = &s->entries[i];
  qsort(s->by_name, s->n, sizeof *s->by_name, by_name);
  for (size_t i = 1; i < s->n; i++)
    if (strcmp(s->by_name[i - 1]->name, s->by_name[i]->name) == 0)
      return as_fail(err, AS_E_INPUT, "%s: tensor %s stands twice", s->path, s->by_name[i]->name);
  if (s->more_remarks) {
    char line[64];
    snprintf(line, sizeof line, "(%zu further remarks left out)", s->more_remarks);
    return push_text(&s->remarks, &s->n_remarks, &s->cap_remarks, line, err);
  }
  return AS_OK;
}

static as_status create(as_state **out, const char *path, unsigned flags, as_err *err) {
  as_state *s = as_calloc(1, sizeof *s, err);
  if (!s) return AS_E_ENV;
  s->flags = flags;
  s->container = "unknown";
  s->path = as_strdup(path, err);
  if (!s->path) {
    as_free(s);
    return AS_E_ENV;
  }
  *out = s;
  return AS_OK;
}

static as_status finish(as_state **out, as_state *s, as_status st, as_err *err) {
  if (st == AS_OK) st = seal(s, err);
  if (st != AS_OK) {
    as_state_close(&s);
    return st;
  }
  *out = s;
  return AS_OK;
}

/* What the user may name besides a plain file: the prefix of a TensorFlow checkpoint, or a folder
 * that holds exactly one checkpoint made of several files. The result is released with as_free. */
static as_status resolve_path(char **out, const char *path, as_err *err) {
  as_path_kind kind = as_path_kind_of(path);
  *out = NULL;
  if (kind == AS_PATH_NONE) {
    as_str with = {0};
    as_str_printf(&with, "%s.index", path);
    if (!with.failed && as_path_kind_of(as_str_c(&with)) == AS_PATH_FILE)
      *out = as_strdup(as_str_c(&with), err);
    as_str_clear(&with);
  } else if (kind == AS_PATH_DIR) {
    as_names names = {0};
    as_status st = as_dir_list(&names, path, err);
    if (st != AS_OK) return st;
    const char *hit = NULL;
    size_t hits = 0;
    for (size_t i = 0; i < names.n; i++)
      if (as_ends_with(names.name[i], ".index") || as_ends_with(names.name[i], ".safetensors.index.json"))
        hit = names.name[i], hits++;
    if (hits == 1) {
      *out = as_path_join(path, hit, err);
      st = *out ? AS_OK : AS_E_ENV;
    } else {
      st = as_fail(
          err, AS_E_INPUT,
          "%s: a folder with %zu checkpoint indexes (*.index, *.safetensors.index.json); wanted a file, or "
          "a folder with exactly one",
          path, hits);
    }
    as_names_clear(&names);
    return st;
  }
  if (!*out) *out = as_strdup(path, err);
  return *out ? AS_OK : AS_E_ENV;
}

as_status as_state_open_flags(as_state **out, const char *path, unsigned flags, as_err *err) {
  *out = NULL;
  char *real = NULL;
  as_status st = resolve_path(&real, path, err);
  if (st != AS_OK) return st;
  as_state *s = NULL;
  st = create(&s, real, flags, err);
  as_free(real);
  if (st != AS_OK) return st;
  st = as_file_open(&s->file, s->path, err);
  if (st == AS_OK) st = as_state_read_bytes(s, s->file.data, s->file.size, s->path, 0, err);
  return finish(out, s, st, err);
}

as_status as_state_open(as_state **out, const char *path, as_err *err) {
  return as_state_open_flags(out, path, 0, err);
}

as_status as_state_open_bytes(as_state **out, const void *data, size_t size, const char *label, as_err *err) {
  *out = NULL;
  as_state *s = NULL;
  as_status st = create(&s, label, 0, err);
  if (st != AS_OK) return st;
  s->file.data = data; /* borrowed: no map, nothing owned, so close leaves it alone */
  s->file.size = size;
  st = as_state_read_bytes(s, data, size, label, 0, err);
  return finish(out, s, st, err);
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
  as_recipe_destroy(&s->own_recipe);
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

as_status as_state_check_name(as_state *s, int *checked, as_err *err) {
  if (checked) *checked = 0;
  const char *base = as_path_base(s->path);
  const char *dot = strchr(base, '.');
  const char *dash = NULL;
  for (const char *p = base; *p && (!dot || p < dot); p++)
    if (*p == '-') dash = p;
  if (!dash || !dot) return AS_OK;
  size_t n = (size_t)(dot - dash - 1);
  if (n < 8 || n > 64) return AS_OK;
  bool letter = false;
  for (const char *p = dash + 1; p < dot; p++) {
    if (!strchr("0123456789abcdef", *p)) return AS_OK;
    if (*p >= 'a') letter = true;
  }
  if (!letter && n == 8 && strncmp(dash + 1, "20", 2) == 0) return AS_OK; /* a date, 20200729 */
  const char *sha = as_state_sha256(s);
  if (checked) *checked = 1;
  if (strncmp(sha, dash + 1, n) != 0)
    return as_fail(err, AS_E_INPUT, "%s: the name promises a SHA-256 that begins with %.*s, the file's is %s",
                   s->path, (int)n, dash + 1, sha);
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

const char *as_state_meta(const as_state *s, const char *key) {
  for (size_t i = 0; i + 1 < s->n_meta; i += 2)
    if (strcmp(s->meta[i], key) == 0) return s->meta[i + 1];
  return NULL;
}

size_t as_state_meta_count(const as_state *s) {
  return s->n_meta / 2;
}

void as_state_meta_at(const as_state *s, size_t i, const char **key, const char **value) {
  *key = s->meta[2 * i];
  *value = s->meta[2 * i + 1];
}
