/* The lottery: how often another choice would have crowned another model, each cause apart; in words and as parts. */
#include <math.h>

#include "eval/report/report_parts_int.h"
#include "tensor/base/mem.h"

enum { FEWEST_SETS = 3 };

as_status as_sum_lottery(as_sum *s, uint64_t seed, as_err *err) {
  const as_table_stats *t = &s->stats;
  const size_t sets = s->r->n_sets;
  if (t->n_whole < 2 || sets < FEWEST_SETS) return AS_OK;
  double *acc = as_alloc(t->n_whole * sets, sizeof *acc, err);
  if (!acc) return AS_E_ENV;
  for (size_t i = 0; i < t->n_whole * sets; i++) acc[i] = as_sum_at(s, t->whole[i / sets], i % sets)->acc;
  as_status st = as_set_lottery_run(acc, t->n_whole, sets, seed, &s->lottery, err);
  as_free(acc);
  return st;
}

/* Place w among the whole models, as a name. */
static const char *whole_name(const as_sum *s, size_t w) {
  return as_model_name(s->r, s->stats.whole[w]);
}

/* One cause: of so many choices, which share crowns another than the winner, and whom most often. */
typedef struct cause {
  const char *name;
  bool of_one_set; /* words say these set by set */
  double choices, other;
  const char *whom; /* NULL: nobody */
} cause;

/* share[n_whole] of first places: what the winner does not have, and who has most of it. */
static void fill_shares(cause *c, const as_sum *s, const double *share) {
  const size_t winner = s->lottery.winner;
  double most = 0.0;
  c->other = fmax(0.0, 1.0 - share[winner]);
  c->whom = NULL;
  if (c->other < 1e-9) c->other = 0.0;
  for (size_t w = 0; w < s->stats.n_whole; w++) {
    if (w == winner || share[w] <= most) continue;
    most = share[w];
    c->whom = whole_name(s, w);
  }
}

/* share[w] of the sets, each alone or each left out. */
static void each_set(const as_sum *s, bool alone, double *share) {
  const as_table_stats *t = &s->stats;
  const size_t sets = s->r->n_sets;
  for (size_t w = 0; w < t->n_whole; w++) share[w] = 0.0;
  for (size_t k = 0; k < sets; k++) {
    size_t best = s->lottery.winner;
    for (size_t w = 0; alone && w < t->n_whole; w++)
      if (as_sum_at(s, t->whole[w], k)->acc > as_sum_at(s, t->whole[best], k)->acc) best = w;
    share[alone ? best : s->lottery.without[k]] += 1.0 / (double)sets;
  }
}

/* share[w] of the summaries; a tie with the winner is his. */
static void each_summary(const as_sum *s, double *share) {
  const as_table_stats *t = &s->stats;
  for (size_t w = 0; w < t->n_whole; w++) share[w] = 0.0;
  for (int j = 0; j < AS_SUM_N; j++) {
    size_t best = s->lottery.winner;
    if (j == AS_SUM_MEAN) continue;
    for (size_t w = 0; w < t->n_whole; w++)
      if (s->models[t->whole[w]].rank[j] < s->models[t->whole[best]].rank[j]) best = w;
    share[best] += 1.0 / (AS_SUM_N - 1);
  }
}

/* The same of backbones: share[backbones]. */
static void fill_backbones(cause *c, const as_protocols *p, const double *share) {
  double most = 0.0;
  c->other = fmax(0.0, 1.0 - share[p->winner]);
  if (c->other < 1e-9) c->other = 0.0;
  for (size_t b = 0; b < p->backbones; b++) {
    if (b == p->winner || share[b] <= most) continue;
    most = share[b];
    c->whom = p->backbone[b];
  }
}

enum { MOST_CAUSES = 9 };

/* All causes that these results can tell of; share: [n_whole] to work in. */
static size_t find_causes(const as_sum *s, cause *c, double *share) {
  const as_table_stats *t = &s->stats;
  const as_method_sum *d = &s->by_method;
  const size_t mean = s->r->n_sets;
  size_t n = 0;
  c[n] = (cause){.name = "sets drawn again", .choices = (double)s->lottery.draws};
  fill_shares(&c[n++], s, s->lottery.first);
  each_set(s, false, share);
  c[n] = (cause){.of_one_set = true, .name = "one set left out", .choices = (double)s->r->n_sets};
  fill_shares(&c[n++], s, share);
  each_set(s, true, share);
  c[n] = (cause){.of_one_set = true, .name = "one set alone", .choices = (double)s->r->n_sets};
  fill_shares(&c[n++], s, share);
  if (t->subsets.subsets) {
    c[n] = (cause){.name = "any subset of the sets", .choices = (double)t->subsets.subsets};
    fill_shares(&c[n++], s, t->subsets.first);
  }
  each_summary(s, share);
  c[n] = (cause){.name = "another summary than the mean", .choices = AS_SUM_N - 1};
  fill_shares(&c[n++], s, share);
  if (s->bootstrapped) {
    for (size_t w = 0; w < t->n_whole; w++) share[w] = s->models[t->whole[w]].p_first;
    c[n] = (cause){.name = "images drawn again", .choices = s->resamples};
    fill_shares(&c[n++], s, share);
  }
  if (s->protocols.n) { /* here it is a backbone */
    const as_protocols *p = &s->protocols;
    double combinations = 1.0;
    for (size_t b = 0; b < p->backbones; b++) combinations *= (double)p->n;
    c[n] = (cause){.name = "another protocol for all", .choices = (double)(p->n - 1)};
    fill_backbones(&c[n++], p, p->other);
    c[n] = (cause){.name = "a protocol of its own for each backbone", .choices = combinations};
    fill_backbones(&c[n++], p, p->mixed);
  }
  if (d->methods.n > 1 && d->tiers[mean].n > 1) { /* here the winner is a method */
    const size_t best = d->tiers[mean].order[0];
    const double *first = &d->first[mean * d->methods.n];
    double choices = 1.0, most = 0.0;
    c[n] = (cause){.name = "one seed of each method", .other = fmax(0.0, 1.0 - first[best])};
    for (size_t m = 0; m < d->methods.n; m++) {
      choices *= (double)d->methods.seeds[m];
      if (m == best || first[m] <= most) continue;
      most = first[m];
      c[n].whom = d->methods.name[m];
    }
    c[n++].choices = choices;
  }
  return n;
}

