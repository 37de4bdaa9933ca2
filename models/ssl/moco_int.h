/* The parts of MoCo that PCL has as well: the two encoders, keys in shuffled groups, the queue, InfoNCE. Private to
 * models/ssl; the derivation stands in moco.c. */
#ifndef AS_MODELS_SSL_MOCO_INT_H
#define AS_MODELS_SSL_MOCO_INT_H

#include "models/ssl/ssl_int.h"

typedef struct as_moco {
  as_branch query, key;
  as_map images;      /* [B, size, size, 3] of the key views, before they are shuffled */
  float *pixels;      /* of images */
  float *keys;        /* [B, width] at length 1, in the images' order */
  float *queue;       /* [k, width] */
  uint64_t next;      /* row of the queue that is overwritten next */
  size_t k, d, group; /* keys in the queue, width, images of a key forward */
  uint32_t *order;    /* [B] */
  float *logits, *dq; /* [B, 1 + k], [B, width] */
  void *scratch;
} as_moco;

/* What both have among their parameters; keys: the queue's length in the authors' code. */
#define AS_MOCO_PARAMS(tau, keys)                                                                     \
  {"temperature", tau, "tau", "0.2"}, {"width", 128, "of the projections", "128"},                    \
      {"queue", 1024, "keys of earlier batches", keys},                                               \
      {"group", 32, "images that share BatchNorm's statistics among the keys", "32 (256 on 8 GPUs)"}, \
      {"head-bn", 1, "1: BatchNorm in the head's hidden layer", "0; MoCo v3's head has it"}, {        \
    "ema", 0.97, "momentum of the key encoder", "0.999"                                               \
  }

/* Builds it in zeroed memory, with the views: 0 the query's, 1 the key's. AS_E_USAGE: a batch that is not whole groups, a
 * queue that is not whole batches. */
as_status as_moco_create(as_moco *m, as_ssl *s, as_err *err);
void as_moco_clear(as_moco *m);
/* The key encoder follows, then the keys of view 1; gives the queries of view 0, [B, width] at length 1. */
const as_map *as_moco_forward(as_moco *m, as_ssl *s);
/* The loss; its gradient with respect to q into m->dq. */
double as_moco_infonce(as_moco *m, const as_map *q, double tau);
/* The keys replace the oldest of the queue. */
void as_moco_enqueue(as_moco *m);

/* MoCo v3's: the batch's other keys are the negatives. */
typedef struct as_inbatch {
  as_mix mix;
  float *logits, *dq; /* [n, n], [n, d] */
  void *scratch;
} as_inbatch;
as_status as_inbatch_create(as_inbatch *x, int n, int d, as_err *err);
void as_inbatch_clear(as_inbatch *x);
/* 2 tau mean of -log softmax(q k^T / tau)[i][i] of n rows at length 1; its gradient with respect to q into x->dq. */
double as_inbatch_loss(as_inbatch *x, const as_map *q, const as_map *k, double tau);

#endif
