/* assay: one binary, one command table. Only this folder prints, exits and reads the environment. */
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "tools/cmd.h"
#include "tools/commands.h"
#include "tools/outputs.h"
#include "tools/progress.h"
#include "tools/say.h"
#include "tools/signals.h"
#include "tools/start.h"
#include "tools/version.h"

/* In the order of as_commands. */
static as_status (*const functions[])(const as_args *args, as_err *err) = {
#define AS_COMMAND(id, name, synopsis, min, max, opts, required, folder, summary, detail) as_cmd_##id,
#include "tools/commands.def"
#undef AS_COMMAND
};

static int print_and_clear(as_str *text) {
  as_print(text);
  as_str_clear(text);
  return 0;
}

static int print_help(const as_command *cmd) {
  as_str text = {0};
  as_cli_help(&text, cmd);
  return print_and_clear(&text);
}

/* --check and --estimate leave nothing. */
static bool keeps_its_work(const as_command *cmd, const as_args *args) {
  return as_folder_keeps(cmd->folder, args) && !args->set[OPT_CHECK] && !args->set[OPT_ESTIMATE];
}

static int run_command(const as_command *cmd, int argc, char **argv) {
  static as_args args;
  as_err err = {0};
  as_status s = as_cli_parse(&args, cmd, argc, argv, &err);
  if (s == AS_OK && args.set[OPT_HELP]) return print_help(cmd);
  if (s != AS_OK) return as_complain(cmd->name, s, &err);
  as_say_quiet(args.set[OPT_QUIET]);
  if ((s = as_progress_setup(&args, &err)) != AS_OK) return as_complain(cmd->name, s, &err);
  as_signals_setup(cmd->name, keeps_its_work(cmd, &args));
  if (args.set[OPT_SANDBOX]) s = as_tool_confine(cmd, &args, &err);
  if (s == AS_OK) s = as_tool_start(&args, as_arg_text(&args, OPT_PROFILE, NULL), &err);
  if (s == AS_OK) s = functions[cmd - as_commands](&args, &err);
  return s == AS_OK ? 0 : as_complain(cmd->name, s, &err);
}

static int unknown_command(const char *name) {
  as_err err = {0};
  return as_complain(NULL, as_command_unknown(name, &err), &err);
}

/* glibc raises its limit for own mappings to the largest block freed so far, and the tensors that were read
 * and freed while weights were packed stay in its heap: 100 MB beside a ViT-B. A fixed limit gives them
 * back; the heap keeps a few MB for what is decoded image by image. */
static void setup_memory(void) {
#if defined(__GLIBC__)
  (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
  (void)mallopt(M_TRIM_THRESHOLD, 8 << 20);
#endif
}

static int one_command(int argc, char **argv) {
  const as_command *cmd = as_command_named(argv[0]);
  return cmd ? run_command(cmd, argc - 1, argv + 1) : unknown_command(argv[0]);
}

static int answer(int argc, char **argv) {
  as_str text = {0};
  const char *word = argc > 1 ? argv[1] : "";
  const bool help = strcmp(word, "help") == 0;
  if (help && argc > 2) {
    const as_command *about = as_command_named(argv[2]);
    return about ? print_help(about) : unknown_command(argv[2]);
  }
  if (strcmp(word, "--version") == 0) {
    as_version_line(&text);
  } else if (help || strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
    as_commands_overview(&text);
  } else if (argc > 1) {
    return one_command(argc - 1, argv + 1);
  } else {
    as_commands_overview(&text);
    as_note("%s", as_str_c(&text));
    as_str_clear(&text);
    return AS_E_USAGE;
  }
  return print_and_clear(&text);
}

int main(int argc, char **argv) {
  as_say_open();
  setup_memory();
  return as_say_close(answer(argc, argv));
}
