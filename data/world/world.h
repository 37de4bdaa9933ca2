/* The image world: a small labelled data set that the program draws itself.
 *
 * Everyday things (boats, cats, mushrooms, ...) in varied pose, colour, texture, light, background, clutter and noise,
 * drawn by an integer rasteriser, so that a seed gives the same bytes on every machine. Each thing has a usual skin
 * (colour and texture) and usual places, which it shows in about half of the pictures.
 * Sets that stand for ImageNet's: val; ReaL (val's images with every right label); V2 (a fresh draw from a harder
 * world); Rendition (other styles: poster, mosaic, night, painting, woodcut); Sketch (pencil lines on paper);
 * corrupted (val's pictures with noise, blur, little contrast or JPEG artefacts, in five severities: ImageNet-C);
 * conflict (the shape of one class in the skin of another: texture against shape). The train set is for pre-training,
 * probes and k-NN. */
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
  AS_WORLD_CORRUPTED,
  AS_WORLD_CONFLICT,
  AS_WORLD_SETS
} as_world_set;

enum { AS_WORLD_QUALITY = 90 }; /* of its JPEG files, where nothing is said */

/* Zero fields mean the default. */
typedef struct as_world_opts {
  uint64_t seed;                /* default 0 is a seed like any other */
  int size;                     /* side of the images in pixels, 32..512; default 80 */
  int classes;                  /* the first n classes, 2..as_world_classes(); default all */
  int per_class[AS_WORLD_SETS]; /* images per class; default 50 (train) and 25 (the others); -1 = none */
  int quality;                  /* JPEG quality 1..100; default AS_WORLD_QUALITY */
} as_world_opts;

size_t as_world_classes(void);
const char *as_world_class_name(size_t c);       /* bytewise sorted, so class index = rank of the folder */
const char *as_world_set_name(as_world_set set); /* "train", "val", "v2", ... */

/* Draws the world into DIR (made if absent):
 *   DIR/classes.txt                       class names in class order
 *   DIR/{train,val,v2,rendition,sketch}/CLASS/SET_0001.jpg
 *   DIR/corrupted/CLASS/KIND-SEVERITY_0001.jpg   val_0001.jpg with one of the 20 damages: noise-1, ..., jpeg-5
 *   DIR/conflict/CLASS/conflict_0001.jpg  CLASS is the shape's
 *   DIR/real.json                         {"CLASS/val_0001.jpg": [class, ...], ...} for val's images;
 *                                         [] where nothing can be made out: not scored
 *   DIR/texture.json                      the same for the conflict set: the class whose skin it is
 *   DIR/overview.jpg                      one picture of each class (columns) in each set (rows)
 * Images are drawn in parallel and existing files replaced; the lists are written last and atomically.
 * AS_E_USAGE: options out of range; AS_E_ENV: the folder cannot be written. */
as_status as_world_write(const char *dir, const as_world_opts *opts, as_err *err);

/* One image: rgb takes size * size * 3 bytes. labels takes up to 4 class indices: every thing that is to be seen, in the
 * conflict set the skin's class; *n_labels may become 0. A pure function of (opts->seed, size, classes; set, c, index). */
as_status as_world_draw(const as_world_opts *opts, as_world_set set, size_t c, int index, uint8_t *rgb,
                        int labels[4], int *n_labels, as_err *err);

#endif
