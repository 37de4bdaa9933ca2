/* Sections of report.html that show a part: effective robustness, agreement of the sets, subsets, calibration,
 * classes, published figures, corruptions, top-5. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/report/report_html_int.h"
#include "tensor/base/mem.h"

enum { OPEN_ROWS = 16, CLASS_ROWS = 60, CLASS_SETS = 12, LINES = 12, FEW = 4 };

/* A section that is a table. */
static void put_section(const as_html *h, const char *id, const char *anchor, const char *title,
                        const char *summary) {
  as_sheet sh;
  if (!as_html_sheet(h, id, &sh)) return;
  as_str_printf(h->out, "<section id=\"%s\"><h2>%s</h2>\n", anchor, title);
  as_html_how(h, &sh);
  as_html_sheet_table(h, &sh, summary, sh.n_rows <= OPEN_ROWS);
  as_str_put(h->out, "</section>\n");
  as_sheet_clear(&sh);
}

void as_html_robustness(const as_html *h) {
  as_sheet sh;
  if (!as_html_sheet(h, "robustness", &sh)) return;
  size_t panels = sh.n_cols - 1, n = panels * h->rows;
  double *v = as_alloc(n, 2 * sizeof *v, NULL);
  const char **names = as_alloc(panels, sizeof *names, NULL);
  as_str_put(
      h->out,
      "<section id=\"robustness\"><h2>Effective robustness</h2>\n<p class=\"how\">Points above (right of "
      "zero) or below the accuracy that a line on logit axes predicts from ");
  as_html_text(h, as_html_set(h, h->r->base));
  as_str_put(h->out, ". Each panel has its own axis.</p>\n");
  as_html_how(h, &sh);
  as_html_says(h, "robustness");
  if (v && names) {
    double *none = v + n;
    for (size_t i = 0; i < n; i++) none[i] = NAN;
    for (size_t c = 0; c < panels; c++) {
      names[c] = sh.col[c + 1].head;
      for (size_t i = 0; i < h->rows; i++) v[c * h->rows + i] = sh.value[i * sh.n_cols + c + 1].v;
    }
    as_dots d = {.n_rows = h->rows,
                 .n_panels = panels,
                 .row_name = h->row_name,
                 .panel_name = names,
                 .v = v,
                 .lo = none,
                 .hi = none,
                 .sign = true,
                 .unit = "points",
                 .alt =
                     "Dot plot: effective robustness per model, one panel per set. The numbers are in the "
                     "table below."};
    const as_chart c = as_html_figure(h, "robustness", NULL);
    as_chart_dots(&c, &d);
    as_html_figure_end(h, &c);
    as_html_shown(h);
  } else {
    h->out->failed = true;
  }
  as_html_sheet_table(h, &sh, "Effective robustness as a table", false);
  as_html_part_table(h, "lines", "The lines, and how the base predicts the other sets");
  as_str_put(h->out, "</section>\n");
  as_sheet_clear(&sh);
  as_free(v);
  as_free(names);
}

/* Kendall's tau-b between sets, shaded; every subset of the sets. */
void as_html_agreement(const as_html *h) {
  const as_results *r = h->r;
  as_sheet sh;
  as_grid g;
  if (!as_html_sheet(h, "agreement", &sh)) return;
  as_str_put(
      h->out,
      "<section id=\"agreement\"><h2>Do the sets agree on the order?</h2>\n<p class=\"how\">Kendall's "
      "tau-b between the sets' orders of the models: 1 the same, 0 no relation, &minus;1 the reverse.</p>\n");
  as_html_says(h, "agreement");
  if (as_sheet_grid(&sh, &g, 0, false, true, NULL) == AS_OK) {
    for (size_t i = 0; i < r->n_sets; i++)
      for (size_t j = 0; j < r->n_sets; j++) {
        double t = h->s->tau[i * r->n_sets + j];
        as_grid_shade(&g, i, j + 1, isfinite(t) && t > 0 ? (unsigned)fmin(8, floor(8 * t) + 1) : 1);
      }
    as_html_table(h, &g, NULL);
    as_grid_clear(&g);
  } else {
    h->out->failed = true;
  }
  as_sheet_clear(&sh);
  if (as_html_sheet(h, "subsets", &sh)) {
    as_str_put(h->out, "<h3>Does it depend on which sets are averaged?</h3>\n");
    as_html_how(h, &sh);
    as_html_sheet_table(h, &sh, "Every subset of the sets: its first model, and its agreement with all sets",
                        false);
    as_sheet_clear(&sh);
  }
  as_str_put(h->out, "</section>\n");
}

/* The few models that the diagrams show, so that they can be read: the first by the unified metric, and the best and the
 * worst calibrated on the base. All, where they are few. As places in the order. */
