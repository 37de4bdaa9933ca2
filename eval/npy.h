/* NumPy .npy files (format 1.0 to 3.0; written as 1.0, '<f4', C order) and the .tsv beside features. */
#ifndef AS_EVAL_NPY_H
#define AS_EVAL_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/file.h"
#include "tensor/base/status.h"
#include "tensor/base/view.h"

/* Reads the header and views the data in the mapped file. Refuses object and structured dtypes. */
typedef struct as_npy {
  as_file file;
  as_view view;
} as_npy;
as_status as_npy_open(as_npy *npy, const char *path, as_err *err);
void as_npy_close(as_npy *npy);

/* Writes float32 of the given shape, atomically. */
as_status as_npy_write_f32(const char *path, const float *x, const int64_t *shape, int rank, as_err *err);
/* The header alone (its length is returned; a multiple of 64), for streamed files. */
size_t as_npy_header_f32(const int64_t *shape, int rank, char buf[256]);

/* Features with their rows' labels: F.npy (or .safetensors) and F.tsv (row, name, label, status). */
typedef struct as_feature_set {
  float *x;      /* [n, d], owned */
  int *label;    /* [n], -1 = none or failed; owned */
  char **label_name; /* class name per row as the .tsv has it, owned; may be NULL */
  size_t n, d;
  size_t classes; /* 1 + highest label */
} as_feature_set;
as_status as_feature_set_read(as_feature_set *out, const char *npy_path, as_err *err);
void as_feature_set_clear(as_feature_set *f);

#endif
