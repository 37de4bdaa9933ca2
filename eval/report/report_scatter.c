/* Accuracy against accuracy on logit axes (Taori et al. 2020 draw it so: on these axes the relation
 * over many models is close to a line). A cross is the 95 % interval in both directions. */
#include <math.h>
#include <string.h>

#include "eval/report/report_charts_int.h"
#include "eval/report/svg.h"
#include "eval/stats/stats.h"
#include "eval/stats/table.h"
#include "tensor/base/mem.h"

enum { FEW = 25, SOME = AS_CHART_CROSSES }; /* up to FEW models get names, up to SOME interval crosses */

static void stretch_axis(const as_sum_cell *c, double *lo, double *hi) {
  *lo = fmin(*lo, isfinite(c->lo) ? c->lo : c->acc);
  *hi = fmax(*hi, isfinite(c->hi) ? c->hi : c->acc);
}

static void put_axes(as_str *out, const as_svg_scale *x, const as_svg_scale *y, const char *xname,
                     const char *yname) {
  double tick[12], left = x->px0, right = x->px1, bottom = y->px0, top = y->px1;
  as_svg_rect(out, left, top, right - left, bottom - top, "frame");
  size_t n = as_svg_ticks(x, tick, 8);
  int dec = as_svg_tick_decimals(tick, n, 0.01);
  for (size_t i = 0; i < n; i++) {
    double at = as_svg_at(x, tick[i]);
    as_svg_line(out, at, top, at, bottom, "grid");
    as_svg_text(out, at, bottom + 16, 'm', "tick", as_pct(tick[i], dec).s, 0);
  }
  n = as_svg_ticks(y, tick, 8);
  dec = as_svg_tick_decimals(tick, n, 0.01);
  for (size_t i = 0; i < n; i++) {
    double at = as_svg_at(y, tick[i]);
    as_svg_line(out, left, at, right, at, "grid");
    as_svg_text(out, left - 6, at + 4, 'e', "tick", as_pct(tick[i], dec).s, 0);
  }
  as_str name = {0};
  as_put_name(&name, xname, 40, false);
  as_str_put(&name, ", %");
  as_svg_text(out, (left + right) / 2, bottom + 34, 'm', "axis", as_str_c(&name), 0);
  as_str_clear(&name);
  as_put_name(&name, yname, 40, false);
  as_str_put(&name, ", %");
  as_svg_text_up(out, left - 40, (top + bottom) / 2, "axis", as_str_c(&name));
  as_str_clear(&name);
}

static void put_tip(as_str *out, const as_sum *s, size_t m, size_t set) {
  const as_sum_cell *b = as_sum_at(s, m, s->r->base), *c = as_sum_at(s, m, set);
  as_put_name(out, as_model_name(s->r, m), 0, false);
  as_str_put(out, ": ");
  as_put_name(out, as_set_name(s->r, s->r->base), 0, false);
  as_str_putc(out, ' ');
  as_str_put(out, as_pct(b->acc, 2).s);
  as_str_put(out, ", ");
  as_put_name(out, as_set_name(s->r, set), 0, false);
  as_str_putc(out, ' ');
  as_str_put(out, as_pct(c->acc, 2).s);
}

/* The least-squares line of these models with its 95 % band, and the published line of the set where
 * there is one, over the width of the picture. */
