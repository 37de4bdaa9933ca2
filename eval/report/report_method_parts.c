/* Methods with seeds as units: what is derived, the sentence on top of the page, and the parts that hold it. */
#include <math.h>

#include "eval/report/report_parts_int.h"
#include "tensor/base/mem.h"

static const double family = 0.05, level = 0.95;

/* --- derived -------------------------------------------------------------------------------------------- */

/* Set k, or the mean over the sets. */
static void values_of(const as_sum *s, size_t k, double *v) {
  for (size_t m = 0; m < s->r->n_models; m++)
    v[m] = k < s->r->n_sets ? as_sum_at(s, m, k)->acc : s->models[m].value[AS_SUM_MEAN];
}

/* One column: the layout, its tiers, who is crowned by chance, and how often the base's winner is first here. */
static as_status column_of(as_method_sum *d, size_t k, const double *v, const double *base, const as_sum *s,
                           as_err *err) {
  const as_methods *m = &d->methods;
  size_t models = s->r->n_models;
  double *kept = &d->kept[k * m->n];
  as_status st = as_oneway_test(&d->layout[k], v, m->of, models, m->n, err);
  const as_oneway *g = &d->layout[k];
  if (st == AS_OK) st = as_tiers_paired(&d->tiers[k], g->mean, g->t, g->p, m->n, family, err);
  if (st == AS_OK) st = as_seed_winner(v, NULL, 0, m->of, models, m->n, &d->first[k * m->n], err);
  if (st == AS_OK) st = as_seed_winner(base, v, 1, m->of, models, m->n, kept, err);
  return st;
}

as_status as_sum_methods(as_sum *s, as_err *err) {
  as_method_sum *d = &s->by_method;
  const as_results *r = s->r;
  as_status st = as_methods_find(&d->methods, r, err);
  if (st != AS_OK || d->methods.n == 0) return st;
  size_t columns = r->n_sets + 1, n = d->methods.n;
  d->layout = as_calloc(columns, sizeof *d->layout, err);
  d->tiers = as_calloc(columns, sizeof *d->tiers, err);
  d->first = as_calloc(columns * n, sizeof *d->first, err);
  d->kept = as_calloc(columns * n, sizeof *d->kept, err);
  double *v = as_alloc(r->n_models, 2 * sizeof *v, err), *base = v ? v + r->n_models : NULL;
  st = d->layout && d->tiers && d->first && d->kept && v ? AS_OK : AS_E_ENV;
  if (st == AS_OK) values_of(s, r->base, base);
  for (size_t k = 0; st == AS_OK && k < columns; k++) {
    values_of(s, k, v);
    st = column_of(d, k, v, base, s, err);
  }
  as_free(v);
  return st;
}

void as_sum_methods_clear(as_sum *s) {
  as_method_sum *d = &s->by_method;
  for (size_t k = 0; k <= s->r->n_sets; k++) {
    if (d->layout) as_oneway_clear(&d->layout[k]);
    if (d->tiers) as_tiers_clear(&d->tiers[k]);
  }
  as_free(d->layout);
  as_free(d->tiers);
  as_free(d->first);
  as_free(d->kept);
  as_methods_clear(&d->methods);
  *d = (as_method_sum){0};
}

static double sum_of(const double *v, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += v[i];
  return sum;
}

/* The share of the choices of seeds whose winner on the base has another above it in column k; NaN without values. */
static double share_lost(const as_method_sum *d, size_t k) {
  if (sum_of(&d->first[k * d->methods.n], d->methods.n) < 0.5) return NAN;
  return fmax(0.0, 1.0 - sum_of(&d->kept[k * d->methods.n], d->methods.n));
}

/* Two who publish choose their seeds each: how often do they crown different methods? */
static double share_torn(const as_method_sum *d, size_t k) {
  double same = 0.0;
  if (sum_of(&d->first[k * d->methods.n], d->methods.n) < 0.5) return NAN;
  for (size_t i = 0; i < d->methods.n; i++)
    same += d->first[k * d->methods.n + i] * d->first[k * d->methods.n + i];
  return fmax(0.0, 1.0 - same);
}

static void seeds_span(const as_methods *m, size_t *lo, size_t *hi) {
  *lo = *hi = m->seeds[0];
  for (size_t i = 1; i < m->n; i++) {
    if (m->seeds[i] < *lo) *lo = m->seeds[i];
    if (m->seeds[i] > *hi) *hi = m->seeds[i];
  }
}

