/* Inline SVG for the HTML report: marks, scales, ticks and labels that keep out of each other's way.
 *
 * Colours come from CSS classes alone (charts.css), so that light, dark and print need no second
 * picture. Coordinates are written with one decimal; the same input gives the same bytes. */
#ifndef AS_EVAL_REPORT_SVG_H
#define AS_EVAL_REPORT_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/text.h"

/* <svg> with a viewBox of w x h and a text alternative; alt is one or two sentences. */
void as_svg_open(as_str *out, double w, double h, const char *alt);
void as_svg_close(as_str *out);
/* A whole picture, as written from as_svg_open to as_svg_close, as a file of its own: with its style in it, on
 * white. */
void as_svg_put_file(as_str *out, const char *picture);

/* <g> with a tooltip (SVG <title>); browsers show it on hover without script. tip may be NULL. */
void as_svg_group(as_str *out, const char *cls, const char *tip);
void as_svg_end(as_str *out);

void as_svg_line(as_str *out, double x1, double y1, double x2, double y2, const char *cls);
void as_svg_rect(as_str *out, double x, double y, double w, double h, const char *cls);
void as_svg_dot(as_str *out, double x, double y, double radius, const char *cls);
/* anchor: 's' start, 'm' middle, 'e' end. Names longer than max columns lose their middle (0: no limit). */
void as_svg_text(as_str *out, double x, double y, char anchor, const char *cls, const char *text, size_t max);
/* Text turned by -90 degrees about (x, y), centred. */
void as_svg_text_up(as_str *out, double x, double y, const char *cls, const char *text);
/* A smooth line through n points (horizontal tangents), for rank charts; NaN in y breaks it. */
void as_svg_flow(as_str *out, const double *x, const double *y, size_t n, const char *cls);
/* A straight line through n points; NaN breaks it. */
void as_svg_polyline(as_str *out, const double *x, const double *y, size_t n, const char *cls);

/* Estimated pixels of a text of this many columns at a font size: wide enough for common sans fonts. */
double as_svg_text_width(size_t columns, double size);

/* From data to pixels; lo < hi after as_svg_scale_make, px0 may exceed px1. */
typedef struct as_svg_scale {
  double lo, hi, px0, px1;
  bool logit; /* positions by ln(p / (1 - p)); lo and hi stay fractions */
} as_svg_scale;

/* Covers [lo, hi] with a margin; a logit scale stays inside (0.0005, 0.9995). */
as_svg_scale as_svg_scale_make(double lo, double hi, double px0, double px1, bool logit);
double as_svg_at(const as_svg_scale *s, double v);
/* At most max tick values, ascending; returns how many. */
size_t as_svg_ticks(const as_svg_scale *s, double *tick, size_t max);
/* Decimals that tell the ticks (in units of `unit`, 0.01 for per cent) apart. */
int as_svg_tick_decimals(const double *tick, size_t n, double unit);

/* Spreads y[n] (ascending) so that neighbours are at least gap apart, within [lo, hi] if they fit,
 * moving each as little as a simple two-pass rule allows. */
void as_svg_spread(double *y, size_t n, double gap, double lo, double hi);

/* Greedy label placement: rectangles that are taken. */
typedef struct as_svg_box {
  double x0, y0, x1, y1;
} as_svg_box;
typedef struct as_svg_boxes {
  as_svg_box *box; /* [cap], the caller's */
  size_t n, cap;
  as_svg_box frame; /* what labels must stay inside of */
} as_svg_boxes;
typedef struct as_svg_mark {
  double x, y, r;
} as_svg_mark;
void as_svg_take(as_svg_boxes *b, as_svg_box box);
/* A place for a label of w x h beside the mark, inside the frame; false when none is free. On success the box
 * is taken; *tx, *ty is the text's start and base line. */
bool as_svg_place(as_svg_boxes *b, as_svg_mark mark, double w, double h, double *tx, double *ty);

#endif
