/* What this CPU can do and what of it may be used: the one detector, the one mask and the one question of
 * the project. Every room that has a quicker kernel for some CPU asks as_cpu_has and lists that kernel for
 * `info --kernels`. */
#ifndef AS_TENSOR_BASE_CPU_H
#define AS_TENSOR_BASE_CPU_H

#include <math.h> /* FP_FAST_FMAF */
#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"

/* Features, usable under this operating system. */
enum {
  AS_CPU_FMA = 1 << 0,      /* fmaf is one instruction (in the C library at least) */
  AS_CPU_AVX2 = 1 << 1,     /* AVX2; FMA is there, too */
  AS_CPU_AVX512 = 1 << 2,   /* AVX512 F, VL, DQ, BW; AVX2 is there, too */
  AS_CPU_BF16 = 1 << 3,     /* AVX512-BF16; AVX512 is there, too */
  AS_CPU_BMI = 1 << 4,      /* BMI1 and BMI2 */
  AS_CPU_SHA = 1 << 5,      /* SHA, SSSE3, SSE4.1 */
  AS_CPU_PCLMUL = 1 << 6,   /* PCLMULQDQ, SSE4.1 */
  AS_CPU_NEON = 1 << 7,     /* aarch64's vectors; FMA is there, too */
  AS_CPU_PORTABLE = 1 << 8, /* not a feature: this build can emulate the fused step, and FMA is not in use */
};

/* Which of the instruction sets above this build has code for. */
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define AS_HAVE_X86 1
#else
#define AS_HAVE_X86 0
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
#define AS_HAVE_NEON 1
#else
#define AS_HAVE_NEON 0
#endif
/* Where fmaf compiles to an instruction nothing needs to emulate it. */
#ifdef FP_FAST_FMAF
#define AS_HAVE_PORTABLE 0
#else
#define AS_HAVE_PORTABLE 1
#endif

/* Everything that this CPU has, whatever the mask. */
unsigned as_cpu_detected(void);
/* All the features in `needs` may be used. Cheap enough to ask per call; 0 is always there. */
bool as_cpu_has(unsigned needs);

/* Sets the mask: from now on at most the features of `level` are in use, which is one of "ref" (none),
 * "portable", "neon", "avx2", "avx512", "avx512bf16"; NULL = all that were detected. AS_E_USAGE: no such
 * level; AS_E_ENV: the CPU lacks it (the mask is left as it was). as_init calls this; a process that never
 * does uses everything. Not while another thread works. */
as_status as_cpu_limit(const char *level, as_err *err);
/* The highest level whose features are in use. */
const char *as_cpu_level(void);
/* Strikes features off for good: the instruction is there but does not do what its kernel needs. */
void as_cpu_refute(unsigned features);

/* The processor's own name, as of the maker ("Intel(R) Xeon(R) ..."); where it does not say one, the architecture's. */
const char *as_cpu_model(char out[64]);
/* Bytes of the data caches that a core reaches, 0 where unknown; the third may be shared by many. */
typedef struct as_cpu_caches {
  size_t l1, l2, l3;
} as_cpu_caches;
as_cpu_caches as_cpu_cache_sizes(void);

/* One kernel, for lists, tests and benches. Of the rows of an op the last one whose needs are met is in use;
 * its first row is plain C and needs nothing. */
typedef void as_fn_any(void);
typedef struct as_kernel_info {
  const char *op, *variant; /* "gemm", "avx512" */
  unsigned needs;           /* features */
  as_fn_any *fn;            /* cast back to the op's type; NULL where a row stands for several functions */
} as_kernel_info;

/* Whether rows[i] is the one of its op that the features in use choose. */
bool as_kernel_in_use(const as_kernel_info *rows, size_t n, size_t i);
/* "avx2+fma", "-" for none. */
const char *as_cpu_words(unsigned needs, char out[64]);

#endif
