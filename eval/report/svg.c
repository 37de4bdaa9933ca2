#include "eval/report/svg.h"

#include <math.h>
#include <string.h>

#include "eval/report/report_css.h"
#include "eval/report/report_fmt.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

static void put_at(as_str *out, const char *name, double v) {
  as_str_putc(out, ' ');
  as_str_put(out, name);
  as_str_put(out, "=\"");
  as_str_put(out, as_fix(v, 1).s);
  as_str_putc(out, '"');
}

static void put_class(as_str *out, const char *cls) {
  if (!cls || !*cls) return;
  as_str_put(out, " class=\"");
  as_str_put(out, cls);
  as_str_putc(out, '"');
}

void as_svg_open(as_str *out, double w, double h, const char *alt) {
  as_str_put(out, "<svg viewBox=\"0 0 ");
  as_str_put(out, as_fix(w, 0).s);
  as_str_putc(out, ' ');
  as_str_put(out, as_fix(h, 0).s);
  as_str_put(out, "\"");
  put_at(out, "width", w);
  put_at(out, "height", h);
  as_str_put(out, " role=\"img\" aria-label=\"");
  as_put_html(out, alt);
  as_str_put(out, "\">\n");
}

void as_svg_close(as_str *out) {
  as_str_put(out, "</svg>\n");
}

/* Past the block that begins at p, blocks inside it included. */
static const char *skip_block(const char *p) {
  size_t depth = 0;
  for (; *p; p++) {
    if (*p == '{') depth++;
    if (*p == '}' && --depth == 0) return p + 1;
  }
  return p;
}

/* The value of the variable that "var(--NAME)" at p names, in the block `root`. */
static void put_variable(as_str *out, const char *p, const char *root) {
  as_str name = {0};
  as_str_putn(&name, p + 4, strcspn(p + 4, ")"));
  as_str_put(&name, ": ");
  const char *value = name.failed ? NULL : strstr(root, as_str_c(&name));
  if (value)
    as_str_putn(out, value + name.n, strcspn(value + name.n, ";"));
  else
    out->failed = true;
  as_str_clear(&name);
}

/* Many programs that draw SVG know neither variables nor media queries: the light palette is written out, and what
 * chooses between palettes goes, with the comments. */
static void put_style(as_str *out) {
  char *css = as_embedded_text(&as_report_css[0], NULL, NULL);
  const char *root = css ? strstr(css, ":root") : NULL;
  if (!root) out->failed = true;
  as_str_put(out, "<style>\nsvg { background: #ffffff; }");
  for (const char *p = root ? css : ""; *p;) {
    const char *end = strncmp(p, "/*", 2) == 0 ? strstr(p, "*/") : NULL;
    if (end) {
      p = end + 2;
    } else if (as_starts_with(p, ":root") || as_starts_with(p, "@media")) {
      p = skip_block(p);
    } else if (as_starts_with(p, "var(")) {
      put_variable(out, p, root);
      p += strcspn(p, ")") + 1;
    } else {
      if (*p != '\n' || p[1] != '\n') as_str_putc(out, *p);
      p++;
    }
  }
  as_str_put(out, "</style>\n");
  as_free(css);
}

