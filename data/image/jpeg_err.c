/* What the decoder says about a file: an error ends it, a warning counts as libjpeg's do (jpeg.h). */
#include <stdarg.h>
#include <stdio.h>

#include "data/image/jpeg_int.h"

as_status as_jpeg_bad(const as_jpeg *j, as_err *err, const char *fmt, ...) {
  char text[400];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return as_fail(err, AS_E_INPUT, "jpeg, byte %zu: %s", j->pos, text);
}

as_status as_jpeg_warn(as_jpeg *j, as_err *err, const char *fmt, ...) {
  char text[100];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  if (j->warnings == 0) snprintf(j->first_warning, sizeof j->first_warning, "%s", text);
  if (j->warnings < 1000000) j->warnings++;
  return j->lenient ? AS_OK : as_fail(err, AS_E_INPUT, "jpeg, byte %zu: %s", j->pos, text);
}

as_status as_jpeg_warn_dependent(as_jpeg *j, as_err *err, const char *what) {
  char text[100];
  snprintf(text, sizeof text, "%s: its pixels depend on the decoder", what);
  const as_status s = as_jpeg_warn(j, err, "%s", text);
  snprintf(j->first_warning, sizeof j->first_warning, "%s", text);
  j->decoder_dependent = true;
  return s;
}
