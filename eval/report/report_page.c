#include "eval/report/report_page_int.h"

#include "tensor/base/mem.h"

enum { SET_COLUMNS = 18 };

as_status as_page_make(as_page *p, as_str *out, const as_sum *s, const as_report_opts *opts, as_err *err) {
  const as_results *r = s->r;
  *p = (as_page){.out = out, .s = s, .r = r, .width = 100, .dec = as_sum_decimals(s)};
  if (opts && opts->width > 0) p->width = opts->width < 40 ? 40 : (size_t)opts->width;
  p->name_width = p->width / 3;
  p->ascii = opts && opts->ascii;
  size_t n = r->n_models > r->n_sets ? r->n_models : r->n_sets;
  const char **name = as_alloc(n, sizeof *name, err);
  if (!name) return AS_E_ENV;
  for (size_t i = 0; i < r->n_models; i++) name[i] = as_model_name(r, s->order[i]);
  as_status st = as_short_names_make(&p->models, name, r->n_models, p->name_width, p->ascii, err);
  for (size_t k = 0; k < r->n_sets; k++) name[k] = as_set_name(r, k);
  if (st == AS_OK) st = as_short_names_make(&p->sets, name, r->n_sets, SET_COLUMNS, p->ascii, err);
  as_free(name);
  if (st != AS_OK) as_page_clear(p);
  return st;
}

void as_page_clear(as_page *p) {
  as_short_names_clear(&p->models);
  as_short_names_clear(&p->sets);
}

const char *as_page_dash(const as_page *p) {
  return p->ascii ? "-" : "\xE2\x80\x93";
}

void as_page_title(const as_page *p, const char *text) {
  as_put_wrapped(p->out, text, p->width, "", "", p->ascii);
  as_str_putc(p->out, '\n');
}

void as_page_decision(const as_page *p) {
  for (size_t i = 0; i < as_first_word_count; i++) {
    as_str text = {0};
    as_first_words[i].put(&text, p->s);
    if (text.n) as_page_title(p, as_str_c(&text));
    if (text.failed) p->out->failed = true;
    as_str_clear(&text);
  }
}

void as_page_remark(const as_page *p, const char *text) {
  as_put_wrapped(p->out, text, p->width, "  * ", "    ", p->ascii);
}
