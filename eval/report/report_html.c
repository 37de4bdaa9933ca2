/* report.html: one self-contained page. Style is charts.css and page.css, charts are inline SVG, no script. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/report_css.h"
#include "eval/report/report_html_int.h"
#include "eval/stats/stats_order.h"
#include "tensor/base/mem.h"

/* Pairs of models that two columns put in opposite orders; pairs that either one ties are not counted. */
static as_order_pairs count_flips(const as_html *h, size_t a, size_t b) {
  size_t n = h->r->n_models;
  as_order_pairs c = {0};
  double *x = as_alloc(n, 2 * sizeof *x, NULL);
  if (!x) {
    h->out->failed = true;
    return c;
  }
  double *y = x + n;
  for (size_t m = 0; m < n; m++) {
    x[m] = as_sum_at(h->s, m, a)->acc;
    y[m] = as_sum_at(h->s, m, b)->acc;
  }
  c = as_order_count(x, y, n);
  as_free(x);
  return c;
}

static void put_page_card(const as_html *h, const char *title, const char *big, const char *fmt, ...)
    AS_PRINTF(4, 5);
static void put_page_card(const as_html *h, const char *title, const char *big, const char *fmt, ...) {
  char text[256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  as_str_put(h->out, "<div class=\"card\"><span>");
  as_html_text(h, title);
  as_str_put(h->out, "</span><b>");
  as_html_text(h, big);
  as_str_put(h->out, "</b><span>");
  as_html_text(h, text);
  as_str_put(h->out, "</span></div>\n");
}

static void put_page_cards(const as_html *h) {
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
    as_str_printf(&title, "First on %s", as_html_set(h, r->base));
    if (isfinite(c->lo) && isfinite(c->hi))
      put_page_card(h, as_str_c(&title), as_model_name(r, best), "top-1 %s %% [%s, %s]",
                    as_pct(c->acc, h->dec).s, as_pct(c->lo, h->dec).s, as_pct(c->hi, h->dec).s);
    else
      put_page_card(h, as_str_c(&title), as_model_name(r, best), "top-1 %s %%", as_pct(c->acc, h->dec).s);
  }
  if (h->s->n_whole && r->n_sets > 1) {
    const as_sum_model *m = &h->s->models[h->s->order[0]];
    const as_sum_cell *c = as_sum_at(h->s, h->s->order[0], r->base);
    put_page_card(h, "First by the unified metric", as_html_model(h, 0),
                  "mean %s %% over %zu sets; rank %s on %s", as_pct(m->value[AS_SUM_MEAN], h->dec).s,
                  r->n_sets, as_rank_text(c->rank).s, as_html_set(h, r->base));
  }
  size_t worst = r->base;
  int64_t flips = 0, pairs = 0;
  for (size_t k = 0; k < r->n_sets && r->n_models > 1; k++) {
    if (k == r->base) continue;
    as_order_pairs c = count_flips(h, r->base, k);
    int64_t f = c.opposite, p = c.same + c.opposite;
    if (p && (worst == r->base || (double)f * (double)pairs > (double)flips * (double)p))
      worst = k, flips = f, pairs = p;
  }
  if (worst != r->base) {
    char big[64];
    as_str_clear(&title);
    as_str_printf(&title, "Order of pairs, %s to %s", as_html_set(h, r->base), as_html_set(h, worst));
    snprintf(big, sizeof big, "%lld of %lld pairs swap", (long long)flips, (long long)pairs);
    put_page_card(h, as_str_c(&title), big,
                  "the set that agrees least with %s; intervals are not considered here",
                  as_html_set(h, r->base));
  }
  if (title.failed) h->out->failed = true;
  as_str_clear(&title);
  as_str_put(h->out, "</div>\n");
}

