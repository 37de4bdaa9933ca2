/* `assay run --check`: everything that can be known before the first result. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "data/sets/check.h"
#include "eval/run/run_int.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"

typedef struct as_check {
  as_str *out;
  as_err *first; /* message of the first problem */
  as_status status;
  size_t problems;
} as_check;

static void problem(as_check *c, as_status s, const as_err *e) {
  as_str_printf(c->out, "PROBLEM  %s\n", e->msg);
  if (c->problems++ == 0) {
    c->status = s;
    if (c->first) *c->first = *e;
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void put_bytes(as_str *out, double bytes) {
  if (bytes < 1e6)
    as_str_printf(out, "%.0f kB", bytes / 1e3);
  else if (bytes < 1e9)
    as_str_printf(out, "%.1f MB", bytes / 1e6);
  else
    as_str_printf(out, "%.1f GB", bytes / 1e9);
}

static void put_time(as_str *out, double seconds) {
  if (seconds < 90)
    as_str_printf(out, "%.1f s", seconds);
  else if (seconds < 5400)
    as_str_printf(out, "%.1f min", seconds / 60);
  else
    as_str_printf(out, "%.1f h", seconds / 3600);
}

/* Seconds per image of the model at hand, from one batch of zeros; 0 when memory ends. */
static double time_batch(as_model *m, int batch, as_err *err) {
  size_t side = (size_t)as_model_input_size(m), dim = (size_t)as_model_embed_dim(m);
  float *images = as_calloc((size_t)batch * side * side * 3, sizeof *images, err);
  float *rows = as_alloc((size_t)batch * dim, sizeof *rows, err);
  double seconds = 0;
  if (images && rows && as_model_plan(m, batch, err) == AS_OK) {
    double start = now();
    as_model_forward(m, images, batch, rows);
    seconds = (now() - start) / batch;
  }
  as_free(images);
  as_free(rows);
  return seconds;
}

/* What is missing can be had: a line that says where, by the plan or by the recipe that knows the file. */
static void tell_where(as_check *c, const char *path, const char *where) {
  char url[AS_RECIPE_URL];
  if (as_path_kind_of(path) != AS_PATH_NONE) return;
  if (!where && as_recipe_of_file(path, url)) where = url;
  if (where) as_str_printf(c->out, "         %-16s %s: published at %s\n", "", as_path_base(path), where);
}

/* Is it the set that its task names? What is wrong is a problem; the rest is said. */
static void check_content(const as_plan_dataset *p, const as_dataset_opts *o, as_check *c) {
  as_findings found = {0};
  as_err e = {0};
  as_status st = as_dataset_check(&found, o, true, &e);
  if (st != AS_OK) {
    as_fail_in(&e, "dataset %s", p->name);
    problem(c, st, &e);
  }
  for (size_t i = 0; i < found.n; i++) {
    if (found.item[i].level == AS_FINDING_WRONG) {
      as_fail(&e, AS_E_INPUT, "dataset %s: %s", p->name, found.item[i].text);
      problem(c, AS_E_INPUT, &e);
    } else {
      as_str_printf(c->out, "         %-16s %s\n", "", found.item[i].text);
    }
  }
  as_findings_clear(&found);
}

static void check_sets(as_run_state *r, as_check *c) {
  for (size_t i = 0; i < r->plan->n_datasets; i++) {
    const as_plan_dataset *p = &r->plan->datasets[i];
    as_dataset_opts o = as_plan_dataset_opts(p);
    as_err e = {0};
    as_run_set *s = &r->sets[i];
    s->plan = p;
    s->record = &r->dataset_records[i];
    as_status st = as_dataset_open(&s->ds, &o, &e);
    if (st != AS_OK) {
      as_fail_in(&e, "dataset %s", p->name);
      problem(c, st, &e);
      tell_where(c, p->path.at, p->where);
      if (p->real.at) tell_where(c, p->real.at, p->where);
      continue;
    }
    as_str_printf(c->out, "dataset  %-16s %8zu images  %5zu classes  %s%s\n", p->name,
                  as_dataset_count(s->ds), as_dataset_classes(s->ds), as_dataset_task(s->ds),
                  p->train ? ", for training" : "");
    check_content(p, &o, c);
  }
}

/* A head must know the classes of every set it scores. */
static void check_classes(as_run_state *r, size_t m, as_check *c) {
  const as_plan_dataset *t = as_plan_train_set(r->plan, &r->plan->models[m]);
  for (size_t i = 0; i < r->plan->n_datasets; i++) {
    as_err e = {0};
    const as_dataset *ds = r->sets[i].ds;
    if (!ds || r->plan->datasets[i].train) continue;
    if (!t && as_dataset_classes(ds) != 0 && as_dataset_classes(ds) != r->head.classes) {
      as_fail(&e, AS_E_INPUT,
              "model %s on %s: the head knows %zu classes, the dataset has %zu; wanted the same list",
              r->plan->models[m].name, r->plan->datasets[i].name, r->head.classes, as_dataset_classes(ds));
      problem(c, AS_E_INPUT, &e);
    }
  }
}

static void check_model(as_run_state *r, size_t m, as_check *c, double *seconds, double *disk,
                        double *memory) {
  as_err e = {0};
  const as_plan_model *p = &r->plan->models[m];
  as_status s = as_run_open_model(r, m, &e);
  if (s != AS_OK) {
    problem(c, s, &e);
    tell_where(c, p->weights.at, p->where);
    if (p->kind == AS_HEAD_FILE) tell_where(c, p->head_file.at, p->head_where);
    return;
  }
  as_str_printf(c->out, "model    %-16s recipe %s, %s\n", p->name, as_recipe_name(r->bb.recipe),
                as_model_arch(r->bb.model));
  as_str_printf(c->out, "         %-16s preset %s\n", "", r->bb.preset_text);
  as_str_printf(c->out, "         %-16s %zu tensors used, %zu renamed, %zu dropped; head %s\n", "",
                r->bb.used, r->bb.renamed, r->bb.dropped, r->head.packed ? r->head.source : p->head);
  if (*r->bb.assumed) as_str_printf(c->out, "         %-16s assumed: %s\n", "", r->bb.assumed);
  if (p->published > 0)
    as_str_printf(c->out, "         %-16s published: %.1f %% top-1 on %s%s%s\n", "", p->published,
                  p->published_on, p->source ? ", " : "", p->source ? p->source : "");
  check_classes(r, m, c);
  bool all = true;
  for (size_t i = 0; i < r->plan->n_datasets; i++) all = all && r->sets[i].ds;
  if (all && (s = as_run_plan_groups(r, m, &e)) != AS_OK) problem(c, s, &e);
  if (all && s == AS_OK) {
    int batch = r->opts->batch > 0 ? r->opts->batch : 8;
    size_t images = 0, sharing = 0;
    for (size_t g = 0; g < r->n_groups; g++) images += as_dataset_count(r->sets[r->groups[g].lead].ds);
    for (size_t i = 0; i < r->plan->n_datasets; i++) sharing += as_run_needs(r, m, i);
    double per_image = time_batch(r->bb.model, batch, &e);
    double rows = 4.0 * (double)images * as_model_embed_dim(r->bb.model);
    as_str_printf(c->out,
                  "         %-16s %zu sets in %zu runs of the backbone, %zu images, %.2f gflop each, about ",
                  "", sharing, r->n_groups, images, as_model_gflop(r->bb.model));
    put_time(c->out, per_image * (double)images);
    as_str_put(c->out, " without decoding\n");
    *seconds += per_image * (double)images;
    *disk += rows;
    double mem = rows + (double)as_model_packed_bytes(r->bb.model);
    if (mem > *memory) *memory = mem;
  }
  as_run_close_model(r);
}

as_status as_run_check(const as_plan *plan, const as_run_opts *opts, as_str *out, as_err *err) {
  as_run_state r = {.plan = plan, .opts = opts};
  as_check c = {out, err, AS_OK, 0};
  double seconds = 0, disk = 0, memory = 0;
  r.sets = as_calloc(plan->n_datasets, sizeof *r.sets, err);
  r.places = as_calloc(plan->n_datasets, sizeof *r.places, err);
  r.groups = as_calloc(plan->n_datasets, sizeof *r.groups, err);
  r.dataset_records = as_calloc(plan->n_datasets, sizeof *r.dataset_records, err);
  r.model_records = as_calloc(plan->n_models, sizeof *r.model_records, err);
  if (!r.sets || !r.places || !r.groups || !r.dataset_records || !r.model_records) {
    as_run_close(&r);
    return AS_E_ENV;
  }
  check_sets(&r, &c);
  for (size_t m = 0; m < plan->n_models; m++) check_model(&r, m, &c, &seconds, &disk, &memory);
  as_str_put(out, "needs    ");
  put_bytes(out, disk);
  as_str_put(out, " of disk while it runs, ");
  put_bytes(out, memory);
  as_str_put(out, " of memory besides buffers, about ");
  put_time(out, seconds);
  as_str_put(out, "\n");
  struct statvfs fs;
  const char *probe = as_path_kind_of(opts->dir) == AS_PATH_DIR ? opts->dir : ".";
  if (statvfs(probe, &fs) == 0 && (double)fs.f_bavail * (double)fs.f_frsize < disk) {
    as_err e = {0};
    as_fail(&e, AS_E_ENV, "%s: found %.1f GB of free disk, wanted %.1f GB", opts->dir,
            (double)fs.f_bavail * (double)fs.f_frsize / 1e9, disk / 1e9);
    problem(&c, AS_E_ENV, &e);
  }
  if (c.problems)
    as_str_printf(out, "%zu problem%s found\n", c.problems, c.problems > 1 ? "s" : "");
  else
    as_str_put(out, "no problem found\n");
  as_run_close(&r);
  if (c.status != AS_OK) return c.status;
  return as_str_status(out, err);
}
