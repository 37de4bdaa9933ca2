/* Which archive a file is, by its first bytes. */
#include <inttypes.h>
#include <string.h>

#include "data/archive/tar.h"
#include "data/sets/source_int.h"
#include "tensor/base/mem.h"

/* A tar, plain or gzipped. */
static as_status list_tars(as_source *s, uint32_t box, const char *prefix, as_err *err) {
  as_box *b = &s->box[box];
  as_disk disk = b->disk; /* boxes do not move while one is listed, but the copy is what as_tar points to */
  as_disk_part part = {&disk, 0, disk.size};
  as_tar t;
  if (b->gzip) {
    as_tar_init(&t, b->path, as_gzip_fetch, b->gzip, UINT64_MAX);
  } else {
    as_tar_init(&t, b->path, as_disk_fetch, &part, part.size);
  }
  size_t first = s->n;
  bool labels = false;
  as_status st = as_source_list_tar(s, &t, box, prefix, &labels, err);
  as_tar_clear(&t);
  return st == AS_OK && labels ? as_source_pair_shard(s, s->box[box].path, first, err) : st;
}

/* A file of records, and what lies beside it: labels, names of classes. */
static as_status note_with_neighbours(as_source *s, const char *path, as_err *err) {
  as_names names;
  char *dir = as_path_dir(path, err);
  if (!dir) return AS_E_ENV;
  as_status st = as_source_note_file(s, path, as_path_base(path), err);
  if (st == AS_OK) st = as_dir_list(&names, dir, err);
  for (size_t i = 0; st == AS_OK && i < names.n; i++) {
    if (!as_source_may_be_records(names.name[i]) || strcmp(names.name[i], as_path_base(path)) == 0) continue;
    char *full = as_path_join(dir, names.name[i], err);
    st = full ? as_source_note_file(s, full, names.name[i], err) : AS_E_ENV;
    if (st == AS_OK && s->n_records > 0) s->records[s->n_records - 1].wanted = false;
    as_free(full);
  }
  if (st == AS_OK) as_names_clear(&names);
  as_free(dir);
  return st;
}

as_status as_source_add_archive(as_source *s, const char *path, const char *prefix, as_err *err) {
  uint32_t box;
  uint8_t head[AS_TAR_BLOCK];
  size_t got;
  as_status st = as_source_add_box(s, path, &box, err);
  if (st != AS_OK) return st;
  as_box *b = &s->box[box];
  if ((st = as_disk_open(&b->disk, b->path, err)) != AS_OK) return st;
  if ((st = as_disk_read(&b->disk, 0, sizeof head, head, &got, err)) != AS_OK) return st;
  if (as_gzip_is(head, got)) {
    as_disk disk = b->disk;
    b->disk = (as_disk){.fd = -1};
    st = as_gzip_take(&b->gzip, disk, err);
    if (st == AS_OK) st = list_tars(s, box, prefix, err);
  } else if (as_zip_is(head, got)) {
    st = as_source_list_zip(s, box, prefix, err);
  } else if (got == sizeof head && as_tar_is_header(head)) {
    st = list_tars(s, box, prefix, err);
  } else if (as_source_may_be_records(path)) {
    st = note_with_neighbours(s, path, err);
    if (st == AS_OK && s->n_records == 0)
      st = as_fail(err, AS_E_INPUT,
                   "%s: found %" PRIu64 " bytes, which are no whole records of CIFAR or STL-10", path,
                   s->box[box].disk.size);
  } else if ((st = as_source_refuse(path, head, got, err)) == AS_OK) {
    st =
        as_fail(err, AS_E_INPUT, "%s: found neither a folder nor an archive nor an image (%" PRIu64 " bytes)",
                path, b->disk.size);
  }
  if (!s->box[box].gzip) as_disk_rest(&s->box[box].disk);
  return st;
}
