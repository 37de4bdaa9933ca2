/* libFuzzer target: the image decoders on any bytes. Portable C and SIMD must agree, and the bytes-to-tensor path must
 * agree with decode-then-preset. Every output byte is read, so that MemorySanitizer sees what was never written. */
#include <stdlib.h>
#include <string.h>

#include "data/image/image.h"
#include "data/image/jpeg.h"
#include "data/image/preset.h"
#include "tensor/base/cpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

extern volatile unsigned as_fuzz_sink;
volatile unsigned as_fuzz_sink; /* keeps the reads */

static unsigned sum(const as_image *im) {
  unsigned s = 0;
  for (size_t i = 0; i < (size_t)im->w * (size_t)im->h * 3; i++) s = s * 31 + im->rgb[i];
  return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  as_err err;
  as_image a, b;
  as_image_info info, probe;
  if (as_image_probe(&probe, p, n, &err) != AS_OK || (int64_t)probe.w * probe.h > 1 << 18) return 0;
  as_status s = as_image_decode(&a, p, n, 1, &info, &err);
  if (as_cpu_limit("ref", &err) != AS_OK) abort();
  as_status c = as_image_decode(&b, p, n, 1, NULL, &err);
  if (as_cpu_limit(NULL, &err) != AS_OK) abort();
  if (s != c) abort();
  if (s == AS_OK) {
    if (a.w != b.w || a.h != b.h || memcmp(a.rgb, b.rgb, (size_t)a.w * (size_t)a.h * 3) != 0) abort();
    as_fuzz_sink = sum(&a);
    static float whole[56 * 56 * 3], direct[56 * 56 * 3];
    as_preset preset;
    if (as_preset_parse(&preset, n & 1 ? "resize=64,crop=56" : "resize=0,crop=56,trim=1", &err) != AS_OK)
      abort();
    as_status x = as_preset_tensor(&preset, &a, whole, &err);
    as_status y = as_preset_load(&preset, p, n, 1, direct, NULL, &err);
    if (x != y || (x == AS_OK && memcmp(whole, direct, sizeof whole) != 0)) abort();
    as_image strict;
    if ((as_image_decode(&strict, p, n, 0, NULL, &err) == AS_OK) != (info.warnings == 0)) abort();
    as_image_clear(&strict);
  }
  as_image_clear(&a);
  as_image_clear(&b);
  return 0;
}