static void put_fit_lines(const as_chart *c, const as_sum *s, size_t set, const as_svg_scale *x,
                          const as_svg_scale *y) {
  enum { STEPS = 32 };
  const as_results *r = s->r;
  const double clip = 1e-4;
  as_str *out = c->svg;
  double px[STEPS + 1], mid[STEPS + 1], lo[STEPS + 1], hi[STEPS + 1];
  double *a = as_alloc(r->n_models, 2 * sizeof *a, NULL), *b = a ? a + r->n_models : NULL;
  as_fit fit;
  if (!a) {
    out->failed = true;
    return;
  }
  for (size_t m = 0; m < r->n_models; m++) {
    a[m] = as_sum_at(s, m, r->base)->acc;
    b[m] = as_sum_at(s, m, set)->acc;
  }
  as_status st = as_fit_logit(a, b, r->n_models, clip, &fit, NULL);
  as_free(a);
  if (st != AS_OK) {
    out->failed = true;
    return;
  }
  const as_set_facts *base = as_set_facts_of(r, r->base), *facts = as_set_facts_of(r, set);
  const as_robust_line *line =
      base && facts && strcmp(base->task, "imagenet-val") == 0 ? as_robust_find(facts->task, "val") : NULL;
  bool fitted = fit.n >= AS_CHART_FIT && isfinite(fit.slope) && fit.sxx > 0;
  for (size_t i = 0; i <= STEPS; i++) {
    double v = as_sigmoid(as_logit(x->lo, clip) +
                          (double)i / STEPS * (as_logit(x->hi, clip) - as_logit(x->lo, clip)));
    double l = NAN, u = NAN, m = fitted ? as_fit_logit_at(&fit, v, clip) : NAN;
    if (fitted) as_fit_logit_band(&fit, v, clip, &l, &u);
    px[i] = as_svg_at(x, v);
    mid[i] = m > y->lo && m < y->hi ? as_svg_at(y, m) : NAN;
    lo[i] = l > y->lo && l < y->hi ? as_svg_at(y, l) : NAN;
    hi[i] = u > y->lo && u < y->hi ? as_svg_at(y, u) : NAN;
    if (isfinite(mid[i]) || isfinite(lo[i]) || isfinite(hi[i]))
      as_chart_row(c, "ssffffff", "fit", "", v, NAN, NAN, isfinite(mid[i]) ? m : NAN,
                   isfinite(lo[i]) ? l : NAN, isfinite(hi[i]) ? u : NAN);
  }
  if (fitted) {
    as_svg_group(out, "fit", "least-squares line of these models on logit axes, with its 95 % band");
    as_svg_polyline(out, px, lo, STEPS + 1, "edge");
    as_svg_polyline(out, px, hi, STEPS + 1, "edge");
    as_svg_polyline(out, px, mid, STEPS + 1, "mid");
    as_svg_end(out);
  }
  if (!line) return;
  for (size_t i = 0; i <= STEPS; i++) {
    double v = as_sigmoid(as_logit(x->lo, clip) +
                          (double)i / STEPS * (as_logit(x->hi, clip) - as_logit(x->lo, clip)));
    double m = as_robust_predict(line, v);
    mid[i] = m > y->lo && m < y->hi ? as_svg_at(y, m) : NAN;
    if (isfinite(mid[i])) as_chart_row(c, "ssffffff", "testbed", "", v, NAN, NAN, m, NAN, NAN);
  }
  as_svg_group(
      out, "fit",
      "the ImageNet testbed's line over its standard models: effective robustness is the height above it");
  as_svg_polyline(out, px, mid, STEPS + 1, "testbed");
  as_svg_end(out);
}

static void put_scatter_numbers(const as_chart *c, const as_sum *s, size_t set) {
  as_chart_head(c, "mark,model,base,base_lo,base_hi,set,set_lo,set_hi");
  for (size_t i = 0; i < s->r->n_models; i++) {
    const as_sum_cell *b = as_sum_at(s, s->order[i], s->r->base), *d = as_sum_at(s, s->order[i], set);
    if (b->ok && d->ok)
      as_chart_row(c, "ssffffff", "dot", as_model_name(s->r, s->order[i]), b->acc, b->lo, b->hi, d->acc,
                   d->lo, d->hi);
  }
}

