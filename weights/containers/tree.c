#include "weights/containers/tree.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/text.h"

static as_status refuse(as_tree *t, const char *what, as_err *err) {
  return as_fail(err, AS_E_INPUT, "%s: tensor %s: %s", t->label, as_str_c(&t->path), what);
}

/* ---- calls that no data needs ---- */

/* Nothing is ever called, so this list guards nothing: it tells the user that the file is hostile
 * instead of passing over it. Whole modules, then single names. */
static const char *const hostile_modules[] = {"os",     "posix",  "nt",     "sys",       "subprocess",
                                              "pty",    "popen2", "runpy",  "socket",    "multiprocessing",
                                              "shutil", "bdb",    "pdb",    "ctypes",    "importlib",
                                              "pip",    "timeit", "urllib", "webbrowser"};
static const char *const hostile_builtins[] = {"eval", "exec",  "compile", "execfile", "__import__",
                                               "open", "input", "apply",   "globals",  "breakpoint"};

static bool head_is(const as_pk *pk, uint32_t text, const char *module) {
  const as_pk_node *n = as_pk_at(pk, text);
  size_t len = strlen(module);
  return n->u.bytes.n >= len && memcmp(n->u.bytes.p, module, len) == 0 &&
         (n->u.bytes.n == len || n->u.bytes.p[len] == '.');
}

static as_status refuse_calls(as_tree *t, as_err *err) {
  const as_pk *pk = t->pk;
  for (uint32_t i = 0; i < as_pk_nodes(pk); i++) {
    const as_pk_node *n = as_pk_at(pk, i);
    if (n->type != AS_PK_OBJECT) continue;
    const as_pk_node *g = as_pk_at(pk, n->u.object.callee);
    if (g->type != AS_PK_GLOBAL) continue;
    bool bad = false;
    for (size_t k = 0; k < sizeof hostile_modules / sizeof *hostile_modules && !bad; k++)
      bad = head_is(pk, g->u.global.module, hostile_modules[k]);
    if (as_pk_is_text(pk, g->u.global.module, "builtins") ||
        as_pk_is_text(pk, g->u.global.module, "__builtin__"))
      for (size_t k = 0; k < sizeof hostile_builtins / sizeof *hostile_builtins && !bad; k++)
        bad = head_is(pk, g->u.global.name, hostile_builtins[k]);
    if (bad) {
      char name[256];
      return as_fail(
          err, AS_E_INPUT,
          "%s: the pickle calls %s, which no checkpoint needs; nothing was run, and the file is refused",
          t->label, as_pk_global_name(pk, n->u.object.callee, name, sizeof name));
    }
  }
  return AS_OK;
}

/* ---- storages and tensors ---- */

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

