/* The derived numbers of a table: drops, ranks, the unified metric and its neighbours. */
#include <math.h>
#include <string.h>

#include "eval/report/report_int.h"
#include "eval/stats/stats_order.h"
#include "eval/stats/tiers.h"
#include "eval/stats/unified.h"
#include "tensor/base/mem.h"

const char *const as_sum_names[AS_SUM_N] = {"mean",      "geom",     "harm",          "worst",
                                            "mean rank", "win rate", "relative error"};
const char *const as_sum_meaning[AS_SUM_N] = {
    "arithmetic mean of top-1 over the sets, each by its own rule",
    "geometric mean: a low score on one set weighs more",
    "harmonic mean: a low score on one set weighs most",
    "top-1 on the model's worst set",
    "mean over the sets of the rank on the set (low is good; depends on the other models)",
    "HELM's mean win rate: share of the other models that it beats, ties count half, averaged over the sets",
    "mean over the sets of the error divided by the first model's error on the set (low is good)",
};
const char *const as_sum_heads[AS_SUM_N] = {"mean",      "geom",     "harm",   "worst",
                                            "mean rank", "win rate", "rel err"};

static double newcombe_half(double p, double toward, double q, double away) {
  return sqrt((p - toward) * (p - toward) + (away - q) * (away - q));
}

static const as_sum_cell unknown_cell = {.why = "",
                                         .acc = NAN,
                                         .shown = NAN,
                                         .lo = NAN,
                                         .hi = NAN,
                                         .floor = NAN,
                                         .drop = NAN,
                                         .drop_lo = NAN,
                                         .drop_hi = NAN,
                                         .rank = NAN,
                                         .rank_lo = NAN,
                                         .rank_hi = NAN};

static void sum_cell(as_sum *s, const as_cell *c, as_sum_cell *d) {
  if (c->n_failed > 0) s->n_failed_cells++;
  if (!as_cell_measured(c)) {
    s->n_absent++;
    d->ok = d->apart = false;
    d->why = c->why && *c->why ? c->why
             : !c->present     ? "not measured"
             : c->n_failed > 0 ? "every image failed"
                               : "no image was scored";
    return;
  }
  d->ok = !d->apart;
  d->shown = d->floor = c->top1;
  if (d->ok) d->acc = c->top1;
  if (d->apart) d->why = "other classes could win than for the models beside it";
  s->n_apart += d->apart;
  d->lo = c->top1_lo;
  d->hi = c->top1_hi;
  if (c->n_failed > 0 && c->n_used + c->n_failed > 0)
    d->floor = (double)c->top1_correct / (double)(c->n_used + c->n_failed);
  if (isfinite(d->lo) && isfinite(d->hi)) s->any_interval = true;
}

static as_status sum_cells(as_sum *s, as_err *err) {
  const as_results *r = s->r;
  bool *apart = as_alloc(r->n_models, sizeof *apart, err);
  as_status st = apart ? AS_OK : AS_E_ENV;
  for (size_t k = 0; k < r->n_sets && st == AS_OK; k++) {
    st = as_results_apart(r, k, apart, &s->among[k], err);
    for (size_t m = 0; m < r->n_models && st == AS_OK; m++) {
      as_sum_cell *d = &s->cells[m * r->n_sets + k];
      *d = unknown_cell;
      d->apart = apart[m];
      sum_cell(s, as_results_cell(r, m, k), d);
    }
  }
  for (size_t i = 0; i < r->n_models * r->n_sets && st == AS_OK; i++) {
    const as_sum_cell *b = as_sum_at(s, i / r->n_sets, r->base);
    as_sum_cell *d = &s->cells[i];
    if (i % r->n_sets == r->base || !d->ok || !b->ok) continue;
    d->drop = d->acc - b->acc;
    s->any_drop = true;
    d->drop_lo = d->drop - newcombe_half(d->acc, d->lo, b->acc, b->hi);
    d->drop_hi = d->drop + newcombe_half(d->acc, d->hi, b->acc, b->lo);
  }
  as_free(apart);
  return st;
}

