/* What the writers for a terminal share. */
#ifndef AS_EVAL_REPORT_REPORT_PAGE_INT_H
#define AS_EVAL_REPORT_REPORT_PAGE_INT_H

#include "eval/report/report_int.h"
#include "eval/report/report_names.h"

typedef struct as_page {
  as_str *out;
  const as_sum *s;
  const as_results *r;
  size_t width, name_width; /* columns: of the terminal, of a model's name at most */
  bool ascii;
  int dec;               /* decimals of accuracies */
  as_short_names models; /* [n_models] in the order of the unified metric, and */
  as_short_names sets;   /* [n_sets], short enough for tables */
} as_page;

/* opts may be NULL. */
as_status as_page_make(as_page *p, as_str *out, const as_sum *s, const as_report_opts *opts, as_err *err);
void as_page_clear(as_page *p);
/* Between the ends of an interval. */
const char *as_page_dash(const as_page *p);
/* A sentence over a table, and an empty line. */
void as_page_title(const as_page *p, const char *text);
/* What the results decide, under the page's title. */
void as_page_decision(const as_page *p);
/* One of the remarks at the end. */
void as_page_remark(const as_page *p, const char *text);

#endif
