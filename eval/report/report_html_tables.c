/* Tables of report.html: accuracies as a heat map, failures and gaps, the sets. */
#include <math.h>
#include <string.h>

#include "eval/report/report_html_int.h"
#include "tensor/base/mem.h"

void as_html_text(const as_html *h, const char *text) {
  as_str clean = {0};
  as_put_name(&clean, text, 0, false);
  as_put_html(h->out, as_str_c(&clean));
  if (clean.failed) h->out->failed = true;
  as_str_clear(&clean);
}

void as_html_remarks(const as_html *h, bool full) {
  const as_results *r = h->r;
  if (r->n_remarks == 0 && r->complete) return;
  as_str_printf(h->out, "<aside class=\"remarks%s\">", full ? "" : " small");
  if (!r->complete) as_str_put(h->out, "<p><b>This run is not complete.</b></p>");
  for (size_t i = 0; i < r->n_remarks && (full || r->n_remarks <= 3); i++) {
    as_str_put(h->out, "<p>");
    as_html_text(h, r->remarks[i]);
    as_str_put(h->out, "</p>");
  }
  if (!full && r->n_remarks > 3)
    as_str_printf(h->out, "<p><a href=\"#remarks\">%zu remarks</a> apply to this table.</p>", r->n_remarks);
  as_str_put(h->out, "</aside>\n");
}

void as_html_table(const as_html *h, const as_grid *g, const char *summary) {
  /* longer ones stay folded on paper */
  as_str_put(h->out, g->rows > 60 ? "<details class=\"long\"><summary>" : "<details><summary>");
  as_str_put(h->out, summary);
  as_str_put(h->out, "</summary>\n");
  as_grid_html(h->out, g, NULL);
  as_html_remarks(h, false);
  as_str_put(h->out, "</details>\n");
}

void as_html_shown(const as_html *h) {
  if (h->rows < h->r->n_models)
    as_str_printf(h->out,
                  "<p class=\"how\">The chart shows the first %zu of %zu models by the unified metric; the "
                  "table has all.</p>\n",
                  h->rows, h->r->n_models);
}

/* Eight shades between the smallest and the largest value of a column. */
static int shade(double v, double lo, double hi) {
  if (!(hi > lo)) return 3;
  int k = (int)floor(8 * (v - lo) / (hi - lo));
  return k < 0 ? 0 : k > 7 ? 7 : k;
}

static void put_value(const as_html *h, const char *cls, double v, double lo, double hi, double from,
                      double to, const as_cell *raw) {
  as_str_printf(h->out, "<td class=\"h%d%s\">%s", shade(v, from, to), cls, as_pct(v, h->dec).s);
  if (raw && raw->n_failed > 0)
    as_str_printf(h->out, " <span class=\"fail\" title=\"%lld of %lld images failed\">*</span>",
                  (long long)raw->n_failed, (long long)raw->n_expected);
  if (isfinite(lo) && isfinite(hi))
    as_str_printf(h->out, "<small>%s\xE2\x80\x93%s</small>", as_pct(lo, h->dec).s, as_pct(hi, h->dec).s);
  as_str_put(h->out, "</td>");
}

void as_html_heat(const as_html *h) {
  const as_results *r = h->r;
  as_str_put(h->out, "<section id=\"accuracy\"><h2>Accuracy</h2>\n<p class=\"how\">Top-1 in per cent");
  if (h->s->any_interval) as_str_put(h->out, ", 95&nbsp;% Wilson interval below it");
  as_str_put(h->out,
             ". Shades run from the lowest to the highest value of each column, so they compare models, not "
             "sets. Models are in the order of the unified metric, the last column.</p>\n");
  as_str_printf(h->out,
                "<div class=\"scroll%s\"><table class=\"heat\">\n<thead><tr><th scope=\"col\">model</th>",
                r->n_models > 60 ? " tall" : "");
  double *lo = as_alloc(r->n_sets + 1, 2 * sizeof *lo, NULL), *hi = lo ? lo + r->n_sets + 1 : NULL;
  if (!lo) {
    h->out->failed = true;
    return;
  }
  for (size_t k = 0; k <= r->n_sets; k++) {
    lo[k] = INFINITY;
    hi[k] = -INFINITY;
    for (size_t m = 0; m < r->n_models; m++) {
      double v = k < r->n_sets ? as_sum_at(h->s, m, k)->acc : h->s->models[m].value[AS_SUM_MEAN];
      if (!isfinite(v)) continue;
      lo[k] = fmin(lo[k], v);
      hi[k] = fmax(hi[k], v);
    }
  }
  for (size_t k = 0; k < r->n_sets; k++) {
    as_str_put(h->out, "<th scope=\"col\" class=\"num\">");
    as_html_text(h, as_html_set(h, k));
    as_str_put(h->out, "</th>");
  }
  as_str_put(h->out, "<th scope=\"col\" class=\"num\">mean of all</th></tr></thead>\n<tbody>\n");
  for (size_t i = 0; i < r->n_models; i++) {
    size_t m = h->s->order[i];
    as_str_put(h->out, "<tr><th scope=\"row\">");
    as_html_text(h, as_model_name(r, m));
    if (r->models[m].note && *r->models[m].note && r->n_models <= 60) {
      as_str_put(h->out, "<br><small>");
      as_html_text(h, r->models[m].note);
      as_str_put(h->out, "</small>");
    }
    as_str_put(h->out, "</th>");
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_sum_cell *c = as_sum_at(h->s, m, k);
      if (c->ok) {
        put_value(h, "", c->acc, c->lo, c->hi, lo[k], hi[k], as_results_cell(r, m, k));
        continue;
      }
      as_str_put(h->out, "<td class=\"gone\" title=\"");
      as_html_text(h, c->why);
      as_str_put(h->out, "\">absent</td>");
    }
    const as_sum_model *d = &h->s->models[m];
    if (d->whole)
      put_value(h, " all", d->value[AS_SUM_MEAN], d->mean_lo, d->mean_hi, lo[r->n_sets], hi[r->n_sets], NULL);
    else
      as_str_put(h->out, "<td class=\"gone all\">incomplete</td>");
    as_str_put(h->out, "</tr>\n");
  }
  as_str_put(h->out, "</tbody></table></div>\n");
  if (r->n_models <= 200) as_html_part_table(h, "top5", "Top-5 accuracy");
  as_html_remarks(h, true);
  as_str_put(h->out, "</section>\n");
  as_free(lo);
}

