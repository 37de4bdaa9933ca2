#include "data/world/canvas.h"

#include <string.h>

int as_isin(int a) {
  a &= AS_TURN - 1;
  int sign = a < AS_TURN / 2 ? 1 : -1;
  int x = a & (AS_TURN / 2 - 1);
  int q = x * (AS_TURN / 2 - x); /* at most 65536 */
  /* 16 q / (5 * 512^2 - 4 q), times 16384 */
  return sign * (int)((int64_t)16 * q * 16384 / (5 * 262144 - 4 * q));
}

int as_icos(int a) {
  return as_isin(a + AS_TURN / 4);
}

uint32_t as_isqrt(uint64_t v) {
  uint64_t r = 0, bit = (uint64_t)1 << 62;
  while (bit > v) bit >>= 2;
  for (; bit; bit >>= 2) {
    if (v >= r + bit) {
      v -= r + bit;
      r = (r >> 1) + bit;
    } else {
      r >>= 1;
    }
  }
  return (uint32_t)r;
}

static int clamp(int v, int lo, int hi) {
  return v < lo ? lo : v > hi ? hi : v;
}

as_color as_hsv(int hue, int sat, int val) {
  hue %= 1536;
  if (hue < 0) hue += 1536;
  int f = hue & 255, p = val * (255 - sat) / 255, q = val * (255 * 255 - sat * f) / (255 * 255),
      t = val * (255 * 255 - sat * (255 - f)) / (255 * 255);
  int rgb[6][3] = {{val, t, p}, {q, val, p}, {p, val, t}, {p, q, val}, {t, p, val}, {val, p, q}};
  const int *c = rgb[hue >> 8];
  return (as_color){(uint8_t)clamp(c[0], 0, 255), (uint8_t)clamp(c[1], 0, 255), (uint8_t)clamp(c[2], 0, 255)};
}

static uint8_t mix8(int a, int b, int t) {
  return (uint8_t)((a * (256 - t) + b * t + 128) >> 8);
}

as_color as_mix(as_color a, as_color b, int t) {
  return (as_color){mix8(a.r, b.r, t), mix8(a.g, b.g, t), mix8(a.b, b.b, t)};
}

static int lattice(as_rng r, int x, int y) {
  return (int)(as_rng_bits(r, (uint64_t)(x + 4096) * 8192 + (uint64_t)(y + 4096)) >> 56);
}

/* Smooth noise, 0..255: lattice of `cell` pixels, bilinear with a smooth step. */
static int smooth_noise(as_rng r, int x, int y, int cell) {
  x += 1024 * cell; /* keep the division on positive numbers */
  y += 1024 * cell;
  int ix = x / cell, iy = y / cell, fx = x % cell * 256 / cell, fy = y % cell * 256 / cell;
  fx = fx * fx * (768 - 2 * fx) >> 16; /* 3 t^2 - 2 t^3 */
  fy = fy * fy * (768 - 2 * fy) >> 16;
  int a = lattice(r, ix, iy) * (256 - fx) + lattice(r, ix + 1, iy) * fx;
  int b = lattice(r, ix, iy + 1) * (256 - fx) + lattice(r, ix + 1, iy + 1) * fx;
  return (a * (256 - fy) + b * fy) >> 16;
}

static as_color paint_at(const as_paint *p, int x, int y) {
  as_color c = p->color;
  int period = p->period > 0 ? p->period : 1;
  switch (p->texture) {
    case AS_STRIPES: {
      int len = (int)as_isqrt((uint64_t)((int64_t)p->dx * p->dx + (int64_t)p->dy * p->dy));
      int along = (x * p->dx + y * p->dy) * 4 / (len ? len : 1) + 4096 * period;
      if (along / (2 * period) % 2) c = p->second;
      break;
    }
    case AS_DOTS: {
      int fx = (x + 64 * period) % period * 2 - period, fy = (y + 64 * period) % period * 2 - period;
      if (fx * fx + fy * fy < period * period / 3) c = p->second;
      break;
    }
    case AS_CHECKS:
      if (((x + 64 * period) / period + (y + 64 * period) / period) % 2) c = p->second;
      break;
    case AS_GRAIN:
      c = as_mix(c, p->second, smooth_noise(p->grain, x, y, period));
      break;
    case AS_PLAIN:
      break;
  }
  int light = 256 + clamp((x - p->centre_x) * p->light_x + (y - p->centre_y) * p->light_y, -120, 120);
  return (as_color){(uint8_t)clamp(c.r * light >> 8, 0, 255), (uint8_t)clamp(c.g * light >> 8, 0, 255),
                    (uint8_t)clamp(c.b * light >> 8, 0, 255)};
}

void as_canvas_blend(as_canvas *c, int x, int y, as_color color, int alpha) {
  uint8_t *p = c->rgb + 3 * (y * c->size + x);
  p[0] = mix8(p[0], color.r, alpha);
  p[1] = mix8(p[1], color.g, alpha);
  p[2] = mix8(p[2], color.b, alpha);
}

/* ---- polygons --------------------------------------------------------------------------------- */

