/* table: the statistics that published accuracies allow. */
#include <stdio.h>
#include <string.h>

#include "eval/report/table_out.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/say.h"

enum { MOST_SETS = 64 };

/* "a,b,c" -> names in `copy` (owned by the caller). */
static as_status split(const char *list, char **copy, const char **name, size_t *n, as_err *err) {
  *copy = as_strdup(list, err);
  if (!*copy) return AS_E_ENV;
  for (char *p = *copy;;) {
    char *comma = strchr(p, ',');
    if (comma) *comma = 0;
    if (!*p) return as_fail(err, AS_E_USAGE, "--sets: found an empty name in '%s'", list);
    if (*n == MOST_SETS) return as_fail(err, AS_E_USAGE, "--sets: found more than %d names", MOST_SETS);
    name[(*n)++] = p;
    if (!comma) return AS_OK;
    p = comma + 1;
  }
}

static as_status render(as_str *out, const as_table *t, const as_args *a, const as_report_opts *o,
                        const char *format, as_err *err) {
  if (strcmp(format, "json") == 0) return as_table_json(out, t, o, err);
  if (strcmp(format, "csv") == 0) return as_report_csv(out, &t->r, o, err);
  if (strcmp(format, "markdown") == 0) return as_report_markdown(out, &t->r, o, err);
  if (strcmp(format, "latex") == 0) return as_report_latex(out, &t->r, o, err);
  if (strcmp(format, "text") == 0) return as_table_text(out, t, o, (size_t)as_arg_int(a, OPT_TOP, 0), err);
  as_str from = {0};
  as_str_printf(&from, "published tables\n");
  for (int i = 0; i < a->n_operands; i++) as_str_printf(&from, "  %s\n", as_path_base(a->operand[i]));
  for (size_t i = 0; i < t->n_duplicates && i < 50; i++)
    as_str_printf(&from, "  duplicate: %s\n", t->duplicates[i]);
  as_status s = as_report_html(out, &t->r, o, as_str_c(&from), err);
  as_str_clear(&from);
  return s;
}

as_status as_cmd_table(const as_args *a, as_err *err) {
  const char *sets[MOST_SETS];
  char *copy = NULL;
  size_t n_sets = 0;
  const char *format;
  as_report_cache cache = {0}; /* figures and page are derived once */
  as_report_opts report = as_tool_report_opts(a);
  report.part = as_arg_text(a, OPT_PART, NULL);
  if (a->set[OPT_FIGURES]) report.cache = &cache;
  as_status s = as_tool_format(&format, a, err);
  if (s == AS_OK) s = as_report_part_check(report.part, err);
  if (s == AS_OK && a->set[OPT_SETS]) s = split(a->text[OPT_SETS], &copy, sets, &n_sets, err);
  as_table t = {0};
  as_table_opts o = {.files = a->operand,
                     .n_files = (size_t)a->n_operands,
                     .base = as_arg_text(a, OPT_BASE, NULL),
                     .sets = n_sets ? sets : NULL,
                     .n_sets = n_sets};
  if (s == AS_OK) s = as_table_read(&t, &o, err);
  if (s == AS_OK) s = as_tool_figures(&t.r, &report, a, err);
  if (s == AS_OK) {
    as_sink out;
    s = as_sink_open(&out, a, err);
    if (s == AS_OK) s = render(&out.text, &t, a, &report, format, err);
    s = as_sink_close(&out, s, err);
  }
  as_report_cache_clear(&cache);
  as_table_clear(&t);
  as_free(copy);
  return s;
}
