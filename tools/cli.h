/* The command line: options, what a command is, parser, help. */
#ifndef AS_TOOLS_CLI_H
#define AS_TOOLS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"
#include "tensor/base/text.h"

typedef enum as_opt_id {
#define AS_OPTION(id, name, letter, kind, value, min, max, choices, help) OPT_##id,
#include "tools/options.def"
#undef AS_OPTION
  OPT_COUNT,
  OPT_END = OPT_COUNT /* ends a command's list */
} as_opt_id;

typedef enum as_opt_kind {
  AS_OPT_FLAG,
  AS_OPT_TEXT,
  AS_OPT_FILE,
  AS_OPT_INT,
  AS_OPT_REAL,
  AS_OPT_RANGE,
  AS_OPT_SHARD,
  AS_OPT_SIZE,
  AS_OPT_LIST,
  AS_OPT_CHOICE
} as_opt_kind;

typedef struct as_option {
  const char *name;
  char letter; /* 0 = none */
  as_opt_kind kind;
  const char *value; /* what -h calls the value */
  double min, max;
  const char *const *choices; /* CHOICE: the values; FILE: the suffixes that its name may have, NULL: any */
  const char *help;
} as_option;

const as_option *as_option_of(as_opt_id id);

enum { AS_MAX_OPERANDS = 1024, AS_MAX_LISTED = 64 };

/* What the user gave. Texts are borrowed from argv. */
typedef struct as_args {
  bool set[OPT_COUNT];
  const char *text[OPT_COUNT];
  int64_t a[OPT_COUNT], b[OPT_COUNT]; /* INT, SIZE: a; RANGE, SHARD: both */
  double real[OPT_COUNT];
  const char *operand[AS_MAX_OPERANDS];
  int n_operands;
  struct {
    as_opt_id id;
    const char *text;
  } listed[AS_MAX_LISTED]; /* LIST: every value, in the order given */
  int n_listed;
} as_args;

/* The value or what stands in for it. */
const char *as_arg_text(const as_args *a, as_opt_id id, const char *otherwise);
int64_t as_arg_int(const as_args *a, as_opt_id id, int64_t otherwise);
double as_arg_real(const as_args *a, as_opt_id id, double otherwise);

typedef struct as_command {
  const char *name;
  const char *synopsis; /* operands and the usual options */
  int min_operands, max_operands;
  const as_opt_id *options;  /* ends with OPT_END; the common ones are accepted everywhere */
  const as_opt_id *required; /* must be given, ends with OPT_END; may be NULL */
  as_status (*folder)(const as_args *args, as_str *dir, as_err *err); /* where it writes: outputs.h */
  const char *summary;                                                /* one line */
  const char *detail;                                                 /* paragraph for -h */
} as_command;

bool as_command_accepts(const as_command *cmd, as_opt_id id);

/* A file is what its name says: AS_E_USAGE unless `name`, the value of that option, ends in one of the suffixes
 * (NULL-terminated). A device or a pipe may have any name. */
as_status as_cli_suffix(as_opt_id id, const char *name, const char *const *suffixes, as_err *err);

/* Fills `args` from argv[0..argc). AS_E_USAGE: unknown option (the nearest one is named), missing or
 * impossible value, wrong number of operands, an option given twice. After --help nothing is
 * required. */
as_status as_cli_parse(as_args *args, const as_command *cmd, int argc, char **argv, as_err *err);

void as_cli_help(as_str *out, const as_command *cmd);

#endif
