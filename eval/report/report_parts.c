/* The parts of a report that compare models and sets: what is real, what translates, what depends on the
 * choice of sets. Each is a sheet; the writers lay it out. */
#include <math.h>
#include <string.h>

#include "eval/report/report_parts_int.h"

enum { MOST_CD_MODELS = 40, FEWEST_CURVE_MODELS = 4 };
static const double level = 0.05;

static void names_of(as_sheet *sh, size_t row, const as_sum *s, size_t m) {
  as_sheet_text(sh, row, 0, as_model_name(s->r, m));
}

/* --- the unified metric and its neighbours ------------------------------------------------------------ */

/* Where `whole`, which rises, has a model that it has. */
static size_t whole_place(const as_table_stats *t, size_t model) {
  size_t lo = 0, hi = t->n_whole;
  while (hi - lo > 1) {
    size_t mid = lo + (hi - lo) / 2;
    if (t->whole[mid] <= model)
      lo = mid;
    else
      hi = mid;
  }
  return lo;
}

static as_status unified(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  static const char *const keys[AS_SUM_N] = {"mean",      "geometric", "harmonic",      "worst",
                                             "mean_rank", "win_rate",  "relative_error"};
  const as_subsets *u = &s->stats.subsets;
  const as_results *r = s->r;
  sh->title = "The unified metric and what stands beside it";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, keys[0], "mean", AS_COL_SHARE, 2, true);
  as_sheet_column(sh, "rank", "rank", AS_COL_RANK, 0, s->any_rank_interval);
  if (as_sum_any_tier(s, r->n_sets)) as_sheet_column(sh, "tier", "tier", AS_COL_COUNT, 0, false);
  if (s->bootstrapped) as_sheet_column(sh, "p_first", "P(first)", AS_COL_SHARE, 1, false);
  for (int j = 1; j < AS_SUM_N; j++)
    as_sheet_column(sh, keys[j], as_sum_heads[j], j == AS_SUM_RANK ? AS_COL_REAL : AS_COL_SHARE, 2, false);
  if (u->subsets) {
    as_sheet_column(sh, "subsets_first", "first in\nsubsets", AS_COL_SHARE, 1, false);
    as_sheet_column(sh, "subsets_rank", "rank in\nsubsets", AS_COL_TEXT, 0, false);
  }
  for (size_t i = 0; i < r->n_models; i++) {
    const as_sum_model *m = &s->models[s->order[i]];
    size_t row = as_sheet_row(sh), col = 1;
    names_of(sh, row, s, s->order[i]);
    if (!m->whole) {
      as_sheet_text(sh, row, 1, "incomplete");
      continue;
    }
    as_sheet_number(sh, row, col++, m->value[AS_SUM_MEAN], m->mean_lo, m->mean_hi);
    as_sheet_number(sh, row, col++, m->rank[AS_SUM_MEAN], m->rank_lo, m->rank_hi);
    if (as_sum_any_tier(s, r->n_sets))
      as_sheet_number(sh, row, col++, (double)s->tiers[r->n_sets].tier[s->order[i]], NAN, NAN);
    if (s->bootstrapped) as_sheet_number(sh, row, col++, m->p_first, NAN, NAN);
    for (int j = 1; j < AS_SUM_N; j++) as_sheet_number(sh, row, col++, m->value[j], NAN, NAN);
    if (u->subsets) {
      size_t w = whole_place(&s->stats, s->order[i]);
      as_str span = {0};
      as_str_printf(&span, "%s to %s", as_rank_text(u->rank_lo[w]).s, as_rank_text(u->rank_hi[w]).s);
      as_sheet_number(sh, row, col, u->first[w], NAN, NAN);
      as_sheet_text(sh, row, col + 1, as_str_c(&span));
      as_str_clear(&span);
    }
  }
  as_str_printf(&sh->how,
                "Relative error: error divided by %s's on the set, averaged over the sets (low is good).",
                as_model_name(r, 0));
  if (u->subsets)
    as_str_printf(
        &sh->how,
        " First and rank in subsets: over all %zu non-empty subsets of the sets, each ranked by its mean.",
        u->subsets);
  return AS_OK;
}

