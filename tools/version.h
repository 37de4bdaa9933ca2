/* What this build is. */
#ifndef AS_TOOLS_VERSION_H
#define AS_TOOLS_VERSION_H

#include "tensor/base/text.h"

#define AS_VERSION "0.1.0"
#define AS_VERSION_DATE "2026-11-28"

const char *as_commit_text(
    void); /* 12 hexadecimal digits, with "-dirty" where files differ from it, or "unknown" */
const char *as_compiler_text(void); /* "gcc 12.2.0" */
void as_version_line(as_str *out);  /* what `assay --version` prints */

#endif
