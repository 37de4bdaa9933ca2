/* Pre-training: a data set, views of its images, a method; checkpoints, a log, and going on after a cut.
 *
 *   DIR/checkpoint.safetensors   the backbone; its metadata say how it came about (training.h reads them)
 *   DIR/log.tsv                  a line an epoch: loss, rate, images per second, what the monitor saw
 *   DIR/curves.svg               the same as a picture, drawn anew after each epoch
 *   DIR/images.tsv               the training images: name, SHA-256 of their bytes
 *   DIR/state                    what a resume needs; removed when the training is complete
 *
 * The same options and images give the same checkpoint bytes, with any number of threads, also after any number of
 * cuts (profile train-f32-1). */
#ifndef AS_EVAL_PRETRAIN_PRETRAIN_H
#define AS_EVAL_PRETRAIN_PRETRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "data/sets/dataset.h"
#include "models/ssl/ssl.h"
#include "tensor/base/status.h"
#include "tensor/base/watch.h"

/* The numerics of training (NUMERICS T1 to T7). */
#define AS_TRAIN_PROFILE "train-f32-1"

/* What an epoch looked like; -1 where it was not measured. */
typedef struct as_pretrain_epoch {
  size_t epoch, epochs; /* done, of all */
  double loss, rate, images_per_second;
  double spread;       /* sqrt(D) times the mean deviation of normalised features: 1 isotropic, 0 collapsed */
  double rankme;       /* effective rank of the features (Garrido et al. 2023) */
  double knn;          /* top-1 of labelled training images among the others; a fraction */
  const char *warning; /* in words, or NULL */
} as_pretrain_epoch;

typedef struct as_pretrain_opts {
  as_ssl_opts ssl; /* images is filled in from the data */
  const as_dataset *data;
  const char *dir;
  const char *
      preset; /* of evaluation, for the checkpoint; NULL: five quarters of the views' side, down to whole patches */
  const char *command;   /* for the checkpoint's metadata; NULL: none */
  const char *data_said; /* likewise: which images, as training.h says it */
  const char *images;    /* SHA-256 that images.tsv must have; NULL: any */
  bool half;             /* the checkpoint holds float16, but for BatchNorm's statistics */
  bool lenient;          /* images that cannot be read are left out and counted, instead of ending the run */
  size_t monitor;        /* images that the monitor looks at after each epoch; 0: none */
  const as_watch *watch;
  void (*epoch)(void *ctx, const as_pretrain_epoch *e); /* or NULL */
  void (*resumed)(void *ctx, size_t epoch);             /* or NULL: the state of that epoch was taken over */
  void *ctx;
} as_pretrain_opts;

typedef struct as_pretrain_result {
  size_t images, failed;
  bool was_complete; /* the checkpoint of these very options and images was there already */
} as_pretrain_result;

/* AS_E_USAGE: options that do not fit together; AS_E_INPUT: an image that cannot be read, other images than
 * opts->images, a loss that is not finite, a weight beyond float16; a state of another training in DIR; AS_E_STOPPED: the watch said so, the state is saved. */
as_status as_pretrain(const as_pretrain_opts *o, as_pretrain_result *result, as_err *err);

#endif
