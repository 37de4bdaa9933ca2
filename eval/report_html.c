/* report.html: one self-contained page. Style is report.css, charts are inline SVG, no script. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/report_charts_int.h"
#include "eval/report_css.h"
#include "eval/report_grid.h"
#include "tensor/base/mem.h"

typedef struct html {
  as_str *out;
  const as_sum *s;
  const as_results *r;
  int dec;
  size_t rows;           /* models in charts with a row each */
  const char **row_name; /* [rows], in order */
} html;

static void put_text(const html *h, const char *text) {
  as_str clean = {0};
  as_put_name(&clean, text, 0, false);
  as_put_html(h->out, as_str_c(&clean));
  if (clean.failed) h->out->failed = true;
  as_str_clear(&clean);
}

static const char *model_name(const html *h, size_t place) {
  return as_model_name(h->r, h->s->order[place]);
}
static const char *set_name(const html *h, size_t set) {
  return as_set_name(h->r, set);
}

/* Remarks stand under every table: in full under the first, and where there are few. */
static void put_remarks(const html *h, bool full) {
  const as_results *r = h->r;
  if (r->n_remarks == 0 && r->complete) return;
  as_str_printf(h->out, "<aside class=\"remarks%s\">", full ? "" : " small");
  if (!r->complete) as_str_put(h->out, "<p><b>This run is not complete.</b></p>");
  for (size_t i = 0; i < r->n_remarks && (full || r->n_remarks <= 3); i++) {
    as_str_put(h->out, "<p>");
    put_text(h, r->remarks[i]);
    as_str_put(h->out, "</p>");
  }
  if (!full && r->n_remarks > 3)
    as_str_printf(h->out, "<p><a href=\"#remarks\">%zu remarks</a> apply to this table.</p>", r->n_remarks);
  as_str_put(h->out, "</aside>\n");
}

static void put_table(const html *h, const as_grid *g, const char *summary) {
  as_str_put(h->out, "<details><summary>");
  as_str_put(h->out, summary);
  as_str_put(h->out, "</summary>\n");
  as_grid_html(h->out, g, NULL);
  put_remarks(h, false);
  as_str_put(h->out, "</details>\n");
}

static void put_shown(const html *h) {
  if (h->rows < h->r->n_models)
    as_str_printf(h->out,
                  "<p class=\"how\">The chart shows the first %zu of %zu models by the unified metric; the "
                  "table has all.</p>\n",
                  h->rows, h->r->n_models);
}

/* Pairs of models that two columns put in opposite orders; pairs that either one ties are not counted. */
static void count_flips(const html *h, size_t a, size_t b, size_t *flips, size_t *pairs) {
  *flips = *pairs = 0;
  for (size_t i = 0; i < h->r->n_models; i++) {
    const as_sum_cell *ai = as_sum_at(h->s, i, a), *bi = as_sum_at(h->s, i, b);
    if (!ai->ok || !bi->ok) continue;
    for (size_t j = i + 1; j < h->r->n_models; j++) {
      const as_sum_cell *aj = as_sum_at(h->s, j, a), *bj = as_sum_at(h->s, j, b);
      if (!aj->ok || !bj->ok || aj->acc == ai->acc || bj->acc == bi->acc) continue;
      ++*pairs;
      if ((ai->acc < aj->acc) != (bi->acc < bj->acc)) ++*flips;
    }
  }
}

