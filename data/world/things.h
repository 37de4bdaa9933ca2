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

typedef struct as_thing {
  const char *name;
  void (*draw)(as_pen *p);
  /* Ranges from which the palette's main colour is drawn: hue 0..1535 (from may be above to: around
   * red), saturation, value. */
  int hue[2], sat[2], val[2];
  int floats;         /* 1: in the air, no shadow below */
  as_scenery home[2]; /* where it is mostly seen: data sets have such habits, and models learn them */
} as_thing;

enum { AS_THINGS = 16 };
extern const as_thing as_things[AS_THINGS]; /* sorted by name */

#endif
