/* Intervals of the mean and of ranks from the paired bootstrap, where per-image results are there. */
#include <math.h>
#include <string.h>

#include "eval/report/report_int.h"
#include "eval/stats/stats_boot.h"
#include "tensor/base/mem.h"

/* Per-image results of every cell that has an accuracy, of one length per set. */
static bool has_images(const as_sum *s) {
  const as_results *r = s->r;
  for (size_t k = 0; k < r->n_sets; k++) {
    int64_t n = 0;
    for (size_t m = 0; m < r->n_models; m++) {
      const as_cell *c = as_results_cell(r, m, k);
      if (!as_sum_at(s, m, k)->ok) continue; /* absent, or apart */
      if (!c->correct1 || c->n_expected <= 0 || (n > 0 && c->n_expected != n)) return false;
      n = c->n_expected;
    }
    if (n == 0) return false;
  }
  return true;
}

/* Sets that share images are one pool: one draw of an image counts in both. Runs say which images those are;
 * where nobody does, ReaL without left-out images has those of the base. */
void as_sum_pool(const as_sum *s, size_t k, as_boot_set *set) {
  const as_results *r = s->r;
  const as_results_set *d = &r->sets[k];
  size_t n = 0, n_base = 0;
  for (size_t m = 0; m < r->n_models; m++) {
    if (as_sum_at(s, m, k)->ok) n = (size_t)as_results_cell(r, m, k)->n_expected;
    if (as_sum_at(s, m, r->base)->ok) n_base = (size_t)as_results_cell(r, m, r->base)->n_expected;
  }
  set->stream = k;
  if (d->image && d->images_of < r->n_sets) {
    set->stream = d->images_of;
    set->image = d->image;
  } else if (k != r->base && n == n_base && !r->sets[r->base].image && d->rule && strstr(d->rule, "ReaL")) {
    set->stream = r->base;
  }
}

/* Classes of the images, where the report is to draw them and they are known. */
static void draw_by_class(const as_results *r, size_t k, as_boot_set *set) {
  const as_results_set *d = &r->sets[k];
  if (!d->label || d->n_scored != set->n) return;
  set->cluster = d->label;
  set->clusters = 0;
  for (size_t i = 0; i < d->n_scored; i++)
    if (d->label[i] >= set->clusters) set->clusters = (size_t)d->label[i] + 1;
}

static void take_intervals(as_sum *s, const as_boot *b) {
  const as_results *r = s->r;
  for (size_t m = 0; m < r->n_models; m++) {
    as_sum_model *d = &s->models[m];
    for (size_t k = 0; k < r->n_sets; k++) {
      as_sum_cell *c = &s->cells[m * r->n_sets + k];
      if (!c->ok) continue;
      c->rank_lo = b->set_rank[m * r->n_sets + k].lo;
      c->rank_hi = b->set_rank[m * r->n_sets + k].hi;
    }
    if (!d->whole) continue;
    d->mean_lo = b->metric[AS_UNIFIED_MEAN][m].lo;
    d->mean_hi = b->metric[AS_UNIFIED_MEAN][m].hi;
    d->rank_lo = b->rank[AS_UNIFIED_MEAN][m].lo;
    d->rank_hi = b->rank[AS_UNIFIED_MEAN][m].hi;
    d->p_first = b->first[AS_UNIFIED_MEAN][m];
  }
  s->bootstrapped = true;
  s->resamples = b->resamples;
}

as_status as_sum_bootstrap(as_sum *s, const as_report_opts *opts, as_err *err) {
  const as_results *r = s->r;
  if ((opts && opts->resamples < 0) || r->n_models < 2 || s->n_whole == 0 || !has_images(s)) return AS_OK;
  as_boot_set *sets = as_calloc(r->n_sets, sizeof *sets, err);
  const uint8_t **correct = as_calloc(r->n_models * r->n_sets, sizeof *correct, err);
  as_status st = sets && correct ? AS_OK : AS_E_ENV;
  if (st == AS_OK) {
    for (size_t k = 0; k < r->n_sets; k++) {
      sets[k].correct = correct + k * r->n_models;
      for (size_t m = 0; m < r->n_models; m++) {
        const as_cell *c = as_results_cell(r, m, k);
        if (!as_sum_at(s, m, k)->ok) continue;
        correct[k * r->n_models + m] = c->correct1;
        sets[k].n = (size_t)c->n_expected;
      }
      as_sum_pool(s, k, &sets[k]);
      if (opts && opts->by_class) draw_by_class(r, k, &sets[k]);
    }
    as_boot_opts o = {.seed = opts ? opts->seed : 0, .resamples = opts ? opts->resamples : 0};
    st = as_boot_run(sets, r->n_sets, r->n_models, &o, &s->boot, err);
    if (st == AS_OK) take_intervals(s, &s->boot);
    s->by_class = opts && opts->by_class;
  }
  as_free(sets);
  as_free((void *)correct);
  return st;
}
