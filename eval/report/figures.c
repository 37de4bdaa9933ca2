#include "eval/report/figures.h"

#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/mem.h"

enum { MOST_NAME = 60 };

/* Letters small, what is neither letter nor digit nor one of "._" as one '-'. */
static void put_plain_name(as_str *out, const char *text) {
  const size_t start = out->n;
  for (const char *p = text; *p && out->n - start < MOST_NAME; p++) {
    const char c = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_')
      as_str_putc(out, c);
    else if (out->n && out->s[out->n - 1] != '-')
      as_str_putc(out, '-');
  }
}

static bool is_taken(const as_figures *f, const char *name) {
  for (size_t i = 0; i < f->n; i++)
    if (strcmp(as_str_c(&f->figure[i].name), name) == 0) return true;
  return false;
}

static void clear_figure(as_figure *g) {
  as_str_clear(&g->name);
  as_str_clear(&g->svg);
  as_str_clear(&g->csv);
}

as_figure *as_figures_add(as_figures *f, const char *name, const char *of) {
  as_figure g = {{0}, {0}, {0}};
  for (size_t again = 1; again == 1 || is_taken(f, as_str_c(&g.name)); again++) {
    as_str_clear(&g.name);
    as_str_put(&g.name, name);
    if (of) as_str_putc(&g.name, '-');
    if (of) put_plain_name(&g.name, of);
    while (!g.name.failed && g.name.s[g.name.n - 1] == '-')
      g.name.s[--g.name.n] = 0; /* nothing plain in it */
    if (again > 1) as_str_printf(&g.name, "-%zu", again);
    if (g.name.failed) break;
  }
  if (!g.name.failed && f->n == f->cap) {
    const size_t cap = f->cap ? 2 * f->cap : 16;
    as_figure *more = as_alloc(cap, sizeof *more, NULL);
    if (more) {
      if (f->n) memcpy(more, f->figure, f->n * sizeof *more);
      as_free(f->figure);
      f->figure = more;
      f->cap = cap;
    }
  }
  if (g.name.failed || f->n == f->cap) {
    clear_figure(&g);
    return NULL;
  }
  f->figure[f->n] = g;
  return &f->figure[f->n++];
}

void as_figures_drop_last(as_figures *f) {
  clear_figure(&f->figure[--f->n]);
}

void as_figures_clear(as_figures *f) {
  for (size_t i = 0; i < f->n; i++) clear_figure(&f->figure[i]);
  as_free(f->figure);
  *f = (as_figures){0};
}

/* What is at path must begin with the line that `text` begins with. */
static as_status want_own(const char *path, const as_str *text, as_err *err) {
  if (as_path_kind_of(path) == AS_PATH_NONE) return AS_OK;
  as_file file;
  as_status s = as_file_open(&file, path, err);
  if (s != AS_OK) return s;
  const size_t line = strcspn(as_str_c(text), "\n");
  if (file.size < line || memcmp(file.data, as_str_c(text), line) != 0)
    s = as_fail(err, AS_E_USAGE, "%s: found a file that is no figure of this name, wanted it out of the way",
                path);
  as_file_close(&file);
  return s;
}

as_status as_figures_write(const as_figures *f, const char *dir, as_err *err) {
  as_status s = as_make_dirs(dir, err);
  for (size_t i = 0; s == AS_OK && i < 4 * f->n; i++) { /* all are looked at before the first is written */
    const as_figure *g = &f->figure[i / 2 % f->n];
    const as_str *text = i % 2 ? &g->csv : &g->svg;
    as_str name = {0};
    as_str_printf(&name, "%s.%s", as_str_c(&g->name), i % 2 ? "csv" : "svg");
    s = as_str_status(&name, err);
    char *path = s == AS_OK ? as_path_join(dir, as_str_c(&name), err) : NULL;
    if (!path)
      s = AS_E_ENV;
    else if (i < 2 * f->n)
      s = want_own(path, text, err);
    else
      s = as_file_write(path, as_str_c(text), text->n, err);
    as_free(path);
    as_str_clear(&name);
  }
  return s;
}
