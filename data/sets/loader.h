/* Ordered batches of preprocessed images, decoded in parallel, in bounded memory. */
#ifndef AS_DATA_SETS_LOADER_H
#define AS_DATA_SETS_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "data/image/preset.h"
#include "data/sets/dataset.h"
#include "tensor/base/status.h"

typedef struct as_loader as_loader;

/* A batch. Failed images stay in their place: status != AS_OK, their pixels are zero, and nothing is
 * ever put in their stead. All pointers are borrowed until the next call. */
typedef struct as_batch {
  size_t first; /* dataset index of row 0 */
  int n;
  const float *images;     /* [n, s, s, 3] */
  const as_status *status; /* [n] */
  /* [n] one line: the reason where status != AS_OK; else which damage `lenient` forgave, or "" */
  const char *const *why;
} as_batch;

/* Borrows ds. `start`: index to begin at (resume). */
as_status as_loader_create(as_loader **out, const as_dataset *ds, const as_preset *preset, int batch,
                           int lenient, size_t start, as_err *err);
void as_loader_destroy(as_loader **loader);
/* n == 0 at the end. Fails only where the environment does (memory, I/O): never for a bad image. */
as_status as_loader_next(as_loader *loader, as_batch *batch, as_err *err);

#endif
