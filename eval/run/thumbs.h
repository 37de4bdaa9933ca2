/* The images that a page shows, made small: decoded, resized to at most AS_PICTURE_SIDE, as JPEG. Integers alone, so
 * that the page has the same bytes on every machine. And what people call the classes. */
#ifndef AS_EVAL_RUN_THUMBS_H
#define AS_EVAL_RUN_THUMBS_H

#include "data/sets/dataset.h"
#include "eval/report/pictures.h"
#include "eval/run/paths.h"
#include "eval/stats/results.h"
#include "tensor/base/file.h"
#include "tensor/base/status.h"

/* Fills the pictures of set k from its open dataset, in parallel. `prints` (NULL: not asked): the table
 * dataset-NAME.tsv of when it was measured; an image that is another now is not shown. An image that cannot be read or
 * decoded has no picture. AS_E_ENV: out of memory. */
as_status as_thumbs_set(as_pictures *p, size_t k, const as_dataset *ds, const as_file *prints, as_err *err);

/* Opens the sets of the n records that `r` was read from (as_records_read), and fills all pictures. A set that is not
 * there any more is no error: p->why says it, and the log where it was looked for. roots may be NULL. */
as_status as_thumbs_records(as_pictures *p, const as_results *r, const char *const *paths, size_t n,
                            const as_roots *roots, as_err *err);

/* Titles for classes that are named by wnids; of two with one title each keeps its wnid, too. */
as_status as_title_classes(as_results *r, as_err *err);

#endif
