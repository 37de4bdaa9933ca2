/* Instruction sets by file scope, without -m flags: AS_TARGET_PUSH_x before the code, AS_TARGET_POP
 * after it. gcc needs options pushed before <immintrin.h>'s inline functions are used; clang 14 ignores
 * gcc's form and has its own. */
#ifndef AS_TENSOR_KERN_TARGET_H
#define AS_TENSOR_KERN_TARGET_H

/* One string literal per _Pragma. */
/* clang-format off */
#if defined(__clang__)
#define AS_TARGET_PUSH_AVX2 _Pragma("clang attribute push(__attribute__((target(\"avx2,fma\"))), apply_to = function)")
#define AS_TARGET_PUSH_AVX512 _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512vl,avx512dq,avx512bw,prfchw,fma\"))), apply_to = function)")
#define AS_TARGET_PUSH_AVX512BF16 _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,prfchw,fma\"))), apply_to = function)")
#define AS_TARGET_POP _Pragma("clang attribute pop")
#else
#define AS_TARGET_PUSH_AVX2 _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma\")")
#define AS_TARGET_PUSH_AVX512 _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512vl,avx512dq,avx512bw,prfchw,fma\")")
#define AS_TARGET_PUSH_AVX512BF16 _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,prfchw,fma\")")
#define AS_TARGET_POP _Pragma("GCC pop_options")
#endif
/* clang-format on */

/* Text that is compiled once for each constant it is given. Under AddressSanitizer once for all of them: the same lines are
 * watched, at a seventh of the time to compile and with branches that stay. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AS_WATCHED 1
#endif
#endif
#if defined(AS_WATCHED) || defined(__SANITIZE_ADDRESS__)
#define AS_ALWAYS_INLINE static inline __attribute__((unused))
#else
#define AS_ALWAYS_INLINE static inline __attribute__((always_inline))
#endif

#endif
