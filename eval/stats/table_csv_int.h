/* A whole CSV file in memory (RFC 4180: quotes, doubled quotes, CRLF or LF, an optional BOM). */
#ifndef AS_EVAL_STATS_TABLE_CSV_INT_H
#define AS_EVAL_STATS_TABLE_CSV_INT_H

#include <stddef.h>

#include "tensor/base/status.h"

typedef struct as_csv {
  char *path;        /* for messages; owned */
  char *text;        /* unquoted fields, each NUL-terminated; owned */
  char **field;      /* [rows * cols], into text */
  size_t *line;      /* [rows] line number of a row in the file */
  size_t rows, cols; /* row 0 is the head */
} as_csv;

/* Every row must have as many fields as the head; empty lines are skipped. */
as_status as_csv_read(as_csv *c, const char *path, as_err *err);
/* The same from memory; name stands in the messages. */
as_status as_csv_parse(as_csv *c, const char *data, size_t n, const char *name, as_err *err);
void as_csv_clear(as_csv *c);
static inline const char *as_csv_at(const as_csv *c, size_t row, size_t col) {
  return c->field[row * c->cols + col];
}
/* The column called name, or cols. */
size_t as_csv_column(const as_csv *c, const char *name);

#endif
