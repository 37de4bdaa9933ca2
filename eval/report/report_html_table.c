/* What the sections of report.html share: text, remarks, and tables, of which the page has one kind: a grid, by
 * itself or folded away; a part is laid out as a grid first. */
#include "eval/report/report_html_int.h"
#include "eval/report/svg.h"

enum { MOST_ROWS = 2000, PAPER_ROWS = 60 };

void as_html_text(const as_html *h, const char *text) {
  as_str clean = {0};
  as_put_name(&clean, text, 0, false);
  as_put_html(h->out, as_str_c(&clean));
  if (clean.failed) h->out->failed = true;
  as_str_clear(&clean);
}

as_chart as_html_figure(const as_html *h, const char *name, const char *set) {
  as_str_put(h->out, "<figure>");
  as_figure *g = h->figures ? as_figures_add(h->figures, name, set) : NULL;
  if (h->figures && !g) h->out->failed = true;
  return g ? (as_chart){&g->svg, &g->csv} : (as_chart){h->out, NULL};
}

void as_html_figure_end(const as_html *h, const as_chart *c) {
  if (c->csv) { /* the figure that was added last */
    as_str picture = *c->svg;
    *c->svg = (as_str){0};
    if (picture.n) {
      as_str_put(h->out, as_str_c(&picture));
      as_str_put(c->svg,
                 "<!-- A figure of an assay report; the CSV file of the same name has its numbers. -->\n");
      as_svg_put_file(c->svg, as_str_c(&picture));
    }
    if (picture.failed || c->svg->failed || c->csv->failed) h->out->failed = true;
    if (!picture.n) as_figures_drop_last(h->figures);
    as_str_clear(&picture);
  }
  as_str_put(h->out, "</figure>\n");
}

void as_html_remarks(const as_html *h, bool full) {
  const as_results *r = h->r;
  size_t n = r->n_remarks + h->s->n_notes;
  if (n == 0 && r->complete) return;
  as_str_printf(h->out, "<aside class=\"remarks%s\">", full ? "" : " small");
  if (!r->complete) as_str_put(h->out, "<p><b>This run is not complete.</b></p>");
  for (size_t i = 0; i < n && (full || n <= 3); i++) {
    as_str_put(h->out, "<p>");
    as_html_text(h, i < r->n_remarks ? r->remarks[i] : h->s->notes[i - r->n_remarks]);
    as_str_put(h->out, "</p>");
  }
  if (!full && n > 3)
    as_str_printf(h->out, "<p><a href=\"#remarks\">%zu remarks</a> apply to this table.</p>", n);
  as_str_put(h->out, "</aside>\n");
}

void as_html_shown(const as_html *h) {
  if (h->rows < h->r->n_models)
    as_str_printf(h->out,
                  "<p class=\"how\">The chart shows the first %zu of %zu models by the unified metric; the "
                  "table has all.</p>\n",
                  h->rows, h->r->n_models);
}

void as_html_table(const as_html *h, const as_grid *g, const char *summary) {
  if (!summary) {
    as_grid_html(h->out, g);
    return;
  }
  /* longer ones stay folded on paper */
  as_str_put(h->out, g->rows > PAPER_ROWS ? "<details class=\"long\"><summary>" : "<details><summary>");
  as_str_put(h->out, summary);
  as_str_put(h->out, "</summary>\n");
  as_grid_html(h->out, g);
  as_html_remarks(h, false);
  as_str_put(h->out, "</details>\n");
}

bool as_html_sheet(const as_html *h, const char *id, as_sheet *sh) {
  *sh = (as_sheet){.id = id};
  as_status st = as_part_find(id)->build(sh, h->s, NULL);
  if (st != AS_OK || sh->failed) h->out->failed = true;
  if (st == AS_OK && !sh->failed && sh->n_rows > 0) return true;
  as_sheet_clear(sh);
  return false;
}

void as_html_sheet_table(const as_html *h, const as_sheet *sh, const char *summary, bool open) {
  as_grid g;
  if (sh->n_rows > MOST_ROWS) {
    as_str_printf(
        h->out,
        "<p class=\"how\">%s: %zu rows, more than fit a page; <code>--part %s</code> writes them.</p>\n",
        summary, sh->n_rows, sh->id);
    return;
  }
  if (as_sheet_grid(sh, &g, 0, false, true, NULL) != AS_OK) {
    h->out->failed = true;
    return;
  }
  as_html_table(h, &g, open ? NULL : summary);
  as_grid_clear(&g);
}

void as_html_how(const as_html *h, const as_sheet *sh) {
  if (sh->how.n == 0) return;
  as_str_put(h->out, "<p class=\"how\">");
  as_html_text(h, as_str_c(&sh->how));
  as_str_put(h->out, "</p>\n");
}

bool as_html_has_part(const as_html *h, const char *id) {
  as_sheet sh;
  if (!as_html_sheet(h, id, &sh)) return false;
  as_sheet_clear(&sh);
  return true;
}

void as_html_part_table(const as_html *h, const char *id, const char *summary) {
  as_sheet sh;
  if (!as_html_sheet(h, id, &sh)) return;
  as_html_sheet_table(h, &sh, summary, false);
  as_sheet_clear(&sh);
}
