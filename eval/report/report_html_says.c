/* Under every statistic of report.html: what it says in plain words, a sentence that reads the numbers of this very
 * report, and its terms, each of which opens a line of explanation. */
#include <math.h>
#include <string.h>

#include "eval/report/report_html_int.h"
#include "eval/stats/stats_order.h"
#include "tensor/base/mem.h"

enum { TERMS = 3 };

/* Appends the sentence; nothing where the numbers for it are not there. */
typedef void reading_fn(as_str *t, const as_html *h);

static as_num points_text(double fraction) {
  return as_fix(100 * fabs(fraction), 1);
}

static void read_accuracy(as_str *t, const as_html *h) {
  const size_t n = h->r->n_models, base = h->r->base;
  size_t best = n, others = 0, within = 0;
  for (size_t m = 0; m < n; m++) {
    const as_sum_cell *c = as_sum_at(h->s, m, base);
    if (c->ok && isfinite(c->lo) && (best == n || c->acc > as_sum_at(h->s, best, base)->acc)) best = m;
  }
  if (best == n) return;
  const as_sum_cell *b = as_sum_at(h->s, best, base);
  for (size_t m = 0; m < n; m++) {
    const as_sum_cell *c = as_sum_at(h->s, m, base);
    others += m != best && c->ok;
    within += m != best && c->ok && c->acc >= b->lo;
  }
  as_str_printf(t,
                "On %s, %s has %s %% of %lld images right; with other images of the kind, %s to %s %% would "
                "be no surprise.",
                as_html_set(h, base), as_model_name(h->r, best), as_pct(b->acc, 1).s,
                (long long)as_results_cell(h->r, best, base)->n_used, as_pct(b->lo, 1).s, as_pct(b->hi, 1).s);
  if (others) as_str_printf(t, " Within that: %zu of the other %zu models.", within, others);
}

static void read_ranks(as_str *t, const as_html *h) {
  size_t who = 0, from = 0, to = 0, still = 0;
  double most = 0;
  for (size_t i = 0; i < h->r->n_models; i++) {
    size_t lo = 0, hi = 0, m = h->s->order[i];
    bool whole = true;
    for (size_t k = 0; k < h->r->n_sets; k++) {
      double v = as_sum_at(h->s, m, k)->rank;
      whole = whole && isfinite(v);
      if (v < as_sum_at(h->s, m, lo)->rank) lo = k;
      if (v > as_sum_at(h->s, m, hi)->rank) hi = k;
    }
    double d = whole ? as_sum_at(h->s, m, hi)->rank - as_sum_at(h->s, m, lo)->rank : NAN;
    still += d == 0;
    if (d > most) most = d, who = m, from = lo, to = hi;
  }
  as_str_printf(t, "%zu of %zu models keep one place on every set.", still, h->r->n_models);
  if (most > 0)
    as_str_printf(t, " %s moves most: place %s on %s, %s on %s.", as_model_name(h->r, who),
                  as_rank_text(as_sum_at(h->s, who, from)->rank).s, as_html_set(h, from),
                  as_rank_text(as_sum_at(h->s, who, to)->rank).s, as_html_set(h, to));
}

/* The first two by the mean, on the base. */
static void read_pairs(as_str *t, const as_html *h) {
  const size_t a = h->s->order[0], b = h->s->order[1], k = h->r->base;
  const size_t at = as_pair_at(&h->s->pairs, a < b ? a : b, a < b ? b : a) * h->r->n_sets + k;
  const as_mcnemar *m = &h->s->pairs.test[at];
  const double p = h->s->pairs.p_adjusted[at];
  if (!isfinite(p)) return;
  as_str_printf(
      t,
      "On %s, %s and %s differ on %lld of %lld images: %lld that only the first has right, %lld only "
      "the second. Were neither better, a split as uneven would come with p %s, after the correction p %s: ",
      as_html_set(h, k), as_model_name(h->r, a), as_model_name(h->r, b), (long long)(m->b + m->c),
      (long long)m->n, (long long)(a < b ? m->b : m->c), (long long)(a < b ? m->c : m->b),
      as_p_text(m->p_mid).s, as_p_text(p).s);
  as_str_put(t, p < 0.05 ? "one is better there." : "the images do not tell which is better there.");
}

