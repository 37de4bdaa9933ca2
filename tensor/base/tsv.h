/* Tab-separated lines, read in place. */
#ifndef AS_TENSOR_BASE_TSV_H
#define AS_TENSOR_BASE_TSV_H

#include <stdbool.h>
#include <stddef.h>

enum { AS_TSV_FIELDS = 8 }; /* of a line, as many as are looked at */

typedef struct as_tsv {
  const char *next, *end; /* what is left */
  const char *line;       /* the line at hand, without its end; line_n bytes */
  size_t line_n;
  size_t number;                    /* of it, from 1 */
  const char *field[AS_TSV_FIELDS]; /* the first fields; past the last one: empty, size 0 */
  size_t size[AS_TSV_FIELDS];
  int n; /* fields that the line has, at most AS_TSV_FIELDS */
} as_tsv;

/* The n bytes at text, which outlive the cursor. */
void as_tsv_open(as_tsv *t, const void *text, size_t n);
/* Goes to the next line; false: there is none. A '\r' before the end of a line belongs to the end. */
bool as_tsv_next(as_tsv *t);
/* Is field i of the line exactly this text? */
bool as_tsv_is(const as_tsv *t, int i, const char *text);
/* The number at the start of field i, up to 10^9; -1: there is none. */
int as_tsv_number(const as_tsv *t, int i);

#endif