static const char *column_name(const as_sum *s, size_t k) {
  return k < s->r->n_sets ? as_set_name(s->r, k) : "mean";
}
static size_t columns_of(const as_sum *s) {
  return s->by_method.methods.n ? s->r->n_sets + (s->r->n_sets > 1) : 0;
}

/* --- in words ------------------------------------------------------------------------------------------- */

enum { NAMED_FIRST = 4 };

void as_put_methods_decision(as_str *out, const as_sum *s) {
  const as_method_sum *d = &s->by_method;
  const as_methods *m = &d->methods;
  size_t lo, hi, worst = s->r->base, named = 0;
  if (m->n < 2) return;
  size_t k = d->layout[s->r->n_sets].pairs ? s->r->n_sets : s->r->base;
  const as_tiers *t = &d->tiers[k];
  seeds_span(m, &lo, &hi);
  as_str_printf(out, "Between methods, with seeds as units (%zu methods of %zu", m->n, lo);
  if (hi > lo) as_str_printf(out, " to %zu", hi);
  as_str_printf(out, " seed%s): ", hi == 1 ? "" : "s");
  if (d->layout[k].pairs == 0) {
    as_str_put(out, "the seeds of no method differ, so that no difference can be tested.");
    return;
  }
  as_str_printf(out, "%lld of %lld pairs are separable %s%s; the first place is %s ", (long long)t->resolved,
                (long long)t->pairs, k < s->r->n_sets ? "on " : "by the mean",
                k < s->r->n_sets ? as_set_name(s->r, k) : "", t->first == 1 ? "held by" : "shared by");
  for (size_t i = 0; i < t->n && named < NAMED_FIRST; i++)
    if (t->tier[t->order[i]] == 1)
      as_str_printf(out, "%s%s", !named++ ? "" : named == t->first ? " and " : ", ", m->name[t->order[i]]);
  if (t->first > named) as_str_printf(out, " and %zu more", t->first - named);
  as_str_putc(out, '.');
  for (size_t j = 0; j < s->r->n_sets; j++)
    if (share_lost(d, j) > share_lost(d, worst)) worst = j;
  if (worst != s->r->base)
    as_str_printf(out,
                  " With one seed of each, the winner on %s is not the first on %s in %s %% of the choices.",
                  as_set_name(s->r, s->r->base), as_set_name(s->r, worst), as_pct(share_lost(d, worst), 1).s);
}

/* --- parts ------------------------------------------------------------------------------------------------ */

/* Methods by falling mean of column k; those without a value come last. */
static size_t *order_of(const as_method_sum *d, size_t k, as_err *err) {
  const as_tiers *t = &d->tiers[k];
  size_t *order = as_alloc(d->methods.n, sizeof *order, err), n = t->n;
  for (size_t i = 0; order && i < t->n; i++) order[i] = t->order[i];
  for (size_t i = 0; order && i < d->methods.n; i++)
    if (isnan(d->layout[k].mean[i])) order[n++] = i;
  return order;
}

