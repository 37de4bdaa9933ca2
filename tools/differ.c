#include "tools/differ.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/mem.h"

void as_diff_add(as_diff *d, const char *where, const char *a, const char *b) {
  if (d->n++ < AS_DIFF_SHOWN) as_str_printf(&d->lines, "%s: %.200s | %.200s\n", where, a, b);
}

static const char *json_text(const as_json *v, char *buf, size_t size) {
  static const char *const names[] = {"null", "bool", "number", "string", "array", "object"};
  if (!v) return "absent";
  if (v->type == AS_JSON_STRING || v->type == AS_JSON_NUMBER) return v->text;
  if (v->type == AS_JSON_BOOL) return v->boolean ? "true" : "false";
  if (v->type == AS_JSON_ARRAY || v->type == AS_JSON_OBJECT)
    snprintf(buf, size, "%s of %zu", names[v->type], v->count);
  else
    snprintf(buf, size, "%s", names[v->type]);
  return buf;
}

/* Elements of lists are named by what they are about: a cell by model and dataset. */
static void label_of(const as_json *v, size_t i, char *buf, size_t size) {
  const as_json *m = v->type == AS_JSON_OBJECT ? as_json_get(v, "model") : NULL;
  const as_json *d = v->type == AS_JSON_OBJECT ? as_json_get(v, "dataset") : NULL;
  const as_json *n = v->type == AS_JSON_OBJECT ? as_json_get(v, "name") : NULL;
  if (m && d)
    snprintf(buf, size, "[%s on %s]", m->text, d->text);
  else if (m || n)
    snprintf(buf, size, "[%s]", m ? m->text : n->text);
  else
    snprintf(buf, size, "[%zu]", i);
}

static bool skipped(const as_diff *d, const char *where, const char *key) {
  if (*where) return false;
  for (const char *const *k = d->skip; k && *k; k++)
    if (strcmp(*k, key) == 0) return true;
  return false;
}

/* Keeps the key of a member that an older record does not have. */
static void note_lack(as_diff *d, const char *key) {
  const size_t n = strlen(key);
  for (const char *p = as_str_c(&d->lacks); (p = strstr(p, key)) != NULL; p += n)
    if ((p == as_str_c(&d->lacks) || p[-1] == ' ') && (p[n] == ',' || !p[n])) return;
  as_str_printf(&d->lacks, "%s%s", d->lacks.n ? ", " : "", key);
}

static void compare_json(as_diff *d, const char *where, const as_json *a, const as_json *b) {
  char ta[64], tb[64], at[512], label[160];
  if (!a || !b || a->type != b->type) {
    as_diff_add(d, where, json_text(a, ta, sizeof ta), json_text(b, tb, sizeof tb));
    return;
  }
  if (a->type == AS_JSON_OBJECT) {
    for (const as_json *x = a->child; x; x = x->next) {
      if (skipped(d, where, x->key)) continue;
      snprintf(at, sizeof at, "%s%s%s", where, *where ? "." : "", x->key);
      compare_json(d, at, x, as_json_get(b, x->key));
    }
    for (const as_json *y = b->child; y; y = y->next)
      if (!as_json_get(a, y->key) && !skipped(d, where, y->key)) {
        if (d->older) {
          note_lack(d, y->key);
          continue;
        }
        snprintf(at, sizeof at, "%s%s%s", where, *where ? "." : "", y->key);
        compare_json(d, at, NULL, y);
      }
  } else if (a->type == AS_JSON_ARRAY) {
    const as_json *x = a->child, *y = b->child;
    if (a->count != b->count) as_diff_add(d, where, json_text(a, ta, sizeof ta), json_text(b, tb, sizeof tb));
    for (size_t i = 0; x && y; i++, x = x->next, y = y->next) {
      label_of(x, i, label, sizeof label);
      snprintf(at, sizeof at, "%s%s", where, label);
      compare_json(d, at, x, y);
    }
  } else if (strcmp(json_text(a, ta, sizeof ta), json_text(b, tb, sizeof tb)) != 0) {
    as_diff_add(d, where, json_text(a, ta, sizeof ta), json_text(b, tb, sizeof tb));
  }
}

void as_diff_json(as_diff *d, const as_json *a, const as_json *b) {
  compare_json(d, "", a, b);
}

/* ---- tables ------------------------------------------------------------------------------------------ */

typedef struct as_diff_row {
  const char *p; /* the line, without its end */
  size_t n, key; /* bytes of the line and of its first field */
} as_diff_row;

typedef struct as_diff_rows {
  as_diff_row head, *row; /* in the order of the file */
  as_diff_row **sorted;   /* by name */
  size_t n;
} as_diff_rows;

static as_diff_row row_at(const char *p, const char *end) {
  const char *nl = memchr(p, '\n', (size_t)(end - p));
  as_diff_row r = {p, (size_t)((nl ? nl : end) - p), 0};
  const char *tab = memchr(p, '\t', r.n);
  r.key = tab ? (size_t)(tab - p) : r.n;
  return r;
}

static int by_key(const as_diff_row *a, const as_diff_row *b) {
  size_t n = a->key < b->key ? a->key : b->key;
  int c = memcmp(a->p, b->p, n);
  return c ? c : a->key < b->key ? -1 : a->key > b->key;
}

static int by_key_of(const void *a, const void *b) {
  const as_diff_row *const *x = a, *const *y = b;
  int c = by_key(*x, *y);
  return c ? c : (*x)->p < (*y)->p ? -1 : (*x)->p > (*y)->p;
}

