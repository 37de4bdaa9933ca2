/* Numbers and names as text, the same bytes everywhere. */
#ifndef AS_EVAL_REPORT_REPORT_FMT_H
#define AS_EVAL_REPORT_REPORT_FMT_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/text.h"

/* v with a fixed number of decimals and a point whatever the locale; no "-0.0"; NaN gives "-". */
typedef struct as_num {
  char s[48];
} as_num;
as_num as_fix(double v, int decimals);
as_num as_fix_signed(double v, int decimals); /* always with + or - (zero without) */
as_num as_digits(double v, int digits);       /* so many digits that count: "0.04", "2.5e-07" */
as_num as_pct(double fraction, int decimals); /* 0.7513 -> "75.13" */
/* A p value with its relation: "= 0.0312", "< 0.0001". */
as_num as_p_text(double p);
/* A rank: "3", "3.5" when tied. */
as_num as_rank_text(double rank);

/* Columns that a terminal needs for UTF-8 text (combining marks 0, East Asian wide 2). */
size_t as_text_columns(const char *s);
/* Appends a name on one line: \t, \n, \r and, for every byte of other controls and of broken UTF-8, \xHH
 * (with ascii, of whatever is beyond it, too). Longer than max columns, the middle gives way to an ellipsis
 * (the ends tell timm's names apart). max 0 = no limit. */
void as_put_name(as_str *out, const char *name, size_t max, bool ascii);
/* The same without a limit; line feeds stay. */
void as_put_lines(as_str *out, const char *text);
/* Appends text escaped for HTML and SVG text and attribute values. */
void as_put_html(as_str *out, const char *text);
/* Appends one CSV field, as as_put_name writes it: quoted when it holds a comma or a quote, or begins or ends
 * with a blank. */
void as_put_csv(as_str *out, const char *text);
/* Appends text as lines of at most `width` columns, each starting with `indent` (the first with `first`). */
void as_put_wrapped(as_str *out, const char *text, size_t width, const char *first, const char *indent,
                    bool ascii);

#endif