as_status as_tree_storage(as_tree *t, uint32_t id, as_storage *out, as_err *err) {
  const as_pk *pk = t->pk;
  uint32_t tag = 0, cls = 0, key = 0, count = 0, view = 0;
  char name[128];
  int64_t numel = 0;
  memset(out, 0, sizeof *out);
  if (!as_pk_item(pk, id, 0, &tag) || !as_pk_is_text(pk, tag, "storage") || !as_pk_item(pk, id, 1, &cls) ||
      !as_pk_item(pk, id, 2, &key) || !as_pk_item(pk, id, 4, &count) || !get_int(pk, count, &numel) ||
      numel < 0 || !key_text(pk, key, name, sizeof name))
    return refuse(t, "its persistent id is not ('storage', class, key, location, count)", err);
  as_tree_storage_class(t, cls, out);
  if (out->unknown) return AS_OK;
  out->big_endian = t->big_endian;
  out->numel = (uint64_t)numel;
  uint64_t want = 0;
  if (!as_mul_u64(out->numel, as_dtype_size(out->dtype), &want))
    return refuse(t, "its storage's size does not fit 64 bits", err);
  if (!t->storage) return refuse(t, "it refers to a storage, and this container has none", err);
  as_status st = t->storage(t, name, want, out, err);
  if (st != AS_OK) return st;
  /* Legacy files: (view key, offset, size), a window of the root storage in elements. */
  if (as_pk_item(pk, id, 5, &view) && as_pk_at(pk, view)->type == AS_PK_TUPLE) {
    uint32_t a = 0, b = 0;
    int64_t offset = 0, size = 0;
    if (!as_pk_item(pk, view, 1, &a) || !as_pk_item(pk, view, 2, &b) || !get_int(pk, a, &offset) ||
        !get_int(pk, b, &size) || offset < 0 || size < 0 || (uint64_t)offset > out->numel ||
        (uint64_t)size > out->numel - (uint64_t)offset)
      return refuse(t, "its storage view lies outside the storage", err);
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
  if (offset < 0) return refuse(t, "a negative storage offset", err);
  if (!as_shape_numel(shape, rank, &numel)) return refuse(t, "its shape is negative or does not fit", err);
  for (int i = 0; i < rank; i++) {
    int64_t reach = 0;
    if (stride[i] < 0) return refuse(t, "a negative stride", err);
    out->shape[i] = shape[i];
    out->stride[i] = stride[i];
    if (numel > 0 && (!as_mul_i64(shape[i] - 1, stride[i], &reach) || !as_add_i64(last, reach, &last)))
      return refuse(t, "its last element's place does not fit 64 bits", err);
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
static as_status rebuild(as_tree *t, uint32_t args, bool v3, as_view *out, bool *is, as_err *err) {
  const as_pk *pk = t->pk;
  uint32_t a = 0, b = 0, c = 0, d = 0, e = 0;
  if (!as_pk_item(pk, args, 0, &a) || !as_pk_item(pk, args, 1, &b) || !as_pk_item(pk, args, 2, &c) ||
      !as_pk_item(pk, args, 3, &d) || as_pk_at(pk, a)->type != AS_PK_PERSID)
    return refuse(t, "its rebuild arguments are not (storage, offset, size, stride, ...)", err);
  int64_t shape[AS_MAX_RANK], stride[AS_MAX_RANK], offset = 0;
  int rank = 0, rank2 = 0;
  if (!get_int(pk, b, &offset) || !int_tuple(pk, c, shape, &rank) || !int_tuple(pk, d, stride, &rank2) ||
      rank != rank2)
    return refuse(t, "its offset, size or stride are no integers, of unequal length, or of rank over 8", err);
  as_storage st;
  as_status s = as_tree_storage(t, as_pk_at(pk, a)->u.object.callee, &st, err);
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

static as_status interpret(as_tree *t, uint32_t node, int depth, as_view *out, bool *is, as_err *err);

static as_status interpret_call(as_tree *t, uint32_t callee, uint32_t args, uint32_t state, int depth,
                                as_view *out, bool *is, as_err *err) {
  const as_pk *pk = t->pk;
  uint32_t a = 0, b = 0;
  *is = false;
  if (as_pk_at(pk, callee)->type != AS_PK_GLOBAL) return AS_OK;
  if (as_pk_is_global(pk, callee, "torch._utils", "_rebuild_tensor_v2") ||
      as_pk_is_global(pk, callee, "torch._utils", "_rebuild_tensor"))
    return rebuild(t, args, false, out, is, err);
  if (as_pk_is_global(pk, callee, "torch._utils", "_rebuild_tensor_v3"))
    return rebuild(t, args, true, out, is, err);
  if (as_pk_is_global(pk, callee, "torch._utils", "_rebuild_parameter") ||
      as_pk_is_global(pk, callee, "torch._utils", "_rebuild_parameter_with_state") ||
      as_pk_is_global(pk, callee, "torch._utils", "_rebuild_device_tensor_from_numpy") ||
      as_pk_is_global(pk, callee, "torch.nn.parameter", "Parameter") ||
      as_pk_is_global(pk, callee, "torch.nn.parameter", "Buffer") ||
      as_pk_is_global(pk, callee, "torch.autograd.variable", "Variable"))
    return as_pk_item(pk, args, 0, &a) ? interpret(t, a, depth + 1, out, is, err) : AS_OK;
  /* torch._tensor._rebuild_from_type_v2(function, class, arguments, state) */
  if (as_pk_is_global(pk, callee, "torch._tensor", "_rebuild_from_type_v2") && as_pk_item(pk, args, 0, &a) &&
      as_pk_item(pk, args, 2, &b) && depth < 4)
    return interpret_call(t, a, b, 0, depth + 1, out, is, err);
  return as_tree_numpy(t, callee, args, state, out, is, err);
}

/* *is: the node stands for a tensor, and out describes it. */
static as_status interpret(as_tree *t, uint32_t node, int depth, as_view *out, bool *is, as_err *err) {
  const as_pk_node *n = as_pk_at(t->pk, node);
  *is = false;
  if (depth > 4) return AS_OK; /* Parameter(Parameter(...)): nobody writes that */
  if (n->type == AS_PK_PERSID && t->tensor) return t->tensor(t, n->u.object.callee, out, is, err);
  if (n->type != AS_PK_OBJECT) return AS_OK;
  as_status st =
      interpret_call(t, n->u.object.callee, n->u.object.args, n->u.object.state, depth, out, is, err);
  if (st == AS_OK && *is && (n->u.object.items || n->u.object.list))
    return refuse(t, "items are set on a tensor", err);
  return st;
}

/* ---- the walk ---- */

static as_status walk(as_tree *t, uint32_t node, int depth, as_err *err);

static as_status walk_under(as_tree *t, const uint8_t *key, size_t n, uint32_t node, int depth, as_err *err) {
  size_t old = t->path.n;
  if (old + n > 2 * AS_STATE_MAX_NAME) return refuse(t, "a path of keys of over 8192 bytes", err);
  if (old) as_str_putc(&t->path, '/');
  as_str_putn(&t->path, (const char *)key, n);
  as_status st = as_str_status(&t->path, err);
  if (st == AS_OK) st = walk(t, node, depth + 1, err);
  t->path.n = old;
  if (t->path.s) t->path.s[old] = 0;
  return st;
}

static as_status walk_dict(as_tree *t, uint32_t dict, int depth, as_err *err) {
  const as_pk *pk = t->pk;
  as_status st = AS_OK;
  for (uint32_t c = as_pk_at(pk, dict)->u.cells.first; c && st == AS_OK; c = as_pk_cell_at(pk, c)->next) {
    const as_pk_cell *cell = as_pk_cell_at(pk, c);
    const as_pk_node *k = as_pk_at(pk, cell->key);
    char number[32];
    if (k->type == AS_PK_STR || k->type == AS_PK_BYTES) {
      st = walk_under(t, k->u.bytes.p, k->u.bytes.n, cell->value, depth, err);
    } else if (k->type == AS_PK_INT) {
      int n = snprintf(number, sizeof number, "%lld", (long long)k->u.i);
      st = walk_under(t, (const uint8_t *)number, (size_t)n, cell->value, depth, err);
    } else {
      int n = snprintf(number, sizeof number, "(key)%u", c);
      st = walk_under(t, (const uint8_t *)number, (size_t)n, cell->value, depth, err);
    }
  }
  return st;
}

static as_status walk_sequence(as_tree *t, uint32_t seq, int depth, as_err *err) {
  const as_pk *pk = t->pk;
  as_status st = AS_OK;
  unsigned i = 0;
  for (uint32_t c = as_pk_at(pk, seq)->u.cells.first; c && st == AS_OK; c = as_pk_cell_at(pk, c)->next, i++) {
    uint32_t v = as_pk_cell_at(pk, c)->value;
    uint8_t type = as_pk_at(pk, v)->type;
    if (type < AS_PK_TUPLE || type == AS_PK_GLOBAL) { /* scalars in lists are nobody's tensors */
      t->visits++;
      continue;
    }
    char number[16];
    int n = snprintf(number, sizeof number, "%u", i);
    st = walk_under(t, (const uint8_t *)number, (size_t)n, v, depth, err);
  }
  return st;
}

static bool is_mapping(const as_pk *pk, uint32_t callee) {
  return as_pk_is_global(pk, callee, "collections", "OrderedDict") ||
         as_pk_is_global(pk, callee, "collections", "defaultdict") ||
         as_pk_is_global(pk, callee, "collections", "Counter");
}

/* Small objects that are plain data: not worth a remark. */
static bool is_plain(const as_pk *pk, uint32_t callee) {
  return as_pk_is_global(pk, callee, "torch", "Size") || as_pk_is_global(pk, callee, "torch", "device") ||
         as_pk_is_global(pk, callee, "_codecs", "encode") || as_pk_is_global(pk, callee, "builtins", "set") ||
         as_pk_is_global(pk, callee, "__builtin__", "set") || as_pk_is_global(pk, callee, "numpy", "dtype");
}

static as_status remark_class(as_tree *t, uint32_t callee, as_err *err) {
  for (size_t i = 0; i < t->n_seen; i++) {
    char a[256], b[256];
    if (t->seen[i] == callee) return AS_OK;
    if (strcmp(as_pk_global_name(t->pk, t->seen[i], a, sizeof a),
               as_pk_global_name(t->pk, callee, b, sizeof b)) == 0)
      return AS_OK;
  }
  if (t->n_seen < sizeof t->seen / sizeof *t->seen) t->seen[t->n_seen++] = callee;
  char name[256];
  return as_state_remark(t->state, err, "%s: an object of %s, read as data and never called",
                         t->path.n ? as_str_c(&t->path) : "(top)",
                         as_pk_global_name(t->pk, callee, name, sizeof name));
}

static as_status walk_object(as_tree *t, uint32_t node, int depth, as_err *err) {
  const as_pk *pk = t->pk;
  as_view view;
  bool is = false;
  size_t remarks = t->state->n_remarks;
  as_status st = interpret(t, node, 0, &view, &is, err);
  if (st != AS_OK) return st;
  if (is) return as_state_add(t->state, as_str_c(&t->path), t->path.n, &view, err);
  if (remarks != t->state->n_remarks) return AS_OK; /* already said why it is no tensor */
  const as_pk_node *n = as_pk_at(pk, node);
  if (n->type == AS_PK_PERSID) return AS_OK;
  if (is_plain(pk, n->u.object.callee)) return AS_OK;
  if (is_mapping(pk, n->u.object.callee)) {
    /* OrderedDict([[key, value], ...]) of old protocols, else its items; its state is _metadata. */
    uint32_t pairs = 0, k = 0, v = 0;
    if (as_pk_item(pk, n->u.object.args, 0, &pairs) && as_pk_at(pk, pairs)->type == AS_PK_LIST)
      for (uint32_t c = as_pk_at(pk, pairs)->u.cells.first; c && st == AS_OK;
           c = as_pk_cell_at(pk, c)->next) {
        uint32_t pair = as_pk_cell_at(pk, c)->value;
        if (!as_pk_item(pk, pair, 0, &k) || !as_pk_item(pk, pair, 1, &v) ||
            as_pk_at(pk, k)->type != AS_PK_STR)
          continue;
        const as_pk_node *key = as_pk_at(pk, k);
        st = walk_under(t, key->u.bytes.p, key->u.bytes.n, v, depth, err);
      }
    return st == AS_OK && n->u.object.items ? walk_dict(t, n->u.object.items, depth, err) : st;
  }
  st = remark_class(t, n->u.object.callee, err);
  /* A wrapper around one dict is that dict; other arguments are numbered. */
  uint32_t only = 0;
  const as_pk_node *args = as_pk_at(pk, n->u.object.args);
  if (st == AS_OK && args->u.cells.count == 1 && as_pk_item(pk, n->u.object.args, 0, &only) &&
      as_pk_at(pk, only)->type == AS_PK_DICT)
    st = walk_dict(t, only, depth, err);
  else if (st == AS_OK)
    st = walk_sequence(t, n->u.object.args, depth, err);
  if (st == AS_OK && n->u.object.state) {
    const as_pk_node *state = as_pk_at(pk, n->u.object.state);
    if (state->type == AS_PK_DICT) st = walk_dict(t, n->u.object.state, depth, err);
    if (state->type == AS_PK_TUPLE) st = walk_sequence(t, n->u.object.state, depth, err);
  }
  if (st == AS_OK && n->u.object.items) st = walk_dict(t, n->u.object.items, depth, err);
  if (st == AS_OK && n->u.object.list) st = walk_sequence(t, n->u.object.list, depth, err);
  return st;
}

static as_status remark_scalar(as_tree *t, const as_pk_node *n, as_err *err) {
  const char *path = t->path.n ? as_str_c(&t->path) : "(top)";
  switch (n->type) {
    case AS_PK_BOOL:
      return as_state_remark(t->state, err, "%s = %s", path, n->u.i ? "true" : "false");
    case AS_PK_INT:
      return as_state_remark(t->state, err, "%s = %lld", path, (long long)n->u.i);
    case AS_PK_FLOAT: {
      char text[32];
      as_f64_text(n->u.f, text);
      return as_state_remark(t->state, err, "%s = %s", path, text);
    }
    case AS_PK_STR: {
      int len = n->u.bytes.n < 200 ? (int)n->u.bytes.n : 200;
      return as_state_remark(t->state, err, "%s = \"%.*s\"", path, len, (const char *)n->u.bytes.p);
    }
    default:
      return AS_OK;
  }
}

static as_status walk(as_tree *t, uint32_t node, int depth, as_err *err) {
  const as_pk_node *n = as_pk_at(t->pk, node);
  t->visits += AS_TREE_WALK_COST;
  if (t->visits > AS_TREE_MAX_VISITS)
    return as_fail(err, AS_E_INPUT,
                   "%s: the pickle unfolds to more than %d values, or 4 times as many scalars", t->label,
                   AS_TREE_MAX_VISITS / AS_TREE_WALK_COST);
  if (depth > AS_PK_MAX_DEPTH)
    return as_fail(err, AS_E_INPUT, "%s: the pickle nests deeper than %d levels", t->label,
                   (int)AS_PK_MAX_DEPTH);
  switch ((as_pk_type)n->type) {
    case AS_PK_DICT:
      return walk_dict(t, node, depth, err);
    case AS_PK_TUPLE:
    case AS_PK_LIST:
    case AS_PK_SET:
      return walk_sequence(t, node, depth, err);
    case AS_PK_OBJECT:
    case AS_PK_PERSID:
      return walk_object(t, node, depth, err);
    default:
      return depth <= 2 ? remark_scalar(t, n, err) : AS_OK;
  }
}

as_status as_tree_walk(as_tree *t, uint32_t root, as_err *err) {
  as_status st = refuse_calls(t, err);
  if (st == AS_OK) st = walk(t, root, 0, err);
  as_str_clear(&t->path);
  return st;
}
