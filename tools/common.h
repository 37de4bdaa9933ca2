/* What several commands share. */
#ifndef AS_TOOLS_COMMON_H
#define AS_TOOLS_COMMON_H

#include "data/sets/dataset.h"
#include "eval/features/backbone.h"
#include "eval/features/features.h"
#include "eval/report/report.h"
#include "eval/run/paths.h"
#include "eval/run/record.h"
#include "eval/stats/results.h"
#include "tensor/base/file.h"
#include "tools/cli.h"

as_dataset_opts as_tool_dataset_opts(const as_args *a);
/* Backbone of --weights, with --recipe, --arch, --preset. digest: the caller will print the file's. */
as_status as_tool_backbone(as_backbone *b, const as_args *a, bool digest, as_err *err);
/* The features of ds by b with --batch and --lenient, and the --trace file. Says on standard error what
 * is run and what was assumed. */
as_status as_tool_features(as_features *f, as_backbone *b, const as_dataset *ds, const as_args *a,
                           as_err *err);
/* The same, with the rows handed on (as_features_opts.row) instead of kept. */
as_status as_tool_features_to(as_features *f, as_backbone *b, const as_dataset *ds, const as_args *a,
                              as_features_row_fn *row, void *ctx, as_err *err);

as_build_info as_tool_build(void);
/* The path of this program; false: the system does not tell. */
bool as_tool_program(char *path, size_t size);
/* Every --root. Release with as_roots_clear, in failure too. */
as_status as_tool_roots(as_roots *r, const as_args *a, as_err *err);
/* --width, --ascii, the terminal's width and locale. */
as_report_opts as_tool_report_opts(const as_args *a);

/* "text", "csv", "json", "html", "markdown" or "latex": by --format (md is markdown there, too), else --json, else
 * the suffix of -o, else text. AS_E_USAGE for a suffix that says nothing. */
as_status as_tool_format(const char **format, const as_args *a, as_err *err);

/* --figures: writes them, and says how many; nothing where it was not given. */
as_status as_tool_figures(const as_results *r, const as_report_opts *o, const as_args *a, as_err *err);

/* Where a result goes, while it is written: the file of -o, which appears when all is there, or standard output. */
typedef struct as_sink {
  as_str text; /* to append to */
  as_out file;
  bool to_file;
} as_sink;
/* The sink must stay where it is until it is closed. */
as_status as_sink_open(as_sink *sink, const as_args *a, as_err *err);
/* Finishes it where the status is AS_OK, else removes the file; returns the status, or what went wrong here. */
as_status as_sink_close(as_sink *sink, as_status s, as_err *err);

/* "454 / 500 = 90.80 %  (95 % interval 87.95 to 93.03)" */
void as_tool_rate(as_str *out, const char *name, int64_t k, int64_t n, const double *interval);
/* A cell as text, or as JSON with --json, to standard output. */
as_status as_tool_print_cell(const as_args *a, const char *dataset, const as_cell *c, const as_backbone *b,
                             as_err *err);
/* AS_E_INPUT when images failed and --lenient was not given. */
as_status as_tool_failed(const as_args *a, size_t failed, size_t all, as_err *err);

#endif
