/* Published tables as people and programs read them. These append to `out` and are pure functions of `t`. */
#ifndef AS_EVAL_REPORT_TABLE_OUT_H
#define AS_EVAL_REPORT_TABLE_OUT_H

#include <stddef.h>

#include "eval/report/report.h"
#include "eval/stats/table.h"

/* For a terminal; top: rows to print, 0 = all. opts may be NULL. */
as_status as_table_text(as_str *out, const as_table *t, const as_report_opts *opts, size_t top, as_err *err);
/* Schema assay.table/1. opts may be NULL. */
as_status as_table_json(as_str *out, const as_table *t, const as_report_opts *opts, as_err *err);

#endif
