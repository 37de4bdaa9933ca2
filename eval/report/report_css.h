/* The style of charts and page as the binary carries it: charts.css, then page.css (generated from eval/embed.list). */
#ifndef AS_EVAL_REPORT_REPORT_CSS_H
#define AS_EVAL_REPORT_REPORT_CSS_H

#include "tensor/base/embed.h"

extern const as_embedded as_report_css[];
extern const size_t as_report_css_count;

#endif
