/* NumPy's .npy container (NEP 1; numpy/lib/format.py). The header is a Python dict literal; only the
 * exact shape that NumPy writes is understood: three keys, each once, plain values. */
#include "eval/features/npy.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"

enum { NPY_MAX_HEADER = 10000 /* NumPy's own limit */ };

/* --- header ---------------------------------------------------------------------------------------- */

static void skip_space(as_reader *r) {
  while (r->pos < r->size && (r->data[r->pos] == ' ' || r->data[r->pos] == '\t')) r->pos++;
}

/* The character c after spaces; nothing is taken when something else stands there. */
static bool take_char(as_reader *r, char c) {
  skip_space(r);
  if (r->pos == r->size || r->data[r->pos] != (uint8_t)c) return false;
  r->pos++;
  return true;
}

static bool take_word(as_reader *r, const char *word) {
  skip_space(r);
  size_t n = strlen(word);
  if (as_rd_left(r) < n || memcmp(r->data + r->pos, word, n) != 0) return false;
  r->pos += n;
  return true;
}

/* A quoted string without escapes, shorter than cap. */
static bool take_string(as_reader *r, char *out, size_t cap) {
  skip_space(r);
  if (r->pos == r->size || (r->data[r->pos] != '\'' && r->data[r->pos] != '"')) return false;
  uint8_t quote = r->data[r->pos];
  size_t n = 0, at = r->pos + 1;
  for (;; at++, n++) {
    if (at == r->size || r->data[at] == '\\' || r->data[at] < 32 || n + 1 >= cap) return false;
    if (r->data[at] == quote) break;
    out[n] = (char)r->data[at];
  }
  out[n] = 0;
  r->pos = at + 1;
  return true;
}

/* Decimal digits, with the L that Python 2 appended to long integers. */
static bool take_size(as_reader *r, int64_t *out) {
  skip_space(r);
  size_t start = r->pos;
  int64_t v = 0;
  while (r->pos < r->size && r->data[r->pos] >= '0' && r->data[r->pos] <= '9') {
    int digit = r->data[r->pos] - '0';
    if (v > (INT64_MAX - digit) / 10) return false;
    v = v * 10 + digit;
    r->pos++;
  }
  if (r->pos == start) return false;
  if (r->pos < r->size && r->data[r->pos] == 'L') r->pos++;
  *out = v;
  return true;
}

static bool take_shape(as_reader *r, as_view *v) {
  if (!take_char(r, '(')) return false;
  v->rank = 0;
  while (!take_char(r, ')')) {
    if (v->rank == AS_MAX_RANK || !take_size(r, &v->shape[v->rank])) return false;
    v->rank++;
    if (!take_char(r, ',')) {
      /* "(3)" is a number in Python, not a tuple */
      if (v->rank == 1 || !take_char(r, ')')) return false;
      break;
    }
  }
  return true;
}

/* "<f4" and its kin. False: not a plain number. */
static bool dtype_of(const char *descr, as_view *v) {
  static const struct {
    const char *code;
    as_dtype type;
  } known[] = {{"f4", AS_F32}, {"f8", AS_F64},  {"f2", AS_F16}, {"i1", AS_I8},
               {"u1", AS_U8},  {"b1", AS_BOOL}, {"i2", AS_I16}, {"u2", AS_U16},
               {"i4", AS_I32}, {"u4", AS_U32},  {"i8", AS_I64}, {"u8", AS_U64}};
  if (strlen(descr) != 3 || !strchr("<>|=", descr[0])) return false;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(descr + 1, known[i].code) == 0) {
      v->dtype = known[i].type;
      v->big_endian = descr[0] == '>';
      /* '|' means that byte order does not matter, '=' is the writer's, which nobody can know */
      bool one = as_dtype_size(v->dtype) == 1;
      return descr[0] == '|' ? one : descr[0] != '=';
    }
  return false;
}

static as_status bad_header(const char *label, const as_reader *r, const char *wanted, as_err *err) {
  return as_fail(err, AS_E_INPUT, "%s: .npy header, byte %zu: wanted %s", label, r->pos, wanted);
}

static as_status parse_dict(as_view *v, bool *fortran, as_reader *r, const char *label, as_err *err) {
  bool has_descr = false, has_order = false, has_shape = false;
  if (!take_char(r, '{')) return bad_header(label, r, "'{'", err);
  while (!take_char(r, '}')) {
    char key[16], descr[16];
    if (!take_string(r, key, sizeof key) || !take_char(r, ':')) return bad_header(label, r, "a key", err);
    if (strcmp(key, "descr") == 0 && !has_descr) {
      has_descr = true;
      skip_space(r);
      size_t at = r->pos;
      if (!take_string(r, descr, sizeof descr))
        return bad_header(label, r, "a dtype string (structured types are not read)", err);
      if (!dtype_of(descr, v)) {
        r->pos = at;
        return as_fail(err, AS_E_INPUT,
                       "%s: .npy header, byte %zu: found dtype '%s', wanted numbers, such as '<f4'%s", label,
                       at, descr, strchr(descr, 'O') ? " (objects are pickles, which are never run)" : "");
      }
    } else if (strcmp(key, "fortran_order") == 0 && !has_order) {
      has_order = true;
      *fortran = take_word(r, "True");
      if (!*fortran && !take_word(r, "False")) return bad_header(label, r, "True or False", err);
    } else if (strcmp(key, "shape") == 0 && !has_shape) {
      has_shape = true;
      if (!take_shape(r, v)) return bad_header(label, r, "a tuple of at most 8 sizes", err);
    } else {
      return as_fail(err, AS_E_INPUT,
                     "%s: .npy header: found key '%s', wanted descr, fortran_order, shape once each", label,
                     key);
    }
    if (!take_char(r, ',')) {
      if (!take_char(r, '}')) return bad_header(label, r, "',' or '}'", err);
      break;
    }
  }
  if (!has_descr || !has_order || !has_shape)
    return bad_header(label, r, "descr, fortran_order and shape", err);
  while (r->pos < r->size && (r->data[r->pos] == ' ' || r->data[r->pos] == '\n')) r->pos++;
  if (r->pos != r->size) return bad_header(label, r, "spaces up to the end of the header", err);
  return AS_OK;
}

