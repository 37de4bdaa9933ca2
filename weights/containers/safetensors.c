/* safetensors: a header of JSON, then the tensors' bytes, covered exactly once.
 *
 *   u64 LE n | n bytes: {"__metadata__": {..}, "name": {"dtype": "F32", "shape": [..],
 *            |           "data_offsets": [begin, end]}, ..} padded with spaces | bytes
 *
 * Rules: safetensors/README.md and safetensors/src/tensor.rs (validate): begins and ends leave no
 * hole and no overlap, the last end is the end of the file, shape times dtype is the range. */
#include "weights/containers/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/containers/state_int.h"

enum {
  HEADER_MAX = 100000000, /* the format's limit */
  VALUES_MAX = 1 << 19    /* JSON values of a header; a tensor has about ten, so some 50,000 tensors */
};

static const struct {
  const char *name;
  as_dtype dtype;
} dtypes[] = {{"F32", AS_F32}, {"F64", AS_F64},   {"F16", AS_F16},    {"BF16", AS_BF16},
              {"I8", AS_I8},   {"U8", AS_U8},     {"I16", AS_I16},    {"I32", AS_I32},
              {"I64", AS_I64}, {"BOOL", AS_BOOL}, {"U16", AS_U16},    {"U32", AS_U32},
              {"U64", AS_U64}, {"C64", AS_C64},   {"F8_E4M3", AS_F8}, {"F8_E5M2", AS_F8}};

typedef struct range {
  uint64_t begin, end;
  const char *name;
} range;

static int by_begin(const void *a, const void *b) {
  const range *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return (x->end > y->end) - (x->end < y->end);
}

static as_status read_tensor(as_state *s, const as_json *v, const uint8_t *data, uint64_t size,
                             const char *label, range *out, as_err *err) {
  const char *what = NULL;
  as_view view = {0};
  const as_json *dtype = as_json_get(v, "dtype"), *shape = as_json_get(v, "shape");
  const as_json *offsets = as_json_get(v, "data_offsets");
  if (v->type != AS_JSON_OBJECT || v->count != 3 || !dtype || dtype->type != AS_JSON_STRING || !shape ||
      shape->type != AS_JSON_ARRAY || !offsets || offsets->type != AS_JSON_ARRAY || offsets->count != 2)
    what = "its entry is not {dtype, shape, data_offsets}";
  bool known = false;
  for (size_t i = 0; !what && i < sizeof dtypes / sizeof *dtypes; i++)
    if (strcmp(dtype->text, dtypes[i].name) == 0) {
      view.dtype = dtypes[i].dtype;
      known = true;
    }
  if (!what && !known)
    return as_fail(err, AS_E_INPUT, "%s: tensor %s: dtype %s is not read", label, v->key, dtype->text);
  if (!what && shape->count > AS_MAX_RANK) what = "its rank is over 8";
  uint64_t n = as_dtype_size(view.dtype);
  for (const as_json *d = what ? NULL : shape->child; d; d = d->next) {
    uint64_t x = 0;
    if (!as_json_u64(d, &x) || x > INT64_MAX) {
      what = "its shape is not a list of counts";
      break;
    }
    view.shape[view.rank++] = (int64_t)x;
    if (!as_mul_u64(n, x, &n)) {
      what = "its shape does not fit 64 bits";
      break;
    }
  }
  if (!what && (!as_json_u64(offsets->child, &out->begin) || !as_json_u64(offsets->child->next, &out->end)))
    what = "its data_offsets are not two counts";
  if (what) return as_fail(err, AS_E_INPUT, "%s: tensor %s: %s", label, v->key, what);
  if (out->begin > out->end || out->end > size || out->end - out->begin != n)
    return as_fail(err, AS_E_INPUT,
                   "%s: tensor %s: bytes %llu to %llu of %llu; its shape wants %llu bytes inside the file",
                   label, v->key, (unsigned long long)out->begin, (unsigned long long)out->end,
                   (unsigned long long)size, (unsigned long long)n);
  out->name = v->key;
  as_view_set_contiguous(&view);
  view.data = data + out->begin;
  view.bytes = (size_t)n;
  return as_state_add(s, v->key, v->key_len, &view, err);
}

