#include "tensor/base/view.h"

#include <math.h>
#include <stdio.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"

static const struct {
  const char *name;
  size_t size;
} dtypes[AS_DTYPE_COUNT] = {
    [AS_F32] = {"float32", 4},   [AS_F64] = {"float64", 8},   [AS_F16] = {"float16", 2},
    [AS_BF16] = {"bfloat16", 2}, [AS_I8] = {"int8", 1},       [AS_U8] = {"uint8", 1},
    [AS_I16] = {"int16", 2},     [AS_I32] = {"int32", 4},     [AS_I64] = {"int64", 8},
    [AS_BOOL] = {"bool", 1},     [AS_U16] = {"uint16", 2},    [AS_U32] = {"uint32", 4},
    [AS_U64] = {"uint64", 8},    [AS_C64] = {"complex64", 8}, [AS_F8] = {"float8", 1},
    [AS_OPAQUE] = {"opaque", 1},
};

size_t as_dtype_size(as_dtype t) {
  return dtypes[t].size;
}
const char *as_dtype_name(as_dtype t) {
  return dtypes[t].name;
}

bool as_shape_numel(const int64_t *shape, int rank, size_t *numel) {
  size_t n = 1;
  bool zero = false;
  for (int i = 0; i < rank; i++) {
    if (shape[i] < 0) return false;
    if (shape[i] == 0) zero = true;
  }
  for (int i = 0; !zero && i < rank; i++) {
    size_t d;
    if (!as_u64_to_size((uint64_t)shape[i], &d) || !as_mul_size(n, d, &n)) return false;
  }
  *numel = zero ? 0 : n;
  return true;
}

static bool is_empty(const as_view *v) {
  for (int i = 0; i < v->rank; i++)
    if (v->shape[i] == 0) return true;
  return false;
}

void as_view_set_order(as_view *v, bool fortran) {
  int64_t step = !is_empty(v);
  for (int i = 0; i < v->rank; i++) {
    const int axis = fortran ? i : v->rank - 1 - i;
    v->stride[axis] = step;
    if (!as_mul_i64(step, v->shape[axis], &step)) step = 0;
  }
}

void as_view_set_contiguous(as_view *v) {
  as_view_set_order(v, false);
}

bool as_view_is_contiguous(const as_view *v) {
  int64_t step = 1;
  if (is_empty(v)) return true;
  for (int i = v->rank - 1; i >= 0; i--) {
    if (v->shape[i] != 1 && v->stride[i] != step) return false;
    if (!as_mul_i64(step, v->shape[i], &step)) return false;
  }
  return true;
}

char *as_shape_text(const int64_t *shape, int rank, char *buf, size_t size) {
  size_t at = 0;
  int n = snprintf(buf, size, "[");
  if (n > 0) at = (size_t)n;
  for (int i = 0; i < rank && at < size; i++) {
    n = snprintf(buf + at, size - at, i ? ", %lld" : "%lld", (long long)shape[i]);
    if (n > 0) at += (size_t)n;
  }
  if (at < size) snprintf(buf + at, size - at, "]");
  return buf;
}

float as_f16_to_f32(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = h >> 10 & 31u, man = h & 0x3ffu;
  if (exp == 31) return as_bits_f32(sign | 0x7f800000u | man << 13 | (man ? 0x400000u : 0));
  if (exp != 0) return as_bits_f32(sign | (exp + 112) << 23 | man << 13);
  float f = (float)man * 0x1p-24f; /* zero and subnormals: exact */
  return sign ? -f : f;
}

uint16_t as_f32_to_f16(float f) {
  uint32_t u = as_f32_bits(f), sign = u >> 16 & 0x8000u, a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
  if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and above round to infinity */
  if (a < 0x38800000u) {                                   /* below 2^-14: in units of 2^-24 */
    float m = as_bits_f32(a) + 0.5f;                       /* 0.5 has an ulp of 2^-24: rounds for us */
    return (uint16_t)(sign | (as_f32_bits(m) - 0x3f000000u));
  }
  uint32_t r = a - 0x38000000u; /* rebias 127 -> 15 */
  return (uint16_t)(sign | (r + 0xfffu + (r >> 13 & 1u)) >> 13);
}

float as_bf16_to_f32(uint16_t h) {
  return as_bits_f32((uint32_t)h << 16);
}

uint16_t as_f32_to_bf16(float f) {
  uint32_t u = as_f32_bits(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40u);
  return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

static uint64_t load_uint(const uint8_t *p, size_t size, bool big) {
  uint64_t v = 0;
  for (size_t i = 0; i < size; i++) v |= (uint64_t)p[big ? size - 1 - i : i] << 8 * i;
  return v;
}

/* One element as float32; integers and doubles are rounded once, to nearest even. */
static float load_f32(const uint8_t *p, as_dtype t, bool big) {
  uint64_t u = load_uint(p, dtypes[t].size, big);
  switch (t) {
    case AS_F32:
      return as_bits_f32((uint32_t)u);
    case AS_F64:
      return (float)as_bits_f64(u);
    case AS_F16:
      return as_f16_to_f32((uint16_t)u);
    case AS_BF16:
      return as_bf16_to_f32((uint16_t)u);
    case AS_I8:
      return (float)(int8_t)(uint8_t)u;
    case AS_I16:
      return (float)(int16_t)(uint16_t)u;
    case AS_I32:
      return (float)(int32_t)(uint32_t)u;
    case AS_I64:
      return (float)(int64_t)u;
    case AS_BOOL:
      return u ? 1.0f : 0.0f;
    case AS_U8:
    case AS_U16:
    case AS_U32:
    case AS_U64:
      return (float)u;
    case AS_C64:
    case AS_F8:
    case AS_OPAQUE:
    case AS_DTYPE_COUNT:
      break;
  }
  return 0.0f;
}

as_status as_view_to_f32(const as_view *v, float *out, size_t *n_nonfinite, as_err *err) {
  if (v->dtype == AS_C64 || v->dtype == AS_F8 || v->dtype == AS_OPAQUE)
    return as_fail(err, AS_E_INPUT, "found dtype %s, wanted one that converts to float32",
                   as_dtype_name(v->dtype));
  size_t numel, bad = 0, size = dtypes[v->dtype].size;
  if (!as_shape_numel(v->shape, v->rank, &numel)) return as_fail(err, AS_E_INPUT, "tensor too large");
  const uint8_t *base = v->data;
  if (v->dtype == AS_F32 && !v->big_endian && as_view_is_contiguous(v)) {
    for (size_t i = 0; i < numel; i++) { /* the common case, one load per element */
      uint32_t u = as_le32(base + 4 * i);
      out[i] = as_bits_f32(u);
      bad += (u & 0x7f800000u) == 0x7f800000u;
    }
  } else if (as_view_is_contiguous(v)) {
    for (size_t i = 0; i < numel; i++) {
      out[i] = load_f32(base + i * size, v->dtype, v->big_endian);
      bad += isfinite(out[i]) ? 0u : 1u;
    }
  } else {
    int64_t at[AS_MAX_RANK] = {0};
    for (size_t i = 0; i < numel; i++) {
      size_t offset = 0;
      for (int d = 0; d < v->rank; d++) offset += (size_t)at[d] * (size_t)v->stride[d];
      out[i] = load_f32(base + offset * size, v->dtype, v->big_endian);
      bad += isfinite(out[i]) ? 0u : 1u;
      for (int d = v->rank - 1; d >= 0 && ++at[d] == v->shape[d]; d--) at[d] = 0;
    }
  }
  if (n_nonfinite) *n_nonfinite = bad;
  return AS_OK;
}
