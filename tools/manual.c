/* The manual page and the shell completions: the option and command tables in other words. */
#include "tools/manual.h"

#include <string.h>

#include "tools/commands.h"
#include "tools/version.h"

/* Text for roff: backslashes and hyphens are themselves, no line begins with a request. */
static void roff(as_str *out, const char *text) {
  bool fresh = true;
  for (const char *c = text; *c; c++) {
    if (fresh && (*c == '.' || *c == '\'')) as_str_put(out, "\\&");
    if (*c == '\\')
      as_str_put(out, "\\e");
    else if (*c == '-')
      as_str_put(out, "\\-");
    else
      as_str_putc(out, *c);
    fresh = *c == '\n';
  }
}

/* The help's texts begin in lower case; sentences of a page do not. */
static void roff_sentence(as_str *out, const char *text) {
  if (*text >= 'a' && *text <= 'z') as_str_putc(out, (char)(*text++ - 'a' + 'A'));
  roff(out, text);
}

static void roff_option(as_str *out, as_opt_id id) {
  const as_option *o = as_option_of(id);
  as_str_put(out, ".TP\n");
  if (o->letter) as_str_printf(out, "\\fB\\-%c\\fR, ", o->letter);
  as_str_put(out, "\\fB\\-\\-");
  roff(out, o->name);
  as_str_put(out, "\\fR");
  if (o->value) {
    as_str_put(out, " \\fI");
    roff(out, o->value);
    as_str_put(out, "\\fR");
  }
  as_str_putc(out, '\n');
  roff_sentence(out, o->help);
  for (size_t i = 0; o->kind == AS_OPT_CHOICE && o->choices[i]; i++) {
    as_str_put(out, i ? ", " : "; one of ");
    roff(out, o->choices[i]);
  }
  as_str_put(out, ".\n");
}

static void roff_command(as_str *out, const as_command *c) {
  as_str_put(out, ".SS \"assay ");
  for (const char *p = c->name; *p; p++) as_str_putc(out, *p);
  as_str_putc(out, ' ');
  roff(out, c->synopsis);
  as_str_put(out, "\"\n");
  roff_sentence(out, c->summary);
  as_str_put(out, ".\n");
  if (c->detail) {
    as_str_put(out, ".PP\n");
    roff(out, c->detail);
    as_str_putc(out, '\n');
  }
  if (c->options && *c->options != OPT_END) {
    as_str_put(out, ".PP\nOptions:");
    for (const as_opt_id *o = c->options; *o != OPT_END; o++) {
      as_str_put(out, o == c->options ? " \\fB\\-\\-" : ", \\fB\\-\\-");
      roff(out, as_option_of(*o)->name);
      as_str_put(out, "\\fR");
    }
    as_str_put(out, ".\n");
  }
}

void as_manual_page(as_str *out) {
  as_str_printf(out, ".TH ASSAY 1 \"%s\" \"assay %s\" \"User Commands\"\n.ad l\n.nh\n", AS_VERSION_DATE,
                AS_VERSION);
  as_str_put(out,
             ".SH NAME\nassay \\- what self\\-supervised vision models are worth beyond one leaderboard\n"
             ".SH SYNOPSIS\n.B assay\n.I command\n.RI [ options ]\n"
             ".SH DESCRIPTION\n"
             "Takes checkpoints as their authors published them, runs them over ImageNet and its variants, "
             "fits or loads a\n"
             "linear head, and reports every accuracy with its interval, the drops, the ranks, paired tests "
             "and one unified\n"
             "number. Results go to standard output, everything else to standard error.\n"
             "Features and logits have the same bits for any number of threads, batch size, instruction set "
             "and compiler.\n"
             ".SH COMMANDS\n");
  for (size_t i = 0; i < as_n_commands; i++) roff_command(out, &as_commands[i]);
  as_str_put(out, ".SH OPTIONS\nAn option means the same wherever it is accepted. Nothing is abbreviated.\n");
  for (int i = 0; i < OPT_COUNT; i++) roff_option(out, (as_opt_id)i);
  as_str_put(
      out,
      ".SH EXIT STATUS\n"
      ".TP\n.B 0\nDone.\n"
      ".TP\n.B 1\nRan to its end and a check failed.\n"
      ".TP\n.B 2\nUsage.\n"
      ".TP\n.B 3\nBad input; also when images failed, whose results are written and counted.\n"
      ".TP\n.B 4\nEnvironment: memory, disk, CPU.\n"
      ".TP\n.B 75\nStopped by a signal with the work kept; the same command goes on.\n"
      ".TP\n.B 130\nStopped with nothing to keep, or by a second signal.\n"
      ".SH ENVIRONMENT\nNone of these changes a result.\n"
      ".TP\n.B ASSAY_CPU\nAn instruction set to use at most: ref, portable, avx2, avx512, avx512bf16, neon.\n"
      ".TP\n.B OMP_NUM_THREADS\nThreads, unless \\fB\\-\\-threads\\fR is given.\n"
      ".TP\n.B OMP_WAIT_POLICY\nWith \\fBpassive\\fR, threads that wait sleep instead of spinning: several "
      "times as fast where\n"
      "other programs want the same processors.\n"
      ".TP\n.BR SLURM_ARRAY_TASK_ID \", \" SGE_TASK_ID \", \" LSB_JOBINDEX\n"
      "With \\fB\\-\\-shard auto\\fR, and what they say of the array: which part this task is.\n"
      ".TP\n.BR PBS_ARRAY_INDEX \", \" PBS_ARRAYID \", \" JOB_COMPLETION_INDEX\n"
      "The same with \\fB\\-\\-shard auto/N\\fR.\n"
      ".TP\n.BR TERM \", \" LC_ALL \", \" LC_CTYPE \", \" LANG\n"
      "Whether progress is drawn, and tables with characters beyond ASCII.\n"
      ".SH EXAMPLES\n"
      ".nf\n"
      "assay demo\n"
      "assay inspect swav_800ep_pretrain.pth.tar\n"
      "assay classify \\-\\-weights resnet50.pth \\-\\-data ILSVRC2012_img_val.tar \\-\\-task "
      "imagenet\\-val\n"
      "assay run \\-\\-check lottery.plan\n"
      "assay run lottery.plan \\-o out\n"
      ".fi\n");
}