static as_status read_header(as_state *s, const as_json *root, const uint8_t *data, uint64_t size,
                             const char *label, range *ranges, as_err *err) {
  size_t n = 0;
  for (const as_json *v = root->child; v; v = v->next) {
    if (strcmp(v->key, "__metadata__") != 0) {
      as_status st = read_tensor(s, v, data, size, label, &ranges[n++], err);
      if (st != AS_OK) return st;
      continue;
    }
    if (v->type != AS_JSON_OBJECT)
      return as_fail(err, AS_E_INPUT, "%s: __metadata__ is not an object", label);
    for (const as_json *m = v->child; m; m = m->next) {
      if (m->type != AS_JSON_STRING)
        return as_fail(err, AS_E_INPUT, "%s: __metadata__ %s is not a string", label, m->key);
      as_status st = as_state_add_meta(s, m->key, m->text, err);
      if (st == AS_OK) st = as_state_remark(s, err, "metadata %s = %s", m->key, m->text);
      if (st != AS_OK) return st;
    }
  }
  qsort(ranges, n, sizeof *ranges, by_begin);
  uint64_t at = 0;
  for (size_t i = 0; i < n; i++) {
    if (ranges[i].begin != at)
      return as_fail(err, AS_E_INPUT,
                     "%s: tensor %s begins at byte %llu of the data, the one before ends at %llu (%s)", label,
                     ranges[i].name, (unsigned long long)ranges[i].begin, (unsigned long long)at,
                     ranges[i].begin < at ? "overlap" : "hole");
    at = ranges[i].end;
  }
  if (at != size)
    return as_fail(err, AS_E_INPUT, "%s: %llu bytes follow the last tensor", label,
                   (unsigned long long)(size - at));
  return AS_OK;
}

/* Commas and brackets outside strings: what the parsed header will cost, before it is paid. */
static bool affordable(const uint8_t *p, size_t n) {
  size_t values = 0;
  bool quoted = false;
  for (size_t i = 0; i < n; i++) {
    if (p[i] == '"') quoted = !quoted;
    if (quoted && p[i] == '\\') i++;
    if (!quoted && (p[i] == ',' || p[i] == '{' || p[i] == '[')) values++;
  }
  return values <= VALUES_MAX;
}

as_status as_state_read_safetensors(as_state *s, const uint8_t *data, size_t size, const char *label,
                                    as_err *err) {
  s->container = "safetensors";
  if (size < 8) return as_fail(err, AS_E_INPUT, "%s: safetensors of %zu bytes", label, size);
  uint64_t n = as_le64(data);
  if (n > HEADER_MAX)
    return as_fail(err, AS_E_INPUT, "%s: safetensors header of %llu bytes; at most 100000000 are allowed",
                   label, (unsigned long long)n);
  if (n > size - 8)
    return as_fail(err, AS_E_INPUT, "%s: safetensors header of %llu bytes in a file of %zu (truncated?)",
                   label, (unsigned long long)n, size);
  if (!affordable(data + 8, (size_t)n))
    return as_fail(err, AS_E_INPUT, "%s: safetensors header of more than %d values", label, (int)VALUES_MAX);
  as_json_doc *doc = NULL;
  as_status st = as_json_parse(&doc, (const char *)data + 8, (size_t)n, err);
  if (st != AS_OK) return as_fail_in(err, "%s: safetensors header", label);
  const as_json *root = as_json_root(doc);
  range *ranges = NULL;
  if (root->type != AS_JSON_OBJECT)
    st = as_fail(err, AS_E_INPUT, "%s: the safetensors header is not a JSON object", label);
  if (st == AS_OK && as_json_duplicate_key(doc))
    st = as_fail(err, AS_E_INPUT, "%s: the safetensors header holds the key %s twice", label,
                 as_json_duplicate_key(doc));
  if (st == AS_OK) {
    ranges = as_alloc(root->count, sizeof *ranges, err);
    st = ranges ? read_header(s, root, data + 8 + n, size - 8 - n, label, ranges, err) : AS_E_ENV;
  }
  as_free(ranges);
  as_json_free(&doc);
  return st;
}

/* ---- writing ---- */

