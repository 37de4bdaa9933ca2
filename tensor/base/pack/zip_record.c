/* The records of zip archives: PKWARE APPNOTE 6.3.10; section numbers below are its. */
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/pack/zip_int.h"

#define SIG_CENTRAL UINT32_C(0x02014b50)
#define SIG_END UINT32_C(0x06054b50)
#define SIG_END64 UINT32_C(0x06064b50)
#define SIG_LOCATOR64 UINT32_C(0x07064b50)

/* Deflate gives at most 258 bytes for 2 bits (zlib's documented limit of 1032:1). */
enum { DEFLATE_MAX_RATIO = 1032 };

as_status as_zip_bad(as_err *err, const char *label, uint64_t at, const char *what) {
  return as_fail(err, AS_E_INPUT, "%s: zip archive, byte %llu: %s", label, (unsigned long long)at, what);
}

/* The end record closes the archive: found backwards, its comment must reach exactly to the end. */
static as_status find_end(const char *label, const uint8_t *d, size_t n, uint64_t base, size_t *at,
                          as_err *err) {
  if (n < AS_ZIP_END) return as_zip_bad(err, label, base + n, "ends before its end record (truncated?)");
  size_t lowest = n - AS_ZIP_END > 65535 ? n - AS_ZIP_END - 65535 : 0;
  for (size_t p = n - AS_ZIP_END;; p--) {
    if (as_le32(d + p) == SIG_END && p + AS_ZIP_END + as_le16(d + p + 20) == n) {
      *at = p;
      return AS_OK;
    }
    if (p == lowest)
      return as_zip_bad(err, label, base + n,
                        "no end record closes the file (truncated, or bytes appended?)");
  }
}

/* The zip64 record in front of its locator, which stands before the end record at `end` of d. */
static as_status read_end64(as_zip_directory *dir, const char *label, const uint8_t *d, size_t end,
                            uint64_t base, uint64_t *limit, as_err *err) {
  const uint8_t *l = d + end - AS_ZIP_LOCATOR;
  uint64_t at = as_le64(l + 8), place = base + end;
  if (as_le32(l + 4) != 0 || as_le32(l + 16) > 1)
    return as_zip_bad(err, label, place, "a multi-volume archive");
  if (end < AS_ZIP_LOCATOR + AS_ZIP_END64 || at < base || at - base > end - AS_ZIP_LOCATOR - AS_ZIP_END64)
    return as_zip_bad(err, label, place - AS_ZIP_LOCATOR, "the zip64 locator points outside the file");
  const uint8_t *r = d + (at - base);
  uint64_t length = as_le64(r + 4);
  if (as_le32(r) != SIG_END64 || length < AS_ZIP_END64 - 12 || at + 12 + length != place - AS_ZIP_LOCATOR)
    return as_zip_bad(err, label, at, "the zip64 end record is damaged");
  if (as_le32(r + 16) != 0 || as_le32(r + 20) != 0)
    return as_zip_bad(err, label, at, "a multi-volume archive");
  uint64_t count = as_le64(r + 32), size = as_le64(r + 40), offset = as_le64(r + 48);
  /* The old record must say the same, or all ones. */
  if ((dir->count != 0xffff && dir->count != count) || (dir->size != UINT32_MAX && dir->size != size) ||
      (dir->offset != UINT32_MAX && dir->offset != offset) || as_le64(r + 24) != count)
    return as_zip_bad(err, label, at, "the zip64 end record contradicts the end record");
  *dir = (as_zip_directory){offset, size, count};
  *limit = at;
  return AS_OK;
}

