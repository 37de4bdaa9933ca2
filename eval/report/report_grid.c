#include "eval/report/report_grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/report_fmt.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

as_status as_grid_init(as_grid *g, size_t rows, size_t cols, as_err *err) {
  memset(g, 0, sizeof *g);
  size_t n;
  if (!as_mul_size(rows, cols, &n))
    return as_fail(err, AS_E_ENV, "table: %zu x %zu is too large", rows, cols);
  g->head = as_calloc(cols, sizeof *g->head, err);
  g->start = as_calloc(n, sizeof *g->start, err);
  g->align = as_calloc(cols, 1, err);
  if (!g->head || !g->start || !g->align) {
    as_grid_clear(g);
    return AS_E_ENV;
  }
  g->rows = rows;
  g->cols = cols;
  g->open = n;
  memset(g->align, 'r', cols);
  if (cols) g->align[0] = 'l';
  return AS_OK;
}

void as_grid_clear(as_grid *g) {
  for (size_t i = 0; i < g->cols; i++) as_str_clear(&g->head[i]);
  as_str_clear(&g->text);
  for (size_t i = 0; g->tip && i < g->rows * g->cols; i++) as_free(g->tip[i]);
  as_free(g->tip);
  as_free(g->shade);
  as_free(g->head);
  as_free(g->start);
  as_free(g->align);
  memset(g, 0, sizeof *g);
}

void as_grid_head(as_grid *g, size_t col, const char *text) {
  as_str_put(&g->head[col], text);
}

/* What stands in a cell; row = g->rows: in its column's head. */
static const char *cell_text(const as_grid *g, size_t row, size_t col) {
  if (row == g->rows) return as_str_c(&g->head[col]);
  uint32_t start = g->start[row * g->cols + col];
  return start && g->text.s ? g->text.s + start - 1 : "";
}

as_str *as_grid_at(as_grid *g, size_t row, size_t col) {
  size_t at = row * g->cols + col;
  if (at == g->open || g->text.failed) return &g->text;
  const char *old = cell_text(g, row, col);
  char *copy = *old ? as_strdup(old, NULL) : NULL; /* it was written before: it moves to the end */
  if (g->open < g->rows * g->cols) as_str_putc(&g->text, 0);
  if (g->text.n >= UINT32_MAX || (*old && !copy)) g->text.failed = true;
  g->start[at] = (uint32_t)g->text.n + 1;
  g->open = at;
  if (copy) as_str_put(&g->text, copy);
  as_free(copy);
  return &g->text;
}

