/* numpy arrays inside pickles: numpy/core/src/multiarray/methods.c array_reduce, array_setstate;
 * protocol 5: numpy/core/numeric.py _frombuffer. */
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "weights/containers/tree.h"

bool as_numpy_dtype(const char *d, size_t n, as_dtype *dtype, bool *big) {
  static const struct {
    const char *code;
    as_dtype dtype;
  } table[] = {{"f4", AS_F32}, {"f8", AS_F64},  {"f2", AS_F16}, {"i1", AS_I8},  {"u1", AS_U8},
               {"i2", AS_I16}, {"i4", AS_I32},  {"i8", AS_I64}, {"u2", AS_U16}, {"u4", AS_U32},
               {"u8", AS_U64}, {"b1", AS_BOOL}, {"?", AS_BOOL}, {"c8", AS_C64}};
  *big = false;
  if (n > 0 && strchr("<>|=", d[0]) && d[0]) {
    *big = d[0] == '>';
    d++;
    n--;
  }
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strlen(table[i].code) == n && memcmp(table[i].code, d, n) == 0) {
      *dtype = table[i].dtype;
      return true;
    }
  return false;
}

/* numpy.dtype('f4', align, copy) with the state (version, byte order, ...). */
static bool read_dtype(const as_pk *pk, uint32_t node, as_dtype *dtype, bool *big) {
  const as_pk_node *n = as_pk_at(pk, node);
  uint32_t code = 0, order = 0;
  if (n->type != AS_PK_OBJECT || !as_pk_is_global(pk, n->u.object.callee, "numpy", "dtype") ||
      !as_pk_item(pk, n->u.object.args, 0, &code))
    return false;
  const as_pk_node *c = as_pk_at(pk, code);
  if ((c->type != AS_PK_STR && c->type != AS_PK_BYTES) ||
      !as_numpy_dtype((const char *)c->u.bytes.p, c->u.bytes.n, dtype, big))
    return false;
  if (n->u.object.state && as_pk_item(pk, n->u.object.state, 1, &order) && as_pk_is_text(pk, order, ">"))
    *big = true;
  return true;
}

static as_status refuse_array(as_tree *t, const char *what, as_err *err) {
  return as_fail(err, AS_E_INPUT, "%s: array %s: %s", t->label, as_str_c(&t->path), what);
}

/* The bytes of a node: as they are, or decoded from _codecs.encode(text, 'latin1'), which is how
 * protocols up to 2 write bytes under Python 3. */
static as_status read_bytes(as_tree *t, uint32_t node, const uint8_t **p, size_t *size, bool *is,
                            as_err *err) {
  const as_pk *pk = t->pk;
  const as_pk_node *n = as_pk_at(pk, node);
  *is = true;
  if (n->type == AS_PK_BYTES || n->type == AS_PK_STR) {
    *p = n->u.bytes.p;
    *size = n->u.bytes.n;
    return AS_OK;
  }
  uint32_t text = 0;
  *is = false;
  if (n->type != AS_PK_OBJECT) return AS_OK;
  bool bytearray = as_pk_is_global(pk, n->u.object.callee, "builtins", "bytearray") ||
                   as_pk_is_global(pk, n->u.object.callee, "builtins", "bytes") ||
                   as_pk_is_global(pk, n->u.object.callee, "__builtin__", "bytearray") ||
                   as_pk_is_global(pk, n->u.object.callee, "__builtin__", "bytes");
  if (!as_pk_item(pk, n->u.object.args, 0, &text)) {
    *p = (const uint8_t *)"";
    *size = 0;
    *is = bytearray; /* bytes() */
    return AS_OK;
  }
  if (as_pk_at(pk, text)->type == AS_PK_BYTES && bytearray) return read_bytes(t, text, p, size, is, err);
  if (!as_pk_is_global(pk, n->u.object.callee, "_codecs", "encode") && !bytearray) return AS_OK;
  const as_pk_node *s = as_pk_at(pk, text);
  if (s->type != AS_PK_STR) return AS_OK;
  uint8_t *out = as_alloc(s->u.bytes.n, 1, err);
  if (!out) return AS_E_ENV;
  size_t k = 0;
  for (size_t i = 0; i < s->u.bytes.n; i++) {
    uint8_t c = s->u.bytes.p[i];
    if (c >= 0x80) { /* U+0080 .. U+00FF: C2 or C3 and one more byte */
      if ((c != 0xc2 && c != 0xc3) || i + 1 >= s->u.bytes.n || (s->u.bytes.p[i + 1] & 0xc0) != 0x80) {
        as_free(out);
        return refuse_array(t, "its text is not Latin-1", err);
      }
      c = (uint8_t)((c & 3) << 6 | (s->u.bytes.p[++i] & 63));
    }
    out[k++] = c;
  }
  *p = out;
  *size = k;
  *is = true;
  return as_state_keep(t->state, out, err);
}