as_status as_zip_find_directory(as_zip_directory *dir, const char *label, const uint8_t *d, size_t n,
                                uint64_t base, uint64_t most, as_err *err) {
  size_t end = 0;
  as_status st = find_end(label, d, n, base, &end, err);
  if (st != AS_OK) return st;
  const uint8_t *e = d + end;
  uint64_t place = base + end, limit = place;
  unsigned disk = as_le16(e + 4), disk_dir = as_le16(e + 6), on_disk = as_le16(e + 8);
  *dir = (as_zip_directory){as_le32(e + 16), as_le32(e + 12), as_le16(e + 10)};
  bool wants64 = dir->count == 0xffff || dir->size == UINT32_MAX || dir->offset == UINT32_MAX;
  bool has64 = end >= AS_ZIP_LOCATOR && as_le32(e - AS_ZIP_LOCATOR) == SIG_LOCATOR64;
  if (wants64 && !has64)
    return as_zip_bad(err, label, place, "the end record refers to a zip64 record that is not there");
  if (has64) {
    st = read_end64(dir, label, d, end, base, &limit, err);
    if (st != AS_OK) return st;
  } else if (disk != 0 || disk_dir != 0 || on_disk != dir->count) {
    return as_zip_bad(err, label, place, "a multi-volume archive");
  }
  if (dir->offset > limit || dir->size != limit - dir->offset)
    return as_zip_bad(err, label, place,
                      "the central directory does not fill the space before the end record");
  if (dir->count > most)
    return as_fail(err, AS_E_INPUT, "%s: zip archive, byte %llu: found %llu members, wanted at most %llu",
                   label, (unsigned long long)place, (unsigned long long)dir->count,
                   (unsigned long long)most);
  if (dir->count > dir->size / AS_ZIP_CENTRAL)
    return as_zip_bad(err, label, place, "more members than its directory has room for");
  return AS_OK;
}

bool as_zip64_extra(const uint8_t *x, size_t n, uint64_t *usize, uint64_t *csize, uint64_t *offset) {
  bool need = *usize == UINT32_MAX || *csize == UINT32_MAX || (offset && *offset == UINT32_MAX);
  size_t p = 0;
  while (n - p >= 4) {
    size_t id = as_le16(x + p), len = as_le16(x + p + 2);
    p += 4;
    if (len > n - p) return false;
    if (id == 0x0001) {
      size_t q = p, stop = p + len;
      uint64_t *const slot[3] = {usize, csize, offset};
      for (int i = 0; i < 3; i++) {
        if (!slot[i] || *slot[i] != UINT32_MAX) continue;
        if (stop - q < 8) return false;
        *slot[i] = as_le64(x + q);
        q += 8;
      }
      return true;
    }
    p += len;
  }
  return !need; /* trailing bytes of less than a field header are padding that some writers leave */
}

as_status as_zip_read_central(as_zip_central *c, const char *label, const uint8_t *h, uint64_t left,
                              uint64_t at, as_err *err) {
  if (left < AS_ZIP_CENTRAL || as_le32(h) != SIG_CENTRAL)
    return as_zip_bad(err, label, at, "the central directory is damaged or shorter than it says");
  size_t extra = as_le16(h + 30), comment = as_le16(h + 32);
  *c = (as_zip_central){.name = h + AS_ZIP_CENTRAL,
                        .name_n = as_le16(h + 28),
                        .at = as_le32(h + 42),
                        .packed = as_le32(h + 20),
                        .size = as_le32(h + 24),
                        .crc = as_le32(h + 16),
                        .mode = h[5] == 3 ? as_le16(h + 40) : 0, /* 4.4.2.2: 3 is Unix; 4.4.15 */
                        .method = as_le16(h + 10),
                        .flags = as_le16(h + 8)};
  c->length = AS_ZIP_CENTRAL + c->name_n + extra + comment;
  if (c->length > left) return as_zip_bad(err, label, at, "a directory entry reaches beyond the directory");
  if (as_le16(h + 34) != 0) return as_zip_bad(err, label, at, "a multi-volume archive");
  if (!as_zip64_extra(c->name + c->name_n, extra, &c->size, &c->packed, &c->at))
    return as_zip_bad(err, label, at, "a directory entry's extra field is damaged");
  if (c->method == 0 && c->packed != c->size)
    return as_zip_bad(err, label, at, "a stored member with two different sizes");
  if (c->method == 8 && c->size / DEFLATE_MAX_RATIO > c->packed)
    return as_zip_bad(err, label, at, "a deflated member claims more than deflate can pack");
  return AS_OK;
}
