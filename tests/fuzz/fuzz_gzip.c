/* libFuzzer target: random access into gzip files of any bytes. The forward pass must give what unpacking the whole
 * gives, reads at any place must agree with it, and damage must be found by both. Byte 0 chooses the steps.
 * Seeds: any gzip files, each behind one byte. */
#include <stdlib.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/pack/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  static uint8_t out[MAX + 4096];
  if (n < 1) return 0;
  const size_t step = 1 + (size_t)p[0] * 37;
  uint8_t *whole = NULL, *copy = malloc(n);
  size_t whole_n = 0, got = 1, at = 0;
  as_err err;
  as_gzip *g;
  if (!copy) return 0;
  memcpy(copy, p + 1, n - 1);
  as_status st = as_unpack(AS_DEFLATE_GZIP, p + 1, n - 1, MAX, &whole, &whole_n, &err);
  if (as_gzip_take(&g, (as_disk){.path = "fuzz", .fd = -1, .size = n - 1, .owned = copy}, &err) != AS_OK)
    abort();
  as_status pass = AS_OK;
  while (pass == AS_OK && got > 0 && at < MAX) {
    pass = as_gzip_fetch(g, at, at + step < sizeof out ? step : sizeof out - at, out + at, &got, &err);
    if (pass == AS_OK) at += got;
  }
  if (st == AS_OK &&
      (pass != AS_OK || (at < MAX && at != whole_n) || memcmp(out, whole, at < whole_n ? at : whole_n)))
    abort();
  if (st != AS_OK && pass == AS_OK && at < MAX) abort();
  uint8_t part[600];
  for (unsigned k = 0; at > sizeof part && k < 9; k++) {
    size_t where = (size_t)k * 2654435761u % (at - sizeof part);
    if (as_gzip_read(g, where, sizeof part, part, &err) != AS_OK ||
        memcmp(part, out + where, sizeof part) != 0)
      abort();
  }
  if (pass == AS_OK && at < MAX && as_gzip_read(g, at, 1, part, &err) != AS_E_INPUT) abort();
  as_gzip_close(&g);
  as_free(whole);
  return 0;
}