static as_status sum_models(as_sum *s, as_err *err) {
  const as_results *r = s->r;
  size_t n = r->n_models;
  double *acc = as_alloc(n * r->n_sets, sizeof *acc, err);
  double *work = as_alloc(n, (AS_SUM_N + 2) * sizeof *work, err);
  as_status st = acc && work ? AS_OK : AS_E_ENV;
  double *out[AS_UNIFIED_COUNT], *column = work ? work + AS_SUM_N * n : NULL,
                                 *rank = work ? column + n : NULL;
  for (size_t m = 0; m < n && st == AS_OK; m++) {
    as_sum_model *d = &s->models[m];
    d->mean_lo = d->mean_hi = d->rank_lo = d->rank_hi = d->p_first = NAN;
    d->whole = true;
    for (size_t k = 0; k < r->n_sets; k++) {
      acc[m * r->n_sets + k] = as_sum_at(s, m, k)->acc;
      d->whole = d->whole && as_sum_at(s, m, k)->ok;
    }
    if (d->whole) s->n_whole++;
  }
  for (size_t k = 0; k < r->n_sets && st == AS_OK; k++) {
    for (size_t m = 0; m < n; m++) column[m] = acc[m * r->n_sets + k];
    as_rank_mean(column, n, rank);
    for (size_t m = 0; m < n; m++) s->cells[m * r->n_sets + k].rank = rank[m];
  }
  for (int j = 0; j < AS_SUM_N && work; j++) out[j] = work + (size_t)j * n;
  if (st == AS_OK) st = as_unified_all(acc, n, r->n_sets, NULL, out, err);
  for (int j = 0; j < AS_SUM_N && st == AS_OK; j++) {
    /* The win rate alone exists for incomplete models too; beside the others it would mislead. */
    for (size_t m = 0; m < n; m++)
      if (!s->models[m].whole) out[j][m] = NAN;
    st = as_unified_rank((as_unified_kind)j, out[j], n, rank, err);
    for (size_t m = 0; m < n && st == AS_OK; m++) {
      s->models[m].value[j] = out[j][m];
      s->models[m].rank[j] = rank[m];
    }
  }
  for (size_t m = 0; m < n && st == AS_OK; m++) {
    as_sum_model *d = &s->models[m];
    if (!d->whole) continue;
    double down = 0, up = 0, sets = (double)r->n_sets;
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_sum_cell *c = as_sum_at(s, m, k);
      down += (c->acc - c->lo) * (c->acc - c->lo);
      up += (c->hi - c->acc) * (c->hi - c->acc);
    }
    d->mean_lo = d->value[AS_SUM_MEAN] - sqrt(down) / sets;
    d->mean_hi = d->value[AS_SUM_MEAN] + sqrt(up) / sets;
  }
  as_free(acc);
  as_free(work);
  return st;
}

static const double z95 = 1.95996398454005423552; /* 97.5 % of a normal distribution */

/* Without per-image results: rank intervals from the counts. */
static as_status unpaired_ranks(as_sum *s, as_err *err) {
  const as_results *r = s->r;
  size_t n = r->n_models;
  double *v = as_alloc(n, 6 * sizeof *v, err);
  if (!v) return AS_E_ENV;
  double *var = v + n, *mean = var + n, *mean_var = mean + n, *lo = mean_var + n, *hi = lo + n;
  as_status st = AS_OK;
  bool every = true;
  for (size_t m = 0; m < n; m++) {
    mean[m] = s->models[m].value[AS_SUM_MEAN];
    mean_var[m] = 0.0;
  }
  for (size_t k = 0; k < r->n_sets && st == AS_OK; k++) {
    bool counted = true;
    for (size_t m = 0; m < n; m++) {
      const as_sum_cell *c = as_sum_at(s, m, k);
      double used = (double)as_results_cell(r, m, k)->n_used;
      v[m] = c->acc;
      var[m] = used > 0.0 ? c->acc * (1.0 - c->acc) / used : NAN;
      counted = counted && (!c->ok || used > 0.0);
      mean_var[m] += var[m] / ((double)r->n_sets * (double)r->n_sets);
    }
    every = every && counted;
    if (counted) st = as_rank_unpaired(v, var, n, z95, lo, hi, err);
    for (size_t m = 0; st == AS_OK && counted && m < n; m++) {
      as_sum_cell *c = &s->cells[m * r->n_sets + k];
      c->rank_lo = lo[m];
      c->rank_hi = hi[m];
      s->any_rank_interval = s->any_rank_interval || c->ok;
    }
  }
  if (st == AS_OK && every) st = as_rank_unpaired(mean, mean_var, n, z95, lo, hi, err);
  for (size_t m = 0; st == AS_OK && every && m < n; m++) {
    s->models[m].rank_lo = lo[m];
    s->models[m].rank_hi = hi[m];
  }
  as_free(v);
  return st;
}

