/* torch's containers before the zip file.
 *
 * Legacy (torch < 1.6, torch/serialization.py _legacy_load), one stream:
 *
 *   pickle  magic number          0x1950a86a20f9469cfc6c
 *   pickle  protocol              1001
 *   pickle  system information    {"little_endian": True, ..}
 *   pickle  the object            tensors as (storage, offset, size, stride); a storage is a persistent id:
 *                                 ("storage", class, key, location, number of elements, view)
 *   pickle  the keys              ["94023", "94177", ..]
 *   per key, in that order:       int64 number of elements | the elements
 *
 * The difficulty: the records at the end say how many elements they hold, not of how many bytes. The element's size
 * follows from the class in the persistent ids, so the object's pickle must be run, and its ids collected, before the
 * records can be found at all. A key that no tensor refers to therefore ends the reading: what lies behind its record
 * cannot be found. Views (a storage that is a window of another) are offsets in elements.
 *
 * Tar (torch < 0.1.10), a tar with four members:
 *
 *   sys_info
 *   storages   pickle (count) | per storage: pickle (key, location, class), int64 count, elements | pickle of views
 *   tensors    pickle (count) | per tensor: pickle (key, storage key, class), int32 rank, 4 bytes, sizes, strides, offset
 *   pickle     the object, whose persistent ids are tensor keys
 *
 * Here each record says its own class, so one pass per member will do; tensors are looked up by key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "weights/containers/tree.h"

enum { MAX_RECORDS = 200000, KEY_MAX = 64 };

typedef struct record {
  char key[KEY_MAX];
  as_storage storage;
} record;

typedef struct legacy {
  record *records;
  size_t n, cap;
} legacy;

static as_status load_pickle(as_pk **pk, as_reader *r, const char *label, const char *part, as_err *err) {
  char where[512];
  size_t used = 0;
  snprintf(where, sizeof where, "%.300s: %s at byte %zu", label, part, r->pos);
  as_status st = as_pk_load(pk, r->data + r->pos, as_rd_left(r), &used, where, err);
  if (st == AS_OK) r->pos += used;
  return st;
}

static bool key_of(const as_pk *pk, uint32_t node, char buf[KEY_MAX]) {
  const as_pk_node *n = as_pk_at(pk, node);
  if (n->type == AS_PK_INT) {
    snprintf(buf, KEY_MAX, "%lld", (long long)n->u.i);
    return true;
  }
  if ((n->type != AS_PK_STR && n->type != AS_PK_BYTES) || n->u.bytes.n >= KEY_MAX ||
      memchr(n->u.bytes.p, 0, n->u.bytes.n))
    return false;
  memcpy(buf, n->u.bytes.p, n->u.bytes.n);
  buf[n->u.bytes.n] = 0;
  return true;
}

static as_status add_record(legacy *l, const char *label, const char *key, record **out, as_err *err) {
  if (l->n >= MAX_RECORDS) return as_fail(err, AS_E_INPUT, "%s: more than %d storages", label, MAX_RECORDS);
  as_status st = as_grow(&l->records, &l->cap, l->n + 1, sizeof *l->records, err);
  if (st != AS_OK) return st;
  *out = &l->records[l->n++];
  memset(*out, 0, sizeof **out);
  snprintf((*out)->key, KEY_MAX, "%s", key);
  return AS_OK;
}

/* ---- legacy ---- */

/* The class of each storage stands in the object's pickle, its length before its bytes; the object
 * pickle comes first. So: collect (key, class) from the persistent ids, then walk the bytes. */
