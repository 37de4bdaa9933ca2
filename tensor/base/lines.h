/* Text files as people have them: whatever editor, spreadsheet or shell wrote them, a reader gets UTF-8 without a byte
 * order mark, and lines that end in '\n'. */
#ifndef AS_TENSOR_BASE_LINES_H
#define AS_TENSOR_BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

/* The text in p[n], into a new block with a NUL behind it (as_free); *out_n without that NUL. A byte order mark goes;
 * UTF-16 (with a mark) becomes UTF-8; "\r\n", and "\r" in a file that has no "\n", become "\n". Other bytes stay,
 * UTF-8 or not. Zero bytes, UTF-32 and broken UTF-16: AS_E_INPUT. `name` is for messages. */
as_status as_text_decode(char **out, size_t *out_n, const void *p, size_t n, const char *name, as_err *err);

/* The same of a file of at most `most` bytes. */
as_status as_text_load(char **out, size_t *out_n, const char *path, uint64_t most, as_err *err);

/* The lines of a text file that say something: without blank lines, comments, and white space at the end. */
typedef struct as_lines {
  char *text;
  char **line;
  size_t *number; /* in the file, from 1 */
  size_t n, cap, number_cap;
} as_lines;

/* A comment is a line that begins with '#'. `names`: lines may begin with the name of a file, which may begin so; then
 * a comment's '#' stands alone or before a blank. */
as_status as_lines_read(as_lines *l, const char *path, bool names, as_err *err);
/* The lines of a text from as_text_load or as_text_decode, which is taken over, on failure too. */
as_status as_lines_take(as_lines *l, char *text, bool names, as_err *err);
void as_lines_clear(as_lines *l); /* zeroed is fine */

#endif
