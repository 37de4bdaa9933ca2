/* Names with tabs, line ends, escape sequences, broken UTF-8, markup and bidirectional overrides, in every
 * place where a name can stand, through every writer. */
#include <stdio.h>
#include <stdlib.h>

#include "eval/report/report_int.h"
#include "eval/report/table_out.h"
#include "tensor/base/file.h"
#include "tests/reportmake.h"

/* One each: raw controls, C1, broken UTF-8, a right-to-left override, and what HTML, Markdown, LaTeX and CSV
 * mean. */
#define HOSTILE                     \
  "a\tb\nc\rd\x1b[31mE\x7f\xC2\x9B" \
  "31m\xff\xC3(\xE2\x80\xAE<script>alert(1)</script>&\"',;$%#_{}~^\\|`*[x](http:) ../../ref/cells/a"

static char *named(as_test *t, size_t i) {
  as_err err = {0};
  as_str s = {0};
  as_str_printf(&s, "%zu%s", i, HOSTILE);
  char *copy = as_strdup(as_str_c(&s), &err);
  CHECK(t, copy != NULL);
  as_str_clear(&s);
  return copy;
}

static void rename_to(as_test *t, char **where, size_t i) {
  as_free(*where);
  *where = named(t, i);
}

static void make(as_test *t, as_results *r) {
  as_err err = {0};
  reportmake_whole(t, r);
  rename_to(t, &r->title, 0);
  for (size_t m = 0; m < r->n_models; m++) {
    rename_to(t, &r->models[m].name, m);
    rename_to(t, &r->models[m].note, 10 + m);
    r->models[m].probe = (as_probe_facts){.known = true, .train = named(t, 20 + m), .converged = m > 0};
  }
  rename_to(t, &r->models[0].published_on, 30);
  rename_to(t, &r->models[0].published_source, 31);
  for (size_t k = 0; k < r->n_sets; k++) {
    rename_to(t, &r->sets[k].name, 40 + k);
    rename_to(t, &r->sets[k].rule, 50 + k);
    for (size_t c = 0; c < r->sets[k].n_class_names; c++) rename_to(t, &r->sets[k].class_name[c], 60 + c);
    CHECK_OK(t, as_shared_add(&r->sets[k].twice, HOSTILE, HOSTILE, true, &err), err);
  }
  for (size_t i = 0; i < r->n_corruptions; i++) rename_to(t, &r->corruptions[i].name, 70 + i);
  CHECK_OK(t, as_results_remark(r, HOSTILE, &err), err);
  as_cell *c = as_results_cell(r, 1, 1);
  CHECK_OK(t, as_cell_failure(c, HOSTILE, HOSTILE, &err), err);
  c->n_failed = 1;
  CHECK_OK(t, as_shared_add(&c->in_train, HOSTILE, HOSTILE, false, &err), err);
  c = as_results_cell(r, 2, 1);
  as_cell_clear(c);
  c->why = named(t, 90);
  r->complete = false;
}

/* No control character but line feeds (and, in the preformatted text of a page, tabs), no DEL, no C1, no
 * override, all UTF-8. */
static void check_printable(as_test *t, const as_str *s, const char *what) {
  if (!as_is_utf8(s->s, s->n)) as_test_fail(t, __FILE__, __LINE__, "%s: no UTF-8", what);
  for (size_t i = 0; i < s->n; i++) {
    unsigned char c = (unsigned char)s->s[i];
    bool bad = (c < 0x20 && c != '\n' && !(c == '\t' && strcmp(what, "HTML") == 0)) || c == 0x7f ||
               (c == 0xC2 && (unsigned char)s->s[i + 1] < 0xA0) || strncmp(s->s + i, "\xE2\x80\xAE", 3) == 0;
    if (!bad) continue;
    as_test_fail(t, __FILE__, __LINE__, "%s: byte %02x at %zu: %.60s", what, c, i,
                 s->s + (i > 30 ? i - 30 : 0));
    return;
  }
}

typedef as_status (*writer)(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err);

static as_status html(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err) {
  return as_report_html(out, r, opts, HOSTILE, err);
}

