/* The derived numbers of a table: drops, ranks, the unified metric and its neighbours. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/metrics.h"
#include "eval/report_int.h"
#include "tensor/base/mem.h"

const char *const as_sum_names[AS_SUM_N] = {"mean",  "geometric", "harmonic",
                                            "worst", "mean rank", "win rate"};
const char *const as_sum_meaning[AS_SUM_N] = {
    "arithmetic mean of top-1 over the sets, each by its own rule",
    "geometric mean: a low score on one set weighs more",
    "harmonic mean: a low score on one set weighs most",
    "top-1 on the model's worst set",
    "mean over the sets of the rank on the set (low is good; depends on the other models)",
    "HELM's mean win rate: share of the other models that it beats, ties count half, averaged over the sets",
};

static double newcombe_half(double p, double toward, double q, double away) {
  return sqrt((p - toward) * (p - toward) + (away - q) * (away - q));
}

static void fill_cells(as_sum *s) {
  const as_results *r = s->r;
  for (size_t m = 0; m < r->n_models; m++) {
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_cell *c = as_results_cell(r, m, k);
      as_sum_cell *d = &s->cells[m * r->n_sets + k];
      *d = (as_sum_cell){.why = "",
                         .acc = NAN,
                         .lo = NAN,
                         .hi = NAN,
                         .floor = NAN,
                         .drop = NAN,
                         .drop_lo = NAN,
                         .drop_hi = NAN,
                         .rank = NAN,
                         .rank_lo = NAN,
                         .rank_hi = NAN};
      bool counted = c->n_expected > 0;
      d->ok = c->present && isfinite(c->top1) && (c->n_used > 0 || !counted);
      if (c->n_failed > 0) s->n_failed_cells++;
      if (!d->ok) {
        s->n_absent++;
        d->why = c->why && *c->why ? c->why
                 : !c->present     ? "not measured"
                 : c->n_failed > 0 ? "every image failed"
                                   : "no image was scored";
        continue;
      }
      d->acc = d->floor = c->top1;
      d->lo = c->top1_lo;
      d->hi = c->top1_hi;
      if (c->n_failed > 0 && c->n_used + c->n_failed > 0)
        d->floor = (double)c->top1_correct / (double)(c->n_used + c->n_failed);
      if (isfinite(d->lo) && isfinite(d->hi)) s->any_interval = true;
    }
    const as_sum_cell *b = as_sum_at(s, m, r->base);
    for (size_t k = 0; k < r->n_sets; k++) {
      as_sum_cell *d = &s->cells[m * r->n_sets + k];
      if (k == r->base || !d->ok || !b->ok) continue;
      d->drop = d->acc - b->acc;
      s->any_drop = true;
      d->drop_lo = d->drop - newcombe_half(d->acc, d->lo, b->acc, b->hi);
      d->drop_hi = d->drop + newcombe_half(d->acc, d->hi, b->acc, b->lo);
    }
  }
}

/* Ranks of the finite entries of v among themselves. */
static void rank_finite(const double *v, size_t n, bool low_is_good, double *rank, double *work) {
  double *kept = work, *kept_rank = work + n;
  size_t m = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(v[i])) kept[m++] = low_is_good ? -v[i] : v[i];
  if (m) as_rank_mean(kept, m, kept_rank);
  for (size_t i = 0, j = 0; i < n; i++) rank[i] = isfinite(v[i]) ? kept_rank[j++] : NAN;
}