void as_chart_scatter(const as_chart *chart, const as_sum *s, size_t set) {
  as_str *out = chart->svg;
  const as_results *r = s->r;
  const double w = 460, h = 400;
  double xlo = INFINITY, xhi = -INFINITY, ylo = INFINITY, yhi = -INFINITY;
  size_t n = 0;
  for (size_t m = 0; m < r->n_models; m++) {
    const as_sum_cell *b = as_sum_at(s, m, r->base), *c = as_sum_at(s, m, set);
    if (!b->ok || !c->ok) continue;
    stretch_axis(b, &xlo, &xhi);
    stretch_axis(c, &ylo, &yhi);
    n++;
  }
  if (n == 0) return;
  as_svg_boxes taken = {.box = as_alloc(6 * r->n_models, sizeof *taken.box, NULL), .cap = 6 * r->n_models};
  if (!taken.box) {
    out->failed = true;
    return;
  }
  as_svg_scale x = as_svg_scale_make(xlo, xhi, 58, w - 14, true),
               y = as_svg_scale_make(ylo, yhi, h - 48, 14, true);
  as_str alt = {0};
  as_str_printf(&alt,
                "Scatter plot of %zu models: top-1 on %s against top-1 on %s, logit axes. The numbers are in "
                "the table of accuracies.",
                n, as_set_name(r, set), as_set_name(r, r->base));
  as_svg_open(out, w, h, as_str_c(&alt));
  as_str_clear(&alt);
  put_axes(out, &x, &y, as_set_name(r, r->base), as_set_name(r, set));
  double from = fmax(x.lo, y.lo), to = fmin(x.hi, y.hi);
  if (from < to) {
    as_svg_line(out, as_svg_at(&x, from), as_svg_at(&y, from), as_svg_at(&x, to), as_svg_at(&y, to),
                "same-line");
    as_svg_text(out, (as_svg_at(&x, from) + as_svg_at(&x, to)) / 2,
                (as_svg_at(&y, from) + as_svg_at(&y, to)) / 2 + 4, 'm', "on-line", "y = x", 0);
  }
  put_scatter_numbers(chart, s, set);
  put_fit_lines(chart, s, set, &x, &y);
  for (size_t i = r->n_models; i-- > 0;) {
    size_t m = s->order[i];
    const as_sum_cell *b = as_sum_at(s, m, r->base), *c = as_sum_at(s, m, set);
    if (!b->ok || !c->ok) continue;
    double px = as_svg_at(&x, b->acc), py = as_svg_at(&y, c->acc);
    as_str tip = {0};
    put_tip(&tip, s, m, set);
    as_svg_group(out, n > SOME ? "pt many" : "pt", as_str_c(&tip));
    if (tip.failed) out->failed = true;
    as_str_clear(&tip);
    if (n <= SOME && isfinite(b->lo) && isfinite(b->hi))
      as_svg_line(out, as_svg_at(&x, b->lo), py, as_svg_at(&x, b->hi), py, "span");
    if (n <= SOME && isfinite(c->lo) && isfinite(c->hi))
      as_svg_line(out, px, as_svg_at(&y, c->lo), px, as_svg_at(&y, c->hi), "span");
    as_svg_dot(out, px, py, n > SOME ? 2 : 3.5, "dot");
    as_svg_end(out);
    as_svg_take(&taken, (as_svg_box){px - 4, py - 4, px + 4, py + 4});
  }
  taken.frame = (as_svg_box){x.px0 + 2, y.px1 + 2, x.px1 - 2, y.px0 - 2};
  for (size_t i = 0; i < r->n_models && n <= FEW; i++) {
    size_t m = s->order[i];
    const as_sum_cell *b = as_sum_at(s, m, r->base), *c = as_sum_at(s, m, set);
    if (!b->ok || !c->ok) continue;
    as_str name = {0};
    as_put_name(&name, as_model_name(r, m), 20, false);
    double tx, ty;
    double wide = as_svg_text_width(as_text_columns(as_str_c(&name)), 11);
    as_svg_mark mark = {as_svg_at(&x, b->acc), as_svg_at(&y, c->acc), 4};
    if (as_svg_place(&taken, mark, wide, 13, &tx, &ty))
      as_svg_text(out, tx, ty, 's', "point-name", as_str_c(&name), 0);
    as_str_clear(&name);
  }
  as_svg_close(out);
  as_free(taken.box);
}
