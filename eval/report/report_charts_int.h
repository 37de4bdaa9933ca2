/* The charts of the HTML report. Each appends one <svg>; memory that ends sets svg->failed. */
#ifndef AS_EVAL_REPORT_REPORT_CHARTS_INT_H
#define AS_EVAL_REPORT_REPORT_CHARTS_INT_H

#include "eval/report/report_int.h"

/* AS_CHART_ROWS: models that a chart with a row or a line per model shows, the first of the order. */
enum {
  AS_CHART_ROWS = 40,
  AS_CHART_CROSSES = 80 /* models, for interval crosses */,
  AS_CHART_NAMED = 12,
  AS_CHART_FIT = 5 /* models, for a line */
};

/* Where a chart goes. */
typedef struct as_chart {
  as_str *svg;
  as_str *csv; /* the numbers that its marks are drawn from, a row each; NULL: nobody asks for them */
} as_chart;
/* The first row: names of columns. */
void as_chart_head(const as_chart *c, const char *columns);
/* A row of an argument per letter of `what`: s a text, f a number (NaN is empty). */
void as_chart_row(const as_chart *c, const char *what, ...);

/* Columns to reserve for these names: the widest, from 8 to most. */
size_t as_chart_name_columns(const char *const *name, size_t n, size_t most);

/* Lines between ranks: one column per set or per way to rank. NaN breaks a line. */
typedef struct as_bump {
  size_t n_lines, n_cols;
  const char *const *line_name; /* [n_lines] */
  const char *const *col_name;  /* [n_cols] */
  const double *rank;           /* [n_lines * n_cols], 1 = best */
  const double *lo, *hi;        /* rank intervals of the same shape, or NULL */
  const char *over;             /* what the columns are, in one word: "set" */
  const char *alt;
} as_bump;
void as_chart_bump(const as_chart *c, const as_bump *b);

/* One dot with its interval per row, in one or several panels that share the rows. */
typedef struct as_dots {
  size_t n_rows, n_panels;
  const char *const *row_name;   /* [n_rows] */
  const char *const *panel_name; /* [n_panels] */
  const double *v, *lo, *hi;     /* [n_panels * n_rows]; NaN = absent, or no interval */
  const uint8_t *open;           /* same shape, 1 = hollow mark; or NULL */
  bool sign;                     /* values are differences: written with + and -, a line at zero */
  bool median;                   /* a dashed line at the median of the rows */
  const char *unit;              /* "points", "per cent" */
  const char *alt;
} as_dots;
void as_chart_dots(const as_chart *c, const as_dots *d);

/* Accuracy on `set` against accuracy on the base set, logit axes, interval crosses, y = x. */
void as_chart_scatter(const as_chart *chart, const as_sum *s, size_t set);

/* Lines of as_translation's bins, one per set; bins[k] has n_bins <= AS_TRANSLATION_BINS entries. */
struct as_translation_bin;
void as_chart_translation(const as_chart *c, const char *const *name,
                          const struct as_translation_bin *const *bins, size_t n, size_t n_bins);

/* Accuracy by confidence of n models on one set. */
void as_chart_reliability(const as_chart *chart, const char *set, const char *const *name,
                          const as_calibration *const *c, size_t n);
/* The accuracies of each model's classes from the lowest to the highest. accuracy: [n * classes]; n <= 12. */
void as_chart_classes(const as_chart *chart, const char *set, const char *const *name, const double *accuracy,
                      size_t n, size_t classes);

/* Models on an axis of mean ranks, with bars over those within cd. */
void as_chart_cd(const as_chart *c, const char *const *name, const double *mean_rank, size_t n, double cd);

#endif
