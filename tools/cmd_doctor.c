/* doctor: the classic causes of a wrong number, tried one by one. */
#include "eval/run/doctor.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/progress.h"
#include "tools/say.h"

as_status as_cmd_doctor(const as_args *a, as_err *err) {
  as_str out = {0};
  size_t causes = 0;
  as_roots roots = {0};
  as_doctor_opts o = {.images = (int)as_arg_int(a, OPT_IMAGES, 0),
                      .model = as_arg_text(a, OPT_MODEL, NULL),
                      .roots = &roots,
                      .watch = as_tool_watch()};
  as_status s = as_tool_roots(&roots, a, err);
  if (s == AS_OK) s = as_doctor(a->operand[0], &o, &out, &causes, err);
  as_print(&out); /* what was found before an error stands, too */
  as_str_clear(&out);
  as_roots_clear(&roots);
  if (s == AS_OK && causes)
    s = as_fail(err, AS_E_CHECK, "%zu cause%s of a wrong number found", causes, causes > 1 ? "s" : "");
  return s;
}
