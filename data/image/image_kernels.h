/* The kernels of this room: what they need, and the list for `info --kernels`. */
#ifndef AS_DATA_IMAGE_IMAGE_KERNELS_H
#define AS_DATA_IMAGE_IMAGE_KERNELS_H

#include "tensor/base/cpu.h"

enum { AS_JPEG_X86_NEEDS = AS_CPU_AVX2 | AS_CPU_BMI, AS_RESIZE_X86_NEEDS = AS_CPU_AVX2 };

/* Returns how many; *rows is static. */
size_t as_image_kernels(const as_kernel_info **rows);

#endif
