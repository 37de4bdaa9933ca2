/* safetensors: the writer (the reader is behind as_state_open). */
#ifndef AS_WEIGHTS_CONTAINERS_SAFETENSORS_H
#define AS_WEIGHTS_CONTAINERS_SAFETENSORS_H

#include <stddef.h>

#include "tensor/base/status.h"
#include "tensor/base/view.h"

typedef struct as_named_view {
  const char *name;
  as_view view;
} as_named_view;

/* Writes tensors in the given order, contiguous, little-endian, dtype kept. meta: n_meta pairs of
 * key and value for __metadata__ (meta[2 i], meta[2 i + 1]). Same input, same bytes. Atomic. */
as_status as_safetensors_write(const char *path, const as_named_view *tensors, size_t n,
                               const char *const *meta, size_t n_meta, as_err *err);

#endif
