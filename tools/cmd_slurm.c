/* slurm: a plan as jobs of a cluster. What runs there is run --shard and merge; this writes the scripts. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "eval/run/run.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/outputs.h"
#include "tools/running.h"
#include "tools/say.h"

enum { TASKS = 8 };

/* What every script says. */
typedef struct as_jobs {
  const as_args *a;
  const as_plan *plan;
  const char *dir;
  char home[4096];    /* where the command was given: the plan's path and -o start there */
  char program[1024]; /* the binary that runs */
  as_run_cost cost;
} as_jobs;

/* One of them. */
typedef struct as_job_script {
  const char *file, *about;
  const char *log;     /* in DIR/log, a pattern of Slurm */
  const char *command; /* arguments of assay, in sh */
  const char *self;    /* the job's number, in sh */
  double seconds, memory;
  bool part; /* an element of the array */
} as_job_script;

/* 'text' for sh */
static void put_quoted(as_str *out, const char *text) {
  as_str_putc(out, '\'');
  for (; *text; text++) {
    if (*text == '\'')
      as_str_put(out, "'\\''");
    else
      as_str_putc(out, *text);
  }
  as_str_putc(out, '\'');
}

/* Can it stand in a line of #SBATCH, between double quotes? */
static as_status want_plain(const char *path, as_err *err) {
  const char *bad = path + strcspn(path, "\"\\\n%");
  if (!*bad) return AS_OK;
  return as_fail(err, AS_E_USAGE, "found the path '%s', wanted one without quotes, backslashes and %%", path);
}

static void put_resources(as_str *out, const as_jobs *j, const as_job_script *s) {
  /* What was measured on this machine may take twice as long on another one. */
  const long minutes = ((long)(2 * s->seconds / 60) / 5 + 2) * 5,
             megabytes = (long)(1.25 * s->memory / 1e6) + 256;
  as_str_put(out, "#SBATCH --job-name=");
  for (const char *c = j->plan->name; *c; c++)
    as_str_putc(out, *c > ' ' && *c < 127 && !strchr("\"'\\", *c) ? *c : '_');
  as_str_printf(out, "-%.*s\n", (int)strcspn(s->file, "."), s->file);
  if (s->part) as_str_printf(out, "#SBATCH --array=0-%lld\n", (long long)j->cost.tasks - 1);
  as_str_printf(out, "#SBATCH --time=%ld-%02ld:%02ld\n", minutes / 1440, minutes / 60 % 24, minutes % 60);
  as_str_printf(out, "#SBATCH --nodes=1\n#SBATCH --ntasks=1\n#SBATCH --cpus-per-task=%d\n", j->cost.threads);
  as_str_printf(out, "#SBATCH --mem=%ldM\n", (megabytes + 99) / 100 * 100);
  as_str_put(out, "#SBATCH --requeue\n#SBATCH --open-mode=append\n#SBATCH --signal=B:USR1@60\n");
  as_str_printf(out, "#SBATCH --chdir=\"%s\"\n#SBATCH --output=\"%s/log/%s\"\n", j->home, j->dir, s->log);
}

static void put_settings(as_str *out, const as_jobs *j) {
  as_str_put(out, "assay=");
  put_quoted(out, j->program);
  as_str_put(out, "\nplan=");
  put_quoted(out, j->plan->path);
  as_str_put(out, "\ndir=");
  put_quoted(out, j->dir);
  as_str_put(out, "\ncd ");
  put_quoted(out, j->home);
  as_str_put(out, " || exit 4\n");
}

static void put_job(as_str *out, const as_jobs *j, const as_job_script *s) {
  as_str_printf(out, "#!/bin/sh\n# %s. Written by assay slurm.\n", s->about);
  put_resources(out, j, s);
  put_settings(out, j);
  if (s->part)
    as_str_put(out,
               "part=$SLURM_ARRAY_TASK_ID\n\n"
               "# What this node lacks is said before hours are spent.\n"
               "if ! why=$(\"$assay\" run \"$plan\" --check --quiet 2>&1 >/dev/null); then\n"
               "  echo \"$(uname -n): $why\" >&2\n"
               "  exit 3\n"
               "fi\n");
  as_str_printf(out,
                "\n# A minute before its time is over it stops, keeps its work, and is queued again.\n"
                "over=\n"
                "trap 'over=1; kill -TERM \"$run\"' USR1\n"
                "\"$assay\" %s%s --threads %d --progress 60 &\n"
                "run=$!\n"
                "wait \"$run\"\n"
                "code=$?\n"
                "while kill -0 \"$run\" 2>/dev/null; do # the signal has ended the first wait\n"
                "  wait \"$run\"\n"
                "  code=$?\n"
                "done\n"
                "[ -n \"$over\" ] && [ \"$code\" -eq 75 ] && exec scontrol requeue \"%s\"\n",
                s->command, j->a->set[OPT_LENIENT] && s->part ? " --lenient" : "", j->cost.threads, s->self);
  if (s->part)
    as_str_printf(out,
                  "# Images that failed are counted by the merge.\n"
                  "[ \"$code\" -eq 3 ] && [ -e \"$dir/part-$part-of-%lld/shard.json\" ] && exit 0\n",
                  (long long)j->cost.tasks);
  as_str_put(out, "exit \"$code\"\n");
}

