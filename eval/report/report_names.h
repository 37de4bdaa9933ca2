/* Names in the room that there is: shortened so that they stay apart. */
#ifndef AS_EVAL_REPORT_REPORT_NAMES_H
#define AS_EVAL_REPORT_REPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/text.h"

typedef struct as_short_names {
  as_str *s; /* [n] printable; owned */
  size_t n;
} as_short_names;

/* name[n], each in at most max columns (0 = no limit) with its middle left out, or in more where two
 * different names would look the same. Borrowed names may be NULL: "?". */
as_status as_short_names_make(as_short_names *out, const char *const *name, size_t n, size_t max, bool ascii,
                              as_err *err);
void as_short_names_clear(as_short_names *names);
static inline const char *as_short_names_at(const as_short_names *names, size_t i) {
  return as_str_c(&names->s[i]);
}

#endif
