#include "data/image/image_kernels.h"

size_t as_image_kernels(const as_kernel_info **rows) {
  static const as_kernel_info list[] = {
    {"jpeg", "ref", 0, NULL},
    {"resize", "ref", 0, NULL},
#if AS_HAVE_X86
    {"jpeg", "x86", AS_JPEG_X86_NEEDS, NULL},
    {"resize", "x86", AS_RESIZE_X86_NEEDS, NULL},
#endif
  };
  *rows = list;
  return sizeof list / sizeof *list;
}
