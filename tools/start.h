/* The library's start, from the command line and the environment. */
#ifndef AS_TOOLS_START_H
#define AS_TOOLS_START_H

#include "tools/cli.h"

/* as_init with ASSAY_CPU, OMP_NUM_THREADS or --threads, and this numerics profile (NULL: the default). main has
 * called it with --profile; a command that learns the profile from a file calls it again. */
as_status as_tool_start(const as_args *args, const char *profile, as_err *err);

#endif
