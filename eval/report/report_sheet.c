#include "eval/report/report_sheet.h"

#include <math.h>
#include <string.h>

#include "eval/report/report_fmt.h"
#include "eval/report/report_names.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

void as_sheet_column(as_sheet *s, const char *key, const char *head, as_column_kind kind, int decimals,
                     bool interval) {
  if (s->failed || as_grow(&s->col, &s->cap_cols, s->n_cols + 1, sizeof *s->col, NULL) != AS_OK) {
    s->failed = true;
    return;
  }
  s->col[s->n_cols++] = (as_column){key, head, kind, decimals, interval, false};
}

void as_sheet_named(as_sheet *s, const char *name, as_column_kind kind, int decimals, bool interval) {
  as_sheet_column(s, name, name, kind, decimals, interval);
  if (!s->failed) s->col[s->n_cols - 1].named = true;
}

/* Is the head set on several lines? */
static bool is_stacked(const as_column *c) {
  return !c->named && strchr(c->head, '\n');
}

void as_sheet_end(as_sheet *s) {
  if (!s->take || s->n_rows == 0) return;
  if (!s->failed) s->take(s->ctx, s);
  for (size_t c = 0; c < s->n_cols; c++) as_free(s->value[c].text);
  s->n_rows = 0;
}

size_t as_sheet_row(as_sheet *s) {
  size_t need;
  as_sheet_end(s);
  if (s->failed || !as_mul_size(s->n_rows + 1, s->n_cols, &need) ||
      as_grow(&s->value, &s->cap_rows, need, sizeof *s->value, NULL) != AS_OK) {
    s->failed = true;
    return 0;
  }
  for (size_t c = 0; c < s->n_cols; c++)
    s->value[s->n_rows * s->n_cols + c] = (as_value){NAN, NAN, NAN, NULL};
  return s->n_rows++;
}

void as_sheet_number(as_sheet *s, size_t row, size_t col, double v, double lo, double hi) {
  if (s->failed || row >= s->n_rows || col >= s->n_cols) return;
  as_value *d = &s->value[row * s->n_cols + col];
  d->v = v;
  d->lo = lo;
  d->hi = hi;
}

void as_sheet_text(as_sheet *s, size_t row, size_t col, const char *text) {
  if (s->failed || row >= s->n_rows || col >= s->n_cols) return;
  char **to = &s->value[row * s->n_cols + col].text;
  as_free(*to);
  if (!(*to = as_strdup(text ? text : "", NULL))) s->failed = true;
}

void as_sheet_clear(as_sheet *s) {
  for (size_t i = 0; i < s->n_rows * s->n_cols; i++) as_free(s->value[i].text);
  as_free(s->value);
  as_free(s->col);
  as_str_clear(&s->how);
  memset(s, 0, sizeof *s);
}

static as_num shown(const as_column *c, double v) {
  switch (c->kind) {
    case AS_COL_SHARE:
      return as_pct(v, c->decimals);
    case AS_COL_POINTS:
      return as_fix_signed(100 * v, c->decimals);
    case AS_COL_RANK:
      return as_rank_text(v);
    case AS_COL_DIGITS:
      return as_digits(v, c->decimals);
    default:
      return as_fix(v, c->kind == AS_COL_COUNT ? 0 : c->decimals);
  }
}

static void put_shown(as_grid *g, size_t row, size_t col, const as_column *c, const as_value *v, bool ascii,
                      bool brackets) {
  if (c->kind == AS_COL_P) {
    as_num p = as_p_text(v->v);
    as_grid_put(g, row, col, "%s", !isfinite(v->v) ? "-" : p.s + (strncmp(p.s, "= ", 2) == 0 ? 2 : 0));
    return;
  }
  as_grid_put(g, row, col, "%s", shown(c, v->v).s);
  if (!c->interval || !isfinite(v->lo) || !isfinite(v->hi)) return;
  as_column outward = *c;
  if (c->kind == AS_COL_RANK) outward.decimals = 0;
  if (brackets || c->kind == AS_COL_POINTS)
    as_grid_put(g, row, col, " [%s, %s]", shown(&outward, v->lo).s, shown(&outward, v->hi).s);
  else
    as_grid_put(g, row, col, "  %s%s%s", shown(&outward, v->lo).s, ascii ? "-" : "\xE2\x80\x93",
                shown(&outward, v->hi).s);
}

enum { HEAD_COLUMNS = 20, TEXT_COLUMNS = 60 };

/* The heads; those that are not set on several lines are shortened. */
static as_status put_heads(const as_sheet *s, as_grid *g, bool ascii, bool brackets, as_err *err) {
  const char **head = as_alloc(s->n_cols ? s->n_cols : 1, sizeof *head, err);
  as_short_names names = {0};
  if (!head) return AS_E_ENV;
  for (size_t c = 0; c < s->n_cols; c++) head[c] = is_stacked(&s->col[c]) ? "" : s->col[c].head;
  as_status st = as_short_names_make(&names, head, s->n_cols, brackets ? 0 : HEAD_COLUMNS, ascii, err);
  for (size_t c = 0; c < s->n_cols && st == AS_OK; c++) {
    g->align[c] = s->col[c].kind == AS_COL_TEXT ? 'l' : 'r';
    as_str_put(&g->head[c], is_stacked(&s->col[c]) ? s->col[c].head : as_short_names_at(&names, c));
  }
  as_short_names_clear(&names);
  as_free((void *)head);
  return st;
}

