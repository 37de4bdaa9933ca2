/* The proof of NUMERICS T1 to T7 in two calls: a few steps of some methods on made views, one SHA-256 over all trained values
 * and running buffers.
 *
 *   trained     SimCLR, Barlow Twins, and DINO on both kinds of backbone: between them they pass through every driver of
 *               tensor/train, both signs of a teacher, AdamW, LARS and momentum
 *   clustered   SwAV with a queue, DeepCluster-v2, SeLa-v2: Sinkhorn, k-means, labels from a bank, LARC */
#ifndef AS_MODELS_SSL_TRAIN_SELFTEST_H
#define AS_MODELS_SSL_TRAIN_SELFTEST_H

#include "tensor/base/status.h"

typedef enum as_train_part { AS_TRAIN_BASIC, AS_TRAIN_CLUSTERING, AS_TRAIN_PARTS } as_train_part;

const char *as_train_selftest_name(as_train_part part);
/* With the threads and kernels of the moment. */
as_status as_train_selftest(as_train_part part, char hex[65], as_err *err);
/* What it must be; a change of this value is a new profile. */
const char *as_train_selftest_expected(as_train_part part);

#endif