static as_status collect_classes(legacy *l, as_tree *t, as_err *err) {
  const as_pk *pk = t->pk;
  for (uint32_t i = 0; i < as_pk_nodes(pk); i++) {
    const as_pk_node *n = as_pk_at(pk, i);
    uint32_t tag = 0, cls = 0, key = 0;
    char name[KEY_MAX];
    if (n->type != AS_PK_PERSID || !as_pk_item(pk, n->u.object.callee, 0, &tag) ||
        !as_pk_is_text(pk, tag, "storage"))
      continue;
    if (!as_pk_item(pk, n->u.object.callee, 1, &cls) || !as_pk_item(pk, n->u.object.callee, 2, &key) ||
        !key_of(pk, key, name))
      return as_fail(err, AS_E_INPUT,
                     "%s: a persistent id is not ('storage', class, key, location, count, view)", t->label);
    if (l->n > 0 && strcmp(l->records[l->n - 1].key, name) == 0) continue;
    record *r = NULL;
    as_status st = add_record(l, t->label, name, &r, err);
    if (st != AS_OK) return st;
    as_tree_storage_class(t, cls, &r->storage);
  }
  return AS_OK;
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const record *)a)->key, ((const record *)b)->key);
}

/* Sorted by key and unique, for bisection. */
static as_status sort_records(legacy *l, const char *label, as_err *err) {
  if (l->n == 0) return AS_OK;
  qsort(l->records, l->n, sizeof *l->records, by_key);
  size_t k = 1;
  for (size_t i = 1; i < l->n; i++) {
    if (strcmp(l->records[i].key, l->records[k - 1].key) != 0) {
      l->records[k++] = l->records[i];
    } else if (l->records[i].storage.dtype != l->records[k - 1].storage.dtype) {
      return as_fail(err, AS_E_INPUT, "%s: storage %s has two classes", label, l->records[i].key);
    }
  }
  l->n = k;
  return AS_OK;
}

