/* Zip archives in memory, strictly: what weights come in. */
#include "tensor/base/pack/zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/inflate.h"
#include "tensor/base/pack/zip_int.h"
#include "tensor/base/par.h"

#define SIG_DESCRIPTOR UINT32_C(0x08074b50)

/* Bits 1 and 2: how hard the deflater tried. 3: sizes follow the payload. 11: names are UTF-8. */
enum { FLAGS_ALLOWED = 0x080e };

static as_status bad_zip(as_err *err, const as_zip *z, uint64_t at, const char *what) {
  return as_zip_bad(err, z->label, at, what);
}

static as_status check_name(const as_zip *z, const uint8_t *name, size_t n, uint64_t at, as_err *err) {
  if (n == 0 || n > AS_ZIP_MAX_NAME)
    return bad_zip(err, z, at, "a member without a name, or with one of over 4096 bytes");
  if (memchr(name, 0, n)) return bad_zip(err, z, at, "a member's name holds a NUL byte");
  if (name[0] == '/' || memchr(name, '\\', n))
    return bad_zip(err, z, at, "a member's name is absolute or holds a backslash");
  for (size_t i = 0; i + 1 < n; i++)
    if (name[i] == '.' && name[i + 1] == '.' && (i == 0 || name[i - 1] == '/') &&
        (i + 2 == n || name[i + 2] == '/'))
      return bad_zip(err, z, at, "a member's name climbs out with \"..\"");
  return AS_OK;
}

/* After the payload: optional signature, crc, sizes of 4 or 8 bytes (4.3.9). Returns its length, or 0. */
static size_t descriptor_length(const uint8_t *p, size_t left, const as_zip_entry *e) {
  for (int sig = 1; sig >= 0; sig--)
    for (int wide = 0; wide <= 1; wide++) {
      size_t n = (sig ? 4u : 0u) + 4u + (wide ? 16u : 8u);
      if (n > left || (sig && as_le32(p) != SIG_DESCRIPTOR)) continue;
      const uint8_t *q = p + (sig ? 4 : 0);
      uint64_t c = wide ? as_le64(q + 4) : as_le32(q + 4), u = wide ? as_le64(q + 12) : as_le32(q + 8);
      if (as_le32(q) == e->crc && c == e->packed && u == e->size) return n;
    }
  return 0;
}

/* Reads the local header and compares it with the entry of the directory; gives the payload and the
 * end of all that belongs to the member. */
static as_status check_local(const as_zip *z, const uint8_t *d, uint64_t limit, const as_zip_central *entry,
                             as_zip_entry *e, uint64_t *stop, as_err *err) {
  uint64_t at = entry->at;
  if (at > limit || limit - at < AS_ZIP_LOCAL || as_le32(d + at) != AS_ZIP_SIG_LOCAL)
    return bad_zip(err, z, at, "no local header where the directory says one is");
  const uint8_t *h = d + at;
  size_t nn = as_le16(h + 26), xn = as_le16(h + 28);
  uint64_t left = limit - at - AS_ZIP_LOCAL;
  if (nn + xn > left) return bad_zip(err, z, at, "a local header reaches beyond the members");
  left -= nn + xn;
  if (nn != entry->name_n || memcmp(h + AS_ZIP_LOCAL, entry->name, nn) != 0)
    return as_fail(err, AS_E_INPUT,
                   "%s: zip archive, byte %llu: the local header calls the member %.*s, the directory %s",
                   z->label, (unsigned long long)at, (int)(nn < 200 ? nn : 200),
                   (const char *)h + AS_ZIP_LOCAL, e->name);
  if (as_le16(h + 6) != entry->flags || as_le16(h + 8) != e->method)
    return bad_zip(err, z, at, "flags or method differ between local header and directory");
  if (e->packed > left)
    return bad_zip(err, z, at, "a member's payload reaches beyond the members (truncated?)");
  uint32_t crc = as_le32(h + 14);
  uint64_t c = as_le32(h + 18), u = as_le32(h + 22);
  if (!as_zip64_extra(h + AS_ZIP_LOCAL + nn, xn, &u, &c, NULL))
    return bad_zip(err, z, at, "a local header's extra field is damaged");
  bool unset = (entry->flags & AS_ZIP_DESCRIPTOR) && crc == 0 && c == 0 && u == 0;
  if (!unset && (crc != e->crc || c != e->packed || u != e->size))
    return bad_zip(err, z, at, "sizes or CRC differ between local header and directory");
  uint64_t payload = at + AS_ZIP_LOCAL + nn + xn;
  e->data = d + payload;
  *stop = payload + e->packed;
  if (entry->flags & AS_ZIP_DESCRIPTOR) {
    size_t n = descriptor_length(d + *stop, (size_t)(limit - *stop), e);
    if (n == 0) return bad_zip(err, z, *stop, "a member's data descriptor contradicts the directory");
    *stop += n;
  }
  return AS_OK;
}

