/* Start of the library: checks the floating-point environment and chooses kernels, once. */
#ifndef AS_TENSOR_RUNTIME_H
#define AS_TENSOR_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"

typedef struct as_init_opts {
  const char *cpu;     /* a level of as_cpu_limit (tensor/base/cpu.h); NULL = the best there is */
  int threads;         /* < 1 = the number of processors */
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

#endif
