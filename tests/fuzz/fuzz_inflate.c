/* libFuzzer target: whole-buffer and piecewise inflate must agree on every input. */
#include <stdlib.h>
#include <string.h>

#include "tensor/base/pack/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  enum { CAP = 1 << 18 };
  static uint8_t out[CAP], again[CAP];
  if (n < 2) return 0;
  as_inflate_format f = (as_inflate_format)(p[0] % 3);
  size_t step = 1 + (size_t)p[1], in = 0, got = 0;
  int bad = 0;
  as_inflate_io io = {.done = false};
  p += 2;
  n -= 2;
  as_err err;
  as_inflate *s;
  if (as_inflate_create(&s, f, &err) != AS_OK) return 0;
  while (!io.done && got < CAP) {
    const size_t a = n - in < step ? n - in : step, b = CAP - got < step ? CAP - got : step;
    io = (as_inflate_io){p + in, a, out + got, b, false};
    bad = as_inflate_feed(s, &io, &err) != AS_OK;
    in += a - io.in_n;
    got += b - io.out_n;
    if (bad || (io.in_n == a && io.out_n == b)) break;
  }
  as_inflate_destroy(&s);
  size_t used;
  as_status st = as_inflate_all(f, p, n, &used, again, got, &err);
  if (io.done && !bad && f != AS_DEFLATE_GZIP && (st != AS_OK || used != in || memcmp(out, again, got) != 0))
    abort();
  return 0;
}
