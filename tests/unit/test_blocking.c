/* Blocks from the sizes of the caches: what they are, and that no bit of a network shows them. That of each driver: the
 * tests of the drivers, which run once as if nothing fitted into a cache. */
#include "models/selftest.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"
#include "tensor/runtime.h"
#include "tests/blocks.h"
#include "tests/harness.h"

enum { KIB = 1 << 10, MIB = 1 << 20 };

static void sizes(as_test *t) {
  static const struct {
    as_cpu_caches c;
    size_t weights, wino_panel, packed, outer;
  } cases[] = {
      {{32 * KIB, MIB, 32 * MIB}, 700 * KIB, MIB, 8 * MIB, 112 * KIB},
      {{32 * KIB, MIB, 36608 * KIB}, 700 * KIB, MIB, 8 * MIB, 112 * KIB},
      {{0, 0, 0}, 700 * KIB, MIB, 8 * MIB, 112 * KIB}, /* unknown */
      {{48 * KIB, 2 * MIB, 8 * MIB}, 1400 * KIB, 2 * MIB, 2 * MIB, 224 * KIB},
      {{32 * KIB, 256 * KIB, 2 * MIB}, 175 * KIB, 256 * KIB, MIB, 28 * KIB},
      {{64 * KIB, 16 * MIB, 0}, 1400 * KIB, 2 * MIB, 8 * MIB, 224 * KIB}, /* shared, or invented */
      {{1, 1, 1}, 175 * KIB, 256 * KIB, MIB, 28 * KIB},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    as_blocking_set(cases[i].c);
    CHECK_INT(t, as_blocks.weights, cases[i].weights);
    CHECK_INT(t, as_blocks.wino_panel, cases[i].wino_panel);
    CHECK_INT(t, as_blocks.packed, cases[i].packed);
    CHECK_INT(t, as_blocks.outer, cases[i].outer);
  }
  as_blocking_set(as_cpu_cache_sizes());
}

static void same_hash(as_test *t) {
  static const as_cpu_caches caches[] = {{32 * KIB, 256 * KIB, 2 * MIB}, {48 * KIB, 2 * MIB, 64 * MIB}};
  const int before = as_par_threads();
  char hex[65];
  as_err err = {0};
  for (int i = 0; i < 4; i++) {
    if (i < 2)
      as_blocking_set(caches[i]);
    else
      as_blocks = blocks_of(i == 2 ? 1 : 1 << 24);
    as_par_set_threads(1 + i % 2 * 2);
    CHECK_OK(t, as_selftest(3, hex, &err), err);
    CHECK_STR(t, hex, as_selftest_expected());
  }
  as_par_set_threads(before);
  as_blocking_set(as_cpu_cache_sizes());
}

/* They do change something: scratch of plain products. */
static void they_count(as_test *t) {
  as_blocks = blocks_of(1);
  const size_t least = as_gemm_scratch(4096, 100);
  as_blocks = blocks_of(1 << 24);
  CHECK(t, as_gemm_scratch(4096, 100) == 128 * least);
  as_blocking_set(as_cpu_cache_sizes());
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"blocks of caches", sizes},
                                  {"blocks: the same hash with any", same_hash},
                                  {"blocks: what depends on them", they_count}};
  as_err err = {0};
  if (as_init(NULL, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
