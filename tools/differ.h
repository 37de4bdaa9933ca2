/* Differences between two outputs, named the way a reader thinks of them. */
#ifndef AS_TOOLS_DIFFER_H
#define AS_TOOLS_DIFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/text.h"

typedef struct as_diff {
  as_str lines;            /* the first AS_DIFF_SHOWN, one per line: "where: a | b" */
  size_t n;                /* all */
  const char *const *skip; /* top-level keys that may differ, NULL-terminated, or NULL */
  bool older;   /* the first is of another version: members of the second that it lacks are no differences */
  as_str lacks; /* these, each key once: "among, twice" */
} as_diff;

enum { AS_DIFF_SHOWN = 40, AS_DIFF_PER_TABLE = 6 };

void as_diff_add(as_diff *d, const char *where, const char *a, const char *b);
/* Member by member; elements of lists are named by model and dataset or name where they have them. */
void as_diff_json(as_diff *d, const as_json *a, const as_json *b);

/* Two tab-separated tables with a header line, joined on their first column: lines that only one has,
 * and columns that differ, as "WHAT[NAME].COLUMN"; the first few of each table, the rest is counted. `note` (NULL: none) may add to the second value: it
 * writes to buf what a reader wants to know about line NAME. */
typedef void (*as_diff_note)(void *ctx, const char *name, const char *column, char *buf, size_t size);
void as_diff_tables(as_diff *d, const char *what, const as_file *a, const as_file *b, as_diff_note note,
                    void *ctx);
/* Line by line, as "WHAT line N": the first line that differs, and of the others how many. */
void as_diff_lines(as_diff *d, const char *what, const char *a, size_t na, const char *b, size_t nb);

#endif
