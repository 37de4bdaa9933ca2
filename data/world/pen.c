#include "data/world/pen.h"

enum { CURVE_STEPS = 6, ELLIPSE_POINTS = 28 };

int as_pen_random(as_pen *p, int lo, int hi) {
  return lo + (int)as_rng_below(p->rng, p->drawn++, (uint64_t)(hi - lo) + 1);
}

/* Arithmetic shift right of possibly negative values, spelled out: rounds towards minus infinity. */
static int32_t shr12(int64_t v) {
  return (int32_t)(v >= 0 ? v / 4096 : -((-v + 4095) / 4096));
}

static as_point place(const as_pen *p, int64_t x, int64_t y) {
  return (as_point){p->x + shr12(p->m[0] * x + p->m[1] * y), p->y + shr12(p->m[2] * x + p->m[3] * y)};
}

static as_paint paint_of(const as_pen *p, as_role role) {
  as_paint paint = p->paint;
  paint.color = p->palette[role];
  if (role != AS_MAIN) paint.texture = AS_PLAIN;
  return paint;
}

/* A pencil never goes twice the same way: each point is off by up to 0.4 pixels. */
static void wobble(as_pen *p, as_point *to, const as_point *from, int n) {
  for (int i = 0; i < n; i++) {
    to[i].x = from[i].x + as_pen_random(p, -100, 100);
    to[i].y = from[i].y + as_pen_random(p, -100, 100);
  }
}

static void outline(as_pen *p, const as_point *at, int n, int closed) {
  as_paint ink = p->paint;
  as_point moved[AS_MAX_POINTS];
  ink.texture = AS_PLAIN;
  ink.light_x = ink.light_y = 0;
  ink.color = p->ink;
  if (p->style != AS_PEN_PENCIL) {
    as_canvas_stroke(p->canvas, at, n, closed, p->width, &ink);
    return;
  }
  ink.texture = AS_GRAIN; /* graphite on rough paper */
  ink.second = as_mix(p->ink, p->paper, 150);
  ink.period = 2;
  ink.alpha = ink.alpha * 230 >> 8;
  wobble(p, moved, at, n);
  as_canvas_stroke(p->canvas, moved, n, closed, p->width, &ink);
}

static void area(as_pen *p, as_role role, const as_point *at, int n) {
  as_paint paint = paint_of(p, role);
  if (p->style == AS_PEN_OUTLINE || p->style == AS_PEN_NEON) paint.light_x = paint.light_y = 0;
  if (p->style == AS_PEN_NEON) {
    p->ink = as_mix(paint.color, (as_color){255, 255, 255}, 60);
    paint.color = as_mix(paint.color, p->paper, 200);
    paint.texture = AS_PLAIN;
  } else if (p->style == AS_PEN_PENCIL) {
    paint.color = role == AS_DARK ? as_mix(p->paper, p->ink, 130) : as_mix(p->paper, paint.color, p->wash);
    paint.texture = AS_PLAIN;
    paint.light_x = paint.light_y = 0;
  }
  as_canvas_fill(p->canvas, at, n, &paint);
  if (p->style != AS_PEN_PAINT) outline(p, at, n, 1);
}

void as_pen_polygon(as_pen *p, as_role role, const int16_t *xy, int n) {
  as_point at[AS_MAX_POINTS];
  if (n > AS_MAX_POINTS) return;
  for (int i = 0; i < n; i++) at[i] = place(p, xy[2 * i], xy[2 * i + 1]);
  area(p, role, at, n);
}

/* Catmull-Rom between b and c at k / CURVE_STEPS, times 2 * CURVE_STEPS^3. */
static int64_t spline(int64_t a, int64_t b, int64_t c, int64_t d, int64_t k) {
  const int64_t s = CURVE_STEPS;
  return 2 * b * s * s * s + (c - a) * k * s * s + (2 * a - 5 * b + 4 * c - d) * k * k * s +
         (3 * b - a - 3 * c + d) * k * k * k;
}

void as_pen_curve(as_pen *p, as_role role, const int16_t *xy, int n) {
  as_point at[AS_MAX_POINTS];
  const int64_t unit = 2 * CURVE_STEPS * CURVE_STEPS * CURVE_STEPS;
  if (n * CURVE_STEPS > AS_MAX_POINTS) return;
  for (int i = 0; i < n; i++) {
    const int16_t *a = xy + 2 * ((i + n - 1) % n), *b = xy + 2 * i, *c = xy + 2 * ((i + 1) % n),
                  *d = xy + 2 * ((i + 2) % n);
    for (int k = 0; k < CURVE_STEPS; k++)
      at[i * CURVE_STEPS + k] =
          place(p, spline(a[0], b[0], c[0], d[0], k) / unit, spline(a[1], b[1], c[1], d[1], k) / unit);
  }
  area(p, role, at, n * CURVE_STEPS);
}

void as_pen_ellipse(as_pen *p, as_role role, int cx, int cy, int rx, int ry, int turn) {
  as_point at[ELLIPSE_POINTS];
  for (int i = 0; i < ELLIPSE_POINTS; i++) {
    int a = i * AS_TURN / ELLIPSE_POINTS, x = rx * as_icos(a) / 16384, y = ry * as_isin(a) / 16384;
    at[i] = place(p, cx + (x * as_icos(turn) - y * as_isin(turn)) / 16384,
                  cy + (x * as_isin(turn) + y * as_icos(turn)) / 16384);
  }
  area(p, role, at, ELLIPSE_POINTS);
}

void as_pen_limb(as_pen *p, as_role role, int x0, int y0, int x1, int y1, int width) {
  enum { CAP = 7 };
  as_point at[2 * CAP];
  int64_t vx = x1 - x0, vy = y1 - y0;
  int len = (int)as_isqrt((uint64_t)(vx * vx + vy * vy));
  if (len == 0) return;
  int64_t h = width / 2;
  for (int i = 0; i < CAP; i++) { /* half a turn around each end */
    int a = i * (AS_TURN / 2) / (CAP - 1) - AS_TURN / 4;
    int64_t along = h * as_icos(a) / 16384, across = h * as_isin(a) / 16384;
    int64_t ox = (along * vx - across * vy) / len, oy = (along * vy + across * vx) / len;
    at[i] = place(p, x1 + ox, y1 + oy);
    at[CAP + i] = place(p, x0 - ox, y0 - oy);
  }
  area(p, role, at, 2 * CAP);
}

void as_pen_line(as_pen *p, as_role role, int width, const int16_t *xy, int n) {
  as_point at[AS_MAX_POINTS];
  if (n > AS_MAX_POINTS) return;
  for (int i = 0; i < n; i++) at[i] = place(p, xy[2 * i], xy[2 * i + 1]);
  if (p->style == AS_PEN_PENCIL || p->style == AS_PEN_NEON) {
    if (p->style == AS_PEN_NEON) p->ink = as_mix(p->palette[role], (as_color){255, 255, 255}, 60);
    outline(p, at, n, 0);
    return;
  }
  as_paint paint = paint_of(p, role);
  as_point a = place(p, 0, 0), b = place(p, width, 0);
  int64_t dx = b.x - a.x, dy = b.y - a.y;
  int w = (int)as_isqrt((uint64_t)(dx * dx + dy * dy));
  as_canvas_stroke(p->canvas, at, n, 0, w < 200 ? 200 : w, &paint);
}