static size_t choose_few(const as_html *h, size_t few[FEW]) {
  const size_t n = h->r->n_models;
  size_t best = n, worst = n, m = 0;
  for (size_t i = 0; n <= FEW && i < n; i++) few[m++] = i;
  if (m) return m;
  for (size_t i = 0; i < n; i++) {
    const as_calibration *c = &h->s->calibration[h->s->order[i] * h->r->n_sets + h->r->base];
    if (c->n <= 0) continue;
    if (best == n || c->ece < h->s->calibration[h->s->order[best] * h->r->n_sets + h->r->base].ece) best = i;
    if (worst == n || c->ece > h->s->calibration[h->s->order[worst] * h->r->n_sets + h->r->base].ece)
      worst = i;
  }
  few[m++] = 0;
  if (best < n && best != 0) few[m++] = best;
  if (worst < n && worst != 0 && worst != best) few[m++] = worst;
  return m;
}

/* One panel per set: accuracy by confidence, a line per model. */
void as_html_calibration(const as_html *h) {
  const as_results *r = h->r;
  as_sheet sh;
  if (!as_html_sheet(h, "calibration", &sh)) return;
  size_t few[FEW], n = choose_few(h, few);
  const char *name[FEW];
  as_str_put(h->out,
             "<section id=\"calibration\"><h2>Do the models know when they are right?</h2>\n<p class=\"how\">"
             "A model that is 80&nbsp;% sure should be right four times in five. The table says how far each "
             "model is "
             "from that on average: its expected calibration error (ECE), in points.</p>\n");
  as_html_says(h, "calibration");
  as_html_sheet_table(h, &sh, "Expected calibration error", sh.n_rows <= OPEN_ROWS);
  as_html_how(h, &sh);
  as_str_put(
      h->out,
      "<h3>How often are they right when they are this sure?</h3>\n<p class=\"how\">On the dotted line "
      "a model is right as often as it is sure; below it, it is surer than right. Bins with fewer than "
      "ten images are left out.");
  if (n < r->n_models) {
    as_str_printf(h->out,
                  " Of %zu models: the first by the unified metric, the best and the worst calibrated on ",
                  r->n_models);
    as_html_text(h, as_html_set(h, r->base));
    as_str_put(h->out, "; the tables have all.");
  }
  as_str_put(h->out, "</p>\n<p class=\"how\">");
  for (size_t i = 0; i < n; i++) {
    name[i] = as_html_model(h, few[i]);
    as_str_printf(h->out, "<span class=\"key s%zu\"><i class=\"k-line\"></i>", i);
    as_html_text(h, name[i]);
    as_str_put(h->out, "</span>");
  }
  as_str_put(h->out, "</p>\n<div class=\"trio\">\n");
  for (size_t k = 0; k < r->n_sets; k++) {
    const as_calibration *shown[FEW];
    for (size_t i = 0; i < n; i++) shown[i] = &h->s->calibration[h->s->order[few[i]] * r->n_sets + k];
    const as_chart c = as_html_figure(h, "calibration", as_html_set(h, k));
    as_chart_reliability(&c, as_html_set(h, k), name, shown, n);
    as_html_figure_end(h, &c);
  }
  as_str_put(h->out, "</div>\n");
  as_html_part_table(h, "reliability", "Reliability as a table");
  as_str_put(h->out, "</section>\n");
  as_sheet_clear(&sh);
}

typedef struct hardness {
  double mean;
  size_t c;
} hardness;

static int by_hardness(const void *a, const void *b) {
  const hardness *x = a, *y = b;
  if (x->mean != y->mean) return x->mean < y->mean ? -1 : 1;
  return x->c < y->c ? -1 : x->c > y->c;
}

static double class_accuracy(const as_html *h, const as_sum_classes *d, size_t c, size_t place) {
  size_t at = c * h->r->n_models + h->s->order[place];
  return d->used[at] > 0 ? (double)d->right[at] / (double)d->used[at] : NAN;
}

