#include "tensor/base/cpuid.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
bool as_cpu_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
#else
bool as_cpu_has_avx2(void) {
  return false;
}
#endif