enum { SUB = 4, MAX_SIDE = 512 }; /* sub-scanlines per pixel row */

typedef struct crossing {
  int32_t x;
  int dir;
} crossing;

/* Where the line y = sy crosses the edges, by increasing x. */
static int crossings(const as_point *p, int n, int sy, crossing *out) {
  int count = 0;
  for (int i = 0; i < n; i++) {
    const as_point *a = &p[i], *b = &p[i + 1 == n ? 0 : i + 1];
    if ((a->y <= sy) == (b->y <= sy)) continue;
    crossing c = {(int32_t)(a->x + (int64_t)(sy - a->y) * (b->x - a->x) / (b->y - a->y)),
                  a->y < b->y ? 1 : -1};
    int k = count++;
    for (; k > 0 && out[k - 1].x > c.x; k--) out[k] = out[k - 1];
    out[k] = c;
  }
  return count;
}

/* Adds the part of every pixel that [x0, x1) covers, 64 for a whole one. */
static void add_span(int *cover, int size, int x0, int x1) {
  x0 = clamp(x0, 0, size * AS_PX);
  x1 = clamp(x1, 0, size * AS_PX);
  for (int x = x0 / AS_PX; x * AS_PX < x1; x++) {
    int from = x0 > x * AS_PX ? x0 : x * AS_PX, to = x1 < (x + 1) * AS_PX ? x1 : (x + 1) * AS_PX;
    cover[x] += (to - from) * (256 / SUB) / AS_PX;
  }
}

void as_canvas_fill(as_canvas *c, const as_point *p, int n, const as_paint *paint) {
  int cover[MAX_SIDE];
  crossing cross[AS_MAX_POINTS];
  if (n < 3 || n > AS_MAX_POINTS) return;
  int top = p[0].y, bottom = p[0].y;
  for (int i = 1; i < n; i++) {
    if (p[i].y < top) top = p[i].y;
    if (p[i].y > bottom) bottom = p[i].y;
  }
  top = clamp(top, 0, c->size * AS_PX) / AS_PX;
  bottom = clamp(bottom, 0, c->size * AS_PX - 1) / AS_PX;
  for (int y = top; y <= bottom; y++) {
    memset(cover, 0, sizeof *cover * (size_t)c->size);
    for (int s = 0; s < SUB; s++) {
      int count = crossings(p, n, y * AS_PX + (2 * s + 1) * AS_PX / (2 * SUB), cross);
      for (int i = 0, winding = 0; i + 1 < count; i++) {
        winding += cross[i].dir;
        if (winding != 0) add_span(cover, c->size, cross[i].x, cross[i + 1].x);
      }
    }
    for (int x = 0; x < c->size; x++) {
      if (cover[x] > 0)
        as_canvas_blend(c, x, y, paint_at(paint, x, y), clamp(cover[x], 0, 256) * paint->alpha >> 8);
    }
  }
}

/* ---- strokes ---------------------------------------------------------------------------------- */

/* Raises the ink of the pixels near the segment to its coverage. */
static void ink_segment(as_canvas *c, as_point a, as_point b, int width) {
  int half = width / 2, reach = half + AS_PX, limit = c->size - 1;
  int x0 = clamp(((a.x < b.x ? a.x : b.x) - reach) / AS_PX, 0, limit);
  int x1 = clamp(((a.x > b.x ? a.x : b.x) + reach) / AS_PX, 0, limit);
  int y0 = clamp(((a.y < b.y ? a.y : b.y) - reach) / AS_PX, 0, limit);
  int y1 = clamp(((a.y > b.y ? a.y : b.y) + reach) / AS_PX, 0, limit);
  int64_t vx = b.x - a.x, vy = b.y - a.y, vv = vx * vx + vy * vy;
  for (int y = y0; y <= y1; y++) {
    for (int x = x0; x <= x1; x++) {
      int64_t px = x * AS_PX + AS_PX / 2 - a.x, py = y * AS_PX + AS_PX / 2 - a.y, dot = px * vx + py * vy;
      if (vv > 0 && dot > 0) { /* the nearest point of the segment */
        int64_t t = dot < vv ? dot : vv;
        px -= vx * t / vv;
        py -= vy * t / vv;
      }
      int d = (int)as_isqrt((uint64_t)(px * px + py * py));
      int v = clamp(half + AS_PX / 2 - d, 0, 255);
      uint8_t *ink = &c->ink[y * c->size + x];
      if (v > *ink) *ink = (uint8_t)v;
    }
  }
}

void as_canvas_stroke(as_canvas *c, const as_point *p, int n, int closed, int width, const as_paint *paint) {
  memset(c->ink, 0, (size_t)c->size * (size_t)c->size);
  for (int i = 0; i + (closed ? 0 : 1) < n; i++) ink_segment(c, p[i], p[i + 1 == n ? 0 : i + 1], width);
  for (int y = 0; y < c->size; y++) {
    for (int x = 0; x < c->size; x++) {
      int ink = c->ink[y * c->size + x];
      if (ink) as_canvas_blend(c, x, y, paint_at(paint, x, y), ink * paint->alpha / 255);
    }
  }
}
