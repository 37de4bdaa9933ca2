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
  } else if ((st = as_source_refuse(path, head, got, err)) == AS_OK) {
    st =
        as_fail(err, AS_E_INPUT, "%s: found neither a folder nor an archive nor an image (%" PRIu64 " bytes)",
                path, b->disk.size);
  }
  if (!s->box[box].gzip) as_disk_rest(&s->box[box].disk);
  return st;
}
