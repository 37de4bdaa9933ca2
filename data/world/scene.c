#include "data/world/scene.h"

int as_dice_between(as_dice *d, int lo, int hi) {
  return lo + (int)as_rng_below(d->rng, d->n++, (uint64_t)(hi - lo) + 1);
}

int as_dice_percent(as_dice *d, int chance) {
  return as_dice_between(d, 0, 99) < chance;
}

/* One draw per statement, here and elsewhere: C leaves the order of arguments open, and the pictures
 * must not depend on it. */
as_color as_dice_color(as_dice *d, int h0, int h1, int s0, int s1, int v0, int v1) {
  int hue = as_dice_between(d, h0, h1), sat = as_dice_between(d, s0, s1);
  return as_hsv(hue, sat, as_dice_between(d, v0, v1));
}

static as_color any_color(as_dice *d, int s0, int s1, int v0, int v1) {
  return as_dice_color(d, 0, 1535, s0, s1, v0, v1);
}

/* Rows y0..y1-1 of the picture. */
static void band(as_canvas *c, int y0, int y1, const as_paint *paint) {
  int w = c->size * AS_PX;
  const as_point p[4] = {{0, y0 * AS_PX}, {w, y0 * AS_PX}, {w, y1 * AS_PX}, {0, y1 * AS_PX}};
  as_canvas_fill(c, p, 4, paint);
}

static as_paint flat(const as_canvas *c, as_color color) {
  return (as_paint){.color = color,
                    .second = color,
                    .alpha = 256,
                    .centre_x = c->size / 2,
                    .centre_y = c->size / 2,
                    .period = 4,
                    .dx = 1};
}

static as_paint grainy(as_canvas *c, as_dice *d, as_color a, as_color b) {
  as_paint p = flat(c, a);
  p.second = b;
  p.texture = AS_GRAIN;
  p.period = as_dice_between(d, 2, 7) * c->size / 80 + 1;
  p.grain = as_rng_make(d->rng.key, (uint64_t)as_dice_between(d, 1, 1 << 20));
  return p;
}

static void hills(as_canvas *c, as_dice *d, int horizon, as_color color) {
  as_point p[12];
  int w = c->size * AS_PX, high = c->size * AS_PX / 6;
  for (int i = 0; i < 10; i++) {
    p[i].x = w * i / 9;
    p[i].y = horizon * AS_PX - as_dice_between(d, 0, high);
  }
  p[10] = (as_point){w, w};
  p[11] = (as_point){0, w};
  as_paint paint = flat(c, color);
  as_canvas_fill(c, p, 12, &paint);
}

/* Sky above, ground below. */
static void outdoors(as_canvas *c, as_dice *d) {
  int horizon = c->size * as_dice_between(d, 50, 80) / 100;
  as_paint sky = flat(c, as_dice_percent(d, 75) ? as_dice_color(d, 780, 1000, 40, 150, 170, 250)
                                                : as_dice_color(d, 0, 1535, 20, 120, 120, 230));
  sky.light_y = as_dice_between(d, 0, 2);
  band(c, 0, c->size, &sky);
  if (as_dice_percent(d, 40)) hills(c, d, horizon, as_dice_color(d, 200, 900, 40, 140, 90, 180));
  as_color ground = as_dice_color(d, 80, 560, 60, 190, 70, 190);
  as_paint field = grainy(c, d, ground, as_mix(ground, (as_color){20, 30, 10}, 110));
  band(c, horizon, c->size, &field);
}

static void indoors(as_canvas *c, as_dice *d) {
  int floor = c->size * as_dice_between(d, 60, 88) / 100;
  as_paint wall = flat(c, any_color(d, 10, 130, 110, 240));
  as_color print = any_color(d, 0, 150, 60, 250);
  wall.second = as_mix(wall.color, print, as_dice_between(d, 40, 150));
  wall.texture = (as_texture)as_dice_between(d, AS_PLAIN, AS_CHECKS);
  wall.period = as_dice_between(d, 4, 14) * c->size / 80 + 1;
  wall.dx = as_dice_between(d, -2, 2);
  wall.dy = wall.dx ? as_dice_between(d, -1, 1) : 1;
  wall.light_x = as_dice_between(d, -2, 2);
  band(c, 0, c->size, &wall);
  as_color wood = as_dice_color(d, 60, 200, 60, 180, 70, 190);
  as_paint boards = grainy(c, d, wood, as_mix(wood, (as_color){30, 15, 5}, 90));
  band(c, floor, c->size, &boards);
}

static void studio(as_canvas *c, as_dice *d) {
  as_paint p = flat(c, any_color(d, 0, 160, 60, 245));
  p.light_x = as_dice_between(d, -2, 2);
  p.light_y = as_dice_between(d, -2, 2);
  band(c, 0, c->size, &p);
}

static void sea(as_canvas *c, as_dice *d) {
  int horizon = c->size * as_dice_between(d, 30, 60) / 100;
  as_paint sky = flat(c, as_dice_color(d, 760, 1050, 20, 130, 160, 250)),
           water = flat(c, as_dice_color(d, 700, 980, 90, 210, 80, 190));
  band(c, 0, c->size, &sky);
  band(c, horizon, c->size, &water);
  as_paint foam = flat(c, as_mix(water.color, (as_color){255, 255, 255}, 120));
  for (int i = as_dice_between(d, 4, 12); i > 0; i--) {
    int y = as_dice_between(d, horizon * AS_PX, c->size * AS_PX), x = as_dice_between(d, 0, c->size * AS_PX);
    int len = as_dice_between(d, 2, 14) * AS_PX * c->size / 80;
    const as_point p[3] = {{x, y}, {x + len / 2, y + AS_PX}, {x + len, y}};
    as_canvas_stroke(c, p, 3, 0, AS_PX * c->size / 100, &foam);
  }
}