/* Tests of pairs, fits, translation curves, subsets, agreement of the sets. */
static as_status sum_stats(as_sum *s, as_err *err) {
  const as_results *r = s->r;
  size_t n = r->n_models, k = r->n_sets;
  bool images = false;
  for (size_t i = 0; i < n * k; i++) images = images || r->cells[i].correct1;
  as_status st = AS_OK;
  if (images && n > 1 && n <= AS_PAIR_MODELS) st = as_pair_tests_make(&s->pairs, r, err);
  if (st != AS_OK) return st;
  const as_set_facts **facts = as_calloc(k, sizeof *facts, err);
  double *a = as_alloc(n, 2 * sizeof *a, err), *b = a ? a + n : NULL;
  s->tau = as_alloc(k * k, sizeof *s->tau, err);
  if (!facts || !a || !s->tau) st = AS_E_ENV;
  for (size_t i = 0; st == AS_OK && i < k; i++) facts[i] = as_set_facts_of(r, i);
  if (st == AS_OK) st = as_table_stats_make(&s->stats, r, facts, err);
  for (size_t i = 0; st == AS_OK && i < k; i++)
    for (size_t j = 0; j <= i; j++) {
      for (size_t m = 0; m < n; m++) {
        a[m] = as_sum_at(s, m, i)->acc;
        b[m] = as_sum_at(s, m, j)->acc;
      }
      /* the table's statistics have the ones with the base already */
      double tau = i == r->base && j != i   ? s->stats.set[j].kendall
                   : j == r->base && j != i ? s->stats.set[i].kendall
                                            : as_kendall_tau_b(a, b, n);
      s->tau[i * k + j] = s->tau[j * k + i] = tau;
    }
  as_free((void *)facts);
  as_free(a);
  return st;
}

as_status as_sum_make(as_sum *s, const as_results *r, const as_report_opts *opts, as_err *err) {
  memset(s, 0, sizeof *s);
  s->r = r;
  s->cells = as_calloc(r->n_models * r->n_sets, sizeof *s->cells, err);
  s->models = as_calloc(r->n_models, sizeof *s->models, err);
  s->order = as_calloc(r->n_models, sizeof *s->order, err);
  double *places = as_calloc(r->n_models, sizeof *places, err);
  s->among = as_calloc(r->n_sets, sizeof *s->among, err);
  as_status st = s->cells && s->models && s->order && s->among && places ? sum_cells(s, err) : AS_E_ENV;
  if (st == AS_OK) st = as_sum_notes(s, err);
  if (st == AS_OK) st = sum_models(s, err);
  if (st == AS_OK) st = as_sum_bootstrap(s, opts, err);
  if (st == AS_OK && !s->bootstrapped && r->n_models > 1) st = unpaired_ranks(s, err);
  s->any_rank_interval = s->any_rank_interval || s->bootstrapped;
  if (st == AS_OK) st = as_sum_images(s, err);
  if (st == AS_OK) st = sum_stats(s, err);
  for (size_t m = 0; m < r->n_models && st == AS_OK; m++) {
    double v = s->models[m].value[AS_SUM_MEAN];
    places[m] = isfinite(v) ? v : -1;
  }
  size_t all;
  if (st == AS_OK) st = as_falling_order(places, r->n_models, s->order, &all, err);
  as_free(places);
  if (st == AS_OK) st = as_sum_tiers(s, err);
  if (st == AS_OK) st = as_sum_methods(s, err);
  if (st == AS_OK) st = as_sum_protocols(s, err);
  if (st == AS_OK) st = as_sum_lottery(s, opts->seed, err);
  if (st != AS_OK) as_sum_clear(s);
  return st;
}

