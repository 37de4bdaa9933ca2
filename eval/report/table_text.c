/* `assay table` in a terminal: a row per model, then what the rows say together. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/report_grid.h"
#include "eval/report/report_int.h"
#include "eval/report/table_out.h"

typedef struct page {
  as_str *out;
  const as_table *t;
  const as_results *r;
  const as_sum *s;
  const as_table_stats *st;
  size_t width, rows;
  bool ascii;
} page;

static void put_title(const page *p, const char *text) {
  as_str_putc(p->out, '\n');
  as_put_wrapped(p->out, text, p->width, "", "", p->ascii);
  as_str_putc(p->out, '\n');
}

static const char *dash(const page *p) {
  return p->ascii ? "-" : "\xE2\x80\x93";
}

/* " (2-5)" behind a rank, where there are rank intervals. */
static as_num span(const page *p, double lo, double hi) {
  as_num n = {""};
  if (isfinite(lo) && isfinite(hi))
    snprintf(n.s, sizeof n.s, " (%.15s%s%.15s)", as_fix(lo, 0).s, dash(p), as_fix(hi, 0).s);
  return n;
}

static as_status put_models(const page *p, as_err *err) {
  const as_results *r = p->r;
  as_grid g;
  as_status st = as_grid_init(&g, p->rows, 3 + r->n_sets, err);
  if (st != AS_OK) return st;
  put_title(p,
            "Top-1 in per cent; rho = effective robustness in points; +/- = places gained or lost against "
            "the base; in parentheses the 95 % interval of the rank");
  as_grid_head(&g, 0, "model");
  as_put_name(&g.head[1], as_set_name(r, r->base), 18, p->ascii);
  as_str_put(&g.head[1], "\ntop-1  rank");
  size_t col = 2;
  for (size_t k = 0; k < r->n_sets; k++) {
    if (k == r->base) continue;
    as_put_name(&g.head[col], as_set_name(r, k), 20, p->ascii);
    as_str_put(&g.head[col++], "\ntop-1   rho   +/-");
  }
  as_grid_head(&g, col, "unified\nmean");
  as_grid_head(&g, col + 1, "\nrank");
  for (size_t i = 0; i < p->rows; i++) {
    size_t m = p->s->order[i];
    const as_sum_cell *b = as_sum_at(p->s, m, r->base);
    as_put_name(as_grid_at(&g, i, 0), as_model_name(r, m), p->width / 3, p->ascii);
    if (b->ok)
      as_grid_put(&g, i, 1, "%s %5s%s", as_pct(b->acc, 2).s, as_rank_text(b->rank).s,
                  span(p, b->rank_lo, b->rank_hi).s);
    if (!b->ok) as_grid_put(&g, i, 1, "%s", "absent");
    col = 2;
    for (size_t k = 0; k < r->n_sets; k++) {
      if (k == r->base) continue;
      const as_sum_cell *c = as_sum_at(p->s, m, k);
      double move = b->rank - c->rank;
      if (c->ok)
        as_grid_put(&g, i, col, "%s %5s %5s", as_pct(c->acc, 2).s,
                    as_fix_signed(100 * p->st->rho[m * r->n_sets + k], 1).s,
                    move == 0 ? "=" : as_fix_signed(move, move == floor(move) ? 0 : 1).s);
      else
        as_grid_put(&g, i, col, "%s", "absent");
      col++;
    }
    as_grid_put(&g, i, col, "%s", as_pct(p->s->models[m].value[AS_SUM_MEAN], 2).s);
    as_grid_put(&g, i, col + 1, "%s%s", as_rank_text(p->s->models[m].rank[AS_SUM_MEAN]).s,
                span(p, p->s->models[m].rank_lo, p->s->models[m].rank_hi).s);
  }
  as_grid_text(p->out, &g, p->width, p->ascii);
  as_grid_clear(&g);
  if (p->rows < r->n_models) as_str_printf(p->out, "... %zu of %zu models\n", p->rows, r->n_models);
  return AS_OK;
}

