/* A transformer in training: what vit_train.c builds and vit_pass.c runs; private to models/. */
#ifndef AS_MODELS_VIT_TRAIN_INT_H
#define AS_MODELS_VIT_TRAIN_INT_H

#include "models/encoder_int.h"
#include "nn/posembed.h"
#include "tensor/base/par.h"
#include "tensor/train/conv_train.h"

#define AS_VIT_NONE ((size_t)-1)

/* Places in the store; bias AS_VIT_NONE without one. */
typedef struct as_vit_product {
  as_conv_train *conv;
  size_t weight, bias;
} as_vit_product;
typedef struct as_vit_affine {
  size_t gamma, beta;
} as_vit_affine;

typedef struct as_vit_block {
  as_vit_affine norm1, norm2;
  as_vit_product qkv, proj, fc1, fc2;
} as_vit_block;

typedef struct as_vit_encoder {
  as_encoder base;
  as_vit_cfg vit;
  int grid, prefix, tokens;
  as_vit_product patch;
  as_vit_affine norm;
  size_t cls, pos; /* places in the store; cls AS_VIT_NONE without one */
  as_vit_block *blocks;
  as_posembed resize; /* used where the stored grid is another */
  bool resized;
  float *first;     /* [dim] class token with its position, after pack */
  float *positions; /* [grid^2, dim] of the patches, after pack */
  float *dstored;   /* [stored grid^2, dim] */
  float *dweight;   /* as many floats as the largest weight */
  float *sum;       /* a row of the widest sum */
  float *scratch;   /* of sums over rows */
  as_team team;     /* attention */
} as_vit_encoder;

/* Those functions of as_encoder_ops that work on a pass. */
as_status as_vit_pass_create(as_encoder_pass **out, as_encoder *base, bool backward, as_err *err);
void as_vit_pass_destroy(as_encoder_pass *base);
void as_vit_pass_resize(as_encoder_pass *base);
void as_vit_pass_forward(as_encoder_pass *base, bool running);
void as_vit_pass_backward(as_encoder_pass *base, const as_map *dfeatures);

static inline const float *as_vit_value(const as_vit_encoder *e, size_t at) {
  return at == AS_VIT_NONE ? NULL : as_store_value(e->base.store, at);
}
static inline size_t as_vit_wide(const as_vit_cfg *c) { /* channels of the widest rows */
  return (size_t)(3 * c->dim > c->mlp ? 3 * c->dim : c->mlp);
}

#endif