void as_sum_clear(as_sum *s) {
  as_sum_images_clear(s);
  as_sum_tiers_clear(s);
  as_sum_methods_clear(s);
  as_protocols_clear(&s->protocols);
  as_set_lottery_clear(&s->lottery);
  as_boot_clear(&s->boot);
  as_pair_tests_clear(&s->pairs);
  as_table_stats_clear(&s->stats);
  for (size_t i = 0; i < s->n_notes; i++) as_free(s->notes[i]);
  as_free(s->notes);
  as_free(s->among);
  as_free(s->tau);
  as_free(s->cells);
  as_free(s->models);
  as_free(s->order);
  memset(s, 0, sizeof *s);
}

as_status as_sum_take(as_sum **out, const as_results *r, const as_report_opts *opts, as_err *err) {
  static const as_report_opts none = {0};
  as_report_cache *cache = opts ? opts->cache : NULL;
  if (cache && cache->sum) {
    *out = cache->sum;
    return AS_OK;
  }
  as_sum *s = as_alloc(1, sizeof *s, err);
  if (!s) return AS_E_ENV;
  as_status st = as_sum_make(s, r, opts ? opts : &none, err);
  if (st != AS_OK) {
    as_free(s);
    return st;
  }
  if (cache) cache->sum = s;
  *out = s;
  return AS_OK;
}

void as_sum_drop(as_sum *s, const as_report_opts *opts) {
  if (opts && opts->cache) return; /* the cache owns it */
  as_sum_clear(s);
  as_free(s);
}

void as_report_cache_clear(as_report_cache *c) {
  if (c->sum) as_sum_clear(c->sum);
  as_free(c->sum);
  c->sum = NULL;
}

int as_sum_decimals(const as_sum *s) {
  for (size_t i = 0; i < s->r->n_models * s->r->n_sets; i++) {
    const as_cell *c = &s->r->cells[i];
    if (as_cell_measured(c) && c->n_used > 0 && c->n_used < 2000) return 1;
  }
  return 2;
}

const char *as_sum_interval_note(const as_sum *s) {
  bool any = false;
  for (size_t m = 0; m < s->r->n_models; m++) any = any || isfinite(s->models[m].mean_lo);
  if (!any) return "";
  if (s->bootstrapped && s->by_class)
    return "Intervals of means and ranks: paired bootstrap over whole classes of each set, because images of "
           "one class are not independent; the same resamples for all models.";
  if (s->bootstrapped)
    return "Intervals of means and ranks: paired bootstrap over the images of each set, the same resamples "
           "for all "
           "models. Intervals of two models may overlap although a paired test tells them apart.";
  if (s->any_rank_interval)
    return "Intervals of the mean and of ranks come from the counts alone, as if every accuracy were an "
           "independent "
           "sample: a rank's interval leaves out the models that are better or worse by more than the 95 % "
           "margin. "
           "On the same images a paired test would tell more of them apart.";
  return "Intervals of the mean treat the sets as independent samples; two models on the same images should "
         "be "
         "compared by a paired test, not by whether their intervals overlap.";
}

void as_put_reason(as_str *out, const as_cell *c, const as_sum_cell *d) {
  const char *why = d->ok ? c->why : d->why;
  if (why) as_str_put(out, why);
  if (c->in_train.n > 0)
    as_str_printf(out, "%s%lld of %lld images are in the training set", out->n ? "; " : "",
                  (long long)c->in_train.n, (long long)c->n_expected);
  if (c->own.n > 0 && c->own_used > 0)
    as_str_printf(out, "%sover all %zu classes of the model %lld of %lld are right", out->n ? "; " : "",
                  c->own.n, (long long)c->own_correct, (long long)c->own_used);
  if (c->n_failed <= 0) return;
  as_str_printf(out, "%s%lld of %lld images failed", out->n ? "; " : "", (long long)c->n_failed,
                (long long)c->n_expected);
  if (c->n_failures) as_str_printf(out, ", the first: %s: %s", c->failure[0].image, c->failure[0].why);
}
