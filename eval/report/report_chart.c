/* The numbers of a chart beside its picture, and the room that names take in it. */
#include <math.h>
#include <stdarg.h>

#include "eval/report/report_charts_int.h"

size_t as_chart_name_columns(const char *const *name, size_t n, size_t most) {
  size_t widest = 8;
  for (size_t i = 0; i < n; i++) {
    size_t w = as_text_columns(name[i]);
    if (w > widest) widest = w;
  }
  return widest < most ? widest : most;
}

void as_chart_head(const as_chart *c, const char *columns) {
  if (!c->csv) return;
  as_str_put(c->csv, columns);
  as_str_putc(c->csv, '\n');
}

void as_chart_row(const as_chart *c, const char *what, ...) {
  va_list ap;
  if (!c->csv) return;
  va_start(ap, what);
  for (const char *w = what; *w; w++) {
    if (w > what) as_str_putc(c->csv, ',');
    if (*w == 's') {
      as_put_csv(c->csv, va_arg(ap, const char *));
      continue;
    }
    char digits[32];
    const double v = va_arg(ap, double);
    as_f64_text(v, digits);
    if (isfinite(v)) as_str_put(c->csv, v == floor(v) && fabs(v) < 1e15 ? as_fix(v, 0).s : digits);
  }
  va_end(ap);
  as_str_putc(c->csv, '\n');
}
