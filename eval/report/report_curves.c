/* Charts of curves: the reliability diagram, and the accuracies of a set's classes in rising order. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/report/report_charts_int.h"
#include "eval/report/svg.h"
#include "tensor/base/mem.h"

enum { FEWEST = 10, POINTS = 60 };

static void put_axis(as_str *out, const as_svg_scale *x, const as_svg_scale *y, bool x_ticks) {
  double tick[12];
  as_svg_rect(out, x->px0, y->px1, x->px1 - x->px0, y->px0 - y->px1, "frame");
  size_t n = as_svg_ticks(y, tick, 6);
  for (size_t i = 0; i < n; i++) {
    if (tick[i] < -1e-9 || tick[i] > 1 + 1e-9) continue;
    as_svg_line(out, x->px0, as_svg_at(y, tick[i]), x->px1, as_svg_at(y, tick[i]), "grid");
    as_svg_text(out, x->px0 - 6, as_svg_at(y, tick[i]) + 4, 'e', "tick", as_pct(tick[i], 0).s, 0);
  }
  n = x_ticks ? as_svg_ticks(x, tick, 6) : 0;
  for (size_t i = 0; i < n; i++) {
    if (tick[i] < -1e-9 || tick[i] > 1 + 1e-9) continue;
    as_svg_line(out, as_svg_at(x, tick[i]), y->px1, as_svg_at(x, tick[i]), y->px0, "grid");
    as_svg_text(out, as_svg_at(x, tick[i]), y->px0 + 16, 'm', "tick", as_pct(tick[i], 0).s, 0);
  }
}

static void line_class(char cls[32], size_t i) {
  snprintf(cls, 32, "series s%zu", i % 6);
}

/* A stroke as line i has, and its name. */
static void put_line_key(as_str *out, double x, double y, size_t i, const char *name, size_t columns) {
  char cls[32];
  const double px[2] = {x, x + 14}, py[2] = {y, y};
  line_class(cls, i);
  as_svg_group(out, cls, name);
  as_svg_polyline(out, px, py, 2, i >= 6 ? "ink dashed" : "ink");
  as_svg_text(out, x + 18, y + 4, 's', "name", name, columns);
  as_svg_end(out);
}

void as_chart_reliability(const as_chart *chart, const char *set, const char *const *name,
                          const as_calibration *const *c, size_t n) {
  as_str *out = chart->svg;
  const double w = 310, h = 300;
  const bool alone = chart->csv != NULL; /* without the page's key: it needs its own */
  as_svg_scale x = {.lo = -0.02, .hi = 1.02, .px0 = 42, .px1 = w - 10},
               y = {.lo = -0.02, .hi = 1.02, .px0 = h - 40, .px1 = 26};
  as_str alt = {0};
  as_str_printf(
      &alt,
      "Reliability diagram of %zu models on %s: accuracy by confidence. The numbers are in the table below.",
      n, set);
  as_svg_open(out, w, alone ? h + 8 + 16 * (double)n : h, as_str_c(&alt));
  as_str_clear(&alt);
  as_chart_head(chart, "model,confidence,accuracy,images");
  as_svg_text(out, (x.px0 + x.px1) / 2, 16, 'm', "col", set, 34);
  put_axis(out, &x, &y, true);
  as_svg_line(out, as_svg_at(&x, 0), as_svg_at(&y, 0), as_svg_at(&x, 1), as_svg_at(&y, 1), "same-line");
  for (size_t i = 0; i < n; i++) {
    double px[AS_CALIBRATION_BINS], py[AS_CALIBRATION_BINS];
    size_t m = 0;
    char cls[32];
    as_str tip = {0};
    for (int b = 0; b < AS_CALIBRATION_BINS; b++) {
      if (c[i]->bin[b].n < FEWEST) continue;
      px[m] = as_svg_at(&x, c[i]->bin[b].confidence);
      py[m++] = as_svg_at(&y, c[i]->bin[b].accuracy);
      as_chart_row(chart, "sfff", name[i], c[i]->bin[b].confidence, c[i]->bin[b].accuracy,
                   (double)c[i]->bin[b].n);
    }
    if (m == 0) continue;
    line_class(cls, i);
    as_put_name(&tip, name[i], 0, false);
    as_str_printf(&tip, ": accuracy %s %%, mean confidence %s %%, calibration error %s points",
                  as_pct(c[i]->accuracy, 1).s, as_pct(c[i]->confidence, 1).s, as_pct(c[i]->ece, 1).s);
    as_svg_group(out, cls, as_str_c(&tip));
    if (tip.failed) out->failed = true;
    as_str_clear(&tip);
    as_svg_polyline(out, px, py, m, i >= 6 ? "ink dashed" : "ink");
    for (size_t b = 0; b < m; b++) as_svg_dot(out, px[b], py[b], 2.5, "node");
    as_svg_end(out);
  }
  for (size_t i = 0; alone && i < n; i++) put_line_key(out, x.px0, h + 12 + 16 * (double)i, i, name[i], 36);
  as_svg_text(out, (x.px0 + x.px1) / 2, h - 6, 'm', "axis", "confidence, %", 0);
  as_svg_text_up(out, 11, (y.px0 + y.px1) / 2, "axis", "accuracy, %");
  as_svg_close(out);
}

