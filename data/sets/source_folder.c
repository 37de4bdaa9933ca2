/* Folders, folders of archives, and shards by pattern. */
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { MAX_DEPTH = 16 };

/* Lists root/rel; *found counts images. Names with an image suffix are taken for files unread. */
static as_status walk_folder(as_source *s, const char *root, const char *rel, uint32_t box, int depth,
                             as_names *archives, as_err *err) {
  char *dir = as_path_join(root, rel, err);
  if (!dir) return AS_E_ENV;
  as_names names = {0};
  as_status st =
      depth > MAX_DEPTH
          ? as_fail(err, AS_E_INPUT, "%s: found folders over %d deep (a loop of links?)", dir, MAX_DEPTH)
          : as_dir_list(&names, dir, err);
  for (size_t i = 0; i < names.n && st == AS_OK; i++) {
    const char *name = names.name[i];
    if (name[0] == '.') continue;
    char *below = as_path_join(rel, name, err), *full = as_path_join(dir, name, err);
    if (!below || !full) {
      st = AS_E_ENV;
    } else if (as_name_is_image(name)) {
      st = as_source_add(s, NULL, below, box, 0, 0, err);
    } else if (as_path_kind_of(full) == AS_PATH_DIR) {
      size_t before = s->n;
      st = walk_folder(s, root, below, box, depth + 1, archives, err);
      if (st == AS_OK && s->n == before && depth == 0 && !s->empty_folder) {
        s->empty_folder = as_strdup(name, err);
        if (!s->empty_folder) st = AS_E_ENV;
      }
    } else if (depth == 0 && (as_ends_with(name, ".tar") || as_ends_with(name, ".tar.gz") ||
                              as_ends_with(name, ".tgz") || as_ends_with(name, ".zip"))) {
      void *p = archives->name;
      st = as_grow(&p, &archives->cap, archives->n + 1, sizeof *archives->name, err);
      archives->name = p;
      if (st == AS_OK) {
        archives->name[archives->n++] = full;
        full = NULL;
      }
    } else {
      if (as_source_may_be_records(name)) st = as_source_note_file(s, full, below, err);
      if (st == AS_OK) st = as_source_ignore(s, NULL, below, box, 0, 0, err);
    }
    as_free(below);
    as_free(full);
  }
  as_names_clear(&names);
  as_free(dir);
  return st;
}

as_status as_source_walk(as_source *s, const char *root, const char *dir, uint32_t box, as_err *err) {
  as_names archives = {0};
  as_status st =
      walk_folder(s, root, dir, box, 1, &archives, err); /* depth 1: archives are files like others */
  as_names_clear(&archives);
  return st;
}

/* "train/n01440764.tar" -> "n01440764": what the members' names get in front. */
static char *archive_stem(const char *path, as_err *err) {
  const char *base = as_path_base(path);
  size_t n = strlen(base);
  static const char *const suffix[] = {".tar.gz", ".tgz", ".tar", ".zip"};
  for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
    if (as_ends_with(base, suffix[i])) return as_strndup(base, n - strlen(suffix[i]), err);
  }
  return as_strdup(base, err);
}

as_status as_source_add_archives(as_source *s, const as_names *archives, as_err *err) {
  as_status st = AS_OK;
  for (size_t i = 0; i < archives->n && st == AS_OK; i++) {
    char *stem = archive_stem(archives->name[i], err);
    st = stem ? as_source_add_archive(s, archives->name[i], stem, err) : AS_E_ENV;
    as_free(stem);
  }
  return st;
}

as_status as_source_add_folder(as_source *s, as_err *err) {
  as_names archives = {0};
  uint32_t box;
  as_status st = as_source_add_box(s, s->path, &box, err);
  if (st == AS_OK) {
    s->box[box].folder = true;
    st = walk_folder(s, s->path, "", box, 0, &archives, err);
  }
  if (st == AS_OK && !s->has_side) { /* Tiny-ImageNet's lies beside the folder of images */
    char *beside = as_path_join(s->path, "../val_annotations.txt", err);
    if (!beside) st = AS_E_ENV;
    if (beside && as_path_kind_of(beside) == AS_PATH_FILE)
      st = as_source_ignore(s, NULL, "../val_annotations.txt", box, 0, 0, err);
    as_free(beside);
  }
  if (st == AS_OK && s->n == 0 && archives.n > 0) {
    st = as_source_add_archives(s, &archives, err);
  } else {
    for (size_t i = 0; i < archives.n && st == AS_OK; i++)
      st = as_source_ignore(s, NULL, as_path_base(archives.name[i]), box, 0, 0, err);
  }
  as_names_clear(&archives);
  return st;
}

/* Shards "dir/name-{000000..000063}.tar": both ends have the same number of digits. */
as_status as_source_add_shards(as_source *s, bool *is_pattern, as_err *err) {
  const char *open = strchr(s->path, '{'), *dots = open ? strstr(open, "..") : NULL;
  const char *close = dots ? strchr(dots, '}') : NULL;
  *is_pattern = close != NULL;
  if (!close) return AS_OK;
  size_t digits = (size_t)(dots - open) - 1;
  int64_t from = 0, to = 0;
  if (digits == 0 || digits > 18 || (size_t)(close - dots) - 2 != digits)
    return as_fail(err, AS_E_INPUT, "%s: wanted shards as name-{000..123}.tar, both ends with as many digits",
                   s->path);
  const char *a = open + 1, *b = dots + 2;
  for (size_t i = 0; i < digits; i++) {
    if (a[i] < '0' || a[i] > '9' || b[i] < '0' || b[i] > '9')
      return as_fail(err, AS_E_INPUT, "%s: found no number in the braces, wanted name-{000..123}.tar",
                     s->path);
    from = from * 10 + (a[i] - '0');
    to = to * 10 + (b[i] - '0');
  }
  if (from > to) return as_fail(err, AS_E_INPUT, "%s: the first shard is after the last", s->path);
  as_status st = AS_OK;
  for (int64_t i = from; i <= to && st == AS_OK; i++) {
    as_str path = {0};
    as_str_putn(&path, s->path, (size_t)(open - s->path));
    as_str_printf(&path, "%0*lld", (int)digits, (long long)i);
    as_str_put(&path, close + 1);
    st = as_str_status(&path, err);
    char *one[1] = {path.s};
    as_names names = {.name = one, .n = 1, .cap = 1};
    if (st == AS_OK) st = as_source_add_archives(s, &names, err);
    as_str_clear(&path);
  }
  return st;
}
