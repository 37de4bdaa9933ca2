/* Blocks of the drivers for tests: which they are must not show in any bit. */
#ifndef AS_TESTS_BLOCKS_H
#define AS_TESTS_BLOCKS_H

#include "tensor/blocking.h"

/* 1: nothing fits into any cache. 1 << 24: everything does. */
static inline as_blocking blocks_of(size_t bytes) {
  const as_blocking b = {bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes};
  return b;
}

/* As if nothing fitted, except that layers run as one which did before. */
static inline void fit_nothing(void) {
  const size_t pair = as_blocks.pair;
  as_blocks = blocks_of(1);
  as_blocks.pair = pair;
}

#endif
