#include "tools/start.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/runtime.h"

as_status as_tool_start(const as_args *args, const char *profile, as_err *err) {
  as_init_opts opts = {0};
  const char *cpu = getenv("ASSAY_CPU"), *omp = getenv("OMP_NUM_THREADS");
  int64_t threads = 0;
  if (omp && *omp) {
    /* OpenMP allows a list, one number per nesting level; the first one counts here. */
    char first[32];
    size_t n = strcspn(omp, ",");
    if (n < sizeof first) {
      memcpy(first, omp, n);
      first[n] = 0;
    }
    if (n >= sizeof first || !as_parse_i64(first, 1, 4096, &threads))
      return as_fail(err, AS_E_USAGE, "OMP_NUM_THREADS: found '%s', wanted a number from 1 to 4096", omp);
  }
  as_path_set_home(getenv("HOME"));
  opts.cpu = cpu && *cpu ? cpu : NULL;
  opts.threads = (int)as_arg_int(args, OPT_THREADS, threads);
  opts.profile = profile;
  return as_init(&opts, err);
}