static void leaves(as_canvas *c, as_dice *d) {
  as_color green = as_dice_color(d, 250, 620, 80, 200, 40, 150);
  as_paint p = grainy(c, d, green, as_mix(green, as_dice_color(d, 200, 600, 80, 200, 150, 240), 190));
  band(c, 0, c->size, &p);
}

static void night(as_canvas *c, as_dice *d) {
  as_paint p = flat(c, as_dice_color(d, 850, 1200, 90, 220, 20, 70));
  p.light_y = as_dice_between(d, 0, 3);
  band(c, 0, c->size, &p);
  as_paint star = flat(c, (as_color){250, 245, 220});
  for (int i = as_dice_between(d, 6, 24); i > 0; i--) {
    int x = as_dice_between(d, 0, c->size * AS_PX), y = as_dice_between(d, 0, c->size * AS_PX);
    const as_point at[2] = {{x, y}, {x + 40, y}};
    as_canvas_stroke(c, at, 2, 0, AS_PX * as_dice_between(d, 2, 6) / 4 * c->size / 100, &star);
  }
}

/* Two flat colours: rays, stripes or a disc behind the thing. */
static void flat_design(as_canvas *c, as_dice *d, as_color a, as_color b) {
  as_paint p = flat(c, a), q = flat(c, b);
  int s = c->size * AS_PX, kind = as_dice_between(d, 0, 2);
  p.second = b;
  p.period = as_dice_between(d, 6, 14) * c->size / 80 + 1;
  if (kind == 0) p.texture = AS_STRIPES;
  p.dy = as_dice_between(d, 0, 1);
  band(c, 0, c->size, &p);
  if (kind == 1) { /* rays */
    int turn = as_dice_between(d, 0, 127);
    for (int i = 0; i < 8; i++) {
      int a0 = turn + i * 128, a1 = a0 + 64;
      const as_point ray[3] = {{s / 2, s / 2},
                               {s / 2 + as_icos(a0) / 8 * (s / 2048), s / 2 + as_isin(a0) / 8 * (s / 2048)},
                               {s / 2 + as_icos(a1) / 8 * (s / 2048), s / 2 + as_isin(a1) / 8 * (s / 2048)}};
      as_canvas_fill(c, ray, 3, &q);
    }
  } else if (kind == 2) {
    as_point disc[32];
    for (int i = 0; i < 32; i++)
      disc[i] =
          (as_point){s / 2 + as_icos(i * 32) * (s / 1024) / 43, s / 2 + as_isin(i * 32) * (s / 1024) / 43};
    as_canvas_fill(c, disc, 32, &q);
  }
}

void as_scene_background(as_canvas *c, as_dice *d, as_finish finish, as_scenery place) {
  static void (*const places[AS_PLACES])(as_canvas *, as_dice *) = {outdoors, indoors, studio,
                                                                    sea,      leaves,  night};
  if (finish == AS_PENCIL) {
    as_color paper = as_dice_color(d, 120, 260, 4, 26, 236, 255);
    as_paint p = grainy(c, d, paper, as_mix(paper, (as_color){200, 190, 170}, 60));
    band(c, 0, c->size, &p);
  } else if (finish == AS_POSTER) {
    as_color a = any_color(d, 120, 240, 150, 250);
    flat_design(c, d, a, as_mix(a, any_color(d, 80, 220, 120, 255), 140));
  } else if (finish == AS_NEON) {
    as_color a = any_color(d, 100, 220, 10, 40);
    flat_design(c, d, a, as_mix(a, (as_color){70, 40, 110}, 90));
  } else if (finish == AS_WOODCUT) {
    as_color a = {235, 235, 235};
    flat_design(c, d, a, as_mix(a, (as_color){150, 150, 150}, 160));
  } else {
    places[place == AS_ANYWHERE ? as_dice_between(d, 0, AS_PLACES - 1) : (int)place](c, d);
  }
}

void as_scene_clutter(as_canvas *c, as_dice *d, int pieces, int alpha) {
  for (; pieces > 0; pieces--) {
    as_point p[6];
    int s = c->size * AS_PX, n = as_dice_between(d, 3, 6), r = s * as_dice_between(d, 3, 9) / 100;
    int x = as_dice_between(d, 0, s), y = as_dice_between(d, s / 4, s),
        turn = as_dice_between(d, 0, AS_TURN - 1);
    as_paint paint = flat(c, any_color(d, 10, 200, 50, 230));
    paint.alpha = alpha;
    for (int i = 0; i < n; i++) {
      int a = turn + i * AS_TURN / n, reach = r * as_dice_between(d, 60, 100) / 100;
      p[i] = (as_point){x + reach * as_icos(a) / 16384, y + reach * as_isin(a) / 16384};
    }
    if (n == 3 && as_dice_percent(d, 50)) {
      as_canvas_stroke(c, p, 2, 0, r / 3, &paint); /* a stick */
    } else {
      as_canvas_fill(c, p, n, &paint);
    }
  }
}

void as_scene_hide(as_canvas *c, as_dice *d) {
  as_color veil = as_dice_percent(d, 50) ? as_dice_color(d, 800, 1000, 0, 30, 180, 230)
                                         : as_dice_color(d, 0, 1535, 0, 60, 8, 25);
  for (int y = 0; y < c->size; y++) {
    for (int x = 0; x < c->size; x++) as_canvas_blend(c, x, y, veil, 246);
  }
}
