/* The translation curve as a chart: one line per set over the size of the gap on the base set. */
#include <math.h>
#include <stdio.h>

#include "eval/report/report_charts_int.h"
#include "eval/report/svg.h"
#include "eval/stats/stats_translation.h"

enum { COLOURS = 6, LINES = 12 };

static void put_series(const as_chart *c, const as_translation_bin *bins, const char *name, size_t line,
                       size_t lines, size_t n_bins, const as_svg_scale *y, const double *centre,
                       double step) {
  double x[AS_TRANSLATION_BINS], v[AS_TRANSLATION_BINS];
  as_str *out = c->svg;
  /* Lines stand a little beside each other, so that their interval bars do not cover one another. */
  double shift = lines > 1 ? ((double)line / (double)(lines - 1) - 0.5) * step * 0.5 : 0;
  char cls[32];
  snprintf(cls, sizeof cls, "series s%zu", line % COLOURS);
  as_svg_group(out, cls, NULL);
  for (size_t b = 0; b < n_bins; b++) {
    x[b] = centre[b] + shift;
    v[b] = bins[b].pairs > 0 ? as_svg_at(y, bins[b].share) : NAN;
  }
  as_svg_polyline(out, x, v, n_bins, line >= COLOURS ? "ink dashed" : "ink");
  for (size_t b = 0; b < n_bins; b++) {
    if (!isfinite(v[b])) continue;
    as_chart_row(c, "sffffff", name, bins[b].gap_lo, bins[b].gap_hi, (double)bins[b].pairs, bins[b].share,
                 bins[b].lo, bins[b].hi);
    as_str tip = {0};
    as_put_name(&tip, name, 0, false);
    as_str_put(&tip, ", gap ");
    as_str_put(&tip, as_pct(bins[b].gap_lo, 2).s);
    as_str_put(&tip, " to ");
    as_str_put(&tip, as_pct(bins[b].gap_hi, 2).s);
    as_str_put(&tip, " points: ");
    as_str_put(&tip, as_pct(bins[b].share, 1).s);
    as_str_printf(&tip, " %% of %lld pairs keep their order [", (long long)bins[b].pairs);
    as_str_put(&tip, as_pct(bins[b].lo, 1).s);
    as_str_put(&tip, ", ");
    as_str_put(&tip, as_pct(bins[b].hi, 1).s);
    as_str_putc(&tip, ']');
    as_svg_group(out, NULL, as_str_c(&tip));
    if (tip.failed) out->failed = true;
    as_str_clear(&tip);
    if (isfinite(bins[b].lo) && isfinite(bins[b].hi))
      as_svg_line(out, x[b], as_svg_at(y, bins[b].lo), x[b], as_svg_at(y, bins[b].hi), "span");
    as_svg_dot(out, x[b], v[b], 4, "node");
    as_svg_end(out);
  }
  as_svg_end(out);
}

void as_chart_translation(const as_chart *c, const char *const *name, const as_translation_bin *const *bins,
                          size_t n, size_t n_bins) {
  as_str *out = c->svg;
  if (n == 0 || n_bins > AS_TRANSLATION_BINS) return;
  if (n > LINES) n = LINES;
  const double left = 52, top = 14, bottom = 330, width = 940, height = 386;
  const size_t columns = as_chart_name_columns(name, n, 30);
  const double right = width - 20 - as_svg_text_width(columns, 12);
  double lowest = 0.5, centre[AS_TRANSLATION_BINS], step = (right - left) / (double)n_bins;
  for (size_t k = 0; k < n; k++)
    for (size_t b = 0; b < n_bins; b++)
      if (bins[k][b].pairs > 0) lowest = fmin(lowest, bins[k][b].lo);
  as_svg_scale y = {.lo = lowest - 0.02, .hi = 1.02, .px0 = bottom, .px1 = top};
  as_svg_open(out, width, height,
              "Translation curve: share of the pairs of models that keep their order, by the gap on the base "
              "set, one line "
              "per set. The numbers are in the table below.");
  as_chart_head(c, "set,gap_lo,gap_hi,pairs,share,share_lo,share_hi");
  as_svg_rect(out, left, top, right - left, bottom - top, "frame");
  double tick[12];
  size_t n_ticks = as_svg_ticks(&y, tick, 8);
  for (size_t i = 0; i < n_ticks; i++) {
    as_svg_line(out, left, as_svg_at(&y, tick[i]), right, as_svg_at(&y, tick[i]), "grid");
    as_svg_text(out, left - 6, as_svg_at(&y, tick[i]) + 4, 'e', "tick", as_pct(tick[i], 0).s, 0);
  }
  as_svg_line(out, left, as_svg_at(&y, 0.5), right, as_svg_at(&y, 0.5), "median");
  as_svg_text(out, right - 6, as_svg_at(&y, 0.5) - 5, 'e', "on-line", "a coin toss", 0);
  for (size_t b = 0; b < n_bins; b++) {
    double lo = 100 * bins[0][b].gap_lo, hi = 100 * bins[0][b].gap_hi;
    as_str label = {0};
    centre[b] = left + step * ((double)b + 0.5);
    as_str_put(&label, as_fix(lo, lo == floor(lo) ? 0 : lo * 10 == floor(lo * 10) ? 1 : 2).s);
    if (hi >= 99.9) {
      as_str_put(&label, " or more");
    } else {
      as_str_put(&label, " to ");
      as_str_put(&label, as_fix(hi, hi == floor(hi) ? 0 : hi * 10 == floor(hi * 10) ? 1 : 2).s);
    }
    as_svg_text(out, centre[b], bottom + 17, 'm', "tick", as_str_c(&label), 0);
    if (label.failed) out->failed = true;
    as_str_clear(&label);
  }
  as_svg_text(out, (left + right) / 2, bottom + 38, 'm', "axis", "gap on the base set, points", 0);
  as_svg_text_up(out, 14, (top + bottom) / 2, "axis", "pairs that keep their order, %");
  double end[LINES], place[LINES];
  size_t order[LINES];
  for (size_t k = 0; k < n; k++) {
    put_series(c, bins[k], name[k], k, n, n_bins, &y, centre, step);
    end[k] = as_svg_at(&y, 1);
    for (size_t b = 0; b < n_bins; b++)
      if (bins[k][b].pairs > 0) end[k] = as_svg_at(&y, bins[k][b].share);
    size_t i = k;
    for (; i > 0 && end[order[i - 1]] > end[k]; i--) order[i] = order[i - 1];
    order[i] = k;
  }
  for (size_t i = 0; i < n; i++) place[i] = end[order[i]];
  as_svg_spread(place, n, 15, top + 4, bottom);
  for (size_t i = 0; i < n; i++) {
    char cls[32];
    snprintf(cls, sizeof cls, "series s%zu", order[i] % COLOURS);
    as_svg_group(out, cls, name[order[i]]);
    as_svg_dot(out, right + 9, place[i], 4, "node");
    as_svg_text(out, right + 17, place[i] + 4, 's', "name", name[order[i]], columns);
    as_svg_end(out);
  }
  as_svg_close(out);
}
