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
} cursor;

static bool at_line_end(const cursor *c) {
  return c->p == c->end || *c->p == '\n' || (*c->p == '\r' && c->p + 1 < c->end && c->p[1] == '\n');
}

/* One field; leaves the cursor on the comma or line end behind it. */
static as_status take_field(cursor *c, const char *path, as_err *err) {
  if (c->p == c->end || *c->p != '"') {
    while (!at_line_end(c) && *c->p != ',') {
      if (*c->p == '"')
        return as_fail(err, AS_E_INPUT, "%s: line %zu: found a quote inside an unquoted field", path,
                       c->line);
      *c->out++ = *c->p++;
    }
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
  if (!at_line_end(c) && *c->p != ',')
    return as_fail(err, AS_E_INPUT, "%s: line %zu: found '%c' after a quoted field, wanted a comma", path,
                   c->line, *c->p);
  return AS_OK;
}

static as_status take_rows(as_csv *c, cursor *at, as_err *err) {
  size_t cap = 0, line_cap = 0, n = 0;
  while (at->p < at->end) {
    if (at_line_end(at)) { /* an empty line */
      at->p += *at->p == '\r' ? 2 : 1;
      at->line++;
      continue;
    }
    size_t line = at->line, fields = 0;
    for (;;) {
      as_status st = as_grow(&c->field, &cap, n + 1, sizeof *c->field, err);
      if (st != AS_OK) return st;
      c->field[n] = at->out;
      if ((st = take_field(at, c->path, err)) != AS_OK) return st;
      n++;
      fields++;
      if (at->p == at->end || *at->p != ',') break;
      at->p++;
    }
    if (at->p < at->end) at->p += *at->p == '\r' ? 2 : 1;
    at->line++;
    if (c->rows == 0) c->cols = fields;
    if (fields != c->cols)
      return as_fail(err, AS_E_INPUT, "%s: line %zu: found %zu fields, wanted %zu as in the head", c->path,
                     line, fields, c->cols);
    as_status st = as_grow(&c->line, &line_cap, c->rows + 1, sizeof *c->line, err);
    if (st != AS_OK) return st;
    c->line[c->rows++] = line;
  }
  if (c->rows == 0)
    return as_fail(err, AS_E_INPUT, "%s: found no line of text, wanted a CSV table with a head", c->path);
  return AS_OK;
}

as_status as_csv_parse(as_csv *c, const char *data, size_t n, const char *name, as_err *err) {
  memset(c, 0, sizeof *c);
  size_t skip = n >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  if (memchr(data, 0, n)) return as_fail(err, AS_E_INPUT, "%s: found a zero byte, wanted CSV text", name);
  if (!as_is_utf8(data, n))
    return as_fail(err, AS_E_INPUT, "%s: found bytes that are no UTF-8, wanted CSV text", name);
  c->path = as_strdup(name, err);
  c->text = as_alloc(n + 1, 1, err);
  as_status st = c->path && c->text ? AS_OK : AS_E_ENV;
  if (st == AS_OK) {
    /* Every field is followed by a comma or line end that its NUL replaces; the last may lack one. */
    cursor at = {data + skip, data + n, c->text, 1};
    st = take_rows(c, &at, err);
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
  st = as_csv_parse(c, text, n, path, err);
  as_free(text);
  return st;
}

void as_csv_clear(as_csv *c) {
  as_free(c->path);
  as_free(c->text);
  as_free(c->field);
  as_free(c->line);
  memset(c, 0, sizeof *c);
}

size_t as_csv_column(const as_csv *c, const char *name) {
  for (size_t i = 0; i < c->cols; i++)
    if (strcmp(c->field[i], name) == 0) return i;
  return c->cols;
}
