/* What a run leaves in its folder. */
#include <stdio.h>
#include <string.h>

#include "eval/learn/score.h"
#include "eval/run/run_int.h"
#include "eval/run/thumbs.h"
#include "tensor/base/file.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/base/tsv.h"

static as_status write_text(as_run_folder *folder, const char *name, const as_str *text, as_err *err) {
  char *path = as_run_folder_new(folder, err, "%s", name);
  as_status s = path ? as_file_write(path, as_str_c(text), text->n, err) : AS_E_ENV;
  as_free(path);
  return s == AS_OK ? as_run_folder_add(folder, err, "%s", name) : s;
}

/* The images of the page, from the sets that are open. */
static as_status fetch_pictures(as_pictures *p, const as_inputs *in, const as_results *res, as_err *err) {
  as_status s = as_pictures_choose(p, res, err);
  for (size_t i = 0, k = 0; s == AS_OK && i < in->plan->n_datasets; i++) {
    if (in->plan->datasets[i].train) continue;
    if (in->set[i].ds) s = as_thumbs_set(p, k, in->set[i].ds, NULL, err);
    k++;
  }
  return s;
}

as_status as_run_pages(as_run_texts *t, const as_inputs *in, const as_results *res, const char *summary,
                       as_err *err) {
  const as_run_opts *opts = in->opts;
  as_pictures pictures = {0};
  /* Files are for any reader and any width of terminal; the printed table follows the terminal. */
  as_report_cache own = {0};
  as_report_opts file = {.seed = opts->report.seed,
                         .resamples = opts->report.resamples,
                         .cache = opts->report.cache ? opts->report.cache : &own};
  as_status s = opts->report.no_images ? AS_OK : fetch_pictures(&pictures, in, res, err);
  if (!opts->report.no_images) file.pictures = &pictures;
  if (s == AS_OK) s = as_report_text(&t->text, res, &file, err);
  if (s == AS_OK) s = as_report_csv(&t->csv, res, &file, err);
  if (s == AS_OK) s = as_report_html(&t->html, res, &file, summary, err);
  as_report_cache_clear(&own);
  as_pictures_clear(&pictures);
  return s;
}

void as_run_texts_clear(as_run_texts *t) {
  as_str_clear(&t->text);
  as_str_clear(&t->csv);
  as_str_clear(&t->html);
}

static as_status write_reports(const as_inputs *in, const as_record *rec, as_run_folder *folder,
                               as_err *err) {
  as_run_texts t = {{0}, {0}, {0}};
  as_str summary = {0};
  as_record_summary(&summary, rec);
  as_status s = as_run_pages(&t, in, rec->results, as_str_c(&summary), err);
  if (s == AS_OK) s = write_text(folder, "table.txt", &t.text, err);
  if (s == AS_OK) s = write_text(folder, "table.csv", &t.csv, err);
  if (s == AS_OK) s = write_text(folder, "report.html", &t.html, err);
  as_run_texts_clear(&t);
  as_str_clear(&summary);
  return s;
}

/* The files that are there before any table: what was hashed, heads, cells, the names of classes. */
static as_status list_files(const as_inputs *in, const as_job *jobs, const as_results *res,
                            as_run_folder *folder, as_err *err) {
  const as_plan *p = in->plan;
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < p->n_datasets; i++)
    if (in->set[i].ds) s = as_run_folder_add(folder, err, "prints/dataset-%s.tsv", p->datasets[i].name);
  for (size_t m = 0; s == AS_OK && m < p->n_models; m++) {
    const char *name = p->models[m].name;
    if (in->models[m].why) continue;
    s = as_run_folder_add(folder, err, "prints/model-%s.tsv", name);
    if (s == AS_OK && p->models[m].kind == AS_HEAD_FILE)
      s = as_run_folder_add(folder, err, "prints/head-%s.tsv", name);
    if (s == AS_OK && jobs[m].head != AS_CELL_ABSENT)
      s = as_run_folder_add(folder, err, "heads/%s.safetensors", name);
    for (size_t k = 0; s == AS_OK && k < jobs[m].n_cells; k++)
      if (jobs[m].cell[k].from != AS_CELL_ABSENT)
        s = as_run_folder_add(folder, err, "cells/%s--%s.tsv", name, res->sets[k].name);
  }
  for (size_t k = 0; s == AS_OK && k < res->n_sets; k++) {
    char *path = as_run_folder_new(folder, err, "cells/%s.classes", res->sets[k].name);
    s = path ? as_score_write_classes(&res->sets[k], path, err) : AS_E_ENV;
    if (s == AS_OK) s = as_run_folder_add(folder, err, "cells/%s.classes", res->sets[k].name);
    as_free(path);
  }
  return s;
}

