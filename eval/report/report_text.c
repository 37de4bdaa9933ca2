/* The table in a terminal. Sections: accuracy, drops and ranks, the unified metric, failures and
 * gaps, what the sets are, remarks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/report_grid.h"
#include "eval/report/report_page_int.h"

/* The rows of a grid begin with the model names in the order of the unified metric. */
static as_status start_grid(const as_page *p, as_grid *g, size_t cols, as_err *err) {
  as_status st = as_grid_init(g, p->r->n_models, cols, err);
  if (st != AS_OK) return st;
  as_grid_head(g, 0, "model");
  for (size_t i = 0; i < p->r->n_models; i++)
    as_str_put(as_grid_at(g, i, 0), as_short_names_at(&p->models, i));
  return AS_OK;
}

static void head_set(const as_page *p, as_grid *g, size_t col, size_t set, const char *below) {
  as_str_put(&g->head[col], as_short_names_at(&p->sets, set));
  if (below) as_str_put(&g->head[col], below);
}

static as_status accuracy_grid(const as_page *p, as_grid *g, bool stacked, as_err *err) {
  as_status st = start_grid(p, g, 1 + p->r->n_sets, err);
  if (st != AS_OK) return st;
  for (size_t k = 0; k < p->r->n_sets; k++) head_set(p, g, k + 1, k, NULL);
  for (size_t i = 0; i < p->r->n_models; i++) {
    for (size_t k = 0; k < p->r->n_sets; k++) {
      const as_sum_cell *c = as_sum_at(p->s, p->s->order[i], k);
      as_put_marks(as_grid_at(g, i, k + 1), p->s, p->s->order[i], k, p->ascii);
      if (!isfinite(c->shown)) {
        as_grid_put(g, i, k + 1, "absent");
        continue;
      }
      as_grid_put(g, i, k + 1, "%s", as_pct(c->shown, p->dec).s);
      if (isfinite(c->lo) && isfinite(c->hi))
        as_grid_put(g, i, k + 1, "%s%s%s%s", stacked ? "\n" : "  ", as_pct(c->lo, 1).s, as_page_dash(p),
                    as_pct(c->hi, 1).s);
    }
  }
  return AS_OK;
}

static as_status put_accuracy(const as_page *p, as_err *err) {
  as_grid g;
  as_page_title(p, p->s->any_interval ? "Top-1 accuracy, per cent, with its 95 % Wilson interval"
                                      : "Top-1 accuracy, per cent");
  as_status st = accuracy_grid(p, &g, false, err);
  if (st != AS_OK) return st;
  if (as_grid_width(&g) > p->width) {
    as_grid_clear(&g);
    if ((st = accuracy_grid(p, &g, true, err)) != AS_OK) return st;
  }
  as_grid_text(p->out, &g, p->width, p->ascii);
  as_grid_clear(&g);
  return AS_OK;
}

/* "(2-5) " behind a rank; nothing where there are no rank intervals. */
static as_num rank_span(const as_page *p, const as_sum_cell *c) {
  as_num n = {""};
  if (!p->s->any_rank_interval) return n;
  size_t wide = 2 * strlen(as_fix((double)p->r->n_models, 0).s) + 4, at = 0;
  if (!isfinite(c->rank_lo) || !isfinite(c->rank_hi)) {
    snprintf(n.s, sizeof n.s, "%*s", (int)wide, "");
    return n;
  }
  as_num lo = as_fix(c->rank_lo, 0), hi = as_fix(c->rank_hi, 0);
  for (size_t w = strlen(lo.s) + strlen(hi.s) + 4; w < wide; w++) n.s[at++] = ' ';
  snprintf(n.s + at, sizeof n.s - at, "(%.15s%s%.15s) ", lo.s, as_page_dash(p), hi.s);
  return n;
}

