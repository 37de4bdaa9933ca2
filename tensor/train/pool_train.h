/* Pooling in training: windows and the mean over a map, forward by the kernels of inference, and backward.
 *
 *   max    the gradient of an output goes to the first of the largest inputs of its window
 *   mean   to all of its window alike, divided by their number (window: kh kw) */
#ifndef AS_TENSOR_TRAIN_POOL_TRAIN_H
#define AS_TENSOR_TRAIN_POOL_TRAIN_H

#include <stdbool.h>

#include "tensor/pool.h"
#include "tensor/train/map.h"

/* in: [n, h, w, c]; out: [n, windows, c]. Windows are cut at the map's edge: padding never wins a maximum. */
void as_pool_train_forward(const as_pool_shape *s, bool max, const as_map *in, const as_map *out);
/* in, out: of the forward pass. din is added to. */
void as_pool_train_backward(const as_pool_shape *s, bool max, const as_map *in, const as_map *out,
                            const as_map *dout, const as_map *din);

/* features: a matrix [n, c], the mean over the pixels of each image. */
void as_mean_train_forward(const as_map *in, const as_map *features);
/* din is written. */
void as_mean_train_backward(const as_map *dfeatures, const as_map *din);

#endif
