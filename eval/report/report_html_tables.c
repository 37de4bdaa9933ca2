/* Tables of report.html: accuracies as a heat map, failures and gaps, the sets. */
#include <math.h>
#include <string.h>

#include "eval/report/report_html_int.h"

enum { MOST_NOTES = 60, MOST_TOP5 = 200, OPEN_ROWS = 16 }; /* models; more of them are only named */

static double heat_value(const as_html *h, size_t model, size_t col) {
  if (col == h->r->n_sets) return h->s->models[model].value[AS_SUM_MEAN];
  return as_sum_at(h->s, model, col)->acc;
}

/* Eight shades between the smallest and the largest value of a column. */
static void shade_column(const as_html *h, as_grid *g, size_t col) {
  double lo = INFINITY, hi = -INFINITY;
  for (size_t m = 0; m < h->r->n_models; m++) {
    double v = heat_value(h, m, col);
    if (!isfinite(v)) continue;
    lo = fmin(lo, v);
    hi = fmax(hi, v);
  }
  for (size_t i = 0; i < h->r->n_models; i++) {
    double v = heat_value(h, h->s->order[i], col);
    double place = hi > lo ? floor(AS_GRID_SHADES * (v - lo) / (hi - lo)) : 3;
    as_grid_shade(g, i, col + 1, isfinite(v) ? 1 + (unsigned)fmin(AS_GRID_SHADES - 1, place) : AS_GRID_GONE);
  }
}

static void put_heat_value(const as_html *h, as_grid *g, size_t row, size_t col, double v, double lo,
                           double hi) {
  as_grid_put(g, row, col, "%s", as_pct(v, h->dec).s);
  if (isfinite(lo) && isfinite(hi))
    as_grid_put(g, row, col, "\n%s\xE2\x80\x93%s", as_pct(lo, h->dec).s, as_pct(hi, h->dec).s);
}

static void fill_heat_row(const as_html *h, as_grid *g, size_t row) {
  const as_results *r = h->r;
  size_t m = h->s->order[row];
  const as_sum_model *d = &h->s->models[m];
  as_put_name(as_grid_at(g, row, 0), as_model_name(r, m), 0, false);
  if (r->models[m].note && *r->models[m].note && r->n_models <= MOST_NOTES) {
    as_str_putc(as_grid_at(g, row, 0), '\n');
    as_put_name(as_grid_at(g, row, 0), r->models[m].note, 0, false);
  }
  for (size_t k = 0; k < r->n_sets; k++) {
    const as_sum_cell *c = as_sum_at(h->s, m, k);
    const as_cell *raw = as_results_cell(r, m, k);
    as_str why = {0};
    as_put_marks(&why, h->s, m, k, false);
    if (why.n) as_grid_put(g, row, k + 1, "%s ", as_str_c(&why));
    as_str_clear(&why);
    if (!isfinite(c->shown)) as_grid_put(g, row, k + 1, "absent");
    if (!c->ok) as_put_name(&why, c->why, 0, false);
    if (raw->n_failed > 0)
      as_str_printf(&why, "%s%lld of %lld images failed", why.n ? "; " : "", (long long)raw->n_failed,
                    (long long)raw->n_expected);
    if (raw->in_train.n > 0)
      as_str_printf(&why, "%s%lld images are in the training set", why.n ? "; " : "",
                    (long long)raw->in_train.n);
    if (isfinite(c->shown)) put_heat_value(h, g, row, k + 1, c->shown, c->lo, c->hi);
    if (why.n) as_grid_tip(g, row, k + 1, as_str_c(&why));
    as_str_clear(&why);
  }
  if (d->whole)
    put_heat_value(h, g, row, r->n_sets + 1, d->value[AS_SUM_MEAN], d->mean_lo, d->mean_hi);
  else
    as_grid_put(g, row, r->n_sets + 1, "incomplete");
  if (g->cols > r->n_sets + 2) as_grid_put(g, row, r->n_sets + 2, "%s", as_tier_text(h->s, m, r->n_sets).s);
}

void as_html_heat(const as_html *h, as_err *err) {
  const as_results *r = h->r;
  bool tiers = as_sum_any_tier(h->s, r->n_sets);
  as_grid g;
  if (as_grid_init(&g, r->n_models, r->n_sets + 2 + tiers, err) != AS_OK) {
    h->out->failed = true;
    return;
  }
  as_str_put(h->out, "<section id=\"accuracy\"><h2>Accuracy</h2>\n<p class=\"how\">Top-1 in per cent");
  if (h->s->any_interval) as_str_put(h->out, ", 95&nbsp;% Wilson interval below it");
  as_str_put(h->out,
             ". Shades run from the lowest to the highest value of each column, so they compare models, not "
             "sets. Models are in the order of the unified metric, the mean of all.</p>\n");
  as_html_says(h, "accuracy");
  as_str_put(h->out, "<div class=\"total\">\n");
  as_grid_head(&g, 0, "model");
  for (size_t k = 0; k < r->n_sets; k++) as_put_name(&g.head[k + 1], as_html_set(h, k), 0, false);
  as_grid_head(&g, r->n_sets + 1, "mean of all");
  if (tiers) as_grid_head(&g, r->n_sets + 2, "tier");
  g.tall = r->n_models > MOST_NOTES;
  for (size_t i = 0; i < r->n_models; i++) fill_heat_row(h, &g, i);
  for (size_t k = 0; k <= r->n_sets; k++) shade_column(h, &g, k);
  as_html_table(h, &g, NULL);
  as_grid_clear(&g);
  as_str_put(h->out, "</div>\n");
  if (r->n_models <= MOST_TOP5) as_html_part_table(h, "top5", "Top-5 accuracy");
  as_html_remarks(h, true);
  as_str_put(h->out, "</section>\n");
}

void as_html_gaps(const as_html *h) {
  as_sheet sh;
  if (!h->s->n_failed_cells && !h->s->n_absent) return;
  as_str_put(h->out, "<section id=\"gaps\"><h2>Failures and gaps</h2>\n");
  if (as_html_sheet(h, "gaps", &sh)) {
    as_html_how(h, &sh);
    as_html_sheet_table(h, &sh, "Failures and gaps", true);
    as_sheet_clear(&sh);
  }
  if (as_html_sheet(h, "failures", &sh)) {
    as_html_sheet_table(h, &sh, "Every failure with its reason", sh.n_rows <= OPEN_ROWS);
    as_sheet_clear(&sh);
  }
  as_html_remarks(h, false);
  as_str_put(h->out, "</section>\n");
}

void as_html_sets(const as_html *h) {
  as_str_put(h->out, "<section id=\"sets\"><h2>The sets</h2>\n<dl class=\"terms\">");
  for (size_t k = 0; k < h->r->n_sets; k++) {
    as_str facts = {0};
    as_put_set_facts(&facts, h->s, k);
    as_str_put(h->out, "<dt>");
    as_html_text(h, as_html_set(h, k));
    as_str_put(h->out, "</dt><dd>");
    as_html_text(h, as_str_c(&facts));
    as_str_put(h->out, "</dd>");
    if (facts.failed) h->out->failed = true;
    as_str_clear(&facts);
  }
  as_str_put(h->out, "</dl></section>\n");
}
