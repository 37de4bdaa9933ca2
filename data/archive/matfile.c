#include "data/archive/matfile.h"

#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/gzip.h"

enum { HEADER = 128, MAX_UNPACKED = 1 << 26, MAX_FIELDS = 64, NAME_MAX_LEN = 64 };
enum {
  MI_INT8 = 1,
  MI_UINT8,
  MI_INT16,
  MI_UINT16,
  MI_INT32,
  MI_UINT32,
  MI_SINGLE,
  MI_DOUBLE = 9,
  MI_MATRIX = 14,
  MI_COMPRESSED = 15,
  MI_UTF8 = 16,
  MI_UTF16 = 17
};
enum { MX_STRUCT = 2, MX_CHAR = 4, MX_DOUBLE = 6, MX_UINT64 = 15 };

typedef struct mat {
  const char *path;
  bool big; /* byte order of the file */
  as_err *err;
} mat;

/* A data element: tag and bytes. */
typedef struct element {
  unsigned type;
  const uint8_t *p;
  size_t n;
} element;

static as_status mat_bad(const mat *m, const char *what) {
  return as_fail(m->err, AS_E_INPUT, "%s: found %s in the MAT-file", m->path, what);
}

static uint32_t u32(const mat *m, const uint8_t *p) {
  return m->big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : as_le32(p);
}

static uint64_t u64(const mat *m, const uint8_t *p) {
  uint64_t a = u32(m, p), b = u32(m, p + 4);
  return m->big ? a << 32 | b : b << 32 | a;
}

/* The next element, and the padding to a multiple of 8 behind it (compressed ones have none). */
static as_status next(const mat *m, as_reader *r, element *e) {
  const uint8_t *tag = as_rd_take(r, 8);
  if (!tag) return mat_bad(m, "its end, wanted a tag of 8 bytes,");
  uint32_t first = u32(m, tag);
  if (first >> 16) { /* small element: size and type in 4 bytes, up to 4 bytes of data in the other 4 */
    e->type = first & 0xffff;
    e->n = first >> 16;
    e->p = tag + 4;
    return e->n <= 4 ? AS_OK : mat_bad(m, "a small element of more than 4 bytes");
  }
  e->type = first;
  e->n = u32(m, tag + 4);
  e->p = as_rd_take(r, e->n);
  if (!e->p) return mat_bad(m, "its end inside an element");
  if (e->type != MI_COMPRESSED) (void)as_rd_take(r, (8 - e->n % 8) % 8); /* the last one may lack it */
  return AS_OK;
}

/* The first number of an element. */
static bool first_number(const mat *m, const element *e, double *v) {
  uint16_t half;
  switch (e->type) {
    case MI_INT8:
      if (e->n < 1) return false;
      *v = (int8_t)e->p[0];
      return true;
    case MI_UINT8:
      if (e->n < 1) return false;
      *v = e->p[0];
      return true;
    case MI_INT16:
    case MI_UINT16:
      if (e->n < 2) return false;
      half = (uint16_t)(m->big ? e->p[0] << 8 | e->p[1] : e->p[1] << 8 | e->p[0]);
      *v = e->type == MI_INT16 ? (int16_t)half : half;
      return true;
    case MI_INT32:
    case MI_UINT32:
      if (e->n < 4) return false;
      *v = e->type == MI_INT32 ? (double)(int32_t)u32(m, e->p) : (double)u32(m, e->p);
      return true;
    case MI_SINGLE:
      if (e->n < 4) return false;
      *v = (double)as_bits_f32(u32(m, e->p));
      return true;
    case MI_DOUBLE:
      if (e->n < 8) return false;
      *v = as_bits_f64(u64(m, e->p));
      return true;
    default:
      return false;
  }
}

/* Characters as bytes; 16-bit ones outside Latin become '?'. */
static void text_of(const mat *m, const element *e, char *out, size_t size) {
  bool wide = e->type == MI_UINT16 || e->type == MI_UTF16;
  size_t n = wide ? e->n / 2 : e->n, i = 0;
  for (; i < n && i + 1 < size; i++) {
    unsigned c = !wide    ? e->p[i]
                 : m->big ? (unsigned)(e->p[2 * i] << 8 | e->p[2 * i + 1])
                          : (unsigned)(e->p[2 * i + 1] << 8 | e->p[2 * i]);
    out[i] = c < 256 ? (char)c : '?';
  }
  out[i] = '\0';
}

typedef struct array {
  unsigned cls;
  size_t count; /* product of the dimensions */
  char name[NAME_MAX_LEN];
} array;

