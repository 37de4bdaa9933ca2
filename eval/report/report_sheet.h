/* One table of numbers that every writer can print: what a column means is said once, so that text, CSV,
 * JSON, Markdown, LaTeX and HTML show the same values. CSV and JSON have them at full precision, as
 * fractions; the others rounded, in per cent or points. */
#ifndef AS_EVAL_REPORT_REPORT_SHEET_H
#define AS_EVAL_REPORT_REPORT_SHEET_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/report/report_grid.h"
#include "tensor/base/json.h"

typedef enum as_column_kind {
  AS_COL_TEXT,
  AS_COL_COUNT,
  AS_COL_SHARE,  /* fraction, shown in per cent */
  AS_COL_POINTS, /* difference of fractions, shown in points with its sign */
  AS_COL_RANK,
  AS_COL_P,     /* probability of a test */
  AS_COL_REAL,  /* with so many decimals */
  AS_COL_DIGITS /* with so many digits that count, 2.5e-07 */
} as_column_kind;

typedef struct as_column {
  const char *key;  /* in CSV and JSON; borrowed */
  const char *head; /* for readers; borrowed */
  as_column_kind kind;
  int decimals;
  bool interval; /* values have lo and hi */
  bool named;    /* the head is a name: a line feed in it does not part lines */
} as_column;

typedef struct as_value {
  double v, lo, hi; /* NaN = unknown */
  char *text;       /* owned */
} as_value;

typedef struct as_sheet {
  const char *id, *title; /* borrowed */
  as_str how;             /* sentences that belong under the table */
  as_column *col;
  as_value *value; /* [n_rows * n_cols] */
  size_t n_cols, n_rows, cap_cols, cap_rows;
  bool failed; /* memory ended */
  /* Gets each row, as row 0, when the next one begins (as_sheet_end: the last), and the sheet keeps none; NULL: all stay.
   * For who fills row after row (as_part.by_row). */
  void (*take)(void *ctx, const struct as_sheet *s);
  void *ctx;
} as_sheet;

/* All columns before the first row. */
void as_sheet_column(as_sheet *s, const char *key, const char *head, as_column_kind kind, int decimals,
                     bool interval);
/* A column whose key and head are the name of a set or model. */
void as_sheet_named(as_sheet *s, const char *name, as_column_kind kind, int decimals, bool interval);
void as_sheet_end(as_sheet *s);
/* A new row of unknown values; returns its number. */
size_t as_sheet_row(as_sheet *s);
void as_sheet_number(as_sheet *s, size_t row, size_t col, double v, double lo, double hi);
void as_sheet_text(as_sheet *s, size_t row, size_t col, const char *text);
void as_sheet_clear(as_sheet *s);

/* As cells of text. name_width: columns of the first column at most, 0 = no limit. brackets: intervals as
 * [lo, hi] for markup; otherwise with a dash. */
as_status as_sheet_grid(const as_sheet *s, as_grid *g, size_t name_width, bool ascii, bool brackets,
                        as_err *err);
void as_sheet_csv(as_str *out, const as_sheet *s);
/* A row as an object; an interval is [lo, hi] under KEY_ci95. */
void as_sheet_json_row(as_jsonw *w, const as_sheet *s, size_t row);

#endif