as_status as_part_methods(as_sheet *sh, const as_sum *s, as_err *err) {
  const as_method_sum *d = &s->by_method;
  const as_methods *m = &d->methods;
  const size_t sets = s->r->n_sets, mean = sets;
  if (m->n == 0) return AS_OK;
  size_t *order = order_of(d, mean, err), lo, hi;
  if (!order) return AS_E_ENV;
  sh->title = "Methods, with seeds as units: means over the seeds and what lies between them";
  as_sheet_column(sh, "method", "method", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "seeds", "seeds", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "mean", "mean", AS_COL_SHARE, 2, true);
  as_sheet_column(sh, "sd", "between\nseeds", AS_COL_REAL, 2, false);
  as_sheet_column(sh, "tier", "tier", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "above", "better\nthan", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "below", "worse\nthan", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "first", "first by choice\nof a seed", AS_COL_SHARE, 1, false);
  for (size_t k = 0; k < sets && sets > 1; k++)
    as_sheet_named(sh, as_set_name(s->r, k), AS_COL_SHARE, 2, false);
  for (size_t i = 0; i < m->n; i++) {
    const size_t g = order[i], row = as_sheet_row(sh);
    const as_oneway *l = &d->layout[mean];
    const as_tiers *t = &d->tiers[mean];
    const double half = l->size[g] ? as_oneway_half(l, (double)l->size[g], level) : NAN;
    as_sheet_text(sh, row, 0, m->name[g]);
    as_sheet_number(sh, row, 1, (double)m->seeds[g], NAN, NAN);
    as_sheet_number(sh, row, 2, l->mean[g], l->mean[g] - half, l->mean[g] + half);
    as_sheet_number(sh, row, 3, 100.0 * l->sd[g], NAN, NAN);
    if (t->n > 1 && t->tier[g] && l->pairs) {
      as_sheet_number(sh, row, 4, (double)t->tier[g], NAN, NAN);
      as_sheet_number(sh, row, 5, (double)t->n - t->rank_hi[g], NAN, NAN);
      as_sheet_number(sh, row, 6, t->rank_lo[g] - 1.0, NAN, NAN);
    }
    as_sheet_number(sh, row, 7, d->first[mean * m->n + g], NAN, NAN);
    for (size_t k = 0; k < sets && sets > 1; k++)
      as_sheet_number(sh, row, 8 + k, d->layout[k].mean[g], NAN, NAN);
  }
  seeds_span(m, &lo, &hi);
  as_str_put(
      &sh->how,
      "Mean: of the seeds' means over the sets, with its 95 % interval from Student's t and the pooled "
      "deviation. Between seeds: standard deviation, points. Better, worse than: so many methods, by the "
      "test below. First by choice of a seed: the share of all choices of one seed for each method in which "
      "its mean is the highest.");
  as_str_printf(&sh->how, " An exact permutation test of %zu seeds against %zu cannot go below p = %s.", hi,
                hi, as_digits(as_permutation_floor(hi, hi), 2).s);
  if (m->left)
    as_str_printf(&sh->how, " Models that are no training of a method with a seed of its own: %zu, left out.",
                  m->left);
  as_free(order);
  return AS_OK;
}

as_status as_part_method_sets(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_method_sum *d = &s->by_method;
  if (d->methods.n < 2) return AS_OK;
  sh->title = "Which methods the seeds tell apart, set by set";
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "pooled_sd", "between\nseeds", AS_COL_REAL, 2, false);
  as_sheet_column(sh, "df", "degrees of\nfreedom", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "pairs", "pairs", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "separable", "separable", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "neighbours", "of\nneighbours", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "first", "share the\nfirst place", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "torn", "other seeds,\nother winner", AS_COL_SHARE, 1, false);
  as_sheet_column(sh, "base_winner_loses", "base's winner\nis not first", AS_COL_SHARE, 1, false);
  for (size_t k = 0; k < columns_of(s); k++) {
    const as_oneway *l = &d->layout[k];
    const as_tiers *t = &d->tiers[k];
    const size_t row = as_sheet_row(sh);
    as_sheet_text(sh, row, 0, column_name(s, k));
    as_sheet_number(sh, row, 1, 100.0 * l->pooled, NAN, NAN);
    as_sheet_number(sh, row, 2, l->df, NAN, NAN);
    if (l->pairs) {
      as_sheet_number(sh, row, 3, (double)l->pairs, NAN, NAN);
      as_sheet_number(sh, row, 4, (double)t->resolved, NAN, NAN);
      as_sheet_number(sh, row, 5, (double)as_tiers_steps(t), NAN, NAN);
      as_sheet_number(sh, row, 6, (double)t->first, NAN, NAN);
    }
    as_sheet_number(sh, row, 7, share_torn(d, k), NAN, NAN);
    if (k != s->r->base) as_sheet_number(sh, row, 8, share_lost(d, k), NAN, NAN);
  }
  as_str_printf(&sh->how,
                "Separable: Student's t test with the deviation within methods pooled over all of them, "
                "Holm's correction over "
                "all pairs of the column at 5 %%; a variance common to all methods is assumed. Other seeds, "
                "other winner: two "
                "choices of one seed for each method crown different methods. Base's winner is not first: of "
                "all choices, those "
                "whose winner on %s has another method above it here.",
                as_set_name(s->r, s->r->base));
  return AS_OK;
}