void as_html_gaps(const as_html *h, as_err *err) {
  const as_results *r = h->r;
  if (!h->s->n_failed_cells && !h->s->n_absent) return;
  as_str_put(h->out, "<section id=\"gaps\"><h2>Failures and gaps</h2>\n");
  as_grid g;
  if (h->s->n_failed_cells && as_grid_init(&g, h->s->n_failed_cells, 7, err) == AS_OK) {
    static const char *const heads[] = {"model",  "set",   "expected",      "used",
                                        "failed", "top-1", "failed = wrong"};
    for (size_t c = 0; c < 7; c++) as_grid_head(&g, c, heads[c]);
    g.align[1] = 'l';
    size_t row = 0;
    for (size_t i = 0; i < r->n_models * r->n_sets; i++) {
      const as_cell *c = &r->cells[i];
      if (c->n_failed <= 0) continue;
      as_put_name(as_grid_at(&g, row, 0), as_model_name(r, i / r->n_sets), 0, false);
      as_put_name(as_grid_at(&g, row, 1), as_set_name(r, i % r->n_sets), 0, false);
      as_grid_put(&g, row, 2, "%lld", (long long)c->n_expected);
      as_grid_put(&g, row, 3, "%lld", (long long)c->n_used);
      as_grid_put(&g, row, 4, "%lld", (long long)c->n_failed);
      as_grid_put(&g, row, 5, "%s", as_pct(h->s->cells[i].acc, h->dec).s);
      as_grid_put(&g, row, 6, "%s", as_pct(h->s->cells[i].floor, h->dec).s);
      row++;
    }
    as_str_put(
        h->out,
        "<p>Some images could not be used. Accuracies are over the images used; the last column counts "
        "every failed image as wrong.</p>\n");
    as_grid_html(h->out, &g, NULL);
    as_grid_clear(&g);
  }
  if (h->s->n_absent && as_grid_init(&g, h->s->n_absent, 3, err) == AS_OK) {
    static const char *const heads[] = {"model", "set", "why there is no accuracy"};
    size_t row = 0;
    for (size_t c = 0; c < 3; c++) {
      as_grid_head(&g, c, heads[c]);
      g.align[c] = 'l';
    }
    for (size_t i = 0; i < r->n_models * r->n_sets; i++) {
      if (h->s->cells[i].ok) continue;
      as_put_name(as_grid_at(&g, row, 0), as_model_name(r, i / r->n_sets), 0, false);
      as_put_name(as_grid_at(&g, row, 1), as_set_name(r, i % r->n_sets), 0, false);
      as_put_name(as_grid_at(&g, row, 2), h->s->cells[i].why, 0, false);
      row++;
    }
    as_grid_html(h->out, &g, NULL);
    as_grid_clear(&g);
  }
  if (h->s->n_failed_cells) as_html_part_table(h, "failures", "Every failure with its reason");
  as_html_remarks(h, false);
  as_str_put(h->out, "</section>\n");
}

void as_html_sets(const as_html *h) {
  const as_results *r = h->r;
  as_str_put(h->out, "<section id=\"sets\"><h2>The sets</h2>\n<dl class=\"terms\">");
  for (size_t k = 0; k < r->n_sets; k++) {
    as_str_put(h->out, "<dt>");
    as_html_text(h, as_html_set(h, k));
    as_str_put(h->out, "</dt><dd>");
    as_html_text(h, r->sets[k].rule && *r->sets[k].rule ? r->sets[k].rule : "top-1");
    if (r->sets[k].classes && !as_set_rule_counts(r, k))
      as_str_printf(h->out, "; argmax over %zu classes", r->sets[k].classes);
    int64_t lo = INT64_MAX, hi = 0;
    for (size_t m = 0; m < r->n_models; m++) {
      const as_cell *c = as_results_cell(r, m, k);
      if (!c->present || c->n_expected <= 0) continue;
      if (c->n_expected < lo) lo = c->n_expected;
      if (c->n_expected > hi) hi = c->n_expected;
    }
    if (hi > 0 && lo == hi) as_str_printf(h->out, "; %lld images", (long long)hi);
    if (hi > 0 && lo != hi) as_str_printf(h->out, "; %lld to %lld images", (long long)lo, (long long)hi);
    if (k == r->base) as_str_put(h->out, "; changes are measured from this set");
    as_str_put(h->out, "</dd>");
  }
  as_str_put(h->out, "</dl></section>\n");
}
