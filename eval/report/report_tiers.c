/* Tiers of the results: which definition a column allows, its values and tests; and what they say in words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/report/report_int.h"
#include "eval/stats/tiers.h"
#include "tensor/base/mem.h"

static const double family = 0.05;
enum { NAMED_FIRST = 4 };

/* --- from counts ---------------------------------------------------------------------------------------- */

static bool same_images(const as_results *r, size_t a, size_t b) {
  if (r->sets[a].images_of == r->sets[b].images_of) return true;
  return as_set_facts_share(as_set_facts_like(as_set_name(r, a)), as_set_facts_like(as_set_name(r, b)));
}

/* The variance of the mean of m over all sets, as those of its accuracies combine: sets on images of their own are
 * independent; on shared images one model's two accuracies rise and fall together, at worst in step, so there the
 * standard errors add up. pool: [n_sets] the first set on the same images. */
static double mean_variance(const as_results *r, size_t m, const double *var, const size_t *pool) {
  double total = 0.0;
  for (size_t k = 0; k < r->n_sets; k++) {
    double sd = 0.0;
    for (size_t j = k; pool[k] == k && j < r->n_sets; j++)
      if (pool[j] == k) sd += sqrt(var[m * r->n_sets + j]);
    total += sd * sd;
  }
  return total / ((double)r->n_sets * (double)r->n_sets);
}

/* var: [n_models * n_sets] of every accuracy; column: [n_models] for those of column k. */
static as_status tiers_of_counts(as_sum *s, size_t k, const double *v, const double *var, double *column,
                                 as_err *err) {
  const as_results *r = s->r;
  size_t *pool = as_alloc(r->n_sets, sizeof *pool, err);
  if (!pool) return AS_E_ENV;
  bool counted = true;
  for (size_t j = 0; j < r->n_sets; j++)
    for (pool[j] = 0; pool[j] < j && !same_images(r, pool[j], j);) pool[j]++;
  for (size_t m = 0; m < r->n_models; m++) {
    column[m] = k < r->n_sets ? var[m * r->n_sets + k] : isnan(v[m]) ? NAN : mean_variance(r, m, var, pool);
    counted = counted && (isnan(v[m]) || column[m] > 0.0);
  }
  as_free(pool);
  if (!counted) return AS_OK; /* a value without a count: nothing is tested */
  return as_tiers_counts(&s->tiers[k], v, column, r->n_models, family, err);
}

/* --- from images ---------------------------------------------------------------------------------------- */

/* For as_mcnemar_mean: over the images that sets a and b share, the sum of the products of what models i and j differ
 * by. */
static double shared_product(const as_sum *s, size_t i, size_t j, size_t a, size_t b) {
  const as_results *r = s->r;
  const size_t set[2] = {a, b};
  as_boot_set pool[2] = {{0}, {0}};
  const uint8_t *right[2][2];
  size_t n[2];
  for (int e = 0; e < 2; e++) {
    as_sum_pool(s, set[e], &pool[e]);
    right[e][0] = as_results_cell(r, i, set[e])->correct1;
    right[e][1] = as_results_cell(r, j, set[e])->correct1;
    n[e] = (size_t)as_results_cell(r, i, set[e])->n_expected;
  }
  if (pool[0].stream != pool[1].stream) return 0.0;
  double sum = 0.0;
  for (size_t x = 0, y = 0; x < n[0] && y < n[1];) {
    uint32_t p = pool[0].image ? pool[0].image[x] : (uint32_t)x,
             q = pool[1].image ? pool[1].image[y] : (uint32_t)y;
    if (p == q && right[0][0][x] <= 1 && right[0][1][x] <= 1 && right[1][0][y] <= 1 && right[1][1][y] <= 1)
      sum += ((double)right[0][0][x] - right[0][1][x]) * ((double)right[1][0][y] - right[1][1][y]);
    x += p <= q;
    y += q <= p;
  }
  return sum;
}

/* The test of models i < j on set k, or by the mean over all sets. */
static void test_pair(const as_sum *s, size_t i, size_t j, size_t k, double *shared, double *z, double *p) {
  size_t sets = s->r->n_sets;
  const as_mcnemar *test = &s->pairs.test[as_pair_at(&s->pairs, i, j) * sets];
  if (k < sets) {
    as_mcnemar_mean(&test[k], NULL, 1, z, p);
    return;
  }
  for (size_t a = 0; a < sets; a++)
    for (size_t b = a + 1; b < sets; b++)
      shared[a * sets + b] = test[a].n > 0 && test[b].n > 0 ? shared_product(s, i, j, a, b) : 0.0;
  as_mcnemar_mean(test, shared, sets, z, p);
}

