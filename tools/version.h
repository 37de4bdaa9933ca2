/* What this build is. */
#ifndef AS_TOOLS_VERSION_H
#define AS_TOOLS_VERSION_H

#include "tensor/base/release.h"
#include "tensor/base/text.h"

const char *as_commit_text(
    void); /* 12 hexadecimal digits, with "-dirty" where files differ from it, or "unknown" */
const char *as_compiler_text(void); /* "gcc 12.2.0" */
void as_version_line(as_str *out);  /* what `assay --version` prints */

#endif
