/* Sections of report.html that test: pairs of models on the same images, the translation curve, mean
 * ranks with the critical difference. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/report_html_int.h"
#include "eval/stats/table.h"
#include "tensor/base/mem.h"

enum { MOST_PAIR_MODELS = 60, MOST_CD_MODELS = 40, FEWEST_CURVE_MODELS = 4 };
static const double level = 0.05;

/* Neighbours in the order of the unified metric: is each really better than the next? */
static as_status put_neighbours(const as_html *h, const as_pair_tests *p, as_err *err) {
  const as_results *r = h->r;
  size_t rows = h->rows - 1, n = rows * r->n_sets;
  double *v = as_alloc(n, 3 * sizeof *v, err);
  uint8_t *open = as_calloc(n, 1, err);
  const char **sets = as_alloc(r->n_sets, sizeof *sets, err), **names = as_alloc(rows, sizeof *names, err);
  as_str *label = as_calloc(rows, sizeof *label, err);
  as_grid g = {0};
  as_status st = v && open && sets && names && label ? as_grid_init(&g, rows, 1 + r->n_sets, err) : AS_E_ENV;
  if (st == AS_OK) {
    double *lo = v + n, *hi = lo + n;
    as_grid_head(&g, 0, "first - second");
    for (size_t k = 0; k < r->n_sets; k++) as_put_name(&g.head[k + 1], sets[k] = as_html_set(h, k), 0, false);
    for (size_t i = 0; i < rows; i++) {
      size_t a = h->s->order[i], b = h->s->order[i + 1];
      as_put_name(&label[i], as_model_name(r, a), 24, false);
      as_str_put(&label[i], " \xE2\x88\x92 ");
      as_put_name(&label[i], as_model_name(r, b), 24, false);
      names[i] = as_str_c(&label[i]);
      as_str_put(as_grid_at(&g, i, 0), names[i]);
      for (size_t k = 0; k < r->n_sets; k++) {
        size_t at = as_pair_at(p, a < b ? a : b, a < b ? b : a) * r->n_sets + k;
        const as_mcnemar *t = &p->test[at];
        double sign = a < b ? 1 : -1;
        bool tested = isfinite(p->p_adjusted[at]);
        v[k * rows + i] = tested ? sign * t->diff : NAN;
        lo[k * rows + i] = tested ? (sign > 0 ? t->lo : -t->hi) : NAN;
        hi[k * rows + i] = tested ? (sign > 0 ? t->hi : -t->lo) : NAN;
        open[k * rows + i] = p->p_adjusted[at] >= level;
        if (!tested) {
          as_grid_put(&g, i, k + 1, "%s", "not tested");
          continue;
        }
        as_grid_put(&g, i, k + 1, "%s\n[%s, %s]\np %s", as_fix_signed(100 * v[k * rows + i], 2).s,
                    as_fix_signed(100 * lo[k * rows + i], 2).s, as_fix_signed(100 * hi[k * rows + i], 2).s,
                    as_p_text(p->p_adjusted[at]).s);
      }
    }
    as_str_put(
        h->out,
        "<h3>Is each model better than the next?</h3>\n<p class=\"how\">Neighbours in the order of the "
        "unified "
        "metric: difference of top-1 on the same images, in points, with its 95&nbsp;% interval. Hollow "
        "marks: the corrected test does not tell the two apart. Each panel has its own axis.</p>\n");
    as_dots d = {.n_rows = rows,
                 .n_panels = r->n_sets,
                 .row_name = names,
                 .panel_name = sets,
                 .v = v,
                 .lo = lo,
                 .hi = hi,
                 .open = open,
                 .sign = true,
                 .unit = "points",
                 .alt =
                     "Forest plot: paired differences of top-1 between neighbours in the unified ranking, "
                     "one panel per "
                     "set. The numbers are in the table below the chart."};
    const as_chart c = as_html_figure(h, "neighbours", NULL);
    as_chart_dots(&c, &d);
    as_html_figure_end(h, &c);
    as_html_table(h, &g, "Differences as a table (p: McNemar mid-p, Holm-corrected)");
  }
  as_grid_clear(&g);
  for (size_t i = 0; label && i < rows; i++) as_str_clear(&label[i]);
  as_free(label);
  as_free(names);
  as_free(sets);
  as_free(open);
  as_free(v);
  return st;
}

/* Two models with per-image results on one set. */
bool as_html_has_pairs(const as_html *h) {
  const as_results *r = h->r;
  if (r->n_sets < 2 || r->n_models > MOST_PAIR_MODELS) return false;
  for (size_t k = 0; k < r->n_sets; k++) {
    int64_t n = -1;
    for (size_t m = 0; m < r->n_models; m++) {
      const as_cell *c = as_results_cell(r, m, k);
      if (!c->correct1 || c->n_used <= 0) continue;
      if (n == c->n_expected) return true;
      n = c->n_expected;
    }
  }
  return false;
}

