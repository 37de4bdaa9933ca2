#include "data/augment/augment.h"

#include <math.h>
#include <string.h>

#include "data/augment/colour.h"
#include "data/image/resize.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

/* The numbers of a view: a crop takes 0..39 at most. */
enum {
  DRAW_FLIP = 64,
  DRAW_JITTER,
  DRAW_ORDER,
  DRAW_BRIGHTNESS,
  DRAW_CONTRAST,
  DRAW_SATURATION,
  DRAW_HUE,
  DRAW_GREY,
  DRAW_BLUR,
  DRAW_SIGMA,
  DRAW_SOLARISE,
  DRAWS = 128,
  VIEWS = 16
};

as_rng as_augment_dice(uint64_t seed, uint64_t epoch) {
  return as_rng_make(seed, as_rng_stream("augment") + epoch);
}

typedef struct dice {
  as_rng r;
  uint64_t base;
} dice;

static double draw(const dice *d, unsigned k) {
  return as_rng_uniform(d->r, d->base + k);
}
static double between(const dice *d, unsigned k, double lo, double hi) {
  return lo + (hi - lo) * draw(d, k);
}
/* A factor around 1: U(max(0, 1 - s), 1 + s). */
static double factor(const dice *d, unsigned k, double s) {
  return between(d, k, s < 1.0 ? 1.0 - s : 0.0, 1.0 + s);
}

/* The order is permutation number `draw of 24`, digits of the factorial base. */
static void jitter(const as_augment *a, const dice *d, const as_planes *p) {
  int left[4] = {0, 1, 2, 3}, n = 4;
  uint64_t code = as_rng_below(d->r, d->base + DRAW_ORDER, 24);
  while (n > 0) {
    const int at = (int)(code % (uint64_t)n), step = left[at];
    code /= (uint64_t)n;
    for (int i = at; i + 1 < n; i++) left[i] = left[i + 1];
    n--;
    if (step == 0 && a->brightness > 0.0) as_colour_brightness(p, factor(d, DRAW_BRIGHTNESS, a->brightness));
    if (step == 1 && a->contrast > 0.0) as_colour_contrast(p, factor(d, DRAW_CONTRAST, a->contrast));
    if (step == 2 && a->saturation > 0.0) as_colour_saturation(p, factor(d, DRAW_SATURATION, a->saturation));
    if (step == 3 && a->hue > 0.0) as_colour_hue(p, between(d, DRAW_HUE, -a->hue, a->hue));
  }
}

/* ---- room: memory and resize plans that views share ---- */

enum { AXES = 128 };

struct as_augment_room {
  int side;
  float *planes;   /* three, then one with edges for the blur */
  uint8_t *pixels; /* [side, side, 3], with what the resampler may write behind them */
  struct axis {
    int in, out; /* 0, 0: not used yet */
    as_filter filter;
    as_resize_axis a;
  } axis[AXES];
};

as_status as_augment_room_create(as_augment_room **out, int side, as_err *err) {
  const size_t n = (size_t)side * (size_t)side;
  as_augment_room *room = *out = as_calloc(1, sizeof *room, err);
  if (!room) return AS_E_ENV;
  room->side = side;
  room->planes = as_alloc(3 * n + (size_t)(side + 2 * AS_BLUR_RADIUS) * (size_t)side, sizeof(float), err);
  room->pixels = room->planes ? as_alloc(3 * n + 64, 1, err) : NULL;
  if (room->pixels) return AS_OK;
  as_augment_room_destroy(out);
  return AS_E_ENV;
}

void as_augment_room_destroy(as_augment_room **room) {
  if (!*room) return;
  for (size_t i = 0; i < AXES; i++) as_resize_axis_clear(&(*room)->axis[i].a);
  as_free((*room)->planes);
  as_free((*room)->pixels);
  as_free(*room);
  *room = NULL;
}

