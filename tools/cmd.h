/* One function per command, each in its own cmd_*.c; main.c calls them. */
#ifndef AS_TOOLS_CMD_H
#define AS_TOOLS_CMD_H

#include "tools/cli.h"

#define AS_COMMAND(id, name, synopsis, min, max, opts, required, folder, summary, detail) \
  as_status as_cmd_##id(const as_args *args, as_err *err);
#include "tools/commands.def"
#undef AS_COMMAND

#endif
