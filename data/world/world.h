/* The demo's image world: a small labelled data set that the program draws itself.
 *
 * Everyday things (boats, cats, mushrooms, ...) in varied pose, colour, light, background, clutter
 * and noise, drawn by an integer rasteriser, so that a seed gives the same bytes on every machine.
 * Five test sets stand for ImageNet's: val; ReaL (val's images with every right label); V2 (a fresh
 * draw from a slightly harder world); Rendition (other styles: poster, mosaic, night, painting);
 * Sketch (pencil lines on paper). The train set is for probes and k-NN. */
#ifndef AS_DATA_WORLD_WORLD_H
#define AS_DATA_WORLD_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

typedef enum as_world_set {
  AS_WORLD_TRAIN,
  AS_WORLD_VAL,
  AS_WORLD_V2,
  AS_WORLD_RENDITION,
  AS_WORLD_SKETCH,
  AS_WORLD_SETS
} as_world_set;

/* Zero fields mean the default. */
typedef struct as_world_opts {
  uint64_t seed;                /* default 0 is a seed like any other */
  int size;                     /* side of the images in pixels, 32..512; default 80 */
  int classes;                  /* the first n classes, 2..as_world_classes(); default all */
  int per_class[AS_WORLD_SETS]; /* images per class; default 50 (train) and 25 (the others); -1 = none */
  int quality;                  /* JPEG quality 1..100; default 90 */
} as_world_opts;

size_t as_world_classes(void);
const char *as_world_class_name(size_t c);       /* bytewise sorted, so class index = rank of the folder */
const char *as_world_set_name(as_world_set set); /* "train", "val", "v2", "rendition", "sketch" */

/* Draws the world into DIR (made if absent):
 *   DIR/classes.txt                       class names in class order
 *   DIR/{train,val,v2,rendition,sketch}/CLASS/SET_0001.jpg
 *   DIR/real.json                         {"CLASS/val_0001.jpg": [class, ...], ...} for val's images;
 *                                         [] where nothing can be made out: not scored
 *   DIR/overview.jpg                      one picture of each class (columns) in each set (rows)
 * Images are drawn in parallel and existing files replaced; real.json and classes.txt are written last
 * and atomically.
 * AS_E_USAGE: options out of range; AS_E_ENV: the folder cannot be written. */
as_status as_world_write(const char *dir, const as_world_opts *opts, as_err *err);

/* One image: rgb takes size * size * 3 bytes. labels takes up to 4 class indices, every thing that is
 * to be seen; *n_labels may become 0. A pure function of (opts->seed, size, classes; set, c, index). */
as_status as_world_draw(const as_world_opts *opts, as_world_set set, size_t c, int index, uint8_t *rgb,
                        int labels[4], int *n_labels, as_err *err);

#endif
