/* Dot plot with intervals: a row per model, a panel per set (Cleveland's dot plot; with differences
 * on the axis it is a forest plot). Each panel has its own axis, and says so. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/report/report_charts_int.h"
#include "eval/report/svg.h"
#include "tensor/base/mem.h"

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median_of(const double *v, size_t n, double *work) {
  size_t m = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(v[i])) work[m++] = v[i];
  if (m == 0) return NAN;
  qsort(work, m, sizeof *work, ascending);
  return m % 2 ? work[m / 2] : (work[m / 2 - 1] + work[m / 2]) / 2;
}

static void put_panel(const as_chart *c, const as_dots *d, size_t panel, double x0, double x1, double top,
                      double row, double *work) {
  const double *v = &d->v[panel * d->n_rows], *lo = &d->lo[panel * d->n_rows],
               *hi = &d->hi[panel * d->n_rows];
  as_str *out = c->svg;
  double from = INFINITY, to = -INFINITY, bottom = top + row * (double)d->n_rows;
  for (size_t i = 0; i < d->n_rows; i++) {
    if (!isfinite(v[i])) continue;
    from = fmin(from, isfinite(lo[i]) ? lo[i] : v[i]);
    to = fmax(to, isfinite(hi[i]) ? hi[i] : v[i]);
  }
  as_svg_text(out, (x0 + x1) / 2, top - 12, 'm', "col", d->panel_name[panel], (size_t)((x1 - x0) / 6.8));
  as_svg_rect(out, x0, top, x1 - x0, bottom - top, "frame");
  if (from > to) {
    as_svg_text(out, (x0 + x1) / 2, (top + bottom) / 2, 'm', "tick", "no values", 0);
    return;
  }
  as_svg_scale s = as_svg_scale_make(from, to, x0 + 4, x1 - 4, false);
  double tick[8];
  size_t max = (size_t)fmin(8, fmax(3, (x1 - x0) / 44)), n = as_svg_ticks(&s, tick, max);
  int dec = as_svg_tick_decimals(tick, n, 0.01);
  for (size_t i = 0; i < n; i++) {
    double x = as_svg_at(&s, tick[i]);
    as_svg_line(out, x, top, x, bottom, "grid");
    as_num t = d->sign ? as_fix_signed(100 * tick[i], dec) : as_pct(tick[i], dec);
    as_svg_text(out, x, bottom + 16, 'm', "tick", t.s, 0);
  }
  if (d->sign && s.lo < 0 && s.hi > 0)
    as_svg_line(out, as_svg_at(&s, 0), top, as_svg_at(&s, 0), bottom, "zero");
  double mid = median_of(v, d->n_rows, work);
  if (d->median && d->n_rows > 2 && isfinite(mid)) {
    as_svg_line(out, as_svg_at(&s, mid), top, as_svg_at(&s, mid), bottom, "median");
    as_chart_row(c, "sssfff", "median", "", d->panel_name[panel], mid, NAN, NAN);
  }
  for (size_t i = 0; i < d->n_rows; i++) {
    double y = top + row * ((double)i + 0.5);
    if (!isfinite(v[i])) {
      as_svg_text(out, x0 + 6, y + 4, 's', "tick", "absent", 0);
      continue;
    }
    as_str tip = {0};
    as_put_name(&tip, d->row_name[i], 0, false);
    as_str_put(&tip, ", ");
    as_put_name(&tip, d->panel_name[panel], 0, false);
    as_str_put(&tip, ": ");
    as_str_put(&tip, d->sign ? as_fix_signed(100 * v[i], 2).s : as_pct(v[i], 2).s);
    if (isfinite(lo[i]) && isfinite(hi[i])) {
      as_str_put(&tip, " [");
      as_str_put(&tip, d->sign ? as_fix_signed(100 * lo[i], 2).s : as_pct(lo[i], 2).s);
      as_str_put(&tip, ", ");
      as_str_put(&tip, d->sign ? as_fix_signed(100 * hi[i], 2).s : as_pct(hi[i], 2).s);
      as_str_putc(&tip, ']');
    }
    as_str_putc(&tip, ' ');
    as_str_put(&tip, d->unit);
    const bool open = d->open && d->open[panel * d->n_rows + i];
    as_svg_group(out, open ? "pt open" : "pt", as_str_c(&tip));
    as_chart_row(c, "sssfff", open ? "open" : "dot", d->row_name[i], d->panel_name[panel], v[i], lo[i],
                 hi[i]);
    if (isfinite(lo[i]) && isfinite(hi[i]))
      as_svg_line(out, as_svg_at(&s, lo[i]), y, as_svg_at(&s, hi[i]), y, "span");
    as_svg_dot(out, as_svg_at(&s, v[i]), y, 4, "dot");
    as_svg_end(out);
    if (tip.failed) out->failed = true;
    as_str_clear(&tip);
  }
}

void as_chart_dots(const as_chart *c, const as_dots *d) {
  as_str *out = c->svg;
  const double width = 940, gap = 14, row = 22, head = 34, foot = 30;
  if (d->n_rows == 0 || d->n_panels == 0) return;
  const size_t columns = as_chart_name_columns(d->row_name, d->n_rows, d->n_panels > 2 ? 30 : 40);
  const double side = 16 + as_svg_text_width(columns, 12);
  double *work = as_alloc(d->n_rows, sizeof *work, NULL);
  if (!work) {
    out->failed = true;
    return;
  }
  size_t across = d->n_panels < 4 ? d->n_panels : 4;
  if (d->n_panels == 5) across = 5;
  size_t bands = (d->n_panels + across - 1) / across;
  double band = head + row * (double)d->n_rows + foot;
  double panel_width = (width - side) / (double)across - gap;
  as_svg_open(out, width, band * (double)bands, d->alt);
  as_chart_head(c, "mark,row,panel,value,lo,hi");
  for (size_t b = 0; b < bands; b++) {
    double top = band * (double)b + head;
    for (size_t i = 0; i < d->n_rows; i++) {
      as_svg_group(out, NULL, d->row_name[i]);
      as_svg_text(out, side - 12, top + row * ((double)i + 0.5) + 4, 'e', "name", d->row_name[i], columns);
      as_svg_end(out);
    }
    as_svg_text(out, side - 12, top + row * (double)d->n_rows + 16, 'e', "tick", d->unit, 0);
    for (size_t k = 0; k < across && b * across + k < d->n_panels; k++) {
      double x0 = side + (panel_width + gap) * (double)k;
      put_panel(c, d, b * across + k, x0, x0 + panel_width, top, row, work);
    }
  }
  as_svg_close(out);
  as_free(work);
}
