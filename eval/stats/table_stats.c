/* What published accuracies alone can tell: fits, rank correlation, the translation curve, subsets. */
#include <math.h>
#include <string.h>

#include "eval/stats/stats_order.h"
#include "eval/stats/table.h"
#include "tensor/base/mem.h"

static const double clip = 1e-4;
/* Borders of the translation curve's bins (fractions) for tables of few models. */
static const double coarse_edges[] = {0, 0.005, 0.01, 0.02, 0.05, 1};
enum { COARSE_BINS = 5, FEW_MODELS = 30 };
enum { FIT_MODELS = 5 }; /* residuals of fewer say nothing */
enum { MOST_SUBSET_SETS = 12, MOST_SUBSET_MODELS = 2000 };

static const char *axis_of(const as_set_facts *base) {
  if (!base) return NULL;
  if (strcmp(base->task, "imagenet-val") == 0) return "val";
  return strcmp(base->task, "imagenet-val-r") == 0 ? "val-200" : NULL;
}

/* acc: [models * sets]; work: [2 * models]. */
static as_status set_stats(as_table_stats *s, const as_results *r, const as_set_facts *const *facts, size_t k,
                           const double *acc, double *work, as_err *err) {
  double *base = work, *shift = work + r->n_models;
  as_table_set_stats *d = &s->set[k];
  d->spearman = d->kendall = NAN;
  for (size_t m = 0; m < r->n_models; m++) {
    base[m] = acc[m * r->n_sets + r->base];
    shift[m] = acc[m * r->n_sets + k];
    if (isfinite(base[m]) && isfinite(shift[m])) d->models++;
  }
  if (k == r->base) return AS_OK;
  const char *axis = facts ? axis_of(facts[r->base]) : NULL;
  if (axis && facts[k]) d->line = as_robust_find(facts[k]->task, axis);
  as_status st = as_fit_logit(base, shift, r->n_models, clip, &d->fit, err);
  if (st == AS_OK) st = as_spearman(base, shift, r->n_models, &d->spearman, err);
  if (st != AS_OK) return st;
  d->kendall = as_kendall_tau_b(base, shift, r->n_models);
  for (size_t m = 0; m < r->n_models; m++) {
    double rho = NAN;
    if (isfinite(base[m]) && isfinite(shift[m])) {
      if (d->line)
        rho = as_effective_robustness(d->line, base[m], shift[m]);
      else if (d->fit.n >= FIT_MODELS)
        rho = shift[m] - as_fit_logit_at(&d->fit, base[m], clip);
    }
    s->rho[m * r->n_sets + k] = rho;
  }
  return as_translation(base, shift, r->n_models,
                        s->n_bins == COARSE_BINS ? coarse_edges : as_translation_edges, s->n_bins, 0.95,
                        d->bins, err);
}

/* The models with every set: subsets of the sets, and Friedman's test. */
static as_status whole_stats(as_table_stats *s, const as_results *r, const double *acc, as_err *err) {
  s->whole = as_alloc(r->n_models, sizeof *s->whole, err);
  if (!s->whole) return AS_E_ENV;
  for (size_t m = 0; m < r->n_models; m++) {
    bool all = true;
    for (size_t k = 0; k < r->n_sets; k++) all = all && isfinite(acc[m * r->n_sets + k]);
    if (all) s->whole[s->n_whole++] = m;
  }
  if (s->n_whole < 2 || r->n_sets < 2) return AS_OK;
  double *whole = as_alloc(s->n_whole * r->n_sets, sizeof *whole, err);
  s->mean_rank = as_alloc(s->n_whole, sizeof *s->mean_rank, err);
  as_status st = whole && s->mean_rank ? AS_OK : AS_E_ENV;
  for (size_t i = 0; i < s->n_whole * r->n_sets && st == AS_OK; i++)
    whole[i] = acc[s->whole[i / r->n_sets] * r->n_sets + i % r->n_sets];
  if (st == AS_OK) st = as_friedman_test(whole, s->n_whole, r->n_sets, s->mean_rank, &s->friedman, err);
  if (st == AS_OK && r->n_sets <= MOST_SUBSET_SETS && s->n_whole <= MOST_SUBSET_MODELS)
    st = as_subsets_run(whole, s->n_whole, r->n_sets, &s->subsets, err);
  as_free(whole);
  return st;
}

as_status as_table_stats_make(as_table_stats *s, const as_results *r, const as_set_facts *const *facts,
                              as_err *err) {
  memset(s, 0, sizeof *s);
  s->n_bins = r->n_models < FEW_MODELS ? COARSE_BINS : AS_TRANSLATION_BINS;
  s->set = as_calloc(r->n_sets, sizeof *s->set, err);
  s->rho = as_calloc(r->n_models * r->n_sets, sizeof *s->rho, err);
  double *work = as_alloc(r->n_models, 2 * sizeof *work, err);
  double *acc = as_alloc(r->n_models * r->n_sets, sizeof *acc, err);
  as_status st = s->set && s->rho && work && acc ? as_results_comparable(r, acc, err) : AS_E_ENV;
  for (size_t i = 0; st == AS_OK && i < r->n_models * r->n_sets; i++) s->rho[i] = NAN;
  for (size_t k = 0; st == AS_OK && k < r->n_sets; k++) st = set_stats(s, r, facts, k, acc, work, err);
  if (st == AS_OK) st = whole_stats(s, r, acc, err);
  as_free(work);
  as_free(acc);
  if (st != AS_OK) as_table_stats_clear(s);
  return st;
}

void as_table_stats_clear(as_table_stats *s) {
  as_free(s->set);
  as_free(s->rho);
  as_free(s->whole);
  as_free(s->mean_rank);
  as_subsets_clear(&s->subsets);
  memset(s, 0, sizeof *s);
}
