/* Which input is it that changed? The record holds one hash per set and per checkpoint; beside it, in
 * prints/, stand the hashes of what they are made of:
 *
 *   dataset-NAME.tsv  name, sha256 of the bytes, label (several: comma-joined; none: empty), sha256 of the decoded
 *                     pixels (zeros: not asked for, or it cannot be decoded), per image
 *   model-NAME.tsv    tensor, dtype, shape, sha256 of the elements in row-major order, per tensor
 *   head-NAME.tsv     the same of a head's file
 *
 * Each file is a header line and one tab-separated line per thing, in the order of the input. */
#ifndef AS_EVAL_RUN_PRINTS_H
#define AS_EVAL_RUN_PRINTS_H

#include "data/sets/dataset.h"
#include "data/sets/twins.h"
#include "tensor/base/status.h"
#include "tensor/base/watch.h"
#include "weights/containers/state.h"

/* Columns of dataset-NAME.tsv. */
enum { AS_PRINT_NAME, AS_PRINT_SHA, AS_PRINT_LABEL, AS_PRINT_PIXELS };

/* The prints of all images of a set into out[as_dataset_count]: reads every byte once, in parallel, and with `pixels`
 * decodes every image, but those that the table `older` (a dataset-NAME.tsv of another run, or NULL) knows with the same
 * bytes. AS_E_STOPPED: the watch said so. */
as_status as_prints_images(as_image_print *out, const as_dataset *ds, bool pixels, const char *older,
                           const as_watch *watch, const char *what, as_err *err);

/* One hash for a set: which images, in which order, with which bytes and labels.
 * images: SHA-256 over, per image in order, its name, a NUL and the SHA-256 of its bytes (64 zero
 * digits where it cannot be read). labels: over, per image, its label or label set as text, and the
 * class names. The lines go to `path`, atomically. */
as_status as_prints_set(const as_dataset *ds, const as_image_print *print, const char *path, char images[65],
                        char labels[65], as_err *err);

/* The tensors of a checkpoint, as its file names them. */
as_status as_prints_tensors(const as_state *s, const char *path, as_err *err);

/* SHA-256 of a whole file; "" when path is NULL or no regular file (a built-in name, a folder). */
as_status as_file_sha256(const char *path, char hex[65], as_err *err);

#endif
