/* The first screen of report.html: the questions that people come with, each with its answer and the place where more
 * of it stands. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/pictures_int.h"
#include "eval/report/report_html_int.h"
#include "tensor/base/mem.h"

/* Text in which a number and its per cent sign stay on one line: a card is narrow. */
static void put_unbroken(const as_html *h, const as_str *text) {
  as_str piece = {0};
  for (const char *p = as_str_c(text), *space; *p; p = space) {
    space = strstr(p, " %");
    if (!space) space = p + strlen(p);
    as_str_clear(&piece);
    as_str_putn(&piece, p, (size_t)(space - p));
    as_html_text(h, as_str_c(&piece));
    if (*space) as_str_put(h->out, "&nbsp;"), space++;
  }
  if (piece.failed) h->out->failed = true;
  as_str_clear(&piece);
}

static void put_ask(const as_html *h, const char *to, const char *question, const char *big,
                    const as_str *more) {
  as_str_printf(h->out, "<a class=\"card\" href=\"#%s\"><span>%s</span><b>", to, question);
  as_html_text(h, big);
  as_str_put(h->out, "</b><span>");
  put_unbroken(h, more);
  as_str_put(h->out, "</span></a>\n");
  if (more->failed) h->out->failed = true;
}

/* The section on the mean; of one set there is none. */
static const char *one_number(const as_html *h) {
  return h->r->n_sets > 1 ? "unified" : "accuracy";
}

/* The first two by the mean. */
static void ask_better(const as_html *h) {
  const as_sum *s = h->s;
  const as_tiers *t = &s->tiers[h->r->n_sets];
  const size_t a = s->order[0], b = s->order[1];
  if (s->n_whole < 2) return;
  const double by = s->models[a].value[AS_SUM_MEAN] - s->models[b].value[AS_SUM_MEAN];
  as_str more = {0};
  as_str_printf(&more, "%s points above %s by the mean of top-1", as_fix(100 * by, 1).s,
                as_model_name(h->r, b));
  as_interval d;
  double above;
  if (s->bootstrapped && as_boot_difference(&s->boot, a, b, &d, &above, NULL) == AS_OK)
    as_str_printf(&more, " (95 %% interval %s to %s)", as_fix_signed(100 * d.lo, 1).s,
                  as_fix_signed(100 * d.hi, 1).s);
  if (t->n > 1) as_str_put(&more, as_tiers_above(t, a, b) ? ": a real difference" : ": not told apart");
  as_str_put(&more, ". Every pair, set by set.");
  put_ask(h, as_html_has_pairs(h) ? "pairs" : one_number(h), "Is A better than B? First is",
          as_model_name(h->r, a), &more);
  as_str_clear(&more);
}

static void ask_sure(const as_html *h) {
  const as_sum *s = h->s;
  const as_tiers *t = &s->tiers[h->r->n_sets];
  const as_sum_model *m = &s->models[s->order[0]];
  char big[128] = "not known";
  as_str more = {0};
  if (s->n_whole == 0) return;
  if (isfinite(m->p_first))
    snprintf(big, sizeof big, "P(first) %s", as_fix(m->p_first, 2).s);
  else if (isfinite(m->rank_lo))
    snprintf(big, sizeof big, "place %s to %s", as_rank_text(m->rank_lo).s, as_rank_text(m->rank_hi).s);
  if (isfinite(m->mean_lo))
    as_str_printf(&more, "mean %s %%, between %s and %s with other images. ",
                  as_pct(m->value[AS_SUM_MEAN], h->dec).s, as_pct(m->mean_lo, h->dec).s,
                  as_pct(m->mean_hi, h->dec).s);
  if (t->n > 1)
    as_str_printf(&more, "Neighbours that are told apart: %zu of %zu.", as_tiers_steps(t), t->n - 1);
  put_ask(h, one_number(h), "How sure is the first place?", big, &more);
  as_str_clear(&more);
}

