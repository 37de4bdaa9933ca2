/* The parts in a format that readers read: terminal, Markdown, LaTeX. */
#include <string.h>

#include "eval/report/report_int.h"

enum { MOST_ROWS = 60 }; /* of a part that nobody asked for by name */

static void lay_out_part(as_str *out, const as_sheet *sh, const as_layout *l, as_err *err, as_status *st) {
  as_grid g;
  bool markup = l->format != AS_LAYOUT_TEXT;
  if ((*st = as_sheet_grid(sh, &g, markup ? 0 : l->width / 3, l->ascii, markup, err)) != AS_OK) return;
  if (l->format == AS_LAYOUT_TEXT) {
    as_grid_text(out, &g, l->width, l->ascii);
  } else if (l->format == AS_LAYOUT_MARKDOWN) {
    as_grid_markdown(out, &g);
  } else {
    as_grid_latex(out, &g, sh->title);
  }
  as_grid_clear(&g);
}

static void lay_out_sentence(as_str *out, const as_layout *l, const char *text, bool title) {
  if (!*text) return;
  if (l->format == AS_LAYOUT_TEXT) {
    as_put_wrapped(out, text, l->width, "", "", l->ascii);
  } else if (l->format == AS_LAYOUT_MARKDOWN) {
    as_str_put(out, title ? "\n### " : "\n");
    as_put_markdown(out, text);
    as_str_putc(out, '\n');
  } else if (!title) { /* LaTeX: the title is the caption */
    as_str_put(out, "% ");
    as_put_latex(out, text);
    as_str_putc(out, '\n');
  }
}

as_status as_layout_parts(as_str *out, const as_sum *s, const as_layout *l, const char *only, as_err *err) {
  bool all = only && strcmp(only, "all") == 0, named = only && !all, first = named;
  as_status st = AS_OK;
  for (size_t i = 0; i < as_part_count && st == AS_OK; i++) {
    const as_part *p = &as_parts[i];
    if (named ? strcmp(p->id, only) != 0 : !all && p->data) continue;
    if (!named && l->skip && strstr(l->skip, p->id)) continue;
    as_sheet sh = {.id = p->id};
    st = p->build(&sh, s, err);
    if (st == AS_OK && sh.failed) st = as_fail(err, AS_E_ENV, "report: out of memory");
    if (st == AS_OK && sh.n_rows > 0) {
      if (!first) as_str_putc(out, '\n');
      first = false;
      lay_out_sentence(out, l, sh.title, true);
      if (l->format != AS_LAYOUT_LATEX) as_str_putc(out, '\n');
      if (!only && sh.n_rows > MOST_ROWS) {
        as_str more = {0};
        as_str_printf(&more, "%zu rows: --part %s prints them, in any format.", sh.n_rows, p->id);
        lay_out_sentence(out, l, as_str_c(&more), false);
        as_str_clear(&more);
      } else {
        lay_out_part(out, &sh, l, err, &st);
      }
      lay_out_sentence(out, l, as_str_c(&sh.how), false);
    } else if (st == AS_OK && named) {
      st = as_fail(err, AS_E_USAGE, "--part %s: these results have nothing for it", only);
    }
    as_sheet_clear(&sh);
  }
  return st;
}

as_status as_layout_csv(as_str *out, const as_sum *s, const char *part, as_err *err) {
  const as_part *p = as_part_find(part);
  if (!p)
    return as_fail(err, AS_E_USAGE, "--part %s: a CSV file holds one part, wanted one of %s", part,
                   as_report_part_names());
  as_sheet sh = {.id = p->id};
  as_status st = p->build(&sh, s, err);
  if (st == AS_OK && sh.n_rows == 0 && !sh.failed)
    st = as_fail(err, AS_E_USAGE, "--part %s: these results have nothing for it", part);
  if (st == AS_OK) {
    as_sheet_csv(out, &sh);
    st = as_str_status(out, err);
  }
  as_sheet_clear(&sh);
  return st;
}

/* A part in JSON: it opens with its first row. */
typedef struct json_part {
  as_jsonw *w;
  bool open;
} json_part;

static void put_json_row(void *ctx, const as_sheet *sh) {
  json_part *p = ctx;
  if (!p->open) {
    as_jsonw_key(p->w, sh->id);
    as_jsonw_object(p->w);
    as_jsonw_put_str(p->w, "title", sh->title);
    as_jsonw_key(p->w, "rows");
    as_jsonw_array(p->w);
    p->open = true;
  }
  for (size_t r = 0; r < sh->n_rows; r++) as_sheet_json_row(p->w, sh, r);
}

as_status as_layout_json(as_jsonw *w, const as_sum *s, const char *only, as_err *err) {
  bool named = only && strcmp(only, "all") != 0;
  as_status st = AS_OK;
  as_jsonw_key(w, "parts");
  as_jsonw_object(w);
  for (size_t i = 0; i < as_part_count && st == AS_OK; i++) {
    const as_part *p = &as_parts[i];
    if (named && strcmp(p->id, only) != 0) continue;
    json_part out = {w, false};
    as_sheet sh = {.id = p->id, .take = p->by_row ? put_json_row : NULL, .ctx = &out};
    st = p->build(&sh, s, err);
    as_sheet_end(&sh);
    if (st == AS_OK && sh.failed) st = as_fail(err, AS_E_ENV, "report: out of memory");
    if (st == AS_OK && sh.n_rows > 0) put_json_row(&out, &sh);
    if (out.open) {
      as_jsonw_end(w);
      as_jsonw_put_str(w, "note", as_str_c(&sh.how));
      as_jsonw_end(w);
    }
    as_sheet_clear(&sh);
  }
  as_jsonw_end(w);
  return st;
}
