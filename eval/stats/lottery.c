/* The sets drawn again, and left out one by one. */
#include "eval/stats/lottery.h"

#include <math.h>
#include <string.h>

#include "eval/stats/stats_order.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"

enum { DRAWS = 10000 };
static const double equal = 1e-12; /* means that differ by less differ by their rounding */

/* Is model a better than b on every set? Then b is first in no draw, not even by a tie. */
static bool dominates(const double *acc, size_t sets, size_t a, size_t b) {
  for (size_t k = 0; k < sets; k++)
    if (acc[a * sets + k] <= acc[b * sets + k]) return false;
  return true;
}

/* The models that can be first, by falling mean, into able; returns how many. order: all, by falling mean. */
static size_t find_able(const double *acc, size_t sets, const size_t *order, size_t n, size_t *able) {
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    bool beaten = false;
    for (size_t j = 0; j < kept && !beaten; j++) beaten = dominates(acc, sets, able[j], order[i]);
    if (!beaten) able[kept++] = order[i];
  }
  return kept;
}

static double weighted(const double *row, const double *times, size_t sets) {
  double sum = 0.0;
  for (size_t k = 0; k < sets; k++) sum += times[k] * row[k];
  return sum;
}

/* How often each set comes in draw d. */
static void draw_sets(const as_set_lottery *l, as_rng rng, size_t d, double *times) {
  size_t code = d;
  for (size_t k = 0; k < l->sets; k++) times[k] = 0.0;
  for (size_t i = 0; i < l->sets; i++, code /= l->sets)
    times[l->exact ? code % l->sets : (size_t)as_rng_below(rng, d * l->sets + i, l->sets)] += 1.0;
}

/* One draw: the first place, shared by equal ones. */
static void crown(as_set_lottery *l, const double *acc, const size_t *able, size_t n, const double *times,
                  double *mean) {
  double best = -INFINITY, firsts = 0.0;
  for (size_t i = 0; i < n; i++) {
    mean[i] = weighted(acc + able[i] * l->sets, times, l->sets) / (double)l->sets;
    best = fmax(best, mean[i]);
  }
  for (size_t i = 0; i < n; i++) firsts += mean[i] >= best - equal;
  for (size_t i = 0; i < n; i++)
    if (mean[i] >= best - equal) l->first[able[i]] += 1.0 / (firsts * (double)l->draws);
}

/* Set k left out. The best one without it is among the able ones: who is better on every set is better without one. */
static void leave_out(as_set_lottery *l, const double *acc, const size_t *able, size_t n, double *times,
                      size_t k) {
  const double others = (double)(l->sets - 1);
  for (size_t j = 0; j < l->sets; j++) times[j] = j == k ? 0.0 : 1.0;
  const double own = weighted(acc + l->winner * l->sets, times, l->sets) / others;
  l->without[k] = l->winner;
  l->lead[k] = 0.0;
  for (size_t i = 0; i < n; i++) {
    const double lead = weighted(acc + able[i] * l->sets, times, l->sets) / others - own;
    if (lead <= l->lead[k] + equal) continue;
    l->lead[k] = lead;
    l->without[k] = able[i];
  }
}

as_status as_set_lottery_run(const double *acc, size_t models, size_t sets, uint64_t seed,
                             as_set_lottery *out, as_err *err) {
  *out = (as_set_lottery){.models = models, .sets = sets, .draws = 1, .exact = true};
  if (models < 2 || sets < 2)
    return as_fail(err, AS_E_USAGE, "sets: found %zu of %zu models, wanted at least 2 of 2", sets, models);
  for (size_t k = 0; k < sets && out->exact; k++) {
    out->exact = out->draws <= DRAWS / sets;
    out->draws = out->exact ? out->draws * sets : DRAWS;
  }
  size_t *order = as_alloc(models, 2 * sizeof *order, err), n = 0;
  double *mean = as_alloc(models + sets, sizeof *mean, err);
  out->first = as_calloc(models, sizeof *out->first, err);
  out->without = as_alloc(sets, sizeof *out->without, err);
  out->lead = as_alloc(sets, sizeof *out->lead, err);
  as_status st = order && mean && out->first && out->without && out->lead ? AS_OK : AS_E_ENV;
  for (size_t i = 0; st == AS_OK && i < models; i++) {
    mean[i] = 0.0;
    for (size_t k = 0; k < sets; k++) mean[i] += acc[i * sets + k];
  }
  if (st == AS_OK) st = as_falling_order(mean, models, order, &n, err);
  if (st == AS_OK) {
    size_t *able = order + models, kept = find_able(acc, sets, order, n, able);
    double *times = mean + models;
    const as_rng rng = as_rng_make(seed, 0x736574735f6c6f74u);
    out->winner = order[0];
    for (size_t d = 0; d < out->draws; d++) {
      draw_sets(out, rng, d, times);
      crown(out, acc, able, kept, times, mean);
    }
    for (size_t k = 0; k < sets; k++) leave_out(out, acc, able, kept, times, k);
  }
  as_free(order);
  as_free(mean);
  if (st != AS_OK) as_set_lottery_clear(out);
  return st;
}

void as_set_lottery_clear(as_set_lottery *l) {
  as_free(l->first);
  as_free(l->without);
  as_free(l->lead);
  *l = (as_set_lottery){0};
}
