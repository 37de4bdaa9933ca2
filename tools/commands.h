/* The command table: what each is called, takes and is for. Which function runs it is main.c's matter. */
#ifndef AS_TOOLS_COMMANDS_H
#define AS_TOOLS_COMMANDS_H

#include "tools/cli.h"

extern const as_command as_commands[];
extern const size_t as_n_commands;
const as_command *as_command_named(const char *name); /* NULL: there is none */
/* AS_E_USAGE, with the nearest name where there is one. */
as_status as_command_unknown(const char *name, as_err *err);

void as_commands_overview(as_str *out); /* "assay -h" */

#endif
