/* Text files that the binary carries, as tests/generate.sh embeds them. */
#ifndef AS_TENSOR_BASE_EMBED_H
#define AS_TENSOR_BASE_EMBED_H

#include <stddef.h>

#include "tensor/base/status.h"

/* One embedded file: its base name without suffix, and its text in short pieces (a C compiler need
 * not take literals over 4095 bytes), ended by NULL. */
typedef struct as_embedded {
  const char *name;
  const char *const *part;
} as_embedded;

/* The whole text, NUL-terminated; *n (may be NULL) gets its length. Release with as_free. NULL when
 * memory ends, and err gets AS_E_ENV. */
char *as_embedded_text(const as_embedded *file, size_t *n, as_err *err);

/* The file called name among count, or NULL. */
const as_embedded *as_embedded_find(const as_embedded *files, size_t count, const char *name);

#endif
