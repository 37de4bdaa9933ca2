/* Self-supervised pre-training: what every method is made of, and how it is driven.
 *
 *   as_ssl_methods   the table: name, views, hyper-parameters with their defaults and sources
 *   as_ssl_create    a method over a backbone: stores, heads, memories, optimiser
 *   as_ssl_view      where the images of a view go; the caller draws and augments them
 *   as_ssl_step      forward, loss, backward, optimiser, teacher: one step
 *
 * A method never sees files or whole images: views come as [batch, side, side, 3] float32, normalised. Everything is a
 * function of the options and the views (NUMERICS rules T1 to T7). */
#ifndef AS_MODELS_SSL_SSL_H
#define AS_MODELS_SSL_SSL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/train/optim.h"
#include "nn/train/schedule.h"
#include "nn/train/store.h"
#include "tensor/base/status.h"
#include "tensor/train/map.h"

enum { AS_SSL_VIEWS = 12, AS_SSL_PARAMS = 24 };

/* A hyper-parameter: its default here, what the authors published, where that stands. */
typedef struct as_ssl_param {
  const char *name;
  double value;          /* default at the miniature's scale */
  const char *about;     /* meaning and unit */
  const char *published; /* "0.1 (README)" or "" */
} as_ssl_param;

typedef struct as_ssl as_ssl;

typedef struct as_ssl_method {
  const char *name, *title; /* "simclr", "SimCLR" */
  const char *family;       /* "contrastive", "clustering", "distillation", "redundancy", "baseline" */
  const char *about; /* sketch and equations in ASCII, and what differs from the paper here; several lines */
  const char *view[AS_SSL_VIEWS]; /* augmentation of each view in data/augment's words; NULL ends */
  const as_ssl_param
      *params; /* beyond those that all share, and those of these with a default of its own; name NULL ends */
  bool labels; /* it wants the class of every image */
  as_status (*create)(as_ssl *s, as_err *err);
  void (*destroy)(as_ssl *s);
  /* Of methods that remember something of every image: one batch of the pass before the first step, no gradients. Or NULL. */
  void (*look)(as_ssl *s, const uint32_t *image);
  /* The loss of this batch; gradients into the student's store, which the caller has zeroed. NULL: nothing is trained. */
  double (*loss)(as_ssl *s, const uint32_t *image);
  /* After the optimiser, or before the next step: teachers, queues. May be NULL. */
  void (*after)(as_ssl *s);
} as_ssl_method;

/* NULL-terminated, in the order of the README. */
extern const as_ssl_method *const as_ssl_methods[];
const as_ssl_method *as_ssl_method_named(const char *name); /* NULL: none */
/* The same; AS_E_USAGE that names the nearest and all. */
as_status as_ssl_method_find(const as_ssl_method **out, const char *name, as_err *err);
/* Parameter i of a method: its own ones, then those of all methods ("lr", "weight-decay", ...) that it does not set itself.
 * NULL: there are i of them. */
const as_ssl_param *as_ssl_param_at(const as_ssl_method *m, size_t i);
/* Has the method this parameter only since checkpoints of it were made? One that does not name it was trained with 0, and
 * where it is 0 it is not named. */
bool as_ssl_param_is_later(const as_ssl_method *m, const char *name);

typedef struct as_ssl_opts {
  const as_ssl_method *method;
  const char *arch; /* as as_model_create */
  int size;         /* side of the global views, pixels */
  int local_size;   /* side of the local ones (multi-crop); 0: half of size */
  int batch;        /* images of a step */
  size_t images;    /* in the training set */
  size_t epochs;
  uint64_t seed;
  const int *label; /* [images] their classes, for methods that want them; borrowed while the method lives */
  size_t classes;
  /* Overrides of hyper-parameters. */
  const char *name[AS_SSL_PARAMS];
  double value[AS_SSL_PARAMS];
  size_t n_values;
} as_ssl_opts;

/* A step of a method drops the incomplete last batch: steps = epochs * (images / batch). AS_E_USAGE: an unknown
 * hyper-parameter (the nearest is named) or one out of its range, a set smaller than the batch, images without a class for a method that wants
 * them, a size at which the method cannot work. */
as_status as_ssl_create(as_ssl **out, const as_ssl_opts *opts, as_err *err);
void as_ssl_destroy(as_ssl **ssl);

size_t as_ssl_per_epoch(const as_ssl *s); /* steps of an epoch */
size_t as_ssl_step_done(const as_ssl *s);
double as_ssl_value(const as_ssl *s, const char *param); /* what is used for it */
double as_ssl_rate(const as_ssl *s);                     /* learning rate of the next step */
/* How evenly the targets of the last step name the method's prototypes: the entropy of their mean over ln K, 1 where all are
 * named alike, 0 where one is (a collapse); -1: the method has no prototypes, or no step was taken. */
double as_ssl_balance(const as_ssl *s);
/* What the method itself has seen of a collapse in its last step, in words: targets that name few of its prototypes (balance
 * below 0.5), projections whose columns no longer deviate (VICReg: the mean of min(1, std) below 0.25). Features of the
 * backbone may still differ then. NULL: nothing. */
const char *as_ssl_collapse(const as_ssl *s);

/* View v of the method: a map of `batch` images to fill. */
as_map as_ssl_view(as_ssl *s, size_t v);
size_t as_ssl_views(const as_ssl *s);

/* Some methods must have seen every image once before their first step (a memory bank). Then the caller shows them all, batch
 * by batch, in any order; an image may come twice, the last time counts. Views as for a step. */
bool as_ssl_wants_look(const as_ssl *s);
void as_ssl_look(as_ssl *s, const uint32_t *image);

/* One step on the views; image [batch]: which images of the set they show. *loss by the method's own definition. */
void as_ssl_step(as_ssl *s, const uint32_t *image, double *loss);

/* The backbone that is evaluated (the student's, or the teacher's where the authors take that): tensors under the
 * names of the architecture, among others. */
const as_store *as_ssl_backbone(const as_ssl *s);
/* The architecture in which it is to be loaded: that of the options, of a transformer with the grid of its positions. */
const char *as_ssl_arch(const as_ssl *s);

/* What resume must keep, besides the options: blocks of memory in a fixed order. */
typedef struct as_ssl_block {
  void *data;
  size_t bytes, width; /* width: bytes of an element, for byte order: 4 or 8 */
} as_ssl_block;
size_t as_ssl_blocks(as_ssl *s, as_ssl_block *out, size_t max);

#endif
