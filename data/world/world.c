#include "data/world/world.h"

#include <stdio.h>
#include <string.h>

#include "data/world/scene.h"
#include "data/world/world_int.h"
#include "tensor/base/mem.h"

enum { MIN_SIZE = 32, MAX_SIZE = AS_WORLD_SIDE, DEFAULT_SIZE = 80, MAX_PER_CLASS = 9999 };

static const char *const set_names[AS_WORLD_SETS] = {"train",  "val",       "v2",      "rendition",
                                                     "sketch", "corrupted", "conflict"};

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
  if (o->quality == 0) o->quality = AS_WORLD_QUALITY;
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

/* A habit that a thing has in most pictures; without it, anything goes. */
static const as_skin any_skin = {{0, 1535}, {30, 250}, {80, 250}, AS_PLAIN, AS_LIGHT, {4, 4}, 1, 0};

static void choose_palette(as_pen *pen, as_dice *d, const as_skin *skin, as_finish finish) {
  int hue = as_dice_between(d, skin->hue[0], skin->hue[1]);
  int sat = as_dice_between(d, skin->sat[0], skin->sat[1]);
  int val = as_dice_between(d, skin->val[0], skin->val[1]);
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

/* The texture of the skin; without a skin, of any kind in 40 of 100 cases. */
static void choose_texture(as_pen *pen, as_dice *d, const as_skin *skin, int n) {
  as_paint *p = &pen->paint;
  as_color main = pen->palette[AS_MAIN];
  p->grain = as_rng_make(pen->rng.key, 5);
  if (skin) {
    p->texture = skin->texture;
    p->second = as_mix(main, pen->palette[skin->mark], as_dice_between(d, 130, 210));
    p->period = as_dice_between(d, skin->period[0], skin->period[1]) * n / 80 + 1;
    p->dx = skin->dx;
    p->dy = skin->dy;
  } else if (as_dice_percent(d, 40)) {
    p->texture = (as_texture)as_dice_between(d, AS_STRIPES, AS_GRAIN);
    as_color mark = pen->palette[as_dice_between(d, AS_SECOND, AS_LIGHT)];
    p->second = as_mix(main, mark, as_dice_between(d, 90, 200));
    p->period = as_dice_between(d, 3, 8) * n / 80 + 1;
    p->dx = as_dice_between(d, -2, 2);
    p->dy = p->dx ? as_dice_between(d, -2, 2) : 1;
  }
}

/* How far things may stray, per set. */
typedef struct spread {
  int scale0, scale1;                       /* thousandths of half the picture */
  int turn;                                 /* 1/1024 turns either way */
  int shift;                                /* per cent of the picture either way */
  int clutter0, clutter1, in_front, second; /* pieces; chances in per cent */
  int home;                                 /* chance of the usual place */
  int dressed;                              /* chance of the usual skin */
} spread;
static const spread plain = {590, 930, 56, 10, 1, 5, 14, 22, 52, 50};
static const spread harder = {480, 890, 92, 15, 2, 7, 26, 28, 28, 28};
static const spread posed = {700, 930, 40, 6, 0, 0, 0, 0, 0, 100}; /* conflict: nothing but shape and skin */

/* One thing of a picture. */
typedef struct actor {
  const as_thing *thing;
  const as_skin *skin; /* NULL: any */
  int scale, turn, x, y;
  uint64_t stream; /* of its own random numbers */
} actor;

static as_pen_style style_of(as_finish finish) {
  switch (finish) {
    case AS_PENCIL:
      return AS_PEN_PENCIL;
    case AS_NEON:
      return AS_PEN_NEON;
    case AS_POSTER:
    case AS_WOODCUT:
      return AS_PEN_OUTLINE;
    default:
      return AS_PEN_PAINT;
  }
}

static void draw_shadow(const as_pen *pen) {
  as_pen shade = *pen;
  shade.style = AS_PEN_PAINT;
  shade.paint.alpha = 90;
  shade.paint.texture = AS_PLAIN;
  shade.paint.light_x = shade.paint.light_y = 0;
  shade.palette[AS_DARK] = (as_color){10, 10, 15};
  as_pen_ellipse(&shade, AS_DARK, 60, 940, 800, 110, 0);
}

static void draw_thing(as_canvas *c, as_dice *d, as_finish finish, const actor *a) {
  as_pen pen;
  int n = c->size;
  memset(&pen, 0, sizeof pen);
  pen.canvas = c;
  pen.rng = as_rng_make(d->rng.key, a->stream);
  pen.style = style_of(finish);
  choose_palette(&pen, d, a->skin ? a->skin : &any_skin, finish);
  pen.ink = finish == AS_PENCIL ? as_dice_color(d, 0, 1535, 0, 50, 20, 90) : (as_color){20, 18, 24};
  pen.paper = finish == AS_NEON ? (as_color){14, 10, 26} : (as_color){246, 243, 234};
  pen.width = as_dice_between(d, 8, 14) * n * AS_PX / 80 / 10;
  if (finish == AS_PENCIL) {
    pen.width = pen.width * 5 / 4;
    pen.wash = as_dice_percent(d, 40) ? as_dice_between(d, 30, 110) : 0;
  }
  pen.x = (n / 2 + a->x) * AS_PX;
  pen.y = (n / 2 + a->y) * AS_PX;
  pen.paint = (as_paint){.alpha = 256, .centre_x = n / 2 + a->x, .centre_y = n / 2 + a->y, .dx = 1};
  pen.paint.light_x = as_dice_between(d, -3, 3) * 80 / n;
  pen.paint.light_y = as_dice_between(d, -3, 1) * 80 / n;
  choose_texture(&pen, d, a->skin, n);
  int64_t unit = (int64_t)n * AS_PX / 2 * 4096 * a->scale / 1000000;
  int mirror = as_dice_percent(d, 50) ? -1 : 1;
  int64_t wide = unit * as_dice_between(d, 86, 114) / 100 * mirror;
  pen.m[0] = (int)(wide * as_icos(a->turn) / 16384);
  pen.m[1] = (int)(-unit * as_isin(a->turn) / 16384);
  pen.m[2] = (int)(wide * as_isin(a->turn) / 16384);
  pen.m[3] = (int)(unit * as_icos(a->turn) / 16384);
  if (!a->thing->floats && finish != AS_PENCIL && finish != AS_NEON) draw_shadow(&pen);
  a->thing->draw(&pen);
}

static as_finish choose_finish(as_dice *d, as_world_set set) {
  if (set == AS_WORLD_SKETCH) return AS_PENCIL;
  if (set != AS_WORLD_RENDITION) return AS_PHOTO;
  return (as_finish)as_dice_between(d, AS_POSTER, AS_WOODCUT);
}

/* What val's labels get wrong, as ImageNet's do. */
typedef struct cast {
  size_t shown, other; /* the thing; another class */
  int hidden;          /* nothing to be seen */
  int second, swapped; /* `other` is there too; the labelled thing is the smaller one */
} cast;

static cast choose_cast(as_dice *d, const as_world_opts *o, as_world_set set, size_t c, int chance) {
  int mistake = as_dice_between(d, 0, 99), step = as_dice_between(d, 1, o->classes - 1);
  cast k = {.shown = c, .other = (c + (size_t)step) % (size_t)o->classes};
  if (set == AS_WORLD_VAL && mistake < 3) k.shown = k.other;
  k.hidden = set == AS_WORLD_VAL && mistake >= 97;
  int second = as_dice_percent(d, chance);
  k.second = second && set != AS_WORLD_TRAIN && k.shown == c;
  k.swapped = as_dice_percent(d, 15);
  return k;
}

/* Its usual skin, or NULL: any. */
static const as_skin *choose_skin(as_dice *d, size_t c, int chance) {
  return as_dice_percent(d, chance) ? &as_things[c].skin : NULL;
}

/* A picture with things in it, before the finish. labels: what is to be seen. */
static void paint_things(as_canvas *canvas, as_dice *d, as_finish finish, const spread *s, const cast *k,
                         const as_skin *skin, int labels[4], int *n_labels) {
  int n = canvas->size, room = n * s->shift / 100;
  actor a = {.thing = &as_things[k->shown], .skin = skin, .stream = 1};
  a.scale = as_dice_between(d, s->scale0, s->scale1);
  a.turn = as_dice_between(d, -s->turn, s->turn);
  a.x = as_dice_between(d, -room, room);
  a.y = as_dice_between(d, -room, room) + n / 40;
  *n_labels = 0;
  labels[(*n_labels)++] = (int)k->shown;
  if (k->second) {
    actor b = {.thing = &as_things[k->other], .stream = 2};
    int side = as_dice_percent(d, 50) ? 1 : -1;
    b.skin = choose_skin(d, k->other, s->dressed);
    b.scale = a.scale * as_dice_between(d, 42, 62) / 100;
    b.turn = as_dice_between(d, -s->turn, s->turn);
    b.x = side * n * as_dice_between(d, 24, 32) / 100;
    b.y = n * as_dice_between(d, 8, 22) / 100;
    a.scale = a.scale * 82 / 100;
    a.x = -side * n * as_dice_between(d, 8, 16) / 100;
    if (k->swapped) {
      const as_thing *thing = a.thing;
      const as_skin *worn = a.skin;
      a.thing = b.thing, a.skin = b.skin;
      b.thing = thing, b.skin = worn;
    }
    draw_thing(canvas, d, finish, &a);
    draw_thing(canvas, d, finish, &b);
    labels[(*n_labels)++] = (int)k->other;
  } else {
    draw_thing(canvas, d, finish, &a);
  }
}

static void paint_picture(as_canvas *canvas, as_dice *d, const as_world_opts *o, as_world_set set, size_t c,
                          int labels[4], int *n_labels) {
  const spread *s = set == AS_WORLD_V2 ? &harder : set == AS_WORLD_CONFLICT ? &posed : &plain;
  as_finish finish = choose_finish(d, set);
  int photo = finish == AS_PHOTO;
  cast k = choose_cast(d, o, set, c, photo ? s->second : 0);
  int at_home = as_dice_percent(d, s->home), which = as_dice_between(d, 0, 1);
  as_scenery place = at_home ? as_things[c].home[which] : AS_ANYWHERE;
  as_scene_background(canvas, d, finish, set == AS_WORLD_CONFLICT ? AS_STUDIO : place);
  if (photo) {
    int pieces = as_dice_between(d, s->clutter0, s->clutter1), alpha = as_dice_between(d, 190, 256);
    as_scene_clutter(canvas, d, pieces, alpha);
  }
  const as_skin *skin = choose_skin(d, set == AS_WORLD_CONFLICT ? k.other : k.shown, s->dressed);
  paint_things(canvas, d, finish, s, &k, skin, labels, n_labels);
  if (set == AS_WORLD_CONFLICT) labels[0] = (int)k.other;
  if (photo && as_dice_percent(d, s->in_front)) as_scene_clutter(canvas, d, as_dice_between(d, 1, 3), 256);
  if (k.hidden) {
    as_scene_hide(canvas, d);
    *n_labels = 0;
  }
  as_scene_finish(canvas, d, finish, set == AS_WORLD_V2);
}

as_status as_world_picture(const as_world_opts *o, as_world_set set, size_t c, int index, as_canvas *canvas,
                           int labels[4], int *n_labels, as_err *err) {
  char key[96];
  const as_world_set as = set == AS_WORLD_CORRUPTED ? AS_WORLD_VAL : set; /* val's pictures once more */
  snprintf(key, sizeof key, "world-2/%s/%s/%d", set_names[as], as_things[c].name, index);
  as_dice dice = {as_rng_make(o->seed, as_rng_stream(key)), 0};
  paint_picture(canvas, &dice, o, as, c, labels, n_labels);
  return set == AS_WORLD_CORRUPTED ? as_world_corrupt(canvas, dice.rng, index, err) : AS_OK;
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
  s = as_world_picture(&o, set, c, index, &(as_canvas){o.size, rgb, ink}, labels, n_labels, err);
  as_free(ink);
  return s;
}