bool as_html_has_curve(const as_html *h) {
  return h->r->n_sets > 1 && h->r->n_models >= FEWEST_CURVE_MODELS;
}

void as_html_pairs(const as_html *h, as_err *err) {
  if (!as_html_has_pairs(h)) return;
  const as_pair_tests *p = &h->s->pairs;
  if (p->n_tested > 0) {
    as_str_printf(
        h->out,
        "<section id=\"pairs\"><h2>Which differences are real</h2>\n<p class=\"how\">Every pair of models on "
        "every "
        "set, on the same images: McNemar's test (mid-p), Holm-corrected over all %zu tests together, at "
        "5&nbsp;%%. "
        "The test asks about these images and these trained models; training anew would add its own "
        "spread.</p>\n",
        p->n_tested);
    as_html_says(h, "pairs");
    as_sheet sh;
    if (as_html_sheet(h, "fates", &sh)) {
      as_html_sheet_table(h, &sh, "Pairs by set", true);
      as_sheet_clear(&sh);
    }
    if (put_neighbours(h, p, err) != AS_OK) h->out->failed = true;
    as_html_part_table(h, "pairs", "Every pair on every set as a table");
    as_html_part_table(h, "differences",
                       "Differences of the unified metric, with intervals from the bootstrap");
    as_html_remarks(h, false);
    as_str_put(h->out, "</section>\n");
  }
}

static as_status put_curve(const as_html *h, const as_table_stats *t, as_err *err) {
  const as_results *r = h->r;
  size_t n = 0;
  const char **names = as_alloc(r->n_sets, sizeof *names, err);
  const as_translation_bin **bins = as_alloc(r->n_sets, sizeof *bins, err);
  as_status st = names && bins ? AS_OK : AS_E_ENV;
  for (size_t k = 0; st == AS_OK && k < r->n_sets; k++) {
    if (k == r->base) continue;
    names[n] = as_html_set(h, k);
    bins[n++] = t->set[k].bins;
  }
  if (st == AS_OK) {
    as_str_put(h->out,
               "<section id=\"translation\"><h2>Do small improvements translate?</h2>\n<p class=\"how\">Of "
               "the pairs of models whose top-1 on ");
    as_html_text(h, as_html_set(h, r->base));
    as_str_put(
        h->out,
        " differs by so many points, the share that keeps its order on another set. Bars are 95&nbsp;% "
        "intervals; their width comes from a jackknife over models, because pairs that share a model are "
        "not independent.</p>\n");
    as_html_says(h, "translation");
    const as_chart c = as_html_figure(h, "translation", NULL);
    as_chart_translation(&c, names, bins, n, t->n_bins);
    as_html_figure_end(h, &c);
    as_html_part_table(h, "translation", "Translation curve as a table");
    as_str_put(h->out, "</section>\n");
  }
  as_free(names);
  as_free((void *)bins);
  return st;
}

static as_status put_mean_ranks(const as_html *h, const as_table_stats *t, as_err *err) {
  const char **names = as_alloc(t->n_whole, sizeof *names, err);
  if (!names) return AS_E_ENV;
  for (size_t i = 0; i < t->n_whole; i++) names[i] = as_model_name(h->r, t->whole[i]);
  as_str_put(
      h->out,
      "<section id=\"mean-ranks\"><h2>Mean ranks over the sets</h2>\n<p class=\"how\">Friedman's test with "
      "Nemenyi's critical difference at 5&nbsp;%: bars join models that it does not tell apart. ");
  as_str_put(h->out, "p ");
  as_put_html(h->out, as_p_text(t->friedman.p_f).s);
  as_str_printf(
      h->out,
      " over %zu sets. The sets are few and share their classes, some even their images: take this as a "
      "blunt test, and its silence as no proof of equality. Mean ranks as numbers are in the table of "
      "the <a href=\"#unified\">unified metric</a>.</p>\n",
      h->r->n_sets);
  as_html_says(h, "mean-ranks");
  const as_chart c = as_html_figure(h, "mean-ranks", NULL);
  as_chart_cd(&c, names, t->mean_rank, t->n_whole, t->friedman.cd05);
  as_html_figure_end(h, &c);
  as_html_part_table(h, "mean-ranks", "Mean ranks as a table");
  as_str_put(h->out, "</section>\n");
  as_free(names);
  return AS_OK;
}

void as_html_whole(const as_html *h, as_err *err) {
  const as_results *r = h->r;
  if (r->n_sets < 2 || r->n_models < 2) return;
  const as_table_stats *t = &h->s->stats;
  as_status st = AS_OK;
  if (as_html_has_curve(h)) st = put_curve(h, t, err);
  if (st == AS_OK && t->n_whole >= 3 && t->n_whole <= MOST_CD_MODELS) st = put_mean_ranks(h, t, err);
  if (st != AS_OK) h->out->failed = true;
}