static void read_against(as_str *t, const as_html *h) {
  const size_t m = h->s->order[0];
  const double x = as_sum_at(h->s, m, h->r->base)->acc;
  for (size_t k = 0; k < h->r->n_sets; k++) {
    const as_fit *fit = &h->s->stats.set[k].fit;
    const as_sum_cell *c = as_sum_at(h->s, m, k);
    if (k == h->r->base || h->r->n_models < AS_CHART_FIT || fit->n < 3 || !c->ok || !isfinite(x)) continue;
    as_str_printf(t, "By the line of these models, who has %s %% on %s has %s %% on %s; %s has %s %%.",
                  as_pct(x, 1).s, as_html_set(h, h->r->base), as_pct(as_fit_logit_at(fit, x, 1e-4), 1).s,
                  as_html_set(h, k), as_model_name(h->r, m), as_pct(c->acc, 1).s);
    return;
  }
}

/* The mean change of the models on set k; *n of them, *sure by more than chance explains. */
static double mean_change(const as_html *h, size_t k, size_t *n, size_t *sure) {
  double sum = 0;
  *n = *sure = 0;
  for (size_t m = 0; m < h->r->n_models; m++) {
    const as_sum_cell *c = as_sum_at(h->s, m, k);
    if (k == h->r->base || !isfinite(c->drop)) continue;
    ++*n;
    sum += c->drop;
    *sure += c->drop_hi < 0 || c->drop_lo > 0;
  }
  return *n ? sum / (double)*n : NAN;
}

/* The sets on which the models lose most and least. */
static void read_changes(as_str *t, const as_html *h) {
  size_t n, sure, lo = h->r->base, hi = lo;
  for (size_t k = 0; k < h->r->n_sets; k++) {
    double v = mean_change(h, k, &n, &sure);
    if (!isfinite(v)) continue;
    if (lo == h->r->base || v < mean_change(h, lo, &n, &sure)) lo = k;
    if (hi == h->r->base || v > mean_change(h, hi, &n, &sure)) hi = k;
  }
  for (int i = 0; lo != h->r->base && i < (lo == hi ? 1 : 2); i++) {
    size_t k = i ? hi : lo;
    double v = mean_change(h, k, &n, &sure);
    as_str_printf(t, "%son %s the models %s %s points in the mean, %zu of %zu by more than chance explains%s",
                  i ? "; " : "", as_html_set(h, k), v < 0 ? "lose" : "gain", points_text(v).s, sure, n,
                  i || lo == hi ? "." : "");
  }
}

static void read_robustness(as_str *t, const as_html *h) {
  size_t who = 0, on = 0;
  double most = 0;
  for (size_t m = 0; m < h->r->n_models; m++)
    for (size_t k = 0; k < h->r->n_sets; k++) {
      double v = h->s->stats.rho[m * h->r->n_sets + k];
      if (k != h->r->base && isfinite(v) && fabs(v) > fabs(most)) most = v, who = m, on = k;
    }
  if (most != 0)
    as_str_printf(t, "%s on %s is furthest from what its accuracy on %s lets expect: %s points %s.",
                  as_model_name(h->r, who), as_html_set(h, on), as_html_set(h, h->r->base),
                  points_text(most).s, most > 0 ? "more" : "less");
}

static void read_unified(as_str *t, const as_html *h) {
  const as_sum_model *m = &h->s->models[h->s->order[0]];
  if (h->s->n_whole == 0 || !isfinite(m->mean_lo)) return;
  as_str_printf(t, "%s: %s %%, and between %s and %s with other images.", as_html_model(h, 0),
                as_pct(m->value[AS_SUM_MEAN], 1).s, as_pct(m->mean_lo, 1).s, as_pct(m->mean_hi, 1).s);
  if (isfinite(m->p_first))
    as_str_printf(t, " It was first in %s %% of the resamples, its place between %s and %s.",
                  as_pct(m->p_first, 0).s, as_rank_text(m->rank_lo).s, as_rank_text(m->rank_hi).s);
}