void as_svg_put_file(as_str *out, const char *picture) {
  const size_t name = strlen("<svg"), tag = strcspn(picture, ">") + 1; /* in attributes > is escaped */
  as_str_put(out, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
  as_str_putn(out, picture + name, tag - name);
  as_str_putc(out, '\n');
  put_style(out);
  as_str_put(out, picture + tag + (picture[tag] == '\n'));
}

void as_svg_group(as_str *out, const char *cls, const char *tip) {
  as_str_put(out, "<g");
  put_class(out, cls);
  as_str_putc(out, '>');
  if (tip) {
    as_str name = {0};
    as_put_name(&name, tip, 0, false);
    as_str_put(out, "<title>");
    as_put_html(out, as_str_c(&name));
    as_str_put(out, "</title>");
    if (name.failed) out->failed = true;
    as_str_clear(&name);
  }
}

void as_svg_end(as_str *out) {
  as_str_put(out, "</g>\n");
}

void as_svg_line(as_str *out, double x1, double y1, double x2, double y2, const char *cls) {
  as_str_put(out, "<line");
  put_class(out, cls);
  put_at(out, "x1", x1);
  put_at(out, "y1", y1);
  put_at(out, "x2", x2);
  put_at(out, "y2", y2);
  as_str_put(out, "/>\n");
}

void as_svg_rect(as_str *out, double x, double y, double w, double h, const char *cls) {
  as_str_put(out, "<rect");
  put_class(out, cls);
  put_at(out, "x", x);
  put_at(out, "y", y);
  put_at(out, "width", w > 0 ? w : 0);
  put_at(out, "height", h > 0 ? h : 0);
  as_str_put(out, "/>\n");
}

void as_svg_dot(as_str *out, double x, double y, double radius, const char *cls) {
  as_str_put(out, "<circle");
  put_class(out, cls);
  put_at(out, "cx", x);
  put_at(out, "cy", y);
  put_at(out, "r", radius);
  as_str_put(out, "/>\n");
}

static void put_label(as_str *out, const char *text, size_t max) {
  as_str name = {0};
  as_put_name(&name, text, max, false);
  as_put_html(out, as_str_c(&name));
  if (name.failed) out->failed = true;
  as_str_clear(&name);
}

void as_svg_text(as_str *out, double x, double y, char anchor, const char *cls, const char *text,
                 size_t max) {
  as_str_put(out, "<text");
  put_class(out, cls);
  put_at(out, "x", x);
  put_at(out, "y", y);
  if (anchor != 's') as_str_put(out, anchor == 'm' ? " text-anchor=\"middle\"" : " text-anchor=\"end\"");
  as_str_putc(out, '>');
  put_label(out, text, max);
  as_str_put(out, "</text>\n");
}

void as_svg_text_up(as_str *out, double x, double y, const char *cls, const char *text) {
  as_str_put(out, "<text");
  put_class(out, cls);
  as_str_put(out, " text-anchor=\"middle\" transform=\"translate(");
  as_str_put(out, as_fix(x, 1).s);
  as_str_putc(out, ' ');
  as_str_put(out, as_fix(y, 1).s);
  as_str_put(out, ") rotate(-90)\">");
  put_label(out, text, 0);
  as_str_put(out, "</text>\n");
}

static void put_xy(as_str *out, double x, double y) {
  as_str_put(out, as_fix(x, 1).s);
  as_str_putc(out, ' ');
  as_str_put(out, as_fix(y, 1).s);
}

static void put_path_data(as_str *out, const double *x, const double *y, size_t n, const char *cls,
                          bool smooth) {
  as_str_put(out, "<path");
  put_class(out, cls);
  as_str_put(out, " d=\"");
  bool pen = false;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(y[i])) {
      pen = false;
      continue;
    }
    as_str_put(out, !pen ? "M" : smooth ? "C" : "L");
    if (pen && smooth) {
      double mid = (x[i - 1] + x[i]) / 2;
      put_xy(out, mid, y[i - 1]);
      as_str_putc(out, ' ');
      put_xy(out, mid, y[i]);
      as_str_putc(out, ' ');
    }
    put_xy(out, x[i], y[i]);
    pen = true;
  }
  as_str_put(out, "\"/>\n");
}

void as_svg_flow(as_str *out, const double *x, const double *y, size_t n, const char *cls) {
  put_path_data(out, x, y, n, cls, true);
}

void as_svg_polyline(as_str *out, const double *x, const double *y, size_t n, const char *cls) {
  put_path_data(out, x, y, n, cls, false);
}

double as_svg_text_width(size_t columns, double size) {
  return (double)columns * size * 0.61 +
         2; /* DejaVu Sans, the widest of the usual ones, on names of models */
}

static double logit(double p) {
  return as_log(p / (1 - p));
}

as_svg_scale as_svg_scale_make(double lo, double hi, double px0, double px1, bool use_logit) {
  as_svg_scale s = {.lo = lo, .hi = hi, .px0 = px0, .px1 = px1, .logit = use_logit};
  if (!isfinite(lo) || !isfinite(hi) || lo > hi) {
    s.lo = use_logit ? 0.1 : 0;
    s.hi = use_logit ? 0.9 : 1;
    return s;
  }
  if (!use_logit) {
    double pad = 0.06 * (hi - lo);
    if (!(pad > 0)) pad = fabs(hi) > 0 ? 0.1 * fabs(hi) : 0.01;
    s.lo -= pad;
    s.hi += pad;
    return s;
  }
  const double edge = 0.0005;
  double a = logit(fmin(fmax(lo, edge), 1 - edge)), b = logit(fmin(fmax(hi, edge), 1 - edge));
  double pad = b - a > 0 ? 0.06 * (b - a) : 0.25;
  double ea = as_exp(a - pad), eb = as_exp(b + pad);
  s.lo = fmax(ea / (1 + ea), edge);
  s.hi = fmin(eb / (1 + eb), 1 - edge);
  return s;
}

double as_svg_at(const as_svg_scale *s, double v) {
  double t;
  if (s->logit) {
    double a = logit(s->lo), b = logit(s->hi);
    t = (logit(fmin(fmax(v, s->lo), s->hi)) - a) / (b - a);
  } else {
    t = (v - s->lo) / (s->hi - s->lo);
  }
  return s->px0 + t * (s->px1 - s->px0);
}

static size_t linear_ticks(double lo, double hi, double *tick, size_t max) {
  static const double steps[] = {1, 2, 5};
  for (int e = -6; e < 10; e++) {
    for (int j = 0; j < 3; j++) {
      double step = steps[j] * as_pow(10, e < 0 ? -e : e);
      if (e < 0) step = steps[j] / as_pow(10, -e);
      double first = ceil(lo / step), last = floor(hi / step);
      if (last - first + 1 > (double)max) continue;
      size_t n = 0;
      for (double k = first; k <= last && n < max; k += 1) tick[n++] = k * step;
      return n;
    }
  }
  return 0;
}