/* Every subset of the sets with its winner. */
static as_status subsets(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_subsets *u = &s->stats.subsets;
  const as_results *r = s->r;
  if (!u->subsets || u->subsets > 4095 || u->models < 2) return AS_OK;
  sh->title = "Every subset of the sets: who is first, and how the order agrees with that over all sets";
  as_sheet_column(sh, "sets", "sets averaged", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "n_sets", "n", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "first", "first", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "mean", "its mean", AS_COL_SHARE, 2, false);
  as_sheet_column(sh, "tau", "Kendall tau-b", AS_COL_REAL, 3, false);
  for (size_t mask = 1; mask <= u->subsets; mask++) {
    as_str sets = {0}, first = {0};
    double best = -1.0, count = 0.0;
    for (size_t k = 0; k < r->n_sets; k++) {
      if (!(mask >> k & 1)) continue;
      as_str_printf(&sets, "%s%s", count > 0 ? " + " : "", as_set_name(r, k));
      count += 1.0;
    }
    for (int pass = 0; pass < 2; pass++)
      for (size_t w = 0; w < u->models; w++) {
        double sum = 0.0;
        for (size_t k = 0; k < r->n_sets; k++)
          if (mask >> k & 1) sum += as_sum_at(s, s->stats.whole[w], k)->acc;
        if (pass == 0)
          best = fmax(best, sum / count);
        else if (sum / count >= best)
          as_str_printf(&first, "%s%s", first.n ? ", " : "", as_model_name(r, s->stats.whole[w]));
      }
    size_t row = as_sheet_row(sh);
    as_sheet_text(sh, row, 0, as_str_c(&sets));
    as_sheet_number(sh, row, 1, count, NAN, NAN);
    as_sheet_text(sh, row, 2, as_str_c(&first));
    as_sheet_number(sh, row, 3, best, NAN, NAN);
    if (u->tau) as_sheet_number(sh, row, 4, u->tau[mask - 1], NAN, NAN);
    as_str_clear(&sets);
    as_str_clear(&first);
  }
  as_str_printf(&sh->how, "Of %lld pairs of models, %lld do not keep one order over all %zu subsets.",
                (long long)u->pairs, (long long)u->flipped, u->subsets);
  return AS_OK;
}

/* --- between sets -------------------------------------------------------------------------------------- */

static as_status agreement(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  if (r->n_sets < 2 || r->n_models < 2) return AS_OK;
  sh->title = "How far the sets agree on the order of the models: Kendall's tau-b";
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  for (size_t k = 0; k < r->n_sets; k++) as_sheet_named(sh, as_set_name(r, k), AS_COL_REAL, 3, false);
  for (size_t i = 0; i < r->n_sets; i++) {
    size_t row = as_sheet_row(sh);
    as_sheet_text(sh, row, 0, as_set_name(r, i));
    for (size_t j = 0; j < r->n_sets; j++)
      as_sheet_number(sh, row, j + 1, s->tau[i * r->n_sets + j], NAN, NAN);
  }
  as_str_put(&sh->how, "1: the same order; 0: no relation; -1: the reverse. Ties are allowed for.");
  return AS_OK;
}

