/* pretrain: a backbone from images alone. */
#include "eval/pretrain/training.h"
#include "eval/run/run.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/epochs.h"
#include "tools/progress.h"
#include "tools/say.h"

static as_training training_of(const as_args *a) {
  return (as_training){.method = a->text[OPT_METHOD],
                       .arch = as_arg_text(a, OPT_ARCH, NULL),
                       .preset = as_arg_text(a, OPT_PRESET, NULL),
                       .values = as_arg_text(a, OPT_SET, NULL),
                       .size = as_arg_int(a, OPT_SIZE, 0),
                       .batch = as_arg_int(a, OPT_BATCH, 0),
                       .epochs = as_arg_int(a, OPT_EPOCHS, 0),
                       .seed = as_arg_int(a, OPT_SEED, 0),
                       .half = a->set[OPT_HALF],
                       .lenient = a->set[OPT_LENIENT],
                       .data = as_tool_dataset_opts(a)};
}

/* Every training of a plan that is not done yet. */
static as_status train_plan(const as_args *a, as_err *err) {
  static const as_opt_id single[] = {OPT_METHOD, OPT_DATA, OPT_OUTPUT, OPT_ARCH, OPT_EPOCHS, OPT_BATCH,
                                     OPT_SIZE,   OPT_SEED, OPT_SET,    OPT_HALF, OPT_PRESET};
  for (size_t i = 0; i < sizeof single / sizeof *single; i++)
    if (a->set[single[i]])
      return as_fail(err, AS_E_USAGE, "--%s is not for a plan: its [pretrain NAME] sections say everything",
                     as_option_of(single[i])->name);
  as_plan plan;
  as_status s = as_plan_open(&plan, a->operand[0], err);
  if (s != AS_OK) return s;
  const as_run_opts o = {.watch = as_tool_watch(), .training = as_tool_training_tell};
  if (plan.n_pretrain == 0)
    s = as_fail(err, AS_E_INPUT, "%s: found no [pretrain NAME], wanted one", plan.path);
  if (s == AS_OK) s = as_run_train(&plan, &o, err);
  if (s == AS_E_STOPPED) as_fail_in(err, "the same command goes on from there");
  as_str out = {0};
  for (size_t i = 0; s == AS_OK && i < plan.n_pretrain; i++)
    as_str_printf(&out, "%s: %s\n", plan.pretrain[i].name, plan.pretrain[i].checkpoint);
  if (s == AS_OK && (s = as_str_status(&out, err)) == AS_OK) as_print(&out);
  as_str_clear(&out);
  as_plan_clear(&plan);
  return s;
}

static as_status want_options(const as_args *a, as_err *err) {
  static const as_opt_id wanted[] = {OPT_METHOD, OPT_DATA, OPT_OUTPUT};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    if (!a->set[wanted[i]])
      return as_fail(err, AS_E_USAGE, "--%s is missing (or a plan with [pretrain NAME] sections)",
                     as_option_of(wanted[i])->name);
  return AS_OK;
}

as_status as_cmd_pretrain(const as_args *a, as_err *err) {
  if (a->n_operands) return train_plan(a, err);
  const as_status given = want_options(a, err);
  if (given != AS_OK) return given;
  const char *dir = a->text[OPT_OUTPUT];
  const as_training t = training_of(a);
  as_training_open o = {0};
  as_pretrain_result r = {0};
  char *world = as_path_join(dir, "world", err);
  as_status s = world ? as_training_start(&o, &t, world, err) : AS_E_ENV;
  as_tool_training_tell(&o.opts);
  o.opts.dir = dir;
  if (s == AS_OK) s = as_pretrain(&o.opts, &r, err);
  if (s == AS_OK && r.was_complete) as_note("%s: this training is complete already", dir);
  if (s == AS_OK) {
    as_str out = {0};
    as_str_printf(&out, "%s/checkpoint.safetensors: %s, %zu images, %zu epoch%s\n", dir,
                  o.opts.ssl.method->title, r.images, o.opts.ssl.epochs, o.opts.ssl.epochs == 1 ? "" : "s");
    as_print(&out);
    as_str_clear(&out);
    s = as_tool_failed(a, r.failed, r.images + r.failed, err);
  }
  as_training_close(&o);
  as_free(world);
  return s;
}
