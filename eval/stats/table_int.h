/* One file of published accuracies: what kind it is, and what each of its columns is. */
#ifndef AS_EVAL_STATS_TABLE_INT_H
#define AS_EVAL_STATS_TABLE_INT_H

#include <stdbool.h>

#include "eval/stats/table.h"
#include "eval/stats/table_csv_int.h"

typedef enum as_table_kind { AS_TABLE_TIMM, AS_TABLE_WIDE, AS_TABLE_CELLS } as_table_kind;

typedef struct as_table_source {
  as_csv csv;
  as_table_kind kind;
  size_t model, size, top1, top5, dataset, used, failed, correct, classes; /* columns; csv.cols = none */
  char *set_name;                                                          /* AS_TABLE_TIMM; owned */
  bool *is_set;   /* [csv.cols] the column holds accuracies that are to be read: top1, or a set's; owned */
  double *scale;  /* [csv.cols] from such a field to a fraction: 1 or 0.01; owned */
  double *step;   /* [csv.cols] the accuracies are rounded to multiples of it (fractions); owned */
  as_str remarks; /* sentences, a line each: columns that are left out, and why; what was read with care */
} as_table_source;

/* AS_E_INPUT: no such table, or a column of accuracies that holds anything else; file, line and column are
 * named. */
as_status as_table_source_open(as_table_source *s, const char *path, const as_table_opts *opts, as_err *err);
void as_table_source_clear(as_table_source *s);
/* The accuracy in a field of a column of accuracies, as a fraction; NaN where there is none. */
as_status as_table_source_value(const as_table_source *s, size_t row, size_t col, double *v, as_err *err);

/* A field as people write numbers: "76.13", "76,13" (a decimal comma where the separator is none, or where no
 * group of three follows it), "25,557" (thousands), "76.1 %", "76.1 +- 0.2", "76.1 (0.2)"; nothing, "-",
 * "n/a", "nan", ... */
typedef enum as_field_kind { AS_FIELD_NOTHING, AS_FIELD_NUMBER, AS_FIELD_TEXT } as_field_kind;
typedef struct as_field {
  as_field_kind kind;
  double v;
  bool percent; /* a sign says so */
  bool spread;  /* an uncertainty stood behind it */
  int decimals; /* digits behind the point */
} as_field;
as_field as_field_read(const char *text, char separator);

#endif
