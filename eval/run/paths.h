/* Paths that travel: where a folder lies as seen from another one, and where it has gone. */
#ifndef AS_EVAL_RUN_PATHS_H
#define AS_EVAL_RUN_PATHS_H

#include <stddef.h>

#include "tensor/base/status.h"

/* The absolute path of what exists, without links and dots. NULL where it does not exist. Release with as_free. */
char *as_path_real(const char *path, as_err *err);
/* Folder `to` as seen from folder `from`, both existing: "..", "../data", "." when they are one. Release with as_free. */
char *as_path_between(const char *from, const char *to, as_err *err);

/* Data that lies elsewhere than when the run was made: paths that begin with `old` begin with `now` instead. */
typedef struct as_root {
  const char *old, *now;
  size_t n_old; /* bytes of old */
} as_root;
typedef struct as_roots {
  as_root *root; /* [n] owned */
  size_t n;
} as_roots;
/* One more, "OLD=NEW"; borrows from text. AS_E_USAGE: not of that form. */
as_status as_roots_add(as_roots *r, const char *text, as_err *err);
void as_roots_clear(as_roots *r);
/* The path where it lies now; NULL: no root has it. r may be NULL. Release with as_free. */
char *as_roots_map(const as_roots *r, const char *path, as_err *err);

#endif