static as_status put_drops(const as_page *p, as_err *err) {
  const as_results *r = p->r;
  as_grid g;
  as_status st = start_grid(p, &g, 2 + (r->n_sets - 1), err);
  if (st != AS_OK) return st;
  as_str title = {0};
  as_str_printf(&title,
                "Change from %s, points; rank on the set (ties share the mean)%s, and its change (+ climbs)",
                as_set_name(r, r->base), p->s->any_rank_interval ? " with its 95 % interval" : "");
  as_str_putc(p->out, '\n');
  as_page_title(p, as_str_c(&title));
  if (title.failed) p->out->failed = true;
  as_str_clear(&title);
  head_set(p, &g, 1, r->base, p->s->any_rank_interval ? "\nrank (95 %)" : "\nrank");
  size_t col = 2;
  for (size_t k = 0; k < r->n_sets; k++)
    if (k != r->base)
      head_set(p, &g, col++, k, p->s->any_rank_interval ? "\nchange rank (95 %) move" : "\nchange rank     ");
  for (size_t i = 0; i < r->n_models; i++) {
    const as_sum_cell *b = as_sum_at(p->s, p->s->order[i], r->base);
    if (b->apart)
      as_grid_put(&g, i, 1, "apart");
    else
      as_grid_put(&g, i, 1, "%s %s", as_rank_text(b->rank).s, rank_span(p, b).s);
    col = 2;
    for (size_t k = 0; k < r->n_sets; k++) {
      if (k == r->base) continue;
      const as_sum_cell *c = as_sum_at(p->s, p->s->order[i], k);
      double move = b->rank - c->rank;
      if (c->ok)
        as_grid_put(&g, i, col, "%s %4s %s%4s", as_fix_signed(100 * c->drop, p->dec).s,
                    as_rank_text(c->rank).s, rank_span(p, c).s,
                    !isfinite(move) ? ""
                    : move == 0     ? "="
                                    : as_fix_signed(move, move == floor(move) ? 0 : 1).s);
      else
        as_grid_put(&g, i, col, "%s", c->apart ? "apart" : "absent");
      col++;
    }
  }
  as_grid_text(p->out, &g, p->width, p->ascii);
  as_grid_clear(&g);
  return AS_OK;
}

/* The table of a part, between a title and the sentences that belong under it; above: these stand above it. */
static as_status put_part_between(const as_page *p, const char *id, const char *title, as_str *above,
                                  as_err *err) {
  as_sheet sh = {0};
  as_grid g;
  as_status st = as_part_find(id)->build(&sh, p->s, err);
  if (st == AS_OK) st = as_sheet_grid(&sh, &g, p->name_width, p->ascii, false, err);
  if (st == AS_OK) {
    if (above) as_str_put(above, as_str_c(&sh.how));
    as_page_title(p, above ? as_str_c(above) : title);
    as_grid_text(p->out, &g, p->width, p->ascii);
    if (!above) {
      as_str_putc(p->out, '\n');
      as_put_wrapped(p->out, as_str_c(&sh.how), p->width, "", "", p->ascii);
    }
    as_grid_clear(&g);
  }
  as_sheet_clear(&sh);
  return st;
}

static as_status put_unified_table(const as_page *p, as_err *err) {
  char title[96];
  snprintf(title, sizeof title, "Unified metric: mean of top-1 over the %zu set%s, per cent", p->r->n_sets,
           p->r->n_sets == 1 ? "" : "s");
  as_str_putc(p->out, '\n');
  return put_part_between(p, "unified", title, NULL, err);
}

/* The first failed images of each cell, with their reasons. */
static void put_failures(const as_page *p) {
  const as_results *r = p->r;
  size_t shown = 0, left = 0;
  for (size_t i = 0; i < r->n_models * r->n_sets; i++) {
    const as_cell *c = &r->cells[i];
    for (size_t j = 0; j < c->n_failures; j++) {
      as_str line = {0};
      if (shown >= 20) {
        left++;
        continue;
      }
      if (shown++ == 0) as_str_put(p->out, "\nFailed images:\n");
      as_str_printf(&line, "%s on %s: %s: %s", as_model_name(r, i / r->n_sets), as_set_name(r, i % r->n_sets),
                    c->failure[j].image, c->failure[j].why);
      as_put_wrapped(p->out, as_str_c(&line), p->width, "  ", "    ", p->ascii);
      if (line.failed) p->out->failed = true;
      as_str_clear(&line);
    }
  }
  if (left) as_str_printf(p->out, "  and %zu more: --part failures\n", left);
}

