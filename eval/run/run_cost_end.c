/* `assay run --estimate`: what comes after the last cell. Statistics and pages are made of results of the plan's shape with
 * drawn answers, by the functions that make those of a run. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "eval/learn/score.h"
#include "eval/run/check_int.h"
#include "tensor/base/file.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"

enum {
  SET_IMAGES = 4096, /* of a set that are drawn; statistics take longer in proportion to its images */
  TRIED_FILES = 16,
  FILE_BYTES = 4096
};

/* ---- statistics and pages ----------------------------------------------------------------------------- */

/* A model of a middling accuracy, which rises by a point from model to model. */
static as_status draw_cell(as_cell *c, const as_results_set *set, size_t model, as_rng rng, as_err *err) {
  const size_t n = set->n_scored < SET_IMAGES ? set->n_scored : SET_IMAGES;
  const double accuracy = 0.3 + 0.01 * (double)(model % 60);
  c->correct1 = as_alloc(n ? n : 1, sizeof *c->correct1, err);
  c->confidence = as_alloc(n ? n : 1, sizeof *c->confidence, err);
  c->answer = as_alloc(n ? n : 1, sizeof *c->answer, err);
  if (!c->correct1 || !c->confidence || !c->answer) return AS_E_ENV;
  for (size_t i = 0; i < n; i++) {
    const double u = as_rng_uniform(rng, i);
    const size_t other = (set->label[i] + 1 + i % 7) % (set->classes ? set->classes : 1);
    c->correct1[i] = u < accuracy;
    c->answer[i] = u < accuracy ? set->label[i] : (uint32_t)other;
    c->confidence[i] = (float)(0.5 + 0.5 * u);
    c->top1_correct += c->correct1[i];
  }
  c->present = n > 0;
  c->n_expected = c->n_used = (int64_t)n;
  if (n) c->top1 = (double)c->top1_correct / (double)n;
  return AS_OK;
}

/* The results of the plan. *times: how many times as many images as are drawn its largest set has. */
static as_status draw_results(as_results *r, double *times, const as_inputs *in, as_err *err) {
  const as_plan *p = in->plan;
  const uint64_t stream = as_rng_stream("ending");
  size_t n_sets = 0, k = 0;
  *times = 1;
  for (size_t i = 0; i < p->n_datasets; i++) n_sets += !p->datasets[i].train;
  as_status s = as_results_init(r, p->name, p->n_models, n_sets, err);
  for (size_t m = 0; s == AS_OK && m < p->n_models; m++) {
    r->models[m].name = as_strdup(p->models[m].name, err);
    r->models[m].note = as_strdup("", err);
    if (!r->models[m].name || !r->models[m].note) s = AS_E_ENV;
  }
  for (size_t i = 0; s == AS_OK && i < p->n_datasets; i++) {
    if (p->datasets[i].train) continue;
    as_results_set *set = &r->sets[k];
    set->name = as_strdup(p->datasets[i].name, err);
    set->rule = as_strdup("", err);
    if (!set->name || !set->rule) return AS_E_ENV;
    s = as_score_describe(set, in->set[i].ds, err);
    set->classes = as_dataset_classes(in->set[i].ds);
    for (size_t m = 0; s == AS_OK && m < p->n_models; m++)
      s = draw_cell(as_results_cell(r, m, k), set, m, as_rng_make(m * n_sets + k, stream), err);
    if (set->n_scored > SET_IMAGES) {
      const double of_set = (double)set->n_scored / SET_IMAGES;
      if (of_set > *times) *times = of_set;
      set->n_scored = SET_IMAGES;
    }
    k++;
  }
  r->complete = true;
  return s;
}

static as_status time_pages(as_spent *whole, const as_inputs *in, as_err *err) {
  as_results r = {0};
  as_run_texts t = {{0}, {0}, {0}};
  double times;
  as_status s = draw_results(&r, &times, in, err);
  const as_spent start = as_spent_now();
  if (s == AS_OK) s = as_run_pages(&t, in, &r, NULL, err);
  as_spent_add(whole, times, start, as_spent_now());
  as_run_texts_clear(&t);
  as_results_clear(&r);
  return s;
}

/* ---- files -------------------------------------------------------------------------------------------- */

/* The folder of the run, or the nearest one above it that is there. */
static char *folder_of(const char *dir, as_err *err) {
  char *at = as_strdup(dir ? dir : ".", err);
  while (at && as_path_kind_of(at) != AS_PATH_DIR && strcmp(at, ".") != 0 && strcmp(at, "/") != 0) {
    char *above = as_path_dir(at, err);
    as_free(at);
    at = above;
  }
  return at;
}

/* Written there as results are, down to the disk, which may be another machine's; where nothing can be written, the run says
 * so, and a file costs nothing here. */
static as_status time_files(as_spent *whole, const char *dir, size_t files, as_err *err) {
  static const char bytes[FILE_BYTES];
  char name[64];
  snprintf(name, sizeof name, ".assay-estimate-%ld", (long)getpid());
  char *at = folder_of(dir, err), *path = at ? as_path_join(at, name, err) : NULL;
  as_status s = AS_OK;
  const as_spent start = as_spent_now();
  for (size_t i = 0; path && s == AS_OK && i < TRIED_FILES; i++)
    s = as_file_write(path, bytes, sizeof bytes, NULL);
  if (s == AS_OK) as_spent_add(whole, (double)files / TRIED_FILES, start, as_spent_now());
  if (path) unlink(path);
  s = path ? AS_OK : AS_E_ENV;
  as_free(at);
  as_free(path);
  return s;
}

as_status as_cost_ending(as_spent *whole, const as_inputs *in, size_t files, as_err *err) {
  as_status s = time_pages(whole, in, err);
  return s == AS_OK ? time_files(whole, in->opts->dir, files, err) : s;
}
