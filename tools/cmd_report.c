/* report: the tables and pages of finished runs, again and in other forms, several runs side by side. */
#include <string.h>

#include "eval/run/record_read.h"
#include "eval/run/thumbs.h"
#include "tensor/base/file.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/say.h"

static as_status put_page(as_str *out, const as_results *r, const as_args *a, as_report_opts o, as_err *err) {
  as_str from = {0};
  as_pictures pictures = {0};
  as_roots roots = {0};
  as_status s = as_tool_roots(&roots, a, err);
  if (s == AS_OK && !o.no_images) {
    s = as_pictures_choose(&pictures, r, err);
    if (s == AS_OK) s = as_thumbs_records(&pictures, r, a->operand, (size_t)a->n_operands, &roots, err);
    o.pictures = &pictures;
  }
  as_str_put(&from, "records\n");
  for (int i = 0; i < a->n_operands; i++) as_str_printf(&from, "  %s\n", a->operand[i]);
  if (s == AS_OK) s = as_report_html(out, r, &o, as_str_c(&from), err);
  as_str_clear(&from);
  as_roots_clear(&roots);
  as_pictures_clear(&pictures);
  return s;
}

static as_status render(as_str *out, const as_results *r, const as_args *a, const as_report_opts *o,
                        const char *format, as_err *err) {
  if (strcmp(format, "csv") == 0) return as_report_csv(out, r, o, err);
  if (strcmp(format, "json") == 0) return as_report_json(out, r, o, err);
  if (strcmp(format, "markdown") == 0) return as_report_markdown(out, r, o, err);
  if (strcmp(format, "latex") == 0) return as_report_latex(out, r, o, err);
  if (strcmp(format, "text") == 0) return as_report_text(out, r, o, err);
  return put_page(out, r, a, *o, err);
}

as_status as_cmd_report(const as_args *a, as_err *err) {
  as_results r = {0};
  const char *format;
  as_report_cache cache = {0}; /* figures and page are derived once */
  as_report_opts o = as_tool_report_opts(a);
  o.part = as_arg_text(a, OPT_PART, NULL);
  o.by_class = a->set[OPT_BY_CLASS];
  if (a->set[OPT_FIGURES]) o.cache = &cache;
  as_status s = as_tool_format(&format, a, err);
  if (s == AS_OK) s = as_report_part_check(o.part, err);
  if (s == AS_OK) s = as_records_read(&r, a->operand, (size_t)a->n_operands, err);
  if (s == AS_OK) s = as_tool_figures(&r, &o, a, err);
  if (s == AS_OK) {
    as_sink out;
    s = as_sink_open(&out, a, err);
    if (s == AS_OK) s = render(&out.text, &r, a, &o, format, err);
    s = as_sink_close(&out, s, err);
  }
  if (s == AS_OK && !r.complete) s = as_fail(err, AS_E_CHECK, "a record is not complete");
  as_report_cache_clear(&cache);
  as_results_clear(&r);
  return s;
}
