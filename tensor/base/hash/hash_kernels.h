/* The kernels of this room, for `info --kernels`. */
#ifndef AS_TENSOR_BASE_HASH_HASH_KERNELS_H
#define AS_TENSOR_BASE_HASH_HASH_KERNELS_H

#include "tensor/base/cpu.h"

/* Returns how many; *rows is static. */
size_t as_hash_kernels(const as_kernel_info **rows);

#endif
