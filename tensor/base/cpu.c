#include "tensor/base/cpu.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

const char *as_cpu_model(char out[64]) {
  (void)snprintf(out, 64, "%s", AS_HAVE_X86 ? "x86-64" : AS_HAVE_NEON ? "aarch64" : "unknown processor");
#if AS_HAVE_X86
  unsigned r[12];
  for (unsigned i = 0; i < 3; i++)
    if (!__get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3])) return out;
  char name[sizeof r + 1] = {0};
  memcpy(name, r, sizeof r);
  size_t n = 0; /* makers pad with spaces */
  for (const char *p = name; *p; p++)
    if (*p >= 32 && *p < 127 && (*p != ' ' || (n > 0 && out[n - 1] != ' '))) out[n++] = *p;
  while (n > 0 && out[n - 1] == ' ') n--;
  out[n] = '\0';
  if (n == 0) (void)snprintf(out, 64, "x86-64");
#endif
  return out;
}

as_cpu_caches as_cpu_cache_sizes(void) {
  as_cpu_caches c = {0};
#if AS_HAVE_X86
  /* Intel's leaf 4 and AMD's 0x8000001d have one layout: type and level, then ways, partitions, line and sets less one. */
  const unsigned leaves[2] = {4, 0x8000001du};
  for (size_t l = 0; l < 2 && !c.l1; l++)
    for (unsigned i = 0; i < 8; i++) {
      unsigned a, b, n, d;
      if (!__get_cpuid_count(leaves[l], i, &a, &b, &n, &d) || (a & 31) == 0) break;
      const size_t bytes =
          ((size_t)(b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) * ((size_t)n + 1);
      if ((a & 31) == 2) continue; /* instructions */
      const unsigned level = a >> 5 & 7;
      if (level == 1) c.l1 = bytes;
      if (level == 2) c.l2 = bytes;
      if (level == 3) c.l3 = bytes;
    }
#elif defined(_SC_LEVEL1_DCACHE_SIZE)
  const long l1 = sysconf(_SC_LEVEL1_DCACHE_SIZE), l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
  const long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
  c.l1 = l1 > 0 ? (size_t)l1 : 0, c.l2 = l2 > 0 ? (size_t)l2 : 0, c.l3 = l3 > 0 ? (size_t)l3 : 0;
#endif
  return c;
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