static void put_submit(as_str *out, const as_jobs *j) {
  const bool train = j->cost.trainings > 0;
  as_str_printf(
      out,
      "#!/bin/sh\n"
      "# Queues the jobs of %s in their order and prints their numbers. Its arguments go to sbatch:\n"
      "# --partition=NAME, --account=NAME, --exclude=NODE. Given again, what is finished is not computed "
      "again.\n",
      j->plan->name);
  as_str_put(out, "dir=");
  put_quoted(out, j->dir);
  as_str_put(out, "\ncd ");
  put_quoted(out, j->home);
  as_str_put(out, " && mkdir -p \"$dir/log\" || exit 4\n");
  as_str_put(out,
             "queue() { # FILE [JOB THAT MUST END WELL BEFORE]\n"
             "  file=$1 after=$2\n"
             "  shift 2\n"
             "  sbatch --parsable ${after:+--dependency=\"afterok:$after\" --kill-on-invalid-dep=yes} \"$@\" "
             "\"$dir/$file\" | cut -d ';' -f 1\n"
             "}\n");
  if (train) as_str_put(out, "train=$(queue train.sh '' \"$@\") && [ -n \"$train\" ] || exit 4\n");
  as_str_printf(out, "part=$(queue part.sh %s \"$@\") && [ -n \"$part\" ] || exit 4\n",
                train ? "\"$train\"" : "''");
  as_str_put(out, "merge=$(queue merge.sh \"$part\" \"$@\") && [ -n \"$merge\" ] || exit 4\n");
  as_str_printf(out, "echo \"%spart $part, merge $merge\"\n", train ? "train $train, " : "");
}

static as_status write_text(const as_jobs *j, const char *file, as_str *text, as_err *err) {
  char *path = as_path_join(j->dir, file, err);
  as_status s = path ? as_str_status(text, err) : AS_E_ENV;
  if (s == AS_OK) s = as_file_write(path, as_str_c(text), text->n, err);
  as_free(path);
  as_str_clear(text);
  return s;
}

static as_status write_scripts(const as_jobs *j, as_err *err) {
  const long long n = (long long)j->cost.tasks;
  char part[200], merge[200];
  as_str batch = {0}, text = {0};
  if (j->a->set[OPT_BATCH]) as_str_printf(&batch, " --batch %lld", (long long)j->a->a[OPT_BATCH]);
  snprintf(part, sizeof part, "run \"$plan\" --shard auto/%lld -o \"$dir/part-$part-of-%lld\"%s", n, n,
           as_str_c(&batch));
  snprintf(merge, sizeof merge, "merge \"$dir\"/part-*-of-%lld -o \"$dir/out\"", n);
  const as_job_script scripts[] = {
      {"train.sh", "The trainings of the plan, which its parts wait for", "train.txt", "pretrain \"$plan\"",
       "$SLURM_JOB_ID", j->cost.training.wall, j->cost.task_memory, false},
      {"part.sh", "The parts of the run", "part-%a.txt", part, "${SLURM_ARRAY_JOB_ID}_$part",
       as_run_cost_task(&j->cost).wall, j->cost.task_memory, true},
      {"merge.sh", "The parts put together: the run stands in out/", "merge.txt", merge, "$SLURM_JOB_ID",
       as_run_cost_merge(&j->cost).wall, j->cost.merge_memory, false}};
  as_status s = as_str_status(&batch, err);
  for (size_t i = j->cost.trainings ? 0 : 1; s == AS_OK && i < sizeof scripts / sizeof *scripts; i++) {
    put_job(&text, j, &scripts[i]);
    s = write_text(j, scripts[i].file, &text, err);
  }
  if (s == AS_OK) put_submit(&text, j);
  if (s == AS_OK) s = write_text(j, "submit.sh", &text, err);
  as_str_clear(&batch);
  return s;
}

static as_status find_places(as_jobs *j, as_err *err) {
  if (!getcwd(j->home, sizeof j->home)) return as_fail(err, AS_E_ENV, "found no working folder");
  if (!as_tool_program(j->program, sizeof j->program)) snprintf(j->program, sizeof j->program, "assay");
  as_status s = want_plain(j->home, err);
  return s == AS_OK ? want_plain(j->dir, err) : s;
}

static as_status print_jobs(const as_jobs *j, as_err *err) {
  const double minute = 60;
  as_str out = {0};
  if (j->cost.trainings)
    as_str_printf(&out, "%s/train.sh: %zu trainings, about %.1f min\n", j->dir, j->cost.trainings,
                  j->cost.training.wall / minute);
  as_str_printf(&out, "%s/part.sh: %lld tasks, about %.1f min each with %d threads\n", j->dir,
                (long long)j->cost.tasks, as_run_cost_task(&j->cost).wall / minute, j->cost.threads);
  as_str_printf(&out, "%s/merge.sh: about %.1f min; leaves %s/out\n", j->dir,
                as_run_cost_merge(&j->cost).wall / minute, j->dir);
  as_str_printf(&out, "sh %s/submit.sh queues them\n", j->dir);
  as_status s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

as_status as_cmd_slurm(const as_args *a, as_err *err) {
  as_plan plan;
  as_str dir = {0};
  as_status s = as_plan_open(&plan, a->operand[0], err);
  if (s != AS_OK) return s;
  s = as_folder_slurm(a, &dir, err);
  as_jobs j = {.a = a, .plan = &plan, .dir = as_str_c(&dir)};
  as_run_opts o = as_tool_run_opts(a, j.dir);
  o.tasks = as_arg_int(a, OPT_TASKS, TASKS);
  if (s == AS_OK) s = find_places(&j, err);
  if (s == AS_OK) s = as_run_estimate(&j.cost, &plan, &o, err);
  if (s == AS_OK) s = as_make_dirs(j.dir, err);
  if (s == AS_OK) s = write_scripts(&j, err);
  if (s == AS_OK) s = print_jobs(&j, err);
  as_str_clear(&dir);
  as_plan_clear(&plan);
  return s;
}
