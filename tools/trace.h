/* --trace: what each layer gave, a line per layer and image batch, for finding where two builds or two
 * programs part. */
#ifndef AS_TOOLS_TRACE_H
#define AS_TOOLS_TRACE_H

#include "models/model.h"
#include "tensor/base/status.h"

typedef struct as_trace as_trace;

/* Lines: layer, shape, min, max, the first four values, SHA-256 of the output as little-endian float32 [n, h, w, c];
 * tab-separated after one header line. Every batch is traced, so the files of two runs compare when their batches do. */
as_status as_trace_open(as_trace **out, const char *path, as_model *m, as_err *err);
/* keep = 0 drops the file. */
as_status as_trace_close(as_trace **trace, as_model *m, int keep, as_err *err);

#endif
