/* Opening a checkpoint: which container is it? Told by content, never by the file's name. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/containers/state_int.h"

enum { MAX_ARCHIVES = 2 }; /* zip archives around a checkpoint */

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

/* torch's oldest container is a tar whose first member is one of four. */
static bool is_torch_tar(const uint8_t *d) {
  static const char *const first[] = {"sys_info", "pickle", "storages", "tensors"};
  for (size_t i = 0; i < sizeof first / sizeof *first; i++)
    if (memcmp(d, first[i], strlen(first[i]) + 1) == 0) return true;
  return false;
}

/* Opcodes with which pickles of protocols 0 and 1 begin: a mark, a container, a global. */
static bool is_old_pickle(const uint8_t *d, size_t n) {
  return n >= 2 && d[n - 1] == '.' && d[0] != 0 && strchr("(]})c", d[0]);
}

/* One container. *inner gets the checkpoint that a zip archive was packed around; nothing else of `s` is filled then. */
static as_status read_container(as_state *s, const uint8_t *d, size_t n, const char *label, bool nested,
                                as_inner *inner, as_err *err) {
  if (n == 0) return as_fail(err, AS_E_INPUT, "%s: the file is empty", label);
  if (n >= 4 && d[0] == 'P' && d[1] == 'K' && ((d[2] == 3 && d[3] == 4) || (d[2] == 5 && d[3] == 6)))
    return as_state_read_zip(s, d, n, label, inner, err);
  if (is_torch_legacy(d, n)) return as_state_read_legacy(s, d, n, label, err);
  if (n >= 512 && memcmp(d + 257, "ustar", 5) == 0)
    return is_torch_tar(d) ? as_state_read_torch_tar(s, d, n, label, err) : as_foreign_tar(d, label, err);
  if (n >= 2 && d[0] == 0x80 && d[1] >= 2 && d[1] <= 5 && !is_safetensors(d, n))
    return as_state_read_pickle(s, d, n, label, err);
  if (as_tf_is_index(d, n)) {
    if (nested)
      return as_fail(err, AS_E_INPUT, "%s: a TensorFlow checkpoint inside an archive; unpack it first",
                     label);
    return as_state_read_tf_bundle(s, d, n, err);
  }
  if (is_safetensors(d, n)) return as_state_read_safetensors(s, d, n, label, err);
  as_status st = as_foreign_named(d, n, label, err);
  if (st != AS_OK) return st;
  if (!nested && as_ends_with(s->path, ".index.json")) return as_state_read_shards(s, d, n, s->path, err);
  if (is_old_pickle(d, n)) return as_state_read_pickle(s, d, n, label, err);
  return as_foreign_refuse(d, n, label, err);
}

/* The file's container, or the one in the zip archive around it, or in the one around that. */
static as_status read_nested(as_state *s, as_err *err) {
  as_inner in = {s->file.data, s->file.size, ""}, next;
  snprintf(in.label, sizeof in.label, "%s", s->path);
  for (int depth = 0; depth <= MAX_ARCHIVES; depth++) {
    memset(&next, 0, sizeof next);
    as_status st = read_container(s, in.data, in.size, depth ? in.label : s->path, depth > 0, &next, err);
    if (st != AS_OK || !next.data) return st;
    in = next;
  }
  return as_fail(err, AS_E_INPUT, "%s: archives nest deeper than two levels", s->path);
}

static as_status seal_or_close(as_state **out, as_state *s, as_status st, as_err *err) {
  if (st == AS_OK) st = as_state_seal(s, err);
  if (st == AS_OK) st = as_state_shorten_names(s, err);
  if (st != AS_OK) {
    as_state_close(&s);
    return st;
  }
  *out = s;
  return AS_OK;
}

#define DISTCP ".distcp"

static as_status refuse_distcp(const char *path, as_err *err) {
  return as_fail(
      err, AS_E_INPUT,
      "%s: this belongs to a distributed checkpoint, whose shards (.distcp) are not joined: python -m "
      "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER weights.pth",
      path);
}

static as_status resolve_folder(char **out, const char *path, as_err *err) {
  as_names names = {0};
  as_status st = as_dir_list(&names, path, err);
  if (st != AS_OK) return st;
  const char *hit = NULL;
  size_t hits = 0;
  bool distcp = false, saved_model = false;
  for (size_t i = 0; i < names.n; i++) {
    distcp = distcp || as_ends_with(names.name[i], DISTCP);
    saved_model = saved_model || strcmp(names.name[i], "saved_model.pb") == 0;
    if (as_ends_with(names.name[i], ".index") || as_ends_with(names.name[i], ".safetensors.index.json"))
      hit = names.name[i], hits++;
  }
  if (hits == 1) {
    *out = as_path_join(path, hit, err);
    st = *out ? AS_OK : AS_E_ENV;
  } else if (distcp) {
    st = refuse_distcp(path, err);
  } else if (saved_model) {
    st = as_fail(err, AS_E_INPUT, "%s: a TensorFlow SavedModel; name variables/variables.index in it", path);
  } else {
    st = as_fail(
        err, AS_E_INPUT,
        "%s: a folder with %zu checkpoint indexes (*.index, *.safetensors.index.json); wanted a file, or a "
        "folder with exactly one",
        path, hits);
  }
  as_names_clear(&names);
  return st;
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
    return resolve_folder(out, path, err);
  } else if (as_ends_with(path, DISTCP)) {
    return refuse_distcp(path, err);
  }
  if (!*out) *out = as_strdup(path, err);
  return *out ? AS_OK : AS_E_ENV;
}

as_status as_state_open(as_state **out, const char *path, as_err *err) {
  *out = NULL;
  char *real = NULL;
  as_status st = resolve_path(&real, path, err);
  if (st != AS_OK) return st;
  as_state *s = NULL;
  st = as_state_create(&s, real, err);
  as_free(real);
  if (st != AS_OK) return st;
  st = as_file_open(&s->file, s->path, err);
  if (st == AS_OK) st = read_nested(s, err);
  return seal_or_close(out, s, st, err);
}

as_status as_state_open_bytes(as_state **out, const void *data, size_t size, const char *label, as_err *err) {
  *out = NULL;
  as_state *s = NULL;
  as_status st = as_state_create(&s, label, err);
  if (st != AS_OK) return st;
  s->file.data = data; /* borrowed: no map, nothing owned, so close leaves it alone */
  s->file.size = size;
  st = read_nested(s, err);
  return seal_or_close(out, s, st, err);
}