static int rising(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void as_chart_classes(const as_chart *chart, const char *set, const char *const *name, const double *accuracy,
                      size_t n, size_t classes) {
  as_str *out = chart->svg;
  const double h = 300, width = 940;
  const size_t columns = as_chart_name_columns(name, n, 30);
  as_svg_scale x = {.lo = 0, .hi = 1, .px0 = 52, .px1 = width - 26 - as_svg_text_width(columns, 12)},
               y = {.lo = -0.02, .hi = 1.02, .px0 = h - 34, .px1 = 12};
  double *v = as_alloc(classes, sizeof *v, NULL);
  if (!v || n == 0 || n > 12) {
    if (!v) out->failed = true;
    as_free(v);
    return;
  }
  as_str alt = {0};
  as_str_printf(&alt,
                "For each model, its accuracies on the %zu classes of %s from the lowest to the highest.",
                classes, set);
  as_svg_open(out, width, h, as_str_c(&alt));
  as_str_clear(&alt);
  as_chart_head(chart, "model,share_of_classes,top1");
  put_axis(out, &x, &y, false);
  double end[12], place[12];
  size_t order[12];
  for (size_t i = 0; i < n; i++) {
    double px[POINTS + 1], py[POINTS + 1], middle = NAN;
    size_t m = 0;
    char cls[32];
    as_str tip = {0};
    for (size_t c = 0; c < classes; c++)
      if (isfinite(accuracy[i * classes + c])) v[m++] = accuracy[i * classes + c];
    qsort(v, m, sizeof *v, rising);
    for (size_t p = 0; p <= POINTS; p++) {
      double at = (double)p / POINTS;
      size_t q = m ? (size_t)floor(at * (double)(m - 1) + 0.5) : 0;
      px[p] = as_svg_at(&x, at);
      py[p] = m ? as_svg_at(&y, v[q]) : NAN;
      if (m) as_chart_row(chart, "sff", name[i], at, v[q]);
    }
    middle = m ? v[(m - 1) / 2] : NAN;
    line_class(cls, i);
    as_put_name(&tip, name[i], 0, false);
    as_str_printf(&tip, ": lowest class %s %%, median %s %%, highest %s %%", as_pct(m ? v[0] : NAN, 1).s,
                  as_pct(middle, 1).s, as_pct(m ? v[m - 1] : NAN, 1).s);
    as_svg_group(out, cls, as_str_c(&tip));
    if (tip.failed) out->failed = true;
    as_str_clear(&tip);
    as_svg_polyline(out, px, py, POINTS + 1, i >= 6 ? "ink dashed" : "ink");
    as_svg_end(out);
    /* names stand at the height of the curve's end, ties apart, the first model highest */
    end[i] = (m ? as_svg_at(&y, v[m - 1 - (m - 1) / 8]) : y.px0) + 0.01 * (double)i;
    size_t at = i;
    for (; at > 0 && end[order[at - 1]] > end[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  for (size_t i = 0; i < n; i++) place[i] = end[order[i]];
  as_svg_spread(place, n, 15, y.px1 + 6, y.px0);
  for (size_t i = 0; i < n; i++) put_line_key(out, x.px1 + 4, place[i], order[i], name[order[i]], columns);
  as_svg_text(out, x.px0, h - 12, 's', "tick", "hardest classes of each model", 0);
  as_svg_text(out, x.px1, h - 12, 'e', "tick", "easiest", 0);
  as_svg_text_up(out, 13, (y.px0 + y.px1) / 2, "axis", "top-1 of the class, %");
  as_svg_close(out);
  as_free(v);
}