as_status as_part_lottery(as_sheet *sh, const as_sum *s, as_err *err) {
  cause c[MOST_CAUSES];
  if (!s->lottery.first) return AS_OK;
  double *share = as_alloc(s->stats.n_whole, sizeof *share, err);
  if (!share) return AS_E_ENV;
  const size_t n = find_causes(s, c, share);
  sh->title = "The lottery: how often would another choice have crowned another model?";
  as_sheet_column(sh, "cause", "the choice of", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "choices", "choices", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "another", "another\nis first", AS_COL_SHARE, 1, false);
  as_sheet_column(sh, "most_often", "most often", AS_COL_TEXT, 0, false);
  for (size_t i = 0; i < n; i++) {
    const size_t row = as_sheet_row(sh);
    as_sheet_text(sh, row, 0, c[i].name);
    as_sheet_number(sh, row, 1, c[i].choices, NAN, NAN);
    as_sheet_number(sh, row, 2, c[i].other, NAN, NAN);
    as_sheet_text(sh, row, 3, c[i].whom ? c[i].whom : "");
  }
  as_str_printf(
      &sh->how,
      "Another: than %s, the first by the mean over all sets. Sets drawn again: bootstrap with sets as "
      "units, "
      "%zu draws%s. Ties share the place. Each cause alone, all else as it was; they do not add up.",
      whole_name(s, s->lottery.winner), s->lottery.draws, s->lottery.exact ? ", all there are" : "");
  if (s->protocols.n)
    as_str_printf(&sh->how, " Protocols: another backbone than %s, the first with %s.",
                  s->protocols.backbone[s->protocols.winner], s->protocols.name[s->protocols.chosen]);
  if (c[n - 1].choices > 0 && s->by_method.methods.n > 1)
    as_str_put(&sh->how, " Seeds: another method than the first by the mean over its seeds.");
  as_free(share);
  return AS_OK;
}

as_status as_part_without(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  if (!s->lottery.first) return AS_OK;
  sh->title = "Each set left out: who is first without it?";
  as_sheet_column(sh, "without", "without", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "first", "first", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "lead", "ahead of the\nwinner by", AS_COL_POINTS, 2, false);
  for (size_t k = 0; k < s->r->n_sets; k++) {
    const size_t row = as_sheet_row(sh);
    as_sheet_text(sh, row, 0, as_set_name(s->r, k));
    as_sheet_text(sh, row, 1, whole_name(s, s->lottery.without[k]));
    if (s->lottery.without[k] != s->lottery.winner) as_sheet_number(sh, row, 2, s->lottery.lead[k], NAN, NAN);
  }
  as_str_printf(&sh->how, "The winner: %s, the first by the mean over all sets.",
                whole_name(s, s->lottery.winner));
  return AS_OK;
}

/* What would crown another model, as sentences; nothing where that cannot be told. */
static void put_lottery(as_str *out, const as_sum *s) {
  cause c[MOST_CAUSES];
  if (!s->lottery.first) return;
  double *share = as_alloc(s->stats.n_whole, sizeof *share, NULL);
  if (!share) {
    out->failed = true;
    return;
  }
  const size_t n = find_causes(s, c, share);
  as_str_printf(out, "What would change it: %s is first by the mean over the %zu sets",
                whole_name(s, s->lottery.winner), s->r->n_sets);
  size_t changed = 0;
  for (size_t k = 0; k < s->r->n_sets; k++) {
    if (s->lottery.without[k] == s->lottery.winner) continue;
    as_str_printf(out, "; without %s, %s is", as_set_name(s->r, k), whole_name(s, s->lottery.without[k]));
    changed++;
  }
  if (!changed) as_str_put(out, ", and stays so when any one of them is left out");
  size_t said = 0;
  for (size_t i = 0; i < n; i++)
    if (!c[i].of_one_set && c[i].other > 0.0)
      as_str_printf(out, "%s in %s %% with %s", said++ ? "," : ". Another is first", as_pct(c[i].other, 1).s,
                    c[i].name);
  as_str_put(out, said ? "" : ". Nothing else that was tried crowns another, either:");
  const bool any = said > 0;
  said = 0;
  for (size_t i = 0; i < n; i++)
    if (!c[i].of_one_set && !(c[i].other > 0.0))
      as_str_printf(out, "%s %s", said++ ? "," : any ? "; never with" : "", c[i].name);
  as_str_putc(out, '.');
  as_free(share);
}

const as_words as_first_words[] = {{"decision", as_put_decision},
                                   {"decision_lottery", put_lottery},
                                   {"decision_protocols", as_put_protocols},
                                   {"decision_methods", as_put_methods_decision}};
const size_t as_first_word_count = sizeof as_first_words / sizeof *as_first_words;