as_status as_npy_parse(as_view *view, const void *data, size_t size, const char *label, as_err *err) {
  as_reader r = {data, size, 0};
  as_view v = {0};
  const uint8_t *magic = as_rd_take(&r, 8);
  if (!magic || memcmp(magic, "\x93NUMPY", 6) != 0)
    return as_fail(err, AS_E_INPUT, "%s: found no .npy magic in the first bytes", label);
  int major = magic[6];
  if (major < 1 || major > 3 || magic[7] != 0)
    return as_fail(err, AS_E_INPUT, "%s: found .npy version %d.%d, wanted 1.0, 2.0 or 3.0", label, major,
                   magic[7]);
  const uint8_t *len = as_rd_take(&r, major == 1 ? 2 : 4);
  size_t n = !len ? 0 : major == 1 ? as_le16(len) : as_le32(len);
  if (!len || n > as_rd_left(&r) || n > NPY_MAX_HEADER)
    return as_fail(err, AS_E_INPUT,
                   "%s: found a .npy header of %zu bytes, wanted at most %d, within the file's %zu", label, n,
                   (int)NPY_MAX_HEADER, size);
  as_reader head = {as_rd_take(&r, n), n, 0};
  bool fortran = false;
  as_status s = parse_dict(&v, &fortran, &head, label, err);
  if (s != AS_OK) return s;
  size_t numel, bytes;
  if (!as_shape_numel(v.shape, v.rank, &numel) || !as_mul_size(numel, as_dtype_size(v.dtype), &bytes) ||
      bytes != as_rd_left(&r)) {
    char text[128];
    return as_fail(err, AS_E_INPUT, "%s: found %zu bytes after the .npy header, wanted those of %s %s", label,
                   as_rd_left(&r), as_dtype_name(v.dtype), as_shape_text(v.shape, v.rank, text, sizeof text));
  }
  v.data = r.data + r.pos;
  v.bytes = bytes;
  as_view_set_order(&v, fortran);
  *view = v;
  return AS_OK;
}

as_status as_npy_open(as_npy *npy, const char *path, as_err *err) {
  memset(npy, 0, sizeof *npy);
  as_status s = as_file_open(&npy->file, path, err);
  if (s != AS_OK) return s;
  s = as_npy_parse(&npy->view, npy->file.data, npy->file.size, path, err);
  if (s != AS_OK) as_npy_close(npy);
  return s;
}

void as_npy_close(as_npy *npy) {
  as_file_close(&npy->file);
  memset(npy, 0, sizeof *npy);
}

/* --- writer ----------------------------------------------------------------------------------------- */

size_t as_npy_header(as_dtype type, const int64_t *shape, int rank, char buf[256]) {
  /* 8 sizes of 19 digits and the fixed text stay below 192 - 10 - 1 bytes only for plausible shapes;
   * 256 - 10 - 1 = 245 hold any: 51 + 8 * 21 + 3 = 222 */
  char text[256];
  int n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                   type == AS_F16 ? "<f2" : "<f4");
  for (int i = 0; i < rank; i++)
    n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", i ? ", " : "", (long long)shape[i]);
  n += snprintf(text + n, sizeof text - (size_t)n, "%s), }", rank == 1 ? "," : "");
  size_t total = (10 + (size_t)n + 1 + 63) / 64 * 64;
  memset(buf, ' ', total);
  memcpy(buf, "\x93NUMPY\x01\x00", 8);
  as_put_le16((uint8_t *)buf + 8, (uint16_t)(total - 10));
  memcpy(buf + 10, text, (size_t)n);
  buf[total - 1] = '\n';
  return total;
}

as_status as_npy_write_f32(const char *path, const float *x, const int64_t *shape, int rank, as_err *err) {
  size_t numel;
  char head[256];
  if (rank < 0 || rank > AS_MAX_RANK || !as_shape_numel(shape, rank, &numel))
    return as_fail(err, AS_E_USAGE, "%s: a shape of rank %d that cannot be written", path, rank);
  as_out o;
  as_status s = as_out_open(&o, path, err);
  if (s != AS_OK) return s;
  as_out_write(&o, head, as_npy_header(AS_F32, shape, rank, head));
  uint8_t buf[4096];
  for (size_t i = 0; i < numel;) {
    size_t n = numel - i < sizeof buf / 4 ? numel - i : sizeof buf / 4;
    for (size_t k = 0; k < n; k++) {
      float v = x[i + k];
      as_put_le32(buf + 4 * k, v != v ? 0x7fc00000u : as_f32_bits(v));
    }
    as_out_write(&o, buf, 4 * n);
    i += n;
  }
  return as_out_commit(&o, err);
}
