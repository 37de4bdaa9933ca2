/* The linear-probe protocols of the frameworks, by name: optimiser, schedule, batch, augmentation.
 * Constants are those of the authors' code or READMEs; protocol.c names each source. */
#ifndef AS_EVAL_LEARN_PROTOCOL_H
#define AS_EVAL_LEARN_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"
#include "tensor/base/text.h"

/* One step on a parameter w with gradient g (mean over the batch), velocity v, rate lr:
 *   SGD   g += wd w;  v = mu v + g;  w -= lr (nesterov ? g + mu v : v)                            torch.optim.SGD
 *   LARS  weights alone: g += wd w;  g *= trust |w| / |g|  (1 where a norm is 0);  v, w as above  MAE, MoCo v3
 *   LARC  g = (g + wd w) trust |w| / (|g| + wd |w| + 1e-8)  where neither norm is 0;  then SGD    apex, clip = False
 * |.| is over the whole weight matrix, and over the whole bias. */
typedef enum as_optimizer { AS_SGD, AS_LARS, AS_LARC } as_optimizer;

typedef enum as_schedule {
  AS_STEP,         /* lr * factor^(milestones passed), per epoch */
  AS_COSINE_EPOCH, /* lr (1 + cos(pi epoch / epochs)) / 2, the same within an epoch */
  AS_COSINE_STEP   /* the same by step; during warm-up lr * t / warm-up */
} as_schedule;

typedef enum as_head_init {
  AS_INIT_NORMAL, /* weights N(0, 0.01), bias 0 */
  AS_INIT_LECUN   /* weights N(0, 1 / sqrt(d)) cut at two deviations, bias 0 (Haiku's Linear) */
} as_head_init;

typedef struct as_protocol {
  const char *name;
  as_optimizer optimizer;
  double lr; /* of the whole batch: linear scaling is done */
  int batch, epochs;
  as_schedule schedule;
  double warmup;    /* epochs */
  int milestone[3]; /* epochs, 0 = no more */
  double factor;
  double momentum, weight_decay, trust;
  bool nesterov;
  double batch_norm; /* epsilon of a BatchNorm without affine part before the head; 0 = none */
  as_head_init init;
  bool crops;       /* trained on RandomResizedCrop + flip, by the authors */
  double scale_low; /* of the crop's area */
  bool bicubic;     /* crops are resized bicubic, else bilinear */
  const char *source;
} as_protocol;

/* NULL: no such protocol. */
const as_protocol *as_protocol_named(const char *name);
/* The protocol of the framework that a recipe belongs to ("swav", "moco-v2", "dino-r50"); NULL = none known. */
const as_protocol *as_protocol_of_recipe(const char *recipe);
size_t as_protocol_count(void);
const as_protocol *as_protocol_at(size_t i);
/* "sgd lr 0.3 batch 256, 100 epochs, cosine per epoch, momentum 0.9, weight decay 1e-06" */
void as_protocol_text(const as_protocol *p, as_str *out);
/* Rate of step `step` of `epoch`, both from 0. */
double as_protocol_lr(const as_protocol *p, int epoch, size_t step, size_t steps_per_epoch);

#endif
