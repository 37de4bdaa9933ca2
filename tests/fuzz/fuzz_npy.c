/* .npy headers from untrusted bytes: every element of an accepted view can be read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "eval/features/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  as_view v;
  as_err err;
  if (as_npy_parse(&v, data, size, "input", &err) != AS_OK) return 0;
  size_t numel;
  if (!as_shape_numel(v.shape, v.rank, &numel) || numel > size) abort(); /* an element has a byte at least */
  float *x = malloc((numel ? numel : 1) * sizeof *x);
  if (x && as_view_to_f32(&v, x, NULL, &err) != AS_OK) abort();
  free(x);
  return 0;
}
