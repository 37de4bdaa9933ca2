/* assay: one binary, one command table. Only this folder prints, exits and reads the environment. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tools/commands.h"
#include "tools/common.h"
#include "tools/outputs.h"
#include "tools/progress.h"
#include "tools/version.h"

/* The error's line, and the exit code that belongs to it. */
static int complain(const char *command, as_status status, const as_err *err) {
  as_progress_clear();
  fprintf(stderr, "assay%s%s: %s\n", command ? " " : "", command ? command : "", err->msg);
  return (int)status;
}

/* Standard output must have been taken in full; a reader that went away is no error of ours. */
static int close_stdout(int code) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  if (errno == EPIPE) return code;
  fprintf(stderr, "assay: standard output: %s\n", errno ? strerror(errno) : "write error");
  return code == 0 ? AS_E_ENV : code;
}

as_status as_tool_start(const as_args *args, const char *profile, as_err *err) {
  as_init_opts opts = {0};
  const char *cpu = getenv("ASSAY_CPU"), *omp = getenv("OMP_NUM_THREADS");
  int64_t threads = 0;
  if (omp && *omp) {
    /* OpenMP allows a list, one number per nesting level; the first one counts here. */
    char first[32];
    size_t n = strcspn(omp, ",");
    if (n < sizeof first) {
      memcpy(first, omp, n);
      first[n] = 0;
    }
    if (n >= sizeof first || !as_parse_i64(first, 1, 4096, &threads))
      return as_fail(err, AS_E_USAGE, "OMP_NUM_THREADS: found '%s', wanted a number from 1 to 4096", omp);
  }
  opts.cpu = cpu && *cpu ? cpu : NULL;
  opts.threads = (int)as_arg_int(args, OPT_THREADS, threads);
  opts.profile = profile;
  return as_init(&opts, err);
}

static int overview(FILE *to) {
  as_str text = {0};
  as_cli_overview(&text);
  fputs(as_str_c(&text), to);
  as_str_clear(&text);
  return to == stdout ? 0 : AS_E_USAGE;
}

static int unknown_command(const char *name) {
  const char *names[64];
  size_t n = 0;
  while (n < as_n_commands && n < 64) {
    names[n] = as_commands[n].name;
    n++;
  }
  const char *near = as_nearest(name, names, n);
  as_err err = {0};
  if (near)
    as_fail(&err, AS_E_USAGE, "unknown command '%s'; did you mean '%s'?", name, near);
  else
    as_fail(&err, AS_E_USAGE, "unknown command '%s'; 'assay -h' lists them", name);
  return complain(NULL, AS_E_USAGE, &err);
}

static int run_command(const as_command *cmd, int argc, char **argv) {
  static as_args args;
  as_err err = {0};
  as_status s = as_cli_parse(&args, cmd, argc, argv, &err);
  if (s == AS_OK && args.set[OPT_HELP]) {
    as_str text = {0};
    as_cli_help(&text, cmd);
    as_print(&text);
    as_str_clear(&text);
    return 0;
  }
  if (s != AS_OK) return complain(cmd->name, s, &err);
  as_progress_setup(&args);
  as_signals_setup();
  if (args.set[OPT_SANDBOX] && (s = as_tool_confine(cmd, &args, &err)) != AS_OK)
    return complain(cmd->name, s, &err);
  if ((s = as_tool_start(&args, as_arg_text(&args, OPT_PROFILE, NULL), &err)) == AS_OK)
    s = cmd->run(&args, &err);
  as_progress_clear();
  return s == AS_OK ? 0 : complain(cmd->name, s, &err);
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

int main(int argc, char **argv) {
  setup_memory();
  if (argc < 2) return overview(stderr);
  if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) return close_stdout(overview(stdout));
  if (strcmp(argv[1], "--version") == 0) {
    as_version_print(stdout);
    return close_stdout(0);
  }
  if (strcmp(argv[1], "help") == 0) {
    const as_command *about = argc > 2 ? as_command_named(argv[2]) : NULL;
    if (argc > 2 && !about) return unknown_command(argv[2]);
    if (!about) return close_stdout(overview(stdout));
    char *help[] = {"-h"};
    return close_stdout(run_command(about, 1, help));
  }
  const as_command *cmd = as_command_named(argv[1]);
  if (!cmd) return unknown_command(argv[1]);
  return close_stdout(run_command(cmd, argc - 2, argv + 2));
}
