/* What is in a tar: images, the tars of a tar of tars, and the labels of WebDataset. */
#include <inttypes.h>
#include <string.h>

#include "data/archive/tar.h"
#include "data/sets/source_int.h"
#include "data/sets/source_links_int.h"
#include "tensor/base/json.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { LINKED_LABEL = -2 };                /* a label whose link is not settled yet */
enum { CLS_MAX = 32, JSON_MAX = 1 << 16 }; /* bytes of a .cls member (one ASCII integer), and of a .json */

/* One listing: an archive, or a tar inside it. */
typedef struct listing {
  as_source *s;
  as_tar *t;
  uint32_t box;
  const char *prefix;
  uint64_t base; /* where in the box the tar begins */
  int depth;     /* 1: a tar inside a tar */
  bool *labels;  /* some member is a label: this is a shard of WebDataset */
  as_links links;
} listing;

/* Names as __key__ belong to WebDataset itself. */
static bool is_private(const char *name) {
  const char *base = as_path_base(name);
  return base[0] == '_' && base[1] == '_';
}

static bool has_suffix(const char *name, const char *suffix) {
  const char *dot = strrchr(as_path_base(name), '.');
  return dot && as_same_letters(dot, suffix);
}

/* The whole of a small member as text. */
static as_status read_member_text(const listing *l, const as_tar_member *m, char *text, size_t *n,
                                  as_err *err) {
  *n = 0;
  as_status st = l->t->fetch(l->t->ctx, m->at, (size_t)m->size, (uint8_t *)text, n, err);
  text[*n] = '\0';
  return st;
}

static as_status add_label(const listing *l, const as_tar_member *m, int64_t label, as_err *err) {
  size_t before = l->s->n;
  as_status st = as_source_add(l->s, l->prefix, m->name, l->box, l->base + m->at, m->size, err);
  if (st == AS_OK && l->s->n > before) l->s->entry[before].label = (int32_t)label;
  *l->labels = true;
  return st;
}

static as_status check_cls_size(const listing *l, const char *name, uint64_t size, as_err *err) {
  if (size > 0 && size <= CLS_MAX) return AS_OK;
  return as_fail(err, AS_E_INPUT, "%s: %s: found %" PRIu64 " bytes, wanted one class number", l->t->path,
                 name, size);
}

/* The integer of a .cls member. */
static as_status parse_cls(const listing *l, const char *name, char *text, size_t n, int64_t *v,
                           as_err *err) {
  while (n > 0 && strchr("\r\n ", text[n - 1])) text[--n] = '\0';
  if (as_parse_i64(text, 0, INT32_MAX, v)) return AS_OK;
  return as_fail(err, AS_E_INPUT, "%s: %s: found \"%s\", wanted a class number", l->t->path, name, text);
}

/* "label" of a .json member; -1: it says something else about its sample. */
static int64_t parse_json(const char *text, size_t n) {
  as_json_doc *doc;
  int64_t v = -1;
  if (as_json_parse(&doc, text, n, NULL) != AS_OK) return -1;
  if (!as_json_i64(as_json_get(as_json_root(doc), "label"), &v)) v = -1;
  as_json_free(&doc);
  return v <= INT32_MAX ? v : -1;
}

static as_status add_cls(const listing *l, const as_tar_member *m, as_err *err) {
  char text[CLS_MAX + 1];
  size_t got = 0;
  int64_t v;
  as_status st = check_cls_size(l, m->name, m->size, err);
  if (st == AS_OK) st = read_member_text(l, m, text, &got, err);
  if (st == AS_OK) st = parse_cls(l, m->name, text, got, &v, err);
  return st == AS_OK ? add_label(l, m, v, err) : st;
}

static as_status add_json(const listing *l, const as_tar_member *m, as_err *err) {
  int64_t v = -1;
  size_t got;
  char *text = m->size <= JSON_MAX ? as_alloc((size_t)m->size + 1, 1, err) : NULL;
  if (!text && m->size <= JSON_MAX) return AS_E_ENV;
  as_status st = text ? read_member_text(l, m, text, &got, err) : AS_OK;
  if (st == AS_OK && text) v = parse_json(text, got);
  as_free(text);
  if (st != AS_OK) return st;
  if (v >= 0) return add_label(l, m, v, err);
  return as_source_ignore(l->s, l->prefix, m->name, l->box, l->base + m->at, m->size, err);
}

/* Labels that are links, once these are settled. */
static as_status read_linked_labels(const listing *l, size_t first, as_err *err) {
  as_status st = AS_OK;
  for (size_t i = first; st == AS_OK && i < l->s->n; i++) {
    as_entry *e = &l->s->entry[i];
    const char *name = l->s->pool + e->shown;
    const bool cls = has_suffix(name, ".cls");
    int64_t v = -1;
    as_blob text;
    if (e->label != LINKED_LABEL || e->at == AS_AT_LINK) continue;
    if (cls && (st = check_cls_size(l, name, e->size, err)) != AS_OK) break;
    if (cls || e->size <= JSON_MAX) {
      if ((st = as_source_read(l->s, e, e->size, &text, err)) != AS_OK) break;
      char *copy = as_strndup((const char *)text.p, text.n, err);
      st = !copy ? AS_E_ENV : cls ? parse_cls(l, name, copy, strlen(copy), &v, err) : AS_OK;
      if (copy && !cls) v = parse_json(copy, strlen(copy));
      as_free(copy);
      as_dataset_release(&text);
    }
    e->label = (int32_t)v;
    if (v < 0) e->at = AS_AT_LINK; /* no label: no part of a sample */
    if (v >= 0) *l->labels = true;
  }
  return st;
}