/* ---- is it what stood already? ------------------------------------------------------------------------ */

/* The records' lines, but those about the machine that the numbers do not depend on. */
static bool next_line(as_tsv *t) {
  static const char *const machine[] = {"compiler", "cpu", "kernels", "threads", AS_RECORD_SEAL};
  while (as_tsv_next(t)) {
    bool skip = false;
    for (size_t i = 0; i < sizeof machine / sizeof *machine; i++) {
      char start[40];
      int n = snprintf(start, sizeof start, "  \"%s\": ", machine[i]);
      skip = skip || (t->line_n > (size_t)n && memcmp(t->line, start, (size_t)n) == 0);
    }
    if (!skip) return true;
  }
  return false;
}

static bool same_record(const as_run_folder *folder, const as_str *now) {
  as_tsv a, b;
  if (!folder->stands) return false;
  as_tsv_open(&a, folder->old.file.data, folder->old.file.size);
  as_tsv_open(&b, now->s, now->n);
  for (;;) {
    const bool more_a = next_line(&a), more_b = next_line(&b);
    if (!more_a || !more_b) return more_a == more_b;
    if (a.line_n != b.line_n || memcmp(a.line, b.line, a.line_n) != 0) return false;
  }
}

/* Do the files of the finished run still have the bytes that its record says? */
static bool files_stand(const as_run_folder *folder) {
  for (size_t i = 0; i < folder->n_files; i++)
    if (!as_run_folder_has(folder, "%s", folder->file[i].name)) return false;
  return true;
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void keep_rows(const as_inputs *in, const as_job *jobs, const as_run_folder *folder) {
  const int64_t most = in->opts->cache      ? 0
                       : in->opts->keep < 0 ? 0
                       : in->opts->keep     ? in->opts->keep
                                            : AS_RUN_KEEP;
  size_t n = 0, left = 0;
  int64_t kept = 0;
  for (size_t m = 0; m < in->plan->n_models; m++) n += jobs[m].groups.n;
  char(*key)[65] = as_alloc(n ? n : 1, sizeof *key, NULL);
  if (!key) return;
  n = 0;
  for (size_t m = 0; m < in->plan->n_models; m++)
    for (size_t g = 0; g < jobs[m].groups.n; g++) memcpy(key[n++], jobs[m].groups.group[g].key, sizeof *key);
  as_run_folder_keep_rows(folder, (const char(*)[65])key, n, most, &kept, &left);
  as_free(key);
  if (kept)
    as_log_line(AS_LOG_INFO, "%s/rows keeps %.1f MB of feature rows for the next run (at most %.1f MB)",
                folder->dir, (double)kept / 1e6, (double)most / 1e6);
  if (left && most)
    as_log_line(AS_LOG_INFO, "%s/rows: the rows of %zu runs of the backbone are over this limit and not kept",
                folder->dir, left);
}

as_status as_run_write(const as_inputs *in, const as_job *jobs, const as_results *res, as_run_folder *folder,
                       bool *same, as_err *err) {
  const as_run_opts *opts = in->opts;
  as_cell_origin *origin = as_calloc(res->n_models * res->n_sets, sizeof *origin, err);
  as_str json = {0};
  *same = false;
  if (!origin) return AS_E_ENV;
  for (size_t m = 0; m < res->n_models; m++)
    for (size_t k = 0; k < res->n_sets; k++)
      origin[m * res->n_sets + k] = (as_cell_origin){
          .key = jobs[m].cell[k].key, .forgiven = jobs[m].cell[k].forgiven, .classes = res->sets[k].classes};
  as_record rec = {.plan = in->plan,
                   .build = &opts->build,
                   .models = in->models,
                   .datasets = in->datasets,
                   .results = res,
                   .origin = origin,
                   .lenient = opts->lenient,
                   .partial = opts->partial,
                   .no_images = opts->report.no_images,
                   .seed = opts->report.seed,
                   .resamples = opts->report.resamples};
  as_status s = list_files(in, jobs, res, folder, err);
  if (s == AS_OK) s = write_reports(in, &rec, folder, err);
  rec.files = folder->file;
  rec.n_files = folder->n_files;
  if (s == AS_OK) s = as_record_json(&json, &rec, err);
  if (s == AS_OK) s = as_place_write(folder->dir, in->plan, err);
  if (s == AS_OK && same_record(folder, &json) && files_stand(folder)) {
    *same = true;
    as_run_folder_discard(folder);
  } else if (s == AS_OK) {
    s = as_run_folder_finish(folder, &json, err);
  }
  if (s == AS_OK) keep_rows(in, jobs, folder);
  as_str_clear(&json);
  as_free(origin);
  return s;
}
