#include "eval/features/backbone.h"
#include "tools/cmd.h"
#include "tools/say.h"

as_status as_cmd_init(const as_args *a, as_err *err) {
  static const char *const suffixes[] = {".safetensors", NULL};
  const char *path = a->text[OPT_OUTPUT];
  as_status s = as_cli_suffix(OPT_OUTPUT, path, suffixes, err);
  if (s == AS_OK)
    s = as_backbone_write_seeded(path, a->text[OPT_ARCH], (uint64_t)as_arg_int(a, OPT_SEED, 0), err);
  if (s == AS_OK)
    as_note("%s: seeded random weights, seed %lld", path, (long long)as_arg_int(a, OPT_SEED, 0));
  return s;
}
