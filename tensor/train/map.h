/* Activations of a training pass: [n, h, w, c] float32, channels fastest, with a border of zeros around each image.
 *
 *      border          A convolution then reads every tap in place: what lies outside the image is a zero that
 *      0 0 0 0 0 0     contributes nothing to a chain (NUMERICS rule 2), and the taps of one kernel row are one
 *      0 x x x x 0     contiguous piece of memory, because pixels lie exactly c floats apart.
 *      0 x x x x 0
 *      0 0 0 0 0 0     The border is written once, by as_map_place; every driver writes the inside only.
 *
 * Rows of a matrix (tokens, embeddings) are a map with h = 1, w = rows, n = 1 and no border. */
#ifndef AS_TENSOR_TRAIN_MAP_H
#define AS_TENSOR_TRAIN_MAP_H

#include <stddef.h>

typedef struct as_map {
  float *data; /* pixel (0, 0) of image 0; borrowed */
  int n, h, w, c, border;
} as_map;

static inline size_t as_map_row(const as_map *m) { /* floats from one row of pixels to the next */
  return (size_t)(m->w + 2 * m->border) * (size_t)m->c;
}
static inline size_t as_map_image(const as_map *m) {
  return (size_t)(m->h + 2 * m->border) * as_map_row(m);
}
/* Floats that a map of these sizes takes, border included. */
static inline size_t as_map_floats(const as_map *m) {
  return (size_t)m->n * as_map_image(m);
}
static inline size_t as_map_pixels(const as_map *m) {
  return (size_t)m->n * (size_t)m->h * (size_t)m->w;
}
static inline float *as_map_at(const as_map *m, size_t image, size_t y, size_t x) {
  return m->data + image * as_map_image(m) + y * as_map_row(m) + x * (size_t)m->c;
}
static inline as_map as_map_matrix(float *data, size_t rows, size_t c) {
  const as_map m = {data, 1, 1, (int)rows, (int)c, 0};
  return m;
}

/* Puts the map into memory of as_map_floats(m) floats, which it clears. */
void as_map_place(as_map *m, float *memory);

/* Pixels in (image, row, column) order as runs that lie c floats apart: from pixel `at`, at most `most` of them.
 * Gives the first one and how many there are. Without a border the whole map is one run. */
size_t as_map_run(const as_map *m, size_t at, size_t most, float **first);

/* sum[j] = the sum of channel j over all pixels (NUMERICS rule T2). scratch: as_map_sum_floats(m) floats. */
size_t as_map_sum_floats(const as_map *m);
void as_map_sum(const as_map *m, float *sum, float *scratch);

#endif
