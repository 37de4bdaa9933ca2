/* Progress on standard error, and when to stop. */
#ifndef AS_TOOLS_PROGRESS_H
#define AS_TOOLS_PROGRESS_H

#include "tensor/base/watch.h"
#include "tools/cli.h"

/* Decides from --progress, -q and the terminal how progress is shown. AS_E_USAGE: --progress makes no sense. */
as_status as_progress_setup(const as_args *args, as_err *err);
/* For library calls: draws progress, stops on a signal. */
const as_watch *as_tool_watch(void);

#endif