static void fill_models(as_sum *s, double *column, double *rank, double *acc, double *work) {
  const as_results *r = s->r;
  for (size_t m = 0; m < r->n_models; m++) {
    as_sum_model *d = &s->models[m];
    for (int j = 0; j < AS_SUM_N; j++) d->value[j] = d->rank[j] = NAN;
    d->mean_lo = d->mean_hi = d->rank_lo = d->rank_hi = d->p_first = NAN;
    d->whole = true;
    for (size_t k = 0; k < r->n_sets; k++) d->whole = d->whole && as_sum_at(s, m, k)->ok;
    if (d->whole) s->n_whole++;
  }
  for (size_t k = 0; k < r->n_sets; k++) {
    size_t n = 0;
    for (size_t m = 0; m < r->n_models; m++) {
      column[m] = as_sum_at(s, m, k)->acc;
      n += isfinite(column[m]) ? 1 : 0;
    }
    rank_finite(column, r->n_models, false, rank, work);
    for (size_t m = 0; m < r->n_models; m++) {
      s->cells[m * r->n_sets + k].rank = rank[m];
      as_sum_model *d = &s->models[m];
      if (!d->whole) continue;
      if (k == 0) d->value[AS_SUM_RANK] = d->value[AS_SUM_WIN] = 0;
      d->value[AS_SUM_RANK] += rank[m];
      /* #worse + (#equal - 1) / 2 over n - 1 (HELM summarize.py) equals (n - mean rank) / (n - 1). */
      d->value[AS_SUM_WIN] += n > 1 ? ((double)n - rank[m]) / (double)(n - 1) : NAN;
    }
  }
  for (size_t m = 0; m < r->n_models; m++) {
    as_sum_model *d = &s->models[m];
    if (!d->whole) continue;
    double down = 0, up = 0, n = (double)r->n_sets;
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_sum_cell *c = as_sum_at(s, m, k);
      acc[k] = c->acc;
      down += (c->acc - c->lo) * (c->acc - c->lo);
      up += (c->hi - c->acc) * (c->hi - c->acc);
    }
    d->value[AS_SUM_MEAN] = as_mean_arithmetic(acc, r->n_sets);
    d->value[AS_SUM_GEO] = as_mean_geometric(acc, r->n_sets);
    d->value[AS_SUM_HARM] = as_mean_harmonic(acc, r->n_sets);
    d->value[AS_SUM_WORST] = as_worst(acc, r->n_sets);
    d->value[AS_SUM_RANK] /= n;
    d->value[AS_SUM_WIN] /= n;
    d->mean_lo = d->value[AS_SUM_MEAN] - sqrt(down) / n;
    d->mean_hi = d->value[AS_SUM_MEAN] + sqrt(up) / n;
  }
  for (int j = 0; j < AS_SUM_N; j++) {
    for (size_t m = 0; m < r->n_models; m++) column[m] = s->models[m].value[j];
    rank_finite(column, r->n_models, j == AS_SUM_RANK, rank, work);
    for (size_t m = 0; m < r->n_models; m++) s->models[m].rank[j] = rank[m];
  }
}

typedef struct place {
  double key;
  size_t index;
} place;

static int by_key(const void *a, const void *b) {
  const place *x = a, *y = b;
  if (x->key != y->key) return x->key > y->key ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

as_status as_sum_make(as_sum *s, const as_results *r, const as_report_opts *opts, as_err *err) {
  (void)opts;
  memset(s, 0, sizeof *s);
  s->r = r;
  size_t wide = r->n_models > r->n_sets ? r->n_models : r->n_sets;
  s->cells = as_calloc(r->n_models * r->n_sets, sizeof *s->cells, err);
  s->models = as_calloc(r->n_models, sizeof *s->models, err);
  s->order = as_calloc(r->n_models, sizeof *s->order, err);
  double *work = as_calloc(wide, 5 * sizeof *work, err);
  place *places = as_calloc(r->n_models, sizeof *places, err);
  if (!s->cells || !s->models || !s->order || !work || !places) {
    as_free(work);
    as_free(places);
    as_sum_clear(s);
    return AS_E_ENV;
  }
  fill_cells(s);
  fill_models(s, work, work + wide, work + 2 * wide, work + 3 * wide);
  for (size_t m = 0; m < r->n_models; m++) {
    double v = s->models[m].value[AS_SUM_MEAN];
    places[m] = (place){isfinite(v) ? v : -1, m};
  }
  qsort(places, r->n_models, sizeof *places, by_key);
  for (size_t m = 0; m < r->n_models; m++) s->order[m] = places[m].index;
  as_free(work);
  as_free(places);
  return AS_OK;
}

void as_sum_clear(as_sum *s) {
  as_free(s->cells);
  as_free(s->models);
  as_free(s->order);
  memset(s, 0, sizeof *s);
}

int as_sum_decimals(const as_sum *s) {
  for (size_t i = 0; i < s->r->n_models * s->r->n_sets; i++) {
    const as_cell *c = &s->r->cells[i];
    if (s->cells[i].ok && c->n_used > 0 && c->n_used < 2000) return 1;
  }
  return 2;
}

const char *as_sum_interval_note(const as_sum *s) {
  bool any = false;
  for (size_t m = 0; m < s->r->n_models; m++) any = any || isfinite(s->models[m].mean_lo);
  if (!any) return "";
  return "Intervals of the mean treat the sets as independent samples; two models on the same images should "
         "be "
         "compared by a paired test, not by whether their intervals overlap.";
}
