/* y = x W^T + b with packed weights, and the plain GEMM that probes and k-NN use. */
#ifndef AS_TENSOR_LINEAR_H
#define AS_TENSOR_LINEAR_H

#include <stddef.h>

#include "tensor/base/par.h"
#include "tensor/base/status.h"
#include "tensor/tensor.h"

typedef struct as_linear as_linear;

/* weight: [n_out, n_in] float32 row-major; bias: [n_out] or NULL. Borrowed for the call. */
as_status as_linear_create(as_linear **out, int n_out, int n_in, const float *weight, const float *bias,
                           as_err *err);
/* The same for a layer of a network: products as the profile in use says (bf16 inputs under bf16-1), and AS_E_INPUT
 * where a packed weight is not finite. Heads, probes and k-NN stay with float32. */
as_status as_linear_create_layer(as_linear **out, int n_out, int n_in, const float *weight, const float *bias,
                                 as_err *err);
/* Other float32 weights in the place of those that as_linear_create was given: from a matrix, or by whoever trains them
 * where they lie, in panels [ceil(n_out / 32)][n_in][32]; columns beyond n_out are 0. */
void as_linear_refill(as_linear *linear, const float *weight);
float *as_linear_panels(as_linear *linear);
void as_linear_destroy(as_linear **linear);
size_t as_linear_packed_bytes(const as_linear *linear);

/* rows of n_in floats, ld_in apart, to rows of n_out floats, ld_out apart:
 *   t   = finished chain (bias first)
 *   out = act(t)                        when residual is NULL
 *   out = residual + t                  when gamma is NULL (act must be NONE)
 *   out = residual + gamma * t          LayerScale, two roundings; gamma [n_out]
 * residual rows are ld_res apart and may be the same memory as out. Only the columns first <= j < end are
 * computed, end 0 meaning all of n_out; first is a multiple of 32, and in, out, residual and gamma are
 * given as for all columns. Cannot fail. May be called from inside a chunk of par.h: it then runs serially there.
 * team: NULL for what as_linear_create made (the threads of the process, no scratch); a layer wants scratch of
 * as_linear_scratch bytes. */
typedef struct as_linear_args {
  const float *in;
  size_t ld_in;
  size_t rows;
  const float *residual;
  size_t ld_res;
  const float *gamma;
  as_act act;
  float *out;
  size_t ld_out;
  size_t first, end;
  const as_team *team;
} as_linear_args;
size_t as_linear_scratch(const as_linear *linear, int threads); /* bytes */
void as_linear_run(const as_linear *linear, const as_linear_args *args);

/* A product of matrices as they come, C[m, n]; rows are ld apart. */
typedef struct as_product {
  size_t m, n, k;
  const float *a;
  size_t lda;
  const float *b;
  size_t ldb;
  float *c;
  size_t ldc;
} as_product;
/* nt: C = A[m, k] B[n, k]^T. nn: C = A[m, k] B[k, n]. Each element is one fma chain over k from +0. pack: scratch of
 * as_gemm_scratch(n, k) bytes, 64-byte aligned. Parallel over tiles of C; from inside a chunk of par.h serial, with
 * `pack` the only scratch. */
size_t as_gemm_scratch(size_t n, size_t k);
void as_gemm_nt(const as_product *p, void *pack);
void as_gemm_nn(const as_product *p, void *pack);

#endif
