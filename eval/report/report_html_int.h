/* The sections of report.html and what they share. */
#ifndef AS_EVAL_REPORT_REPORT_HTML_INT_H
#define AS_EVAL_REPORT_REPORT_HTML_INT_H

#include "eval/report/report_charts_int.h"
#include "eval/report/report_grid.h"
#include "eval/report/report_int.h"

typedef struct as_html {
  as_str *out;
  const as_sum *s;
  const as_results *r;
  int dec;
  size_t rows;                 /* models in charts with a row each */
  const char **row_name;       /* [rows], in order */
  const as_pictures *pictures; /* NULL: words alone */
  as_figures *figures;         /* charts go there, too; NULL: nobody asks */
} as_html;

/* report_html_table.c */
/* A name or sentence, made printable and escaped. */
void as_html_text(const as_html *h, const char *text);
static inline const char *as_html_model(const as_html *h, size_t place) {
  return as_model_name(h->r, h->s->order[place]);
}
static inline const char *as_html_set(const as_html *h, size_t set) {
  return as_set_name(h->r, set);
}
/* Remarks stand under every table: in full under the first, and where there are few. */
void as_html_remarks(const as_html *h, bool full);
/* A grid, folded away under `summary` with the remarks; as it is where that is NULL. */
void as_html_table(const as_html *h, const as_grid *g, const char *summary);
/* The sheet of a part, false where the part does not apply. */
bool as_html_sheet(const as_html *h, const char *id, as_sheet *sh);
void as_html_sheet_table(const as_html *h, const as_sheet *sh, const char *summary, bool open);
/* The sentences that belong to a sheet. */
void as_html_how(const as_html *h, const as_sheet *sh);
bool as_html_has_part(const as_html *h, const char *id);
/* The table of a part, folded away; nothing where it does not apply. */
void as_html_part_table(const as_html *h, const char *id, const char *summary);
/* Says so when a chart shows fewer models than there are. */
void as_html_shown(const as_html *h);

/* Opens a figure called NAME, or NAME-SET of one of several, and says where its chart goes. */
as_chart as_html_figure(const as_html *h, const char *name, const char *set);
/* Closes it: picture and numbers are kept where they are asked for. */
void as_html_figure_end(const as_html *h, const as_chart *c);

/* What the section `id` says, in plain words and in this report's numbers, and its terms (report_html_says.c). */
void as_html_says(const as_html *h, const char *id);
/* The first screen: questions with their answers (report_html_ask.c). */
void as_html_asked(const as_html *h);

/* Sections. Memory that ends sets out->failed. */
void as_html_heat(const as_html *h, as_err *err); /* report_html_tables.c */
void as_html_gaps(const as_html *h);
void as_html_sets(const as_html *h);
void as_html_ranks(const as_html *h, as_err *err); /* report_html_charts.c */
void as_html_scatters(const as_html *h);
void as_html_changes(const as_html *h, as_err *err);
void as_html_unified(const as_html *h, as_err *err);
bool as_html_has_pairs(const as_html *h);
bool as_html_has_curve(const as_html *h);
void as_html_families(const as_html *h); /* report_families.c */
void as_html_methods(const as_html *h);
void as_html_protocols(const as_html *h);          /* report_html_parts.c */
void as_html_pairs(const as_html *h, as_err *err); /* report_html_stats.c */
void as_html_whole(const as_html *h, as_err *err); /* translation curve, mean ranks */
void as_html_robustness(const as_html *h);         /* report_html_parts.c */
void as_html_agreement(const as_html *h);
void as_html_calibration(const as_html *h);
void as_html_classes(const as_html *h);
bool as_html_has_pictures(const as_html *h); /* report_html_pictures.c */
void as_html_pictures(const as_html *h, as_err *err);
void as_html_more(const as_html *h); /* published figures, corruptions */

#endif
