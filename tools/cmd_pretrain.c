/* pretrain: a backbone from images alone. */
#include "eval/pretrain/training.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/epochs.h"
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

as_status as_cmd_pretrain(const as_args *a, as_err *err) {
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
    as_str_printf(&out, "%s/checkpoint.safetensors: %s, %zu images, %zu epochs\n", dir,
                  o.opts.ssl.method->title, r.images, o.opts.ssl.epochs);
    as_print(&out);
    as_str_clear(&out);
    s = as_tool_failed(a, r.failed, r.images + r.failed, err);
  }
  as_training_close(&o);
  as_free(world);
  return s;
}