/* Crops have few sizes, and their coefficients cost more than a pass over the pixels. */
static as_status find_axis(as_augment_room *room, int in, int out, as_filter filter,
                           const as_resize_axis **found, as_err *err) {
  struct axis *x = &room->axis[(in + 37 * out) % AXES];
  *found = &x->a;
  if (x->in == in && x->out == out && x->filter == filter) return AS_OK;
  as_resize_axis_clear(&x->a);
  x->in = 0;
  const as_status s = as_resize_axis_init(&x->a, in, out, 0, out, filter, err);
  if (s == AS_OK) x->in = in, x->out = out, x->filter = filter;
  return s;
}

typedef struct part {
  const uint8_t *p;
  size_t stride;
  int n;
} part;

/* Rows of an as_row_fn: the fourth byte may be anything. */
static as_status next_row(void *ctx, uint8_t *row, as_err *err) {
  part *r = ctx;
  (void)err;
  for (int x = 0; x + 1 < r->n; x++) memcpy(row + (size_t)x * 4, r->p + (size_t)x * 3, 4);
  memcpy(row + (size_t)(r->n - 1) * 4, r->p + (size_t)(r->n - 1) * 3, 3);
  row[(size_t)r->n * 4 - 1] = 0;
  r->p += r->stride;
  return AS_OK;
}

/* The crop as 8-bit pixels [side, side, 3] in the room. */
static as_status crop(const as_augment *a, const dice *d, const as_augment_of *of, int side,
                      as_augment_room *room, as_err *err) {
  uint64_t at = d->base;
  as_crop_box b = {0, 0, of->w, of->h};
  if (a->crop_hi > 0.0) b = as_crop_choose(of->w, of->h, a->crop_lo, a->crop_hi, d->r, &at);
  const as_resize_axis *ax, *ay;
  as_resize_axis spare = {0}; /* both may fall on one slot */
  as_status s = find_axis(room, b.w, side, a->filter, &ax, err);
  const bool clash = (b.w - b.h) % AXES == 0 && b.w != b.h;
  if (s == AS_OK && clash) s = as_resize_axis_init(&spare, b.h, side, 0, side, a->filter, err);
  if (s == AS_OK && !clash) s = find_axis(room, b.h, side, a->filter, &ay, err);
  if (clash) ay = &spare;
  if (s == AS_OK) {
    const size_t stride = (size_t)of->w * 3;
    part rows = {of->rgb + (size_t)(b.y + ay->lo) * stride + (size_t)(b.x + ax->lo) * 3, stride,
                 ax->hi - ax->lo};
    s = as_resize_rows(ax, ay, next_row, &rows, room->pixels, (size_t)side * 3, err);
  }
  as_resize_axis_clear(&spare);
  return s;
}

as_status as_augment_view(const as_augment *a, const as_augment_of *of, const as_augment_to *to,
                          as_err *err) {
  const size_t side = (size_t)to->side, n = side * side;
  const dice d = {of->dice, (of->image * VIEWS + of->view) * DRAWS};
  float *planes = to->room->planes;
  const as_planes p = {planes, planes + n, planes + 2 * n, n};
  const as_status s = crop(a, &d, of, to->side, to->room, err);
  if (s != AS_OK) return s;
  const bool flip = draw(&d, DRAW_FLIP) < a->flip;
  for (size_t y = 0, i = 0; y < side; y++, i += side)
    as_colour_split(side, to->room->pixels + 3 * i, flip, p.r + i, p.g + i, p.b + i);
  if (draw(&d, DRAW_JITTER) < a->jitter) jitter(a, &d, &p);
  if (draw(&d, DRAW_GREY) < a->grey) as_colour_grey(&p);
  if (draw(&d, DRAW_BLUR) < a->blur)
    as_colour_blur(&p, to->side, between(&d, DRAW_SIGMA, a->sigma_lo, a->sigma_hi), planes + 3 * n);
  if (draw(&d, DRAW_SOLARISE) < a->solarise) as_colour_solarise(&p);
  for (size_t y = 0, i = 0; y < side; y++, i += side) {
    const as_planes row = {p.r + i, p.g + i, p.b + i, side};
    as_colour_join(&row, a->mean, a->std, to->out + y * to->row);
  }
  return AS_OK;
}
