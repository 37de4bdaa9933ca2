/* A dataset through a backbone: one feature row per image, in the dataset's order. */
#ifndef AS_EVAL_FEATURES_FEATURES_H
#define AS_EVAL_FEATURES_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#include "data/image/preset.h"
#include "data/sets/dataset.h"
#include "models/model.h"
#include "tensor/base/status.h"
#include "tensor/base/watch.h"

typedef struct as_features {
  float *x; /* [n, d], owned; rows of failed images are NaN */
  size_t n, d;
  uint8_t *failed; /* [n], owned */
  char **why;      /* [n] one line, owned: the reason where failed; else which damage was forgiven, or NULL */
  size_t n_failed;
  size_t n_warned;   /* images whose damage was forgiven (lenient) */
  size_t n_replayed; /* rows that the log had */
} as_features;

/* Takes the rows in order; x is NULL for a failed one. Another status than AS_OK ends the run. */
typedef as_status as_features_row_fn(void *ctx, const float *x, as_err *err);

typedef struct as_features_opts {
  int batch; /* 0: as_features_batch */
  int lenient;
  const char *log;  /* file that makes the work resumable (rowlog.h), or NULL */
  const char *key;  /* 64 hex digits: what the rows depend on; used with log */
  const char *what; /* for the progress line */
  size_t from, to;  /* images from..to-1 alone (a shard); 0, 0 = all. The log's rows count from 0 */
  int replay;       /* all rows must be in the log: nothing is computed, AS_E_INPUT where any lacks */
  const as_watch *watch;
  as_features_row_fn *row; /* not with log: rows go here and `x` of the result stays NULL. NULL = kept */
  void *row_ctx;
} as_features_opts;

/* Images of a forward pass: `asked`, or AS_BATCH_DEFAULT where that is 0. It changes no result. */
#define AS_BATCH_DEFAULT "8"
int as_features_batch(int asked);

/* Plans the model for the batch and runs all images. A failed image (unreadable, damaged, features
 * not finite) keeps its row; nothing is ever put in its stead. AS_E_STOPPED: the watch said so; with
 * a log everything done so far is kept there. The rows do not depend on batch, threads or resuming. */
as_status as_features_run(as_features *out, as_model *model, const as_preset *preset, const as_dataset *ds,
                          const as_features_opts *opts, as_err *err);
void as_features_clear(as_features *f);

/* SHA-256 of rows[0..n) (NULL = all n rows in order) as little-endian float32; NaN as 7fc00000. */
void as_features_sha256(const as_features *f, const size_t *rows, size_t n, char hex[65]);

#endif
