/* The command table: commands.def as data. */
#include "tools/commands.h"

#include <stdio.h>

#include "tools/outputs.h"

#define AS_LIST(...) __VA_ARGS__
#define AS_COMMAND(id, name, synopsis, min, max, opts, required, folder, summary, detail) \
  static const as_opt_id opts_##id[] = {AS_LIST opts, OPT_END};                           \
  static const as_opt_id required_##id[] = {AS_LIST required, OPT_END};
#include "tools/commands.def"
#undef AS_COMMAND

const as_command as_commands[] = {
#define AS_COMMAND(id, name, synopsis, min, max, opts, required, folder, summary, detail) \
  {name, as_cmd_##id, synopsis, min, max, opts_##id, required_##id, as_folder_##folder, summary, detail},
#include "tools/commands.def"
#undef AS_COMMAND
};
const size_t as_n_commands = sizeof as_commands / sizeof *as_commands;

void as_print(const as_str *text) {
  fwrite(as_str_c(text), 1, text->n, stdout);
}
