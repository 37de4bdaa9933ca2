/* The table for papers and pull requests: Markdown (GitHub's) and LaTeX (booktabs). One table with all
 * sets and the unified metric, then the notes that must go with it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/report_grid.h"
#include "eval/report/report_int.h"

static void put_interval(as_grid *g, size_t row, size_t col, double v, double lo, double hi, int dec) {
  as_grid_put(g, row, col, "%s", as_pct(v, dec).s);
  if (isfinite(lo) && isfinite(hi))
    as_grid_put(g, row, col, " [%s, %s]", as_pct(lo, dec).s, as_pct(hi, dec).s);
}

static as_status accuracies_with_mean(as_grid *g, const as_sum *s, as_err *err) {
  const as_results *r = s->r;
  int dec = as_sum_decimals(s);
  bool tiers = as_sum_any_tier(s, r->n_sets);
  as_status st = as_grid_init(g, r->n_models, 3 + r->n_sets + tiers, err);
  if (st != AS_OK) return st;
  as_grid_head(g, 0, "model");
  for (size_t k = 0; k < r->n_sets; k++) as_put_name(&g->head[k + 1], as_set_name(r, k), 0, false);
  as_grid_head(g, r->n_sets + 1, "mean of all");
  as_grid_head(g, r->n_sets + 2, "rank");
  if (tiers) as_grid_head(g, r->n_sets + 3, "tier");
  for (size_t i = 0; i < r->n_models; i++) {
    size_t m = s->order[i];
    const as_sum_model *d = &s->models[m];
    as_put_name(as_grid_at(g, i, 0), as_model_name(r, m), 0, false);
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_sum_cell *c = as_sum_at(s, m, k);
      as_str marks = {0};
      as_put_marks(&marks, s, m, k, false);
      as_grid_put(g, i, k + 1, "%s%s", as_str_c(&marks), marks.n ? " " : "");
      as_str_clear(&marks);
      if (!isfinite(c->shown)) {
        as_grid_put(g, i, k + 1, "%s", "absent");
        continue;
      }
      put_interval(g, i, k + 1, c->shown, c->lo, c->hi, dec);
      if (as_results_cell(r, m, k)->n_failed > 0)
        as_grid_put(g, i, k + 1, " (%lld failed)", (long long)as_results_cell(r, m, k)->n_failed);
    }
    if (!d->whole) {
      as_grid_put(g, i, r->n_sets + 1, "%s", "incomplete");
      continue;
    }
    put_interval(g, i, r->n_sets + 1, d->value[AS_SUM_MEAN], d->mean_lo, d->mean_hi, dec);
    as_grid_put(g, i, r->n_sets + 2, "%s", as_rank_text(d->rank[AS_SUM_MEAN]).s);
    if (tiers) as_grid_put(g, i, r->n_sets + 3, "%s", as_tier_text(s, m, r->n_sets).s);
  }
  return AS_OK;
}

static void put_markup_note(as_str *out, const char *lead, const char *text, bool latex) {
  if (!*text) return;
  as_str_put(out, lead);
  if (latex)
    as_put_latex(out, text);
  else
    as_put_markdown(out, text);
  as_str_putc(out, '\n');
}

/* What the table decides, on a line of its own. */
static void put_decision_line(as_str *out, const as_sum *s, const char *lead, bool latex) {
  for (size_t i = 0; i < as_first_word_count; i++) {
    as_str text = {0};
    as_first_words[i].put(&text, s);
    put_markup_note(out, lead, as_str_c(&text), latex);
    if (text.n && !latex) as_str_putc(out, '\n');
    if (text.failed) out->failed = true;
    as_str_clear(&text);
  }
}

/* A line each: remarks and notes, what the sets are, what the columns are. */
static void put_markup_notes(as_str *out, const as_sum *s, const char *lead, bool latex) {
  const as_results *r = s->r;
  as_str sets = {0};
  for (size_t i = 0; i < r->n_remarks; i++) put_markup_note(out, lead, r->remarks[i], latex);
  for (size_t i = 0; i < s->n_notes; i++) put_markup_note(out, lead, s->notes[i], latex);
  if (!r->complete) put_markup_note(out, lead, "This run is not complete.", latex);
  put_markup_note(
      out, lead,
      "Top-1 in per cent with 95 % Wilson intervals. The mean over the sets, each by its own rule, is "
      "assay's own unified metric, not that of any paper.",
      latex);
  put_markup_note(out, lead, as_sum_interval_note(s), latex);
  for (size_t k = 0; k < r->n_sets; k++) {
    as_str_printf(&sets, "%s%s: ", k ? "; " : "Sets: ", as_set_name(r, k));
    as_put_set_facts(&sets, s, k);
  }
  as_str_putc(&sets, '.');
  put_markup_note(out, lead, as_str_c(&sets), latex);
  if (sets.failed) out->failed = true;
  as_str_clear(&sets);
}

/* part: one of them alone, without the table of accuracies. */
static as_status put_markup_parts(as_str *out, const as_sum *s, as_layout_format format,
                                  const as_report_opts *opts, as_err *err) {
  const as_layout l = {.format = format};
  if (opts && opts->part && strcmp(opts->part, "cells") == 0) return AS_OK;
  return as_layout_parts(out, s, &l, opts ? opts->part : NULL, err);
}

as_status as_report_markdown(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err) {
  as_sum *s;
  as_grid g;
  as_status st = as_sum_take(&s, r, opts, err);
  if (st != AS_OK) return st;
  if (!as_one_part(opts) && (st = accuracies_with_mean(&g, s, err)) == AS_OK) {
    if (r->title && *r->title) {
      as_str_put(out, "**");
      as_put_markdown(out, r->title);
      as_str_put(out, "**\n\n");
    }
    put_decision_line(out, s, "", false);
    as_grid_markdown(out, &g);
    as_str_putc(out, '\n');
    put_markup_notes(out, s, "- ", false);
    as_grid_clear(&g);
  }
  if (st == AS_OK) st = put_markup_parts(out, s, AS_LAYOUT_MARKDOWN, opts, err);
  as_sum_drop(s, opts);
  return st == AS_OK ? as_str_status(out, err) : st;
}

as_status as_report_latex(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err) {
  as_sum *s;
  as_grid g;
  as_str body = {0};
  as_status st = as_sum_take(&s, r, opts, err);
  if (st != AS_OK) return st;
  if (!as_one_part(opts) && (st = accuracies_with_mean(&g, s, err)) == AS_OK) {
    put_decision_line(&body, s, "% ", true);
    put_markup_notes(&body, s, "% ", true);
    as_grid_latex(&body, &g, r->title && *r->title ? r->title : "Top-1 accuracy");
    as_grid_clear(&g);
  }
  if (st == AS_OK) st = put_markup_parts(&body, s, AS_LAYOUT_LATEX, opts, err);
  if (st == AS_OK) st = as_str_status(&body, err);
  if (st == AS_OK) {
    as_put_latex_head(out, as_str_c(&body));
    as_str_put(out, as_str_c(&body));
  }
  as_str_clear(&body);
  as_sum_drop(s, opts);
  return st == AS_OK ? as_str_status(out, err) : st;
}