static void every_writer(as_test *t) {
  static const struct {
    writer write;
    const char *what, *part;
  } v[] = {{as_report_text, "text", NULL},
           {as_report_text, "all parts as text", "all"},
           {as_report_csv, "CSV", NULL},
           {as_report_csv, "CSV of classes", "classes"},
           {as_report_csv, "CSV of failures", "failures"},
           {as_report_json, "JSON", NULL},
           {html, "HTML", NULL},
           {as_report_markdown, "Markdown", "all"},
           {as_report_latex, "LaTeX", "all"}};
  as_results r;
  as_err err = {0};
  make(t, &r);
  for (size_t i = 0; i < sizeof v / sizeof *v; i++)
    for (int ascii = 0; ascii < 2; ascii++) {
      as_str out = {0};
      as_report_opts o = {.part = v[i].part, .ascii = ascii, .resamples = 20, .width = 60};
      CHECK_OK(t, v[i].write(&out, &r, &o, &err), err);
      check_printable(t, &out, v[i].what);
      for (size_t k = 0; ascii && i < 2 && k < out.n; k++)
        if ((unsigned char)out.s[k] > 0x7e) {
          as_test_fail(t, __FILE__, __LINE__, "%s: not ASCII at %zu", v[i].what, k);
          break;
        }
      as_str_clear(&out);
    }
  as_results_clear(&r);
}

/* Each means what it means in its format. */
static void formats(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str out = {0};
  as_json_doc *doc = NULL;
  make(t, &r);
  const char *fault;
  CHECK_OK(t, html(&out, &r, NULL, &err), err);
  if ((fault = reportmake_unbalanced(as_str_c(&out))) != NULL)
    as_test_fail(t, __FILE__, __LINE__, "HTML: %s", fault);
  CHECK(t, !strstr(as_str_c(&out), "<script"));
  as_str_clear(&out);

  CHECK_OK(t, as_report_json(&out, &r, NULL, &err), err);
  CHECK_OK(t, as_json_parse(&doc, as_str_c(&out), out.n, &err), err);
  as_json_free(&doc);
  as_str_clear(&out);

  /* a cell is a line, and what the reader of tables makes of it has all cells */
  CHECK_OK(t, as_report_csv(&out, &r, NULL, &err), err);
  size_t lines = 0;
  for (size_t i = 0; i < out.n; i++) lines += out.s[i] == '\n';
  CHECK_INT(t, lines, 1 + r.n_models * r.n_sets);
  char path[512];
  snprintf(path, sizeof path, "%s/hostile.csv", as_test_tmp());
  CHECK_OK(t, as_file_write(path, out.s, out.n, &err), err);
  const char *files[] = {path};
  as_table tab;
  CHECK_OK(t, as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1}, &err), err);
  CHECK_INT(t, tab.r.n_models, 3);
  CHECK_INT(t, tab.r.n_sets, 2);
  as_str again = {0};
  CHECK_OK(t, as_table_text(&again, &tab, &(as_report_opts){.width = 80}, 0, &err), err);
  check_printable(t, &again, "a table read back");
  as_table_clear(&tab);
  as_str_clear(&again);
  as_str_clear(&out);

  /* GitHub's tables: as many bars that part fields in every row; LaTeX: balanced braces, no bare special */
  CHECK_OK(t, as_report_markdown(&out, &r, &(as_report_opts){.part = "cells"}, &err), err);
  size_t want = 0, row = 0;
  for (const char *p = as_str_c(&out); *p; p++) {
    size_t bars = 0;
    const char *start = p;
    for (; *p && *p != '\n'; p++) {
      if (*p == '\\' && p[1])
        p++;
      else
        bars += *p == '|';
    }
    if (*start != '|') continue;
    if (row++ == 0) want = bars;
    CHECK_INT(t, bars, want);
    if (!*p) break;
  }
  CHECK_INT(t, row, 2 + r.n_models);
  as_str_clear(&out);
  CHECK_OK(t, as_report_latex(&out, &r, &(as_report_opts){.part = "cells"}, &err), err);
  long depth = 0;
  for (const char *p = as_str_c(&out); *p; p++) {
    if (*p == '\\' && p[1]) {
      p++;
      continue;
    }
    depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
    CHECK(t, depth >= 0 && *p != '$' && *p != '#' && *p != '^' && *p != '~' && *p != '_');
  }
  CHECK_INT(t, depth, 0);
  as_str_clear(&out);
  as_results_clear(&r);
}

/* Two names that differ in bytes that cannot be shown do not look alike. */
static void apart(as_test *t) {
  as_str a = {0}, b = {0};
  as_put_name(&a, "x\x01", 0, false);
  as_put_name(&b, "x\x02", 0, false);
  CHECK(t, strcmp(as_str_c(&a), as_str_c(&b)) != 0);
  CHECK_INT(t, as_text_columns("x\x01"), as_text_columns(as_str_c(&a)));
  as_str_clear(&a);
  as_str_clear(&b);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"hostile: every writer, nothing raw", every_writer},
                                  {"hostile: formats stay what they are", formats},
                                  {"hostile: names stay apart", apart}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
