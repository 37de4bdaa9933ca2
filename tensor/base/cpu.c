#include "tensor/base/cpu.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#if AS_HAVE_X86
#include <cpuid.h>
#endif

enum { KNOWN = 1 << 30, EVERYTHING = KNOWN - 1 };

/* cpuid takes microseconds under a hypervisor: it is asked once. Two threads that ask at the same time find
 * the same. */
static atomic_uint detected; /* KNOWN and the features; 0 = not asked */
static atomic_uint removed;  /* by the mask */

#if AS_HAVE_X86
/* The compilers' own detection also asks whether the system saves the wide registers. clang 14 has no name for
 * the SHA extensions, which work on registers that every x86-64 system saves. */
static unsigned detect_x86(void) {
  unsigned f = 0, a, b, c, d;
  __builtin_cpu_init();
  const bool sse = __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
  if (sse && __builtin_cpu_supports("pclmul")) f |= AS_CPU_PCLMUL;
  if (sse && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1)) f |= AS_CPU_SHA;
  if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) f |= AS_CPU_BMI;
  if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx")) return f;
  f |= AS_CPU_FMA;
  if (!__builtin_cpu_supports("avx2")) return f;
  f |= AS_CPU_AVX2;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512bw"))
    return f;
  f |= AS_CPU_AVX512;
  if (__builtin_cpu_supports("avx512bf16")) f |= AS_CPU_BF16;
  return f;
}
#endif

unsigned as_cpu_detected(void) {
  unsigned f = atomic_load_explicit(&detected, memory_order_relaxed);
  if (!f) {
    f = KNOWN | (AS_HAVE_PORTABLE ? AS_CPU_PORTABLE : 0);
#if AS_HAVE_X86
    f |= detect_x86();
#elif AS_HAVE_NEON
    f |= AS_CPU_FMA | AS_CPU_NEON;
#elif defined(FP_FAST_FMAF)
    f |= AS_CPU_FMA;
#endif
    atomic_store_explicit(&detected, f, memory_order_relaxed);
  }
  return f & EVERYTHING;
}

void as_cpu_refute(unsigned features) {
  const unsigned f = as_cpu_detected() & ~features;
  atomic_store_explicit(&detected, f | KNOWN, memory_order_relaxed);
}

/* `keep` of what the mask leaves; the emulation only where nothing else is quick. */
static unsigned within(unsigned keep) {
  const unsigned f = as_cpu_detected() & keep;
  return f & AS_CPU_FMA ? f & ~(unsigned)AS_CPU_PORTABLE : f;
}

static unsigned in_use(void) {
  return within(~atomic_load_explicit(&removed, memory_order_relaxed));
}

bool as_cpu_has(unsigned needs) {
  return (needs & ~in_use()) == 0;
}

/* From low to high: what the CPU must have, and what the mask leaves of all that it has. */
static const struct {
  const char *name;
  unsigned needs, keeps;
} levels[] = {
    {"ref", 0, 0},
    {"portable", AS_CPU_PORTABLE, AS_CPU_PORTABLE},
    {"neon", AS_CPU_NEON, EVERYTHING},
    {"avx2", AS_CPU_AVX2, EVERYTHING & ~(AS_CPU_AVX512 | AS_CPU_BF16)},
    {"avx512", AS_CPU_AVX512, EVERYTHING & ~AS_CPU_BF16},
    {"avx512bf16", AS_CPU_BF16, EVERYTHING},
};
enum { LEVELS = sizeof levels / sizeof *levels };

as_status as_cpu_limit(const char *level, as_err *err) {
  size_t l = 0;
  while (level && l < LEVELS && strcmp(levels[l].name, level) != 0) l++;
  if (l == LEVELS)
    return as_fail(err, AS_E_USAGE,
                   "cpu '%s' is not known; wanted ref, portable, avx2, avx512, avx512bf16 or neon", level);
  const unsigned keeps = level ? levels[l].keeps : EVERYTHING;
  if (level && (levels[l].needs & ~within(keeps)))
    return as_fail(err, AS_E_ENV, "cpu '%s': this processor lacks it", level);
  atomic_store_explicit(&removed, ~keeps, memory_order_relaxed);
  return AS_OK;
}

const char *as_cpu_level(void) {
  size_t best = 0;
  for (size_t l = 0; l < LEVELS; l++)
    if (as_cpu_has(levels[l].needs)) best = l;
  return levels[best].name;
}

bool as_kernel_in_use(const as_kernel_info *rows, size_t n, size_t i) {
  if (!as_cpu_has(rows[i].needs)) return false;
  for (size_t later = i + 1; later < n; later++)
    if (strcmp(rows[later].op, rows[i].op) == 0 && as_cpu_has(rows[later].needs)) return false;
  return true;
}

const char *as_cpu_words(unsigned needs, char out[64]) {
  static const struct {
    unsigned feature;
    const char *words;
  } names[] = {
      {AS_CPU_FMA, "fma"},
      {AS_CPU_AVX2, "avx2+fma"},
      {AS_CPU_AVX512, "avx512f+vl+dq+bw"},
      {AS_CPU_BF16, "avx512bf16"},
      {AS_CPU_BMI, "bmi+bmi2"},
      {AS_CPU_SHA, "sha+sse4.1"},
      {AS_CPU_PCLMUL, "pclmul+sse4.1"},
      {AS_CPU_NEON, "neon"},
      {AS_CPU_PORTABLE, "no fma"},
  };
  size_t used = 0;
  (void)snprintf(out, 64, "-");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (needs & names[i].feature && used < 64)
      used += (size_t)snprintf(out + used, 64 - used, "%s%s", used ? "+" : "", names[i].words);
  return out;
}
