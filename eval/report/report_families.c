/* Models whose checkpoints say by which method they were trained: grouped by family, a row for each method, a dot for
 * each seed. */
#include <math.h>
#include <string.h>

#include "eval/report/report_html_int.h"
#include "eval/report/svg.h"

enum { ROW = 24, HEAD = 28, LEFT = 190, WIDE = 940 };

static bool same_word(const char *a, const char *b) {
  return a && b && strcmp(a, b) == 0;
}

/* Of several protocols the one with the highest mean is shown: what lies between protocols is no seed's chance. */
static const char *shown_protocol(const as_html *h) {
  const as_protocols *p = &h->s->protocols;
  return p->n ? p->name[p->chosen] : NULL;
}

static double mean_of(const as_html *h, size_t m) {
  const char *protocol = shown_protocol(h);
  if (!h->r->models[m].method || (protocol && !same_word(h->r->models[m].protocol, protocol))) return NAN;
  return h->s->models[m].value[AS_SUM_MEAN];
}

/* Is m the first model that is shown of its family, or of its method? */
static bool is_first(const as_html *h, size_t m, bool family) {
  const as_results_model *x = h->r->models;
  for (size_t i = 0; i < m; i++)
    if (isfinite(mean_of(h, i)) &&
        same_word(family ? x[i].family : x[i].method, family ? x[m].family : x[m].method))
      return false;
  return isfinite(mean_of(h, m));
}

/* The row of one method: its seeds, and their mean where there are several. */
static void put_method(const as_html *h, const as_chart *c, size_t first, size_t color, const as_svg_scale *x,
                       double y) {
  const as_results_model *model = h->r->models;
  as_str *out = c->svg;
  double sum = 0;
  size_t n = 0;
  as_svg_text(out, LEFT - 14, y + 4, 'e', "name", model[first].method, 24);
  for (size_t m = first; m < h->r->n_models; m++) {
    const double v = mean_of(h, m);
    if (!isfinite(v) || !same_word(model[m].method, model[first].method)) continue;
    as_str cls = {0}, tip = {0};
    as_str_printf(&cls, "series s%zu", color % 6);
    as_put_name(&tip, as_model_name(h->r, m), 0, false);
    as_str_printf(&tip, ": %s %%, seed %s", as_pct(v, h->dec).s, model[m].seed ? model[m].seed : "?");
    as_svg_group(out, as_str_c(&cls), as_str_c(&tip));
    as_svg_dot(out, as_svg_at(x, v), y, 5, "node");
    as_svg_end(out);
    as_chart_row(c, "sssssf", "dot", model[m].family, model[m].method, as_model_name(h->r, m),
                 model[m].seed ? model[m].seed : "", v);
    if (cls.failed || tip.failed) out->failed = true;
    as_str_clear(&cls);
    as_str_clear(&tip);
    sum += v;
    n++;
  }
  const double mean = as_svg_at(x, sum / (double)n);
  if (n > 1) as_svg_line(out, mean, y - 9, mean, y + 9, "zero");
  as_chart_row(c, "sssssf", "mean", model[first].family, model[first].method, "", "", sum / (double)n);
  as_svg_text(out, WIDE - 8, y + 4, 'e', "tick", as_pct(sum / (double)n, h->dec).s, 0);
}

static void put_families(const as_html *h, const as_chart *c, size_t families, size_t methods, double lo,
                         double hi) {
  const double bottom = 8 + HEAD * (double)families + ROW * (double)methods;
  const as_svg_scale x = as_svg_scale_make(lo, hi, LEFT, WIDE - 60, false);
  as_str *out = c->svg;
  double tick[10], y = 8;
  as_svg_open(out, WIDE, bottom + 40,
              "Dot plot: mean of top-1 over the sets of every trained model, a row per method, a dot per "
              "seed, grouped "
              "by family. The numbers are in the table of the unified metric.");
  as_chart_head(c, "mark,family,method,model,seed,value");
  const size_t n = as_svg_ticks(&x, tick, 8);
  for (size_t i = 0; i < n; i++) {
    as_svg_line(out, as_svg_at(&x, tick[i]), 8, as_svg_at(&x, tick[i]), bottom, "grid");
    as_svg_text(out, as_svg_at(&x, tick[i]), bottom + 16, 'm', "tick",
                as_pct(tick[i], as_svg_tick_decimals(tick, n, 0.01)).s, 0);
  }
  size_t color = 0;
  for (size_t f = 0; f < h->r->n_models; f++) {
    if (!is_first(h, f, true)) continue;
    const char *family = h->r->models[f].family;
    as_svg_text(out, 8, y + 18, 's', "col", *family ? family : "other", 24);
    y += HEAD;
    for (size_t m = f; m < h->r->n_models; m++) {
      if (!is_first(h, m, false) || !same_word(h->r->models[m].family, family)) continue;
      put_method(h, c, m, color, &x, y + ROW / 2.0 - 6);
      y += ROW;
    }
    color++;
  }
  as_svg_text(out, (LEFT + WIDE - 60) / 2.0, bottom + 34, 'm', "axis",
              "mean of top-1 over the sets, per cent", 0);
  as_svg_close(out);
}

void as_html_families(const as_html *h) {
  size_t families = 0, methods = 0, shown = 0;
  double lo = INFINITY, hi = -INFINITY;
  for (size_t m = 0; m < h->r->n_models; m++) {
    const double v = mean_of(h, m);
    if (!isfinite(v)) continue;
    shown++;
    families += is_first(h, m, true);
    methods += is_first(h, m, false);
    lo = v < lo ? v : lo;
    hi = v > hi ? v : hi;
  }
  if (methods < 2) return;
  as_str_put(h->out, "<section id=\"families\"><h2>Methods by family</h2>\n");
  as_str_printf(h->out, "<p class=\"how\">As the checkpoints say themselves: %zu methods", methods);
  if (shown_protocol(h)) as_str_put(h->out, ", with ");
  if (shown_protocol(h)) as_html_text(h, shown_protocol(h));
  as_str_printf(h->out, ". %s</p>\n",
                shown > methods
                    ? "A dot is a seed, a stroke the mean of a method's; what lies between the seeds of one "
                      "method is chance, and no merit of another."
                    : "One seed each: how far another seed would lie is not known.");
  const as_chart c = as_html_figure(h, "families", NULL);
  put_families(h, &c, families, methods, lo, hi);
  as_html_figure_end(h, &c);
  as_str_put(h->out, "</section>\n");
}

/* Methods with seeds as units: what the seeds decide, in tables. */
void as_html_methods(const as_html *h) {
  as_sheet sh = {0};
  if (!as_html_sheet(h, "methods", &sh)) return;
  as_str_put(h->out, "<section id=\"methods\"><h2>Methods and seeds</h2>\n");
  as_html_sheet_table(h, &sh, NULL, true);
  as_html_how(h, &sh);
  as_html_part_table(h, "method-sets", "Which methods the seeds tell apart, set by set");
  as_html_part_table(h, "method-pairs", "Every pair of methods on every set");
  as_str_put(h->out, "</section>\n");
  as_sheet_clear(&sh);
}
