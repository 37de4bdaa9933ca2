/* Among which classes models choose, and over which of them they are compared. The more classes can win, the harder a
 * set: a head of 40 classes and one of 1,000 are rivals only over the 40 that both know. */
#include <string.h>

#include "eval/learn/score.h"
#include "eval/run/run_int.h"
#include "tensor/base/mem.h"

enum { FEWEST = 2 }; /* among one class there is nothing to be chosen */

/* A head that will be fitted, or neighbours: the classes of which the training set has an image. */
static void choose_fitted(as_choice *c, const as_dataset *train, const as_dataset *ds) {
  const uint8_t *there = as_dataset_present(train), *mask = as_dataset_mask(ds);
  for (size_t k = 0; there && k < as_dataset_classes(train); k++) {
    const int at = there[k] ? as_dataset_class_find(ds, as_dataset_class_name(train, k)) : -1;
    if (at < 0 || (mask && !mask[at])) continue;
    c->n += !c->can[at];
    c->can[at] = 1;
  }
}

as_status as_inputs_choose(as_inputs *in, size_t m, size_t set, const as_open_model *o, as_err *err) {
  const as_dataset *ds = in->set[set].ds;
  const size_t train = as_plan_train_index(in->plan, m), classes = ds ? as_dataset_classes(ds) : 0;
  as_choice *c = &in->choice[m * in->plan->n_datasets + set];
  const as_voter voter = {.head = &o->head};
  if (in->plan->datasets[set].train || classes == 0) return AS_OK;
  if (!(c->can = as_calloc(classes, 1, err))) return AS_E_ENV;
  as_status s = AS_OK;
  if (train == SIZE_MAX)
    s = as_score_candidates(ds, &voter, c->can, &c->n, err);
  else if (in->set[train].ds)
    choose_fitted(c, in->set[train].ds, ds);
  if (s == AS_OK) return AS_OK;
  c->n = 0;
  return as_fail_in(err, "model %s on %s", in->plan->models[m].name, in->plan->datasets[set].name), s;
}

static as_status name_common(as_dataset_record *r, const as_dataset *ds, as_err *err) {
  const char **name = as_alloc(r->classes, sizeof *name, err);
  as_candidates of = {0};
  size_t n = 0;
  if (!name) return AS_E_ENV;
  for (size_t k = 0; k < r->classes; k++)
    if (r->common[k]) name[n++] = as_dataset_class_name(ds, k);
  as_status s = as_candidates_of(&of, name, n, err);
  memcpy(r->common_sha256, of.sha256, sizeof of.sha256);
  as_free(name);
  return s;
}

static as_status find_common(as_inputs *in, size_t set, as_err *err) {
  as_dataset_record *r = &in->datasets[set];
  size_t models = 0;
  bool differ = false;
  if (r->classes == 0) return AS_OK;
  uint8_t *all = as_alloc(r->classes, 1, err);
  if (!all) return AS_E_ENV;
  for (size_t m = 0; m < in->plan->n_models; m++) {
    const as_choice *c = &in->choice[m * in->plan->n_datasets + set];
    if (c->n == 0) continue;
    if (models++ == 0) memcpy(all, c->can, r->classes);
    for (size_t k = 0; k < r->classes; k++) {
      differ = differ || all[k] != c->can[k];
      all[k] = all[k] && c->can[k];
    }
  }
  size_t n = 0;
  for (size_t k = 0; models && k < r->classes; k++) n += all[k];
  if (!differ || n < FEWEST) {
    as_free(all);
    return AS_OK;
  }
  r->common = all;
  r->n_common = n;
  return name_common(r, in->set[set].ds, err);
}

as_status as_inputs_find_common(as_inputs *in, as_err *err) {
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < in->plan->n_datasets; i++) s = find_common(in, i, err);
  return s;
}

const uint8_t *as_inputs_among(const as_inputs *in, size_t m, size_t set) {
  const as_choice *c = &in->choice[m * in->plan->n_datasets + set];
  const as_dataset_record *r = &in->datasets[set];
  return r->common && c->n > r->n_common ? r->common : NULL;
}
