/* Critical-difference diagram (Demsar 2006, figure 1): models on an axis of mean ranks; a bar joins
 * models whose mean ranks differ by less than Nemenyi's critical difference. */
#include <math.h>
#include <stdlib.h>

#include "eval/report/report_charts_int.h"
#include "eval/report/svg.h"
#include "tensor/base/mem.h"

typedef struct entry {
  double rank;
  size_t model;
} entry;

static int by_rank(const void *a, const void *b) {
  const entry *p = a, *q = b;
  if (p->rank != q->rank) return p->rank < q->rank ? -1 : 1;
  return p->model < q->model ? -1 : p->model > q->model;
}

void as_chart_cd(const as_chart *c, const char *const *name, const double *mean_rank, size_t n, double cd) {
  as_str *out = c->svg;
  if (n < 2) return;
  entry *e = as_alloc(n, sizeof *e, NULL);
  if (!e) {
    out->failed = true;
    return;
  }
  for (size_t i = 0; i < n; i++) e[i] = (entry){mean_rank[i], i};
  qsort(e, n, sizeof *e, by_rank);
  const size_t columns = as_chart_name_columns(name, n, 34);
  const double side = 60 + as_svg_text_width(columns, 12), width = 940, left = side, right = width - side,
               axis = 62;
  /* Groups: maximal runs of neighbours within cd, each on its own level below the axis. */
  size_t groups = 0;
  for (size_t i = 0, last = 0; i < n; i++) {
    size_t j = i;
    while (j + 1 < n && e[j + 1].rank - e[i].rank < cd) j++;
    if (j > i && (groups == 0 || j > last)) groups++, last = j;
  }
  double first_name = axis + 22 + 8 * (double)groups;
  size_t half = (n + 1) / 2;
  as_svg_scale x = {.lo = 1, .hi = (double)n, .px0 = left, .px1 = right};
  as_svg_open(out, width, first_name + 20 * (double)half + 10,
              "Critical-difference diagram: mean ranks of the models; bars join those that the test does not "
              "tell apart.");
  as_chart_head(c, "mark,model,mean_rank,mean_rank_to");
  as_chart_row(c, "ssff", "critical difference", "", 1.0, 1 + cd);
  as_svg_line(out, left, axis, right, axis, "zero");
  size_t step = n > 20 ? (n + 9) / 10 : 1;
  for (size_t r = 1; r <= n; r += step) {
    double at = as_svg_at(&x, (double)r);
    as_svg_line(out, at, axis - 5, at, axis, "zero");
    as_svg_text(out, at, axis - 9, 'm', "tick", as_fix((double)r, 0).s, 0);
  }
  double span = fmin(as_svg_at(&x, 1 + cd), right);
  as_svg_line(out, left, 22, span, 22, "cd-bar");
  as_svg_line(out, left, 17, left, 27, "cd-bar");
  as_svg_line(out, span, 17, span, 27, "cd-bar");
  as_str label = {0};
  as_str_put(&label, "critical difference ");
  as_str_put(&label, as_fix(cd, 2).s);
  if (1 + cd > (double)n) as_str_put(&label, " (wider than the axis: no two models are told apart)");
  as_svg_text(out, left, 12, 's', "tick", as_str_c(&label), 0);
  as_str_clear(&label);
  size_t level = 0, last = 0;
  for (size_t i = 0; i < n; i++) {
    size_t j = i;
    while (j + 1 < n && e[j + 1].rank - e[i].rank < cd) j++;
    if (j == i || (level > 0 && j <= last)) continue;
    double y = axis + 12 + 8 * (double)level++;
    as_svg_line(out, as_svg_at(&x, e[i].rank) - 4, y, as_svg_at(&x, e[j].rank) + 4, y, "cd-group");
    as_chart_row(c, "ssff", "bar", "", e[i].rank, e[j].rank);
    last = j;
  }
  for (size_t i = 0; i < n; i++) {
    bool on_left = i < half;
    double at = as_svg_at(&x, e[i].rank), y = first_name + 20 * (double)(on_left ? i : n - 1 - i) + 10;
    double edge = on_left ? left - 14 : right + 14;
    as_svg_group(out, "pt", name[e[i].model]);
    as_chart_row(c, "ssff", "model", name[e[i].model], e[i].rank, NAN);
    double px[] = {at, at, edge}, py[] = {axis, y, y};
    as_svg_polyline(out, px, py, 3, "cd-lead");
    as_svg_text(out, edge + (on_left ? -4 : 4), y + 4, on_left ? 'e' : 's', "rank", as_fix(e[i].rank, 2).s,
                0);
    as_svg_text(out, edge + (on_left ? -40 : 40), y + 4, on_left ? 'e' : 's', "name", name[e[i].model],
                columns);
    as_svg_end(out);
  }
  as_svg_close(out);
  as_free(e);
}