/* The classes of one set from the hardest to the easiest: a chart and, folded away, the classes by name. */
static void put_classes(const as_html *h, size_t k) {
  const as_sum_classes *d = &h->s->classes[k];
  size_t n = h->rows < LINES ? h->rows : LINES, rows = d->n < CLASS_ROWS ? d->n : CLASS_ROWS;
  hardness *hard = as_alloc(d->n, sizeof *hard, NULL);
  double *curve = as_alloc(d->n * (n ? n : 1), sizeof *curve, NULL);
  as_grid g = {0};
  if (!hard || !curve || as_grid_init(&g, rows, 3 + n, NULL) != AS_OK) {
    h->out->failed = true;
  } else {
    for (size_t c = 0; c < d->n; c++) {
      double sum = 0, m = 0;
      for (size_t i = 0; i < h->r->n_models; i++) {
        double v = class_accuracy(h, d, c, i);
        if (isfinite(v)) sum += v, m += 1;
      }
      hard[c] = (hardness){m > 0 ? sum / m : 2, c};
    }
    qsort(hard, d->n, sizeof *hard, by_hardness);
    for (size_t i = 0; i < n; i++)
      for (size_t c = 0; c < d->n; c++) curve[i * d->n + c] = class_accuracy(h, d, c, i);
    as_str_put(h->out, "<details class=\"set long\"><summary>");
    as_html_text(h, as_html_set(h, k));
    as_str_printf(h->out, ": %zu classes; in the mean of the models the hardest is ", d->n);
    as_html_text(h, as_class_title(h->r, k, d->number[hard[0].c]).s);
    as_str_printf(h->out, " (%s %%), the easiest ", as_pct(hard[0].mean, 1).s);
    as_html_text(h, as_class_title(h->r, k, d->number[hard[d->n - 1].c]).s);
    as_str_printf(h->out, " (%s %%)</summary>\n", as_pct(hard[d->n - 1].mean, 1).s);
    const as_chart chart = as_html_figure(h, "classes", as_html_set(h, k));
    as_chart_classes(&chart, as_html_set(h, k), h->row_name, curve, n, d->n);
    as_html_figure_end(h, &chart);
    as_grid_head(&g, 0, "class");
    as_grid_head(&g, 1, "images");
    as_grid_head(&g, 2, "mean");
    for (size_t i = 0; i < n; i++) as_put_name(&g.head[3 + i], h->row_name[i], 0, false);
    for (size_t q = 0; q < rows; q++) {
      size_t c = hard[q].c;
      as_grid_put(&g, q, 0, "%s", as_class_title(h->r, k, d->number[c]).s);
      as_grid_put(&g, q, 1, "%lld", (long long)d->images[c]);
      as_grid_put(&g, q, 2, "%s", hard[q].mean <= 1 ? as_pct(hard[q].mean, 1).s : "-");
      for (size_t i = 0; i < n; i++) as_grid_put(&g, q, 3 + i, "%s", as_pct(class_accuracy(h, d, c, i), 1).s);
    }
    if (rows < d->n)
      as_str_printf(
          h->out,
          "<p class=\"how\">The %zu hardest of %zu classes; <code>--part classes</code> writes all.</p>\n",
          rows, d->n);
    as_html_table(h, &g, NULL);
    as_str_put(h->out, "</details>\n");
  }
  as_grid_clear(&g);
  as_free(hard);
  as_free(curve);
}

void as_html_classes(const as_html *h) {
  const as_results *r = h->r;
  size_t shown = 0;
  for (size_t k = 0; k < r->n_sets && shown < CLASS_SETS; k++) {
    if (h->s->classes[k].n < 2) continue;
    if (shown++ == 0)
      as_str_put(
          h->out,
          "<section id=\"classes\"><h2>Class by class</h2>\n<p class=\"how\">Top-1 of every class, for each "
          "set: open one to see how each model's classes spread, and which are hardest. An image with "
          "several right labels counts for the first of them.</p>\n");
    put_classes(h, k);
  }
  if (shown) as_str_put(h->out, "</section>\n");
}

/* Ranks from protocol to protocol, and the table of them. */
void as_html_protocols(const as_html *h) {
  const as_protocols *p = &h->s->protocols;
  as_sheet sh;
  if (!as_html_sheet(h, "protocols", &sh)) return;
  as_str_put(
      h->out,
      "<section id=\"protocols\"><h2>Does the protocol decide?</h2>\n<p class=\"how\">Places of the "
      "backbones by the mean over the sets, from protocol to protocol; ties share the mean place.</p>\n");
  as_html_says(h, "protocols");
  as_bump b = {
      .n_lines = p->backbones < AS_CHART_ROWS ? p->backbones : AS_CHART_ROWS,
      .n_cols = p->n,
      .line_name = p->backbone,
      .col_name = p->name,
      .rank = p->rank,
      .over = "protocol",
      .alt =
          "Rank chart: one line per backbone, one column per protocol. The ranks are in the table below "
          "the chart."};
  const as_chart c = as_html_figure(h, "protocols", NULL);
  as_chart_bump(&c, &b);
  as_html_figure_end(h, &c);
  as_html_sheet_table(h, &sh, "Backbones under each protocol", sh.n_rows <= OPEN_ROWS);
  as_html_how(h, &sh);
  as_str_put(h->out, "</section>\n");
  as_sheet_clear(&sh);
}

void as_html_more(const as_html *h) {
  put_section(h, "lottery", "lottery", "What would change it?", "What would crown another model");
  put_section(h, "published", "published", "Published beside measured", "Published beside measured");
  put_section(h, "corruptions", "corruptions", "Corruptions", "Corruption errors");
  put_section(h, "probes", "probes", "How the probes were fitted", "How the probes were fitted");
}
