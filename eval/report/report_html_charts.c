/* Sections of report.html that are a chart with its table: ranks, accuracies, changes, the unified metric. */
#include <math.h>
#include <string.h>

#include "eval/report/report_html_int.h"
#include "eval/stats/table.h"
#include "tensor/base/mem.h"

static const char key_lines[] =
    "<p class=\"how\"><span class=\"key\"><i class=\"k-up\"></i>ends higher than it starts</span>"
    "<span class=\"key\"><i class=\"k-down\"></i>ends lower</span>"
    "<span class=\"key\"><i></i>ends where it starts</span></p>\n";

/* Ranks per set, base first, then the unified metric. */
void as_html_ranks(const as_html *h, as_err *err) {
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
    names[c] = last ? "unified" : as_html_set(h, k);
    as_put_name(&g.head[c + 1], names[c], 0, false);
    for (size_t i = 0; i < r->n_models; i++) {
      const as_sum_model *m = &h->s->models[h->s->order[i]];
      const as_sum_cell *cell = last ? NULL : as_sum_at(h->s, h->s->order[i], k);
      double v = last ? m->rank[AS_SUM_MEAN] : cell->rank, l = last ? m->rank_lo : cell->rank_lo,
             u = last ? m->rank_hi : cell->rank_hi;
      if (c == 0) as_put_name(as_grid_at(&g, i, 0), as_html_model(h, i), 0, false);
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
  if (!h->s->bootstrapped && h->s->any_rank_interval)
    as_str_put(
        h->out,
        " Pale bars are 95&nbsp;% rank intervals from the counts alone: they leave out the models that are "
        "better or worse by more than the margin of two independent samples.");
  if (h->s->n_whole < r->n_models)
    as_str_put(h->out,
               " Models without an accuracy on every set have no place in the last column, so the places "
               "there are among fewer models.");
  if (h->rows < r->n_models) as_str_printf(h->out, " Places beyond %zu stand closer together.", h->rows);
  as_str_put(h->out, "</p>\n");
  as_html_says(h, "ranks");
  if (h->rows > AS_CHART_NAMED) as_str_put(h->out, key_lines);
  as_bump b = {
      .n_lines = h->rows,
      .n_cols = cols,
      .line_name = h->row_name,
      .col_name = names,
      .over = "set",
      .rank = rank,
      .lo = lo,
      .hi = hi,
      .alt =
          "Rank chart: one line per model, one column per set and one for the unified metric. The ranks are "
          "in the table below the chart."};
  const as_chart c = as_html_figure(h, "ranks", NULL);
  as_chart_bump(&c, &b);
  as_html_figure_end(h, &c);
  as_html_shown(h);
  as_html_table(h, &g, "Ranks as a table");
  as_str_put(h->out, "</section>\n");
  as_grid_clear(&g);
  as_free(rank);
  as_free(names);
}

void as_html_scatters(const as_html *h) {
  const as_results *r = h->r;
  as_str_put(
      h->out,
      "<section id=\"against\"><h2>Accuracy against accuracy</h2>\n<p class=\"how\">Each dot is a model");
  if (h->s->any_interval && r->n_models <= AS_CHART_CROSSES)
    as_str_put(h->out, ", its cross the 95&nbsp;% interval in both directions");
  as_str_put(
      h->out,
      "; axes are logit scales with their own ranges. Where the dotted line y = x is not in the picture, all "
      "models lie on one side of it.");
  if (r->n_models >= AS_CHART_FIT)
    as_str_put(h->out, " Grey: the least-squares line of these models with its 95&nbsp;% band.");
  const as_set_facts *base = as_set_facts_of(r, r->base);
  if (base && strcmp(base->task, "imagenet-val") == 0)
    as_str_put(
        h->out,
        " Vermillion, where there is one: the line of the ImageNet testbed's standard models, from which "
        "effective robustness is measured.");
  as_str_put(h->out, " The numbers are in the <a href=\"#accuracy\">table of accuracies</a>.</p>\n");
  as_html_says(h, "against");
  as_str_put(h->out, "<div class=\"pair\">\n");
  for (size_t k = 0; k < r->n_sets; k++) {
    if (k == r->base) continue;
    const as_chart c = as_html_figure(h, "against", as_html_set(h, k));
    as_chart_scatter(&c, h->s, k);
    as_html_figure_end(h, &c);
  }
  as_str_put(h->out, "</div>\n</section>\n");
}

void as_html_changes(const as_html *h, as_err *err) {
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
    names[c] = as_html_set(h, k);
    as_put_name(&g.head[c + 1], names[c], 0, false);
    for (size_t i = 0; i < r->n_models; i++) {
      const as_sum_cell *d = as_sum_at(h->s, h->s->order[i], k);
      if (c == 0) as_put_name(as_grid_at(&g, i, 0), as_html_model(h, i), 0, false);
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
  as_html_text(h, as_html_set(h, r->base));
  as_str_put(h->out, "</h2>\n<p class=\"how\">Top-1 on the set minus top-1 on ");
  as_html_text(h, as_html_set(h, r->base));
  as_str_put(
      h->out,
      ", in points. Each panel has its own axis; the dashed line is the median of the models. Bars are "
      "Newcombe intervals, which treat the two sets as independent samples.</p>\n");
  as_html_says(h, "change");
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
  const as_chart c = as_html_figure(h, "change", NULL);
  as_chart_dots(&c, &d);
  as_html_figure_end(h, &c);
  as_html_shown(h);
  as_html_table(h, &g, "Changes as a table");
  as_str_put(h->out, "</section>\n");
  as_grid_clear(&g);
  as_free(v);
  as_free(names);
}

/* Every way to make one number, with the ranks that it gives. */
static as_status unified_grid(const as_html *h, as_grid *g, as_err *err) {
  as_status st = as_grid_init(g, h->s->n_whole, 2 + AS_SUM_N, err);
  if (st != AS_OK) return st;
  as_grid_head(g, 0, "model");
  as_grid_head(g, 1, as_sum_names[AS_SUM_MEAN]);
  as_grid_head(g, 2, "95 %");
  for (int j = 1; j < AS_SUM_N; j++) as_grid_head(g, (size_t)j + 2, as_sum_heads[j]);
  for (size_t i = 0; i < h->s->n_whole; i++) {
    const as_sum_model *m = &h->s->models[h->s->order[i]];
    as_put_name(as_grid_at(g, i, 0), as_html_model(h, i), 0, false);
    for (int j = 0; j < AS_SUM_N; j++) {
      size_t c = j == 0 ? 1 : (size_t)j + 2;
      if (!isfinite(m->value[j]))
        as_grid_put(g, i, c, "%s", "-");
      else
        as_grid_put(g, i, c, "%s (%s)",
                    j == AS_SUM_RANK ? as_fix(m->value[j], 2).s : as_pct(m->value[j], h->dec).s,
                    as_rank_text(m->rank[j]).s);
    }
    if (isfinite(m->mean_lo))
      as_grid_put(g, i, 2, "%s\xE2\x80\x93%s", as_pct(m->mean_lo, h->dec).s, as_pct(m->mean_hi, h->dec).s);
    else
      as_grid_put(g, i, 2, "%s", "-");
  }
  return AS_OK;
}

/* The mean of the first models with its interval. */
static void put_mean_chart(const as_html *h, size_t rows) {
  double *v = as_alloc(rows, 3 * sizeof *v, NULL);
  if (!v) {
    h->out->failed = true;
    return;
  }
  double *lo = v + rows, *hi = lo + rows;
  for (size_t i = 0; i < rows; i++) {
    const as_sum_model *m = &h->s->models[h->s->order[i]];
    v[i] = m->value[AS_SUM_MEAN];
    lo[i] = m->mean_lo;
    hi[i] = m->mean_hi;
  }
  as_str_put(h->out, "<h3>Unified metric with its interval</h3>\n<p class=\"how\">");
  as_put_html(h->out, as_sum_interval_note(h->s));
  as_str_put(h->out, "</p>\n");
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
  const as_chart c = as_html_figure(h, "unified", NULL);
  as_chart_dots(&c, &d);
  as_html_figure_end(h, &c);
  as_free(v);
}

/* The places of the first models by every way to make one number. */
static void put_summary_chart(const as_html *h, size_t rows) {
  double *rank = as_alloc(rows * AS_SUM_N, sizeof *rank, NULL);
  if (!rank) {
    h->out->failed = true;
    return;
  }
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < AS_SUM_N; j++) rank[i * AS_SUM_N + j] = h->s->models[h->s->order[i]].rank[j];
  as_str_put(h->out, "<h3>Does another way to summarise change the order?</h3>\n");
  if (h->rows > AS_CHART_NAMED) as_str_put(h->out, key_lines);
  as_bump b = {.n_lines = rows,
               .n_cols = AS_SUM_N,
               .line_name = h->row_name,
               .col_name = as_sum_names,
               .over = "summary",
               .rank = rank,
               .alt =
                   "Rank chart: place of each model by seven ways to summarise the sets. The values and "
                   "ranks are in the table below."};
  const as_chart c = as_html_figure(h, "summaries", NULL);
  as_chart_bump(&c, &b);
  as_html_figure_end(h, &c);
  as_free(rank);
}

/* The mean with its interval, then the other ways to make one number, as ranks. */
void as_html_unified(const as_html *h, as_err *err) {
  const as_results *r = h->r;
  size_t rows = h->rows < h->s->n_whole ? h->rows : h->s->n_whole;
  as_grid g;
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
  if (unified_grid(h, &g, err) != AS_OK) {
    h->out->failed = true;
    return;
  }
  as_html_says(h, "unified");
  put_mean_chart(h, rows);
  if (rows > 1 && r->n_sets > 1) put_summary_chart(h, rows);
  as_html_shown(h);
  as_html_table(h, &g, "Values as a table (rank in parentheses; per cent, except mean rank)");
  if (r->n_models <= 200)
    as_html_part_table(
        h, "unified",
        "Intervals, rank intervals, probability of being first, ranks over all subsets of the sets");
  as_str_put(h->out, "<dl class=\"terms\">");
  for (int j = 0; j < AS_SUM_N; j++) {
    as_str_printf(h->out, "<dt>%s</dt><dd>", as_sum_names[j]);
    as_put_html(h->out, as_sum_meaning[j]);
    as_str_put(h->out, "</dd>");
  }
  as_str_put(h->out, "</dl>\n</section>\n");
  as_grid_clear(&g);
}
