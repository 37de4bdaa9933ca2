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
/* Floats from image to image. With a border it is an odd number of cache lines: a tile of one pixel of several images
 * then reads from different sets of a cache. */
static inline size_t as_map_image(const as_map *m) {
  const size_t floats = (size_t)(m->h + 2 * m->border) * as_map_row(m), line = 16;
  return m->border ? ((floats + line - 1) / line | 1) * line : floats;
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

/* Pixels in (image, row, column) order are walked in runs that lie c floats apart:
 *   as_spot at = as_map_spot(m, first);
 *   for (size_t left = pixels, run; left > 0; left -= run, as_map_walk(m, &at, run)) run = as_map_run(m, at, left, &p);
 * A spot of one map is the same pixel of any map of the same sizes, whatever their borders. */
typedef struct as_spot {
  size_t image, y, x;
} as_spot;
static inline as_spot as_map_spot(const as_map *m, size_t at) {
  const size_t w = (size_t)m->w, h = (size_t)m->h, row = at / w;
  const as_spot s = {row / h, row % h, at - row * w};
  return s;
}
/* From the spot on, at most `most` pixels: gives the first one and how many there are. Without a border the whole map is
 * one run. */
static inline size_t as_map_run(const as_map *m, as_spot s, size_t most, float **first) {
  *first = as_map_at(m, s.image, s.y, s.x);
  const size_t run =
      m->border ? (size_t)m->w - s.x : as_map_pixels(m) - (s.image * (size_t)m->h + s.y) * (size_t)m->w - s.x;
  return run < most ? run : most;
}
/* Moves the spot `run` pixels on. */
static inline void as_map_walk(const as_map *m, as_spot *s, size_t run) {
  const size_t w = (size_t)m->w, h = (size_t)m->h;
  s->x += run;
  if (s->x > w) { /* over several rows: only where there is no border */
    s->y += s->x / w, s->x %= w;
    s->image += s->y / h, s->y %= h;
  } else if (s->x == w) {
    s->x = 0;
    if (++s->y == h) s->y = 0, s->image++;
  }
}

/* sum[j] = the sum of channel j over all pixels (NUMERICS rule T2). scratch: as_map_sum_floats(m) floats. */
size_t as_map_sum_floats(const as_map *m);
void as_map_sum(const as_map *m, float *sum, float *scratch);

#endif
