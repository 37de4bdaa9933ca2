#include "eval/features/backbone.h"
#include "tools/cmd.h"
#include "tools/say.h"

as_status as_cmd_init(const as_args *a, as_err *err) {
  const char *path = a->text[OPT_OUTPUT];
  if (!as_ends_with(path, ".safetensors"))
    return as_fail(err, AS_E_USAGE, "-o: found '%s', wanted a name that ends in .safetensors", path);
  as_status s = as_backbone_write_seeded(path, a->text[OPT_ARCH], (uint64_t)as_arg_int(a, OPT_SEED, 0), err);
  if (s == AS_OK)
    as_note("%s: seeded random weights, seed %lld", path, (long long)as_arg_int(a, OPT_SEED, 0));
  return s;
}
