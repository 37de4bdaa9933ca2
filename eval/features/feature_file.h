/* Features to a file row by row, in constant memory. */
#ifndef AS_EVAL_FEATURES_FEATURE_FILE_H
#define AS_EVAL_FEATURES_FEATURE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/features/features.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/status.h"

typedef struct as_feature_file {
  as_out out;
  as_sha256 sum;
  size_t n, d, rows;
  bool half;
  uint8_t *buf; /* one row, owned */
  float *wide;  /* the same as float32, owned */
} as_feature_file;

/* PATH (.npy, or .safetensors with the tensor "features") of [n, d] float32, or float16 with `half`. Nothing
 * stands at PATH before as_feature_file_close. AS_E_USAGE: another suffix; AS_E_ENV: cannot be written. */
as_status as_feature_file_open(as_feature_file *f, const char *path, size_t n, size_t d, bool half,
                               as_err *err);
/* The next row; x is NULL for a failed one, which is NaN in the file. Fits as_features_opts.row with the file
 * as its ctx. AS_E_INPUT: a value that float16 cannot hold. */
as_status as_feature_file_row(void *file, const float *x, as_err *err);
/* hex: SHA-256 of the rows as float32, as as_features_sha256 has it, or NULL. Always releases. */
as_status as_feature_file_close(as_feature_file *f, char hex[65], as_err *err);
void as_feature_file_abort(as_feature_file *f); /* zeroed or closed is fine */

/* STEM.tsv beside it: row, name, label, class (its name), status; and a remark, when damage of any image was forgiven. */
as_status as_feature_file_tsv(const as_features *f, const as_dataset *ds, const char *path, as_err *err);

#endif
