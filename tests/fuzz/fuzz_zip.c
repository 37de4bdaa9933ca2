/* libFuzzer target: zip archives of any bytes, a member at a time. The listing must end, members must be read whole or
 * refused, and never outside the archive.
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz_zip.c tensor/base/pack/{zip_,inflate}*.c \
 *         tensor/base/{disk,file,mem,text,status,cpu}.c tensor/base/hash/{crc,md,sha}*.c -o fuzz_zip
 * Seeds: any zip archives. */
#include <stdlib.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/pack/zip_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  as_zip_disk z;
  as_err err;
  uint8_t *copy = malloc(n + 1);
  if (!copy) return 0;
  memcpy(copy, p, n);
  as_disk d = {.path = "fuzz", .fd = -1, .size = n, .owned = copy};
  if (as_zip_disk_open(&z, &d, &err) == AS_OK) {
    for (size_t i = 0; i < z.n; i++) {
      if (z.member[i].size > 1 << 22) continue;
      uint8_t *out = malloc((size_t)z.member[i].size + 1);
      if (out) (void)as_zip_disk_read(&z, &d, i, out, &err);
      free(out);
    }
    as_zip_disk_close(&z);
  }
  free(copy);
  return 0;
}
