/* `assay table` in a terminal: a row per model, then what the rows say together. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/report_page_int.h"
#include "eval/report/table_out.h"

/* " (2-5)" behind a rank, where there are rank intervals. */
static as_num rank_span_text(const as_page *p, double lo, double hi) {
  as_num n = {""};
  if (isfinite(lo) && isfinite(hi))
    snprintf(n.s, sizeof n.s, " (%.15s%s%.15s)", as_fix(lo, 0).s, as_page_dash(p), as_fix(hi, 0).s);
  return n;
}

/* A cell that is in no ranking: absent, or apart with its accuracy. */
static void put_without_rank(const as_page *p, as_grid *g, size_t row, size_t col, size_t model, size_t set) {
  const as_sum_cell *c = as_sum_at(p->s, model, set);
  as_put_marks(as_grid_at(g, row, col), p->s, model, set, p->ascii);
  as_grid_put(g, row, col, "%s", c->apart ? as_pct(c->shown, 2).s : "absent");
  if (c->apart) as_grid_put(g, row, col, " apart");
}

static as_status put_models(const as_page *p, size_t rows, as_err *err) {
  const as_results *r = p->r;
  bool tiers = as_sum_any_tier(p->s, r->n_sets);
  as_grid g;
  as_status st = as_grid_init(&g, rows, 3 + r->n_sets + tiers, err);
  if (st != AS_OK) return st;
  as_page_title(
      p,
      "Top-1 in per cent; rho = effective robustness in points; +/- = places gained or lost against "
      "the base; in parentheses the 95 % interval of the rank");
  as_grid_head(&g, 0, "model");
  as_str_put(&g.head[1], as_short_names_at(&p->sets, r->base));
  as_str_put(&g.head[1], "\ntop-1  rank");
  size_t col = 2;
  for (size_t k = 0; k < r->n_sets; k++) {
    if (k == r->base) continue;
    as_str_put(&g.head[col], as_short_names_at(&p->sets, k));
    as_str_put(&g.head[col++], "\ntop-1   rho   +/-");
  }
  as_grid_head(&g, col, "unified\nmean");
  as_grid_head(&g, col + 1, "\nrank");
  if (tiers) as_grid_head(&g, col + 2, "\ntier");
  for (size_t i = 0; i < rows; i++) {
    size_t m = p->s->order[i];
    const as_sum_cell *b = as_sum_at(p->s, m, r->base);
    as_str_put(as_grid_at(&g, i, 0), as_short_names_at(&p->models, i));
    if (b->ok)
      as_grid_put(&g, i, 1, "%s %5s%s", as_pct(b->acc, 2).s, as_rank_text(b->rank).s,
                  rank_span_text(p, b->rank_lo, b->rank_hi).s);
    if (!b->ok) put_without_rank(p, &g, i, 1, m, r->base);
    col = 2;
    for (size_t k = 0; k < r->n_sets; k++) {
      if (k == r->base) continue;
      const as_sum_cell *c = as_sum_at(p->s, m, k);
      double move = b->rank - c->rank;
      if (c->ok)
        as_grid_put(&g, i, col, "%s %5s %5s", as_pct(c->acc, 2).s,
                    as_fix_signed(100 * p->s->stats.rho[m * r->n_sets + k], 1).s,
                    move == 0 ? "=" : as_fix_signed(move, move == floor(move) ? 0 : 1).s);
      else
        put_without_rank(p, &g, i, col, m, k);
      col++;
    }
    as_grid_put(&g, i, col, "%s", as_pct(p->s->models[m].value[AS_SUM_MEAN], 2).s);
    as_grid_put(&g, i, col + 1, "%s%s", as_rank_text(p->s->models[m].rank[AS_SUM_MEAN]).s,
                rank_span_text(p, p->s->models[m].rank_lo, p->s->models[m].rank_hi).s);
    if (tiers) as_grid_put(&g, i, col + 2, "%s", as_tier_text(p->s, m, r->n_sets).s);
  }
  as_grid_text(p->out, &g, p->width, p->ascii);
  as_grid_clear(&g);
  if (rows < r->n_models) as_str_printf(p->out, "... %zu of %zu models\n", rows, r->n_models);
  return AS_OK;
}

/* How much the order depends on which sets are averaged. */
static void put_subsets(const as_page *p) {
  const as_subsets *u = &p->s->stats.subsets;
  as_str line = {0};
  if (u->subsets > 0) {
    as_str_putc(p->out, '\n');
    as_page_title(p, "Which sets are averaged");
    as_str_printf(
        &line,
        "Of %lld pairs of models with an accuracy on every set, %lld do not keep one order over all %zu "
        "non-empty subsets of the sets.",
        (long long)u->pairs, (long long)u->flipped, u->subsets);
    as_put_wrapped(p->out, as_str_c(&line), p->width, "", "", p->ascii);
    /* The models that are first in some subset, most often first. */
    size_t shown = 0;
    double last = INFINITY;
    while (shown < 8) {
      double best = 0;
      for (size_t i = 0; i < u->models; i++)
        if (u->first[i] < last && u->first[i] > best) best = u->first[i];
      if (best <= 0) break;
      for (size_t i = 0; i < u->models && shown < 8; i++) {
        if (u->first[i] < best || u->first[i] > best) continue;
        as_str_put(p->out, "  ");
        as_put_name(p->out, as_model_name(p->r, p->s->stats.whole[i]), p->width / 2, p->ascii);
        as_str_printf(p->out, ": first in %s %% of the subsets, rank %s to %s\n", as_pct(u->first[i], 1).s,
                      as_rank_text(u->rank_lo[i]).s, as_rank_text(u->rank_hi[i]).s);
        shown++;
      }
      last = best;
    }
  }
  if (line.failed) p->out->failed = true;
  as_str_clear(&line);
}

