/* 2-d convolution with packed weights and a fused epilogue (NUMERICS rules 2, 7 and 8). */
#ifndef AS_TENSOR_CONV_H
#define AS_TENSOR_CONV_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/par.h"
#include "tensor/base/status.h"
#include "tensor/tensor.h"

typedef struct as_conv_shape {
  int h, w; /* input map */
  int c_in, c_out;
  int kh, kw, stride;
  int pad_top, pad_left, pad_bottom, pad_right;
} as_conv_shape;

int as_conv_out_h(const as_conv_shape *s);
int as_conv_out_w(const as_conv_shape *s);

typedef struct as_conv as_conv;

/* weight: [c_out, c_in, kh, kw]; scale: [c_out], the factor of each output that a folded BatchNorm gives,
 * or NULL for 1. The layer's weights are weight * scale in double, rounded once where they are packed.
 * bias: [c_out], or NULL. All borrowed for the call. The algorithm is read from a table keyed by the
 * shape. AS_E_INPUT: a packed weight or bias is not finite. */
as_status as_conv_create(as_conv **out, const as_conv_shape *shape, const float *weight, const double *scale,
                         const double *bias, as_err *err);
void as_conv_destroy(as_conv **conv);
size_t as_conv_packed_bytes(const as_conv *conv);
const char *as_conv_algorithm(const as_conv *conv); /* "gemm", "direct", "winograd-4x4", ... */

/* Bytes of scratch that a run over up to `batch` images on up to `threads` threads needs. */
size_t as_conv_scratch(const as_conv *conv, int batch, int threads);

/* out = act(conv(in) + residual). residual may be NULL; it may be the same memory as out. in and
 * out never overlap. */
typedef struct as_conv_args {
  const as_tensor *in, *residual;
  as_act act;
  const as_tensor *out;
} as_conv_args;
/* Cannot fail. team: scratch of as_conv_scratch bytes for its threads. */
void as_conv_run(const as_conv *conv, const as_conv_args *args, const as_team *team);

/* Two 1x1 layers in one pass, the second from what the first has just written (b->in is a->out), a few pixels at
 * a time: it is read while it is in cache. Same bits as two runs. Only where as_conv_pairs says so (1x1 at
 * stride 1, weights that share a core's cache). b has no residual; b->out overlaps none of the others. team: as
 * for a run of `first`. */
bool as_conv_pairs(const as_conv *first, const as_conv *second);
void as_conv_run_pair(const as_conv *first, const as_conv_args *a, const as_conv *second,
                      const as_conv_args *b, const as_team *team);

#endif
