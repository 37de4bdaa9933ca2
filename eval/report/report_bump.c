/* Rank bump chart: how places change from set to set. Direct labels at both ends. Up to
 * AS_CHART_NAMED lines have a colour and dash pattern of their own; beyond, colour and dashes tell the
 * direction. Neither relies on colour alone, so both survive grey print and colour blindness. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "eval/report/report_charts_int.h"
#include "eval/report/svg.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

typedef struct end_label {
  double y;
  size_t line;
} end_label;

static int by_label_height(const void *a, const void *b) {
  const end_label *p = a, *q = b;
  if (p->y != q->y) return p->y < q->y ? -1 : 1;
  return p->line < q->line ? -1 : p->line > q->line;
}

/* From place to height. Where few lines out of many models are drawn, places below their number would
 * take all the room: beyond it the scale is logarithmic and gets `tail` of the room. */
typedef struct ladder {
  double top, row, lines, tail; /* tail: rows per unit of ln(rank / lines) */
} ladder;

static double ladder_depth(const ladder *l, double rank) {
  return rank <= l->lines ? rank : l->lines + l->tail * as_log(rank / l->lines);
}

static double line_y(double rank, const ladder *l) {
  return l->top + (ladder_depth(l, rank) - 1) * l->row;
}

/* Names beside one end of the lines, moved apart where ranks tie. */
static void put_end_labels(as_str *out, const as_bump *b, size_t col, const ladder *l, double bottom,
                           double x, bool left, size_t columns, end_label *label, double *y) {
  size_t n = 0;
  for (size_t i = 0; i < b->n_lines; i++) {
    double r = b->rank[i * b->n_cols + col];
    if (isfinite(r)) label[n++] = (end_label){line_y(r, l), i};
  }
  if (n == 0) return;
  qsort(label, n, sizeof *label, by_label_height);
  for (size_t i = 0; i < n; i++) y[i] = label[i].y;
  as_svg_spread(y, n, 15, l->top - 4, bottom);
  double reach = left ? -1 : 1;
  for (size_t i = 0; i < n; i++) {
    double r = b->rank[label[i].line * b->n_cols + col];
    const char *name = b->line_name[label[i].line];
    as_svg_group(out, NULL, name);
    if (fabs(y[i] - label[i].y) > 2)
      as_svg_line(out, x + reach * 6, label[i].y, x + reach * 14, y[i], "lead");
    as_svg_text(out, x + reach * 17, y[i] + 4, left ? 'e' : 's', "rank", as_rank_text(r).s, 0);
    as_svg_text(out, x + reach * 43, y[i] + 4, left ? 'e' : 's', "name", name, columns);
    as_svg_end(out);
  }
}

static void put_rank_line(as_str *out, const as_bump *b, size_t i, const double *x, double *y,
                          const ladder *l) {
  const double *rank = &b->rank[i * b->n_cols];
  double first = NAN, last = NAN;
  as_str tip = {0};
  as_put_name(&tip, b->line_name[i], 0, false);
  as_str_put(&tip, ": ");
  for (size_t c = 0; c < b->n_cols; c++) {
    y[c] = line_y(rank[c], l);
    if (c) as_str_put(&tip, ", ");
    as_put_name(&tip, b->col_name[c], 0, false);
    as_str_putc(&tip, ' ');
    as_str_put(&tip, as_rank_text(rank[c]).s);
    if (b->lo && isfinite(b->lo[i * b->n_cols + c])) {
      as_str_put(&tip, " (");
      as_str_put(&tip, as_fix(b->lo[i * b->n_cols + c], 0).s);
      as_str_put(&tip, " to ");
      as_str_put(&tip, as_fix(b->hi[i * b->n_cols + c], 0).s);
      as_str_putc(&tip, ')');
    }
    if (!isfinite(rank[c])) continue;
    if (!isfinite(first)) first = rank[c];
    last = rank[c];
  }
  char cls[32];
  bool named = b->n_lines <= AS_CHART_NAMED;
  snprintf(cls, sizeof cls, "flow s%zu", i % 6);
  if (!named) snprintf(cls, sizeof cls, "flow %s", last < first ? "up" : last > first ? "down" : "same");
  as_svg_group(out, cls, as_str_c(&tip));
  if (tip.failed) out->failed = true;
  as_str_clear(&tip);
  for (size_t c = 0; b->lo && c < b->n_cols; c++) {
    double lo = b->lo[i * b->n_cols + c], hi = b->hi[i * b->n_cols + c];
    if (!isfinite(lo) || !isfinite(hi) || hi <= lo) continue;
    /* Neighbouring lines' bars stand beside each other, not on top. */
    double shift = ((double)(i % 5) - 2) * 2.6;
    as_svg_line(out, x[c] + shift, line_y(lo, l), x[c] + shift, line_y(hi, l), "band");
  }
  as_svg_flow(out, x, y, b->n_cols, "halo");
  as_svg_flow(out, x, y, b->n_cols, named && i >= 6 ? "ink dashed" : "ink");
  for (size_t c = 0; c < b->n_cols; c++)
    if (isfinite(y[c])) as_svg_dot(out, x[c], y[c], 4, "node");
  as_svg_end(out);
}