/* Every failed image and every absent cell, with its reason. */
static as_status put_gaps(const as_page *p, as_err *err) {
  const as_results *r = p->r;
  if (p->s->n_failed_cells) {
    as_str_putc(p->out, '\n');
    as_str how = {0};
    as_str_put(&how, "* Some images could not be used. ");
    as_status st = put_part_between(p, "gaps", NULL, &how, err);
    as_str_clear(&how);
    if (st != AS_OK) return st;
    put_failures(p);
  }
  if (p->s->n_absent) {
    as_str_put(p->out, "\nAbsent:\n");
    size_t shown = 0;
    for (size_t m = 0; m < r->n_models; m++) {
      for (size_t k = 0; k < r->n_sets; k++) {
        const as_sum_cell *d = as_sum_at(p->s, m, k);
        if (d->ok || d->apart || shown++ >= 40) continue;
        as_str line = {0};
        as_str_printf(&line, "%s on %s: %s", as_model_name(r, m), as_set_name(r, k), d->why);
        as_put_wrapped(p->out, as_str_c(&line), p->width, "  ", "    ", p->ascii);
        if (line.failed) p->out->failed = true;
        as_str_clear(&line);
      }
    }
    if (shown > 40) as_str_printf(p->out, "  and %zu more\n", shown - 40);
  }
  return AS_OK;
}

static void put_sets(const as_page *p) {
  as_str_put(p->out, "\nSets:\n");
  for (size_t k = 0; k < p->r->n_sets; k++) {
    as_str line = {0};
    as_str_printf(&line, "%s: ", as_set_name(p->r, k));
    as_put_set_facts(&line, p->s, k);
    as_put_wrapped(p->out, as_str_c(&line), p->width, "  ", "    ", p->ascii);
    if (line.failed) p->out->failed = true;
    as_str_clear(&line);
  }
}

static void put_remarks(const as_page *p) {
  const as_results *r = p->r;
  as_str_put(p->out, "\nRemarks:\n");
  if (!r->complete) as_page_remark(p, "This run is not complete.");
  for (size_t i = 0; i < r->n_remarks; i++) as_page_remark(p, r->remarks[i]);
  for (size_t i = 0; i < p->s->n_notes; i++) as_page_remark(p, p->s->notes[i]);
  as_page_remark(
      p,
      "The unified metric is assay's own definition: the arithmetic mean of top-1 over the sets of "
      "this table, each by its own rule. It is not the metric of any paper. It exists only for "
      "models with an accuracy on every set.");
  const char *note = as_sum_interval_note(p->s);
  if (*note) as_page_remark(p, note);
}

as_status as_report_text(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err) {
  static const as_report_opts none = {0};
  if (!opts) opts = &none;
  as_sum *s;
  as_status st = as_sum_take(&s, r, opts, err);
  if (st != AS_OK) return st;
  as_page p;
  if ((st = as_page_make(&p, out, s, opts, err)) != AS_OK) {
    as_sum_drop(s, opts);
    return st;
  }
  const as_layout l = {
      .format = AS_LAYOUT_TEXT, .width = p.width, .ascii = p.ascii, .skip = "unified failures"};
  if (as_one_part(opts)) {
    st = as_layout_parts(out, s, &l, opts->part, err);
    as_page_clear(&p);
    as_sum_drop(s, opts);
    return st == AS_OK ? as_str_status(out, err) : st;
  }
  if (r->title && *r->title) {
    as_put_wrapped(out, r->title, p.width, "", "", p.ascii);
    as_str_putc(out, '\n');
  }
  as_page_decision(&p);
  st = put_accuracy(&p, err);
  if (st == AS_OK && r->n_sets > 1) st = put_drops(&p, err);
  if (st == AS_OK) st = put_unified_table(&p, err);
  if (st == AS_OK && !opts->brief && !(opts->part && strcmp(opts->part, "cells") == 0))
    st = as_layout_parts(out, s, &l, opts->part, err);
  if (st == AS_OK) st = put_gaps(&p, err);
  if (st == AS_OK) {
    put_sets(&p);
    put_remarks(&p);
    st = as_str_status(out, err);
  }
  as_page_clear(&p);
  as_sum_drop(s, opts);
  return st;
}