static as_status tiers_of_images(as_sum *s, size_t k, const double *v, as_err *err) {
  const as_results *r = s->r;
  size_t n = s->pairs.n_pairs;
  double *z = as_alloc(n, 2 * sizeof *z, err),
         *shared = as_calloc(r->n_sets * r->n_sets, sizeof *shared, err);
  as_status st = z && shared ? AS_OK : AS_E_ENV;
  for (size_t i = 0; st == AS_OK && i < r->n_models; i++)
    for (size_t j = i + 1; j < r->n_models; j++) {
      size_t at = as_pair_at(&s->pairs, i, j);
      z[at] = z[n + at] = NAN;
      if (!isnan(v[i]) && !isnan(v[j])) test_pair(s, i, j, k, shared, &z[at], &z[n + at]);
    }
  if (st == AS_OK) st = as_tiers_paired(&s->tiers[k], v, z, z + n, r->n_models, family, err);
  as_free(z);
  as_free(shared);
  return st;
}

/* --- both ----------------------------------------------------------------------------------------------- */

/* Has every model that has a value on set k its answers, image by image, beside those of the others? */
static bool has_answers(const as_sum *s, size_t k) {
  int64_t n = 0;
  for (size_t m = 0; m < s->r->n_models; m++) {
    const as_cell *c = as_results_cell(s->r, m, k);
    if (!as_sum_at(s, m, k)->ok) continue;
    if (!c->correct1 || (n > 0 && c->n_expected != n)) return false;
    n = c->n_expected;
  }
  return n > 0;
}

as_status as_sum_tiers(as_sum *s, as_err *err) {
  const as_results *r = s->r;
  size_t n = r->n_models, sets = r->n_sets;
  s->tiers = as_calloc(sets + 1, sizeof *s->tiers, err);
  double *v = as_alloc(n, 2 * sizeof *v, err), *var = as_alloc(n * sets, sizeof *var, err);
  as_status st = s->tiers && v && var ? AS_OK : AS_E_ENV;
  bool images = s->pairs.n_tested > 0;
  for (size_t i = 0; st == AS_OK && i < n * sets; i++) {
    const as_cell *c = &r->cells[i];
    double used = (double)c->n_used;
    var[i] = s->cells[i].ok && used > 0.0 ? as_share_variance(c->top1, used, c->top1_step) : NAN;
  }
  for (size_t k = 0; k <= sets && st == AS_OK && n > 1; k++) {
    bool paired = images && (k == sets || has_answers(s, k));
    for (size_t j = 0; k == sets && j < sets; j++) paired = paired && s->tiers[j].paired;
    for (size_t m = 0; m < n; m++)
      v[m] = k < sets ? as_sum_at(s, m, k)->acc : s->models[m].value[AS_SUM_MEAN];
    st = paired ? tiers_of_images(s, k, v, err) : tiers_of_counts(s, k, v, var, v + n, err);
  }
  as_free(v);
  as_free(var);
  return st;
}

void as_sum_tiers_clear(as_sum *s) {
  for (size_t k = 0; s->tiers && k <= s->r->n_sets; k++) as_tiers_clear(&s->tiers[k]);
  as_free(s->tiers);
  s->tiers = NULL;
}

as_num as_tier_text(const as_sum *s, size_t model, size_t set) {
  const as_tiers *t = &s->tiers[set];
  as_num none = {""};
  return t->n > 1 && t->tier[model] ? as_fix((double)t->tier[model], 0) : none;
}

bool as_sum_any_tier(const as_sum *s, size_t set) {
  return s->tiers[set].n > 1;
}

/* --- in words ------------------------------------------------------------------------------------------- */

