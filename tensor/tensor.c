#include "tensor/tensor.h"

size_t as_tensor_ld(int c) {
  size_t ld = ((size_t)c + 15) / 16 * 16;
  /* 14 rows a multiple of 512 bytes apart share few of the 64 sets of an L1 cache: one line more. */
  return ld % 64 == 0 ? ld + 16 : ld;
}