static as_status list_tar(listing *l, as_err *err);

static as_status list_inner(const listing *l, const as_tar_member *m, as_err *err) {
  if (l->depth > 0 || l->t->fetch != as_disk_fetch)
    return as_fail(err, AS_E_INPUT,
                   "%s: %s: found a tar inside a compressed or inner tar; unpack the outer one", l->t->path,
                   m->name);
  const as_disk_part *whole = l->t->ctx;
  as_disk_part part = {whole->disk, whole->base + m->at, m->size}; /* as_tar_next saw that it is inside */
  const char *name = as_path_base(m->name);
  char *stem = as_strndup(name, strlen(name) - 4, err);
  as_str where = {0};
  as_str_printf(&where, "%s: %s", l->t->path, m->name);
  as_status st = stem ? as_str_status(&where, err) : AS_E_ENV;
  if (st == AS_OK) {
    as_tar inner;
    as_tar_init(&inner, where.s, as_disk_fetch, &part, part.size);
    listing below = {l->s, &inner, l->box, stem, l->base + m->at, 1, l->labels, {0}};
    st = list_tar(&below, err);
    as_tar_clear(&inner);
  }
  as_str_clear(&where);
  as_free(stem);
  return st;
}

/* A link, in the place of the image or label that it is called as. */
static as_status add_link(listing *l, const as_tar_member *m, as_err *err) {
  size_t entry = SIZE_MAX, before = l->s->n;
  const bool label = has_suffix(m->name, ".cls") || has_suffix(m->name, ".json");
  if (label || as_name_is_image(m->name)) {
    as_status st = as_source_add(l->s, l->prefix, m->name, l->box, AS_AT_LINK, 0, err);
    if (st != AS_OK) return st;
    if (l->s->n > before) entry = before;
    if (entry != SIZE_MAX && label) l->s->entry[entry].label = LINKED_LABEL;
  }
  return as_links_add(&l->links, m->name, m->link, m->hard, entry, err);
}

static as_status add_file(listing *l, const as_tar_member *m, as_err *err) {
  size_t before = l->s->n;
  as_status st;
  if (as_name_is_image(m->name)) {
    st = as_source_add(l->s, l->prefix, m->name, l->box, l->base + m->at, m->size, err);
  } else if (has_suffix(m->name, ".cls")) {
    st = add_cls(l, m, err);
  } else if (has_suffix(m->name, ".json")) {
    st = add_json(l, m, err);
  } else if (has_suffix(m->name, ".tar")) {
    return list_inner(l, m, err);
  } else {
    as_record_file f = {.name = (char *)(uintptr_t)m->name,
                        .box = l->box,
                        .at = l->base + m->at,
                        .size = m->size,
                        .wanted = as_source_wants(l->s, l->prefix, m->name)};
    st = as_source_note_records(l->s, &f, l->t->fetch, l->t->ctx, m->at, err);
    if (st == AS_OK) st = as_source_ignore(l->s, l->prefix, m->name, l->box, l->base + m->at, m->size, err);
  }
  /* whatever is no entry may still be what a link leads to */
  if (st == AS_OK && l->s->n == before)
    st = as_links_add_file(&l->links, m->name, l->base + m->at, m->size, err);
  return st;
}

/* What stands behind the last member is not read, as by other programs; but it may be another archive. */
static as_status say_rest(const listing *l, as_err *err) {
  uint64_t at, n;
  if (!l->t->marked) {
    as_log_line(AS_LOG_WARN, "%s: the archive has no end mark behind its last member (truncated?)",
                l->t->path);
    return AS_OK;
  }
  as_status st = as_tar_rest(l->t, &at, &n, err);
  if (st == AS_OK && n > 0)
    as_log_line(AS_LOG_WARN,
                "%s: %" PRIu64 " bytes behind the end of the archive, from byte %" PRIu64
                " on, are not read (another archive appended?)",
                l->t->path, n, at);
  return st;
}

static as_status list_tar(listing *l, as_err *err) {
  as_tar_member m;
  bool got;
  size_t first = l->s->n;
  as_status st;
  while ((st = as_tar_next(l->t, &m, &got, err)) == AS_OK && got) {
    if (is_private(m.name)) continue;
    if (m.link) {
      st = add_link(l, &m, err);
    } else if (m.file) {
      st = add_file(l, &m, err);
    }
    if (st != AS_OK) break;
  }
  if (st == AS_OK) st = say_rest(l, err);
  if (st == AS_OK) st = as_links_settle(&l->links, l->s, l->box, first, l->prefix, l->t->path, err);
  if (st == AS_OK) st = read_linked_labels(l, first, err);
  if (st == AS_OK) as_links_drop(l->s, first);
  as_links_clear(&l->links);
  return st;
}

as_status as_source_list_tar(as_source *s, as_tar *t, uint32_t box, const char *prefix, bool *labels,
                             as_err *err) {
  listing all = {s, t, box, prefix, 0, 0, labels, {0}};
  return list_tar(&all, err);
}
