/* What a path leads to, and who lists it. */
#include "data/sets/source_int.h"

#include <string.h>

#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* "x.tar/val/images": a path that leads through an archive. The archive stays in s->path, the rest is what its members
 * must lie below. */
static as_status split_inner(as_source *s, as_err *err) {
  char *path = as_strdup(s->path, err);
  if (!path) return AS_E_ENV;
  for (char *cut = strrchr(path, '/'); cut && cut > path; cut = strrchr(path, '/')) {
    *cut = '\0';
    if (as_path_kind_of(path) != AS_PATH_FILE) continue;
    size_t at = (size_t)(cut - path), n = strlen(s->path + at + 1);
    s->inner = as_strndup(s->path + at + 1, n > 0 && s->path[at + n] == '/' ? n - 1 : n, err);
    as_free(s->archive);
    s->archive = path;
    return s->inner ? AS_OK : AS_E_ENV;
  }
  as_free(path);
  return AS_OK;
}

/* One image, under its own name. */
static as_status add_image(as_source *s, const char *path, as_err *err) {
  uint32_t box;
  if (as_path_kind_of(path) == AS_PATH_NONE) return as_source_no_image(path, err);
  char *dir = as_path_dir(path, err);
  as_status st = dir ? as_source_add_box(s, dir, &box, err) : AS_E_ENV;
  as_free(dir);
  if (st != AS_OK) return st;
  s->box[box].folder = s->loose = s->picked = true;
  return as_source_add(s, NULL, as_path_base(path), box, 0, 0, err);
}

static as_status open_path(as_source *s, as_err *err) {
  as_path_kind kind = as_path_kind_of(s->path);
  if (kind == AS_PATH_DIR) return as_source_add_folder(s, err);
  if (kind == AS_PATH_NONE) {
    bool taken = false;
    const char *base = as_path_base(s->path);
    if (*base == '@') return as_source_add_list(s, err);
    as_status st = as_source_add_shards(s, &taken, err);
    if (st == AS_OK && !taken) st = as_source_add_glob(s, &taken, err);
    if (st == AS_OK && !taken) st = split_inner(s, err);
    if (st != AS_OK || taken) return st;
  }
  const char *file = s->archive ? s->archive : s->path;
  if (!s->inner && as_name_is_image(file)) return add_image(s, file, err);
  return as_source_add_archive(s, file, NULL, err);
}

static as_status refuse_empty(const as_source *s, as_err *err) {
  const char *advice = s->first_ignored ? as_source_advice(s->first_ignored) : NULL;
  if (s->inner && s->skipped > 0)
    return as_fail(err, AS_E_INPUT, "%s: found no image below %s in %s, but %zu elsewhere (the first is %s)",
                   s->path, s->inner, s->archive, s->skipped, s->first_skipped);
  if (s->ignored > 0)
    return as_fail(err, AS_E_INPUT, "%s: found no image among %zu files (the first is %s)%s%s", s->path,
                   s->ignored, s->first_ignored, advice ? ": " : "", advice ? advice : "");
  return as_fail(err, AS_E_INPUT, "%s: found no image; wanted a folder or an archive of images", s->path);
}

/* Archives that Windows wrote part folders by backslashes. When no name has a slash and all have one of these, that is
 * what they mean. */
static as_status turn_backslashes(as_source *s, as_err *err) {
  for (size_t i = 0; i < s->n; i++) {
    const char *name = s->pool + s->entry[i].name;
    if (s->box[s->entry[i].box].folder || strchr(name, '/') || !strchr(name, '\\')) return AS_OK;
  }
  for (size_t i = 0; i < s->n; i++) {
    as_entry *e = &s->entry[i];
    for (char *p = s->pool + e->name; *p; p++) {
      if (*p == '\\') *p = '/';
    }
    as_status st = as_source_show(s, e, err);
    if (st != AS_OK) return st;
  }
  if (s->n > 0)
    as_log_line(AS_LOG_INFO, "%s: names have backslashes between folders, as Windows writes them (%s)",
                s->path, s->pool + s->entry[0].shown);
  return AS_OK;
}

as_status as_source_open(as_source *s, const char *path, const char *const *files, size_t n, bool coarse,
                         as_err *err) {
  memset(s, 0, sizeof *s);
  s->path = path;
  s->coarse = coarse;
  as_status st = n > 0 ? as_source_add_files(s, files, n, err) : open_path(s, err);
  if (st == AS_OK && s->n == 0) st = as_source_use_records(s, err);
  if (st == AS_OK && s->n == 0) st = refuse_empty(s, err);
  if (st == AS_OK) st = turn_backslashes(s, err);
  size_t with_label = 0;
  for (size_t i = 0; i < s->n; i++) with_label += s->entry[i].label != AS_NO_LABEL;
  s->labelled = with_label > 0;
  if (st == AS_OK && s->labelled && with_label < s->n) {
    st =
        as_fail(err, AS_E_INPUT, "%s: found labels (.cls or .json) for %zu of %zu images, wanted all or none",
                path, with_label, s->n);
  }
  if (st != AS_OK) as_source_close(s);
  return st;
}

void as_source_close(as_source *s) {
  for (size_t i = 0; i < s->n_boxes; i++) {
    as_free(s->box[i].path);
    as_disk_close(&s->box[i].disk);
    as_gzip_close(&s->box[i].gzip);
    as_source_close_zip(&s->box[i]);
  }
  as_source_drop_records(s);
  as_free(s->box);
  as_free(s->entry);
  as_free(s->pool);
  as_free(s->empty_folder);
  as_free(s->first_ignored);
  as_free(s->first_skipped);
  as_free(s->inner);
  as_free(s->archive);
  memset(s, 0, sizeof *s);
}