typedef struct span {
  uint64_t from, to;
} span;

static int by_from(const void *a, const void *b) {
  uint64_t x = ((const span *)a)->from, y = ((const span *)b)->from;
  return (x > y) - (x < y);
}

static int entries_by_name(const void *a, const void *b) {
  return strcmp((*(const as_zip_entry *const *)a)->name, (*(const as_zip_entry *const *)b)->name);
}

static as_status read_directory(as_zip *z, const uint8_t *d, const as_zip_directory *dir, span *spans,
                                as_err *err) {
  uint64_t p = dir->offset, end = dir->offset + dir->size;
  char *names = z->names;
  for (size_t i = 0; i < z->n; i++) {
    as_zip_entry *e = &z->entries[i];
    as_zip_central c;
    as_status st = as_zip_read_central(&c, z->label, d + p, end - p, p, err);
    if (st == AS_OK) st = check_name(z, c.name, c.name_n, p, err);
    if (st != AS_OK) return st;
    e->name = names;
    memcpy(names, c.name, c.name_n);
    names[c.name_n] = 0;
    names += c.name_n + 1;
    e->method = c.method;
    e->crc = c.crc;
    e->packed = c.packed;
    e->size = c.size;
    if (c.flags & AS_ZIP_ENCRYPTED)
      return as_fail(err, AS_E_INPUT, "%s: zip member %s is encrypted", z->label, e->name);
    if (c.flags & ~(unsigned)FLAGS_ALLOWED)
      return as_fail(err, AS_E_INPUT, "%s: zip member %s has flags 0x%04x; known are 0x%04x", z->label,
                     e->name, c.flags, (unsigned)FLAGS_ALLOWED);
    if (e->method != 0 && e->method != 8)
      return as_fail(err, AS_E_INPUT, "%s: zip member %s uses method %u; stored (0) and deflate (8) are read",
                     z->label, e->name, e->method);
    st = check_local(z, d, dir->offset, &c, e, &spans[i].to, err);
    if (st != AS_OK) return st;
    spans[i].from = c.at;
    p += c.length;
  }
  if (p != end) return bad_zip(err, z, p, "bytes between the directory's last entry and its end");
  return AS_OK;
}

as_status as_zip_open(as_zip *z, const uint8_t *d, size_t size, const char *label, as_err *err) {
  memset(z, 0, sizeof *z);
  z->label = label;
  as_zip_directory dir = {0};
  as_status st = as_zip_find_directory(&dir, label, d, size, 0, AS_ZIP_MAX_ENTRIES, err);
  if (st != AS_OK) return st;
  z->directory = d + dir.offset;
  z->directory_bytes = (size_t)dir.size;
  size_t n = (size_t)dir.count; /* at most AS_ZIP_MAX_ENTRIES */
  span *spans = as_alloc(n, sizeof *spans, err);
  z->entries = as_calloc(n, sizeof *z->entries, err);
  z->by_name = as_alloc(n, sizeof *z->by_name, err);
  /* Every name lies in the directory, and an entry's fixed part outweighs the NUL. */
  z->names = as_alloc((size_t)dir.size + 1, 1, err);
  z->n = n;
  if (!spans || !z->entries || !z->by_name || !z->names) st = AS_E_ENV;
  if (st == AS_OK) st = read_directory(z, d, &dir, spans, err);
  if (st == AS_OK && n > 0) {
    qsort(spans, n, sizeof *spans, by_from);
    if (spans[0].from != 0) st = bad_zip(err, z, 0, "bytes before the first member");
    for (size_t i = 1; i < n && st == AS_OK; i++)
      if (spans[i].from < spans[i - 1].to) st = bad_zip(err, z, spans[i].from, "two members overlap");
  }
  if (st == AS_OK) {
    for (size_t i = 0; i < n; i++) z->by_name[i] = &z->entries[i];
    qsort(z->by_name, n, sizeof *z->by_name, entries_by_name);
    for (size_t i = 1; i < n && st == AS_OK; i++)
      if (strcmp(z->by_name[i - 1]->name, z->by_name[i]->name) == 0)
        st = as_fail(err, AS_E_INPUT, "%s: zip member %s stands twice", label, z->by_name[i]->name);
  }
  as_free(spans);
  if (st != AS_OK) as_zip_close(z);
  return st;
}

