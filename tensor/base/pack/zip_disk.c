#include "tensor/base/pack/zip_disk.h"

#include <inttypes.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/inflate.h"
#include "tensor/base/pack/zip_int.h"

enum { MAX_MEMBERS = 1 << 28, GUESS_EXTRA = 64 };

bool as_zip_is(const uint8_t *p, size_t n) {
  return n >= 4 && (memcmp(p, "PK\3\4", 4) == 0 || memcmp(p, "PK\5\6", 4) == 0);
}

static as_status find_directory(as_zip_directory *dir, const as_disk *disk, as_err *err) {
  size_t n = disk->size < AS_ZIP_TAIL ? (size_t)disk->size : AS_ZIP_TAIL, got;
  uint64_t base = disk->size - n;
  uint8_t *tail = as_alloc(n + 1, 1, err);
  as_status s = tail ? as_disk_read(disk, base, n, tail, &got, err) : AS_E_ENV;
  if (s == AS_OK) s = as_zip_find_directory(dir, disk->path, tail, n, base, MAX_MEMBERS, err);
  as_free(tail);
  return s;
}

static as_status add_member(as_zip_disk *z, const as_zip_central *c, char **names, const as_disk *disk,
                            uint64_t at, as_err *err) {
  if (c->name_n == 0 || memchr(c->name, 0, c->name_n))
    return as_zip_bad(err, disk->path, at, "a member without a name, or with a NUL byte in it");
  if (c->at > disk->size || c->packed > disk->size - c->at)
    return as_zip_bad(err, disk->path, at, "a member reaches beyond the archive");
  if (c->name[c->name_n - 1] == '/') return AS_OK; /* a folder */
  z->member[z->n++] = (as_zip_member){.name = (size_t)(*names - z->names),
                                      .at = c->at,
                                      .packed = c->packed,
                                      .size = c->size,
                                      .crc = c->crc,
                                      .method = c->method,
                                      .flags = c->flags,
                                      .link = (c->mode & 0170000) == 0120000};
  memcpy(*names, c->name, c->name_n);
  (*names)[c->name_n] = '\0';
  *names += c->name_n + 1;
  return AS_OK;
}

as_status as_zip_disk_open(as_zip_disk *z, const as_disk *disk, as_err *err) {
  as_zip_directory dir;
  size_t got;
  memset(z, 0, sizeof *z);
  as_status s = find_directory(&dir, disk, err);
  if (s != AS_OK) return s;
  uint8_t *d = as_alloc((size_t)dir.size + 1, 1, err);
  z->member = as_alloc((size_t)dir.count + 1, sizeof *z->member, err);
  z->names = as_alloc((size_t)dir.size + 1, 1, err); /* an entry's fixed part outweighs the NUL */
  s = d && z->member && z->names ? as_disk_read(disk, dir.offset, (size_t)dir.size, d, &got, err) : AS_E_ENV;
  char *names = z->names;
  uint64_t p = 0;
  for (uint64_t i = 0; i < dir.count && s == AS_OK; i++) {
    as_zip_central c;
    s = as_zip_read_central(&c, disk->path, d + p, dir.size - p, dir.offset + p, err);
    if (s == AS_OK) s = add_member(z, &c, &names, disk, dir.offset + p, err);
    if (s == AS_OK) p += c.length;
  }
  if (s == AS_OK && p != dir.size)
    s = as_zip_bad(err, disk->path, dir.offset + p, "bytes between the directory's last entry and its end");
  as_free(d);
  if (s != AS_OK) as_zip_disk_close(z);
  return s;
}

void as_zip_disk_close(as_zip_disk *z) {
  as_free(z->member);
  as_free(z->names);
  memset(z, 0, sizeof *z);
}

/* The local header's name and extra field may have other lengths than the directory's. */
static as_status read_packed(const as_zip_disk *z, const as_disk *disk, const as_zip_member *m,
                             uint8_t **block, const uint8_t **packed, as_err *err) {
  const char *name = z->names + m->name;
  size_t head = AS_ZIP_LOCAL + strlen(name) + GUESS_EXTRA, got;
  for (int pass = 0; pass < 2; pass++) {
    *block = as_alloc(head + (size_t)m->packed, 1, err);
    if (!*block) return AS_E_ENV;
    as_status s = as_disk_read(disk, m->at, head + (size_t)m->packed, *block, &got, err);
    if (s != AS_OK) return s;
    if (got < AS_ZIP_LOCAL || as_le32(*block) != AS_ZIP_SIG_LOCAL)
      return as_zip_bad(err, disk->path, m->at, "no local header where the directory says one is");
    size_t before = AS_ZIP_LOCAL + (size_t)as_le16(*block + 26) + as_le16(*block + 28);
    if (before <= got && m->packed <= got - before) {
      *packed = *block + before;
      return AS_OK;
    }
    if (before <= head) break; /* not for want of reading far enough */
    head = before;
    as_free(*block);
    *block = NULL;
  }
  return as_zip_bad(err, disk->path, m->at, "a member reaches beyond the archive (truncated?)");
}

as_status as_zip_disk_read(const as_zip_disk *z, const as_disk *disk, size_t i, uint8_t *out, as_err *err) {
  const as_zip_member *m = &z->member[i];
  const char *name = z->names + m->name;
  const uint8_t *packed = NULL;
  uint8_t *block = NULL;
  size_t used = 0;
  if (m->flags & AS_ZIP_ENCRYPTED)
    return as_fail(err, AS_E_INPUT, "%s: zip member %s is encrypted; unpack it with its password", disk->path,
                   name);
  if (m->method != 0 && m->method != 8)
    return as_fail(err, AS_E_INPUT, "%s: zip member %s uses method %u; stored (0) and deflate (8) are read",
                   disk->path, name, m->method);
  if (m->packed / 2 > m->size + 4096) /* deflate never needs so much; nor shall we */
    return as_fail(err, AS_E_INPUT, "%s: zip member %s: found %" PRIu64 " packed bytes for %" PRIu64,
                   disk->path, name, m->packed, m->size);
  as_status s = read_packed(z, disk, m, &block, &packed, err);
  if (s == AS_OK && m->method == 0) {
    memcpy(out, packed, (size_t)m->size);
  } else if (s == AS_OK) {
    s = as_inflate_all(AS_DEFLATE_RAW, packed, (size_t)m->packed, &used, out, (size_t)m->size, err);
    if (s != AS_OK) s = as_fail_in(err, "%s: zip member %s", disk->path, name);
    if (s == AS_OK && used != m->packed)
      s = as_fail(err, AS_E_INPUT, "%s: zip member %s: bytes follow the deflate stream", disk->path, name);
  }
  as_free(block);
  if (s != AS_OK) return s;
  uint32_t crc = as_crc32(0, out, (size_t)m->size);
  if (crc == m->crc) return AS_OK;
  return as_fail(err, AS_E_INPUT, "%s: zip member %s: CRC-32 is %08x, the directory says %08x (damaged file)",
                 disk->path, name, crc, m->crc);
}
