/* run and merge. */
#include "eval/run/run.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/outputs.h"
#include "tools/running.h"
#include "tools/say.h"

as_status as_cmd_run(const as_args *a, as_err *err) {
  as_plan plan;
  as_str dir = {0}, out = {0};
  as_status s = as_plan_open(&plan, a->operand[0], err);
  if (s != AS_OK) return s;
  s = as_folder_run(a, &dir, err);
  as_run_opts o = as_tool_run_opts(a, as_str_c(&dir));
  if (a->set[OPT_TASKS] && !a->set[OPT_ESTIMATE])
    s = as_fail(err, AS_E_USAGE, "--tasks is for --estimate here; assay slurm %s writes the jobs",
                a->operand[0]);
  if (a->set[OPT_ESTIMATE]) o.tasks = as_arg_int(a, OPT_TASKS, 1);
  if (s == AS_OK && (a->set[OPT_CHECK] || a->set[OPT_ESTIMATE] || a->set[OPT_URLS])) {
    as_check_form form = a->set[OPT_URLS] ? AS_CHECK_URLS : a->set[OPT_JSON] ? AS_CHECK_JSON : AS_CHECK_TEXT;
    s = as_run_check(&plan, &o, form, &out, err);
    as_print(&out);
  } else if (s == AS_OK && a->set[OPT_SHARD]) {
    s = as_run_shard(&plan, &o, a->a[OPT_SHARD], a->b[OPT_SHARD], err);
    if (s == AS_OK) as_note("%s is finished; assay merge puts all of them together", as_str_c(&dir));
    if (s == AS_E_STOPPED) as_fail_in(err, "%s is kept, the same command goes on from there", as_str_c(&dir));
  } else if (s == AS_OK) {
    s = as_tool_run(a, &plan, &o, err);
  }
  as_str_clear(&out);
  as_str_clear(&dir);
  as_plan_clear(&plan);
  return s;
}

as_status as_cmd_merge(const as_args *a, as_err *err) {
  as_run_opts o = as_tool_run_opts(a, a->text[OPT_OUTPUT]);
  as_roots roots = {0};
  as_status s = as_tool_roots(&roots, a, err);
  o.roots = &roots;
  if (s == AS_OK) s = as_tool_run(a, NULL, &o, err);
  as_roots_clear(&roots);
  return s;
}
