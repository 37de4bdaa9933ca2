#include "eval/report/report_pairs.h"

#include <math.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

as_status as_pair_tests_make(as_pair_tests *p, const as_results *r, as_err *err) {
  memset(p, 0, sizeof *p);
  size_t n;
  if (!as_mul_size(r->n_models, r->n_models, &n) || !as_mul_size(n, r->n_sets, &n))
    return as_fail(err, AS_E_ENV, "results: %zu models are too many to compare in pairs", r->n_models);
  p->n_models = r->n_models;
  p->n_sets = r->n_sets;
  p->n_pairs = r->n_models * (r->n_models - 1) / 2;
  n = p->n_pairs * r->n_sets;
  p->test = as_calloc(n, sizeof *p->test, err);
  p->p_adjusted = as_alloc(n, sizeof *p->p_adjusted, err);
  double *raw = as_alloc(n, sizeof *raw, err);
  as_status st = p->test && p->p_adjusted && raw ? AS_OK : AS_E_ENV;
  for (size_t i = 0; i < r->n_models && st == AS_OK; i++) {
    for (size_t j = i + 1; j < r->n_models; j++) {
      for (size_t k = 0; k < r->n_sets; k++) {
        size_t at = as_pair_at(p, i, j) * r->n_sets + k;
        const as_cell *a = as_results_cell(r, i, k), *b = as_results_cell(r, j, k);
        raw[at] = NAN;
        as_candidates x = as_results_among(r, i, k), y = as_results_among(r, j, k);
        if (!a->correct1 || !b->correct1 || a->n_expected != b->n_expected || !as_candidates_same(&x, &y))
          continue;
        as_mcnemar_images(a->correct1, b->correct1, (size_t)a->n_expected, 0.95, &p->test[at]);
        if (p->test[at].n <= 0) continue;
        raw[at] = p->test[at].p_mid;
        p->n_tested++;
      }
    }
  }
  if (st == AS_OK) st = as_holm(raw, n, p->p_adjusted, err);
  as_free(raw);
  if (st != AS_OK) as_pair_tests_clear(p);
  return st;
}

void as_pair_tests_clear(as_pair_tests *p) {
  as_free(p->test);
  as_free(p->p_adjusted);
  memset(p, 0, sizeof *p);
}
