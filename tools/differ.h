/* Differences between two outputs, named the way a reader thinks of them. */
#ifndef AS_TOOLS_DIFFER_H
#define AS_TOOLS_DIFFER_H

#include <stddef.h>

#include "tensor/base/json.h"
#include "tensor/base/text.h"

typedef struct as_diff {
  as_str lines;            /* the first AS_DIFF_SHOWN, one per line: "where: a | b" */
  size_t n;                /* all */
  const char *const *skip; /* top-level keys that may differ, NULL-terminated, or NULL */
} as_diff;

enum { AS_DIFF_SHOWN = 20 };

void as_diff_add(as_diff *d, const char *where, const char *a, const char *b);
/* Member by member; elements of lists are named by model and dataset or name where they have them. */
void as_diff_json(as_diff *d, const as_json *a, const as_json *b);

#endif