/* "--weights --data ... -o" of a command, or with their kinds of value. */
static void option_names(as_str *out, const as_command *c) {
  for (int i = 0; i < OPT_COUNT; i++)
    if (as_command_accepts(c, (as_opt_id)i)) as_str_printf(out, " --%s", as_option_of((as_opt_id)i)->name);
}

static void command_names(as_str *out) {
  for (size_t i = 0; i < as_n_commands; i++) as_str_printf(out, "%s%s", i ? " " : "", as_commands[i].name);
}

/* case lines that give each option's values: the choices, or nothing for numbers and free text. */
static void value_cases(as_str *out, const char *choices, const char *nothing) {
  as_str_put(out, "    ");
  bool first = true;
  for (int i = 0; i < OPT_COUNT; i++) {
    const as_option *o = as_option_of((as_opt_id)i);
    if (o->kind == AS_OPT_FLAG || o->kind == AS_OPT_FILE || o->kind == AS_OPT_CHOICE) continue;
    as_str_printf(out, "%s--%s", first ? "" : "|", o->name);
    if (o->letter) as_str_printf(out, "|-%c", o->letter);
    first = false;
  }
  as_str_printf(out, ") %s ;;\n", nothing);
  for (int i = 0; i < OPT_COUNT; i++) {
    const as_option *o = as_option_of((as_opt_id)i);
    if (o->kind != AS_OPT_CHOICE) continue;
    as_str_printf(out, "    --%s) ", o->name);
    as_str_printf(out, "%s", choices);
    for (size_t k = 0; o->choices[k]; k++) as_str_printf(out, "%s%s", k ? " " : "", o->choices[k]);
    as_str_put(out, "\" -- \"$word\")); return ;;\n");
  }
}

/* Files are completed where nothing else is known: -o default, which bash does itself. */
void as_completion_bash(as_str *out) {
  as_str_put(out,
             "# bash completion for assay; written by `assay info --completion bash`\n"
             "_assay() {\n"
             "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} names=\n"
             "  COMPREPLY=()\n"
             "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
             "    COMPREPLY=($(compgen -W \"");
  command_names(out);
  as_str_put(out, " help --help --version\" -- \"$word\"))\n    return\n  fi\n  case $before in\n");
  value_cases(out, "COMPREPLY=($(compgen -W \"", "compopt +o default 2>/dev/null; return");
  as_str_put(out,
             "  esac\n"
             "  [ \"${COMP_WORDS[1]}\" = help ] && COMPREPLY=($(compgen -W \"");
  command_names(out);
  as_str_put(out,
             "\" -- \"$word\"))\n"
             "  case $word in -*) ;; *) return ;; esac\n"
             "  case ${COMP_WORDS[1]} in\n");
  for (size_t i = 0; i < as_n_commands; i++) {
    as_str_printf(out, "    %s) names=\"", as_commands[i].name);
    option_names(out, &as_commands[i]);
    as_str_put(out, "\" ;;\n");
  }
  as_str_put(out,
             "  esac\n"
             "  COMPREPLY=($(compgen -W \"$names\" -- \"$word\"))\n"
             "}\n"
             "complete -o default -F _assay assay\n");
}

