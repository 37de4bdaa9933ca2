/* A whole table in memory, as programs and spreadsheets write it: fields parted by comma, semicolon or tab
 * (the head tells), RFC 4180's quotes, comments above the head, rows of nothing but separators. */
#ifndef AS_EVAL_STATS_TABLE_CSV_INT_H
#define AS_EVAL_STATS_TABLE_CSV_INT_H

#include <stddef.h>

#include "tensor/base/status.h"

typedef struct as_csv {
  char *path;         /* for messages; owned */
  char *text;         /* unquoted fields, each NUL-terminated; owned */
  const char **field; /* [rows * cols], into text */
  size_t *line;       /* [rows] line number of a row in the file */
  size_t rows, cols;  /* row 0 is the head */
  char separator;
} as_csv;

/* Blanks around a field that is not quoted are no part of it. Every row must have as many fields as the head;
 * what it has beyond must be empty, what it lacks must be columns without a name. */
as_status as_csv_read(as_csv *c, const char *path, as_err *err);
void as_csv_clear(as_csv *c);
static inline const char *as_csv_at(const as_csv *c, size_t row, size_t col) {
  return c->field[row * c->cols + col];
}
/* The column called name, or cols. */
size_t as_csv_column(const as_csv *c, const char *name);

#endif
