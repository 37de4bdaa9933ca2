/* The small networks behind a backbone: projectors, predictors, prototype layers, as a list of layers.
 *
 * Names are torch.nn.Sequential's: layer i of the list is PREFIX.i (PREFIX.0.weight). Several forwards may come before
 * the first backward: each has a pass of its own. */
#ifndef AS_NN_TRAIN_HEAD_TRAIN_H
#define AS_NN_TRAIN_HEAD_TRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/train/store.h"
#include "tensor/base/status.h"
#include "tensor/train/map.h"

typedef enum as_head_kind {
  AS_HEAD_LINEAR, /* width outputs, bias by wish; torch's start, or `start` */
  AS_HEAD_BN,     /* over the rows of the batch; gain and offset by wish */
  AS_HEAD_RELU,
  AS_HEAD_GELU,
  AS_HEAD_L2, /* rows to length 1 */
  AS_HEAD_COSINE /* width outputs without bias whose weight rows are taken at length 1 (DINO's last layer, gain frozen) */
} as_head_kind;

typedef struct as_head_layer {
  as_head_kind kind;
  int width;         /* linear, cosine */
  bool bias;         /* linear */
  bool gain, offset; /* BN: trained; else 1 and 0 */
  double
      truncated; /* linear, cosine: > 0: weights start truncated normal with this deviation and biases at 0 */
} as_head_layer;

typedef struct as_head as_head;
typedef struct as_head_pass as_head_pass;

/* Rows of n_in floats, at most `rows` of them in a pass. Declares the tensors, or finds them in the store. */
as_status as_head_create(as_head **out, const char *prefix, int n_in, const as_head_layer *layers,
                         size_t n_layers, size_t rows, as_store *store, as_err *err);
void as_head_destroy(as_head **head);

void as_head_pack(as_head *h, bool reverse);

as_status as_head_pass_create(as_head_pass **out, as_head *h, bool backward, as_err *err);
void as_head_pass_destroy(as_head_pass **pass);
/* in: a matrix [rows, n_in], which must live until the backward. Gives [rows, width], until the next forward. */
const as_map *as_head_forward(as_head_pass *p, const as_map *in, bool running);
/* dout [rows, width] is changed. Adds to the store's gradients; din [rows, n_in], or NULL where nobody wants it. */
void as_head_backward(as_head_pass *p, const as_map *dout, const as_map *din);

#endif
