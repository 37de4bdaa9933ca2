/* Option parsing and help, from options.def and the command's own row. */
#include "tools/cli.h"

#include <stdio.h>
#include <string.h>

#include "eval/features/features.h"
#include "eval/learn/probe_path.h"
#include "tensor/base/file.h"
#include "tools/engines.h"

static const char *const as_choice_nets[] = {"resnet50", "vits16", "vitb16", NULL};
static const char *const as_choice_dtypes[] = {"f32", "f16", NULL};
static const char *const as_choice_shells[] = {"bash", "zsh", "fish", NULL};
static const char *const as_choice_formats[] = {"text", "txt",      "csv", "json",  "html",
                                                "md",   "markdown", "tex", "latex", NULL};

static const char *const as_suffix_tables[] = {".tsv", ".txt", NULL};

static const as_option options[OPT_COUNT] = {
#define AS_OPTION(id, name, letter, kind, value, min, max, choices, help) \
  [OPT_##id] = {name, letter, AS_OPT_##kind, value, (double)(min), (double)(max), choices, help},
#include "tools/options.def"
#undef AS_OPTION
};

/* Accepted by every command. */
static const as_opt_id common[] = {OPT_QUIET,   OPT_PROGRESS, OPT_THREADS, OPT_PROFILE,
                                   OPT_SANDBOX, OPT_HELP,     OPT_END};

const as_option *as_option_of(as_opt_id id) {
  return &options[id];
}

const char *as_arg_text(const as_args *a, as_opt_id id, const char *otherwise) {
  return a->set[id] ? a->text[id] : otherwise;
}

int64_t as_arg_int(const as_args *a, as_opt_id id, int64_t otherwise) {
  return a->set[id] ? a->a[id] : otherwise;
}

double as_arg_real(const as_args *a, as_opt_id id, double otherwise) {
  return a->set[id] ? a->real[id] : otherwise;
}

static bool in_list(const as_opt_id *list, as_opt_id id) {
  for (; list && *list != OPT_END; list++)
    if (*list == id) return true;
  return false;
}

bool as_command_accepts(const as_command *cmd, as_opt_id id) {
  return in_list(cmd->options, id) || in_list(common, id);
}

/* `dashes` and the n bytes after them are no option of this command. */
static as_status unknown_option(const as_command *cmd, const char *dashes, const char *given, size_t n,
                                as_err *err) {
  char name[64];
  const char *known[OPT_COUNT];
  size_t k = 0;
  if (n >= sizeof name) n = sizeof name - 1;
  memcpy(name, given, n);
  name[n] = 0;
  for (int i = 0; i < OPT_COUNT; i++) {
    if (as_command_accepts(cmd, (as_opt_id)i))
      known[k++] = options[i].name;
    else if (strcmp(options[i].name, name) == 0)
      return as_fail(err, AS_E_USAGE, "option --%s is not for '%s'; see assay %s -h", name, cmd->name,
                     cmd->name);
  }
  const char *near = as_nearest(name, known, k);
  if (near) return as_fail(err, AS_E_USAGE, "unknown option %s%s; did you mean --%s?", dashes, name, near);
  return as_fail(err, AS_E_USAGE, "unknown option %s%s; see assay %s -h", dashes, name, cmd->name);
}

as_status as_cli_suffix(as_opt_id id, const char *name, const char *const *suffixes, as_err *err) {
  if (as_path_kind_of(name) == AS_PATH_OTHER) return AS_OK;
  for (size_t i = 0; suffixes[i]; i++)
    if (as_ends_with(name, suffixes[i])) return AS_OK;
  as_str list = {0};
  for (size_t i = 0; suffixes[i]; i++)
    as_str_printf(&list, "%s%s", i ? suffixes[i + 1] ? ", " : " or " : "", suffixes[i]);
  as_fail(err, AS_E_USAGE, "--%s: found '%s', wanted a name that ends in %s", options[id].name, name,
          as_str_c(&list));
  as_str_clear(&list);
  return AS_E_USAGE;
}

/* "A:B" or "I/N" into two numbers. */
static bool two_numbers(const char *v, char sep, int64_t max, int64_t *a, int64_t *b) {
  const char *mid = strchr(v, sep);
  char left[32];
  if (!mid || (size_t)(mid - v) >= sizeof left) return false;
  memcpy(left, v, (size_t)(mid - v));
  left[mid - v] = 0;
  return as_parse_i64(left, 0, max, a) && as_parse_i64(mid + 1, 1, max, b) && *a < *b;
}

/* "500M" */
static bool read_size(const char *v, int64_t *out) {
  static const char units[] = "kMGT";
  char number[32];
  size_t n = strlen(v);
  const char *unit = n ? strchr(units, v[n - 1]) : NULL;
  int shift = unit ? 10 * (int)(unit - units + 1) : 0;
  n -= unit != NULL;
  if (n == 0 || n >= sizeof number) return false;
  memcpy(number, v, n);
  number[n] = 0;
  if (!as_parse_i64(number, 0, INT64_MAX >> shift, out)) return false;
  *out *= INT64_C(1) << shift;
  return true;
}

static as_status take_value(as_args *args, as_opt_id id, const char *v, as_err *err) {
  const as_option *o = &options[id];
  /* INT64_MAX is not a double; whatever is not smaller than 2^63 means "no bound". */
  int64_t lo = (int64_t)o->min, hi = o->max >= 9.2e18 ? INT64_MAX : (int64_t)o->max;
  char from[32], to[32];
  args->text[id] = v;
  switch (o->kind) {
    case AS_OPT_FLAG:
      break;
    case AS_OPT_TEXT:
    case AS_OPT_FILE:
      if (!*v) return as_fail(err, AS_E_USAGE, "--%s: found an empty value, wanted %s", o->name, o->value);
      return o->choices ? as_cli_suffix(id, v, o->choices, err) : AS_OK;
    case AS_OPT_INT:
      if (as_parse_i64(v, lo, hi, &args->a[id])) break;
      if (hi == INT64_MAX)
        return as_fail(err, AS_E_USAGE, "--%s: found '%s', wanted a whole number of at least %lld", o->name,
                       v, (long long)lo);
      return as_fail(err, AS_E_USAGE, "--%s: found '%s', wanted a whole number from %lld to %lld", o->name, v,
                     (long long)lo, (long long)hi);
    case AS_OPT_REAL:
      if (as_parse_f64(v, &args->real[id]) && args->real[id] >= o->min && args->real[id] <= o->max) break;
      snprintf(from, sizeof from, "%g", o->min);
      snprintf(to, sizeof to, "%g", o->max);
      return as_fail(err, AS_E_USAGE, "--%s: found '%s', wanted a number from %s to %s", o->name, v, from,
                     to);
    case AS_OPT_SIZE:
      if (read_size(v, &args->a[id])) break;
      return as_fail(err, AS_E_USAGE, "--%s: found '%s', wanted a number of bytes, for example 500M or 4G",
                     o->name, v);
    case AS_OPT_LIST:
      if (args->n_listed == AS_MAX_LISTED)
        return as_fail(err, AS_E_USAGE, "--%s is given more than %d times", o->name, AS_MAX_LISTED);
      args->listed[args->n_listed].id = id;
      args->listed[args->n_listed++].text = v;
      break;
    case AS_OPT_RANGE:
      if (two_numbers(v, ':', hi, &args->a[id], &args->b[id])) break;
      return as_fail(err, AS_E_USAGE, "--%s: found '%s', wanted A:B with 0 <= A < B, for example 0:40",
                     o->name, v);
    case AS_OPT_SHARD:
      if (strncmp(v, "auto", 4) == 0 && (!v[4] || v[4] == '/'))
        return as_engine_task(v, &args->a[id], &args->b[id], err);
      if (two_numbers(v, '/', hi, &args->a[id], &args->b[id])) break;
      return as_fail(err, AS_E_USAGE,
                     "--%s: found '%s', wanted I/N with 0 <= I < N, for example 0/4, or auto", o->name, v);
    case AS_OPT_CHOICE: {
      size_t n = 0;
      as_str list = {0};
      while (o->choices[n]) {
        if (strcmp(o->choices[n], v) == 0) args->a[id] = (int64_t)n;
        if (strcmp(o->choices[n], v) == 0) break;
        as_str_printf(&list, "%s%s", n ? ", " : "", o->choices[n]);
        n++;
      }
      if (!o->choices[n]) {
        const char *near = as_nearest(v, o->choices, n);
        if (near)
          as_fail(err, AS_E_USAGE, "--%s: found '%s'; did you mean '%s'?", o->name, v, near);
        else
          as_fail(err, AS_E_USAGE, "--%s: found '%s', wanted one of %s", o->name, v, as_str_c(&list));
        as_str_clear(&list);
        return AS_E_USAGE;
      }
      as_str_clear(&list);
      break;
    }
  }
  return AS_OK;
}

as_status as_cli_parse(as_args *args, const as_command *cmd, int argc, char **argv, as_err *err) {
  bool only_operands = false;
  memset(args, 0, sizeof *args);
  for (int i = 0; i < argc; i++) {
    const char *arg = argv[i], *value = NULL;
    if (only_operands || arg[0] != '-' || !arg[1]) {
      if (args->n_operands == AS_MAX_OPERANDS)
        return as_fail(err, AS_E_USAGE, "more than %d operands", AS_MAX_OPERANDS);
      args->operand[args->n_operands++] = arg;
      continue;
    }
    if (strcmp(arg, "--") == 0) {
      only_operands = true;
      continue;
    }
    int id = OPT_COUNT;
    if (arg[1] == '-') {
      const char *eq = strchr(arg, '=');
      size_t n = eq ? (size_t)(eq - arg - 2) : strlen(arg + 2);
      for (id = 0; id < OPT_COUNT; id++)
        if (strlen(options[id].name) == n && memcmp(options[id].name, arg + 2, n) == 0 &&
            as_command_accepts(cmd, (as_opt_id)id))
          break;
      if (id == OPT_COUNT) return unknown_option(cmd, "--", arg + 2, n, err);
      if (eq) value = eq + 1;
    } else {
      for (id = 0; id < OPT_COUNT; id++)
        if (options[id].letter == arg[1] && as_command_accepts(cmd, (as_opt_id)id)) break;
      if (id == OPT_COUNT) return unknown_option(cmd, "-", arg + 1, strcspn(arg + 1, "="), err);
      if (arg[2]) value = arg + 2;
    }
    const as_option *o = &options[id];
    if (o->kind == AS_OPT_FLAG) {
      if (value) return as_fail(err, AS_E_USAGE, "--%s takes no value, found '%s'", o->name, value);
    } else {
      if (args->set[id] && o->kind != AS_OPT_LIST)
        return as_fail(err, AS_E_USAGE, "--%s is given twice", o->name);
      if (!value) {
        if (i + 1 == argc) return as_fail(err, AS_E_USAGE, "--%s wants a value: %s", o->name, o->value);
        value = argv[++i];
      }
      as_status s = take_value(args, (as_opt_id)id, value, err);
      if (s != AS_OK) return s;
    }
    args->set[id] = true;
  }
  if (args->set[OPT_HELP]) return AS_OK;
  for (const as_opt_id *r = cmd->required; r && *r != OPT_END; r++)
    if (!args->set[*r])
      return as_fail(err, AS_E_USAGE, "--%s %s is missing; see assay %s -h", options[*r].name,
                     options[*r].value, cmd->name);
  if (args->n_operands > cmd->max_operands)
    return as_fail(err, AS_E_USAGE, "found '%s', wanted %s", args->operand[cmd->max_operands],
                   cmd->max_operands ? "nothing more on the line" : "options only");
  if (args->n_operands < cmd->min_operands)
    return as_fail(err, AS_E_USAGE, "found %d operand%s, wanted: assay %s %s", args->n_operands,
                   args->n_operands == 1 ? "" : "s", cmd->name, cmd->synopsis);
  return AS_OK;
}

static void help_option(as_str *out, as_opt_id id) {
  const as_option *o = &options[id];
  char left[64], letter[8] = "    ";
  if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
  snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
  as_str_printf(out, "  %-28s%s%s", left, strlen(left) > 27 ? "\n                              " : "",
                o->help);
  as_str_putc(out, '\n');
}

void as_cli_help(as_str *out, const as_command *cmd) {
  as_str_printf(out, "usage: assay %s %s\n\n%s\n", cmd->name, cmd->synopsis, cmd->summary);
  if (cmd->detail) as_str_printf(out, "\n%s\n", cmd->detail);
  if (cmd->options && *cmd->options != OPT_END) as_str_put(out, "\noptions:\n");
  for (const as_opt_id *o = cmd->options; o && *o != OPT_END; o++) help_option(out, *o);
  as_str_put(out, "\ncommon options:\n");
  for (const as_opt_id *o = common; *o != OPT_END; o++)
    if (!in_list(cmd->options, *o)) help_option(out, *o);
}
