/* The parts of a report that hold the tiers: a row per column, per model, per pair of neighbours. */
#include <math.h>

#include "eval/report/report_parts_int.h"
#include "eval/stats/stats_order.h"
#include "tensor/base/mem.h"

static const char *column_name(const as_sum *s, size_t k) {
  return k < s->r->n_sets ? as_set_name(s->r, k) : "mean";
}

/* How the neighbours on the base fare elsewhere, over the models with every set. */
typedef struct neighbour_fates {
  size_t resolved, same, tied, opposite;
} neighbour_fates;

/* order[n]: whole models by falling accuracy on the base; pairs that tie there have no order to keep. */
static neighbour_fates fates_of_neighbours(const as_sum *s, const size_t *order, size_t n, size_t k) {
  neighbour_fates f = {0};
  for (size_t i = 0; i + 1 < n; i++) {
    f.resolved += as_tiers_above(&s->tiers[k], order[i], order[i + 1]) ||
                  as_tiers_above(&s->tiers[k], order[i + 1], order[i]);
    double base = as_sum_at(s, order[i], s->r->base)->acc - as_sum_at(s, order[i + 1], s->r->base)->acc;
    double here = as_sum_at(s, order[i], k)->acc - as_sum_at(s, order[i + 1], k)->acc;
    if (!(base > 0.0)) continue;
    f.same += here > 0.0;
    f.tied += here == 0.0;
    f.opposite += here < 0.0;
  }
  return f;
}

/* The whole models in the order of the base; NULL below two of them, or without memory. */
static size_t *order_on_base(const as_sum *s, size_t *n, as_err *err, as_status *st) {
  size_t models = s->r->n_models;
  size_t *order = as_alloc(models, sizeof *order, err);
  double *v = as_alloc(models, sizeof *v, err);
  *st = order && v ? AS_OK : AS_E_ENV;
  for (size_t m = 0; *st == AS_OK && m < models; m++)
    v[m] = s->models[m].whole ? as_sum_at(s, m, s->r->base)->acc : NAN;
  if (*st == AS_OK) *st = as_falling_order(v, models, order, n, err);
  as_free(v);
  if (*st == AS_OK && *n > 1) return order;
  as_free(order);
  return NULL;
}

as_status as_part_resolved(as_sheet *sh, const as_sum *s, as_err *err) {
  const as_results *r = s->r;
  size_t n = 0, columns = r->n_sets + (r->n_sets > 1), rows = 0;
  as_status st;
  for (size_t k = 0; k < columns; k++) rows += as_sum_any_tier(s, k);
  if (rows == 0) return AS_OK;
  size_t *order = order_on_base(s, &n, err, &st);
  if (st != AS_OK) return st;
  sh->title = "Which ranks are real: neighbours that the data tell apart";
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "pairs", "neighbouring\npairs", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "resolved", "resolved", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "tiers", "tiers", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "first", "share the\nfirst place", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "all_pairs", "all pairs", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "all_resolved", "resolved\nof all", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "base_resolved", "base's neighbours:\nresolved here", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "same_order", "same\norder", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "tied", "tied", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "reversed", "reversed", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "test", "test", AS_COL_TEXT, 0, false);
  for (size_t k = 0; k < columns; k++) {
    const as_tiers *t = &s->tiers[k];
    if (!as_sum_any_tier(s, k)) continue;
    size_t row = as_sheet_row(sh);
    as_sheet_text(sh, row, 0, column_name(s, k));
    const double v[] = {(double)(t->n - 1), (double)as_tiers_steps(t), (double)t->n_tiers,
                        (double)t->first,   (double)t->pairs,          (double)t->resolved};
    for (size_t c = 0; c < sizeof v / sizeof *v; c++) as_sheet_number(sh, row, c + 1, v[c], NAN, NAN);
    as_sheet_text(sh, row, 11, t->paired ? "paired" : "counts");
    if (!order || k == r->n_sets) continue;
    neighbour_fates f = fates_of_neighbours(s, order, n, k);
    const double w[] = {(double)f.resolved, (double)f.same, (double)f.tied, (double)f.opposite};
    for (size_t c = 0; c < 4; c++) as_sheet_number(sh, row, c + 7, w[c], NAN, NAN);
  }
  as_str_put(
      &sh->how,
      "Resolved: the test of the pair survives Holm's correction over all pairs of the column, so that no "
      "resolved pair is equal or reversed with a probability of 95 %. Counts: two independent samples of "
      "images; paired: McNemar's test on the same images.");
  if (order)
    as_str_printf(
        &sh->how,
        " The base's neighbours: the %zu pair%s of the %zu models with every set that are next to each other "
        "on %s; those that tie there have no order to keep.",
        n - 1, n == 2 ? "" : "s", n, as_set_name(r, r->base));
  as_free(order);
  return AS_OK;
}

