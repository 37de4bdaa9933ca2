#include "tensor/base/hash/hash_kernels.h"

#include "tensor/base/hash/crc32_int.h"
#include "tensor/base/hash/sha256_int.h"

size_t as_hash_kernels(const as_kernel_info **rows) {
  static const as_kernel_info list[] = {
    {"crc32", "ref", 0, NULL},
    {"sha256", "ref", 0, NULL},
#if AS_HAVE_X86
    {"crc32", "x86", AS_CRC32_X86_NEEDS, NULL},
    {"sha256", "bmi2", AS_SHA256_BMI_NEEDS, NULL},
    {"sha256", "avx2", AS_SHA256_AVX2_NEEDS, NULL},
    {"sha256", "x86", AS_SHA256_X86_NEEDS, NULL},
#endif
  };
  *rows = list;
  return sizeof list / sizeof *list;
}
