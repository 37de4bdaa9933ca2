/* What a run leaves in its folder. */
#include <stdio.h>
#include <string.h>

#include "eval/learn/score.h"
#include "eval/run/run_int.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"

/* What the files could not tell must stand under the table. */
as_status as_run_add_remarks(const as_run_state *r, as_results *res, as_err *err) {
  for (size_t i = 0; i < r->plan->n_models; i++) {
    const char *a = r->model_records[i].assumed;
    char text[768];
    if (!a || !*a) continue;
    snprintf(text, sizeof text, "%s: %s", r->plan->models[i].name, a);
    as_status s = as_results_remark(res, text, err);
    if (s != AS_OK) return s;
  }
  for (size_t i = 0; i < r->plan->n_datasets; i++) {
    as_status s = *r->sets[i].forgiven ? as_results_remark(res, r->sets[i].forgiven, err) : AS_OK;
    if (s != AS_OK) return s;
  }
  return AS_OK;
}

static as_status write_one(const char *dir, const char *name, const as_str *text, as_err *err) {
  char *path = as_path_join(dir, name, err);
  if (!path) return AS_E_ENV;
  as_status s = as_file_write(path, as_str_c(text), text->n, err);
  as_free(path);
  return s;
}

as_status as_run_write_outputs(const as_run_state *r, const as_results *res, as_err *err) {
  as_record rec = {r->plan, &r->opts->build,  r->model_records, r->dataset_records,
                   res,     r->opts->lenient, r->opts->partial};
  /* Files are for any reader and any width of terminal; the printed table follows the terminal. */
  as_report_cache own = {0}; /* bootstrap and tests once for all three */
  as_report_opts file = {.seed = r->opts->report.seed,
                         .resamples = r->opts->report.resamples,
                         .cache = r->opts->report.cache ? r->opts->report.cache : &own};
  as_str text = {0}, csv = {0}, html = {0}, json = {0}, summary = {0};
  as_record_summary(&summary, &rec);
  as_status s = as_report_text(&text, res, &file, err);
  if (s == AS_OK) s = as_report_csv(&csv, res, &file, err);
  if (s == AS_OK) s = as_report_html(&html, res, &file, as_str_c(&summary), err);
  if (s == AS_OK) s = as_record_json(&json, &rec, err);
  for (size_t k = 0; s == AS_OK && k < res->n_sets; k++) {
    as_str path = {0};
    as_str_printf(&path, "%s/cells/%s.classes", r->opts->dir, res->sets[k].name);
    if ((s = as_str_status(&path, err)) == AS_OK)
      s = as_score_write_classes(&res->sets[k], as_str_c(&path), err);
    as_str_clear(&path);
  }
  if (s == AS_OK) s = write_one(r->opts->dir, "table.txt", &text, err);
  if (s == AS_OK) s = write_one(r->opts->dir, "table.csv", &csv, err);
  if (s == AS_OK) s = write_one(r->opts->dir, "report.html", &html, err);
  if (s == AS_OK) s = write_one(r->opts->dir, "record.json", &json, err); /* last: it says complete */
  as_report_cache_clear(&own);
  as_str_clear(&text);
  as_str_clear(&csv);
  as_str_clear(&html);
  as_str_clear(&json);
  as_str_clear(&summary);
  return s;
}

/* An older record would pass for this run's until the new one is written. */
as_status as_run_remove_record(const char *dir, as_err *err) {
  char *path = as_path_join(dir, "record.json", err);
  if (!path) return AS_E_ENV;
  remove(path);
  as_free(path);
  return AS_OK;
}

/* The logs have done their duty once record.json stands. */
void as_run_remove_logs(const char *dir) {
  char *work = as_path_join(dir, "work", NULL);
  as_names names = {0};
  if (work && as_dir_list(&names, work, NULL) == AS_OK) {
    for (size_t i = 0; i < names.n; i++) {
      char *path = as_ends_with(names.name[i], ".rows") ? as_path_join(work, names.name[i], NULL) : NULL;
      if (path) remove(path);
      as_free(path);
    }
    as_names_clear(&names);
    remove(work);
  }
  as_free(work);
}

as_status as_run_make_dirs(const char *dir, as_err *err) {
  static const char *const parts[] = {"cells", "work", "prints"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    char *path = as_path_join(dir, parts[i], err);
    as_status s = path ? as_make_dirs(path, err) : AS_E_ENV;
    if (s == AS_OK) as_out_sweep(path); /* of a run that was killed while it wrote */
    as_free(path);
    if (s != AS_OK) return s;
  }
  as_out_sweep(dir);
  return AS_OK;
}
