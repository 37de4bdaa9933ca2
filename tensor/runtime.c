#include "tensor/runtime.h"

#include <fenv.h>
#include <float.h>
#include <stdint.h>
#include <string.h>

#include "tensor/base/par.h"
#include "tensor/kernels.h"

#if !defined(FLT_EVAL_METHOD) || FLT_EVAL_METHOD != 0
#error "float arithmetic must not be done in a wider type: FLT_EVAL_METHOD must be 0 (s390x gcc: -std=gnu11)"
#endif

as_kernels as_k = {
#define AS_FIELD(op) as_k_##op##_ref,
    AS_OPS(AS_FIELD)
#undef AS_FIELD
};

#define AS_KERNEL(op, variant, needs, klass) \
  {#op, #variant, #klass, needs, (as_fn_any *)as_k_##op##_##variant},
static const as_kernel_entry table[] = {
#include "tensor/kernels.def"
};
#undef AS_KERNEL
enum { TABLE_SIZE = sizeof table / sizeof *table };

static char in_use[TABLE_SIZE]; /* 1: chosen */
static const char *cpu_name = "ref";
static int started;

static const as_profile_info profiles[] = {
    {"f32-1", "float32, one fused multiply-add chain per sum (default)"},
    {"bf16-1",
     "bf16 products summed in float32 in the layers of a backbone: about 1.8 times as fast on AVX512-BF16, "
     "the same top-1 class as f32-1 on 500 of 500 photographs (ResNet-50)"},
    {NULL, NULL},
};
static const as_profile_info *profile = profiles;

/* Levels that opts.cpu can name, and the features each one keeps. */
static const struct {
  const char *name;
  unsigned needs;
} levels[] = {
    {"portable", AS_CPU_PORTABLE},
    {"ref", 0},
    {"avx2", AS_CPU_FMA | AS_CPU_AVX2},
    {"avx512", AS_CPU_FMA | AS_CPU_AVX2 | AS_CPU_AVX512},
    {"neon", AS_CPU_FMA | AS_CPU_NEON},
    {"avx512bf16", AS_CPU_FMA | AS_CPU_AVX2 | AS_CPU_AVX512 | AS_CPU_BF16},
};
enum { LEVELS = sizeof levels / sizeof *levels };

size_t as_kernel_table(const as_kernel_entry **out) {
  *out = table;
  return TABLE_SIZE;
}

/* One op: the last line of the table that names it and whose needs are within `have`. */
static as_fn_any *choose(const char *op, unsigned have) {
  size_t best = TABLE_SIZE;
  for (size_t i = 0; i < TABLE_SIZE; i++)
    if (strcmp(table[i].op, op) == 0 && (table[i].needs & ~have) == 0) best = i;
  for (size_t i = 0; i < TABLE_SIZE; i++)
    if (strcmp(table[i].op, op) == 0) in_use[i] = i == best;
  return table[best].fn; /* ref needs nothing: there is always one */
}

/* Rounding to nearest even, gradual underflow, float really float. */
static as_status check_environment(as_err *err) {
  if (fegetround() != FE_TONEAREST)
    return as_fail(err, AS_E_ENV, "floating point: found rounding mode %d, wanted to nearest even",
                   fegetround());
  volatile float tiny = FLT_MIN;
  volatile float half = tiny * 0.5f;
  volatile float twice = half * 2.0f;
  if (half == 0.0f || twice != FLT_MIN)
    return as_fail(err, AS_E_ENV,
                   "floating point: denormal numbers are flushed to zero, wanted gradual underflow");
  return AS_OK;
}

as_status as_init(const as_init_opts *opts, as_err *err) {
  static const as_init_opts defaults = {0};
  if (!opts) opts = &defaults;
  const as_profile_info *wanted = profiles;
  while (opts->profile && wanted->name && strcmp(opts->profile, wanted->name) != 0) wanted++;
  if (!wanted->name)
    return as_fail(err, AS_E_USAGE, "profile '%s' is not known; this build has f32-1 and bf16-1",
                   opts->profile);
  const as_status s = check_environment(err);
  if (s != AS_OK) return s;

  unsigned have = as_cpu_detect();
  const char *name = "ref";
  if (opts->cpu) {
    size_t l = 0;
    while (l < LEVELS && strcmp(levels[l].name, opts->cpu) != 0) l++;
    if (l == LEVELS)
      return as_fail(err, AS_E_USAGE,
                     "cpu '%s' is not known; wanted ref, portable, avx2, avx512, avx512bf16 or neon",
                     opts->cpu);
    if (levels[l].needs & ~have)
      return as_fail(err, AS_E_ENV, "cpu '%s': this processor lacks it", opts->cpu);
    have = levels[l].needs;
    name = levels[l].name;
  } else {
    /* The emulation only where nothing else is quick. */
    have &= have & AS_CPU_FMA || !(have & AS_CPU_PORTABLE) ? ~(unsigned)AS_CPU_PORTABLE : ~0u;
    if (have & AS_CPU_PORTABLE) {
      name = "portable";
    } else {
      for (size_t l = 1; l < LEVELS; l++) /* the last is named where its kernels are used */
        if ((l < LEVELS - 1 || wanted != profiles) && (levels[l].needs & ~have) == 0) name = levels[l].name;
    }
  }
#define AS_CHOOSE(op) as_k.op = (as_fn_##op *)choose(#op, have);
  AS_OPS(AS_CHOOSE)
#undef AS_CHOOSE
  cpu_name = name;
  profile = wanted;
  as_par_set_threads(opts->threads);
  started = 1;
  return AS_OK;
}

const char *as_cpu_name(void) {
  return cpu_name;
}
const char *as_profile_name(void) {
  return profile->name;
}
bool as_profile_bf16(void) {
  return profile != profiles;
}
const as_profile_info *as_profile_list(void) {
  return profiles;
}

size_t as_kernel_list(as_kernel_info *out, size_t max) {
  const unsigned cpu = as_cpu_detect();
  for (size_t i = 0; i < TABLE_SIZE && i < max; i++) {
    const as_kernel_entry *e = &table[i];
    out[i].op = e->op;
    out[i].variant = e->variant;
    out[i].klass = e->klass;
    out[i].needs = e->needs & AS_CPU_BF16     ? "avx512bf16"
                   : e->needs & AS_CPU_AVX512 ? "avx512f+vl+dq+bw"
                   : e->needs & AS_CPU_AVX2   ? "avx2+fma"
                   : e->needs & AS_CPU_NEON   ? "neon"
                   : e->needs & AS_CPU_FMA    ? "fma"
                   : e->needs                 ? "no fma"
                                              : "-";
    out[i].available = (e->needs & ~cpu) == 0;
    out[i].selected = started ? in_use[i] : strcmp(e->variant, "ref") == 0;
  }
  return TABLE_SIZE;
}