size_t as_svg_ticks(const as_svg_scale *s, double *tick, size_t max) {
  if (!s->logit) return linear_ticks(s->lo, s->hi, tick, max);
  /* Round per cents, thinned from the finest list that fits; a narrow range takes linear ticks. */
  static const double fine[] = {0.1, 0.2, 0.5, 1,  2,  5,  10, 15, 20, 25, 30, 35,   40,   45,  50,
                                55,  60,  65,  70, 75, 80, 85, 90, 95, 98, 99, 99.5, 99.8, 99.9};
  static const double coarse[] = {0.1, 0.5, 1,  2,  5,  10, 20, 30,   40,  50,
                                  60,  70,  80, 90, 95, 98, 99, 99.5, 99.9};
  static const double rough[] = {0.1, 1, 5, 20, 50, 80, 95, 99, 99.9};
  static const struct {
    const double *v;
    size_t n;
  } lists[] = {{fine, sizeof fine / sizeof *fine},
               {coarse, sizeof coarse / sizeof *coarse},
               {rough, sizeof rough / sizeof *rough}};
  for (size_t j = 0; j < 3; j++) {
    size_t n = 0;
    for (size_t i = 0; i < lists[j].n; i++) {
      double v = lists[j].v[i] / 100;
      if (v < s->lo || v > s->hi) continue;
      if (n < max) tick[n] = v;
      n++;
    }
    if (j == 0 && n < 3) return linear_ticks(s->lo, s->hi, tick, max);
    if (n <= max) return n;
  }
  return linear_ticks(s->lo, s->hi, tick, max);
}

int as_svg_tick_decimals(const double *tick, size_t n, double unit) {
  for (int d = 0; d < 4; d++) {
    double p = as_pow(10, d);
    bool exact = true;
    for (size_t i = 0; i < n; i++) {
      double v = tick[i] / unit * p;
      if (fabs(v - as_rint(v)) > 1e-6 * (1 + fabs(v))) exact = false;
    }
    if (exact) return d;
  }
  return 4;
}

/* Downwards each label is pushed to a gap below the one before it; what then stands below `hi` is pushed back
 * up by the second pass, which moves only labels that touch the bottom or each other. The order never
 * changes. A label ends at its own height unless its neighbours need the room; where all do not fit, they run
 * over the top, in order. */
void as_svg_spread(double *y, size_t n, double gap, double lo, double hi) {
  double floor_y = lo;
  for (size_t i = 0; i < n; i++) {
    if (y[i] < floor_y) y[i] = floor_y;
    floor_y = y[i] + gap;
  }
  double ceil_y = hi;
  for (size_t i = n; i-- > 0;) {
    if (y[i] > ceil_y) y[i] = ceil_y;
    ceil_y = y[i] - gap;
  }
}

void as_svg_take(as_svg_boxes *b, as_svg_box box) {
  if (b->n < b->cap) b->box[b->n++] = box;
}

static bool is_free(const as_svg_boxes *b, const as_svg_box *q) {
  for (size_t i = 0; i < b->n; i++) {
    const as_svg_box *p = &b->box[i];
    if (q->x0 < p->x1 && p->x0 < q->x1 && q->y0 < p->y1 && p->y0 < q->y1) return false;
  }
  return true;
}

/* Greedy: places are tried from the best to the worst, and the first free one is taken. Labels that come
 * first (the better models) so get the better places, nothing moves afterwards, and the picture is a function
 * of its input alone; what finds no place stays without a label and has its tip. Simulated annealing
 * (Christensen, Marks and Shieber 1995) fits more where hundreds crowd; a chart here names two dozen.
 *
 * The four corners come first, because the arms of an interval cross run along the axes; then beside, above
 * and below; then the same again, farther out: a ring is half a line (7) wide. A corner of the label at 0.7 d
 * in both directions is d away from the mark, as the middle of its side is where it stands beside it. */
bool as_svg_place(as_svg_boxes *b, as_svg_mark mark, double w, double h, double *tx, double *ty) {
  const double x = mark.x, y = mark.y, r = mark.r;
  for (int ring = 0; ring < 4; ring++) {
    double d = r + 2 + 7 * ring, o = fmax(0.7 * d, r + 0.5);
    const as_svg_box tries[] = {
        {x + o, y - o - h, x + o + w, y - o},     {x + o, y + o, x + o + w, y + o + h},
        {x - o - w, y - o - h, x - o, y - o},     {x - o - w, y + o, x - o, y + o + h},
        {x + d, y - h / 2, x + d + w, y + h / 2}, {x - d - w, y - h / 2, x - d, y + h / 2},
        {x - w / 2, y - d - h, x + w / 2, y - d}, {x - w / 2, y + d, x + w / 2, y + d + h},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
      as_svg_box q = tries[i];
      bool inside = q.x0 >= b->frame.x0 && q.x1 <= b->frame.x1 && q.y0 >= b->frame.y0 && q.y1 <= b->frame.y1;
      if (!inside || !is_free(b, &q)) continue;
      as_svg_take(b, q);
      *tx = q.x0;
      *ty = q.y1 - 0.25 * h;
      return true;
    }
  }
  return false;
}
