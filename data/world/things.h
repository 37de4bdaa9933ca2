/* The classes of the world, each a small drawing. */
#ifndef AS_DATA_WORLD_THINGS_H
#define AS_DATA_WORLD_THINGS_H

#include "data/world/pen.h"

typedef enum as_scenery {
  AS_OUTDOORS,
  AS_INDOORS,
  AS_STUDIO,
  AS_SEA,
  AS_LEAVES,
  AS_NIGHT,
  AS_PLACES,
  AS_ANYWHERE = AS_PLACES
} as_scenery;

/* Colour and texture of the main part. */
typedef struct as_skin {
  int hue[2], sat[2], val[2]; /* ranges; hue in 1536ths of the circle, the second may be beyond it */
  as_texture texture;
  as_role mark;  /* the texture's second colour */
  int period[2]; /* of the texture, eightieths of the picture's side */
  int dx, dy;    /* direction of stripes */
} as_skin;

typedef struct as_thing {
  const char *name;
  void (*draw)(as_pen *p);
  as_skin skin;       /* what it mostly wears ... */
  int floats;         /* 1: in the air, no shadow below */
  as_scenery home[2]; /* ... and where it is mostly seen: data sets have such habits, and models learn them */
} as_thing;

enum { AS_THINGS = 16 };
extern const as_thing as_things[AS_THINGS]; /* sorted by name */

#endif
