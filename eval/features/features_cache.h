/* Features kept across runs: a file per key, where the key says everything that the rows depend on. */
#ifndef AS_EVAL_FEATURES_FEATURES_CACHE_H
#define AS_EVAL_FEATURES_FEATURES_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/features/features.h"
#include "tensor/base/status.h"

/* DIR/KEY.features (layout: features_cache.c), checked by its SHA-256. *found is false, and out clear, where
 * there is none, it cannot be read, is damaged, or is not [n, d]: a cache is never a reason to fail. As from
 * as_features_run otherwise: failed rows are NaN and have their reason. AS_E_ENV: memory. */
as_status as_features_cache_get(as_features *out, bool *found, const char *dir, const char key[65], size_t n,
                                size_t d, as_err *err);

/* Written atomically; DIR is made. As float16 where that changes no value (rows rounded by
 * as_features_halve), else as float32. AS_E_ENV: cannot be written. */
as_status as_features_cache_put(const as_features *f, const char *dir, const char key[65], as_err *err);

/* Rounds every row to float16, as a cache of half the size holds it; a key for such rows must say so.
 * AS_E_INPUT: a value beyond 65504. */
as_status as_features_halve(as_features *f, as_err *err);

#endif