static int rising(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static as_num times_text(double v) {
  return v < 10.0 ? as_fix(v, 1) : v < 1e6 ? as_fix(ceil(v), 0) : as_digits(v, 2);
}

/* "Twice as many images would resolve half of the other 8 pairs, ..." */
static void put_need(as_str *out, const as_tiers *t) {
  size_t n = 0,
         close = 0; /* close: equal, or no further apart than one image, which the test's correction eats */
  double *need = as_alloc(t->n, sizeof *need, NULL);
  for (size_t i = 0; need && i + 1 < t->n; i++) {
    double v = as_tiers_need(t, i);
    close += isinf(v) != 0;
    if (isfinite(v)) need[n++] = v;
  }
  if (!need) out->failed = true;
  if (n) {
    qsort(need, n, sizeof *need, rising);
    as_num half = times_text(need[(n - 1) / 2]), all = times_text(need[n - 1]);
    if (n > 2)
      as_str_printf(out,
                    " To resolve half of the other %zu takes %s times as many images, all of them %s times",
                    n, half.s, all.s);
    else
      as_str_printf(out, " To resolve the other %s takes %s times as many images", n == 1 ? "one" : "two",
                    all.s);
    as_str_put(out, ", if the differences stay as they are");
    if (close) as_str_printf(out, "; %zu %s too close to say", close, close == 1 ? "is" : "are");
    as_str_put(out, ".");
  } else if (close == 1) {
    as_str_put(out, " The other one is too close to say how many images it would take.");
  } else if (close) {
    as_str_printf(out, " The other %zu are too close to say how many images they would take.", close);
  }
  as_free(need);
}

/* The models that none is resolved above, in their order, with what is known of their being first. */
static void put_first(as_str *out, const as_sum *s, const as_tiers *t) {
  const as_subsets *u = &s->stats.subsets;
  const size_t *order = t->order;
  size_t named = 0;
  as_str p = {0};
  as_str_put(out, t->first == 1 ? "; the first place is held by " : "; the first place is shared by ");
  for (size_t i = 0; i < t->n && named < NAMED_FIRST; i++) {
    if (t->tier[order[i]] != 1) continue;
    bool last = named + 1 == t->first;
    as_str_printf(out, "%s%s", !named ? "" : last ? " and " : ", ", as_model_name(s->r, order[i]));
    const as_sum_model *m = &s->models[order[i]];
    if (s->bootstrapped && isfinite(m->p_first))
      as_str_printf(&p, "%s%s", named ? ", " : "", as_fix(m->p_first, 2).s);
    for (size_t w = 0; !s->bootstrapped && u->subsets && w < u->models; w++)
      if (s->stats.whole[w] == order[i])
        as_str_printf(&p, "%s%s", named ? ", " : "", as_pct(u->first[w], 1).s);
    named++;
  }
  if (t->first > named) as_str_printf(out, " and %zu more", t->first - named);
  if (p.n && s->bootstrapped) as_str_printf(out, " (P(first) %s)", as_str_c(&p));
  if (p.n && !s->bootstrapped)
    as_str_printf(out, " (first in %s %% of the %zu subsets of the sets)", as_str_c(&p), u->subsets);
  as_str_putc(out, '.');
  if (p.failed) out->failed = true;
  as_str_clear(&p);
}

void as_put_decision(as_str *out, const as_sum *s) {
  const as_results *r = s->r;
  const as_tiers *t = &s->tiers[r->n_sets];
  if (r->n_models < 2) return;
  bool mean = t->n > 1;
  if (!mean) t = &s->tiers[r->base];
  if (t->n < 2) {
    as_str_put(
        out,
        "Which of these ranks are real cannot be said: it is not known of how many images the accuracies "
        "are.");
    return;
  }
  size_t steps = as_tiers_steps(t);
  as_str_printf(out, "Of %zu neighbouring pair%s %s", t->n - 1, t->n == 2 ? "" : "s",
                mean && r->n_sets > 1 ? "by the mean" : "on ");
  if (!(mean && r->n_sets > 1)) as_str_put(out, as_set_name(r, mean ? 0 : r->base));
  if (steps)
    as_str_printf(out, ", %zu %s resolved", steps, steps == 1 ? "is" : "are");
  else
    as_str_put(out, ", none is resolved");
  put_first(out, s, t);
  if (steps + 1 < t->n) put_need(out, t);
  as_str_printf(out, " Resolved: %s",
                t->paired ? "McNemar's test on the same images" : "two independent samples of images");
  if (t->pairs > 1)
    as_str_printf(out, ", with Holm's correction over all %lld pairs of models at 5 %% together",
                  (long long)t->pairs);
  else
    as_str_put(out, ", at 5 %");
  as_str_put(out, "; models of one tier cannot be told apart.");
}
