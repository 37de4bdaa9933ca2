/* Arrays without torch: plain pickles of numpy arrays (BYOL, detectron2) and the .npy members of npz.
 * .npy: numpy/lib/format.py, versions 1.0 to 3.0. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "weights/containers/tree.h"

enum { NPY_HEADER_MAX = 10000 /* numpy's own limit, lib/format.py _MAX_HEADER_SIZE */ };

as_status as_state_read_pickle(as_state *s, const uint8_t *data, size_t size, const char *label,
                               as_err *err) {
  as_tree t = {.state = s, .label = label};
  as_pk *pk = NULL;
  size_t used = 0;
  s->container = "pickle";
  as_status st = as_pk_load(&pk, data, size, &used, label, err);
  if (st != AS_OK) return st;
  t.pk = pk;
  if (used != size)
    st = as_fail(err, AS_E_INPUT, "%s: %zu bytes follow the pickle's STOP", label, size - used);
  if (st == AS_OK) st = as_tree_walk(&t, as_pk_root(pk), err);
  as_pk_free(&pk);
  return st;
}

/* Cursor over the header's dict literal. */
static void skip_space(as_reader *r) {
  while (r->pos < r->size && (r->data[r->pos] == ' ' || r->data[r->pos] == '\n')) r->pos++;
}

static bool accept(as_reader *r, char c) {
  skip_space(r);
  if (r->pos >= r->size || r->data[r->pos] != (uint8_t)c) return false;
  r->pos++;
  return true;
}

static bool accept_word(as_reader *r, const char *word) {
  size_t n = strlen(word);
  skip_space(r);
  if (as_rd_left(r) < n || memcmp(r->data + r->pos, word, n) != 0) return false;
  r->pos += n;
  return true;
}

static bool quoted(as_reader *r, const char **p, size_t *n) {
  skip_space(r);
  if (r->pos >= r->size || (r->data[r->pos] != '\'' && r->data[r->pos] != '"')) return false;
  uint8_t q = r->data[r->pos++];
  size_t from = r->pos;
  while (r->pos < r->size && r->data[r->pos] != q) r->pos++;
  if (r->pos >= r->size) return false;
  *p = (const char *)r->data + from;
  *n = r->pos++ - from;
  return true;
}

static bool shape_tuple(as_reader *r, as_view *v) {
  if (!accept(r, '(')) return false;
  while (!accept(r, ')')) {
    int64_t d = 0;
    int digits = 0;
    skip_space(r);
    for (; r->pos < r->size && r->data[r->pos] >= '0' && r->data[r->pos] <= '9' && digits < 18; digits++)
      d = d * 10 + (r->data[r->pos++] - '0');
    if (digits == 0 || v->rank == AS_MAX_RANK) return false;
    accept(r, 'L'); /* Python 2 wrote 3L */
    v->shape[v->rank++] = d;
    if (!accept(r, ',') && !(r->pos < r->size && r->data[r->pos] == ')')) return false;
  }
  return true;
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }: each key once, in any order. */
static bool npy_header(as_reader *r, as_view *v, bool *fortran, const char **why) {
  unsigned seen = 0;
  *why = "its header is not {'descr': .., 'fortran_order': .., 'shape': ..}";
  if (!accept(r, '{')) return false;
  while (!accept(r, '}')) {
    const char *key = NULL, *descr = NULL;
    size_t n = 0, dn = 0;
    if (!quoted(r, &key, &n) || !accept(r, ':')) return false;
    if (n == 5 && memcmp(key, "descr", 5) == 0 && !(seen & 1)) {
      seen |= 1;
      if (!quoted(r, &descr, &dn) || !as_numpy_dtype(descr, dn, &v->dtype, &v->big_endian)) {
        *why = "a dtype that is not read (objects, text, records)";
        return false;
      }
    } else if (n == 13 && memcmp(key, "fortran_order", 13) == 0 && !(seen & 2)) {
      seen |= 2;
      *fortran = accept_word(r, "True");
      if (!*fortran && !accept_word(r, "False")) return false;
    } else if (n == 5 && memcmp(key, "shape", 5) == 0 && !(seen & 4)) {
      seen |= 4;
      if (!shape_tuple(r, v)) return false;
    } else {
      return false;
    }
    accept(r, ',');
  }
  return seen == 7;
}

as_status as_state_read_npy(as_state *s, const uint8_t *data, size_t size, const char *name,
                            const char *label, as_err *err) {
  as_view v = {0};
  bool fortran = false;
  const char *why = "it does not begin as .npy 1.0 to 3.0 do";
  as_reader r = {data, size, 0};
  const uint8_t *h = as_rd_take(&r, 8);
  bool ok = h && memcmp(h, "\x93NUMPY", 6) == 0 && h[6] >= 1 && h[6] <= 3 && h[7] == 0;
  const uint8_t *l = ok ? as_rd_take(&r, h[6] == 1 ? 2 : 4) : NULL;
  size_t n = !l ? 0 : h[6] == 1 ? as_le16(l) : as_le32(l);
  if (l && n > NPY_HEADER_MAX) why = "its header has over 10000 bytes";
  const uint8_t *text = l && n <= NPY_HEADER_MAX ? as_rd_take(&r, n) : NULL;
  as_reader head = {text, text ? n : 0, 0};
  if (!text || !npy_header(&head, &v, &fortran, &why))
    return as_fail(err, AS_E_INPUT, "%s: array %s: %s", label, name, why);
  size_t numel = 0, bytes = 0;
  if (!as_shape_numel(v.shape, v.rank, &numel) || !as_mul_size(numel, as_dtype_size(v.dtype), &bytes) ||
      bytes != as_rd_left(&r)) {
    char shape[96];
    return as_fail(err, AS_E_INPUT, "%s: array %s: shape %s of %s does not fill its %zu bytes", label, name,
                   as_shape_text(v.shape, v.rank, shape, sizeof shape), as_dtype_name(v.dtype),
                   as_rd_left(&r));
  }
  as_view_set_order(&v, fortran);
  v.data = data + r.pos;
  v.bytes = bytes;
  return as_state_add(s, name, strlen(name), &v, err);
}
