/* ResNets as a list of steps over eight buffers: what resnet_plan.c makes and resnet.c runs.
 *
 *   image -> [ stem, early stages: one image at a time, buffers X Y T1 T2 ]
 *         -> [ late stages: all images of the pass, another X Y T1 T2 ] -> mean -> features
 *
 * Early maps are large and their weights small: run image by image they stay in cache. Late stages have
 * the weights (layer4 of a ResNet-50: 60 MB), which a pass reads once instead of once per image. Where
 * the line is drawn changes no bit.
 *
 * A block reads X and leaves its result in X: identity blocks add in place; the others build the
 * shortcut in Y, add there, and the two names swap. Names and order of the tensors are torchvision's
 * (torchvision/models/resnet.py), ResNet-D's are timm's (timm/models/resnet.py). */
#ifndef AS_MODELS_RESNET_INT_H
#define AS_MODELS_RESNET_INT_H

#include "models/model_int.h"
#include "nn/convbn.h"
#include "nn/skmix.h"
#include "tensor/pool.h"

enum {
  AS_BUF_X,
  AS_BUF_Y,
  AS_BUF_T1,
  AS_BUF_T2,
  AS_RESNET_SEG_BUFS, /* buffers of one segment; ids AS_RESNET_SEG_BUFS.. belong to the late one */
  AS_BUF_IMAGE = 2 * AS_RESNET_SEG_BUFS, /* aligned copy of the input */
  AS_BUF_NONE = -1,
  AS_RESNET_NAME_BYTES = 40
};

typedef enum as_step_kind {
  AS_STEP_CONV,
  AS_STEP_MAXPOOL,
  AS_STEP_AVGPOOL,
  AS_STEP_AVGPOOL_SAME,
  AS_STEP_MIX
} as_step_kind;

typedef struct as_map_size {
  int h, w, c;
} as_map_size;

typedef struct as_step {
  as_step_kind kind;
  size_t conv; /* index into convs, or into mixes */
  as_pool_shape pool;
  int in, res, out; /* buffer ids */
  as_map_size from, to;
  char name[AS_RESNET_NAME_BYTES];
} as_step;

typedef struct as_resnet {
  as_net base;
  as_resnet_cfg cfg;
  int size, dim;
  as_convbn *convs;
  size_t n_convs, cap_convs;
  as_skmix *mixes; /* selective kernels, one per block */
  size_t n_mixes, cap_mixes;
  as_step *steps;
  size_t n_steps, cap_steps;
  size_t split;                          /* steps before it run image by image */
  as_map_size last;                      /* the map that is averaged */
  size_t floats[2 * AS_RESNET_SEG_BUFS]; /* of one image in each buffer */
} as_resnet;

/* The list of steps and the tensors of a configuration, which its keys may contradict (AS_E_USAGE). */
as_status as_resnet_build(as_resnet **out, const as_resnet_cfg *cfg, int size, as_params *params,
                          as_err *err);
void as_resnet_destroy(as_resnet *net);

#endif
