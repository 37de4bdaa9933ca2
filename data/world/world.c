#include "data/world/world.h"

#include <stdio.h>
#include <string.h>

#include "data/world/scene.h"
#include "data/world/world_int.h"
#include "tensor/base/mem.h"

enum { MIN_SIZE = 32, MAX_SIZE = 512, DEFAULT_SIZE = 80, DEFAULT_QUALITY = 90, MAX_PER_CLASS = 9999 };

static const char *const set_names[AS_WORLD_SETS] = {"train", "val", "v2", "rendition", "sketch"};

size_t as_world_classes(void) {
  return AS_THINGS;
}
const char *as_world_class_name(size_t c) {
  return as_things[c].name;
}
const char *as_world_set_name(as_world_set set) {
  return set_names[set];
}

as_status as_world_resolve(as_world_opts *o, as_err *err) {
  if (o->size == 0) o->size = DEFAULT_SIZE;
  if (o->classes == 0) o->classes = AS_THINGS;
  if (o->quality == 0) o->quality = DEFAULT_QUALITY;
  if (o->size < MIN_SIZE || o->size > MAX_SIZE)
    return as_fail(err, AS_E_USAGE, "image size %d: wanted %d..%d pixels", o->size, MIN_SIZE, MAX_SIZE);
  if (o->classes < 2 || o->classes > AS_THINGS)
    return as_fail(err, AS_E_USAGE, "%d classes: wanted 2..%d", o->classes, AS_THINGS);
  if (o->quality < 1 || o->quality > 100)
    return as_fail(err, AS_E_USAGE, "JPEG quality %d: wanted 1..100", o->quality);
  for (int s = 0; s < AS_WORLD_SETS; s++) {
    if (o->per_class[s] == 0) o->per_class[s] = s == AS_WORLD_TRAIN ? 50 : 25;
    if (o->per_class[s] < -1 || o->per_class[s] > MAX_PER_CLASS)
      return as_fail(err, AS_E_USAGE, "%d %s images per class: wanted 1..%d, or -1 for none", o->per_class[s],
                     set_names[s], MAX_PER_CLASS);
    if (o->per_class[s] == -1) o->per_class[s] = 0;
  }
  return AS_OK;
}

/* ---- one picture ------------------------------------------------------------------------------ */

static void choose_palette(as_pen *pen, as_dice *d, const as_thing *t, as_finish finish) {
  int from = t->hue[0], to = t->hue[1] < from ? t->hue[1] + 1536 : t->hue[1];
  int hue = as_dice_between(d, from, to), sat = as_dice_between(d, t->sat[0], t->sat[1]);
  int val = as_dice_between(d, t->val[0], t->val[1]);
  int autumn = as_dice_percent(d, 15);
  if (finish == AS_POSTER || finish == AS_NEON) { /* printers take what ink they have */
    hue = as_dice_between(d, 0, 1535);
    sat = as_dice_between(d, 130, 250);
    val = as_dice_between(d, 120, 250);
  }
  pen->palette[AS_MAIN] = as_hsv(hue, sat, val);
  int second = hue + as_dice_between(d, 180, 760), accent = hue + as_dice_between(d, 560, 980);
  pen->palette[AS_SECOND] = as_dice_color(d, second, second, 90, 230, 120, 250);
  pen->palette[AS_ACCENT] = as_dice_color(d, accent, accent, 170, 250, 190, 255);
  pen->palette[AS_DARK] = as_dice_color(d, 0, 1535, 20, 120, 15, 65);
  pen->palette[AS_LIGHT] = as_dice_color(d, 100, 300, 0, 45, 225, 255);
  pen->palette[AS_WOOD] = as_dice_color(d, 70, 160, 110, 190, 80, 180);
  pen->palette[AS_LEAF] =
      autumn ? as_dice_color(d, 40, 200, 150, 230, 140, 230) : as_dice_color(d, 300, 560, 100, 200, 80, 180);
}

