/* Archives: tar, tar.gz, tar of tars, and the samples of WebDataset shards. */
#include <inttypes.h>
#include <string.h>

#include "data/archive/tar.h"
#include "data/sets/source_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { CLS_MAX = 32 }; /* bytes of a .cls member: one ASCII integer */

/* Names as __key__ belong to WebDataset itself. */
static bool is_private(const char *name) {
  const char *base = as_path_base(name);
  return base[0] == '_' && base[1] == '_';
}

/* The integer of a .cls member becomes the label of its entry. */
static as_status read_cls(as_source *s, as_tar *t, const as_tar_member *m, as_err *err) {
  char text[CLS_MAX + 1];
  size_t got = 0;
  int64_t v;
  if (m->size == 0 || m->size > CLS_MAX)
    return as_fail(err, AS_E_INPUT, "%s: %s: found %" PRIu64 " bytes, wanted one class number", t->path,
                   m->name, m->size);
  as_status st = t->fetch(t->ctx, m->at, (size_t)m->size, (uint8_t *)text, &got, err);
  if (st != AS_OK) return st;
  while (got > 0 && (text[got - 1] == '\n' || text[got - 1] == '\r' || text[got - 1] == ' ')) got--;
  text[got] = '\0';
  if (!as_parse_i64(text, 0, INT32_MAX, &v))
    return as_fail(err, AS_E_INPUT, "%s: %s: found \"%s\", wanted a class number", t->path, m->name, text);
  s->entry[s->n - 1].label = (int32_t)v;
  return AS_OK;
}

/* Lists one tar whose first byte is at `base` of the box. Depth 1: a tar inside a tar. */
static as_status list_tar(as_source *s, as_tar *t, uint32_t box, const char *prefix, uint64_t base, int depth,
                          bool *has_cls, as_err *err) {
  as_tar_member m;
  bool got;
  as_status st;
  while ((st = as_tar_next(t, &m, &got, err)) == AS_OK && got) {
    if (!m.file || is_private(m.name)) continue;
    if (as_name_is_image(m.name)) {
      st = as_source_add(s, prefix, m.name, box, base + m.at, m.size, err);
    } else if (as_ends_with(m.name, ".cls")) {
      *has_cls = true;
      st = as_source_add(s, prefix, m.name, box, base + m.at, m.size, err);
      if (st == AS_OK) st = read_cls(s, t, &m, err);
    } else if (as_ends_with(m.name, ".tar") && depth == 0 && t->fetch == as_disk_fetch) {
      const as_disk_part *whole = t->ctx;
      as_disk_part part = {whole->disk, whole->base + m.at, m.size}; /* as_tar_next saw that it is inside */
      const char *name = as_path_base(m.name);
      char *stem = as_strndup(name, strlen(name) - 4, err);
      as_str where = {0};
      as_str_printf(&where, "%s: %s", t->path, m.name);
      if (!stem || as_str_status(&where, err) != AS_OK) {
        st = AS_E_ENV;
      } else {
        as_tar inner;
        as_tar_init(&inner, where.s, as_disk_fetch, &part, part.size);
        st = list_tar(s, &inner, box, stem, base + m.at, 1, has_cls, err);
        as_tar_clear(&inner);
      }
      as_str_clear(&where);
      as_free(stem);
    } else if (as_ends_with(m.name, ".tar")) {
      st = as_fail(err, AS_E_INPUT,
                   "%s: %s: found a tar inside a compressed or inner tar; unpack the outer one", t->path,
                   m.name);
    } else {
      st = as_source_ignore(s, prefix, m.name, box, base + m.at, m.size, err);
    }
    if (st != AS_OK) return st;
  }
  return st;
}

as_status as_source_add_archive(as_source *s, const char *path, const char *prefix, as_err *err) {
  uint32_t box;
  as_status st = as_source_add_box(s, path, &box, err);
  if (st != AS_OK) return st;
  as_box *b = &s->box[box];
  as_disk disk;
  uint8_t head[AS_TAR_BLOCK];
  size_t got;
  if ((st = as_disk_open(&disk, b->path, err)) != AS_OK) return st;
  b->disk = disk;
  if ((st = as_disk_read(&disk, 0, sizeof head, head, &got, err)) != AS_OK) return st;
  as_tar t;
  as_disk_part part = {&disk, 0, disk.size};
  if (as_gzip_is(head, got)) {
    b->disk = (as_disk){.fd = -1};
    if ((st = as_gzip_take(&b->gzip, disk, err)) != AS_OK) return st;
    as_tar_init(&t, path, as_gzip_fetch, b->gzip, UINT64_MAX);
  } else if (got < sizeof head || !as_tar_is_header(head)) {
    return as_fail(err, AS_E_INPUT, "%s: found neither a folder nor a tar archive (%" PRIu64 " bytes)", path,
                   disk.size);
  } else {
    as_tar_init(&t, path, as_disk_fetch, &part, part.size);
  }
  size_t first = s->n;
  bool has_cls = false;
  st = list_tar(s, &t, box, prefix, 0, 0, &has_cls, err);
  as_tar_clear(&t);
  if (!s->box[box].gzip)
    as_disk_rest(&s->box[box].disk); /* boxes may have moved; `disk` is a copy, now stale */
  if (st == AS_OK && has_cls) st = as_source_pair_shard(s, path, first, err);
  return st;
}
