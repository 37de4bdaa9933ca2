/* The bytes of what a source lists. */
#include <inttypes.h>
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/mem.h"

enum { MAX_BLOB = 1 << 30, MAX_UNPACKED = 1 << 26 }; /* an image is smaller than this, as a file and in one */

bool as_source_place(const as_source *s, const as_entry *e, as_place *place) {
  const as_box *box = &s->box[e->box];
  memset(place, 0, sizeof *place);
  if (box->folder) {
    char *path = as_path_join(box->path, s->pool + e->name, NULL);
    place->known = path && as_disk_which(path, place->which, &place->size);
    as_free(path);
    return place->known;
  }
  place->at = box->zip ? box->zip->member[e->at].at : e->at;
  place->size = e->size;
  if (box->bytes) return false;
  place->known = as_disk_which(box->path, place->which, NULL);
  return true;
}

/* Bytes [at, at + n) of an archive. */
static as_status read_box(const as_box *box, uint64_t at, size_t n, as_blob *blob, as_err *err) {
  size_t got = n;
  uint8_t *bytes = as_alloc(n + 1, 1, err);
  if (!bytes) return AS_E_ENV;
  blob->p = blob->owned = bytes;
  blob->n = n;
  /* the listing saw that the member lies inside the archive */
  if (box->bytes) {
    memcpy(bytes, box->bytes + at, n);
    return AS_OK;
  }
  return box->gzip ? as_gzip_read(box->gzip, at, n, bytes, err)
                   : as_disk_read(&box->disk, at, n, bytes, &got, err);
}

/* The last n bytes of a zip member, which must be unpacked from its beginning. */
static as_status read_zip(const as_box *box, const as_entry *e, uint64_t n, as_blob *blob, as_err *err) {
  size_t size = (size_t)e->size;
  uint8_t *bytes = as_alloc(size + 1, 1, err);
  if (!bytes) return AS_E_ENV;
  blob->owned = bytes;
  blob->p = bytes + (size - (size_t)n);
  blob->n = (size_t)n;
  return as_zip_disk_read(box->zip, &box->disk, (size_t)e->at, bytes, err);
}

/* The last n bytes of a file in a folder. */
static as_status read_file(const char *path, uint64_t n, as_blob *blob, as_err *err) {
  as_box file = {.folder = false};
  as_status s = as_disk_open(&file.disk, path, err);
  if (s == AS_OK && n > file.disk.size) n = file.disk.size;
  if (s == AS_OK && n > MAX_BLOB)
    s = as_fail(err, AS_E_INPUT, "%s: found %" PRIu64 " bytes, too many for an image", path, n);
  if (s == AS_OK) s = read_box(&file, file.disk.size - n, (size_t)n, blob, err);
  as_disk_close(&file.disk);
  return s;
}

as_status as_source_read(const as_source *s, const as_entry *e, uint64_t n, as_blob *blob, as_err *err) {
  const as_box *box = &s->box[e->box];
  as_status st;
  memset(blob, 0, sizeof *blob);
  if (box->folder) {
    char *path = as_path_join(box->path, s->pool + e->name, err);
    st = path ? read_file(path, n, blob, err) : AS_E_ENV;
    as_free(path);
  } else {
    if (n > e->size) n = e->size;
    if (n > MAX_BLOB || (box->zip && e->size > MAX_BLOB))
      return as_fail(err, AS_E_INPUT, "%s: %s: found a member of %" PRIu64 " bytes, too large for an image",
                     s->path, s->pool + e->shown, e->size);
    st = box->zip ? read_zip(box, e, n, blob, err)
                  : read_box(box, e->at + (e->size - n), (size_t)n, blob, err);
  }
  blob->record = e->record;
  if (st != AS_OK) as_dataset_release(blob);
  return st;
}

as_status as_blob_unpack(as_blob *blob, as_err *err) {
  uint8_t *plain;
  size_t n;
  if (blob->record != AS_RECORD_NONE) return as_record_to_png(blob, err);
  if (!as_gzip_is(blob->p, blob->n)) return AS_OK;
  as_status s = as_unpack(AS_DEFLATE_GZIP, blob->p, blob->n, MAX_UNPACKED, &plain, &n, err);
  if (s != AS_OK) return s;
  as_dataset_release(blob);
  blob->p = blob->owned = plain;
  blob->n = n;
  return AS_OK;
}

void as_dataset_release(as_blob *blob) {
  as_free(blob->owned);
  memset(blob, 0, sizeof *blob);
}
