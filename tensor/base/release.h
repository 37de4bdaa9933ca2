/* Which release this is: the one place that says it. */
#ifndef AS_TENSOR_BASE_RELEASE_H
#define AS_TENSOR_BASE_RELEASE_H

#define AS_VERSION "0.1.0"
#define AS_VERSION_DATE "2026-11-28"
#define AS_ABI 1 /* of eval/assay.h; its head says what the number promises */

#endif