static as_status lines(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  if (r->n_sets < 2 || r->n_models < 3) return AS_OK;
  sh->title = "How the base predicts the other sets (least squares on logit axes)";
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "models", "models", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "slope", "slope", AS_COL_REAL, 4, false);
  as_sheet_column(sh, "intercept", "intercept", AS_COL_REAL, 4, false);
  as_sheet_column(sh, "r", "r", AS_COL_REAL, 3, false);
  as_sheet_column(sh, "spearman", "Spearman", AS_COL_REAL, 3, false);
  as_sheet_column(sh, "kendall", "Kendall", AS_COL_REAL, 3, false);
  as_sheet_column(sh, "rho_line", "rho from", AS_COL_TEXT, 0, false);
  for (size_t k = 0; k < r->n_sets; k++) {
    const as_table_set_stats *d = &s->stats.set[k];
    if (k == r->base) continue;
    size_t row = as_sheet_row(sh);
    as_str from = {0};
    as_sheet_text(sh, row, 0, as_set_name(r, k));
    as_sheet_number(sh, row, 1, (double)d->models, NAN, NAN);
    if (d->fit.n > 1) {
      as_sheet_number(sh, row, 2, d->fit.slope, NAN, NAN);
      as_sheet_number(sh, row, 3, d->fit.intercept, NAN, NAN);
      as_sheet_number(sh, row, 4, d->fit.r, NAN, NAN);
    }
    as_sheet_number(sh, row, 5, d->spearman, NAN, NAN);
    as_sheet_number(sh, row, 6, d->kendall, NAN, NAN);
    if (d->line)
      as_str_printf(&from, "testbed: %s x %s (%d models, x = %s)", as_fix(d->line->slope, 4).s,
                    as_fix_signed(d->line->intercept, 4).s, d->line->models, d->line->x_axis);
    else
      as_str_put(&from, "this table's fit");
    as_sheet_text(sh, row, 7, as_str_c(&from));
    as_str_clear(&from);
  }
  return AS_OK;
}

static as_status robustness(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  bool any = false, published = false, own = false;
  for (size_t i = 0; s->stats.rho && i < r->n_models * r->n_sets; i++) any = any || isfinite(s->stats.rho[i]);
  if (!any) return AS_OK;
  sh->title = "Effective robustness: points above the accuracy that the line predicts from the base";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  for (size_t k = 0; k < r->n_sets; k++) {
    if (k == r->base) continue;
    as_sheet_named(sh, as_set_name(r, k), AS_COL_POINTS, 1, false);
    published = published || s->stats.set[k].line;
    own = own || !s->stats.set[k].line;
  }
  for (size_t i = 0; i < r->n_models; i++) {
    size_t row = as_sheet_row(sh), col = 1;
    names_of(sh, row, s, s->order[i]);
    for (size_t k = 0; k < r->n_sets; k++)
      if (k != r->base) as_sheet_number(sh, row, col++, s->stats.rho[s->order[i] * r->n_sets + k], NAN, NAN);
  }
  as_str_put(&sh->how, "Taori et al. 2020.");
  for (size_t k = 0; published && k < r->n_sets; k++) {
    const as_robust_line *l = s->stats.set[k].line;
    if (k != r->base && l)
      as_str_printf(&sh->how, " %s: the ImageNet testbed's line, x = %s (%s).", as_set_name(r, k), l->x_axis,
                    strcmp(l->x_axis, "val") == 0 ? "1000 classes" : "the 200 classes of -R");
  }
  if (own)
    as_str_printf(&sh->how, " %s: this table's own fit, whose residuals sum to about zero.",
                  published ? "Other sets" : "The line");
  return AS_OK;
}

static as_status translation(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  if (r->n_sets < 2 || r->n_models < FEWEST_CURVE_MODELS) return AS_OK;
  sh->title =
      "Translation curve: pairs of models that keep their order, by the size of their gap on the base";
  as_sheet_column(sh, "gap", "gap, points", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "pairs", "pairs", AS_COL_COUNT, 0, false);
  for (size_t k = 0; k < r->n_sets; k++)
    if (k != r->base) as_sheet_named(sh, as_set_name(r, k), AS_COL_SHARE, 1, true);
  for (size_t b = 0; b < s->stats.n_bins; b++) {
    size_t row = as_sheet_row(sh), col = 2;
    int64_t pairs = 0;
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_translation_bin *d = &s->stats.set[k].bins[b];
      if (k == r->base) continue;
      if (col == 2) {
        as_str gap = {0};
        double lo = 100 * d->gap_lo, hi = 100 * d->gap_hi;
        as_str_put(&gap, as_fix(lo, lo == floor(lo) ? 0 : 2).s);
        if (hi >= 99.9)
          as_str_put(&gap, " or more");
        else
          as_str_printf(&gap, " to %s", as_fix(hi, hi == floor(hi) ? 0 : 2).s);
        as_sheet_text(sh, row, 0, as_str_c(&gap));
        as_str_clear(&gap);
      }
      pairs = d->pairs > pairs ? d->pairs : pairs;
      if (d->pairs > 0) as_sheet_number(sh, row, col, d->share, d->lo, d->hi);
      col++;
    }
    as_sheet_number(sh, row, 1, (double)pairs, NAN, NAN);
  }
  as_str_printf(
      &sh->how,
      "Of the pairs of models that differ by so much on %s, the share that keeps its order on the set "
      "(ties count half), with its 95 %% interval: a jackknife over models, because pairs that share a "
      "model are not independent.",
      as_set_name(r, r->base));
  return AS_OK;
}

