/* A backbone in training: the same description as model.h (the same string, the same tensor names), run so that it can
 * be run backwards.
 *
 *   create   declares the tensors in a store (or finds them there: a second size, for small crops, shares them)
 *   pass     memory for one forward of up to n images with what its backward needs; a method makes as many as it has
 *            forwards before the first backward
 *   pack     once a step, after the optimiser
 *   forward  images -> features, BatchNorm with the statistics of this very batch
 *   backward the features' gradient -> the store's gradients, which it adds to
 *
 * Forward is by NUMERICS rule 2 alone, sums over samples by T2; what a trained store gives in model.h, where BatchNorm
 * is folded, agrees with an evaluation of this one to rounding. */
#ifndef AS_MODELS_ENCODER_H
#define AS_MODELS_ENCODER_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/train/store.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"
#include "tensor/train/map.h"

typedef struct as_encoder as_encoder;
typedef struct as_encoder_pass as_encoder_pass;

typedef struct as_encoder_cfg {
  const char *arch; /* as as_model_create */
  int size;         /* side of the square input, 0 = the architecture's own */
  int images;       /* most images of one pass */
  bool
      zero_gain; /* the BatchNorm that closes a residual branch starts at 0, where the method's authors have it so */
} as_encoder_cfg;

/* Tensors are those of as_model_specs, without num_batches_tracked; they start as torchvision's ResNets and DINO's
 * ViTs do. AS_E_USAGE: an architecture that cannot be trained here (selective kernels; of transformers: registers,
 * LayerScale, SwiGLU, features other than `cls` and `mean`, norms other than `final`). */
as_status as_encoder_create(as_encoder **out, const as_encoder_cfg *cfg, as_store *store, as_err *err);
/* Appends the architecture with which networks of several sizes share their tensors and in which the trained one is to be
 * loaded. A transformer's position embedding has one row a patch: `arch` that leaves its grid to the size of the input
 * (posgrid=0) gets that of `size`, and resize=scale, where it says neither. A ResNet's is `arch` itself. */
as_status as_encoder_arch(const char *arch, int size, as_str *out, as_err *err);
/* The largest side up to `most` pixels that the architecture takes: a transformer's is a multiple of its patch. */
int as_encoder_side(const char *arch, int most);
void as_encoder_destroy(as_encoder **encoder);
int as_encoder_dim(const as_encoder *e); /* of a feature row */

/* Takes the store's values; `reverse`: also what backward needs. */
void as_encoder_pack(as_encoder *e, bool reverse);

/* backward: false saves the memory of gradients (teachers, evaluation). */
as_status as_encoder_pass_create(as_encoder_pass **out, as_encoder *e, bool backward, as_err *err);
void as_encoder_pass_destroy(as_encoder_pass **pass);
/* Where the n images of the next forward go: [n, size, size, 3], normalised, inside the map's border. */
as_map *as_encoder_images(as_encoder_pass *p, int n);
int as_encoder_count(const as_encoder_pass *p); /* images of the last as_encoder_images */
/* Features of these images: a matrix [n, dim] that lives until the pass's next forward. running: BatchNorm's buffers in the
 * store take the statistics of this batch. */
const as_map *as_encoder_forward(as_encoder_pass *p, bool running);
/* The map whose mean the features of the last forward are: [n, h, w, dim], until the pass's next forward; before it, with the
 * sizes alone. NULL: a transformer. */
const as_map *as_encoder_last_map(const as_encoder_pass *p);
/* Adds to the store's gradients. dfeatures: [n, dim]; not changed. */
void as_encoder_backward(as_encoder_pass *p, const as_map *dfeatures);

#endif
