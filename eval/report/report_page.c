#include "eval/report/report_page_int.h"

as_page as_page_make(as_str *out, const as_sum *s, const as_report_opts *opts) {
  as_page p = {.out = out, .s = s, .r = s->r, .width = 100, .dec = as_sum_decimals(s)};
  if (opts && opts->width > 0) p.width = opts->width < 40 ? 40 : (size_t)opts->width;
  p.name_width = p.width / 3;
  p.ascii = opts && opts->ascii;
  return p;
}

const char *as_page_dash(const as_page *p) {
  return p->ascii ? "-" : "\xE2\x80\x93";
}

void as_page_title(const as_page *p, const char *text) {
  as_put_wrapped(p->out, text, p->width, "", "", p->ascii);
  as_str_putc(p->out, '\n');
}

void as_page_remark(const as_page *p, const char *text) {
  as_put_wrapped(p->out, text, p->width, "  * ", "    ", p->ascii);
}