static as_status mean_ranks(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_table_stats *t = &s->stats;
  if (!t->mean_rank || t->n_whole < 3 || t->n_whole > MOST_CD_MODELS) return AS_OK;
  sh->title = "Mean ranks over the sets: Friedman's test and Nemenyi's critical difference";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "mean_rank", "mean rank", AS_COL_REAL, 2, false);
  as_sheet_column(sh, "not_apart_from_best", "within CD\nof the best", AS_COL_TEXT, 0, false);
  double best = INFINITY, last = -INFINITY;
  for (size_t w = 0; w < t->n_whole; w++) best = fmin(best, t->mean_rank[w]);
  for (size_t done = 0; done < t->n_whole;) { /* by rising mean rank, ties in their order */
    double next = INFINITY;
    for (size_t w = 0; w < t->n_whole; w++)
      if (t->mean_rank[w] > last) next = fmin(next, t->mean_rank[w]);
    for (size_t w = 0; w < t->n_whole; w++) {
      if (t->mean_rank[w] < next || t->mean_rank[w] > next) continue;
      size_t row = as_sheet_row(sh);
      names_of(sh, row, s, t->whole[w]);
      as_sheet_number(sh, row, 1, t->mean_rank[w], NAN, NAN);
      as_sheet_text(sh, row, 2, t->mean_rank[w] - best < t->friedman.cd05 ? "yes" : "no");
      done++;
    }
    if (!isfinite(next)) break;
    last = next;
  }
  as_str_printf(
      &sh->how,
      "Friedman's chi2 %s, p %s; Iman and Davenport's p %s. Critical difference at 5 %%: %s, at 10 %%: %s. "
      "The sets (%zu) are few and share their classes, some even their images: the test is blunt, and its "
      "silence no proof of equality.",
      as_fix(t->friedman.chi2, 2).s, as_p_text(t->friedman.p_chi2).s, as_p_text(t->friedman.p_f).s,
      as_fix(t->friedman.cd05, 2).s, as_fix(t->friedman.cd10, 2).s, s->r->n_sets);
  return AS_OK;
}

/* --- pairs of models on the same images ---------------------------------------------------------------- */

/* How the pairs that differ on the base fare on another set. */
typedef struct pair_fates {
  size_t tested, differ;             /* on this set */
  size_t base, kept, open, reversed; /* of the pairs that differ on the base and were tested here */
} pair_fates;
static pair_fates count_fates(const as_pair_tests *p, size_t base, size_t set) {
  pair_fates f = {0};
  for (size_t i = 0; i < p->n_pairs; i++) {
    double here = p->p_adjusted[i * p->n_sets + set], there = p->p_adjusted[i * p->n_sets + base];
    if (!isfinite(here)) continue;
    f.tested++;
    if (here < level) f.differ++;
    if (!(there < level)) continue;
    f.base++;
    double a = p->test[i * p->n_sets + base].diff, b = p->test[i * p->n_sets + set].diff;
    if (here >= level)
      f.open++;
    else if ((a > 0) == (b > 0))
      f.kept++;
    else
      f.reversed++;
  }
  return f;
}

