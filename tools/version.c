#include "tools/version.h"

#include <stdio.h>

#include "tensor/base/par.h"

/* Make passes the commit. Without make it is known where `git archive` has written it into the line below, which
 * .gitattributes asks for; elsewhere that line still begins with a dollar sign. */
#ifndef AS_COMMIT
static const char archived[] = "$Format:%H$";
#endif

const char *as_commit_text(void) {
#ifdef AS_COMMIT
  return AS_COMMIT;
#else
  static char text[13];
  if (archived[0] == '$') return "unknown";
  snprintf(text, sizeof text, "%.12s", archived);
  return text;
#endif
}

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
  as_str_printf(out, "assay %s (commit %s, %s, %s)\n", AS_VERSION, as_commit_text(), as_compiler_text(),
                as_par_has_openmp() ? "OpenMP" : "no OpenMP");
}