/* Per set: how well the base predicts it, and the line that rho is measured from. */
static as_status put_fits(const page *p, as_err *err) {
  const as_results *r = p->r;
  as_grid g;
  as_status st = as_grid_init(&g, r->n_sets - 1, 8, err);
  if (st != AS_OK) return st;
  static const char *const heads[] = {"set", "models",   "slope",   "intercept",
                                      "r",   "Spearman", "Kendall", "rho from"};
  for (size_t c = 0; c < 8; c++) as_grid_head(&g, c, heads[c]);
  g.align[7] = 'l';
  size_t row = 0;
  for (size_t k = 0; k < r->n_sets; k++) {
    if (k == r->base) continue;
    const as_table_set_stats *d = &p->st->set[k];
    as_put_name(as_grid_at(&g, row, 0), as_set_name(r, k), 0, p->ascii);
    as_grid_put(&g, row, 1, "%zu", d->models);
    as_grid_put(&g, row, 2, "%s", as_fix(d->fit.n > 1 ? d->fit.slope : NAN, 4).s);
    as_grid_put(&g, row, 3, "%s", as_fix(d->fit.n > 1 ? d->fit.intercept : NAN, 4).s);
    as_grid_put(&g, row, 4, "%s", as_fix(d->fit.n > 1 ? d->fit.r : NAN, 3).s);
    as_grid_put(&g, row, 5, "%s", as_fix(d->spearman, 3).s);
    as_grid_put(&g, row, 6, "%s", as_fix(d->kendall, 3).s);
    if (d->line)
      as_grid_put(&g, row, 7, "testbed %s %s (%d models, x = %s)", as_fix(d->line->slope, 4).s,
                  as_fix(d->line->intercept, 4).s, d->line->models, d->line->x_axis);
    else
      as_grid_put(&g, row, 7, "%s", "this table's fit");
    row++;
  }
  as_str title = {0};
  as_str_printf(&title, "How %s predicts the others (least squares on logit axes)", as_set_name(r, r->base));
  put_title(p, as_str_c(&title));
  as_str_clear(&title);
  as_grid_text(p->out, &g, p->width, p->ascii);
  as_grid_clear(&g);
  return AS_OK;
}

static as_status put_translation(const page *p, as_err *err) {
  const as_results *r = p->r;
  as_grid g;
  as_status st = as_grid_init(&g, p->st->n_bins, 1 + r->n_sets, err);
  if (st != AS_OK) return st;
  as_grid_head(&g, 0, "gap, points");
  as_grid_head(&g, 1, "pairs");
  size_t col = 2;
  int64_t pairs[AS_TRANSLATION_BINS] = {0};
  for (size_t k = 0; k < r->n_sets; k++) {
    if (k == r->base) continue;
    as_put_name(&g.head[col], as_set_name(r, k), 20, p->ascii);
    for (size_t b = 0; b < p->st->n_bins; b++) {
      const as_translation_bin *d = &p->st->set[k].bins[b];
      if (d->pairs > pairs[b]) pairs[b] = d->pairs;
      if (d->pairs > 0)
        as_grid_put(&g, b, col, "%s  %s%s%s", as_pct(d->share, 1).s, as_pct(d->lo, 1).s, dash(p),
                    as_pct(d->hi, 1).s);
      else
        as_grid_put(&g, b, col, "%s", "-");
    }
    col++;
  }
  for (size_t b = 0; b < p->st->n_bins; b++) {
    const as_translation_bin *d = &p->st->set[r->base == 0 ? 1 : 0].bins[b];
    double lo = 100 * d->gap_lo, hi = 100 * d->gap_hi;
    as_grid_put(&g, b, 0, hi >= 100 ? "%s or more" : "%s to %s", as_fix(lo, lo == floor(lo) ? 0 : 2).s,
                as_fix(hi, hi == floor(hi) ? 0 : 2).s);
    as_grid_put(&g, b, 1, "%lld", (long long)pairs[b]);
  }
  as_str title = {0};
  as_str_printf(
      &title,
      "Translation curve: of the pairs of models that differ by this much on %s, the share that keeps its "
      "order on the set, per cent, with its 95 %% interval (jackknife over models)",
      as_set_name(r, r->base));
  put_title(p, as_str_c(&title));
  as_str_clear(&title);
  as_grid_text(p->out, &g, p->width, p->ascii);
  as_grid_clear(&g);
  return AS_OK;
}