static as_status fates(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  if (s->pairs.n_tested == 0) return AS_OK;
  sh->title = "Which differences are real: pairs of models on the same images";
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "tested", "pairs tested", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "differ", "differ here", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "differ_on_base", "of those that differ\non the base", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "same_order", "same order", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "undecided", "undecided", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "reversed", "reversed", AS_COL_COUNT, 0, false);
  for (size_t k = 0; k < r->n_sets; k++) {
    pair_fates f = count_fates(&s->pairs, r->base, k);
    const double v[] = {(double)f.tested, (double)f.differ, (double)f.base,
                        (double)f.kept,   (double)f.open,   (double)f.reversed};
    size_t row = as_sheet_row(sh);
    as_str name = {0};
    as_str_printf(&name, "%s%s", as_set_name(r, k), k == r->base ? " (base)" : "");
    as_sheet_text(sh, row, 0, as_str_c(&name));
    as_str_clear(&name);
    for (size_t c = 0; c < (k == r->base ? 2u : 6u); c++) as_sheet_number(sh, row, c + 1, v[c], NAN, NAN);
  }
  as_str_printf(
      &sh->how,
      "McNemar's test (mid-p), Holm-corrected over all %zu tests together, at 5 %%. It asks about these "
      "images and these trained models; training anew would add its own spread.",
      s->pairs.n_tested);
  return AS_OK;
}

static as_status pairs(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  if (s->pairs.n_tested == 0) return AS_OK;
  sh->title = "Every pair of models on every set, on the same images";
  as_sheet_column(sh, "first", "first", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "second", "second", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "n", "images", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "only_first", "only first\nright", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "only_second", "only second\nright", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "difference", "difference", AS_COL_POINTS, 2, true);
  as_sheet_column(sh, "p_exact", "p exact", AS_COL_P, 4, false);
  as_sheet_column(sh, "p_mid", "p mid", AS_COL_P, 4, false);
  as_sheet_column(sh, "p_holm", "p Holm", AS_COL_P, 4, false);
  as_sheet_column(sh, "better", "better", AS_COL_TEXT, 0, false);
  for (size_t i = 0; i < r->n_models; i++)
    for (size_t j = i + 1; j < r->n_models; j++) {
      size_t a = s->order[i], b = s->order[j];
      for (size_t k = 0; k < r->n_sets; k++) {
        size_t at = as_pair_at(&s->pairs, a < b ? a : b, a < b ? b : a) * r->n_sets + k;
        const as_mcnemar *t = &s->pairs.test[at];
        double p = s->pairs.p_adjusted[at], d = a < b ? t->diff : -t->diff;
        if (!isfinite(p)) continue;
        size_t row = as_sheet_row(sh);
        as_sheet_text(sh, row, 0, as_model_name(r, a));
        as_sheet_text(sh, row, 1, as_model_name(r, b));
        as_sheet_text(sh, row, 2, as_set_name(r, k));
        as_sheet_number(sh, row, 3, (double)t->n, NAN, NAN);
        as_sheet_number(sh, row, 4, (double)(a < b ? t->b : t->c), NAN, NAN);
        as_sheet_number(sh, row, 5, (double)(a < b ? t->c : t->b), NAN, NAN);
        as_sheet_number(sh, row, 6, d, a < b ? t->lo : -t->hi, a < b ? t->hi : -t->lo);
        as_sheet_number(sh, row, 7, t->p_exact, NAN, NAN);
        as_sheet_number(sh, row, 8, t->p_mid, NAN, NAN);
        as_sheet_number(sh, row, 9, p, NAN, NAN);
        as_sheet_text(sh, row, 10, p >= level ? "undecided" : as_model_name(r, d > 0 ? a : b));
      }
    }
  as_str_printf(
      &sh->how,
      "McNemar's exact and mid-p test; Holm's correction over all %zu tests together; 95 %% interval of "
      "the paired difference.",
      s->pairs.n_tested);
  return AS_OK;
}