/* How far things may stray, per set. */
typedef struct spread {
  int scale0, scale1;                       /* thousandths of half the picture */
  int turn;                                 /* 1/1024 turns either way */
  int shift;                                /* per cent of the picture either way */
  int clutter0, clutter1, in_front, second; /* pieces; chances in per cent */
  int home;                                 /* chance of the usual place */
} spread;
static const spread plain = {660, 940, 32, 7, 1, 4, 8, 22, 75};
static const spread harder = {520, 900, 70, 13, 2, 6, 22, 28, 40};

static void draw_thing(as_canvas *c, as_dice *d, const as_thing *t, as_finish finish, int scale, int turn,
                       int x, int y, uint64_t stream) {
  as_pen pen;
  int n = c->size;
  memset(&pen, 0, sizeof pen);
  pen.canvas = c;
  pen.rng = as_rng_make(d->rng.key, stream);
  pen.style = finish == AS_PENCIL                           ? AS_PEN_PENCIL
              : finish == AS_NEON                           ? AS_PEN_NEON
              : finish == AS_POSTER || finish == AS_WOODCUT ? AS_PEN_OUTLINE
                                                            : AS_PEN_PAINT;
  choose_palette(&pen, d, t, finish);
  pen.ink = finish == AS_PENCIL ? as_dice_color(d, 0, 1535, 0, 50, 20, 90) : (as_color){20, 18, 24};
  pen.paper = finish == AS_NEON ? (as_color){14, 10, 26} : (as_color){246, 243, 234};
  pen.width = as_dice_between(d, 8, 14) * n * AS_PX / 80 / 10;
  if (finish == AS_PENCIL) {
    pen.width = pen.width * 5 / 4;
    pen.wash = as_dice_percent(d, 40) ? as_dice_between(d, 30, 110) : 0;
  }
  pen.x = (n / 2 + x) * AS_PX;
  pen.y = (n / 2 + y) * AS_PX;
  pen.paint = (as_paint){.alpha = 256, .centre_x = n / 2 + x, .centre_y = n / 2 + y, .dx = 1};
  pen.paint.light_x = as_dice_between(d, -3, 3) * 80 / n;
  pen.paint.light_y = as_dice_between(d, -3, 1) * 80 / n;
  if (as_dice_percent(d, 30)) {
    pen.paint.texture = (as_texture)as_dice_between(d, AS_STRIPES, AS_GRAIN);
    pen.paint.second =
        as_mix(pen.palette[AS_MAIN], pen.palette[as_dice_between(d, AS_SECOND, AS_LIGHT)], 110);
    pen.paint.period = as_dice_between(d, 3, 7) * n / 80 + 1;
    pen.paint.dx = as_dice_between(d, -2, 2);
    pen.paint.dy = pen.paint.dx ? as_dice_between(d, -2, 2) : 1;
    pen.paint.grain = as_rng_make(pen.rng.key, 5);
  }
  int64_t unit = (int64_t)n * AS_PX / 2 * 4096 * scale / 1000000;
  int mirror = as_dice_percent(d, 50) ? -1 : 1;
  int64_t wide = unit * as_dice_between(d, 88, 112) / 100 * mirror;
  pen.m[0] = (int)(wide * as_icos(turn) / 16384);
  pen.m[1] = (int)(-unit * as_isin(turn) / 16384);
  pen.m[2] = (int)(wide * as_isin(turn) / 16384);
  pen.m[3] = (int)(unit * as_icos(turn) / 16384);
  if (!t->floats && finish != AS_PENCIL && finish != AS_NEON) { /* a shadow on the ground */
    as_paint paint = pen.paint;
    as_pen shade = pen;
    shade.style = AS_PEN_PAINT;
    shade.paint.alpha = 90;
    shade.paint.texture = AS_PLAIN;
    shade.paint.light_x = shade.paint.light_y = 0;
    shade.palette[AS_DARK] = (as_color){10, 10, 15};
    as_pen_ellipse(&shade, AS_DARK, 60, 940, 800, 110, 0);
    pen.paint = paint;
  }
  t->draw(&pen);
}

static as_finish choose_finish(as_dice *d, as_world_set set) {
  if (set == AS_WORLD_SKETCH) return AS_PENCIL;
  if (set != AS_WORLD_RENDITION) return AS_PHOTO;
  return (as_finish)as_dice_between(d, AS_POSTER, AS_WOODCUT);
}

