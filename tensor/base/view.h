/* The two small types through which rooms that never see each other speak: as_view describes
 * tensor data that somebody else owns (weights offers it), as_param_spec a tensor that somebody
 * needs (models asks for it). */
#ifndef AS_TENSOR_BASE_VIEW_H
#define AS_TENSOR_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

enum { AS_MAX_RANK = 8 };

typedef enum as_dtype {
  AS_F32,
  AS_F64,
  AS_F16,
  AS_BF16,
  AS_I8,
  AS_U8,
  AS_I16,
  AS_I32,
  AS_I64,
  AS_BOOL,
  AS_U16,
  AS_U32,
  AS_U64,
  AS_C64,    /* held and listed, never converted */
  AS_F8,     /* likewise */
  AS_OPAQUE, /* values that are not dense numbers (quantised, sparse): named and listed, without bytes */
  AS_DTYPE_COUNT
} as_dtype;

size_t as_dtype_size(as_dtype t);      /* bytes per element */
const char *as_dtype_name(as_dtype t); /* "float32", "bfloat16", ... */

/* A borrowed strided tensor. `data` points at element [0, 0, ...]; it may be unaligned. Every
 * element reached through shape and stride lies inside [data, data + bytes): whoever makes a view
 * has checked that. Elements are little-endian unless big_endian says otherwise, on any host. */
typedef struct as_view {
  const void *data;
  size_t bytes;
  as_dtype dtype;
  bool big_endian;
  int rank;                    /* 0 = scalar */
  int64_t shape[AS_MAX_RANK];  /* outermost first, each >= 0 */
  int64_t stride[AS_MAX_RANK]; /* in elements, >= 0 */
} as_view;

/* A tensor that a model needs. Names are torchvision's or timm's. */
typedef struct as_param_spec {
  const char *name; /* borrowed from the model */
  int rank;
  int64_t shape[AS_MAX_RANK];
  bool optional; /* may be absent (num_batches_tracked) */
} as_param_spec;

/* Number of elements of a shape; false when it does not fit or a dimension is negative. */
bool as_shape_numel(const int64_t *shape, int rank, size_t *numel);

/* Strides of elements one after another, the last axis the quickest (fortran: the first). Lengths may be anything: without
 * an element all strides are 0, as are those that would not fit, where nothing can have so many. */
void as_view_set_order(as_view *v, bool fortran);
void as_view_set_contiguous(as_view *v); /* the last axis the quickest */
bool as_view_is_contiguous(const as_view *v);

/* "[64, 3, 7, 7]" into buf, truncated to fit; returns buf. */
char *as_shape_text(const int64_t *shape, int rank, char *buf, size_t size);

/* Copies all elements in row-major order as float32 (F32, F64, F16, BF16 and integers; F64 and
 * wide integers are rounded once). *n_nonfinite (may be NULL) counts NaN and Inf.
 * AS_E_INPUT for C64, F8 and OPAQUE. out holds numel floats. */
as_status as_view_to_f32(const as_view *v, float *out, size_t *n_nonfinite, as_err *err);

/* Half and bfloat16 conversions, round to nearest even; NaN stays NaN. */
float as_f16_to_f32(uint16_t h);
uint16_t as_f32_to_f16(float f);
float as_bf16_to_f32(uint16_t h);
uint16_t as_f32_to_bf16(float f);

#endif