static as_status differences(as_sheet *sh, const as_sum *s, as_err *err) {
  const as_results *r = s->r;
  const as_subsets *u = &s->stats.subsets;
  if (!s->bootstrapped || s->n_whole < 2 || r->n_models > AS_PAIR_MODELS) return AS_OK;
  sh->title = "Differences of the unified metric between models";
  as_sheet_column(sh, "first", "first", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "second", "second", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "difference", "difference of means", AS_COL_POINTS, 2, true);
  as_sheet_column(sh, "above", "first is above,\nof resamples", AS_COL_SHARE, 1, false);
  if (u->above) as_sheet_column(sh, "above_subsets", "first is above,\nof subsets", AS_COL_SHARE, 1, false);
  for (size_t i = 0; i < s->n_whole; i++)
    for (size_t j = i + 1; j < s->n_whole; j++) {
      as_interval d;
      double above;
      as_status st = as_boot_difference(&s->boot, s->order[i], s->order[j], &d, &above, err);
      if (st != AS_OK) return st;
      size_t row = as_sheet_row(sh), a = whole_place(&s->stats, s->order[i]),
             b = whole_place(&s->stats, s->order[j]);
      as_sheet_text(sh, row, 0, as_model_name(r, s->order[i]));
      as_sheet_text(sh, row, 1, as_model_name(r, s->order[j]));
      as_sheet_number(sh, row, 2, d.value, d.lo, d.hi);
      as_sheet_number(sh, row, 3, above, NAN, NAN);
      if (!u->above) continue;
      /* counted in halves of subsets, kept as a float */
      double halves = 2.0 * (double)u->subsets;
      as_sheet_number(sh, row, 4, floor((double)u->above[a * u->models + b] * halves + 0.5) / halves, NAN,
                      NAN);
    }
  as_str_printf(&sh->how, "Paired bootstrap, %d resamples of %s, the same for both models.", s->resamples,
                s->by_class ? "whole classes" : "images");
  return AS_OK;
}

const as_part as_parts[] = {{"unified", unified, false, true},
                            {"resolved", as_part_resolved, false, false},
                            {"tiers", as_part_tiers, true, true},
                            {"neighbours", as_part_neighbours, true, true},
                            {"lottery", as_part_lottery, false, false},
                            {"without", as_part_without, true, false},
                            {"protocols", as_part_protocols, false, false},
                            {"methods", as_part_methods, false, false},
                            {"method-sets", as_part_method_sets, false, false},
                            {"method-cells", as_part_method_cells, true, false},
                            {"method-pairs", as_part_method_pairs, true, false},
                            {"fates", fates, false, false},
                            {"pairs", pairs, true, false},
                            {"differences", differences, true, false},
                            {"robustness", robustness, false, true},
                            {"lines", lines, false, false},
                            {"agreement", agreement, false, false},
                            {"translation", translation, false, false},
                            {"subsets", subsets, true, false},
                            {"mean-ranks", mean_ranks, false, false},
                            {"published", as_part_published, false, false},
                            {"top5", as_part_top5, true, false},
                            {"calibration", as_part_calibration, false, false},
                            {"reliability", as_part_reliability, true, false},
                            {"classes", as_part_classes, true, false},
                            {"corruptions", as_part_corruptions, false, false},
                            {"probes", as_part_probes, false, false},
                            {"gaps", as_part_gaps, true, false},
                            {"failures", as_part_failures, false, false}};
const size_t as_part_count = sizeof as_parts / sizeof *as_parts;

const as_part *as_part_find(const char *id) {
  for (size_t i = 0; i < as_part_count; i++)
    if (strcmp(as_parts[i].id, id) == 0) return &as_parts[i];
  return NULL;
}

const char *as_report_part_names(void) {
  return "cells, unified, resolved, tiers, neighbours, lottery, without, protocols, methods, method-sets, "
         "method-cells, "
         "method-pairs, "
         "fates, pairs, differences, robustness, lines, agreement, translation, subsets, mean-ranks, "
         "published, top5, calibration, reliability, classes, corruptions, probes, gaps, failures, all";
}

as_status as_report_part_check(const char *part, as_err *err) {
  if (!part || strcmp(part, "cells") == 0 || strcmp(part, "all") == 0 || as_part_find(part)) return AS_OK;
  const char *names[sizeof as_parts / sizeof *as_parts + 2] = {"cells", "all"};
  for (size_t i = 0; i < as_part_count; i++) names[i + 2] = as_parts[i].id;
  const char *near = as_nearest(part, names, as_part_count + 2);
  if (near) return as_fail(err, AS_E_USAGE, "--part: found '%s'; did you mean '%s'?", part, near);
  return as_fail(err, AS_E_USAGE, "--part: found '%s', wanted one of %s", part, as_report_part_names());
}
