/* The proof of NUMERICS T1 to T6 in one call: a few steps of three methods on made views, one of them also on a transformer, one
 * SHA-256 over all trained values and running buffers. Between them they pass through every driver of tensor/train, both
 * signs of a teacher, AdamW and momentum. */
#ifndef AS_MODELS_SSL_TRAIN_SELFTEST_H
#define AS_MODELS_SSL_TRAIN_SELFTEST_H

#include "tensor/base/status.h"

/* With the threads and kernels of the moment. */
as_status as_train_selftest(char hex[65], as_err *err);
/* What it must be; a change of this value is a new profile. */
const char *as_train_selftest_expected(void);

#endif
