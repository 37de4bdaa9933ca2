/* Images that are there twice: in a scored set and in the set that a head learned from, in two scored sets, within
 * one. */
#include <string.h>

#include "eval/run/run_int.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

/* Which images of set a are in set b too; b == SIZE_MAX: which repeat an earlier one of a. */
static as_status find_shared(as_shared *out, const as_inputs *in, size_t a, size_t b, as_err *err) {
  const as_run_set *x = &in->set[a], *y = b == SIZE_MAX ? x : &in->set[b];
  const char *name_a = in->plan->datasets[a].name, *name_b = y->plan->name;
  as_twins twins = {0};
  if (!x->print || !y->print) return AS_OK;
  as_status s = as_twins_match(&twins, x->print, as_dataset_count(x->ds), b == SIZE_MAX ? NULL : y->print,
                               as_dataset_count(y->ds), err);
  out->known = s == AS_OK;
  for (size_t i = 0; s == AS_OK && i < twins.n; i++) {
    as_str one = {0}, other = {0};
    as_str_printf(&one, "%s/%s", name_a, as_dataset_item(x->ds, twins.pair[i].a).name);
    as_str_printf(&other, "%s/%s", name_b, as_dataset_item(y->ds, twins.pair[i].b).name);
    s = as_shared_add(out, as_str_c(&one), as_str_c(&other), twins.pair[i].same_bytes, err);
    as_str_clear(&one);
    as_str_clear(&other);
  }
  as_twins_clear(&twins);
  return s;
}

static as_status copy_shared(as_shared *to, const as_shared *from, as_err *err) {
  *to = *from;
  memset(to->example, 0, sizeof to->example);
  for (int i = 0; i < AS_SHARED_KEPT && from->example[i]; i++)
    if (!(to->example[i] = as_strdup(from->example[i], err))) return AS_E_ENV;
  return AS_OK;
}

/* Cells whose head has learned from images of their set. */
static as_status mark_trained(as_results *res, const as_inputs *in, size_t k, size_t set, size_t train,
                              as_err *err) {
  as_shared shared = {0};
  bool told = false;
  as_status s = find_shared(&shared, in, set, train, err);
  for (size_t m = 0; s == AS_OK && m < res->n_models; m++) {
    as_cell *c = as_results_cell(res, m, k);
    if (!c->present || as_plan_train_index(in->plan, m) != train) continue;
    s = copy_shared(&c->in_train, &shared, err);
    if (shared.n && !told)
      as_log_line(AS_LOG_WARN, "%lld of %zu images of %s are in the training set %s too (%s)",
                  (long long)shared.n, as_dataset_count(in->set[set].ds), in->plan->datasets[set].name,
                  in->plan->datasets[train].name, shared.example[0] ? shared.example[0] : "");
    told = told || shared.n;
  }
  as_shared_clear(&shared);
  return s;
}

static as_status mark_twice(as_results *res, const as_inputs *in, size_t k, size_t set, as_err *err) {
  as_shared *twice = &res->sets[k].twice;
  as_status s = find_shared(twice, in, set, SIZE_MAX, err);
  if (s == AS_OK && twice->n)
    as_log_line(AS_LOG_WARN, "%lld of %zu images of %s are there more than once (%s)", (long long)twice->n,
                as_dataset_count(in->set[set].ds), in->plan->datasets[set].name,
                twice->example[0] ? twice->example[0] : "");
  return s;
}

/* The same images, asked another question: val and ReaL. */
static bool is_by_design(const as_results_set *a, const as_results_set *b) {
  return a->images_of == b->images_of && strcmp(a->rule, b->rule) != 0;
}

/* Two scored sets that are averaged as if they were independent. */
static as_status mark_overlap(as_results *res, const as_inputs *in, const size_t *set, size_t a, size_t b,
                              as_err *err) {
  as_shared shared = {0};
  if (is_by_design(&res->sets[a], &res->sets[b])) return AS_OK;
  as_status s = find_shared(&shared, in, set[b], set[a], err);
  if (s == AS_OK && shared.n)
    as_log_line(AS_LOG_WARN, "%lld of %zu images of %s are in %s too (%s)", (long long)shared.n,
                as_dataset_count(in->set[set[b]].ds), in->plan->datasets[set[b]].name,
                in->plan->datasets[set[a]].name, shared.example[0] ? shared.example[0] : "");
  if (s == AS_OK && shared.n) s = as_results_overlap(res, a, b, &shared, err);
  as_shared_clear(&shared);
  return s;
}

as_status as_run_overlaps(as_results *res, const as_inputs *in, as_err *err) {
  const size_t n = in->plan->n_datasets;
  size_t *set = as_alloc(n, sizeof *set, err), k = 0;
  if (!set) return AS_E_ENV;
  for (size_t i = 0; i < n; i++)
    if (!in->plan->datasets[i].train) set[k++] = i;
  as_status s = AS_OK;
  for (size_t b = 0; s == AS_OK && b < k; b++) {
    s = mark_twice(res, in, b, set[b], err);
    for (size_t a = 0; s == AS_OK && a < b; a++) s = mark_overlap(res, in, set, a, b, err);
    for (size_t t = 0; s == AS_OK && t < n; t++)
      if (in->plan->datasets[t].train) s = mark_trained(res, in, b, set[b], t, err);
  }
  as_free(set);
  return s;
}