/* Flags, dimensions and name: what every array begins with. */
static as_status array_head(const mat *m, as_reader *r, array *a) {
  element flags, dims, name;
  as_status s = next(m, r, &flags);
  if (s == AS_OK) s = next(m, r, &dims);
  if (s == AS_OK) s = next(m, r, &name);
  if (s != AS_OK) return s;
  if (flags.type != MI_UINT32 || flags.n < 8 || dims.type != MI_INT32 || dims.n < 8)
    return mat_bad(m, "an array without flags");
  a->cls = u32(m, flags.p) & 255;
  a->count = 1;
  for (size_t i = 0; i + 4 <= dims.n; i += 4) {
    uint32_t d = u32(m, dims.p + i);
    if (d > INT32_MAX || !as_mul_size(a->count, d, &a->count))
      return mat_bad(m, "a dimension that is too large");
  }
  text_of(m, &name, a->name, sizeof a->name);
  return AS_OK;
}

/* A field's value: an array of its own. */
static as_status read_field(const mat *m, const element *e, as_mat_field *f) {
  as_reader r = {e->p, e->n, 0};
  array a;
  element data;
  f->number = false;
  f->value = 0;
  f->text[0] = '\0';
  if (e->type != MI_MATRIX) return mat_bad(m, "a field that is no array");
  if (e->n == 0) return AS_OK; /* empty */
  as_status s = array_head(m, &r, &a);
  bool wanted = a.cls == MX_CHAR || (a.cls >= MX_DOUBLE && a.cls <= MX_UINT64);
  if (s != AS_OK || !wanted || a.count == 0) return s;
  s = next(m, &r, &data);
  if (s != AS_OK) return s;
  if (a.cls == MX_CHAR) {
    text_of(m, &data, f->text, sizeof f->text);
  } else {
    f->number = first_number(m, &data, &f->value);
  }
  return AS_OK;
}

static as_status read_structs(const mat *m, as_reader *r, const array *a, as_mat_visit visit, void *ctx) {
  element len, names;
  as_status s = next(m, r, &len);
  if (s == AS_OK) s = next(m, r, &names);
  if (s != AS_OK) return s;
  size_t width = len.type == MI_INT32 && len.n == 4 ? u32(m, len.p) : 0;
  if (width == 0 || width > NAME_MAX_LEN || names.type != MI_INT8 || names.n % width ||
      names.n / width > MAX_FIELDS)
    return mat_bad(m, "a list of field names that makes no sense");
  size_t fields = names.n / width;
  char name[MAX_FIELDS][NAME_MAX_LEN + 1];
  for (size_t k = 0; k < fields; k++) {
    memcpy(name[k], names.p + k * width, width);
    name[k][width] = '\0';
  }
  /* every field costs a tag at least, so a count from the file cannot make us go on for long */
  for (size_t i = 0; i < a->count && fields > 0; i++) {
    for (size_t k = 0; k < fields; k++) {
      element e;
      as_mat_field f;
      if ((s = next(m, r, &e)) != AS_OK) return s;
      f.element = i;
      f.name = name[k];
      if ((s = read_field(m, &e, &f)) != AS_OK) return s;
      if ((s = visit(ctx, &f, m->err)) != AS_OK) return s;
    }
  }
  return AS_OK;
}

/* One variable; *found when it was the wanted one. */
static as_status variable_of(const mat *m, const element *e, const char *variable, as_mat_visit visit,
                             void *ctx, bool *found) {
  as_reader r = {e->p, e->n, 0};
  array a;
  if (e->type != MI_MATRIX) return AS_OK;
  as_status s = array_head(m, &r, &a);
  if (s != AS_OK || a.cls != MX_STRUCT || strcmp(a.name, variable) != 0) return s;
  *found = true;
  return read_structs(m, &r, &a, visit, ctx);
}

as_status as_mat_structs(const uint8_t *p, size_t n, const char *path, const char *variable,
                         as_mat_visit visit, void *ctx, as_err *err) {
  mat m = {path, false, err};
  if (n < HEADER || !((p[126] == 'I' && p[127] == 'M') || (p[126] == 'M' && p[127] == 'I')))
    return as_fail(err, AS_E_INPUT, "%s: found no MAT-file of level 5", path);
  m.big = p[126] == 'M';
  as_reader r = {p, n, HEADER};
  bool found = false;
  size_t budget = MAX_UNPACKED; /* of all compressed elements together */
  while (!found && as_rd_left(&r) > 0) {
    element e, inner;
    as_status s = next(&m, &r, &e);
    if (s != AS_OK) return s;
    if (e.type != MI_COMPRESSED) {
      s = variable_of(&m, &e, variable, visit, ctx, &found);
    } else {
      uint8_t *plain;
      size_t plain_n;
      s = as_unpack(AS_DEFLATE_ZLIB, e.p, e.n, budget, &plain, &plain_n, err);
      if (s != AS_OK) {
        as_fail_in(err, "%s", path);
        return s;
      }
      budget -= plain_n < budget ? plain_n : budget;
      as_reader in = {plain, plain_n, 0};
      s = next(&m, &in, &inner);
      if (s == AS_OK) s = variable_of(&m, &inner, variable, visit, ctx, &found);
      as_free(plain);
    }
    if (s != AS_OK) return s;
  }
  return found ? AS_OK : as_fail(err, AS_E_INPUT, "%s: found no struct array %s", path, variable);
}
