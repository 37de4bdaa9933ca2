#include "eval/report/curves.h"

#include <math.h>

#include "eval/report/report_fmt.h"
#include "eval/report/svg.h"
#include "tensor/base/mem.h"

enum { PANEL_W = 430, PANEL_H = 236, TOP = 34, DOTS = 40 };

static size_t count_values(const as_curve *c, size_t epochs) {
  size_t n = 0;
  for (size_t i = 0; i < epochs; i++) n += isfinite(c->v[i]) != 0;
  return n;
}

static void put_ticks(as_str *out, const as_svg_scale *x, const as_svg_scale *y) {
  double tick[12];
  size_t n = as_svg_ticks(y, tick, 6);
  const int decimals = as_svg_tick_decimals(tick, n, 1);
  for (size_t i = 0; i < n; i++) {
    const double at = as_svg_at(y, tick[i]);
    as_svg_line(out, x->px0, at, x->px1, at, "grid");
    as_svg_text(out, x->px0 - 6, at + 4, 'e', "tick",
                decimals < 4 ? as_fix(tick[i], decimals).s : as_digits(tick[i], 2).s, 0);
  }
  n = as_svg_ticks(x, tick, 9);
  for (size_t i = 0; i < n; i++) /* epochs are whole */
    if (tick[i] >= 1 && tick[i] == floor(tick[i]))
      as_svg_text(out, as_svg_at(x, tick[i]), y->px0 + 16, 'm', "tick", as_fix(tick[i], 0).s, 0);
}

static void put_panel(as_str *out, const as_curve *c, size_t epochs, double left, double top, size_t number) {
  double lo = INFINITY, hi = -INFINITY, last = NAN;
  for (size_t i = 0; i < epochs; i++) {
    if (!isfinite(c->v[i])) continue;
    last = c->v[i];
    lo = last < lo ? last : lo;
    hi = last > hi ? last : hi;
  }
  const as_svg_scale x = as_svg_scale_make(1, epochs > 1 ? (double)epochs : 2, left + 56, left + PANEL_W - 62,
                                           false),
                     y = as_svg_scale_make(lo, hi, top + PANEL_H - 52, top + 12, false);
  double *px = as_alloc(2 * epochs, sizeof *px, NULL), *py = px ? px + epochs : NULL;
  if (!px) {
    out->failed = true;
    return;
  }
  for (size_t i = 0; i < epochs; i++) {
    px[i] = as_svg_at(&x, (double)(i + 1));
    py[i] = isfinite(c->v[i]) ? as_svg_at(&y, c->v[i]) : NAN;
  }
  as_svg_rect(out, x.px0, y.px1, x.px1 - x.px0, y.px0 - y.px1, "frame");
  put_ticks(out, &x, &y);
  as_str cls = {0};
  as_str_printf(&cls, "series s%zu", number % 6);
  as_svg_group(out, as_str_c(&cls), c->name);
  as_svg_polyline(out, px, py, epochs, "ink");
  for (size_t i = 0; i < epochs && epochs <= DOTS; i++)
    if (isfinite(py[i])) as_svg_dot(out, px[i], py[i], 2.5, "node");
  as_svg_end(out);
  as_svg_text(out, x.px0, top + 4, 's', "col", c->name, 0);
  as_svg_text(out, x.px1 + 5, as_svg_at(&y, last) + 4, 's', "tick", as_digits(last, 3).s, 0);
  as_svg_text(out, (x.px0 + x.px1) / 2, top + PANEL_H - 18, 'm', "axis", "epoch", 0);
  if (cls.failed) out->failed = true;
  as_str_clear(&cls);
  as_free(px);
}

void as_curves_svg(as_str *out, const char *title, const as_curve *curve, size_t n, size_t epochs) {
  size_t shown = 0;
  for (size_t i = 0; i < n; i++) shown += count_values(&curve[i], epochs) > 0;
  as_str alt = {0}, picture = {0};
  as_str_printf(&alt, "Curves of a training over %zu epochs: %s. log.tsv has the numbers.", epochs, title);
  as_svg_open(&picture, 2 * PANEL_W, TOP + (double)((shown + 1) / 2) * PANEL_H, as_str_c(&alt));
  as_svg_text(&picture, 14, 20, 's', "name", title, 0);
  size_t at = 0;
  for (size_t i = 0; i < n; i++) {
    if (count_values(&curve[i], epochs) == 0) continue;
    put_panel(&picture, &curve[i], epochs, (double)(at % 2 * PANEL_W), TOP + (double)(at / 2 * PANEL_H), i);
    at++;
  }
  as_svg_close(&picture);
  if (alt.failed || picture.failed)
    out->failed = true;
  else
    as_svg_put_file(out, as_str_c(&picture));
  as_str_clear(&alt);
  as_str_clear(&picture);
}
