/* What the doctor prints. */
#include <stdarg.h>
#include <stdio.h>

#include "eval/run/doctor_int.h"
#include "eval/stats/metrics.h"

void as_doc_cause(as_doc_ctx *d, const char *fmt, ...) {
  char text[700];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  as_str_printf(d->out, "  LIKELY CAUSE  %s\n", text);
  ++*d->causes;
}

void as_doc_rate(as_doc_ctx *d, const char *what, int64_t right, int64_t n, const char *more) {
  double lo = 0, hi = 0;
  if (n > 0) as_wilson(right, n, 0.95, &lo, &hi);
  as_str_printf(d->out, "    %-58s %5.1f %%  (%.1f to %.1f; %lld of %lld)%s\n", what,
                n > 0 ? 100.0 * (double)right / (double)n : 0.0, 100 * lo, 100 * hi, (long long)right,
                (long long)n, more ? more : "");
}
