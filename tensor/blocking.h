/* How much of an operand the drivers take at a time, from the sizes of the caches: the one place that says so. No bit
 * depends on it: blocks change which sum is next, never the order inside of a sum (NUMERICS rule 1). */
#ifndef AS_TENSOR_BLOCKING_H
#define AS_TENSOR_BLOCKING_H

#include <stddef.h>

#include "tensor/base/cpu.h"

/* Bytes. MEASURED.md ("Blocking") says where each comes from. */
typedef struct as_blocking {
  size_t weights; /* of a layer that stay in L2 while rows stream past; larger ones are read panel by panel */
  size_t pair;    /* of two layers that run as one pass */
  size_t bf16_weights; /* as weights, in profile bf16-1, beside */
  size_t bf16_rows;    /* a block of rows rounded to bf16 */
  size_t wino_panel;   /* of a panel's 36 matrices: a larger one is read for twice as many tiles */
  size_t packed;       /* of the panels that a plain product packs at a time; of L3 */
  size_t outer;        /* of a thread's part of a total in double */
  size_t train_weights, train_rows,
      train_panel; /* training: as weights; rows of a block; a panel that stays whole */
} as_blocking;

extern as_blocking as_blocks; /* before as_init: for 1 MiB of L2 and 32 MiB of L3 */

/* For caches of these sizes, or the usual ones where they are 0. as_init does it with the CPU's own. Scratch and plans made
 * before are void; not while another thread works. */
void as_blocking_set(as_cpu_caches c);

#endif
