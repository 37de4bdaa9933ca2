/* report.html: one self-contained page. Style is charts.css and page.css, charts are inline SVG, no script. */
#include "eval/report/report_css.h"
#include "eval/report/report_html_int.h"
#include "tensor/base/mem.h"

static void put_first_words(const as_html *h) {
  for (size_t i = 0; i < as_first_word_count; i++) {
    as_str text = {0};
    as_first_words[i].put(&text, h->s);
    if (text.n) {
      as_str_put(h->out, i == 0 ? "<p id=\"decision\">" : "<p class=\"decision\">");
      as_html_text(h, as_str_c(&text));
      as_str_put(h->out, "</p>\n");
    }
    if (text.failed) h->out->failed = true;
    as_str_clear(&text);
  }
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
  put_first_words(h);
  as_html_asked(h);
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
  if (as_html_has_part(h, "lottery")) as_str_put(h->out, "<a href=\"#lottery\">What would change it?</a>");
  if (h->s->protocols.n) as_str_put(h->out, "<a href=\"#protocols\">Protocols</a>");
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

static as_status write_page(as_str *out, as_figures *figures, const as_results *r, const as_report_opts *opts,
                            const char *provenance, as_err *err) {
  as_sum *s;
  as_status st = as_sum_take(&s, r, opts, err);
  if (st != AS_OK) return st;
  as_html h = {.out = out,
               .s = s,
               .r = r,
               .dec = as_sum_decimals(s),
               .pictures = opts ? opts->pictures : NULL,
               .figures = figures};
  h.rows = r->n_models < AS_CHART_ROWS ? r->n_models : AS_CHART_ROWS;
  h.row_name = as_alloc(h.rows, sizeof *h.row_name, err);
  if (!h.row_name) {
    as_sum_drop(s, opts);
    return AS_E_ENV;
  }
  for (size_t i = 0; i < h.rows; i++) h.row_name[i] = as_html_model(&h, i);
  put_page_head(&h, provenance && *provenance, err);
  as_html_heat(&h, err);
  as_html_pictures(&h, err);
  if (r->n_sets > 1 && r->n_models > 1) as_html_ranks(&h, err);
  as_html_families(&h);
  as_html_methods(&h);
  as_html_protocols(&h);
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

as_status as_report_html(as_str *out, const as_results *r, const as_report_opts *opts, const char *provenance,
                         as_err *err) {
  return write_page(out, NULL, r, opts, provenance, err);
}

as_status as_report_figures(as_figures *figures, const as_results *r, const as_report_opts *opts,
                            as_err *err) {
  as_str page = {0};
  as_status s = write_page(&page, figures, r, opts, NULL, err);
  as_str_clear(&page);
  return s;
}
