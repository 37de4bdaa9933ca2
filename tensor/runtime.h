/* Start of the library: checks the floating-point environment and chooses kernels, once. */
#ifndef AS_TENSOR_RUNTIME_H
#define AS_TENSOR_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"

typedef struct as_init_opts {
  const char *cpu; /* "ref", "portable", "avx2", "avx512", "avx512bf16", "neon"; NULL = the best there is */
  int threads;     /* < 1 = the number of processors */
  const char *profile; /* numerics profile, "f32-1" or "bf16-1"; NULL = "f32-1" */
} as_init_opts;

/* AS_E_ENV: the CPU lacks what was asked for, or rounding is not to nearest even, or denormals are
 * flushed. AS_E_USAGE: no such name. Call it before anything else of tensor/; opts may be NULL. */
as_status as_init(const as_init_opts *opts, as_err *err);

const char *as_cpu_name(void);     /* the instruction set in use, "avx512" */
const char *as_profile_name(void); /* the numerics profile in use, "f32-1" */
bool as_profile_bf16(void);        /* it is bf16-1: layers made from now on multiply bf16 */

/* The profiles that as_init knows, in a line each; NULL-terminated. */
typedef struct as_profile_info {
  const char *name, *about;
} as_profile_info;
const as_profile_info *as_profile_list(void);

/* One line of the kernel table, for `info --kernels` and records. */
typedef struct as_kernel_info {
  const char *op, *variant; /* "gemm", "avx512" */
  const char *needs;        /* CPU features in words, "-" for none */
  const char *klass;        /* "EXACT": the same bits as ref */
  bool available, selected;
} as_kernel_info;

/* Fills the first `max` entries of out (may be NULL with max 0) and returns how many there are. */
size_t as_kernel_list(as_kernel_info *out, size_t max);

#endif
