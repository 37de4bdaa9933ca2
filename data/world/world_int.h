/* Private to data/world. */
#ifndef AS_DATA_WORLD_WORLD_INT_H
#define AS_DATA_WORLD_WORLD_INT_H

#include "data/world/canvas.h"
#include "data/world/world.h"

enum { AS_WORLD_SIDE = 512 }; /* largest */

/* Fills defaults in and checks ranges. per_class becomes 0 where a set is left out. */
as_status as_world_resolve(as_world_opts *o, as_err *err);
/* as_world_draw of resolved options; the canvas is of o->size. */
as_status as_world_picture(const as_world_opts *o, as_world_set set, size_t c, int index, as_canvas *canvas,
                           int labels[4], int *n_labels, as_err *err);

/* corrupt.c: damage number `index` of 20, again and again (kinds first, then severities): "noise-1", "blur-1", ...,
 * "jpeg-5". AS_E_ENV: no memory. */
void as_world_damage_name(int index, char name[32]);
as_status as_world_corrupt(as_canvas *c, as_rng dice, int index, as_err *err);

#endif