/* Column c of texts. */
static as_status put_texts(const as_sheet *s, as_grid *g, size_t c, size_t max, bool ascii, as_err *err) {
  const char **text = as_alloc(s->n_rows ? s->n_rows : 1, sizeof *text, err);
  as_short_names names = {0};
  if (!text) return AS_E_ENV;
  for (size_t r = 0; r < s->n_rows; r++) {
    const as_value *v = &s->value[r * s->n_cols + c];
    text[r] = v->text ? v->text : "";
  }
  as_status st = as_short_names_make(&names, text, s->n_rows, max, ascii, err);
  for (size_t r = 0; r < s->n_rows && st == AS_OK; r++)
    as_str_put(as_grid_at(g, r, c), as_short_names_at(&names, r));
  as_short_names_clear(&names);
  as_free((void *)text);
  return st;
}

as_status as_sheet_grid(const as_sheet *s, as_grid *g, size_t name_width, bool ascii, bool brackets,
                        as_err *err) {
  if (s->failed) return as_fail(err, AS_E_ENV, "report: out of memory");
  as_status st = as_grid_init(g, s->n_rows, s->n_cols, err);
  if (st != AS_OK) return st;
  st = put_heads(s, g, ascii, brackets, err);
  for (size_t c = 0; c < s->n_cols && st == AS_OK; c++) {
    if (s->col[c].kind == AS_COL_TEXT) {
      st = put_texts(s, g, c, c == 0 ? name_width : brackets ? 0 : TEXT_COLUMNS, ascii, err);
      continue;
    }
    for (size_t r = 0; r < s->n_rows; r++) {
      const as_value *v = &s->value[r * s->n_cols + c];
      if (v->text)
        as_put_name(as_grid_at(g, r, c), v->text, 0, ascii);
      else
        put_shown(g, r, c, &s->col[c], v, ascii, brackets);
    }
  }
  if (st != AS_OK) as_grid_clear(g);
  return st;
}

/* Shortest digits that read back as the same double. */
static void put_real(as_str *out, double v) {
  if (!isfinite(v)) return;
  as_jsonw w;
  as_jsonw_init(&w, out, true);
  as_jsonw_f64(&w, v);
}

void as_sheet_csv(as_str *out, const as_sheet *s) {
  if (s->failed) out->failed = true;
  for (size_t c = 0; c < s->n_cols; c++) {
    if (c) as_str_putc(out, ',');
    as_put_csv(out, s->col[c].key);
    for (int end = 0; s->col[c].interval && end < 2; end++) {
      as_str key = {0};
      as_str_printf(&key, "%s_%s", s->col[c].key, end ? "hi" : "lo");
      as_str_putc(out, ',');
      as_put_csv(out, as_str_c(&key));
      as_str_clear(&key);
    }
  }
  as_str_putc(out, '\n');
  for (size_t r = 0; r < s->n_rows; r++) {
    for (size_t c = 0; c < s->n_cols; c++) {
      const as_value *v = &s->value[r * s->n_cols + c];
      if (c) as_str_putc(out, ',');
      if (s->col[c].kind == AS_COL_TEXT) {
        as_put_csv(out, v->text);
        continue;
      }
      if (s->col[c].kind == AS_COL_COUNT && isfinite(v->v))
        as_str_printf(out, "%lld", (long long)v->v);
      else
        put_real(out, v->v);
      if (!s->col[c].interval) continue;
      as_str_putc(out, ',');
      put_real(out, v->lo);
      as_str_putc(out, ',');
      put_real(out, v->hi);
    }
    as_str_putc(out, '\n');
  }
}

void as_sheet_json_row(as_jsonw *w, const as_sheet *s, size_t row) {
  as_jsonw_object(w);
  for (size_t c = 0; c < s->n_cols; c++) {
    const as_column *k = &s->col[c];
    const as_value *v = &s->value[row * s->n_cols + c];
    as_jsonw_key(w, k->key);
    if (k->kind == AS_COL_TEXT) {
      as_jsonw_str(w, v->text ? v->text : "");
      continue;
    }
    if (k->kind == AS_COL_COUNT && isfinite(v->v))
      as_jsonw_i64(w, (int64_t)v->v);
    else
      as_jsonw_f64(w, v->v);
    if (!k->interval) continue;
    as_str key = {0};
    as_str_printf(&key, "%s_ci95", k->key);
    as_jsonw_key(w, as_str_c(&key));
    as_str_clear(&key);
    if (!isfinite(v->lo) || !isfinite(v->hi)) {
      as_jsonw_null(w);
      continue;
    }
    as_jsonw_array(w);
    as_jsonw_f64(w, v->lo);
    as_jsonw_f64(w, v->hi);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}