/* The set with the lowest mean accuracy of the models that have all sets. */
static void ask_where(const as_html *h) {
  const size_t n = h->r->n_sets;
  size_t worst = n, best = 0;
  double low = 2, at_base = 0;
  as_str more = {0};
  for (size_t k = 0; k < n && h->s->n_whole > 0; k++) {
    double sum = 0;
    for (size_t i = 0; i < h->s->n_whole; i++) sum += as_sum_at(h->s, h->s->order[i], k)->acc;
    if (k == h->r->base) at_base = sum;
    if (worst == n || sum < low) low = sum, worst = k;
  }
  if (worst == n || n < 2) return;
  for (size_t i = 1; i < h->s->n_whole; i++)
    if (as_sum_at(h->s, h->s->order[i], worst)->acc > as_sum_at(h->s, h->s->order[best], worst)->acc)
      best = i;
  as_str_printf(&more, "%s %% in the mean of the models", as_pct(low / (double)h->s->n_whole, 1).s);
  if (worst != h->r->base)
    as_str_printf(&more, ", %s points below %s", as_fix(100 * (at_base - low) / (double)h->s->n_whole, 1).s,
                  as_html_set(h, h->r->base));
  as_str_printf(&more, "; the best there is %s with %s %%.", as_html_model(h, best),
                as_pct(as_sum_at(h->s, h->s->order[best], worst)->acc, 1).s);
  put_ask(h, h->s->any_drop ? "change" : "accuracy", "On which set do they fail most?", as_html_set(h, worst),
          &more);
  as_str_clear(&more);
}

static void ask_show(const as_html *h) {
  as_gallery_set *g = as_html_has_pictures(h) ? as_calloc(1, sizeof *g, NULL) : NULL;
  if (g && as_gallery_make(g, h->r, h->r->base, NULL) == AS_OK && g->n_models > 1) {
    char big[64];
    as_str more = {0};
    snprintf(big, sizeof big, "%lld of %zu images", (long long)g->shelf[AS_SHELF_MISSED].total,
             h->r->sets[h->r->base].n_scored);
    as_str_printf(&more, "of %s no model has right. ", as_html_set(h, h->r->base));
    as_str_put(&more, h->pictures ? "What each set is, mistakes, confusions, in pictures."
                                  : "What is taken for what, and the hardest classes.");
    put_ask(h, "pictures", "Show me", big, &more);
    as_str_clear(&more);
  }
  as_free(g);
}

/* Who is first without set k, by the mean of the others; ties go to the order of all. */
static size_t first_without(const as_html *h, size_t k) {
  size_t best = h->s->order[0];
  double most = -1;
  for (size_t i = 0; i < h->s->n_whole; i++) {
    double sum = 0;
    for (size_t q = 0; q < h->r->n_sets; q++)
      if (q != k) sum += as_sum_at(h->s, h->s->order[i], q)->acc;
    if (sum > most) most = sum, best = h->s->order[i];
  }
  return best;
}

static void ask_sets(const as_html *h) {
  const as_subsets *u = &h->s->stats.subsets;
  const size_t first = h->s->order[0];
  size_t turns = 0;
  as_str more = {0};
  if (h->s->n_whole < 2 || h->r->n_sets < 2) return;
  for (size_t k = 0; k < h->r->n_sets; k++) {
    size_t other = first_without(h, k);
    if (other == first) continue;
    if (turns++ < 2)
      as_str_printf(&more, "Without %s, %s is first. ", as_html_set(h, k), as_model_name(h->r, other));
  }
  if (turns == 0)
    as_str_printf(&more, "Without any one of the sets %s is still first. ", as_model_name(h->r, first));
  for (size_t w = 0; u->subsets && w < u->models; w++)
    if (h->s->stats.whole[w] == first)
      as_str_printf(&more, "%s is first in %s %% of the %zu choices of sets.", as_model_name(h->r, first),
                    as_pct(u->first[w], 0).s, u->subsets);
  put_ask(h, "agreement", "Would another set change it?", turns ? "yes" : "no", &more);
  as_str_clear(&more);
}

void as_html_asked(const as_html *h) {
  as_str_put(h->out, "<div class=\"cards\">\n");
  if (h->r->n_models > 1) ask_better(h);
  ask_sure(h);
  ask_where(h);
  ask_show(h);
  ask_sets(h);
  as_str_put(h->out, "</div>\n");
}