static as_status rows_open(as_diff_rows *r, const as_file *file, as_err *err) {
  const char *p = (const char *)file->data, *end = p + file->size;
  size_t lines = 0, cap = 1;
  for (const char *q = p; q < end; q++) cap += *q == '\n';
  r->row = as_alloc(cap, sizeof *r->row, err);
  r->sorted = as_alloc(cap, sizeof *r->sorted, err);
  if (!r->row || !r->sorted) return AS_E_ENV;
  for (; p < end; lines++) {
    as_diff_row row = row_at(p, end);
    p += row.n < (size_t)(end - p) ? row.n + 1 : row.n;
    if (lines == 0)
      r->head = row;
    else if (row.n)
      r->row[r->n++] = row;
  }
  for (size_t i = 0; i < r->n; i++) r->sorted[i] = &r->row[i];
  qsort(r->sorted, r->n, sizeof(as_diff_row *), by_key_of);
  return AS_OK;
}

static void rows_close(as_diff_rows *r) {
  as_free(r->row);
  as_free(r->sorted);
}

/* The field of that number as text; false past the end. */
static bool field_of(const as_diff_row *r, int which, char *buf, size_t size) {
  const char *p = r->p, *end = p + r->n;
  for (; which > 0; which--) {
    const char *tab = memchr(p, '\t', (size_t)(end - p));
    if (!tab) return false;
    p = tab + 1;
  }
  const char *tab = memchr(p, '\t', (size_t)(end - p));
  snprintf(buf, size, "%.*s", (int)((tab ? tab : end) - p), p);
  return true;
}

static void compare_rows(as_diff *d, const char *what, const as_diff_row *head, const as_diff_row *a,
                         const as_diff_row *b, as_diff_note note, void *ctx) {
  char name[300], column[64], x[256], y[512], extra[512], where[512];
  snprintf(name, sizeof name, "%.*s", (int)(a ? a->key : b->key), a ? a->p : b->p);
  if (!a || !b) {
    snprintf(where, sizeof where, "%s[%s]", what, name);
    as_diff_add(d, where, a ? "there" : "absent", b ? "there" : "absent");
    return;
  }
  for (int i = 1; field_of(head, i, column, sizeof column); i++) {
    bool hx = field_of(a, i, x, sizeof x), hy = field_of(b, i, y, 256);
    if (hx == hy && (!hx || strcmp(x, y) == 0)) continue;
    snprintf(where, sizeof where, "%s[%s].%s", what, name, column);
    extra[0] = 0;
    if (note) note(ctx, name, column, extra, sizeof extra);
    snprintf(y + strlen(y), sizeof y - strlen(y), "%.240s", extra);
    as_diff_add(d, where, hx ? x : "absent", hy ? y : "absent");
  }
}

void as_diff_tables(as_diff *d, const char *what, const as_file *a, const as_file *b, as_diff_note note,
                    void *ctx) {
  as_diff_rows x = {0}, y = {0};
  const bool both = rows_open(&x, a, NULL) == AS_OK && rows_open(&y, b, NULL) == AS_OK;
  size_t i = 0, j = 0, before = d->n, more = 0;
  while (both && (i < x.n || j < y.n)) {
    int c = i == x.n ? 1 : j == y.n ? -1 : by_key(x.sorted[i], y.sorted[j]);
    const as_diff_row *p = c <= 0 ? x.sorted[i++] : NULL, *q = c >= 0 ? y.sorted[j++] : NULL;
    if (p && q && p->n == q->n && memcmp(p->p, q->p, p->n) == 0) continue;
    if (d->n - before < AS_DIFF_PER_TABLE)
      compare_rows(d, what, &x.head, p, q, note, ctx);
    else
      more++;
  }
  if (more) {
    char text[64];
    snprintf(text, sizeof text, "%zu more lines differ", more);
    as_diff_add(d, what, text, text);
  }
  if (!both) as_diff_add(d, what, "out of memory", "out of memory");
  rows_close(&x);
  rows_close(&y);
}

void as_diff_lines(as_diff *d, const char *what, const char *a, size_t na, const char *b, size_t nb) {
  const char *p = a, *q = b, *pe = a + na, *qe = b + nb;
  for (size_t line = 1; p < pe || q < qe; line++) {
    as_diff_row x = {p, 0, 0}, y = {q, 0, 0};
    if (p < pe) x = row_at(p, pe);
    if (q < qe) y = row_at(q, qe);
    if ((p < pe) != (q < qe) || x.n != y.n || memcmp(x.p, y.p, x.n) != 0) {
      char where[200], tx[200], ty[200];
      snprintf(where, sizeof where, "%s line %zu", what, line);
      snprintf(tx, sizeof tx, "%.*s", (int)(x.n < 199 ? x.n : 199), x.p);
      snprintf(ty, sizeof ty, "%.*s", (int)(y.n < 199 ? y.n : 199), y.p);
      as_diff_add(d, where, p < pe ? tx : "absent", q < qe ? ty : "absent");
      if (pe - p != qe - q) return; /* lengths differ: what follows may only have moved */
    }
    p += p < pe ? (x.n < (size_t)(pe - p) ? x.n + 1 : x.n) : 0;
    q += q < qe ? (y.n < (size_t)(qe - q) ? y.n + 1 : y.n) : 0;
  }
}
