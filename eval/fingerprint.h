/* One hash for a dataset: which images, in which order, with which bytes and labels. */
#ifndef AS_EVAL_FINGERPRINT_H
#define AS_EVAL_FINGERPRINT_H

#include "data/dataset.h"
#include "eval/watch.h"
#include "tensor/base/status.h"

/* images: SHA-256 over, per image in order, its name, a NUL and the SHA-256 of its bytes (64 zero
 * digits where it cannot be read). labels: over, per image, its label or label set as text, and the
 * class names. Reads every byte of the dataset once, in parallel. */
as_status as_fingerprint(const as_dataset *ds, const as_watch *watch, char images[65], char labels[65],
                         as_err *err);

#endif