void as_zip_close(as_zip *z) {
  as_free(z->entries);
  as_free((void *)z->by_name);
  as_free(z->names);
  memset(z, 0, sizeof *z);
}

const as_zip_entry *as_zip_find(const as_zip *z, const char *name) {
  size_t lo = 0, hi = z->n;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    int c = strcmp(z->by_name[mid]->name, name);
    if (c == 0) return z->by_name[mid];
    if (c < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return NULL;
}

static as_status bad_crc(const as_zip *z, const as_zip_entry *e, uint32_t crc, as_err *err) {
  return as_fail(err, AS_E_INPUT, "%s: zip member %s: CRC-32 is %08x, the directory says %08x (damaged file)",
                 z->label, e->name, crc, e->crc);
}

as_status as_zip_read(const as_zip *z, const as_zip_entry *e, int verify, const uint8_t **bytes, void **block,
                      as_err *err) {
  *block = NULL;
  if (e->method == 0) {
    if (verify) {
      uint32_t crc = as_crc32(0, e->data, (size_t)e->size);
      if (crc != e->crc) return bad_crc(z, e, crc, err);
    }
    *bytes = e->data;
    return AS_OK;
  }
  size_t size = 0;
  if (!as_u64_to_size(e->size, &size))
    return as_fail(err, AS_E_ENV, "%s: zip member %s is too large", z->label, e->name);
  uint8_t *out = as_alloc(size, 1, err);
  if (!out) return AS_E_ENV;
  size_t used = 0;
  as_status st = as_inflate_all(AS_DEFLATE_RAW, e->data, (size_t)e->packed, &used, out, size, err);
  if (st != AS_OK) {
    as_free(out);
    return as_fail_in(err, "%s: zip member %s", z->label, e->name);
  }
  uint32_t crc = as_crc32(0, out, size);
  if (used != e->packed || crc != e->crc) {
    as_free(out);
    if (crc != e->crc) return bad_crc(z, e, crc, err);
    return as_fail(err, AS_E_INPUT, "%s: zip member %s: %llu bytes follow the deflate stream", z->label,
                   e->name, (unsigned long long)(e->packed - used));
  }
  *bytes = out;
  *block = out;
  return AS_OK;
}

typedef struct verify_job {
  const as_zip *z;
  uint32_t *crc; /* [n] */
} verify_job;

static void verify_chunk(void *ctx, size_t i, int worker) {
  (void)worker;
  verify_job *job = ctx;
  const as_zip_entry *e = &job->z->entries[i];
  job->crc[i] = e->method == 0 ? as_crc32(0, e->data, (size_t)e->size) : e->crc;
}

as_status as_zip_verify(const as_zip *z, as_err *err) {
  verify_job job = {z, as_alloc(z->n, sizeof(uint32_t), err)};
  if (!job.crc) return AS_E_ENV;
  as_par_for(z->n, verify_chunk, &job);
  as_status st = AS_OK;
  for (size_t i = 0; i < z->n && st == AS_OK; i++)
    if (job.crc[i] != z->entries[i].crc) st = bad_crc(z, &z->entries[i], job.crc[i], err);
  as_free(job.crc);
  return st;
}