static void read_agreement(as_str *t, const as_html *h) {
  const size_t n = h->r->n_models, sets = h->r->n_sets;
  size_t a = 0, b = 0;
  for (size_t i = 0; i < sets; i++)
    for (size_t j = i + 1; j < sets; j++)
      if (isfinite(h->s->tau[i * sets + j]) && (a == b || h->s->tau[i * sets + j] < h->s->tau[a * sets + b]))
        a = i, b = j;
  double *x = as_alloc(n, 2 * sizeof *x, NULL);
  if (!x) t->failed = true;
  if (x && a != b) {
    for (size_t m = 0; m < n; m++) {
      x[m] = as_sum_at(h->s, m, a)->acc;
      x[n + m] = as_sum_at(h->s, m, b)->acc;
    }
    as_order_pairs c = as_order_count(x, x + n, n);
    as_str_printf(
        t,
        "%s and %s agree least: of %lld pairs of models %lld stand in the same order on both, %lld in the "
        "opposite one; tau-b %s.",
        as_html_set(h, a), as_html_set(h, b), (long long)c.pairs, (long long)c.same, (long long)c.opposite,
        as_fix(h->s->tau[a * sets + b], 2).s);
  }
  as_free(x);
}

static void read_translation(as_str *t, const as_html *h) {
  const as_table_stats *s = &h->s->stats;
  for (size_t k = 0; k < h->r->n_sets; k++)
    for (size_t i = 0; k != h->r->base && i < s->n_bins; i++) {
      const as_translation_bin *b = &s->set[k].bins[i];
      if (b->pairs == 0) continue;
      as_str_printf(t, "Of %lld pairs %s to %s points apart on %s, %lld keep their order on %s.",
                    (long long)b->pairs, as_fix(100 * b->gap_lo, 2).s, as_fix(100 * b->gap_hi, 2).s,
                    as_html_set(h, h->r->base), (long long)b->kept, as_html_set(h, k));
      return;
    }
}

static void read_mean_ranks(as_str *t, const as_html *h) {
  const as_table_stats *s = &h->s->stats;
  size_t a = 0, b = SIZE_MAX;
  for (size_t i = 1; i < s->n_whole; i++)
    if (s->mean_rank[i] < s->mean_rank[a]) a = i;
  for (size_t i = 0; i < s->n_whole; i++)
    if (i != a && (b == SIZE_MAX || s->mean_rank[i] < s->mean_rank[b])) b = i;
  if (b == SIZE_MAX) return;
  double d = s->mean_rank[b] - s->mean_rank[a];
  as_str_printf(t, "%s has the mean rank %s, %s %s: %s apart, and %s are needed, so that the test %s.",
                as_model_name(h->r, s->whole[a]), as_fix(s->mean_rank[a], 2).s,
                as_model_name(h->r, s->whole[b]), as_fix(s->mean_rank[b], 2).s, as_fix(d, 2).s,
                as_fix(s->friedman.cd05, 2).s,
                d > s->friedman.cd05 ? "tells them apart" : "does not tell them apart");
}

static void read_calibration(as_str *t, const as_html *h) {
  const size_t k = h->r->base;
  const as_calibration *worst = NULL, *best = NULL;
  size_t who[2] = {0, 0};
  for (size_t m = 0; m < h->r->n_models; m++) {
    const as_calibration *c = &h->s->calibration[m * h->r->n_sets + k];
    if (c->n <= 0) continue;
    if (!worst || c->ece > worst->ece) worst = c, who[0] = m;
    if (!best || c->ece < best->ece) best = c, who[1] = m;
  }
  if (!worst) return;
  const double over = worst->confidence - worst->accuracy;
  as_str_printf(t, "On %s, %s is %s %% sure in the mean and right in %s %%: %s points too %s.",
                as_html_set(h, k), as_model_name(h->r, who[0]), as_pct(worst->confidence, 1).s,
                as_pct(worst->accuracy, 1).s, points_text(over).s, over > 0 ? "sure" : "modest");
  if (best != worst)
    as_str_printf(t, " The best calibrated there is %s (ECE %s points).", as_model_name(h->r, who[1]),
                  as_pct(best->ece, 1).s);
}

static void read_protocols(as_str *t, const as_html *h) {
  as_put_protocols(t, h->s);
}

