/* commands.def as data. */
#include "tools/commands.h"

#include <string.h>

#include "tools/outputs.h"

#define AS_LIST(...) __VA_ARGS__
#define AS_COMMAND(id, name, synopsis, min, max, opts, required, folder, summary, detail) \
  static const as_opt_id opts_##id[] = {AS_LIST opts, OPT_END};                           \
  static const as_opt_id required_##id[] = {AS_LIST required, OPT_END};
#include "tools/commands.def"
#undef AS_COMMAND

const as_command as_commands[] = {
#define AS_COMMAND(id, name, synopsis, min, max, opts, required, folder, summary, detail) \
  {name, synopsis, min, max, opts_##id, required_##id, as_folder_##folder, summary, detail},
#include "tools/commands.def"
#undef AS_COMMAND
};
const size_t as_n_commands = sizeof as_commands / sizeof *as_commands;

const as_command *as_command_named(const char *name) {
  for (size_t i = 0; i < as_n_commands; i++)
    if (strcmp(as_commands[i].name, name) == 0) return &as_commands[i];
  return NULL;
}

as_status as_command_unknown(const char *name, as_err *err) {
  const char *names[sizeof as_commands / sizeof *as_commands + 3] = {"help", "--help", "--version"};
  for (size_t i = 0; i < as_n_commands; i++) names[i + 3] = as_commands[i].name;
  const char *near = as_nearest(name, names, as_n_commands + 3);
  if (near) return as_fail(err, AS_E_USAGE, "unknown command '%s'; did you mean '%s'?", name, near);
  if (name[0] == '-')
    return as_fail(err, AS_E_USAGE, "found '%s', wanted a command first; 'assay -h' lists them", name);
  return as_fail(err, AS_E_USAGE, "unknown command '%s'; 'assay -h' lists them", name);
}

void as_commands_overview(as_str *out) {
  as_str_put(out,
             "usage: assay COMMAND [options]\n\n"
             "Measures what self-supervised vision models are worth beyond one leaderboard.\n\n");
  for (size_t i = 0; i < as_n_commands; i++)
    as_str_printf(out, "  %-12s%s\n", as_commands[i].name, as_commands[i].summary);
  as_str_put(
      out,
      "\n'assay COMMAND -h' explains one command; 'assay --version' names this build.\n"
      "Exit codes: 0 done, 1 a check failed, 2 usage, 3 bad input, 4 environment, 75 stopped and resumable,\n"
      "130 interrupted. Results go to standard output, everything else to standard error.\n");
}
