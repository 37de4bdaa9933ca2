/* A table of short texts and the ways to write it down: terminal, Markdown, LaTeX, HTML.
 *
 * A cell may hold '\n': the terminal stacks the lines, Markdown writes <br>, LaTeX a space; HTML sets the
 * lines below the first smaller. */
#ifndef AS_EVAL_REPORT_REPORT_GRID_H
#define AS_EVAL_REPORT_REPORT_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/text.h"

typedef struct as_grid {
  size_t rows, cols;
  as_str *head;    /* [cols] */
  char *align;     /* [cols] 'l' or 'r'; 'r' at first except column 0 */
  as_str text;     /* the cells, in the order in which they were written, each with a NUL behind it */
  uint32_t *start; /* [rows * cols] where a cell begins in text, + 1; 0 = empty */
  size_t open;     /* the cell that is being written; rows * cols = none */
  /* for HTML alone: */
  uint8_t *
      shade; /* [rows * cols] 1 to AS_GRID_SHADES from the lowest to the highest value, AS_GRID_GONE, 0 = none;
                     NULL = no cell has one */
  char **tip; /* [rows * cols] shown when one points at the cell; NULL likewise */
  bool tall;  /* scrolls in a box of its own */
} as_grid;
enum { AS_GRID_SHADES = 8, AS_GRID_GONE };

as_status as_grid_init(as_grid *g, size_t rows, size_t cols, as_err *err);
void as_grid_clear(as_grid *g);
void as_grid_head(as_grid *g, size_t col, const char *text);
void as_grid_put(as_grid *g, size_t row, size_t col, const char *fmt, ...) AS_PRINTF(4, 5);
/* Where the text of a cell is to be appended, until another cell is asked for. */
as_str *as_grid_at(as_grid *g, size_t row, size_t col);

void as_grid_shade(as_grid *g, size_t row, size_t col, unsigned shade);
void as_grid_tip(as_grid *g, size_t row, size_t col, const char *text);

/* Columns that the whole table takes in a terminal. */
size_t as_grid_width(const as_grid *g);
/* Tables wider than `width` are cut into groups of columns, each with column 0 again. */
void as_grid_text(as_str *out, const as_grid *g, size_t width, bool ascii);
void as_grid_markdown(as_str *out, const as_grid *g);
void as_grid_latex(as_str *out, const as_grid *g, const char *caption);
void as_grid_html(as_str *out, const as_grid *g);

/* Text with the characters that Markdown (GitHub's) or LaTeX would read as markup made harmless. */
void as_put_markdown(as_str *out, const char *text);
void as_put_latex(as_str *out, const char *text);
/* What a document needs for `body`, which as_put_latex and as_grid_latex have written: packages, and a command. */
void as_put_latex_head(as_str *out, const char *body);

#endif