/* How much the order depends on which sets are averaged, and Friedman's test. */
static void put_subsets(const page *p) {
  const as_subsets *u = &p->st->subsets;
  as_str line = {0};
  if (u->subsets > 0) {
    put_title(p, "Which sets are averaged");
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
        as_put_name(p->out, as_model_name(p->r, p->st->whole[i]), p->width / 2, p->ascii);
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
static void put_absent(const page *p) {
  as_str line = {0};
  as_str_printf(&line, "Absent accuracies: %zu", p->s->n_absent);
  size_t shown = 0;
  for (size_t i = 0; i < p->r->n_models * p->r->n_sets && shown < 6; i++) {
    if (p->s->cells[i].ok) continue;
    as_str_printf(&line, "%s%s on %s", shown++ ? ", " : " (", as_model_name(p->r, i / p->r->n_sets),
                  as_set_name(p->r, i % p->r->n_sets));
  }
  if (shown) as_str_put(&line, p->s->n_absent > shown ? ", ...)" : ")");
  as_put_wrapped(p->out, as_str_c(&line), p->width, "  * ", "    ", p->ascii);
  if (line.failed) p->out->failed = true;
  as_str_clear(&line);
}

static void put_notes(const page *p) {
  const as_table *t = p->t;
  as_str_put(p->out, "\nRemarks:\n");
  as_str line = {0};
  as_str_printf(
      &line,
      "%zu rows read, %zu distinct names, %zu of the rows have an accuracy on these sets, %zu on every one.",
      t->n_rows, t->n_names, p->r->n_models, p->st->n_whole);
  if (t->file_rows_lo < t->n_rows && t->file_rows_lo == t->file_rows_hi)
    as_str_printf(&line, " Each file has %zu rows; not all of them have the same models.", t->file_rows_lo);
  else if (t->file_rows_lo < t->n_rows)
    as_str_printf(&line, " The files have %zu to %zu rows each.", t->file_rows_lo, t->file_rows_hi);
  as_put_wrapped(p->out, as_str_c(&line), p->width, "  * ", "    ", p->ascii);
  for (size_t i = 0; i < p->r->n_remarks; i++)
    as_put_wrapped(p->out, p->r->remarks[i], p->width, "  * ", "    ", p->ascii);
  as_put_wrapped(p->out,
                 "Effective robustness (Taori et al. 2020): accuracy minus what a line on logit axes "
                 "predicts from the base. "
                 "The testbed's lines were fitted over its standard models, SwAV, SimSiam and SimCLRv2 among "
                 "them; residuals "
                 "of this table's own fit sum to about zero.",
                 p->width, "  * ", "    ", p->ascii);
  as_put_wrapped(p->out,
                 "The unified metric is assay's own definition (mean of top-1 over the sets), not the metric "
                 "of any paper.",
                 p->width, "  * ", "    ", p->ascii);
  const char *note = as_sum_interval_note(p->s);
  if (*note) as_put_wrapped(p->out, note, p->width, "  * ", "    ", p->ascii);
  put_absent(p);
  as_str_clear(&line);
  as_str_printf(&line, "Duplicates: %zu%s", t->n_duplicates,
                t->n_duplicates ? " (the first row counts)" : "");
  as_put_wrapped(p->out, as_str_c(&line), p->width, "  * ", "    ", p->ascii);
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
  page p = {.out = out, .t = t, .r = &t->r, .s = s, .st = &s->stats, .ascii = opts && opts->ascii};
  p.width = opts && opts->width > 0 ? (size_t)opts->width : 100;
  if (p.width < 40) p.width = 40;
  p.rows = top > 0 && top < t->r.n_models ? top : t->r.n_models;
  const as_layout l = {.format = AS_LAYOUT_TEXT,
                       .width = p.width,
                       .ascii = p.ascii,
                       .skip = "unified robustness lines translation failures"};
  const char *part = opts ? opts->part : NULL;
  if (as_one_part(opts)) {
    status = as_layout_parts(out, s, &l, part, err);
    as_sum_drop(s, opts);
    return status == AS_OK ? as_str_status(out, err) : status;
  }
  as_str_printf(out, "Published accuracies: %zu models, %zu sets\n", t->r.n_models, t->r.n_sets);
  status = put_models(&p, err);
  if (status == AS_OK && t->r.n_sets > 1) status = put_fits(&p, err);
  if (status == AS_OK && t->r.n_sets > 1) status = put_translation(&p, err);
  if (status == AS_OK) put_subsets(&p);
  if (status == AS_OK && !(part && strcmp(part, "cells") == 0))
    status = as_layout_parts(out, s, &l, part, err);
  if (status == AS_OK) {
    put_notes(&p);
    status = as_str_status(out, err);
  }
  as_sum_drop(s, opts);
  return status;
}
