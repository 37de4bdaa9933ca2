/* What this build is. */
#ifndef AS_TOOLS_VERSION_H
#define AS_TOOLS_VERSION_H

#include "tensor/base/text.h"

#define AS_VERSION "0.1.0"
/* The commit, when the build passes -DAS_COMMIT='"..."'. */
#ifndef AS_COMMIT
#define AS_COMMIT "unknown"
#endif

const char *as_compiler_text(void); /* "gcc 12.2.0" */
void as_version_line(as_str *out);  /* what `assay --version` prints */

#endif
