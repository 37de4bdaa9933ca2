/* Private to data/world. */
#ifndef AS_DATA_WORLD_WORLD_INT_H
#define AS_DATA_WORLD_WORLD_INT_H

#include "data/world/world.h"

/* Fills defaults in and checks ranges. per_class becomes 0 where a set is left out. */
as_status as_world_resolve(as_world_opts *o, as_err *err);
/* as_world_draw of resolved options; ink is scratch of size * size bytes. */
void as_world_picture(const as_world_opts *o, as_world_set set, size_t c, int index, uint8_t *rgb,
                      uint8_t *ink, int labels[4], int *n_labels);

#endif
