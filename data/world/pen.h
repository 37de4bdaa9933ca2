/* Draws a thing from parts in its own coordinates, in the style of the picture. */
#ifndef AS_DATA_WORLD_PEN_H
#define AS_DATA_WORLD_PEN_H

#include "data/world/canvas.h"

/* What a part is painted with; the picture's palette says how that looks. */
typedef enum as_role { AS_MAIN, AS_SECOND, AS_ACCENT, AS_DARK, AS_LIGHT, AS_WOOD, AS_LEAF, AS_ROLES } as_role;

typedef enum as_pen_style {
  AS_PEN_PAINT,   /* fills, lit from one side */
  AS_PEN_OUTLINE, /* flat fills with a dark outline */
  AS_PEN_NEON,    /* dark fills with a bright outline */
  AS_PEN_PENCIL   /* paper fills with a wobbly pencil outline */
} as_pen_style;

typedef struct as_pen {
  as_canvas *canvas;
  as_pen_style style;
  as_color palette[AS_ROLES];
  as_paint paint; /* light, centre, texture of the main part; colour is set per part */
  as_color ink, paper;
  int width;      /* of outlines, 1/256 pixel */
  int wash;       /* pencil drawings: how much of its colour a part shows, 0..256 */
  int m[4];       /* thing to picture: 1/256 pixel per unit, times 4096; row-major 2 x 2 */
  int32_t x, y;   /* 1/256 pixel */
  as_rng rng;     /* of this thing */
  uint64_t drawn; /* random numbers used */
} as_pen;

/* Integer in lo..hi. */
int as_pen_random(as_pen *p, int lo, int hi);

/* Coordinates: x right, y down, the thing fills -1000..1000. Points are x, y pairs. */
void as_pen_polygon(as_pen *p, as_role role, const int16_t *xy, int n);
void as_pen_curve(as_pen *p, as_role role, const int16_t *xy, int n); /* closed Catmull-Rom spline */
void as_pen_ellipse(as_pen *p, as_role role, int cx, int cy, int rx, int ry, int turn);
/* A straight limb with round ends. */
void as_pen_limb(as_pen *p, as_role role, int x0, int y0, int x1, int y1, int width);
void as_pen_line(as_pen *p, as_role role, int width, const int16_t *xy, int n);

/* Sugar for lists of points. */
#define AS_XY(...) \
  (const int16_t[]){__VA_ARGS__}, (int)(sizeof((int16_t[]){__VA_ARGS__}) / sizeof(int16_t) / 2)

#endif