as_status as_part_tiers(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  size_t columns = r->n_sets + (r->n_sets > 1), any = 0;
  for (size_t k = 0; k < columns; k++) any += as_sum_any_tier(s, k);
  if (any == 0) return AS_OK;
  const as_tiers *t = &s->tiers[r->n_sets];
  sh->title = "Tiers: models of one tier cannot be told apart, each of the next is worse than one of them";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "mean", "mean", AS_COL_SHARE, 2, false);
  as_sheet_column(sh, "rank", "rank, all\nat once", AS_COL_RANK, 0, t->n > 1);
  as_sheet_column(sh, "tier", "tier by\nthe mean", AS_COL_COUNT, 0, false);
  for (size_t k = 0; k < r->n_sets; k++)
    if (as_sum_any_tier(s, k)) as_sheet_named(sh, as_set_name(r, k), AS_COL_COUNT, 0, false);
  for (size_t i = 0; i < r->n_models; i++) {
    size_t m = s->order[i], row = as_sheet_row(sh), col = 4;
    as_sheet_text(sh, row, 0, as_model_name(r, m));
    as_sheet_number(sh, row, 1, s->models[m].value[AS_SUM_MEAN], NAN, NAN);
    if (t->n > 1 && t->tier[m]) {
      as_sheet_number(sh, row, 2, s->models[m].rank[AS_SUM_MEAN], t->rank_lo[m], t->rank_hi[m]);
      as_sheet_number(sh, row, 3, (double)t->tier[m], NAN, NAN);
    }
    for (size_t k = 0; k < r->n_sets; k++) {
      if (!as_sum_any_tier(s, k)) continue;
      if (s->tiers[k].tier[m]) as_sheet_number(sh, row, col, (double)s->tiers[k].tier[m], NAN, NAN);
      col++;
    }
  }
  as_str_put(
      &sh->how,
      "The intervals of ranks hold all true ranks together with a probability of 95 % (Klein, Wright and "
      "Wieczorek 2020; Mohamad, Goeman and van Zwet 2019). The columns of the sets hold the tier on the "
      "set.");
  return AS_OK;
}

as_status as_part_neighbours(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  size_t columns = r->n_sets + (r->n_sets > 1), any = 0;
  for (size_t k = 0; k < columns; k++) any += as_sum_any_tier(s, k);
  if (any == 0) return AS_OK;
  sh->title = "Every pair of neighbours: is it resolved, and how many images would?";
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "first", "first", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "second", "second", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "difference", "difference", AS_COL_POINTS, 2, false);
  as_sheet_column(sh, "statistic", "standard\nerrors", AS_COL_REAL, 2, false);
  as_sheet_column(sh, "needed", "needed", AS_COL_REAL, 2, false);
  as_sheet_column(sh, "resolved", "resolved", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "times_images", "times the\nimages", AS_COL_DIGITS, 3, false);
  for (size_t k = 0; k < columns; k++) {
    const as_tiers *t = &s->tiers[k];
    for (size_t i = 0; t->n > 1 && i + 1 < t->n; i++) {
      size_t a = t->order[i], b = t->order[i + 1], row = as_sheet_row(sh);
      double x = k < r->n_sets ? as_sum_at(s, a, k)->acc : s->models[a].value[AS_SUM_MEAN];
      double y = k < r->n_sets ? as_sum_at(s, b, k)->acc : s->models[b].value[AS_SUM_MEAN];
      as_sheet_text(sh, row, 0, column_name(s, k));
      as_sheet_text(sh, row, 1, as_model_name(r, a));
      as_sheet_text(sh, row, 2, as_model_name(r, b));
      as_sheet_number(sh, row, 3, x - y, NAN, NAN);
      as_sheet_number(sh, row, 4, t->step[i], NAN, NAN);
      as_sheet_number(sh, row, 5, t->z, NAN, NAN);
      as_sheet_text(sh, row, 6, as_tiers_next(t, i) ? "yes" : "no");
      as_sheet_number(sh, row, 7, as_tiers_need(t, i), NAN, NAN);
    }
  }
  as_str_put(
      &sh->how,
      "Times the images: so many times as many would resolve the pair with a probability of 80 %, were the "
      "difference exactly as it was seen; empty where it is resolved or zero. Where the test is exact, it "
      "decides and not the standard errors.");
  return AS_OK;
}
