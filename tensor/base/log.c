#include "tensor/base/log.h"

#include <stdarg.h>
#include <stdio.h>

static as_log_fn log_fn;
static void *log_ctx;

void as_log_set(as_log_fn fn, void *ctx) {
  log_fn = fn;
  log_ctx = ctx;
}

void as_log_line(as_log_level level, const char *fmt, ...) {
  if (!log_fn) return;
  char line[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  log_fn(log_ctx, level, line);
}