void as_world_picture(const as_world_opts *o, as_world_set set, size_t c, int index, uint8_t *rgb,
                      uint8_t *ink, int labels[4], int *n_labels) {
  char key[96];
  snprintf(key, sizeof key, "world/%s/%s/%d", set_names[set], as_things[c].name, index);
  as_dice dice = {as_rng_make(o->seed, as_rng_stream(key)), 0}, *d = &dice;
  as_canvas canvas = {o->size, rgb, ink};
  const spread *s = set == AS_WORLD_V2 ? &harder : &plain;
  as_finish finish = choose_finish(d, set);
  int n = o->size, photo = finish == AS_PHOTO;
  /* What val's labels get wrong, as ImageNet's do: another thing altogether, or nothing to be seen. */
  size_t shown = c;
  int mistake = as_dice_between(d, 0, 99),
      other = (int)((c + (size_t)as_dice_between(d, 1, o->classes - 1)) % (size_t)o->classes);
  if (set == AS_WORLD_VAL && mistake < 3) shown = (size_t)other;
  int hidden = set == AS_WORLD_VAL && mistake >= 97;
  int second = photo && as_dice_percent(d, s->second) && set != AS_WORLD_TRAIN;
  int swapped = as_dice_percent(d, 15); /* the labelled thing is the smaller one */
  int at_home = as_dice_percent(d, s->home), which = as_dice_between(d, 0, 1);
  as_scene_background(&canvas, d, finish, at_home ? as_things[c].home[which] : AS_ANYWHERE);
  if (photo) {
    int pieces = as_dice_between(d, s->clutter0, s->clutter1), alpha = as_dice_between(d, 190, 256);
    as_scene_clutter(&canvas, d, pieces, alpha);
  }
  int scale = as_dice_between(d, s->scale0, s->scale1), turn = as_dice_between(d, -s->turn, s->turn);
  int room = n * s->shift / 100, x = as_dice_between(d, -room, room),
      y = as_dice_between(d, -room, room) + n / 40;
  *n_labels = 0;
  if (second && shown == c) {
    int side = as_dice_percent(d, 50) ? 1 : -1, small = scale * as_dice_between(d, 42, 62) / 100;
    scale = scale * 82 / 100;
    int x2 = side * n * as_dice_between(d, 24, 32) / 100, y2 = n * as_dice_between(d, 8, 22) / 100;
    x = -side * n * as_dice_between(d, 8, 16) / 100;
    size_t big = swapped ? (size_t)other : c, little = swapped ? c : (size_t)other;
    draw_thing(&canvas, d, &as_things[big], finish, scale, turn, x, y, 1);
    draw_thing(&canvas, d, &as_things[little], finish, small, as_dice_between(d, -s->turn, s->turn), x2, y2,
               2);
    labels[(*n_labels)++] = (int)c;
    labels[(*n_labels)++] = other;
  } else {
    draw_thing(&canvas, d, &as_things[shown], finish, scale, turn, x, y, 1);
    labels[(*n_labels)++] = (int)shown;
  }
  if (photo && as_dice_percent(d, s->in_front)) as_scene_clutter(&canvas, d, as_dice_between(d, 1, 3), 256);
  if (hidden) {
    as_scene_hide(&canvas, d);
    *n_labels = 0;
  }
  as_scene_finish(&canvas, d, finish, set == AS_WORLD_V2);
}

as_status as_world_draw(const as_world_opts *opts, as_world_set set, size_t c, int index, uint8_t *rgb,
                        int labels[4], int *n_labels, as_err *err) {
  as_world_opts o = *opts;
  as_status s = as_world_resolve(&o, err);
  if (s != AS_OK) return s;
  if (c >= (size_t)o.classes || index < 0 || (unsigned)set >= AS_WORLD_SETS)
    return as_fail(err, AS_E_USAGE, "no such picture: set %d, class %zu, index %d", (int)set, c, index);
  uint8_t *ink = as_alloc((size_t)o.size * (size_t)o.size, 1, err);
  if (!ink) return AS_E_ENV;
  as_world_picture(&o, set, c, index, rgb, ink, labels, n_labels);
  as_free(ink);
  return AS_OK;
}
