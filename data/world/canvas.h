/* An integer rasteriser: filled polygons with coverage anti-aliasing, strokes, and paints. No floating
 * point, so the same calls give the same bytes everywhere. */
#ifndef AS_DATA_WORLD_CANVAS_H
#define AS_DATA_WORLD_CANVAS_H

#include <stdint.h>

#include "tensor/base/math/rng.h"

enum { AS_PX = 256, AS_TURN = 1024, AS_MAX_POINTS = 256 }; /* units per pixel; angle units per turn */

typedef struct as_canvas {
  int size;     /* side in pixels */
  uint8_t *rgb; /* [size, size, 3], borrowed */
  uint8_t *ink; /* [size, size] scratch for strokes, borrowed */
} as_canvas;

typedef struct as_point {
  int32_t x, y; /* 1/256 pixel */
} as_point;

typedef struct as_color {
  uint8_t r, g, b;
} as_color;

typedef enum as_texture { AS_PLAIN, AS_STRIPES, AS_DOTS, AS_CHECKS, AS_GRAIN } as_texture;

typedef struct as_paint {
  as_color color, second; /* second: of the texture */
  int alpha;              /* 0..256 */
  int light_x, light_y;   /* brightness change per pixel away from the centre, in 1/256 of full */
  int centre_x, centre_y; /* pixels */
  as_texture texture;
  int period; /* pixels */
  int dx, dy; /* stripes: direction, any length */
  as_rng grain;
} as_paint;

/* sin(2 pi a / 1024) * 16384 by Bhaskara's rational approximation (error below 0.2 %). */
int as_isin(int a);
int as_icos(int a);
uint32_t as_isqrt(uint64_t v);
/* hue 0..1535 (six sectors of 256), saturation and value 0..255. */
as_color as_hsv(int hue, int sat, int val);
as_color as_mix(as_color a, as_color b, int t); /* t 0..256 */

void as_canvas_fill(as_canvas *c, const as_point *p, int n, const as_paint *paint); /* non-zero winding */
/* Polyline with round joins, width in 1/256 pixel; `closed` joins the ends. */
void as_canvas_stroke(as_canvas *c, const as_point *p, int n, int closed, int width, const as_paint *paint);
void as_canvas_blend(as_canvas *c, int x, int y, as_color color, int alpha); /* 0..256 */

#endif
