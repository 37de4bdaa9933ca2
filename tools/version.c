#include "tools/version.h"

#include "tensor/base/par.h"

const char *as_compiler_text(void) {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#else
  return "unknown compiler";
#endif
}

void as_version_line(as_str *out) {
  as_str_printf(out, "assay %s (commit %s, %s, %s)\n", AS_VERSION, AS_COMMIT, as_compiler_text(),
                as_par_has_openmp() ? "OpenMP" : "no OpenMP");
}
