#include <stdbool.h>
#include <string.h>

#include "eval/stats/table_csv_int.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { CSV_MAX = 1 << 30 };

typedef struct cursor {
  const char *p, *end; /* what is left of the file */
  char *out;           /* where unquoted text goes; never longer than what was read */
  size_t line;
  char separator;
} cursor;

static bool at_line_end(const cursor *c) {
  return c->p == c->end || *c->p == '\n';
}

static bool at_blank(const cursor *c) {
  return *c->p == ' ' || (*c->p == '\t' && c->separator != '\t');
}

/* One field; leaves the cursor on the separator or line end behind it. */
static as_status read_csv_field(cursor *c, const char *path, as_err *err) {
  while (!at_line_end(c) && at_blank(c)) c->p++;
  char *first = c->out;
  if (c->p == c->end || *c->p != '"') {
    while (!at_line_end(c) && *c->p != c->separator) {
      if (*c->p == '"')
        return as_fail(err, AS_E_INPUT, "%s: line %zu: found a quote inside an unquoted field", path,
                       c->line);
      *c->out++ = *c->p++;
    }
    while (c->out > first && (c->out[-1] == ' ' || c->out[-1] == '\t')) c->out--;
    *c->out++ = 0;
    return AS_OK;
  }
  size_t start = c->line;
  for (c->p++;; c->p++) {
    if (c->p == c->end)
      return as_fail(err, AS_E_INPUT, "%s: line %zu: a quoted field does not end", path, start);
    if (*c->p == '"') {
      if (c->p + 1 == c->end || c->p[1] != '"') break;
      c->p++;
    } else if (*c->p == '\n') {
      c->line++;
    }
    *c->out++ = *c->p;
  }
  c->p++;
  *c->out++ = 0;
  while (!at_line_end(c) && at_blank(c)) c->p++;
  if (!at_line_end(c) && *c->p != c->separator)
    return as_fail(err, AS_E_INPUT, "%s: line %zu: found '%c' after a quoted field, wanted '%c'", path,
                   c->line, *c->p, c->separator);
  return AS_OK;
}

/* Line ends and, above the head, comments: lines that begin with '#' and a blank. ("#,model" is a head.) */
static void skip_lines(cursor *c, bool above_head) {
  while (c->p < c->end) {
    const char *nl = memchr(c->p, '\n', (size_t)(c->end - c->p));
    bool comment = above_head && *c->p == '#' && c->p + 1 < c->end && strchr(" \t\n!#", c->p[1]);
    if (*c->p != '\n' && !comment) return;
    c->p = nl ? nl + 1 : c->end;
    c->line++;
  }
}

/* Excel's first line "sep=;", or else what parts the most fields of the head; of equals the comma. */
static void find_separator(cursor *c) {
  static const char known[] = {',', ';', '\t'};
  if (c->end - c->p > 5 && memcmp(c->p, "sep=", 4) == 0 && c->p[5] == '\n') {
    c->separator = c->p[4];
    c->p += 6;
    c->line++;
    return;
  }
  size_t count[sizeof known] = {0}, most = 0;
  bool quoted = false;
  for (const char *p = c->p; p < c->end && (quoted || *p != '\n'); p++) {
    if (*p == '"') quoted = !quoted;
    for (size_t i = 0; i < sizeof known && !quoted; i++) count[i] += *p == known[i];
  }
  for (size_t i = 1; i < sizeof known; i++)
    if (count[i] > count[most]) most = i;
  c->separator = known[most];
}

/* The fields of a row are field[from, *n): as many as the head has, or made so. */
static as_status fit_row(as_csv *c, size_t from, size_t *n, size_t *cap, size_t line, const char *nothing,
                         as_err *err) {
  size_t fields = *n - from, wanted = c->cols;
  bool fits = true;
  for (size_t i = wanted; i < fields; i++) fits = fits && !*c->field[from + i];
  for (size_t i = fields; i < wanted; i++) fits = fits && !*c->field[i];
  if (!fits)
    return as_fail(err, AS_E_INPUT, "%s: line %zu: found %zu fields, wanted %zu as in the head", c->path,
                   line, fields, wanted);
  as_status st = as_grow(&c->field, cap, from + wanted, sizeof *c->field, err);
  for (size_t i = fields; st == AS_OK && i < wanted; i++) c->field[from + i] = nothing;
  *n = from + wanted;
  return st;
}

static as_status read_csv_rows(as_csv *c, cursor *at, const char *nothing, as_err *err) {
  size_t cap = 0, line_cap = 0, n = 0;
  skip_lines(at, true);
  find_separator(at);
  for (skip_lines(at, true); at->p < at->end; skip_lines(at, false)) {
    size_t line = at->line, from = n;
    bool empty = true;
    for (;;) {
      as_status st = as_grow(&c->field, &cap, n + 1, sizeof *c->field, err);
      if (st != AS_OK) return st;
      c->field[n] = at->out;
      if ((st = read_csv_field(at, c->path, err)) != AS_OK) return st;
      empty = empty && !*c->field[n];
      n++;
      if (at->p == at->end || *at->p != at->separator) break;
      at->p++;
    }
    if (at->p < at->end) at->p++;
    at->line++;
    if (empty) { /* what spreadsheets leave of deleted rows */
      n = from;
      continue;
    }
    if (c->rows == 0) c->cols = n - from;
    as_status st = fit_row(c, from, &n, &cap, line, nothing, err);
    if (st == AS_OK) st = as_grow(&c->line, &line_cap, c->rows + 1, sizeof *c->line, err);
    if (st != AS_OK) return st;
    c->line[c->rows++] = line;
  }
  if (c->rows == 0)
    return as_fail(err, AS_E_INPUT, "%s: found no line of text, wanted a CSV table with a head", c->path);
  return AS_OK;
}

static as_status parse_csv(as_csv *c, const char *data, size_t n, const char *name, as_err *err) {
  if (!as_is_utf8(data, n))
    return as_fail(err, AS_E_INPUT, "%s: found bytes that are no UTF-8, wanted CSV text", name);
  c->path = as_strdup(name, err);
  c->text = as_alloc(n + 2, 1, err);
  as_status st = c->path && c->text ? AS_OK : AS_E_ENV;
  if (st == AS_OK) {
    /* Every field is followed by a separator or line end that its NUL replaces; the last may lack one. */
    cursor at = {data, data + n, c->text, 1, ','};
    c->text[n + 1] = 0;
    st = read_csv_rows(c, &at, c->text + n + 1, err);
    c->separator = at.separator;
  }
  if (st != AS_OK) as_csv_clear(c);
  return st;
}

as_status as_csv_read(as_csv *c, const char *path, as_err *err) {
  char *text;
  size_t n;
  memset(c, 0, sizeof *c);
  as_status st = as_text_load(&text, &n, path, CSV_MAX, err);
  if (st != AS_OK) return st;
  st = parse_csv(c, text, n, path, err);
  as_free(text);
  return st;
}

void as_csv_clear(as_csv *c) {
  as_free(c->path);
  as_free(c->text);
  as_free((void *)c->field);
  as_free(c->line);
  memset(c, 0, sizeof *c);
}

size_t as_csv_column(const as_csv *c, const char *name) {
  for (size_t i = 0; i < c->cols; i++)
    if (strcmp(c->field[i], name) == 0) return i;
  return c->cols;
}