/* Rows that some of the tables lack. */
static void put_absent(const as_page *p) {
  as_str line = {0};
  as_str_printf(&line, "Absent accuracies: %zu", p->s->n_absent);
  size_t shown = 0;
  for (size_t i = 0; i < p->r->n_models * p->r->n_sets && shown < 6; i++) {
    if (isfinite(p->s->cells[i].shown)) continue;
    as_str_printf(&line, "%s%s on %s", shown++ ? ", " : " (", as_model_name(p->r, i / p->r->n_sets),
                  as_set_name(p->r, i % p->r->n_sets));
  }
  if (shown) as_str_put(&line, p->s->n_absent > shown ? ", ...)" : ")");
  as_page_remark(p, as_str_c(&line));
  if (line.failed) p->out->failed = true;
  as_str_clear(&line);
}

static void put_table_remarks(const as_page *p, const as_table *t) {
  as_str_put(p->out, "\nRemarks:\n");
  as_str line = {0};
  as_str_printf(
      &line,
      "%zu rows read, %zu distinct names, %zu of the rows have an accuracy on these sets, %zu on every one.",
      t->n_rows, t->n_names, p->r->n_models, p->s->stats.n_whole);
  if (t->file_rows_lo < t->n_rows && t->file_rows_lo == t->file_rows_hi)
    as_str_printf(&line, " Each file has %zu rows; not all of them have the same models.", t->file_rows_lo);
  else if (t->file_rows_lo < t->n_rows)
    as_str_printf(&line, " The files have %zu to %zu rows each.", t->file_rows_lo, t->file_rows_hi);
  as_page_remark(p, as_str_c(&line));
  for (size_t i = 0; i < p->r->n_remarks; i++) as_page_remark(p, p->r->remarks[i]);
  for (size_t i = 0; i < p->s->n_notes; i++) as_page_remark(p, p->s->notes[i]);
  as_page_remark(p,
                 "Effective robustness (Taori et al. 2020): accuracy minus what a line on logit axes "
                 "predicts from the base. "
                 "The testbed's lines were fitted over its standard models, SwAV, SimSiam and SimCLRv2 among "
                 "them; residuals "
                 "of this table's own fit sum to about zero.");
  as_page_remark(p,
                 "The unified metric is assay's own definition (mean of top-1 over the sets), not the metric "
                 "of any paper.");
  const char *note = as_sum_interval_note(p->s);
  if (*note) as_page_remark(p, note);
  put_absent(p);
  as_str_clear(&line);
  as_str_printf(&line, "Duplicates: %zu%s", t->n_duplicates,
                t->n_duplicates ? " (the first row counts)" : "");
  as_page_remark(p, as_str_c(&line));
  if (line.failed) p->out->failed = true;
  as_str_clear(&line);
  for (size_t i = 0; i < t->n_duplicates && i < 20; i++)
    as_put_wrapped(p->out, t->duplicates[i], p->width, "      ", "        ", p->ascii);
  if (t->n_duplicates > 20) as_str_printf(p->out, "      and %zu more\n", t->n_duplicates - 20);
}

as_status as_table_text(as_str *out, const as_table *t, const as_report_opts *opts, size_t top, as_err *err) {
  as_sum *s;
  as_status status = as_sum_take(&s, &t->r, opts, err);
  if (status != AS_OK) return status;
  as_page p;
  if ((status = as_page_make(&p, out, s, opts, err)) != AS_OK) {
    as_sum_drop(s, opts);
    return status;
  }
  size_t rows = top > 0 && top < t->r.n_models ? top : t->r.n_models;
  /* the table of models holds what the skipped parts hold */
  const as_layout l = {
      .format = AS_LAYOUT_TEXT, .width = p.width, .ascii = p.ascii, .skip = "unified robustness failures"};
  const char *part = opts ? opts->part : NULL;
  if (as_one_part(opts)) {
    status = as_layout_parts(out, s, &l, part, err);
    as_page_clear(&p);
    as_sum_drop(s, opts);
    return status == AS_OK ? as_str_status(out, err) : status;
  }
  as_str_printf(out, "Published accuracies: %zu models, %zu sets\n\n", t->r.n_models, t->r.n_sets);
  as_page_decision(&p);
  status = put_models(&p, rows, err);
  if (status == AS_OK && !(part && strcmp(part, "cells") == 0))
    status = as_layout_parts(out, s, &l, part, err);
  if (status == AS_OK) {
    put_subsets(&p);
    put_table_remarks(&p, t);
    status = as_str_status(out, err);
  }
  as_page_clear(&p);
  as_sum_drop(s, opts);
  return status;
}
