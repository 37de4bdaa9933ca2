/* Zip archives: ImageNet-Sketch, ObjectNet, Tiny-ImageNet and what Kaggle sends. */
#include <inttypes.h>
#include <string.h>

#include "data/sets/source_int.h"
#include "data/sets/source_links_int.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

enum { TARGET_MAX = 4096, RECORDS_MAX = 1 << 30 };

static as_status add_zip_link(as_links *l, as_source *s, uint32_t box, size_t i, const char *name,
                              size_t entry, as_err *err) {
  const as_box *b = &s->box[box];
  char target[TARGET_MAX + 1];
  if (b->zip->member[i].size > TARGET_MAX)
    return as_fail(err, AS_E_INPUT, "%s: %s: found a link to a path of over %d bytes", b->path, name,
                   TARGET_MAX);
  as_status st = as_zip_disk_read(b->zip, &b->disk, i, (uint8_t *)target, err);
  target[st == AS_OK ? b->zip->member[i].size : 0] = '\0';
  return st == AS_OK ? as_links_add(l, name, target, false, entry, err) : st;
}

/* A member that may be records, unpacked when its size is theirs. */
typedef struct unpacking {
  const as_source *s;
  uint32_t box;
  size_t member;
  uint8_t *bytes;
} unpacking;

static as_status fetch_unpacked(void *ctx, uint64_t at, size_t n, uint8_t *out, size_t *got, as_err *err) {
  unpacking *u = ctx;
  const as_box *b = &u->s->box[u->box];
  const uint64_t size = b->zip->member[u->member].size;
  as_status st = AS_OK;
  if (!u->bytes) {
    u->bytes = as_alloc((size_t)size + 1, 1, err);
    st = u->bytes ? as_zip_disk_read(b->zip, &b->disk, u->member, u->bytes, err) : AS_E_ENV;
  }
  *got = at < size ? (size - at < n ? (size_t)(size - at) : n) : 0;
  if (st == AS_OK) memcpy(out, u->bytes + at, *got);
  return st;
}

/* CIFAR and STL-10: every image would have to be unpacked from the beginning of its file. */
static as_status note_zip_records(as_source *s, uint32_t box, const char *prefix, size_t i, const char *name,
                                  as_err *err) {
  unpacking u = {s, box, i, NULL};
  const uint64_t size = s->box[box].zip->member[i].size;
  as_record_file f = {
      .name = (char *)(uintptr_t)name, .size = size, .wanted = as_source_wants(s, prefix, name)};
  if (!as_source_may_be_records(name)) return AS_OK;
  if (size > RECORDS_MAX) {
    as_log_line(AS_LOG_WARN,
                "%s: %s is left out: %" PRIu64 " bytes would have to be kept in memory; unpack the zip",
                s->box[box].path, name, size);
    return AS_OK;
  }
  as_status st = as_source_add_box(s, s->box[box].path, &f.box, err);
  if (st == AS_OK) st = as_source_note_records(s, &f, fetch_unpacked, &u, 0, err);
  if (st == AS_OK && s->n_records > 0 && s->records[s->n_records - 1].box == f.box && !u.bytes && size > 0) {
    uint8_t first; /* without labels nothing was read yet */
    size_t got;
    st = fetch_unpacked(&u, 0, 1, &first, &got, err);
  }
  if (f.box < s->n_boxes) s->box[f.box].bytes = u.bytes;
  return st;
}

static as_status add_zip_member(as_links *l, as_source *s, uint32_t box, const char *prefix, size_t i,
                                as_err *err) {
  const as_zip_disk *z = s->box[box].zip;
  const char *name = z->names + z->member[i].name;
  while (name[0] == '/' || (name[0] == '.' && name[1] == '/')) name += name[0] == '/' ? 1 : 2;
  bool link = z->member[i].link;
  uint64_t size = z->member[i].size;
  size_t before = s->n;
  as_status st = AS_OK;
  if (as_name_is_image(name)) {
    st = as_source_add(s, prefix, name, box, link ? AS_AT_LINK : i, size, err);
  } else if (!link && as_path_base(name)[0] != '.') {
    st = note_zip_records(s, box, prefix, i, name, err);
    if (st == AS_OK) st = as_source_ignore(s, prefix, name, box, i, size, err);
  }
  if (st != AS_OK) return st;
  if (link) return add_zip_link(l, s, box, i, name, s->n > before ? before : SIZE_MAX, err);
  return s->n == before ? as_links_add_file(l, name, i, size, err) : AS_OK;
}

/* Labels in members (.cls) belong to WebDataset, which is tar alone. */
as_status as_source_list_zip(as_source *s, uint32_t box, const char *prefix, as_err *err) {
  as_zip_disk *z = as_calloc(1, sizeof *z, err);
  as_links links = {0};
  size_t first = s->n;
  if (!z) return AS_E_ENV;
  s->box[box].zip = z;
  as_status st = as_zip_disk_open(z, &s->box[box].disk, err);
  for (size_t i = 0; i < z->n && st == AS_OK; i++) st = add_zip_member(&links, s, box, prefix, i, err);
  if (st == AS_OK) st = as_links_settle(&links, s, box, first, prefix, s->box[box].path, err);
  if (st == AS_OK) as_links_drop(s, first);
  as_links_clear(&links);
  return st;
}

void as_source_close_zip(as_box *box) {
  as_free(box->bytes);
  box->bytes = NULL;
  if (!box->zip) return;
  as_zip_disk_close(box->zip);
  as_free(box->zip);
  box->zip = NULL;
}
