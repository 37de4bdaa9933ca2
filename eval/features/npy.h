/* NumPy .npy files (format 1.0 to 3.0; written as 1.0, '<f4', C order). */
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

#endif
