/* torch's tensors: a storage, and the strided window that a tensor is of it. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "weights/containers/tree.h"

as_status as_tree_refuse(as_tree *t, const char *what, as_err *err) {
  return as_fail(err, AS_E_INPUT, "%s: tensor %s: %s", t->label, as_str_c(&t->path), what);
}

/* The last four hold no numbers that are read, but where their elements end must be known to read what follows. */
static const struct {
  const char *name;
  as_dtype dtype;
  size_t unit; /* bytes per element */
} storage_classes[] = {{"FloatStorage", AS_F32, 4},        {"DoubleStorage", AS_F64, 8},
                       {"HalfStorage", AS_F16, 2},         {"BFloat16Storage", AS_BF16, 2},
                       {"CharStorage", AS_I8, 1},          {"ByteStorage", AS_U8, 1},
                       {"ShortStorage", AS_I16, 2},        {"IntStorage", AS_I32, 4},
                       {"LongStorage", AS_I64, 8},         {"BoolStorage", AS_BOOL, 1},
                       {"ComplexFloatStorage", AS_C64, 8}, {"ComplexDoubleStorage", AS_OPAQUE, 16},
                       {"QInt8Storage", AS_OPAQUE, 1},     {"QUInt8Storage", AS_OPAQUE, 1},
                       {"QInt32Storage", AS_OPAQUE, 4}};

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
  out->dtype = AS_OPAQUE;
  out->unit = 0;
  if (g->type == AS_PK_GLOBAL && as_pk_is_text(t->pk, g->u.global.name, "UntypedStorage")) {
    out->dtype = AS_U8;
    out->unit = 1;
    out->untyped = true;
  }
  for (size_t i = 0; g->type == AS_PK_GLOBAL && i < sizeof storage_classes / sizeof *storage_classes; i++)
    if (as_pk_is_text(t->pk, g->u.global.name, storage_classes[i].name)) {
      out->dtype = storage_classes[i].dtype;
      out->unit = storage_classes[i].unit;
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
  if (out->dtype == AS_OPAQUE) return AS_OK;
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
    out->stride[i] = numel > 0 ? stride[i] : 0; /* which nothing has checked */
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

/* The shape itself, or the one among the parts of a sparse tensor: (indices, values, size[, flag]). */
static bool find_shape(const as_pk *pk, uint32_t node, int64_t *shape, int *rank) {
  uint32_t part = 0;
  if (int_tuple(pk, node, shape, rank)) return true;
  for (uint32_t i = 0; as_pk_item(pk, node, i, &part); i++)
    if (int_tuple(pk, part, shape, rank)) return true;
  *rank = -1;
  return false;
}

/* Sets t->what to WHAT (MODULE.NAME). */
static void say_what(as_tree *t, const char *what, uint32_t global) {
  char name[160];
  snprintf(t->what, sizeof t->what, "%s (%s)", what, as_pk_global_name(t->pk, global, name, sizeof name));
}

/* An opaque view of this shape, or of rank 0 where no sensible shape is known. */
static void opaque_view(as_view *out, const int64_t *shape, int rank) {
  size_t numel = 0;
  memset(out, 0, sizeof *out);
  out->dtype = AS_OPAQUE;
  if (rank < 0 || !as_shape_numel(shape, rank, &numel)) return;
  out->rank = rank;
  for (int i = 0; i < rank; i++) out->shape[i] = shape[i];
}

/* torch/_utils.py. `size`: the argument that is the shape, or holds it among other things. */
static const struct {
  const char *name, *what;
  uint32_t size;
} opaque_calls[] = {{"_rebuild_qtensor", "quantised", 2},
                    {"_rebuild_sparse_tensor", "sparse", 1},
                    {"_rebuild_sparse_csr_tensor", "sparse", 1},
                    {"_rebuild_nested_tensor", "nested", 1},
                    {"_rebuild_meta_tensor_no_storage", "a meta tensor, which has no values", 1},
                    {"_rebuild_wrapper_subclass", "of a class that says itself what its values are", 2}};

static bool ends_with_word(const as_pk *pk, uint32_t text, const char *word) {
  const as_pk_node *n = as_pk_at(pk, text);
  const size_t k = strlen(word);
  return n->u.bytes.n >= k && memcmp(n->u.bytes.p + n->u.bytes.n - k, word, k) == 0;
}

/* ShardedTensor, DTensor, FSDP's FlatParameter, UninitializedParameter and whatever else follows the habit: by its name
 * it is a tensor, and how to read it is known to its own code alone. */
static bool named_like_tensor(const as_pk *pk, uint32_t callee) {
  const uint32_t name = as_pk_at(pk, callee)->u.global.name;
  const as_pk_node *n = as_pk_at(pk, name);
  return ends_with_word(pk, name, "Tensor") || ends_with_word(pk, name, "Parameter") ||
         (n->u.bytes.n > 9 && memcmp(n->u.bytes.p, "_rebuild_", 9) == 0);
}

bool as_tree_opaque(as_tree *t, uint32_t callee, uint32_t args, as_view *out) {
  const as_pk *pk = t->pk;
  int64_t shape[AS_MAX_RANK];
  int rank = -1;
  uint32_t size = 0;
  if (as_pk_at(pk, callee)->type != AS_PK_GLOBAL) return false;
  for (size_t i = 0; i < sizeof opaque_calls / sizeof *opaque_calls; i++) {
    if (!as_pk_is_global(pk, callee, "torch._utils", opaque_calls[i].name)) continue;
    if (as_pk_item(pk, args, opaque_calls[i].size, &size)) (void)find_shape(pk, size, shape, &rank);
    say_what(t, opaque_calls[i].what, callee);
    opaque_view(out, shape, rank);
    return true;
  }
  if (!named_like_tensor(pk, callee)) return false;
  say_what(t, "of a class that says itself what its values are", callee);
  opaque_view(out, shape, -1);
  return true;
}

/* _rebuild_tensor(storage, offset, size, stride), _v2 with (requires_grad, hooks[, metadata]) after it,
 * _v3 with (requires_grad, hooks, dtype) (torch/_utils.py). */
as_status as_tree_rebuild(as_tree *t, uint32_t args, bool v3, as_view *out, as_err *err) {
  const as_pk *pk = t->pk;
  uint32_t a = 0, b = 0, c = 0, d = 0, kind = 0;
  if (!as_pk_item(pk, args, 0, &a) || !as_pk_item(pk, args, 1, &b) || !as_pk_item(pk, args, 2, &c) ||
      !as_pk_item(pk, args, 3, &d) || as_pk_at(pk, a)->type != AS_PK_PERSID)
    return as_tree_refuse(t, "its rebuild arguments are not (storage, offset, size, stride, ...)", err);
  int64_t shape[AS_MAX_RANK], stride[AS_MAX_RANK], offset = 0;
  int rank = 0, rank2 = 0;
  if (!get_int(pk, b, &offset) || !int_tuple(pk, c, shape, &rank) || !int_tuple(pk, d, stride, &rank2) ||
      rank != rank2)
    return as_tree_refuse(
        t, "its offset, size or stride are not integers, of unequal length, or of rank over 8", err);
  as_storage st;
  as_status s = open_storage(t, as_pk_at(pk, a)->u.object.callee, &st, err);
  if (s != AS_OK) return s;
  (void)as_pk_item(pk, as_pk_at(pk, a)->u.object.callee, 1, &kind); /* open_storage has looked at it */
  if (v3) {
    st.dtype = AS_OPAQUE;
    if (as_pk_item(pk, args, 6, &kind) && as_pk_at(pk, kind)->type == AS_PK_GLOBAL)
      for (size_t i = 0; i < sizeof torch_dtypes / sizeof *torch_dtypes; i++)
        if (as_pk_is_global(pk, kind, "torch", torch_dtypes[i].name)) {
          st.dtype = torch_dtypes[i].dtype;
          st.untyped = true; /* count elements of the new dtype in the bytes */
        }
  }
  if (st.dtype != AS_OPAQUE) return as_tree_cut(t, &st, rank, shape, stride, offset, out, err);
  say_what(t, "of a dtype that is not read", kind);
  opaque_view(out, shape, rank);
  return AS_OK;
}