static const char *dtype_code(as_dtype t) {
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
    if (dtypes[i].dtype == t && t != AS_F8) return dtypes[i].name; /* which F8 is not known any more */
  return NULL;
}

/* Row-major, little-endian bytes of a view. */
static void write_elements(as_out *o, const as_view *v) {
  size_t size = as_dtype_size(v->dtype);
  if (!v->big_endian && as_view_is_contiguous(v)) {
    as_out_write(o, v->data, v->bytes);
    return;
  }
  size_t numel = 0;
  if (!as_shape_numel(v->shape, v->rank, &numel)) return; /* checked by the caller */
  int64_t at[AS_MAX_RANK] = {0};
  size_t unit = v->dtype == AS_C64 ? 4 : size; /* a complex number is two floats */
  for (size_t i = 0; i < numel; i++) {
    int64_t place = 0;
    for (int k = 0; k < v->rank; k++) place += at[k] * v->stride[k];
    const uint8_t *p = (const uint8_t *)v->data + (size_t)place * size;
    uint8_t buf[16];
    for (size_t b = 0; b < size; b++) buf[b] = v->big_endian ? p[b - b % unit + (unit - 1 - b % unit)] : p[b];
    as_out_write(o, buf, size);
    for (int k = v->rank - 1; k >= 0 && ++at[k] == v->shape[k]; k--) at[k] = 0;
  }
}

as_status as_safetensors_write(const char *path, const as_named_view *tensors, size_t n,
                               const char *const *meta, size_t n_meta, as_err *err) {
  as_str header = {0};
  as_jsonw w;
  as_jsonw_init(&w, &header, true);
  as_jsonw_object(&w);
  if (n_meta) {
    as_jsonw_key(&w, "__metadata__");
    as_jsonw_object(&w);
    for (size_t i = 0; i < n_meta; i++) {
      as_jsonw_key(&w, meta[2 * i]);
      as_jsonw_str(&w, meta[2 * i + 1]);
    }
    as_jsonw_end(&w);
  }
  uint64_t at = 0;
  as_status st = AS_OK;
  for (size_t i = 0; i < n && st == AS_OK; i++) {
    const as_view *v = &tensors[i].view;
    size_t numel = 0, bytes = 0;
    const char *code = dtype_code(v->dtype);
    if (!code || !as_shape_numel(v->shape, v->rank, &numel) ||
        !as_mul_size(numel, as_dtype_size(v->dtype), &bytes)) {
      st = as_fail(err, AS_E_INPUT, "%s: tensor %s: dtype %s cannot be written", path, tensors[i].name,
                   as_dtype_name(v->dtype));
      break;
    }
    as_jsonw_key(&w, tensors[i].name);
    as_jsonw_object(&w);
    as_jsonw_key(&w, "dtype");
    as_jsonw_str(&w, code);
    as_jsonw_key(&w, "shape");
    as_jsonw_array(&w);
    for (int k = 0; k < v->rank; k++) as_jsonw_i64(&w, v->shape[k]);
    as_jsonw_end(&w);
    as_jsonw_key(&w, "data_offsets");
    as_jsonw_array(&w);
    as_jsonw_u64(&w, at);
    at += bytes;
    as_jsonw_u64(&w, at);
    as_jsonw_end(&w);
    as_jsonw_end(&w);
  }
  as_jsonw_end(&w);
  /* Tensors start at a multiple of 64 bytes of the file, so that a map of it is aligned. */
  while (st == AS_OK && !header.failed && (8 + header.n) % 64 != 0) as_str_putc(&header, ' ');
  if (st == AS_OK) st = as_str_status(&header, err);
  if (st == AS_OK && header.n > HEADER_MAX)
    st = as_fail(err, AS_E_INPUT, "%s: the header would have %zu bytes; safetensors allows 100000000", path,
                 header.n);
  as_out o = {0};
  if (st == AS_OK) st = as_out_open(&o, path, err);
  if (st == AS_OK) {
    uint8_t len[8];
    as_put_le64(len, header.n);
    as_out_write(&o, len, 8);
    as_out_write(&o, header.s, header.n);
    for (size_t i = 0; i < n; i++) write_elements(&o, &tensors[i].view);
    st = as_out_commit(&o, err);
  }
  as_str_clear(&header);
  return st;
}
