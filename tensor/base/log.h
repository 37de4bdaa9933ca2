/* Where library code sends remarks that are not errors. The library never prints. */
#ifndef AS_TENSOR_BASE_LOG_H
#define AS_TENSOR_BASE_LOG_H

#include "tensor/base/status.h"

typedef enum as_log_level { AS_LOG_INFO, AS_LOG_WARN } as_log_level;
typedef void (*as_log_fn)(void *ctx, as_log_level level, const char *line);

/* fn NULL: silence (the start value). Set once at start-up, before threads run. */
void as_log_set(as_log_fn fn, void *ctx);
/* Call from the main thread only. */
void as_log_line(as_log_level level, const char *fmt, ...) AS_PRINTF(2, 3);

#endif
