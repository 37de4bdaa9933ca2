/* Ranks and tiers from paired tests, and what both definitions share. */
#include "eval/stats/tiers.h"

#include <math.h>
#include <string.h>

#include "eval/stats/tiers_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

as_status as_tiers_init(as_tiers *t, size_t n, as_err *err) {
  size_t room = n ? n : 1;
  *t = (as_tiers){.models = n, .z = NAN};
  t->tier = as_calloc(room, sizeof *t->tier, err);
  t->rank_lo = as_alloc(room, sizeof *t->rank_lo, err);
  t->rank_hi = as_alloc(room, sizeof *t->rank_hi, err);
  t->order = as_alloc(room, sizeof *t->order, err);
  t->step = as_alloc(room, sizeof *t->step, err);
  if (!t->tier || !t->rank_lo || !t->rank_hi || !t->order || !t->step) {
    as_tiers_clear(t);
    return AS_E_ENV;
  }
  for (size_t i = 0; i < n; i++) t->rank_lo[i] = t->rank_hi[i] = t->step[i] = NAN;
  return AS_OK;
}

void as_tiers_clear(as_tiers *t) {
  as_free(t->tier);
  as_free(t->rank_lo);
  as_free(t->rank_hi);
  as_free(t->order);
  as_free(t->step);
  as_free(t->v);
  as_free(t->above);
  memset(t, 0, sizeof *t);
}

void as_tiers_place(as_tiers *t, size_t model, size_t tier) {
  t->tier[model] = tier;
  t->first += tier == 1;
  if (tier > t->n_tiers) t->n_tiers = tier;
}

bool as_tiers_above(const as_tiers *t, size_t i, size_t j) {
  if (t->above) return t->above[i * t->models + j] != 0;
  double gap = t->v ? t->v[i] - t->v[j] : 0.0;
  return gap > 0.0 && gap * gap >= t->z * t->z * (t->var[i] + t->var[j]);
}

size_t as_tiers_steps(const as_tiers *t) {
  size_t found = 0;
  for (size_t i = 0; i + 1 < t->n; i++) found += as_tiers_next(t, i);
  return found;
}

double as_tiers_need(const as_tiers *t, size_t i) {
  const double z80 = 0.84162123357291442; /* 80 % of a normal distribution */
  if (!isfinite(t->step[i]) || as_tiers_next(t, i)) return NAN;
  if (t->step[i] < 1e-9) return INFINITY; /* equal, but for the rounding of a mean */
  double times = (t->z + z80) / t->step[i];
  return times * times;
}

void as_mcnemar_mean(const as_mcnemar *test, const double *shared, size_t sets, double *z, double *p) {
  double sum = 0.0, var = 0.0, largest = 0.0;
  *z = *p = NAN;
  for (size_t k = 0; k < sets; k++) {
    if (test[k].n <= 0) return;
    double w = 1.0 / ((double)sets * (double)test[k].n);
    sum += w * (double)(test[k].b - test[k].c);
    var += w * w * (double)(test[k].b + test[k].c);
    largest = fmax(largest, w);
    for (size_t l = 0; shared && l < k; l++)
      if (test[l].n > 0) var += 2.0 * w / ((double)sets * (double)test[l].n) * shared[l * sets + k];
  }
  double off = fmax(0.0, fabs(sum) - largest);
  *z = var > 0.0 ? copysign(off / sqrt(var), sum) : 0.0;
  *p = sets == 1 ? test[0].p_exact : fmin(1.0, 2.0 * as_norm_cdf(-fabs(*z)));
}

/* Where the pair of models i and j stands. */
static size_t pair_index(size_t n, size_t i, size_t j) {
  return i < j ? i * n - i * (i + 1) / 2 + (j - i - 1) : j * n - j * (j + 1) / 2 + (i - j - 1);
}

/* Row i of t->above: the models that i is resolved above, in the order of the values. */
static void fill_above(as_tiers *t, const double *v, const double *z, const double *adjusted, double alpha,
                       size_t i) {
  for (size_t j = 0; j < t->models; j++) {
    if (i == j) continue;
    size_t at = pair_index(t->models, i, j);
    double statistic = i < j ? z[at] : -z[at];
    t->above[i * t->models + j] = adjusted[at] <= alpha && statistic > 0.0 && v[i] > v[j];
  }
}

as_status as_tiers_paired(as_tiers *t, const double *v, const double *z, const double *p, size_t n,
                          double alpha, as_err *err) {
  size_t pairs = n * (n - (n > 0)) / 2;
  as_status st = as_tiers_init(t, n, err);
  double *kept = st == AS_OK ? as_alloc(pairs ? pairs : 1, 2 * sizeof *kept, err) : NULL;
  t->above = kept ? as_calloc(n ? n * n : 1, 1, err) : NULL;
  if (!t->above) {
    as_free(kept);
    as_tiers_clear(t);
    return AS_E_ENV;
  }
  double *adjusted = kept + pairs;
  t->paired = true;
  st = as_falling_order(v, n, t->order, &t->n, err);
  for (size_t i = 0; i < n; i++)
    for (size_t j = i + 1; j < n; j++) { /* models without a value are in no test */
      size_t at = pair_index(n, i, j);
      bool tested = !isnan(v[i]) && !isnan(v[j]) && !isnan(p[at]);
      kept[at] = tested ? p[at] : NAN;
      t->pairs += tested;
    }
  if (st == AS_OK) st = as_holm(kept, pairs, adjusted, err);
  for (size_t i = 0; st == AS_OK && i < n; i++) fill_above(t, v, z, adjusted, alpha, i);
  for (size_t b = 0; st == AS_OK && b < t->n; b++) {
    size_t tier = 1, above = 0, below = 0, own = t->order[b];
    for (size_t a = 0; a < t->n; a++) {
      size_t other = t->order[a];
      below += as_tiers_above(t, own, other);
      if (!as_tiers_above(t, other, own)) continue;
      above++;
      if (t->tier[other] >= tier) tier = t->tier[other] + 1;
    }
    as_tiers_place(t, own, tier);
    t->resolved += (int64_t)above;
    t->rank_lo[own] = (double)(1 + above);
    t->rank_hi[own] = (double)(t->n - below);
    if (b + 1 == t->n) break;
    size_t next = t->order[b + 1], at = pair_index(n, own, next);
    t->step[b] = isnan(kept[at]) ? NAN : fmax(0.0, own < next ? z[at] : -z[at]);
  }
  if (t->pairs > t->resolved) t->z = -as_norm_ppf(0.5 * alpha / (double)(t->pairs - t->resolved));
  as_free(kept);
  if (st != AS_OK) as_tiers_clear(t);
  return st;
}