/* 'text' inside single quotes and brackets of an _arguments specification. */
static void zsh_text(as_str *out, const char *text) {
  for (; *text; text++) {
    if (*text == '\'')
      as_str_put(out, "'\\''");
    else if (strchr("[]:\\", *text))
      as_str_printf(out, "\\%c", *text);
    else
      as_str_putc(out, *text);
  }
}

static void zsh_option(as_str *out, const as_option *o) {
  if (o->letter)
    as_str_printf(out, " \\\n        {-%c,--%s}'[", o->letter, o->name);
  else
    as_str_printf(out, " \\\n        '--%s[", o->name);
  zsh_text(out, o->help);
  as_str_putc(out, ']');
  if (o->value) {
    as_str_putc(out, ':');
    zsh_text(out, o->value);
    as_str_putc(out, ':');
    if (o->kind == AS_OPT_FILE) as_str_put(out, "_files");
    if (o->kind == AS_OPT_CHOICE) {
      as_str_putc(out, '(');
      for (size_t k = 0; o->choices[k]; k++) as_str_printf(out, "%s%s", k ? " " : "", o->choices[k]);
      as_str_putc(out, ')');
    }
  }
  as_str_putc(out, '\'');
}

void as_completion_zsh(as_str *out) {
  as_str_put(out,
             "#compdef assay\n# zsh completion for assay; written by `assay info --completion zsh`\n"
             "local -a commands\ncommands=(\n");
  for (size_t i = 0; i < as_n_commands; i++) {
    as_str_printf(out, "  '%s:", as_commands[i].name);
    zsh_text(out, as_commands[i].summary);
    as_str_put(out, "'\n");
  }
  as_str_put(out,
             "  'help:what a command does'\n)\n"
             "if (( CURRENT == 2 )); then\n  _describe command commands\n  return\nfi\n"
             "local which=$words[2]\nshift words\n(( CURRENT-- ))\n"
             "case $which in\n  help) _describe command commands ;;\n");
  for (size_t i = 0; i < as_n_commands; i++) {
    const as_command *c = &as_commands[i];
    as_str_printf(out, "  %s) _arguments", c->name);
    for (int o = 0; o < OPT_COUNT; o++)
      if (as_command_accepts(c, (as_opt_id)o)) zsh_option(out, as_option_of((as_opt_id)o));
    as_str_printf(out, "%s ;;\n", c->max_operands ? " \\\n        '*:file:_files'" : "");
  }
  as_str_put(out, "esac\n");
}

/* 'text' inside single quotes: fish knows the escapes \\ and \' there and no other. */
static void fish_text(as_str *out, const char *text) {
  as_str_putc(out, '\'');
  for (; *text; text++) as_str_printf(out, strchr("'\\", *text) ? "\\%c" : "%c", *text);
  as_str_putc(out, '\'');
}

static void fish_option(as_str *out, const as_command *c, const as_option *o) {
  as_str_printf(out, "complete -c assay -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
  if (o->letter) as_str_printf(out, " -s %c", o->letter);
  if (o->kind == AS_OPT_FILE)
    as_str_put(out, " -r -F"); /* fish offers no file to a command of ours by itself */
  if (o->kind == AS_OPT_CHOICE) {
    as_str_put(out, " -x -a '");
    for (size_t k = 0; o->choices[k]; k++) as_str_printf(out, "%s%s", k ? " " : "", o->choices[k]);
    as_str_putc(out, '\'');
  } else if (o->kind != AS_OPT_FILE && o->kind != AS_OPT_FLAG) {
    as_str_put(out, " -x");
  }
  as_str_put(out, " -d ");
  fish_text(out, o->help);
  as_str_putc(out, '\n');
}

void as_completion_fish(as_str *out) {
  as_str_put(
      out, "# fish completion for assay; written by `assay info --completion fish`\ncomplete -c assay -f\n");
  for (size_t i = 0; i < as_n_commands; i++) {
    const as_command *c = &as_commands[i];
    as_str_printf(out, "complete -c assay -n __fish_use_subcommand -a %s -d ", c->name);
    fish_text(out, c->summary);
    as_str_putc(out, '\n');
    if (c->max_operands)
      as_str_printf(out, "complete -c assay -n '__fish_seen_subcommand_from %s' -F\n", c->name);
    for (int o = 0; o < OPT_COUNT; o++)
      if (as_command_accepts(c, (as_opt_id)o)) fish_option(out, c, as_option_of((as_opt_id)o));
  }
  as_str_put(out,
             "complete -c assay -n __fish_use_subcommand -a help -d 'what a command does'\n"
             "complete -c assay -n '__fish_seen_subcommand_from help' -a '");
  command_names(out);
  as_str_put(out, "'\n");
}