static const struct {
  const char *id, *plain;
  reading_fn *read;
  const char *term[TERMS][2]; /* word, explanation; NULL past the last */
} says[] = {
    {"accuracy",
     "How many images each model gets right, and how far chance could have moved that.",
     read_accuracy,
     {{"Wilson interval",
       "The accuracies that would make the observed count unsurprising, at 95 %; it stays between 0 "
       "and 100 % also for few images."},
      {"tier",
       "Models of one tier cannot be told apart from these images; a lower tier is worse than some model of "
       "the one above by more than chance explains."}}},
    {"ranks",
     "Whether the order of the models is the same everywhere. Lines that cross are changes of order.",
     read_ranks,
     {{"rank interval", "The places that the model takes in 95 % of the resamples."},
      {"resampling",
       "The images are drawn again from themselves, with repetition, some thousand times: how much the "
       "results move is how much they owe to chance (the bootstrap)."}}},
    {"protocols",
     "Whether the backbones or the way of using them makes the order. Lines that cross are changes of order.",
     read_protocols,
     {{"protocol",
       "What turns a backbone's features into answers: nearest neighbours, a linear probe and how it is "
       "fitted, the "
       "recipe of a framework."}}},
    {"pairs",
     "Two models that see the same images are compared on those where one is right and the other wrong; all "
     "others "
     "say nothing about which is better.",
     read_pairs,
     {{"McNemar's test",
       "Asks whether the images on which two models differ split more unevenly than fair coin tosses."},
      {"Holm's correction",
       "Who tests many pairs finds some by luck; p values are raised so that one false find among "
       "all tests stays below 5 %."},
      {"mid-p",
       "The exact p value less half of the probability of just this outcome: less timid with few images."}}},
    {"against",
     "Whether a model that is good on one set is as good on the other as its neighbours are.",
     read_against,
     {{"logit axes",
       "An axis on which from 50 to 60 % is as far as from 90 to 93 %: the odds, right to wrong, grow by "
       "the same factor. On it, models tend to lie on straight lines."}}},
    {"change",
     "How much accuracy is lost from the base set to another one.",
     read_changes,
     {{"Newcombe interval", "The interval of a difference, made of the two Wilson intervals."}}},
    {"robustness",
     "Who does better on the harder sets than its accuracy on the base lets expect.",
     read_robustness,
     {{"effective robustness",
       "Accuracy less what the line through other models predicts from the base set: 0 is as "
       "expected, above is more robust."}}},
    {"unified",
     "One number per model, the mean over the sets, and how firm its place is.",
     read_unified,
     {{"P(first)", "The share of the resamples in which the model has the highest mean."},
      {"resampling",
       "The images are drawn again from themselves, with repetition, some thousand times: how much the "
       "results move is how much they owe to chance (the bootstrap)."}}},
    {"agreement",
     "Whether two sets would crown the same models.",
     read_agreement,
     {{"Kendall's tau-b",
       "Pairs of models in the same order less pairs in the opposite order, by all pairs; corrected "
       "for ties."}}},
    {"translation",
     "Whether a small lead on the base set is still a lead on another one: at 50 % it says nothing.",
     read_translation,
     {{"jackknife",
       "Everything is computed again without each model in turn; how much that moves the result is its "
       "uncertainty."}}},
    {"mean-ranks",
     "A test that looks at the places alone, not at the images.",
     read_mean_ranks,
     {{"Friedman's test",
       "Asks whether the mean ranks differ more than they would if every order on every set were "
       "drawn by lot."},
      {"critical difference", "Mean ranks nearer to each other than this are not told apart (Nemenyi)."}}},
    {"calibration",
     "Whether a model's confidence can be believed.",
     read_calibration,
     {{"confidence", "The probability that the model itself gives to its answer."},
      {"ECE",
       "Expected calibration error: the answers are sorted into 15 bins by confidence; the mean gap between "
       "confidence and accuracy of the bins, weighted by their images."}}},
};

void as_html_says(const as_html *h, const char *id) {
  for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
    if (strcmp(says[i].id, id) != 0) continue;
    as_str text = {0};
    if (says[i].read) says[i].read(&text, h);
    as_str_put(h->out, "<div class=\"says\"><p><b>What does this say?</b> ");
    as_put_html(h->out, says[i].plain);
    if (text.n) {
      as_str_put(h->out, " Here: ");
      as_html_text(h, as_str_c(&text));
    }
    as_str_put(h->out, "</p>\n");
    for (size_t q = 0; q < TERMS && says[i].term[q][0]; q++) {
      as_str_put(h->out, "<details class=\"term\"><summary>");
      as_put_html(h->out, says[i].term[q][0]);
      as_str_put(h->out, "</summary>");
      as_put_html(h->out, says[i].term[q][1]);
      as_str_put(h->out, "</details>\n");
    }
    as_str_put(h->out, "</div>\n");
    if (text.failed) h->out->failed = true;
    as_str_clear(&text);
  }
}