static void put_card(const html *h, const char *title, const char *big, const char *fmt, ...) AS_PRINTF(4, 5);
static void put_card(const html *h, const char *title, const char *big, const char *fmt, ...) {
  char text[256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  as_str_put(h->out, "<div class=\"card\"><span>");
  put_text(h, title);
  as_str_put(h->out, "</span><b>");
  put_text(h, big);
  as_str_put(h->out, "</b><span>");
  put_text(h, text);
  as_str_put(h->out, "</span></div>\n");
}

static void put_cards(const html *h) {
  const as_results *r = h->r;
  size_t best = r->n_models;
  for (size_t m = 0; m < r->n_models; m++) {
    const as_sum_cell *c = as_sum_at(h->s, m, r->base);
    if (c->ok && (best == r->n_models || c->acc > as_sum_at(h->s, best, r->base)->acc)) best = m;
  }
  as_str_put(h->out, "<div class=\"cards\">\n");
  as_str title = {0};
  if (best < r->n_models) {
    const as_sum_cell *c = as_sum_at(h->s, best, r->base);
    as_str_printf(&title, "First on %s", set_name(h, r->base));
    if (isfinite(c->lo) && isfinite(c->hi))
      put_card(h, as_str_c(&title), as_model_name(r, best), "top-1 %s %% [%s, %s]", as_pct(c->acc, h->dec).s,
               as_pct(c->lo, h->dec).s, as_pct(c->hi, h->dec).s);
    else
      put_card(h, as_str_c(&title), as_model_name(r, best), "top-1 %s %%", as_pct(c->acc, h->dec).s);
  }
  if (h->s->n_whole && r->n_sets > 1) {
    const as_sum_model *m = &h->s->models[h->s->order[0]];
    const as_sum_cell *c = as_sum_at(h->s, h->s->order[0], r->base);
    put_card(h, "First by the unified metric", model_name(h, 0), "mean %s %% over %zu sets; rank %s on %s",
             as_pct(m->value[AS_SUM_MEAN], h->dec).s, r->n_sets, as_rank_text(c->rank).s,
             set_name(h, r->base));
  }
  size_t worst = r->base, flips = 0, pairs = 0;
  for (size_t k = 0; k < r->n_sets && r->n_models > 1; k++) {
    size_t f, p;
    if (k == r->base) continue;
    count_flips(h, r->base, k, &f, &p);
    if (p && (worst == r->base || (double)f * (double)pairs > (double)flips * (double)p))
      worst = k, flips = f, pairs = p;
  }
  if (worst != r->base) {
    char big[64];
    as_str_clear(&title);
    as_str_printf(&title, "Order of pairs, %s to %s", set_name(h, r->base), set_name(h, worst));
    snprintf(big, sizeof big, "%zu of %zu pairs swap", flips, pairs);
    put_card(h, as_str_c(&title), big, "the set that agrees least with %s; intervals are not considered here",
             set_name(h, r->base));
  }
  if (title.failed) h->out->failed = true;
  as_str_clear(&title);
  as_str_put(h->out, "</div>\n");
}

/* Eight shades between the smallest and the largest value of a column. */
static int shade(double v, double lo, double hi) {
  if (!(hi > lo)) return 3;
  int k = (int)floor(8 * (v - lo) / (hi - lo));
  return k < 0 ? 0 : k > 7 ? 7 : k;
}

static void put_value(const html *h, const char *cls, double v, double lo, double hi, double from, double to,
                      const as_cell *raw) {
  as_str_printf(h->out, "<td class=\"h%d%s\">%s", shade(v, from, to), cls, as_pct(v, h->dec).s);
  if (raw && raw->n_failed > 0)
    as_str_printf(h->out, " <span class=\"fail\" title=\"%lld of %lld images failed\">*</span>",
                  (long long)raw->n_failed, (long long)raw->n_expected);
  if (isfinite(lo) && isfinite(hi))
    as_str_printf(h->out, "<small>%s\xE2\x80\x93%s</small>", as_pct(lo, h->dec).s, as_pct(hi, h->dec).s);
  as_str_put(h->out, "</td>");
}

static void put_heat(const html *h) {
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
    put_text(h, set_name(h, k));
    as_str_put(h->out, "</th>");
  }
  as_str_put(h->out, "<th scope=\"col\" class=\"num\">mean of all</th></tr></thead>\n<tbody>\n");
  for (size_t i = 0; i < r->n_models; i++) {
    size_t m = h->s->order[i];
    as_str_put(h->out, "<tr><th scope=\"row\">");
    put_text(h, as_model_name(r, m));
    if (r->models[m].note && *r->models[m].note && r->n_models <= 60) {
      as_str_put(h->out, "<br><small>");
      put_text(h, r->models[m].note);
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
      put_text(h, c->why);
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
  put_remarks(h, true);
  as_str_put(h->out, "</section>\n");
  as_free(lo);
}

static void put_failures(const html *h, as_err *err) {
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
  put_remarks(h, false);
  as_str_put(h->out, "</section>\n");
}

static const char key_lines[] =
    "<p class=\"how\"><span class=\"key\"><i class=\"k-up\"></i>ends higher than it starts</span>"
    "<span class=\"key\"><i class=\"k-down\"></i>ends lower</span>"
    "<span class=\"key\"><i></i>ends where it starts</span></p>\n";

/* Ranks per set, base first, then the unified metric. */
static void put_ranks(const html *h, as_err *err) {
  const as_results *r = h->r;
  size_t cols = r->n_sets + 1;
  double *rank = as_alloc(h->rows * cols, 3 * sizeof *rank, NULL);
  const char **names = as_alloc(cols, sizeof *names, NULL);
  as_grid g;
  if (!rank || !names || as_grid_init(&g, r->n_models, 1 + cols, err) != AS_OK) {
    h->out->failed = true;
    as_free(rank);
    as_free(names);
    return;
  }
  double *lo = rank + h->rows * cols, *hi = lo + h->rows * cols;
  as_grid_head(&g, 0, "model");
  for (size_t c = 0; c < cols; c++) {
    bool last = c == cols - 1;
    size_t k = c == 0 ? r->base : c - 1 < r->base ? c - 1 : c; /* the base, then the others in order */
    names[c] = last ? "unified" : set_name(h, k);
    as_put_name(&g.head[c + 1], names[c], 0, false);
    for (size_t i = 0; i < r->n_models; i++) {
      const as_sum_model *m = &h->s->models[h->s->order[i]];
      const as_sum_cell *cell = last ? NULL : as_sum_at(h->s, h->s->order[i], k);
      double v = last ? m->rank[AS_SUM_MEAN] : cell->rank, l = last ? m->rank_lo : cell->rank_lo,
             u = last ? m->rank_hi : cell->rank_hi;
      if (c == 0) as_put_name(as_grid_at(&g, i, 0), model_name(h, i), 0, false);
      as_grid_put(&g, i, c + 1, "%s", as_rank_text(v).s);
      if (isfinite(l) && isfinite(u)) as_grid_put(&g, i, c + 1, " [%s, %s]", as_fix(l, 0).s, as_fix(u, 0).s);
      if (i >= h->rows) continue;
      rank[i * cols + c] = v;
      lo[i * cols + c] = l;
      hi[i * cols + c] = u;
    }
  }
  as_str_put(
      h->out,
      "<section id=\"ranks\"><h2>Ranks from set to set</h2>\n<p class=\"how\">Each line is a model, place 1 "
      "on top; ties share the mean place.");
  if (h->s->bootstrapped)
    as_str_put(
        h->out,
        " Pale bars are 95&nbsp;% rank intervals from resampling the images, the same resamples for all "
        "models.");
  if (h->s->n_whole < r->n_models)
    as_str_put(h->out,
               " Models without an accuracy on every set have no place in the last column, so the places "
               "there are among fewer models.");
  as_str_put(h->out, "</p>\n");
  as_str_put(h->out, key_lines);
  as_bump b = {
      .n_lines = h->rows,
      .n_cols = cols,
      .line_name = h->row_name,
      .col_name = names,
      .rank = rank,
      .lo = lo,
      .hi = hi,
      .alt =
          "Rank chart: one line per model, one column per set and one for the unified metric. The ranks are "
          "in the table below the chart."};
  as_str_put(h->out, "<figure>");
  as_chart_bump(h->out, &b);
  as_str_put(h->out, "</figure>\n");
  put_shown(h);
  put_table(h, &g, "Ranks as a table");
  as_str_put(h->out, "</section>\n");
  as_grid_clear(&g);
  as_free(rank);
  as_free(names);
}

static void put_scatters(const html *h) {
  const as_results *r = h->r;
  as_str_put(
      h->out,
      "<section id=\"against\"><h2>Accuracy against accuracy</h2>\n<p class=\"how\">Each dot is a model, its "
      "cross the 95&nbsp;% interval in both directions; axes are logit scales with their own ranges. Where "
      "the dotted line y = x is not in the picture, all models lie on one side of it. The numbers are in "
      "the <a href=\"#accuracy\">table of accuracies</a>.</p>\n<div class=\"pair\">\n");
  for (size_t k = 0; k < r->n_sets; k++) {
    if (k == r->base) continue;
    as_str_put(h->out, "<figure>");
    as_chart_scatter(h->out, h->s, k);
    as_str_put(h->out, "</figure>\n");
  }
  as_str_put(h->out, "</div>\n</section>\n");
}

static void put_drops(const html *h, as_err *err) {
  const as_results *r = h->r;
  size_t cols = r->n_sets - 1;
  double *v = as_alloc(h->rows * cols, 3 * sizeof *v, NULL);
  const char **names = as_alloc(cols, sizeof *names, NULL);
  as_grid g;
  if (!v || !names || as_grid_init(&g, r->n_models, 1 + cols, err) != AS_OK) {
    h->out->failed = true;
    as_free(v);
    as_free(names);
    return;
  }
  double *lo = v + h->rows * cols, *hi = lo + h->rows * cols;
  as_grid_head(&g, 0, "model");
  for (size_t k = 0, c = 0; k < r->n_sets; k++) {
    if (k == r->base) continue;
    names[c] = set_name(h, k);
    as_put_name(&g.head[c + 1], names[c], 0, false);
    for (size_t i = 0; i < r->n_models; i++) {
      const as_sum_cell *d = as_sum_at(h->s, h->s->order[i], k);
      if (c == 0) as_put_name(as_grid_at(&g, i, 0), model_name(h, i), 0, false);
      as_grid_put(&g, i, c + 1, "%s", as_fix_signed(100 * d->drop, h->dec).s);
      if (isfinite(d->drop_lo) && isfinite(d->drop_hi))
        as_grid_put(&g, i, c + 1, " [%s, %s]", as_fix_signed(100 * d->drop_lo, h->dec).s,
                    as_fix_signed(100 * d->drop_hi, h->dec).s);
      if (i >= h->rows) continue;
      v[c * h->rows + i] = d->drop;
      lo[c * h->rows + i] = d->drop_lo;
      hi[c * h->rows + i] = d->drop_hi;
    }
    c++;
  }
  as_str_put(h->out, "<section id=\"change\"><h2>Change from ");
  put_text(h, set_name(h, r->base));
  as_str_put(h->out, "</h2>\n<p class=\"how\">Top-1 on the set minus top-1 on ");
  put_text(h, set_name(h, r->base));
  as_str_put(
      h->out,
      ", in points. Each panel has its own axis; the dashed line is the median of the models. Bars are "
      "Newcombe intervals, which treat the two sets as independent samples.</p>\n<figure>");
  as_dots d = {
      .n_rows = h->rows,
      .n_panels = cols,
      .row_name = h->row_name,
      .panel_name = names,
      .v = v,
      .lo = lo,
      .hi = hi,
      .sign = true,
      .median = true,
      .unit = "points",
      .alt =
          "Dot plot: change of top-1 from the base set, with 95 % intervals, one panel per set. The numbers "
          "are in the table below the chart."};
  as_chart_dots(h->out, &d);
  as_str_put(h->out, "</figure>\n");
  put_shown(h);
  put_table(h, &g, "Changes as a table");
  as_str_put(h->out, "</section>\n");
  as_grid_clear(&g);
  as_free(v);
  as_free(names);
}

/* The mean with its interval, then the other ways to make one number, as ranks. */
static void put_unified(const html *h, as_err *err) {
  const as_results *r = h->r;
  size_t rows = h->rows < h->s->n_whole ? h->rows : h->s->n_whole;
  as_str_put(
      h->out,
      "<section id=\"unified\"><h2>One number of many</h2>\n"
      "<p><b>What the unified metric is.</b> The arithmetic mean of top-1 over the sets of this report, each "
      "by its own rule, for models with an accuracy on every set. It is assay's own definition.</p>\n"
      "<p><b>What it is not.</b> It is not the metric of any paper, and no natural constant: another choice "
      "of sets, or another mean, can give another order. That is why the others stand beside it.</p>\n");
  if (rows == 0) {
    as_str_put(h->out,
               "<p>No model has an accuracy on every set, so there is no unified metric.</p></section>\n");
    return;
  }
  double *v = as_alloc(rows, (3 + AS_SUM_N) * sizeof *v, NULL);
  as_grid g;
  if (!v || as_grid_init(&g, h->s->n_whole, 2 + AS_SUM_N, err) != AS_OK) {
    h->out->failed = true;
    as_free(v);
    return;
  }
  double *lo = v + rows, *hi = lo + rows, *rank = hi + rows;
  as_grid_head(&g, 0, "model");
  as_grid_head(&g, 1, as_sum_names[AS_SUM_MEAN]);
  as_grid_head(&g, 2, "95 %");
  for (int j = 1; j < AS_SUM_N; j++) as_grid_head(&g, (size_t)j + 2, as_sum_names[j]);
  for (size_t i = 0; i < h->s->n_whole; i++) {
    const as_sum_model *m = &h->s->models[h->s->order[i]];
    as_put_name(as_grid_at(&g, i, 0), model_name(h, i), 0, false);
    for (int j = 0; j < AS_SUM_N; j++) {
      size_t c = j == 0 ? 1 : (size_t)j + 2;
      if (!isfinite(m->value[j]))
        as_grid_put(&g, i, c, "%s", "-");
      else
        as_grid_put(&g, i, c, "%s (%s)",
                    j == AS_SUM_RANK ? as_fix(m->value[j], 2).s : as_pct(m->value[j], h->dec).s,
                    as_rank_text(m->rank[j]).s);
      if (i < rows) rank[i * AS_SUM_N + (size_t)j] = m->rank[j];
    }
    if (isfinite(m->mean_lo))
      as_grid_put(&g, i, 2, "%s\xE2\x80\x93%s", as_pct(m->mean_lo, h->dec).s, as_pct(m->mean_hi, h->dec).s);
    else
      as_grid_put(&g, i, 2, "%s", "-");
    if (i >= rows) continue;
    v[i] = m->value[AS_SUM_MEAN];
    lo[i] = m->mean_lo;
    hi[i] = m->mean_hi;
  }
  as_str_put(h->out, "<h3>Unified metric with its interval</h3>\n<p class=\"how\">");
  as_put_html(h->out, as_sum_interval_note(h->s));
  as_str_put(h->out, "</p>\n<figure>");
  const char *panel = "mean of top-1 over the sets, per cent";
  as_dots d = {.n_rows = rows,
               .n_panels = 1,
               .row_name = h->row_name,
               .panel_name = &panel,
               .v = v,
               .lo = lo,
               .hi = hi,
               .unit = "per cent",
               .alt =
                   "Dot plot of the unified metric per model with 95 % intervals. The numbers are in the "
                   "table below."};
  as_chart_dots(h->out, &d);
  as_str_put(h->out, "</figure>\n");
  if (rows > 1 && r->n_sets > 1) {
    as_str_put(h->out, "<h3>Does another way to summarise change the order?</h3>\n");
    as_str_put(h->out, key_lines);
    as_bump b = {
        .n_lines = rows,
        .n_cols = AS_SUM_N,
        .line_name = h->row_name,
        .col_name = as_sum_names,
        .rank = rank,
        .alt =
            "Rank chart: place of each model by six ways to summarise the sets. The values and ranks are in "
            "the table below."};
    as_str_put(h->out, "<figure>");
    as_chart_bump(h->out, &b);
    as_str_put(h->out, "</figure>\n");
  }
  put_shown(h);
  put_table(h, &g, "Values as a table (rank in parentheses; per cent, except mean rank)");
  as_str_put(h->out, "<dl class=\"terms\">");
  for (int j = 0; j < AS_SUM_N; j++) {
    as_str_printf(h->out, "<dt>%s</dt><dd>", as_sum_names[j]);
    as_put_html(h->out, as_sum_meaning[j]);
    as_str_put(h->out, "</dd>");
  }
  as_str_put(h->out, "</dl>\n</section>\n");
  as_grid_clear(&g);
  as_free(v);
}

static void put_sets(const html *h) {
  const as_results *r = h->r;
  as_str_put(h->out, "<section id=\"sets\"><h2>The sets</h2>\n<dl class=\"terms\">");
  for (size_t k = 0; k < r->n_sets; k++) {
    as_str_put(h->out, "<dt>");
    put_text(h, set_name(h, k));
    as_str_put(h->out, "</dt><dd>");
    put_text(h, r->sets[k].rule && *r->sets[k].rule ? r->sets[k].rule : "top-1");
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

static void put_head(const html *h, as_err *err) {
  const as_results *r = h->r;
  as_str_put(h->out,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
  put_text(h, r->title && *r->title ? r->title : "assay report");
  as_str_put(h->out, "</title>\n<style>\n");
  char *css = as_embedded_text(&as_report_css[0], NULL, err);
  if (css)
    as_str_put(h->out, css);
  else
    h->out->failed = true;
  as_free(css);
  as_str_put(h->out, "</style>\n</head>\n<body>\n<main>\n<h1>");
  put_text(h, r->title && *r->title ? r->title : "assay report");
  as_str_printf(h->out, "</h1>\n<p class=\"sub\">%zu model%s on %zu set%s, top-1 accuracy</p>\n", r->n_models,
                r->n_models == 1 ? "" : "s", r->n_sets, r->n_sets == 1 ? "" : "s");
  as_str_put(h->out, "<nav><a href=\"#accuracy\">Accuracy</a>");
  if (r->n_sets > 1 && r->n_models > 1) as_str_put(h->out, "<a href=\"#ranks\">Ranks</a>");
  if (r->n_sets > 1)
    as_str_put(h->out,
               "<a href=\"#against\">Accuracy against accuracy</a><a href=\"#change\">Changes</a>"
               "<a href=\"#unified\">One number of many</a>");
  if (h->s->n_failed_cells || h->s->n_absent) as_str_put(h->out, "<a href=\"#gaps\">Failures and gaps</a>");
  as_str_put(h->out,
             "<a href=\"#sets\">Sets</a><a href=\"#provenance\">Provenance</a></nav>\n<div id=\"remarks\">");
  put_remarks(h, true);
  as_str_put(h->out, "</div>\n");
}

as_status as_report_html(as_str *out, const as_results *r, const as_report_opts *opts, const char *provenance,
                         as_err *err) {
  static const as_report_opts none = {0};
  as_sum s;
  as_status st = as_sum_make(&s, r, opts ? opts : &none, err);
  if (st != AS_OK) return st;
  html h = {.out = out, .s = &s, .r = r, .dec = as_sum_decimals(&s)};
  h.rows = r->n_models < AS_CHART_ROWS ? r->n_models : AS_CHART_ROWS;
  h.row_name = as_alloc(h.rows, sizeof *h.row_name, err);
  if (!h.row_name) {
    as_sum_clear(&s);
    return AS_E_ENV;
  }
  for (size_t i = 0; i < h.rows; i++) h.row_name[i] = model_name(&h, i);
  put_head(&h, err);
  put_cards(&h);
  put_heat(&h);
  if (r->n_sets > 1 && r->n_models > 1) put_ranks(&h, err);
  if (r->n_sets > 1) {
    if (s.any_drop) put_scatters(&h);
    if (s.any_drop) put_drops(&h, err);
    put_unified(&h, err);
  }
  put_failures(&h, err);
  put_sets(&h);
  if (provenance && *provenance) {
    as_str_put(out, "<section id=\"provenance\"><h2>Provenance</h2>\n<pre>");
    as_put_html(out, provenance);
    as_str_put(out, "</pre></section>\n");
  }
  as_str_put(out,
             "<footer>Written by assay. The page holds everything it shows; it loads nothing and runs no "
             "script.</footer>\n"
             "</main>\n</body>\n</html>\n");
  as_free(h.row_name);
  as_sum_clear(&s);
  return as_str_status(out, err);
}
