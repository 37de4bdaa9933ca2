#include "tools/running.h"

#include "tensor/base/clock.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/common.h"
#include "tools/epochs.h"
#include "tools/progress.h"
#include "tools/say.h"

as_run_opts as_tool_run_opts(const as_args *a, const char *dir) {
  return (as_run_opts){.dir = dir,
                       .batch = (int)as_arg_int(a, OPT_BATCH, 0),
                       .lenient = a->set[OPT_LENIENT],
                       .partial = a->set[OPT_PARTIAL],
                       .cache = as_arg_text(a, OPT_CACHE, NULL),
                       .keep = !a->set[OPT_KEEP]    ? 0
                               : a->a[OPT_KEEP] > 0 ? a->a[OPT_KEEP]
                                                    : -1,
                       .start = a->set[OPT_FORCE] ? AS_RUN_FRESH : AS_RUN_CONTINUE,
                       .report = as_tool_report_opts(a),
                       .build = as_tool_build(),
                       .watch = as_tool_watch(),
                       .training = as_tool_training_tell};
}

static as_status print_table(const as_results *r, const as_run_opts *o, as_err *err) {
  as_str out = {0};
  as_status s = as_report_text(&out, r, &o->report, err);
  if (s == AS_OK) s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

/* record.json as it stands in the folder. */
static as_status print_record(const char *dir, as_err *err) {
  char *path = as_path_join(dir, "record.json", err);
  as_file f = {0};
  as_status s = path ? as_file_open(&f, path, err) : AS_E_ENV;
  as_str text = {0};
  if (s == AS_OK) {
    as_str_putn(&text, (const char *)f.data, f.size);
    as_print(&text);
  }
  as_str_clear(&text);
  as_file_close(&f);
  as_free(path);
  return s;
}

as_status as_tool_run(const as_args *a, const as_plan *plan, const as_run_opts *given, as_err *err) {
  as_results res = {0};
  as_report_cache cache = {0}; /* what the written tables derived serves the printed one */
  as_run_opts opts = *given, *o = &opts;
  opts.report.cache = &cache;
  opts.report.brief = true; /* table.txt and report.html have the rest */
  as_err printing = {0};
  double start = as_seconds();
  as_status s = plan ? as_run(plan, o, &res, err) : as_merge(a->operand, (size_t)a->n_operands, o, &res, err);
  /* Failed images and models leave results, which are shown; the status stays. */
  if (res.cells) {
    as_status p = a->set[OPT_JSON] ? print_record(o->dir, &printing) : print_table(&res, o, &printing);
    as_note("%zu models x %zu sets in %.1f s: %s/report.html", res.n_models, res.n_sets, as_seconds() - start,
            o->dir);
    if (s == AS_OK && p != AS_OK) {
      s = p;
      *err = printing;
    }
  }
  if (s == AS_E_STOPPED) as_fail_in(err, "%s is kept, the same command goes on from there", o->dir);
  as_report_cache_clear(&cache);
  as_results_clear(&res);
  return s;
}
