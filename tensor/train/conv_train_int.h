/* Inside of the convolution for training: conv_train.c plans, packs and runs forward and the input gradient,
 * conv_train_weight.c the weight gradient. */
#ifndef AS_TENSOR_TRAIN_CONV_TRAIN_INT_H
#define AS_TENSOR_TRAIN_CONV_TRAIN_INT_H

#include "tensor/kern/kernels.h"
#include "tensor/train/conv_train.h"

enum {
  AS_CONV_BLOCK = 48,        /* tiles that share a panel of large weights, at most */
  AS_CONV_PARTIAL = 8 << 20, /* bytes of unsummed chunks of the weight gradient that wait in memory */
};

/* The input pixels whose (row + pad) % stride and (column + pad) % stride are one residue meet the same kernel taps: a
 * convolution of the output's gradient with a part of the kernel. Stride 1 has one such class. */
typedef struct as_conv_class {
  int ky, kx;           /* the largest tap of each axis in the class; taps go down by `stride` */
  int rows, cols;       /* taps */
  int first_y, first_x; /* first input row and column of the class */
  size_t packed;        /* floats to its panels in `reverse` */
} as_conv_class;

struct as_conv_train {
  as_conv_shape s;
  int out_h, out_w;
  size_t k;               /* c_in kh kw */
  float *forward;         /* [panels of c_out][k][32] */
  float *bias;            /* [panels of c_out * 32] */
  float *reverse;         /* per class [panels of c_in][rows cols c_out][32] */
  as_conv_class *classes; /* [stride * stride] */
  float *waiting;  /* per worker [AS_CONV_BLOCK][AS_MR][32]: chains that go on in the next kernel row */
  size_t piece;    /* weight gradient: columns of k that lie side by side in a patch and are cut into tiles */
  size_t tiles;    /* of k: at most AS_MR columns of a piece each */
  size_t parts;    /* pieces that the tiles are cut into */
  size_t window;   /* chunks whose gradient is brought into panels beforehand, for all workers */
  float *gradient; /* [window][panels of c_out][AS_CHUNK][32] */
  double *total;   /* [panels of c_out][k][32] */
  float *partial;  /* [window][panels of c_out][k][32] unsummed; NULL: each part sums its own */
  bool windows;    /* patches of a chunk are copied once for all taps */
  size_t patch_floats; /* of a worker's patches */
  float *patches;      /* per worker [AS_CHUNK][32], or windows */
  float *tile;         /* per worker [AS_MR][32] */
};

/* Pixels that lie `stride` apart in a row of the windows of the weight gradient: one of its `stride` planes. */
static inline size_t as_conv_plane(const as_conv_train *c) {
  return (size_t)c->out_w + (size_t)(c->s.kw - 1) / (size_t)c->s.stride;
}
static inline size_t as_conv_panels(size_t n) {
  return (n + AS_NR - 1) / AS_NR;
}
static inline size_t as_conv_smaller(size_t a, size_t b) {
  return a < b ? a : b;
}
/* A 1x1 layer over maps without borders is one long row of pixels, whatever the images are. */
static inline bool as_conv_is_flat(const as_conv_train *c, const as_map *a, const as_map *b) {
  return c->s.kh == 1 && c->s.kw == 1 && c->s.stride == 1 && !a->border && !b->border;
}
static inline as_map as_map_flat(const as_map *m) {
  return as_map_matrix(m->data, as_map_pixels(m), (size_t)m->c);
}

#endif
