/* The append-only log of computed feature rows: what a cut-off run resumes from.
 *
 *   header  "assay.rows/2\n", 64 hex digits of the key, "\n", features per row as le32
 *   record  le32 row, le32 kind (0 = features, 1 = failed, 2 = features and a remark), le32 bytes, payload, le32 CRC-32 of all before
 *
 * Rows come in order. Opening reads whole records up to the first that is cut short or damaged and
 * truncates the file there, so that any moment of a kill leaves a usable log. */
#ifndef AS_EVAL_FEATURES_ROWLOG_H
#define AS_EVAL_FEATURES_ROWLOG_H

#include <stddef.h>
#include <stdio.h>

#include "tensor/base/status.h"

typedef struct as_rowlog {
  FILE *f;
  size_t next; /* row that comes next */
  size_t d;
  int error; /* errno of the first failed write */
} as_rowlog;

/* Called for every row found: x is NULL for a failed one; `why` is its reason, or a remark on another row, or
 * NULL. Both borrowed for the call. */
typedef void (*as_rowlog_fn)(void *ctx, size_t row, const float *x, const char *why);

/* A log with another key or width is started anew. At most n rows are taken. */
as_status as_rowlog_open(as_rowlog *log, const char *path, const char key[65], size_t d, size_t n,
                         as_rowlog_fn found, void *ctx, as_err *err);
/* The rows of a finished log, at most n of them, without touching it. *rows gets how many are whole.
 * AS_E_INPUT: no log, or another key or width. */
as_status as_rowlog_read(const char *path, const char key[65], size_t d, size_t n, as_rowlog_fn found,
                         void *ctx, size_t *rows, as_err *err);
/* The next row; x and why as above. */
void as_rowlog_put(as_rowlog *log, const float *x, const char *why);
/* Hands what was put to the system; with `durable` also to the disk. AS_E_ENV: a write failed. */
as_status as_rowlog_flush(as_rowlog *log, int durable, as_err *err);
void as_rowlog_close(as_rowlog *log);

#endif
