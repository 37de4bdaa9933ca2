/* libFuzzer target: tar headers of any bytes. Every member must lie inside the
 * archive, names must be bounded, and the listing must end. */
#include <stdlib.h>
#include <string.h>

#include "data/archive/tar.h"
#include "tests/tarmake.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The first bytes of a header are rarely summed right by chance: byte 0 of the input asks for repair. */
static void repair(uint8_t *p, size_t n) {
  for (size_t at = 0; at + AS_TAR_BLOCK <= n; at += AS_TAR_BLOCK) {
    unsigned sum = 0;
    uint8_t *h = p + at;
    if (h[0] == 0) continue;
    memset(h + 148, ' ', 8);
    for (int i = 0; i < AS_TAR_BLOCK; i++) sum += h[i];
    for (int i = 5; i >= 0; i--, sum >>= 3) h[148 + i] = (uint8_t)('0' + (sum & 7));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  if (n < 1 || n > 1 << 20) return 0;
  uint8_t *copy = malloc(n);
  if (!copy) return 0;
  memcpy(copy, p + 1, n - 1);
  if (p[0] & 1) repair(copy, n - 1);
  as_tar t;
  tarmake_memory mem = {copy, n - 1};
  as_tar_member m;
  as_err err;
  bool got;
  unsigned sum = 0;
  size_t members = 0;
  as_tar_init(&t, "fuzz", tarmake_fetch, &mem, mem.n);
  while (as_tar_next(&t, &m, &got, &err) == AS_OK && got) {
    if (m.at > mem.n || m.size > mem.n - m.at || strlen(m.name) > AS_TAR_NAME_MAX + 256) abort();
    for (uint64_t i = 0; i < m.size; i += 97) sum += copy[m.at + i];
    if (++members > n / AS_TAR_BLOCK) abort();
  }
  as_tar_clear(&t);
  free(copy);
  static volatile unsigned sink;
  sink = sink + sum;
  (void)sink;
  return 0;
}
