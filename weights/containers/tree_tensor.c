/* torch's tensors: a storage, and the strided window that a tensor is of it. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "weights/containers/tree.h"

as_status as_tree_refuse(as_tree *t, const char *what, as_err *err) {
  return as_fail(err, AS_E_INPUT, "%s: tensor %s: %s", t->label, as_str_c(&t->path), what);
}

static const struct {
  const char *name;
  as_dtype dtype;
} storage_classes[] = {{"FloatStorage", AS_F32},     {"DoubleStorage", AS_F64},      {"HalfStorage", AS_F16},
                       {"BFloat16Storage", AS_BF16}, {"CharStorage", AS_I8},         {"ByteStorage", AS_U8},
                       {"ShortStorage", AS_I16},     {"IntStorage", AS_I32},         {"LongStorage", AS_I64},
                       {"BoolStorage", AS_BOOL},     {"ComplexFloatStorage", AS_C64}};

static const struct {
  const char *name;
  as_dtype dtype;
} torch_dtypes[] = {
    {"float32", AS_F32},   {"float", AS_F32},        {"float64", AS_F64},   {"double", AS_F64},
    {"float16", AS_F16},   {"half", AS_F16},         {"bfloat16", AS_BF16}, {"int8", AS_I8},
    {"uint8", AS_U8},      {"int16", AS_I16},        {"int32", AS_I32},     {"int64", AS_I64},
    {"bool", AS_BOOL},     {"uint16", AS_U16},       {"uint32", AS_U32},    {"uint64", AS_U64},
    {"complex64", AS_C64}, {"float8_e4m3fn", AS_F8}, {"float8_e5m2", AS_F8}};

void as_tree_storage_class(const as_tree *t, uint32_t cls, as_storage *out) {
  const as_pk_node *g = as_pk_at(t->pk, cls);
  out->unknown = true;
  if (g->type != AS_PK_GLOBAL) return;
  for (size_t i = 0; i < sizeof storage_classes / sizeof *storage_classes; i++)
    if (as_pk_is_text(t->pk, g->u.global.name, storage_classes[i].name)) {
      out->dtype = storage_classes[i].dtype;
      out->unknown = false;
    }
  if (as_pk_is_text(t->pk, g->u.global.name, "UntypedStorage")) {
    out->dtype = AS_U8;
    out->untyped = true;
    out->unknown = false;
  }
}

static bool get_int(const as_pk *pk, uint32_t node, int64_t *out) {
  const as_pk_node *n = as_pk_at(pk, node);
  if (n->type != AS_PK_INT) return false;
  *out = n->u.i;
  return true;
}

/* A key of text, or a number written out, NUL-terminated in buf. */
static bool key_text(const as_pk *pk, uint32_t node, char *buf, size_t size) {
  const as_pk_node *n = as_pk_at(pk, node);
  if (n->type == AS_PK_INT) {
    snprintf(buf, size, "%lld", (long long)n->u.i);
    return true;
  }
  if ((n->type != AS_PK_STR && n->type != AS_PK_BYTES) || n->u.bytes.n >= size ||
      memchr(n->u.bytes.p, 0, n->u.bytes.n))
    return false;
  memcpy(buf, n->u.bytes.p, n->u.bytes.n);
  buf[n->u.bytes.n] = 0;
  return true;
}

static as_status open_storage(as_tree *t, uint32_t id, as_storage *out, as_err *err) {
  const as_pk *pk = t->pk;
  uint32_t tag = 0, cls = 0, key = 0, count = 0, view = 0;
  char name[128];
  int64_t numel = 0;
  memset(out, 0, sizeof *out);
  if (!as_pk_item(pk, id, 0, &tag) || !as_pk_is_text(pk, tag, "storage") || !as_pk_item(pk, id, 1, &cls) ||
      !as_pk_item(pk, id, 2, &key) || !as_pk_item(pk, id, 4, &count) || !get_int(pk, count, &numel) ||
      numel < 0 || !key_text(pk, key, name, sizeof name))
    return as_tree_refuse(t, "its persistent id is not ('storage', class, key, location, count)", err);
  as_tree_storage_class(t, cls, out);
  if (out->unknown) return AS_OK;
  out->big_endian = t->big_endian;
  out->numel = (uint64_t)numel;
  uint64_t want = 0;
  if (!as_mul_u64(out->numel, as_dtype_size(out->dtype), &want))
    return as_tree_refuse(t, "its storage's size does not fit 64 bits", err);
  if (!t->storage) return as_tree_refuse(t, "it refers to a storage, and this container has none", err);
  as_status st = t->storage(t, name, want, out, err);
  if (st != AS_OK) return st;
  /* Legacy files: (view key, offset, size), a window of the root storage in elements. */
  if (as_pk_item(pk, id, 5, &view) && as_pk_at(pk, view)->type == AS_PK_TUPLE) {
    uint32_t a = 0, b = 0;
    int64_t offset = 0, size = 0;
    if (!as_pk_item(pk, view, 1, &a) || !as_pk_item(pk, view, 2, &b) || !get_int(pk, a, &offset) ||
        !get_int(pk, b, &size) || offset < 0 || size < 0 || (uint64_t)offset > out->numel ||
        (uint64_t)size > out->numel - (uint64_t)offset)
      return as_tree_refuse(t, "its storage view lies outside the storage", err);
    out->data += (uint64_t)offset * as_dtype_size(out->dtype);
    out->numel = (uint64_t)size;
    out->bytes = (size_t)size * as_dtype_size(out->dtype);
  }
  return AS_OK;
}