static record *find_record(const legacy *l, const char *key) {
  size_t lo = 0, hi = l->n;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    int c = strcmp(l->records[mid].key, key);
    if (c == 0) return &l->records[mid];
    if (c < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return NULL;
}

static as_status legacy_storage(as_tree *t, const char *key, uint64_t want, as_storage *out, as_err *err) {
  const record *r = find_record(t->ctx, key);
  if (!r || !r->storage.data)
    return as_fail(err, AS_E_INPUT, "%s: tensor %s: its storage %s is not in the file", t->label,
                   as_str_c(&t->path), key);
  if (r->storage.bytes != want || out->dtype != r->storage.dtype)
    return as_fail(err, AS_E_INPUT, "%s: tensor %s: storage %s has %zu bytes, the tensor wants %llu",
                   t->label, as_str_c(&t->path), key, r->storage.bytes, (unsigned long long)want);
  out->data = r->storage.data;
  out->bytes = r->storage.bytes;
  return AS_OK;
}

/* int64 count, then the elements, from r; the bytes into st. */
static as_status take_storage(as_reader *r, as_storage *st, bool big, const char *label, const char *key,
                              as_err *err) {
  size_t at = r->pos;
  const uint8_t *c = as_rd_take(r, 8);
  uint64_t bytes = 0;
  if (!c)
    return as_fail(err, AS_E_INPUT, "%s: storage %s at byte %zu: the file ends (truncated?)", label, key, at);
  st->numel = big ? as_be64(c) : as_le64(c);
  if (st->unit == 0)
    return as_fail(err, AS_E_INPUT,
                   "%s: storage %s at byte %zu is of a class whose elements have a size that is not known",
                   label, key, at);
  if (!as_mul_u64(st->numel, st->unit, &bytes) || bytes > as_rd_left(r))
    return as_fail(err, AS_E_INPUT,
                   "%s: storage %s at byte %zu: %llu elements reach beyond the file (truncated?)", label, key,
                   at, (unsigned long long)st->numel);
  st->bytes = (size_t)bytes;
  st->data = as_rd_take(r, st->bytes);
  st->big_endian = big;
  return AS_OK;
}

static as_status take_storages(legacy *l, as_tree *t, const as_pk *keys, as_reader *r, as_err *err) {
  const as_pk_node *list = as_pk_at(keys, as_pk_root(keys));
  if (list->type != AS_PK_LIST)
    return as_fail(err, AS_E_INPUT, "%s: the storage keys are not a list", t->label);
  for (uint32_t c = list->u.cells.first; c; c = as_pk_cell_at(keys, c)->next) {
    char key[KEY_MAX];
    if (!key_of(keys, as_pk_cell_at(keys, c)->value, key))
      return as_fail(err, AS_E_INPUT, "%s: a storage key is not a short text", t->label);
    record *rec = find_record(l, key);
    if (!rec)
      return as_fail(err, AS_E_INPUT, "%s: storage %s belongs to no tensor, so its element size is not known",
                     t->label, key);
    if (rec->storage.data) return as_fail(err, AS_E_INPUT, "%s: storage %s occurs twice", t->label, key);
    as_status st = take_storage(r, &rec->storage, t->big_endian, t->label, key, err);
    if (st != AS_OK) return st;
  }
  if (as_rd_left(r))
    return as_fail(err, AS_E_INPUT, "%s: %zu bytes follow the last storage", t->label, as_rd_left(r));
  return AS_OK;
}

/* Pickles (2) and (3): the protocol number, and a dict that tells the byte order. */
static as_status read_preamble(as_reader *r, as_tree *t, as_err *err) {
  as_pk *pk = NULL;
  as_status st = load_pickle(&pk, r, t->label, "magic number", err);
  as_pk_free(&pk);
  if (st == AS_OK) st = load_pickle(&pk, r, t->label, "protocol number", err);
  if (st != AS_OK) return st;
  const as_pk_node *v = as_pk_at(pk, as_pk_root(pk));
  if (v->type != AS_PK_INT || v->u.i != 1001)
    st = as_fail(err, AS_E_INPUT, "%s: torch protocol other than 1001", t->label);
  as_pk_free(&pk);
  if (st == AS_OK) st = load_pickle(&pk, r, t->label, "system information", err);
  if (st != AS_OK) return st;
  uint32_t little = 0;
  if (as_pk_get(pk, as_pk_root(pk), "little_endian", &little) && as_pk_at(pk, little)->type == AS_PK_BOOL)
    t->big_endian = !as_pk_at(pk, little)->u.i;
  as_pk_free(&pk);
  return AS_OK;
}

as_status as_state_read_legacy(as_state *s, const uint8_t *data, size_t size, const char *label,
                               as_err *err) {
  as_reader r = {data, size, 0};
  legacy l = {0};
  as_tree t = {.state = s, .label = label, .storage = legacy_storage, .ctx = &l};
  as_pk *object = NULL, *keys = NULL;
  s->container = "torch-legacy";
  as_status st = read_preamble(&r, &t, err);
  if (st == AS_OK) st = load_pickle(&object, &r, label, "object", err);
  if (st == AS_OK) st = load_pickle(&keys, &r, label, "storage keys", err);
  if (st == AS_OK) {
    t.pk = object;
    st = collect_classes(&l, &t, err);
  }
  if (st == AS_OK) st = sort_records(&l, label, err);
  /* The elements are little-endian whatever the writer's order (torch/csrc/serialization.cpp). */
  t.big_endian = false;
  if (st == AS_OK) st = take_storages(&l, &t, keys, &r, err);
  if (st == AS_OK) st = as_tree_walk(&t, as_pk_root(object), err);
  as_pk_free(&keys);
  as_pk_free(&object);
  as_free(l.records);
  return st;
}

/* ---- tar ---- */

typedef struct tar_tensor {
  char key[KEY_MAX];
  as_view view;
} tar_tensor;

typedef struct tar_file {
  legacy l;
  tar_tensor *tensors; /* sorted by key once read */
  size_t n, cap;
} tar_file;

/* The member called name: plain ustar headers, as Python's tarfile wrote them. */
static as_status tar_member(const uint8_t *d, size_t size, const char *label, const char *name,
                            as_reader *out, as_err *err) {
  size_t p = 0;
  while (size - p >= 512 && d[p] != 0) {
    const uint8_t *h = d + p;
    uint64_t n = 0;
    for (int i = 124; i < 136 && h[i] >= '0' && h[i] <= '7'; i++) n = n * 8 + (uint64_t)(h[i] - '0');
    if (n > size - p - 512)
      return as_fail(err, AS_E_INPUT, "%s: tar member at byte %zu reaches beyond the file (truncated?)",
                     label, p);
    if ((h[156] == '0' || h[156] == 0) && strncmp((const char *)h, name, 100) == 0) {
      *out = (as_reader){h + 512, (size_t)n, 0};
      return AS_OK;
    }
    uint64_t skip = 512 + (n + 511) / 512 * 512;
    if (skip > size - p) break;
    p += (size_t)skip;
  }
  return as_fail(
      err, AS_E_INPUT,
      "%s: a tar without the member %s; wanted torch's old container (sys_info, pickle, storages, tensors)",
      label, name);
}

static as_status take_count(as_reader *r, const char *label, const char *part, int64_t *n, as_err *err) {
  as_pk *pk = NULL;
  as_status st = load_pickle(&pk, r, label, part, err);
  if (st != AS_OK) return st;
  const as_pk_node *v = as_pk_at(pk, as_pk_root(pk));
  *n = v->type == AS_PK_INT ? v->u.i : -1;
  as_pk_free(&pk);
  /* every record has at least a pickle of two bytes */
  if (*n < 0 || *n > MAX_RECORDS || (uint64_t)*n > as_rd_left(r))
    return as_fail(err, AS_E_INPUT, "%s: %s: wanted a count from 0 to %d", label, part, MAX_RECORDS);
  return AS_OK;
}

static as_status tar_storages(tar_file *f, as_tree *t, as_reader *r, as_err *err) {
  int64_t n = 0;
  as_status st = take_count(r, t->label, "storages", &n, err);
  for (int64_t i = 0; i < n && st == AS_OK; i++) {
    as_pk *pk = NULL;
    st = load_pickle(&pk, r, t->label, "storage", err);
    if (st != AS_OK) return st;
    uint32_t key = 0, cls = 0;
    char name[KEY_MAX];
    record *rec = NULL;
    t->pk = pk;
    if (!as_pk_item(pk, as_pk_root(pk), 0, &key) || !as_pk_item(pk, as_pk_root(pk), 2, &cls) ||
        !key_of(pk, key, name))
      st = as_fail(err, AS_E_INPUT, "%s: a storage is not (key, location, class)", t->label);
    if (st == AS_OK) st = add_record(&f->l, t->label, name, &rec, err);
    if (st == AS_OK) {
      as_tree_storage_class(t, cls, &rec->storage);
      st = take_storage(r, &rec->storage, false, t->label, name, err);
    }
    as_pk_free(&pk);
  }
  if (st == AS_OK) st = sort_records(&f->l, t->label, err);
  as_pk *views = NULL;
  if (st == AS_OK) st = load_pickle(&views, r, t->label, "storage views", err);
  if (st == AS_OK && as_pk_at(views, as_pk_root(views))->u.cells.count != 0)
    st = as_fail(err, AS_E_INPUT, "%s: storage views in a tar container are not read", t->label);
  as_pk_free(&views);
  return st;
}

static as_status tar_tensor_record(tar_file *f, as_tree *t, as_reader *r, as_err *err) {
  as_pk *pk = NULL;
  as_status st = load_pickle(&pk, r, t->label, "tensor", err);
  if (st != AS_OK) return st;
  uint32_t a = 0, b = 0;
  char key[KEY_MAX] = "", storage[KEY_MAX] = "";
  const record *rec = NULL;
  if (as_pk_item(pk, as_pk_root(pk), 0, &a) && as_pk_item(pk, as_pk_root(pk), 1, &b) && key_of(pk, a, key) &&
      key_of(pk, b, storage))
    rec = find_record(&f->l, storage);
  as_pk_free(&pk);
  if (!rec)
    return as_fail(err, AS_E_INPUT, "%s: tensor record %s refers to no storage of the file", t->label, key);
  const uint8_t *h = as_rd_take(r, 8);
  uint32_t rank = h ? as_le32(h) : 0;
  if (!h || rank > AS_MAX_RANK)
    return as_fail(err, AS_E_INPUT, "%s: tensor record %s is truncated or of rank over 8", t->label, key);
  const uint8_t *p = as_rd_take(r, 16 * (size_t)rank + 8);
  if (!p) return as_fail(err, AS_E_INPUT, "%s: tensor record %s is truncated", t->label, key);
  int64_t shape[AS_MAX_RANK], stride[AS_MAX_RANK];
  for (uint32_t k = 0; k < rank; k++) {
    shape[k] = (int64_t)as_le64(p + 8 * k);
    stride[k] = (int64_t)as_le64(p + 8 * (rank + k));
  }
  st = as_grow(&f->tensors, &f->cap, f->n + 1, sizeof *f->tensors, err);
  if (st != AS_OK) return st;
  tar_tensor *out = &f->tensors[f->n];
  snprintf(out->key, KEY_MAX, "%s", key);
  t->path.n = 0;
  as_str_put(&t->path, key); /* for messages */
  st = as_tree_cut(t, &rec->storage, (int)rank, shape, stride, (int64_t)as_le64(p + 16 * rank), &out->view,
                   err);
  if (st == AS_OK) f->n++;
  return st;
}

static int by_tensor_key(const void *a, const void *b) {
  return strcmp(((const tar_tensor *)a)->key, ((const tar_tensor *)b)->key);
}

static as_status tar_tensor_at(as_tree *t, uint32_t id, as_view *out, bool *is, as_err *err) {
  const tar_file *f = t->ctx;
  tar_tensor want;
  *is = false;
  if (as_pk_at(t->pk, id)->type == AS_PK_TUPLE) return AS_OK; /* a class with its source text: ignored */
  const tar_tensor *hit = NULL;
  if (key_of(t->pk, id, want.key) && f->n)
    hit = bsearch(&want, f->tensors, f->n, sizeof *f->tensors, by_tensor_key);
  if (!hit)
    return as_fail(err, AS_E_INPUT, "%s: tensor %s refers to no tensor record", t->label, as_str_c(&t->path));
  *out = hit->view;
  *is = true;
  return AS_OK;
}

as_status as_state_read_torch_tar(as_state *s, const uint8_t *data, size_t size, const char *label,
                                  as_err *err) {
  tar_file f = {0};
  as_tree t = {.state = s, .label = label, .tensor = tar_tensor_at, .ctx = &f};
  as_reader r = {0};
  as_pk *pk = NULL;
  int64_t n = 0;
  s->container = "torch-tar";
  as_status st = tar_member(data, size, label, "storages", &r, err);
  if (st == AS_OK) st = tar_storages(&f, &t, &r, err);
  if (st == AS_OK) st = tar_member(data, size, label, "tensors", &r, err);
  if (st == AS_OK) st = take_count(&r, label, "tensors", &n, err);
  for (int64_t i = 0; i < n && st == AS_OK; i++) st = tar_tensor_record(&f, &t, &r, err);
  if (st == AS_OK && f.n) qsort(f.tensors, f.n, sizeof *f.tensors, by_tensor_key);
  if (st == AS_OK) st = tar_member(data, size, label, "pickle", &r, err);
  if (st == AS_OK) st = load_pickle(&pk, &r, label, "pickle", err);
  if (st == AS_OK) {
    as_str_clear(&t.path);
    t.pk = pk;
    st = as_tree_walk(&t, as_pk_root(pk), err);
  }
  as_str_clear(&t.path);
  as_pk_free(&pk);
  as_free(f.l.records);
  as_free(f.tensors);
  return st;
}
