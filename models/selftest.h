/* The proof of NUMERICS in one call: a small ResNet and a small ViT with seeded weights, fixed images,
 * one SHA-256 over all features. Between them they pass through every driver of tensor/: each
 * convolution algorithm, tails of every tile, pooling, attention, LayerNorm, GELU. */
#ifndef AS_MODELS_SELFTEST_H
#define AS_MODELS_SELFTEST_H

#include "tensor/base/status.h"

/* Computes the hash with up to `batch` images per pass and the threads and kernels of the moment. */
as_status as_selftest(int batch, char hex[65], as_err *err);

/* What it must be, for the numerics profile in use. A change of this value is a new profile. */
const char *as_selftest_expected(void);

/* The fixed images: [n, size, size, 3], ramps and hashed noise half and half, by integer arithmetic:
 *   ((x (i + 2) + 3 y + 40 c + 60 i) mod 256 + (index * 2654435761 mod 2^32) / 2^24) / 2 = v;  (2 v - 255) / 128
 * with i, y, x, c the four indices and index the row-major one. Exact in float32. */
void as_selftest_images(int n, int size, float *out);

#endif
