#include "eval/run/run.h"

#include <string.h>

#include "eval/run/run_int.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

/* A plan that has no cell in common with the run in the folder is another benchmark: it must not replace that one by a
 * slip of -o. */
static as_status refuse_other(const as_run_folder *folder, const as_plan *plan, as_err *err) {
  const as_json *cell = folder->stands ? as_rec_list(&folder->old, "cells") : NULL;
  if (!cell) return AS_OK;
  for (; cell; cell = cell->next) {
    bool model = false, set = false;
    for (size_t i = 0; i < plan->n_models; i++)
      model = model || strcmp(plan->models[i].name, as_rec_text(cell, "model")) == 0;
    for (size_t i = 0; i < plan->n_datasets; i++)
      set = set ||
            (!plan->datasets[i].train && strcmp(plan->datasets[i].name, as_rec_text(cell, "dataset")) == 0);
    if (model && set) return AS_OK;
  }
  const char *name = as_rec_text(folder->old.root, "name");
  return as_fail(
      err, AS_E_USAGE,
      "%s: found the finished run of %s, which has no model and set in common with %s; wanted another "
      "folder (-o), or --force to replace it",
      folder->dir, name ? name : "another plan", plan->name);
}

/* What is computed, model by model. */
static as_status run_jobs(as_inputs *in, as_job *jobs, const as_run_folder *folder, as_err *err) {
  as_status s = AS_OK;
  for (size_t m = 0; s == AS_OK && m < in->plan->n_models; m++) {
    as_job *j = &jobs[m];
    if (!in->models[m].why) s = as_inputs_print_model(in, m, folder, err);
    if (s == AS_OK && !in->models[m].why && as_job_todo(j)) s = as_run_model(in, j, folder, err);
    if (s == AS_OK && !in->models[m].why) s = as_job_record_head(in, j, folder, err);
    if (s == AS_OK || !as_inputs_excuse(in, s, err, &in->models[m].why)) continue;
    s = AS_OK;
    j->head = AS_CELL_ABSENT;
    for (size_t k = 0; k < j->n_cells; k++) j->cell[k].from = AS_CELL_ABSENT;
  }
  return s;
}

/* The same, telling how much of the whole is done. */
static as_status run_shared(as_inputs *in, as_job *jobs, const as_run_folder *folder, as_err *err) {
  as_run_share share = {.outer = in->opts->watch, .jobs = jobs};
  for (size_t m = 0; m < in->plan->n_models; m++)
    for (size_t k = 0; as_job_todo(&jobs[m]) > 0 && k < jobs[m].groups.n; k++)
      share.total += as_share_work(&share, in, m, &jobs[m].groups.group[k]);
  in->share = &share;
  as_status s = run_jobs(in, jobs, folder, err);
  in->share = NULL;
  return s;
}

/* The end of a run whose results are written: what they lack is an error all the same. */
static as_status judge_results(const as_inputs *in, const as_results *res, as_err *err) {
  int64_t failed = 0;
  size_t cells = 0;
  for (size_t i = 0; i < res->n_models * res->n_sets; i++) {
    failed += res->cells[i].n_failed;
    cells += res->cells[i].n_failed > 0;
  }
  if (in->excused.n)
    return as_fail(err, AS_E_INPUT, "%zu models or sets are left out, the first: %s; the results are in %s",
                   in->excused.n, in->excused.first.msg, in->opts->dir);
  if (failed > 0 && !in->opts->lenient)
    return as_fail(err, AS_E_INPUT, "%lld images failed in %zu cells; the results are in %s and count them",
                   (long long)failed, cells, in->opts->dir);
  return AS_OK;
}

/* A run whose inputs are open, in a folder that is. */
static as_status run_inputs(as_inputs *in, as_run_folder *folder, as_results *results, as_err *err) {
  as_job *jobs = as_calloc(in->plan->n_models, sizeof *jobs, err);
  bool same = false;
  as_status s = jobs ? as_inputs_print_sets(in, folder, true, err) : AS_E_ENV;
  for (size_t m = 0; s == AS_OK && m < in->plan->n_models; m++) s = as_job_plan(&jobs[m], in, m, folder, err);
  if (s == AS_OK) s = run_shared(in, jobs, folder, err);
  if (s == AS_OK) s = as_run_results(results, in, jobs, folder, err);
  if (s == AS_OK) s = as_run_write(in, jobs, results, folder, &same, err);
  if (s == AS_OK && same) as_log_line(AS_LOG_INFO, "%s is up to date", folder->dir);
  if (s == AS_OK)
    s = judge_results(in, results, err);
  else
    as_results_clear(results);
  for (size_t m = 0; jobs && m < in->plan->n_models; m++) as_job_clear(&jobs[m]);
  as_free(jobs);
  return s;
}

as_status as_run_in(const as_plan *plan, const as_run_opts *opts, as_run_folder *folder, as_results *results,
                    as_err *err) {
  as_inputs in;
  memset(results, 0, sizeof *results);
  as_status s = as_inputs_open(&in, plan, opts, err);
  if (s == AS_OK) s = as_inputs_train(&in, err);
  if (s == AS_OK && !folder->dir) s = as_run_folder_open(folder, opts->dir, opts->start, err);
  if (s == AS_OK) s = refuse_other(folder, plan, err);
  if (s == AS_OK) s = run_inputs(&in, folder, results, err);
  as_inputs_clear(&in);
  return s;
}

as_status as_run(const as_plan *plan, const as_run_opts *opts, as_results *results, as_err *err) {
  as_run_folder folder = {.lock = -1};
  as_status s = as_run_in(plan, opts, &folder, results, err);
  as_run_folder_close(&folder);
  return s;
}
