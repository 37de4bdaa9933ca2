/* The parts of a pre-training; private to eval/pretrain. */
#ifndef AS_EVAL_PRETRAIN_PRETRAIN_INT_H
#define AS_EVAL_PRETRAIN_PRETRAIN_INT_H

#include <stdint.h>

#include "data/augment/augment.h"
#include "data/image/image.h"
#include "data/image/preset.h"
#include "eval/pretrain/pretrain.h"
#include "eval/pretrain/training.h"
#include "tensor/base/text.h"

/* ---- images: decoded once and kept while they fit, else decoded again ---- */

typedef struct as_gallery {
  const as_dataset *data;
  int lenient;
  size_t n;        /* usable images */
  uint32_t *item;  /* [n] their places in the data set */
  int *label;      /* [n] their classes, -1 without one */
  as_image *image; /* [n] decoded; rgb NULL where there was no room left */
  size_t failed;
  char list_sha256[65];   /* of images.tsv */
  char labels_sha256[65]; /* of their classes, a decimal line each */
  as_str list;            /* images.tsv */
} as_gallery;
as_status as_gallery_open(as_gallery *g, const as_dataset *data, bool lenient, const as_watch *watch,
                          as_err *err);
void as_gallery_close(as_gallery *g);
/* Image i; *owned: free it with as_image_clear afterwards. */
as_status as_gallery_get(const as_gallery *g, size_t i, as_image *im, bool *owned, as_err *err);

/* ---- the monitor ---- */

typedef struct as_monitor as_monitor;
/* Looks at the first `images` of a seeded order. preset: of evaluation. */
as_status as_monitor_create(as_monitor **out, const as_gallery *g, const char *arch, const as_preset *preset,
                            size_t images, as_err *err);
void as_monitor_destroy(as_monitor **m);
as_status as_monitor_look(as_monitor *m, const as_store *backbone, as_pretrain_epoch *e, as_err *err);

/* ---- files ---- */

/* A line that says everything the bytes of the checkpoint depend on. */
as_status as_pretrain_identity(as_str *out, const as_pretrain_opts *o, const as_ssl *ssl, const as_gallery *g,
                               const char *preset, as_err *err);
as_status as_pretrain_save_state(const char *path, as_ssl *ssl, const char *identity, const as_str *log,
                                 as_err *err);
/* *found: false where there is none. log gets its lines. AS_E_INPUT: damaged, or of another training. */
as_status as_pretrain_load_state(const char *path, as_ssl *ssl, const char *identity, as_str *log,
                                 bool *found, as_err *err);
as_status as_pretrain_save_checkpoint(const char *path, const as_pretrain_opts *o, const as_ssl *ssl,
                                      const as_gallery *g, const char *preset, const char *identity,
                                      as_err *err);
/* curves.svg: loss, k-NN, rank and rate over the epochs of log.tsv. */
as_status as_pretrain_save_curves(const char *path, const char *title, const as_str *log, as_err *err);
/* A checkpoint with that identity stands at path. */
bool as_pretrain_is_complete(const char *path, const char *identity);

/* ---- a method from words, without its images ---- */

typedef struct as_training_method {
  as_ssl *ssl;
  as_ssl_opts opts;      /* of ssl */
  size_t images, epochs; /* of the training itself */
  char *values;          /* opts points into it */
  int *label;
} as_training_method;
/* Ready for a first step; on at most so many batches of images and for so many epochs (0: as the words say). Clear it in
 * failure, too. AS_E_USAGE, AS_E_INPUT as as_training_try. */
as_status as_training_method_make(as_training_method *m, const as_training *t, size_t batches, size_t epochs,
                                  as_err *err);
void as_training_method_clear(as_training_method *m);

/* ---- drawn worlds ---- */

/* The words of a world ("world:...") with nothing left out. */
as_status as_training_world(as_str *said, const char *words, as_err *err);
/* How many of its images the selection leaves (dataset.h: per class, limit, shard), without drawing them. */
as_status as_training_world_images(size_t *n, const as_dataset_opts *data, as_err *err);
/* About how long its drawing takes on this machine, from a few pictures, which takes a tenth of a second or two. */
as_status as_training_draw_cost(double *seconds, const char *words, as_err *err);
/* Draws it into dir unless it is there; DIR/drawn, written last, says which one it is. *train: where its training images
 * are, owned. */
as_status as_training_draw(const char *dir, const char *words, char **train, as_err *err);

#endif