as_status as_part_method_cells(as_sheet *sh, const as_sum *s, as_err *err) {
  const as_method_sum *d = &s->by_method;
  const as_methods *m = &d->methods;
  if (m->n == 0) return AS_OK;
  sh->title = "Every method on every set, over its seeds";
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "method", "method", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "seeds", "seeds", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "mean", "mean", AS_COL_SHARE, 2, true);
  as_sheet_column(sh, "sd", "between\nseeds", AS_COL_REAL, 2, false);
  as_sheet_column(sh, "rank", "rank, all\nat once", AS_COL_RANK, 0, true);
  as_sheet_column(sh, "tier", "tier", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "first", "first by choice\nof a seed", AS_COL_SHARE, 1, false);
  for (size_t k = 0; k < columns_of(s); k++) {
    const as_oneway *l = &d->layout[k];
    const as_tiers *t = &d->tiers[k];
    size_t *order = order_of(d, k, err);
    if (!order) return AS_E_ENV;
    for (size_t i = 0; i < m->n; i++) {
      const size_t g = order[i], row = as_sheet_row(sh);
      const double half = l->size[g] ? as_oneway_half(l, (double)l->size[g], level) : NAN;
      as_sheet_text(sh, row, 0, column_name(s, k));
      as_sheet_text(sh, row, 1, m->name[g]);
      as_sheet_number(sh, row, 2, (double)l->size[g], NAN, NAN);
      as_sheet_number(sh, row, 3, l->mean[g], l->mean[g] - half, l->mean[g] + half);
      as_sheet_number(sh, row, 4, 100.0 * l->sd[g], NAN, NAN);
      if (t->tier[g] && l->pairs) {
        as_sheet_number(sh, row, 5, (double)(i + 1), t->rank_lo[g], t->rank_hi[g]);
        as_sheet_number(sh, row, 6, (double)t->tier[g], NAN, NAN);
      }
      as_sheet_number(sh, row, 7, d->first[k * m->n + g], NAN, NAN);
    }
    as_free(order);
  }
  as_str_put(&sh->how,
             "The intervals of ranks hold all true ranks of the set together with a probability of 95 %.");
  return AS_OK;
}

/* One column of as_part_method_pairs: better method first. */
static void put_pairs(as_sheet *sh, const as_sum *s, size_t k) {
  const as_method_sum *d = &s->by_method;
  const as_methods *m = &d->methods;
  const as_oneway *l = &d->layout[k];
  size_t at = 0;
  for (size_t a = 0; a < m->n; a++)
    for (size_t b = a + 1; b < m->n; b++, at++) {
      if (isnan(l->p[at])) continue;
      const size_t row = as_sheet_row(sh), best = l->t[at] < 0.0 ? b : a, other = best == a ? b : a;
      const double gap = fabs(l->mean[a] - l->mean[b]);
      const double half =
          as_oneway_half(l, 1.0 / (1.0 / (double)l->size[a] + 1.0 / (double)l->size[b]), level);
      as_sheet_text(sh, row, 0, column_name(s, k));
      as_sheet_text(sh, row, 1, m->name[best]);
      as_sheet_text(sh, row, 2, m->name[other]);
      as_sheet_number(sh, row, 3, gap, gap - half, gap + half);
      as_sheet_number(sh, row, 4, fabs(l->t[at]), NAN, NAN);
      as_sheet_number(sh, row, 5, l->df, NAN, NAN);
      as_sheet_number(sh, row, 6, l->p[at], NAN, NAN);
      as_sheet_number(sh, row, 7, l->adjusted[at], NAN, NAN);
      as_sheet_number(sh, row, 8, as_permutation_floor(l->size[a], l->size[b]), NAN, NAN);
      as_sheet_text(sh, row, 9, as_tiers_above(&d->tiers[k], best, other) ? "yes" : "no");
    }
}

as_status as_part_method_pairs(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  if (s->by_method.methods.n < 2) return AS_OK;
  sh->title = "Every pair of methods on every set, with seeds as units";
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "first", "first", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "second", "second", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "difference", "difference", AS_COL_POINTS, 2, true);
  as_sheet_column(sh, "t", "t", AS_COL_REAL, 2, false);
  as_sheet_column(sh, "df", "degrees of\nfreedom", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "p", "p", AS_COL_P, 4, false);
  as_sheet_column(sh, "p_holm", "p Holm", AS_COL_P, 4, false);
  as_sheet_column(sh, "p_permutation_floor", "least p by\npermutation", AS_COL_P, 4, false);
  as_sheet_column(sh, "separable", "separable", AS_COL_TEXT, 0, false);
  for (size_t k = 0; k < columns_of(s); k++) put_pairs(sh, s, k);
  as_str_put(
      &sh->how,
      "Student's t test with the pooled deviation within methods; Holm's correction over the pairs of a set; "
      "95 % interval of the difference, of this pair alone. Least p: the smallest that an exact permutation "
      "test of so many seeds could give.");
  return AS_OK;
}