static void put_rank_numbers(const as_chart *c, const as_bump *b) {
  as_str head = {0};
  as_str_printf(&head, "model,%s,rank,rank_lo,rank_hi", b->over);
  as_chart_head(c, as_str_c(&head));
  if (head.failed) c->svg->failed = true;
  as_str_clear(&head);
  for (size_t i = 0; i < b->n_lines * b->n_cols; i++)
    if (isfinite(b->rank[i]))
      as_chart_row(c, "ssfff", b->line_name[i / b->n_cols], b->col_name[i % b->n_cols], b->rank[i],
                   b->lo ? b->lo[i] : NAN, b->hi ? b->hi[i] : NAN);
}

void as_chart_bump(const as_chart *c, const as_bump *b) {
  as_str *out = c->svg;
  const double width = 940, head = 46;
  if (b->n_cols < 2 || b->n_lines == 0) return;
  const size_t columns = as_chart_name_columns(b->line_name, b->n_lines, b->n_cols > 7 ? 22 : 34);
  const double side = 52 + as_svg_text_width(columns, 12.8);
  double last = 1;
  for (size_t i = 0; i < b->n_lines * b->n_cols; i++) {
    if (isfinite(b->rank[i])) last = fmax(last, b->rank[i]);
    if (b->hi && isfinite(b->hi[i])) last = fmax(last, b->hi[i]);
  }
  ladder l = {.top = head, .lines = (double)b->n_lines};
  if (last > l.lines) l.tail = 0.35 * l.lines / as_log(last / l.lines);
  double deepest = ladder_depth(&l, last);
  l.row = fmax(16, fmin(26, 900 / deepest));
  double bottom = head + fmax((deepest - 1) * l.row, (double)(b->n_lines - 1) * 15);
  end_label *label = as_alloc(b->n_lines, sizeof *label, NULL);
  size_t wide = b->n_cols > b->n_lines ? b->n_cols : b->n_lines;
  double *x = as_alloc(wide, sizeof *x, NULL), *y = as_alloc(wide, sizeof *y, NULL);
  if (!label || !x || !y) {
    out->failed = true;
  } else {
    double step = (width - 2 * side) / (double)(b->n_cols - 1);
    /* Names that are wider than their column stand on two levels. */
    const size_t fit = (size_t)(step / 6.8);
    const bool tight = as_chart_name_columns(b->col_name, b->n_cols, 24) > fit;
    as_svg_open(out, width, bottom + 22, b->alt);
    put_rank_numbers(c, b);
    for (size_t k = 0; k < b->n_cols; k++) {
      x[k] = side + step * (double)k;
      as_svg_line(out, x[k], head - 12, x[k], bottom + 8, "grid");
      as_svg_text(out, x[k], tight && k % 2 ? 14 : 28, 'm', "col", b->col_name[k], tight ? 2 * fit : 24);
    }
    for (size_t i = b->n_lines; i-- > 0;) put_rank_line(out, b, i, x, y, &l);
    put_end_labels(out, b, 0, &l, bottom, x[0], true, columns, label, y);
    put_end_labels(out, b, b->n_cols - 1, &l, bottom, x[b->n_cols - 1], false, columns, label, y);
    as_svg_close(out);
  }
  as_free(label);
  as_free(x);
  as_free(y);
}
