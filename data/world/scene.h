/* One picture of the world: background, clutter, light, things, and the finish of its style. */
#ifndef AS_DATA_WORLD_SCENE_H
#define AS_DATA_WORLD_SCENE_H

#include "data/world/canvas.h"
#include "data/world/things.h"
#include "data/world/world.h"

/* Random numbers of one picture, in the order asked for. */
typedef struct as_dice {
  as_rng rng;
  uint64_t n;
} as_dice;
int as_dice_between(as_dice *d, int lo, int hi);
int as_dice_percent(as_dice *d, int chance); /* 1 in chance of 100 cases */

as_color as_dice_color(as_dice *d, int h0, int h1, int s0, int s1, int v0,
                       int v1); /* hue, saturation, value */

typedef enum as_finish {
  AS_PHOTO,
  AS_POSTER,   /* few flat colours, dark outlines, odd palette */
  AS_MOSAIC,   /* tiles and grout */
  AS_NEON,     /* bright lines in the dark */
  AS_PAINTING, /* brush strokes on canvas */
  AS_WOODCUT,  /* two inks and hatching */
  AS_PENCIL
} as_finish;

/* Fills the canvas; sizes of grain, tiles and lines follow its side. Photographs, mosaics and
 * paintings show `place`, or any with AS_ANYWHERE. */
void as_scene_background(as_canvas *c, as_dice *d, as_finish finish, as_scenery place);
void as_scene_clutter(as_canvas *c, as_dice *d, int pieces, int alpha);
void as_scene_finish(as_canvas *c, as_dice *d, as_finish finish, int harder);
/* Thick fog or dark: nothing can be made out. */
void as_scene_hide(as_canvas *c, as_dice *d);

#endif
