#include "tensor/blocking.h"

/* The usual sizes: of the cores on which the shares below were tried (Zen 4, Zen 5, Cascade Lake). An L2 beyond 2 MiB is shared by
 * several cores or a hypervisor's invention, one below 256 KiB the same. */
enum { KIB = 1 << 10, MIB = 1 << 20, L2 = MIB, L2_LEAST = 256 * KIB, L2_MOST = 2 * MIB };
/* The third cache is shared: a quarter of it, and no more than what the memory for it is worth. */
enum { L3_SHARE = 4, PACKED = 8 * MIB, PACKED_LEAST = MIB };

/* n KiB of each MiB */
#define OF(l2, n) ((size_t)(l2) / KIB * (n))
#define BLOCKS(l2, packed_bytes)                                                                        \
  {                                                                                                     \
    .weights = OF(l2, 700), .pair = OF(l2, 640), .bf16_weights = OF(l2, 400), .bf16_rows = OF(l2, 448), \
    .wino_panel = (l2), .packed = (packed_bytes), .outer = OF(l2, 112), .train_weights = OF(l2, 512),   \
    .train_rows = OF(l2, 384), .train_panel = OF(l2, 256)                                               \
  }

as_blocking as_blocks = BLOCKS(L2, PACKED);

static size_t within(size_t x, size_t least, size_t most) {
  return x < least ? least : x > most ? most : x;
}

void as_blocking_set(as_cpu_caches c) {
  const size_t l2 = c.l2 ? within(c.l2, L2_LEAST, L2_MOST) : L2;
  const size_t packed = c.l3 ? within(c.l3 / L3_SHARE, PACKED_LEAST, PACKED) : PACKED;
  as_blocks = (as_blocking)BLOCKS(l2, packed);
}
