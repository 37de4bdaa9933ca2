/* What a family of backbones gives to encoder.c; private to models/. */
#ifndef AS_MODELS_ENCODER_INT_H
#define AS_MODELS_ENCODER_INT_H

#include "models/arch.h"
#include "models/encoder.h"

/* Each function as encoder.h has it; `resize`: p->n images from now on. */
typedef struct as_encoder_ops {
  void (*destroy)(as_encoder *e);
  void (*pack)(as_encoder *e, bool reverse);
  as_status (*pass_create)(as_encoder_pass **out, as_encoder *e, bool backward, as_err *err);
  void (*pass_destroy)(as_encoder_pass *p);
  void (*resize)(as_encoder_pass *p);
  void (*forward)(as_encoder_pass *p, bool running);
  void (*backward)(as_encoder_pass *p, const as_map *dfeatures);
} as_encoder_ops;

/* The first members of a family's own structs. */
struct as_encoder {
  const as_encoder_ops *ops;
  as_store *store;
  as_encoder_cfg cfg; /* arch: NULL; size: never 0 */
  int dim;
};
struct as_encoder_pass {
  as_encoder *e;
  int n;
  as_map *images;
  as_map features;    /* [n, dim] */
  const as_map *last; /* what they are the mean of, or NULL */
};

as_status as_resnet_encoder_create(as_encoder **out, const as_arch *arch, const as_encoder_cfg *cfg,
                                   as_store *store, as_err *err);
as_status as_vit_encoder_create(as_encoder **out, const as_arch *arch, const as_encoder_cfg *cfg,
                                as_store *store, as_err *err);

#endif