static void put_page_head(const as_html *h, bool provenance, as_err *err) {
  const as_results *r = h->r;
  as_str_put(h->out,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
  as_html_text(h, r->title && *r->title ? r->title : "assay report");
  as_str_put(h->out, "</title>\n<style>\n");
  for (size_t i = 0; i < as_report_css_count; i++) {
    char *css = as_embedded_text(&as_report_css[i], NULL, err);
    if (css)
      as_str_put(h->out, css);
    else
      h->out->failed = true;
    as_free(css);
  }
  as_str_put(h->out, "</style>\n</head>\n<body>\n<main>\n<h1>");
  as_html_text(h, r->title && *r->title ? r->title : "assay report");
  as_str_printf(h->out, "</h1>\n<p class=\"sub\">%zu model%s on %zu set%s, top-1 accuracy</p>\n", r->n_models,
                r->n_models == 1 ? "" : "s", r->n_sets, r->n_sets == 1 ? "" : "s");
  as_str decision = {0};
  as_put_decision(&decision, h->s);
  if (decision.n) {
    as_str_put(h->out, "<p id=\"decision\">");
    as_html_text(h, as_str_c(&decision));
    as_str_put(h->out, "</p>\n");
  }
  if (decision.failed) h->out->failed = true;
  as_str_clear(&decision);
  as_str_put(h->out, "<nav><a href=\"#accuracy\">Accuracy</a>");
  if (as_html_has_pictures(h)) as_str_put(h->out, "<a href=\"#pictures\">Look at the images</a>");
  if (r->n_sets > 1 && r->n_models > 1) as_str_put(h->out, "<a href=\"#ranks\">Ranks</a>");
  if (r->n_sets > 1)
    as_str_printf(
        h->out,
        "%s<a href=\"#against\">Accuracy against accuracy</a>%s<a href=\"#change\">Changes</a>"
        "<a href=\"#unified\">One number of many</a>%s%s",
        as_html_has_pairs(h) ? "<a href=\"#pairs\">Which differences are real</a>" : "",
        as_html_has_part(h, "robustness") ? "<a href=\"#robustness\">Effective robustness</a>" : "",
        r->n_models > 1 ? "<a href=\"#agreement\">Do the sets agree?</a>" : "",
        as_html_has_curve(h) ? "<a href=\"#translation\">Do small improvements translate?</a>" : "");
  if (h->s->by_method.methods.n) as_str_put(h->out, "<a href=\"#methods\">Methods and seeds</a>");
  if (h->s->calibration) as_str_put(h->out, "<a href=\"#calibration\">Calibration</a>");
  for (size_t k = 0, any = 0; k < r->n_sets; k++)
    if (h->s->classes[k].n > 1 && any++ == 0) as_str_put(h->out, "<a href=\"#classes\">Class by class</a>");
  if (as_html_has_part(h, "published")) as_str_put(h->out, "<a href=\"#published\">Published</a>");
  if (as_html_has_part(h, "probes")) as_str_put(h->out, "<a href=\"#probes\">Probes</a>");
  if (as_html_has_part(h, "corruptions")) as_str_put(h->out, "<a href=\"#corruptions\">Corruptions</a>");
  if (h->s->n_failed_cells || h->s->n_absent) as_str_put(h->out, "<a href=\"#gaps\">Failures and gaps</a>");
  as_str_put(h->out, "<a href=\"#sets\">Sets</a>");
  if (provenance) as_str_put(h->out, "<a href=\"#provenance\">Provenance</a>");
  as_str_put(h->out, "</nav>\n<div id=\"remarks\">");
  as_html_remarks(h, true);
  as_str_put(h->out, "</div>\n");
}

as_status as_report_html(as_str *out, const as_results *r, const as_report_opts *opts, const char *provenance,
                         as_err *err) {
  as_sum *s;
  as_status st = as_sum_take(&s, r, opts, err);
  if (st != AS_OK) return st;
  as_html h = {
      .out = out, .s = s, .r = r, .dec = as_sum_decimals(s), .pictures = opts ? opts->pictures : NULL};
  h.rows = r->n_models < AS_CHART_ROWS ? r->n_models : AS_CHART_ROWS;
  h.row_name = as_alloc(h.rows, sizeof *h.row_name, err);
  if (!h.row_name) {
    as_sum_drop(s, opts);
    return AS_E_ENV;
  }
  for (size_t i = 0; i < h.rows; i++) h.row_name[i] = as_html_model(&h, i);
  put_page_head(&h, provenance && *provenance, err);
  put_page_cards(&h);
  as_html_heat(&h, err);
  as_html_pictures(&h, err);
  if (r->n_sets > 1 && r->n_models > 1) as_html_ranks(&h, err);
  as_html_families(&h);
  as_html_methods(&h);
  if (r->n_sets > 1) {
    as_html_pairs(&h, err);
    if (s->any_drop) as_html_scatters(&h);
    if (s->any_drop) as_html_robustness(&h);
    if (s->any_drop) as_html_changes(&h, err);
    as_html_unified(&h, err);
    as_html_agreement(&h);
    as_html_whole(&h, err);
  }
  as_html_calibration(&h);
  as_html_classes(&h);
  as_html_more(&h);
  as_html_gaps(&h);
  as_html_sets(&h);
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
  as_sum_drop(s, opts);
  return as_str_status(out, err);
}
