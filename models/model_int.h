/* What the families give to model.c; private to models/. */
#ifndef AS_MODELS_MODEL_INT_H
#define AS_MODELS_MODEL_INT_H

#include "models/arch.h"
#include "models/model.h"
#include "nn/params.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/tensor.h"

typedef struct as_net_ops as_net_ops;
/* A network of either family: the first member of the family's own struct. */
typedef struct as_net {
  const as_net_ops *ops;
} as_net;

/* Where a family reports a layer's output. fn NULL: off. The callback's array is made in `buf`. */
typedef struct as_tracer {
  as_trace_fn fn;
  void *ctx;
  float *buf; /* as many floats as the largest activation of one image */
} as_tracer;

/* The buffers of one pass through a network; each family gives the slots its own meaning. Passes with
 * buffers of their own may run at the same time. */
enum { AS_PASS_BUFFERS = 10 };
typedef struct as_pass {
  float *buf[AS_PASS_BUFFERS];
  as_team team;
} as_pass;

struct as_net_ops {
  void (*destroy)(as_net *net);
  as_status (*load)(as_net *net, const as_params *params, const as_view *views, as_err *err);
  /* Takes the buffers of a pass over up to `batch` images, and scratch for the threads of pass->team. */
  void (*layout)(const as_net *net, int batch, as_arena *arena, as_pass *pass);
  /* images as as_model_forward; n <= the batch of the layout. */
  void (*forward)(const as_net *net, const as_pass *pass, const float *images, int n, float *features,
                  const as_tracer *trace);
  int (*embed_dim)(const as_net *net);
  double (*flop)(const as_net *net);
  size_t (*packed_bytes)(const as_net *net);
  size_t (*trace_floats)(const as_net *net);
  const char *head;
};

as_status as_resnet_create(as_net **out, const as_resnet_cfg *cfg, int size, as_params *params, as_err *err);
as_status as_vit_create(as_net **out, const as_vit_cfg *cfg, int size, as_params *params, as_err *err);

void as_trace_tensor(const as_tracer *trace, const char *layer, const as_tensor *t);

#endif
