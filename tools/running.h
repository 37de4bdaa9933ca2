/* What run, merge and demo share: a plan computed and its table printed. */
#ifndef AS_TOOLS_RUNNING_H
#define AS_TOOLS_RUNNING_H

#include "eval/run/run.h"
#include "tools/cli.h"

as_run_opts as_tool_run_opts(const as_args *a, const char *dir);
/* plan NULL: the operands are shards. The table, or the record with --json, goes to standard output. */
as_status as_tool_run(const as_args *a, const as_plan *plan, const as_run_opts *given, as_err *err);

#endif