void as_grid_put(as_grid *g, size_t row, size_t col, const char *fmt, ...) {
  char text[256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  as_str_put(as_grid_at(g, row, col), text);
}

void as_grid_shade(as_grid *g, size_t row, size_t col, unsigned shade) {
  if (!g->shade && !(g->shade = as_calloc(g->rows * g->cols, 1, NULL)))
    g->text.failed = true;
  else
    g->shade[row * g->cols + col] = (uint8_t)shade;
}

void as_grid_tip(as_grid *g, size_t row, size_t col, const char *text) {
  char *copy = as_strdup(text, NULL);
  if (!copy || (!g->tip && !(g->tip = as_calloc(g->rows * g->cols, sizeof *g->tip, NULL)))) {
    as_free(copy);
    g->text.failed = true;
    return;
  }
  as_free(g->tip[row * g->cols + col]);
  g->tip[row * g->cols + col] = copy;
}

static bool grid_failed(const as_grid *g) {
  for (size_t i = 0; i < g->cols; i++)
    if (g->head[i].failed) return true;
  return g->text.failed;
}

/* Line `n` of a cell, copied; false when there is none. */
static bool cell_line(const char *text, size_t n, as_str *line) {
  line->n = 0;
  if (line->s) line->s[0] = 0;
  for (; n; n--) {
    text = strchr(text, '\n');
    if (!text) return false;
    text++;
  }
  as_str_putn(line, text, strcspn(text, "\n"));
  return true;
}

static size_t cell_columns(const char *text, as_str *line) {
  size_t widest = 0;
  for (size_t n = 0; cell_line(text, n, line); n++) {
    size_t w = as_text_columns(as_str_c(line));
    if (w > widest) widest = w;
  }
  return widest;
}

static size_t column_width(const as_grid *g, size_t col, as_str *line) {
  size_t w = cell_columns(as_str_c(&g->head[col]), line);
  for (size_t r = 0; r < g->rows; r++) {
    size_t c = cell_columns(cell_text(g, r, col), line);
    if (c > w) w = c;
  }
  return w;
}

size_t as_grid_width(const as_grid *g) {
  as_str line = {0};
  size_t w = 0;
  for (size_t c = 0; c < g->cols; c++) w += column_width(g, c, &line) + (c ? 2 : 0);
  as_str_clear(&line);
  return w;
}

static void put_spaces(as_str *out, size_t n) {
  while (n--) as_str_putc(out, ' ');
}

/* One table row (row == g->rows: the head) for column 0 and the columns [from, to). */
static void put_text_row(as_str *out, const as_grid *g, size_t row, const size_t *width, size_t from,
                         size_t to, as_str *line) {
  size_t lines = 1;
  for (size_t c = 0; c < g->cols; c++) {
    const char *text = cell_text(g, row, c);
    size_t n = 1;
    for (; (text = strchr(text, '\n')) != NULL; text++) n++;
    if ((c == 0 || (c >= from && c < to)) && n > lines) lines = n;
  }
  for (size_t l = 0; l < lines; l++) {
    size_t pending = 0; /* spaces not yet written, so that no line ends in one */
    for (size_t c = 0; c < to; c = c == 0 ? from : c + 1) {
      const char *text = cell_text(g, row, c);
      bool has = cell_line(text, l, line);
      size_t w = has ? as_text_columns(as_str_c(line)) : 0, gap = width[c] - w;
      if (c) pending += 2;
      if (g->align[c] == 'r') pending += gap;
      if (w) {
        put_spaces(out, pending);
        as_str_put(out, as_str_c(line));
        pending = 0;
      }
      if (g->align[c] != 'r') pending += gap;
    }
    /* a head cell may end in spaces that only align it with its column */
    while (out->n > 0 && out->s[out->n - 1] == ' ') out->s[--out->n] = 0;
    as_str_putc(out, '\n');
  }
}

void as_grid_text(as_str *out, const as_grid *g, size_t width, bool ascii) {
  size_t *w = as_alloc(g->cols, sizeof *w, NULL);
  as_str line = {0};
  if (!w || grid_failed(g)) {
    out->failed = true;
    as_free(w);
    return;
  }
  for (size_t c = 0; c < g->cols; c++) w[c] = column_width(g, c, &line);
  size_t from = 1;
  do {
    size_t to = from, used = w[0];
    while (to < g->cols && (to == from || used + 2 + w[to] <= width)) used += 2 + w[to++];
    if (from > 1) as_str_putc(out, '\n');
    put_text_row(out, g, g->rows, w, from, to, &line);
    for (size_t i = 0; i < used; i++) as_str_put(out, ascii ? "-" : "\xE2\x94\x80");
    as_str_putc(out, '\n');
    for (size_t r = 0; r < g->rows; r++) put_text_row(out, g, r, w, from, to, &line);
    from = to;
  } while (from < g->cols);
  if (line.failed) out->failed = true;
  as_str_clear(&line);
  as_free(w);
}

void as_put_markdown(as_str *out, const char *text) {
  as_str clean = {0};
  as_put_lines(&clean, text);
  for (const char *s = as_str_c(&clean); *s; s++) {
    if (*s == '\n') {
      as_str_put(out, "<br>");
      continue;
    }
    /* a bracket alone is no link: only what would open its target is escaped */
    if (strchr("\\`*_<>|#~&$", *s) || (*s == '(' && out->n > 0 && out->s[out->n - 1] == ']'))
      as_str_putc(out, '\\');
    as_str_putc(out, *s);
  }
  if (clean.failed) out->failed = true;
  as_str_clear(&clean);
}

void as_grid_markdown(as_str *out, const as_grid *g) {
  if (grid_failed(g)) out->failed = true;
  for (size_t r = 0; r <= g->rows + 1; r++) { /* head, rule, rows */
    as_str_putc(out, '|');
    for (size_t c = 0; c < g->cols; c++) {
      if (r == 1) {
        as_str_put(out, g->align[c] == 'r' ? " ---: |" : " :--- |");
        continue;
      }
      as_str_putc(out, ' ');
      as_put_markdown(out, cell_text(g, r == 0 ? g->rows : r - 2, c));
      as_str_put(out, " |");
    }
    as_str_putc(out, '\n');
  }
}

/* A star or a bracket at the start of a row would belong to the \\ before it. */
static void put_latex_rows(as_str *out, const as_grid *g, size_t from, size_t to) {
  for (size_t r = from; r < to; r++) {
    for (size_t c = 0; c < g->cols; c++) {
      const char *text = cell_text(g, r, c);
      as_str_put(out, c ? " & " : *text == '*' || *text == '[' ? "{}" : "");
      as_put_latex(out, text);
    }
    as_str_put(out, " \\\\\n");
  }
}

enum { LATEX_ROWS = 40 }; /* that a page takes: more go over pages, in small letters */

/* What is wider than the page is shrunk to it; graphicx knows the width of what it scales. */
static void put_latex_float(as_str *out, const as_grid *g, const char *caption) {
  as_str_put(out, "\\begin{table}\n\\centering\n\\caption{");
  as_put_latex(out, caption);
  as_str_put(
      out, "}\n\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n\\begin{tabular}{");
  for (size_t c = 0; c < g->cols; c++) as_str_putc(out, g->align[c]);
  as_str_put(out, "}\n\\toprule\n");
  put_latex_rows(out, g, g->rows, g->rows + 1);
  as_str_put(out, "\\midrule\n");
  put_latex_rows(out, g, 0, g->rows);
  as_str_put(out, "\\bottomrule\n\\end{tabular}}\n\\end{table}\n");
}

void as_grid_latex(as_str *out, const as_grid *g, const char *caption) {
  if (grid_failed(g)) out->failed = true;
  if (g->rows <= LATEX_ROWS) {
    put_latex_float(out, g, caption);
    return;
  }
  as_str_put(out, "{\\scriptsize\\setlength{\\tabcolsep}{2pt}\n\\begin{longtable}{");
  for (size_t c = 0; c < g->cols; c++) as_str_putc(out, g->align[c]);
  as_str_put(out, "}\n\\caption{");
  as_put_latex(out, caption);
  as_str_put(out, "} \\\\\n\\toprule\n");
  put_latex_rows(out, g, g->rows, g->rows + 1);
  as_str_put(out, "\\midrule\n\\endhead\n");
  put_latex_rows(out, g, 0, g->rows);
  as_str_put(out, "\\bottomrule\n\\end{longtable}}\n");
}

/* The lines of a cell: those of a head one below the other, those of a row smaller below the first. */
static void put_html_lines(as_str *out, const char *s, bool head) {
  for (bool first = true;; first = false) {
    size_t n = strcspn(s, "\n");
    as_str part = {0};
    as_str_putn(&part, s, n);
    if (!first) as_str_put(out, head ? "<br>" : "<small>");
    as_put_html(out, as_str_c(&part));
    if (!first && !head) as_str_put(out, "</small>");
    if (part.failed) out->failed = true;
    as_str_clear(&part);
    if (!s[n]) return;
    s += n + 1;
  }
}

static void put_html_cell(as_str *out, const as_grid *g, size_t row, size_t col) {
  size_t at = row * g->cols + col;
  unsigned shade = g->shade ? g->shade[at] : 0;
  as_str_put(out, col == 0 ? "<th scope=\"row\"" : "<td");
  if (col > 0 && shade == AS_GRID_GONE)
    as_str_put(out, " class=\"gone\"");
  else if (col > 0 && shade)
    as_str_printf(out, " class=\"h%u\"", shade - 1);
  else if (col > 0 && g->align[col] == 'r')
    as_str_put(out, " class=\"num\"");
  if (g->tip && g->tip[at]) {
    as_str_put(out, " title=\"");
    as_put_html(out, g->tip[at]);
    as_str_putc(out, '"');
  }
  as_str_putc(out, '>');
  put_html_lines(out, cell_text(g, row, col), false);
  as_str_put(out, col == 0 ? "</th>" : "</td>");
}

enum { PAPER_COLUMNS = 100 }; /* that a printed page takes in letters of usual size */

void as_grid_html(as_str *out, const as_grid *g) {
  if (grid_failed(g)) out->failed = true;
  as_str_printf(out, "<div class=\"scroll%s%s\"><table%s>\n<thead><tr>", g->tall ? " tall" : "",
                as_grid_width(g) > PAPER_COLUMNS ? " wide" : "", g->shade ? " class=\"heat\"" : "");
  for (size_t c = 0; c < g->cols; c++) {
    as_str_printf(out, "<th scope=\"col\"%s>", g->align[c] == 'r' ? " class=\"num\"" : "");
    put_html_lines(out, as_str_c(&g->head[c]), true);
    as_str_put(out, "</th>");
  }
  as_str_put(out, "</tr></thead>\n<tbody>\n");
  for (size_t r = 0; r < g->rows; r++) {
    as_str_put(out, "<tr>");
    for (size_t c = 0; c < g->cols; c++) put_html_cell(out, g, r, c);
    as_str_put(out, "</tr>\n");
  }
  as_str_put(out, "</tbody></table></div>\n");
}
