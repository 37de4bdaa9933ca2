/* NumPy .npy files (format 1.0 to 3.0; written as 1.0, '<f4', C order) and the .tsv beside features. */
#ifndef AS_EVAL_FEATURES_NPY_H
#define AS_EVAL_FEATURES_NPY_H

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
/* AS_E_INPUT: missing file, not .npy, a header that is not exactly the dict NumPy writes, a dtype that
 * is no plain number, a shape that does not match the bytes that follow (none may be left over). */
as_status as_npy_open(as_npy *npy, const char *path, as_err *err);
void as_npy_close(as_npy *npy); /* zeroed or closed twice is fine */
/* The same over untrusted bytes that outlive the view; `label` stands for the path. */
as_status as_npy_parse(as_view *view, const void *data, size_t size, const char *label, as_err *err);

/* Writes float32 of the given shape, atomically; every NaN as 7fc00000. Rank 0 to 8. */
as_status as_npy_write_f32(const char *path, const float *x, const int64_t *shape, int rank, as_err *err);
/* The header alone (its length is returned; a multiple of 64), for streamed files. */
size_t as_npy_header(as_dtype type, const int64_t *shape, int rank, char buf[256]); /* AS_F32 or AS_F16 */

/* Features with their rows' labels: F.npy (or .safetensors) and F.tsv beside it (row, name, label,
 * status; tab-separated, one header line). A row whose status is not "ok" has label -1. Labels that are
 * all numbers are the classes; otherwise classes are the distinct names in bytewise order. */
typedef struct as_feature_set {
  const float *x;    /* [n, d]; the rows of failed images may hold NaN. Owned: in the mapped file where that
                        holds just these floats (.npy, '<f4', C order), else in memory */
  float *wide;       /* private: x, where it is in memory */
  as_npy npy;        /* private: the file, where it is mapped */
  int *label;        /* [n], -1 = none or failed; owned */
  char **name;       /* [n] image names, owned */
  char **label_name; /* [n] the label as the .tsv has it, owned */
  size_t n, d;
  size_t n_failed;
  size_t classes; /* 1 + highest label */
} as_feature_set;
/* AS_E_INPUT: a file missing or damaged, not [n, d], a row listed twice or never, an "ok" row that is
 * not finite. */
as_status as_feature_set_read(as_feature_set *out, const char *npy_path, as_err *err);
void as_feature_set_clear(as_feature_set *f);
/* Gives both sets one numbering: by number when both have numbers, otherwise over the union of the
 * names. AS_E_INPUT when one has numbers and the other names. */
as_status as_feature_set_align(as_feature_set *a, as_feature_set *b, as_err *err);

#endif