static as_status make_array(as_tree *t, uint32_t shape, uint32_t dtype, uint32_t data, bool fortran,
                            as_view *out, bool *is, as_err *err) {
  const as_pk *pk = t->pk;
  as_storage st;
  memset(&st, 0, sizeof st);
  if (!read_dtype(pk, dtype, &st.dtype, &st.big_endian)) {
    *is = false;
    return as_state_remark(t->state, err,
                           "%s: an array of objects, text or another dtype that assay does not read",
                           as_str_c(&t->path));
  }
  const as_pk_node *s = as_pk_at(pk, shape);
  as_view v = {.rank = 0};
  if (s->type != AS_PK_TUPLE || s->u.cells.count > AS_MAX_RANK)
    return refuse_array(t, "its shape is not a tuple of up to 8 numbers", err);
  for (uint32_t c = s->u.cells.first; c; c = as_pk_cell_at(pk, c)->next) {
    const as_pk_node *n = as_pk_at(pk, as_pk_cell_at(pk, c)->value);
    if (n->type != AS_PK_INT) return refuse_array(t, "its shape is not a tuple of up to 8 numbers", err);
    v.shape[v.rank++] = n->u.i;
  }
  size_t numel = 0, want = 0;
  if (!as_shape_numel(v.shape, v.rank, &numel) || !as_mul_size(numel, as_dtype_size(st.dtype), &want))
    return refuse_array(t, "its shape is negative or does not fit", err);
  bool bytes = false;
  as_status r = read_bytes(t, data, &st.data, &st.bytes, &bytes, err);
  if (r != AS_OK) return r;
  if (!bytes) return refuse_array(t, "its data are not bytes", err);
  if (st.bytes != want)
    return as_fail(err, AS_E_INPUT, "%s: array %s: %zu bytes of data, its shape wants %zu", t->label,
                   as_str_c(&t->path), st.bytes, want);
  st.numel = numel;
  as_view_set_order(&v, fortran);
  *is = true;
  return as_tree_cut(t, &st, v.rank, v.shape, v.stride, 0, out, err);
}

as_status as_tree_numpy(as_tree *t, uint32_t callee, uint32_t args, uint32_t state, as_view *out, bool *is,
                        as_err *err) {
  const as_pk *pk = t->pk;
  uint32_t v[5] = {0};
  *is = false;
  if (as_pk_is_global(pk, callee, "numpy.core.multiarray", "_reconstruct") ||
      as_pk_is_global(pk, callee, "numpy._core.multiarray", "_reconstruct")) {
    if (!state || as_pk_at(pk, state)->type != AS_PK_TUPLE) return refuse_array(t, "it has no state", err);
    uint32_t n = as_pk_at(pk, state)->u.cells.count,
             from = n == 5 ? 1 : 0; /* since numpy 1.0 a version comes first */
    if (n != 4 && n != 5)
      return refuse_array(t, "its state is not (version, shape, dtype, order, data)", err);
    for (uint32_t i = 0; i < 4; i++)
      if (!as_pk_item(pk, state, from + i, &v[i]))
        return refuse_array(t, "its state is not (version, shape, dtype, order, data)", err);
    const as_pk_node *f = as_pk_at(pk, v[2]);
    bool fortran = (f->type == AS_PK_BOOL || f->type == AS_PK_INT) && f->u.i != 0;
    return make_array(t, v[0], v[1], v[3], fortran, out, is, err);
  }
  if (as_pk_is_global(pk, callee, "numpy.core.numeric", "_frombuffer") ||
      as_pk_is_global(pk, callee, "numpy._core.numeric", "_frombuffer")) {
    for (uint32_t i = 0; i < 4; i++)
      if (!as_pk_item(pk, args, i, &v[i]))
        return refuse_array(t, "its arguments are not (buffer, dtype, shape, order)", err);
    return make_array(t, v[2], v[1], v[0], as_pk_is_text(pk, v[3], "F"), out, is, err);
  }
  if (as_pk_is_global(pk, callee, "numpy.core.multiarray", "scalar") ||
      as_pk_is_global(pk, callee, "numpy._core.multiarray", "scalar"))
    return as_state_remark(t->state, err, "%s: a numpy scalar", as_str_c(&t->path));
  return AS_OK;
}
