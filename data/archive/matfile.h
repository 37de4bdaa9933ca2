/* MATLAB level 5 MAT-files (MathWorks, "MAT-File Format", 2005), as much as the ILSVRC2012 development
 * kit needs: arrays of structs whose fields are numbers and text. Untrusted input. */
#ifndef AS_DATA_ARCHIVE_MATFILE_H
#define AS_DATA_ARCHIVE_MATFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

/* One field of one struct. */
typedef struct as_mat_field {
  size_t element;   /* of the struct array */
  const char *name; /* of the field */
  bool number;      /* a numeric array with at least one element */
  double value;     /* its first element */
  char text[64];    /* a character array, cut to fit; "" otherwise */
} as_mat_field;

/* Calls back for every field of every element of the first struct array called `variable`, in order.
 * A status other than AS_OK from the callback ends the reading. AS_E_INPUT: no such array, or damage;
 * the message begins with `path`. */
typedef as_status (*as_mat_visit)(void *ctx, const as_mat_field *f, as_err *err);
as_status as_mat_structs(const uint8_t *p, size_t n, const char *path, const char *variable,
                         as_mat_visit visit, void *ctx, as_err *err);

#endif