as_status as_tree_cut(as_tree *t, const as_storage *st, int rank, const int64_t *shape, const int64_t *stride,
                      int64_t offset, as_view *out, as_err *err) {
  memset(out, 0, sizeof *out);
  out->dtype = st->dtype;
  out->big_endian = st->big_endian;
  out->rank = rank;
  size_t size = as_dtype_size(st->dtype), numel = 0;
  int64_t last = offset;
  if (offset < 0) return as_tree_refuse(t, "a negative storage offset", err);
  if (!as_shape_numel(shape, rank, &numel))
    return as_tree_refuse(t, "its shape is negative or does not fit", err);
  for (int i = 0; i < rank; i++) {
    int64_t reach = 0;
    if (stride[i] < 0) return as_tree_refuse(t, "a negative stride", err);
    out->shape[i] = shape[i];
    out->stride[i] = stride[i];
    if (numel > 0 && (!as_mul_i64(shape[i] - 1, stride[i], &reach) || !as_add_i64(last, reach, &last)))
      return as_tree_refuse(t, "its last element's place does not fit 64 bits", err);
  }
  uint64_t elements = st->untyped ? st->bytes / size : st->numel;
  if (numel > 0 && (uint64_t)last >= elements) {
    char text[96];
    return as_fail(err, AS_E_INPUT,
                   "%s: tensor %s: shape %s from offset %lld reaches element %lld of a storage of %llu",
                   t->label, as_str_c(&t->path), as_shape_text(shape, rank, text, sizeof text),
                   (long long)offset, (long long)last, (unsigned long long)elements);
  }
  out->data = numel > 0 ? st->data + (uint64_t)offset * size : st->data;
  out->bytes = numel > 0 ? ((size_t)(last - offset) + 1) * size : 0;
  return AS_OK;
}

/* (2, 3) or torch.Size((2, 3)). */
static bool int_tuple(const as_pk *pk, uint32_t node, int64_t *v, int *n) {
  const as_pk_node *p = as_pk_at(pk, node);
  if (p->type == AS_PK_OBJECT && as_pk_is_global(pk, p->u.object.callee, "torch", "Size")) {
    if (!as_pk_item(pk, p->u.object.args, 0, &node)) return false;
    p = as_pk_at(pk, node);
  }
  if ((p->type != AS_PK_TUPLE && p->type != AS_PK_LIST) || p->u.cells.count > AS_MAX_RANK) return false;
  *n = 0;
  for (uint32_t c = p->u.cells.first; c; c = as_pk_cell_at(pk, c)->next)
    if (!get_int(pk, as_pk_cell_at(pk, c)->value, &v[(*n)++])) return false;
  return true;
}

/* _rebuild_tensor(storage, offset, size, stride), _v2 with (requires_grad, hooks[, metadata]) after it,
 * _v3 with (requires_grad, hooks, dtype) (torch/_utils.py). *is false: of a dtype that assay has not. */
as_status as_tree_rebuild(as_tree *t, uint32_t args, bool v3, as_view *out, bool *is, as_err *err) {
  const as_pk *pk = t->pk;
  uint32_t a = 0, b = 0, c = 0, d = 0, e = 0;
  if (!as_pk_item(pk, args, 0, &a) || !as_pk_item(pk, args, 1, &b) || !as_pk_item(pk, args, 2, &c) ||
      !as_pk_item(pk, args, 3, &d) || as_pk_at(pk, a)->type != AS_PK_PERSID)
    return as_tree_refuse(t, "its rebuild arguments are not (storage, offset, size, stride, ...)", err);
  int64_t shape[AS_MAX_RANK], stride[AS_MAX_RANK], offset = 0;
  int rank = 0, rank2 = 0;
  if (!get_int(pk, b, &offset) || !int_tuple(pk, c, shape, &rank) || !int_tuple(pk, d, stride, &rank2) ||
      rank != rank2)
    return as_tree_refuse(
        t, "its offset, size or stride are no integers, of unequal length, or of rank over 8", err);
  as_storage st;
  as_status s = open_storage(t, as_pk_at(pk, a)->u.object.callee, &st, err);
  if (s != AS_OK) return s;
  if (v3) {
    st.unknown = true;
    if (as_pk_item(pk, args, 6, &e) && as_pk_at(pk, e)->type == AS_PK_GLOBAL)
      for (size_t i = 0; i < sizeof torch_dtypes / sizeof *torch_dtypes; i++)
        if (as_pk_is_global(pk, e, "torch", torch_dtypes[i].name)) {
          st.dtype = torch_dtypes[i].dtype;
          st.unknown = false;
          st.untyped = true; /* count elements of the new dtype in the bytes */
        }
  }
  if (st.unknown) {
    *is = false;
    return as_state_remark(t->state, err, "%s: a tensor of a dtype that assay does not read",
                           as_str_c(&t->path));
  }
  *is = true;
  return as_tree_cut(t, &st, rank, shape, stride, offset, out, err);
}
