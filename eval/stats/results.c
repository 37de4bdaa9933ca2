#include "eval/stats/results.h"

#include <math.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

as_status as_results_init(as_results *r, const char *title, size_t n_models, size_t n_sets, as_err *err) {
  memset(r, 0, sizeof *r);
  if (n_models == 0 || n_sets == 0)
    return as_fail(err, AS_E_USAGE, "results: found %zu models and %zu sets, wanted at least one of each",
                   n_models, n_sets);
  size_t n_cells;
  if (!as_mul_size(n_models, n_sets, &n_cells))
    return as_fail(err, AS_E_USAGE, "results: %zu models x %zu sets are too many", n_models, n_sets);
  r->title = as_strdup(title ? title : "", err);
  r->models = as_calloc(n_models, sizeof *r->models, err);
  r->sets = as_calloc(n_sets, sizeof *r->sets, err);
  r->cells = as_calloc(n_cells, sizeof *r->cells, err);
  if (!r->title || !r->models || !r->sets || !r->cells) {
    as_results_clear(r);
    return AS_E_ENV;
  }
  r->n_models = n_models;
  r->n_sets = n_sets;
  for (size_t i = 0; i < n_cells; i++) r->cells[i].top1_lo = r->cells[i].top1_hi = NAN;
  for (size_t i = 0; i < n_models; i++) r->models[i].published = NAN;
  for (size_t i = 0; i < n_sets; i++) r->sets[i].images_of = i;
  return AS_OK;
}

void as_cell_clear(as_cell *c) {
  for (size_t i = 0; i < c->n_failures; i++) {
    as_free(c->failure[i].image);
    as_free(c->failure[i].why);
  }
  as_free(c->failure);
  as_free(c->confidence);
  as_free(c->correct1);
  as_free(c->corruption_error);
  as_free(c->preset);
  as_free(c->why);
  memset(c, 0, sizeof *c);
}

as_status as_cell_failure(as_cell *c, const char *image, const char *why, as_err *err) {
  if (c->n_failures == AS_FAILURES_KEPT) return AS_OK;
  if (!c->failure && !(c->failure = as_calloc(AS_FAILURES_KEPT, sizeof *c->failure, err))) return AS_E_ENV;
  as_failure f = {as_strdup(image, err), as_strdup(why && *why ? why : "no reason recorded", err)};
  if (!f.image || !f.why) {
    as_free(f.image);
    as_free(f.why);
    return AS_E_ENV;
  }
  c->failure[c->n_failures++] = f;
  return AS_OK;
}

void as_results_clear(as_results *r) {
  for (size_t i = 0; i < r->n_models; i++) {
    as_free(r->models[i].name);
    as_free(r->models[i].note);
    as_free(r->models[i].published_on);
    as_free(r->models[i].published_source);
  }
  for (size_t i = 0; i < r->n_sets; i++) {
    as_free(r->sets[i].name);
    as_free(r->sets[i].rule);
    as_free(r->sets[i].task);
    as_free(r->sets[i].image);
    as_free(r->sets[i].label);
    for (size_t c = 0; c < r->sets[i].n_class_names; c++) as_free(r->sets[i].class_name[c]);
    as_free(r->sets[i].class_name);
  }
  for (size_t i = 0; i < r->n_models * r->n_sets; i++) as_cell_clear(&r->cells[i]);
  for (size_t i = 0; i < r->n_remarks; i++) as_free(r->remarks[i]);
  as_free(r->remarks);
  as_free(r->models);
  as_free(r->sets);
  as_free(r->cells);
  as_free(r->title);
  memset(r, 0, sizeof *r);
}

as_status as_results_set_task(as_results_set *set, const char *task, const char *flavour, const char *subset,
                              const char *path, as_err *err) {
  const char *name = task;
  if (task && strcmp(task, "imagenet-v2") == 0) {
    const char *say = flavour && *flavour ? flavour : path ? path : "";
    if (strstr(say, "threshold")) name = "imagenet-v2-threshold";
    if (strstr(say, "top-images") || strstr(say, "topimages")) name = "imagenet-v2-top";
  }
  if (task && strcmp(task, "imagenet-val") == 0 && subset && *subset) {
    name = NULL; /* some classes of val: only two such choices have a name */
    if (strcmp(subset, "imagenet-r") == 0) name = "imagenet-val-r";
    if (strcmp(subset, "imagenet-a") == 0) name = "imagenet-val-a";
  }
  as_free(set->task);
  set->task = NULL;
  if (!name || !*name) return AS_OK;
  return (set->task = as_strdup(name, err)) ? AS_OK : AS_E_ENV;
}

as_status as_results_remark(as_results *r, const char *text, as_err *err) {
  /* The same sentence is often true of several cells; it stands once. */
  for (size_t i = 0; i < r->n_remarks; i++)
    if (strcmp(r->remarks[i], text) == 0) return AS_OK;
  char **grown = as_alloc(r->n_remarks + 1, sizeof *grown, err);
  if (!grown) return AS_E_ENV;
  char *copy = as_strdup(text, err);
  if (!copy) {
    as_free(grown);
    return AS_E_ENV;
  }
  if (r->n_remarks) memcpy(grown, r->remarks, r->n_remarks * sizeof *grown);
  grown[r->n_remarks] = copy;
  as_free(r->remarks);
  r->remarks = grown;
  r->n_remarks++;
  return AS_OK;
}
